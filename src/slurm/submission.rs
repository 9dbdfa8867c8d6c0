//! What `sbatch` said: a job id, a refusal, or neither.
//!
//! The third is the dangerous one. A controller that answers too late may have queued the job all the same, so
//! such a failure is never taken for a refusal: the caller has to look for the job's name in the queue.

use crate::error::{Error, ErrorKind};
use crate::slurm::JobId;

/// A job or array that Slurm has accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submitted {
    /// The id of the job or the array.
    pub job_id: JobId,
    /// The cluster, where a site has several and `sbatch` names it.
    pub cluster: Option<String>,
    /// Everything on stderr: notices of the site.
    pub stderr: String,
    /// Everything on stdout.
    pub stdout: String,
}

/// Why there is no job id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubmitError {
    /// Slurm said no: the same request will be refused again.
    Refused(Error),
    /// The job may exist.
    Ambiguous(Error),
    /// Slurm could not be asked; no job exists.
    Unavailable(Error),
}

impl SubmitError {
    /// The failure as it is shown.
    pub fn error(&self) -> &Error {
        match self {
            SubmitError::Refused(error) | SubmitError::Ambiguous(error) | SubmitError::Unavailable(error) => {
                error
            }
        }
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Error {
        match error {
            SubmitError::Refused(error) | SubmitError::Ambiguous(error) | SubmitError::Unavailable(error) => {
                error
            }
        }
    }
}

const AMBIGUOUS: &[&str] = &[
    "Socket timed out",
    "Zero Bytes were transmitted",
    "receive failure",
    "Connection reset",
    "Transport endpoint is not connected",
    "Unexpected message received",
];

/// Words of failures that come before anything is sent, with what to do about them.
const UNAVAILABLE: &[(&str, &str)] = &[
    ("connect failure", "Slurm's controller does not answer: wait, and look at `scontrol ping`"),
    (
        "authentication error",
        "munge does not run here, or not with the cluster's key: ask the site's support",
    ),
    ("Munge", "munge does not run here, or not with the cluster's key: ask the site's support"),
    ("configuration source", "this machine does not know the cluster: set SLURM_CONF, or use a login node"),
    ("Rate limit exceeded", "Slurm limits how often it is asked: wait a minute"),
];

/// Slurm's refusals, the specific before the general, with what to change.
const REFUSALS: &[(&str, &str)] = &[
    ("nvalid partition", "set slurm.partition to one that `sinfo` lists"),
    (
        "No partition specified",
        "the site has no default partition: set slurm.partition to one that `sinfo` lists",
    ),
    ("group not permitted", "set slurm.partition to one that is open to you (`scontrol show partition`)"),
    ("partition not available", "the partition is closed: set slurm.partition to another (`sinfo`)"),
    ("account", "set slurm.account to one of yours (`sacctmgr show associations user=$USER`)"),
    ("nvalid qos", "set slurm.qos to one that your account may use"),
    ("SubmitJob", "you have as many jobs as you may: lower cluster.workers, or wait for jobs to end"),
    (
        "JobPer",
        "the request is above a limit: lower cluster.workers, cluster.cores, cluster.memory or cluster.walltime",
    ),
    (
        "accounting/QOS policy",
        "the request is above a limit of your account: lower cluster.workers, cluster.cores, cluster.memory or cluster.walltime",
    ),
    ("MaxJobCount", "Slurm's queue is full: wait"),
    ("temporarily unable to accept", "Slurm's queue is full: wait"),
    (
        "job array",
        "set slurm.submit = \"jobs\", or lower cluster.workers: the site limits arrays (MaxArraySize)",
    ),
    (
        "--mem",
        "set slurm.memory_option to the form that the site wants: \"mem\", \"mem-per-cpu\" or \"none\"",
    ),
    (
        "emory",
        "lower cluster.memory, or name a partition with larger nodes in slurm.partition (`sinfo -o '%P %m'`); sites that want memory asked for in another form are served by slurm.memory_option",
    ),
    (
        "time limit",
        "lower cluster.walltime, or name a partition with longer jobs in slurm.partition (`sinfo -o '%P %l'`)",
    ),
    ("--time", "correct cluster.walltime"),
    ("More processors", "lower cluster.cores (`sinfo -o '%P %c'`)"),
    (
        "node configuration is not available",
        "no node fits: lower cluster.cores or cluster.memory, or change slurm.constraint",
    ),
    ("feature", "correct slurm.constraint (`sinfo -o '%f'` lists what nodes have)"),
    ("eservation", "correct slurm.reservation (`scontrol show reservation`)"),
    ("gres", "correct the --gres in slurm.directives (`sinfo -o '%P %G'`)"),
    ("icense", "correct the --licenses in slurm.directives (`scontrol show licenses`)"),
    ("unrecognized option", "correct slurm.directives: this sbatch does not know the option"),
    ("submissions disabled", "the site takes no jobs now: wait, and look at the site's notices"),
    (
        "permission denied",
        "the site does not let you submit this from here: try a login node, or ask the site's support",
    ),
];

/// Reads the end of one `sbatch --parsable`; `code` is none where a signal ended it.
pub(crate) fn judge(
    code: Option<i32>,
    stdout: &str,
    stderr: &str,
) -> std::result::Result<Submitted, SubmitError> {
    let job = parse_parsable(stdout);
    match (code, job) {
        (Some(0), Some((job_id, cluster))) => {
            Ok(Submitted { job_id, cluster, stderr: stderr.to_owned(), stdout: stdout.to_owned() })
        }
        (Some(0), None) => Err(SubmitError::Ambiguous(
            failure("sbatch succeeded without a job id", &format!("{stdout}\n{stderr}"))
                .hint("a wrapper of the site may hide sbatch's output: put the real sbatch first on PATH"),
        )),
        (None, _) => Err(ambiguous("sbatch was killed", stderr)),
        (Some(_), Some(_)) => Err(ambiguous("sbatch failed after it printed a job id", stderr)),
        (Some(_), None) => Err(judge_failure(stderr)),
    }
}

/// The last line that is `JOBID` or `JOBID;CLUSTER`; sites' wrappers print lines of their own before it.
fn parse_parsable(stdout: &str) -> Option<(JobId, Option<String>)> {
    let parse = |line: &str| {
        let (id, cluster) = match line.trim().split_once(';') {
            Some((id, cluster)) => (id, Some(cluster.to_owned())),
            None => (line.trim(), None),
        };
        let well_formed =
            cluster.as_ref().is_none_or(|name| !name.is_empty() && !name.contains(char::is_whitespace));
        id.parse::<JobId>().ok().filter(|id| id.0 > 0 && well_formed).map(|id| (id, cluster))
    };
    stdout.lines().rev().find_map(parse)
}

fn judge_failure(stderr: &str) -> SubmitError {
    if AMBIGUOUS.iter().any(|text| stderr.contains(text)) {
        return ambiguous("Slurm's controller did not answer in time", stderr);
    }
    if let Some((_, hint)) = UNAVAILABLE.iter().find(|(text, _)| stderr.contains(text)) {
        return SubmitError::Unavailable(failure("Slurm could not be asked", stderr).hint(*hint));
    }
    let error = failure("Slurm refused the job", stderr);
    SubmitError::Refused(match REFUSALS.iter().find(|(text, _)| stderr.contains(text)) {
        Some((_, hint)) => error.hint(*hint),
        None => error.hint("`squall script` prints the job script and the sbatch command to try by hand"),
    })
}

pub(crate) fn ambiguous(what: &str, stderr: &str) -> SubmitError {
    SubmitError::Ambiguous(failure(what, stderr).hint("the job may have been queued: look at `squeue --me`"))
}

/// A failure with Slurm's words, which are its cause as they stand.
pub(crate) fn failure(what: &str, words: &str) -> Error {
    let error = Error::new(ErrorKind::Slurm, what);
    if words.trim().is_empty() { error.cause("it printed nothing") } else { error.cause(words.trim()) }
}
