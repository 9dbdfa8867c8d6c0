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
    /// A limit on jobs has been reached: fewer may be accepted, and the same request later.
    Limited(Error),
    /// Slurm takes no request of this user just now, whatever it is: the same one later.
    Later(Error),
    /// The job may exist.
    Ambiguous(Error),
    /// Slurm could not be asked; no job exists.
    Unavailable(Error),
}

impl SubmitError {
    /// The failure as it is shown.
    pub fn error(&self) -> &Error {
        match self {
            SubmitError::Refused(error)
            | SubmitError::Limited(error)
            | SubmitError::Later(error)
            | SubmitError::Ambiguous(error)
            | SubmitError::Unavailable(error) => error,
        }
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Error {
        match error {
            SubmitError::Refused(error)
            | SubmitError::Limited(error)
            | SubmitError::Later(error)
            | SubmitError::Ambiguous(error)
            | SubmitError::Unavailable(error) => error,
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
];

/// How Slurm says that it is asked too often (`rl_enable`): a refusal of any request, however small.
const TOO_OFTEN: [&str; 2] = ["ate limit exceeded", "Too many RPC"];

/// Refusals for the number of jobs that are there already.
const LIMITS: &[&str] = &["SubmitJob", "MaxJobCount", "temporarily unable to accept", "queue full"];

/// Slurm's refusals, the specific before the general, with what to change.
const REFUSALS: &[(&str, &str)] = &[
    ("nvalid partition", "set slurm.partition to one that `sinfo` lists"),
    (
        "No partition specified",
        "the site has no default partition: set slurm.partition to one that `sinfo` lists",
    ),
    ("group not permitted", "set slurm.partition to one that is open to you (`scontrol show partition`)"),
    ("partition not available", "the partition is closed: set slurm.partition to another (`sinfo`)"),
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
    ("account", "set slurm.account to one of yours (`sacctmgr show associations user=$USER`)"),
    ("allocations", "set slurm.account to one of those that Slurm names"),
    ("MaxJobCount", "Slurm's queue is full: wait"),
    ("temporarily unable to accept", "Slurm's queue is full: wait"),
    ("queue full", "Slurm's queue is full: wait"),
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
pub fn judge(code: Option<i32>, stdout: &str, stderr: &str) -> std::result::Result<Submitted, SubmitError> {
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

/// What a failure of `sbatch` is, by its words.
pub(crate) fn judge_failure(stderr: &str) -> SubmitError {
    if AMBIGUOUS.iter().any(|text| stderr.contains(text)) {
        return ambiguous("Slurm's controller did not answer in time", stderr);
    }
    if TOO_OFTEN.iter().any(|text| stderr.contains(text)) {
        let error = failure("Slurm takes no more requests just now", stderr);
        return SubmitError::Later(error.hint("Slurm limits how often it is asked: wait a minute"));
    }
    if let Some((_, hint)) = UNAVAILABLE.iter().find(|(text, _)| stderr.contains(text)) {
        return SubmitError::Unavailable(failure("Slurm could not be asked", stderr).hint(*hint));
    }
    let error = failure("Slurm refused the job", stderr);
    let error = match REFUSALS.iter().find(|(text, _)| stderr.contains(text)) {
        Some((_, hint)) => error.hint(*hint),
        None => error.hint("`squall script` prints the job script and the sbatch command to try by hand"),
    };
    if LIMITS.iter().any(|text| stderr.contains(text)) {
        SubmitError::Limited(error)
    } else {
        SubmitError::Refused(error)
    }
}

/// An `sbatch --test-only` that says nothing of a start.
pub(crate) fn unreadable(stderr: &str) -> SubmitError {
    SubmitError::Unavailable(failure("sbatch says nothing of a start", stderr))
}

pub(crate) fn ambiguous(what: &str, stderr: &str) -> SubmitError {
    SubmitError::Ambiguous(failure(what, stderr).hint("the job may have been queued: look at `squeue --me`"))
}

/// A failure with Slurm's words, which are its cause as they stand.
pub(crate) fn failure(what: &str, words: &str) -> Error {
    let error = Error::new(ErrorKind::Slurm, what);
    if words.trim().is_empty() { error.cause("it printed nothing") } else { error.cause(words.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: Option<i32>, stdout: &str, stderr: &str) -> &'static str {
        match judge(code, stdout, stderr) {
            Ok(_) => "submitted",
            Err(SubmitError::Refused(_)) => "refused",
            Err(SubmitError::Limited(_)) => "limited",
            Err(SubmitError::Later(_)) => "later",
            Err(SubmitError::Ambiguous(_)) => "ambiguous",
            Err(SubmitError::Unavailable(_)) => "unavailable",
        }
    }

    #[test]
    fn job_id_and_cluster_are_read_from_stdout_alone() {
        let submitted = judge(Some(0), "57;graham\n", "sbatch: you are charged for 58\n").unwrap();
        assert_eq!((submitted.job_id, submitted.cluster.as_deref()), (JobId(57), Some("graham")));
        let submitted = judge(Some(0), "NOTE: 3 jobs left\n57\n", "").unwrap();
        assert_eq!((submitted.job_id, submitted.cluster), (JobId(57), None));
    }

    #[test]
    fn success_without_a_readable_id_may_be_a_job() {
        for stdout in ["", "0", "Submitted batch job 57", "57;", "-5", "57; a b"] {
            assert_eq!(kind(Some(0), stdout, ""), "ambiguous", "{stdout}");
        }
        assert_eq!(kind(None, "", ""), "ambiguous");
        assert_eq!(kind(Some(1), "57\n", "sbatch: error: interrupted"), "ambiguous");
    }

    #[test]
    fn late_answers_of_the_controller_are_ambiguous_and_missing_ones_are_not() {
        for (text, expected) in [
            ("Socket timed out on send/recv operation", "ambiguous"),
            ("Unable to contact slurm controller (receive failure)", "ambiguous"),
            ("Zero Bytes were transmitted or received", "ambiguous"),
            ("Message receive failure", "ambiguous"),
            ("Unable to contact slurm controller (connect failure)", "unavailable"),
            ("Protocol authentication error", "unavailable"),
            ("Invalid partition name specified", "refused"),
            ("QOSMaxSubmitJobPerUserLimit", "limited"),
            ("MaxJobCount limit reached", "limited"),
            ("Rate limit exceeded, please retry momentarily", "later"),
            ("some words of the site", "refused"),
        ] {
            let stderr = format!("sbatch: error: Batch job submission failed: {text}\n");
            assert_eq!(kind(Some(1), "", &stderr), expected, "{text}");
        }
    }

    #[test]
    fn timeout_followed_by_a_connect_failure_stays_ambiguous() {
        let stderr = "sbatch: error: Socket timed out on send/recv operation\nsbatch: error: Batch job submission \
                      failed: Unable to contact slurm controller (connect failure)";
        assert_eq!(kind(Some(1), "", stderr), "ambiguous");
    }

    #[test]
    fn refusal_is_slurms_words_and_a_hint() {
        let stderr = "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job \
                      violates accounting/QOS policy (job submit limit, user's size and/or time limits)\n";
        insta::assert_snapshot!(judge(Some(1), "", stderr).unwrap_err().error(), @"
        error: Slurm refused the job
        cause: sbatch: error: QOSMaxSubmitJobPerUserLimit
               sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)
        hint: you have as many jobs as you may: lower cluster.workers, or wait for jobs to end
        ");
        insta::assert_snapshot!(judge(Some(255), "", "sbatch: error: Invalid --mem specification\n").unwrap_err().error(), @r#"
        error: Slurm refused the job
        cause: sbatch: error: Invalid --mem specification
        hint: set slurm.memory_option to the form that the site wants: "mem", "mem-per-cpu" or "none"
        "#);
        insta::assert_snapshot!(judge(Some(1), "", "").unwrap_err().error(), @"
        error: Slurm refused the job
        cause: it printed nothing
        hint: `squall script` prints the job script and the sbatch command to try by hand
        ");
        insta::assert_snapshot!(judge(Some(0), "hello", "").unwrap_err().error(), @"
        error: sbatch succeeded without a job id
        cause: hello
        hint: a wrapper of the site may hide sbatch's output: put the real sbatch first on PATH
        ");
        insta::assert_snapshot!(
            judge(Some(1), "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
                .unwrap_err()
                .error(),
            @"
        error: Slurm's controller did not answer in time
        cause: sbatch: error: Batch job submission failed: Socket timed out on send/recv operation
        hint: the job may have been queued: look at `squeue --me`
        "
        );
        insta::assert_snapshot!(
            judge(Some(1), "", "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)")
                .unwrap_err()
                .error(),
            @"
        error: Slurm could not be asked
        cause: sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)
        hint: Slurm's controller does not answer: wait, and look at `scontrol ping`
        "
        );
    }

    const KNOWN_REFUSALS: &[&str] = &[
        "Invalid partition name specified",
        "No partition specified or system default partition",
        "User's group not permitted to use this partition",
        "Required partition not available (inactive or drain)",
        "Invalid account or account/partition combination specified",
        "You are associated with multiple _cpu allocations...",
        "Invalid qos specification",
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "AssocMaxSubmitJobLimit",
        "MaxJobCount limit reached",
        "Invalid job array specification",
        "Memory specification can not be satisfied",
        "Memory required by task is not available",
        "You must request some amount of memory",
        "Requested time limit is invalid (missing or exceeds some limit)",
        "More processors requested than permitted",
        "Requested node configuration is not available",
        "Invalid feature specification",
        "Requested reservation is invalid",
        "Invalid generic resource (gres) specification",
        "Invalid license specification",
        "System submissions disabled",
        "Access/permission denied",
        "--mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.",
        "unrecognized option '--frobnicate'",
        "Invalid --time specification",
    ];

    #[test]
    fn each_known_refusal_has_its_own_hint() {
        let hints: Vec<String> = KNOWN_REFUSALS.iter().map(|text| hint_after(text)).collect();
        insta::assert_snapshot!(hints.join("\n"), @r#"
        Invalid partition name specified
            set slurm.partition to one that `sinfo` lists
        No partition specified or system default partition
            the site has no default partition: set slurm.partition to one that `sinfo` lists
        User's group not permitted to use this partition
            set slurm.partition to one that is open to you (`scontrol show partition`)
        Required partition not available (inactive or drain)
            the partition is closed: set slurm.partition to another (`sinfo`)
        Invalid account or account/partition combination specified
            set slurm.account to one of yours (`sacctmgr show associations user=$USER`)
        You are associated with multiple _cpu allocations...
            set slurm.account to one of those that Slurm names
        Invalid qos specification
            set slurm.qos to one that your account may use
        Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)
            the request is above a limit of your account: lower cluster.workers, cluster.cores, cluster.memory or cluster.walltime
        AssocMaxSubmitJobLimit
            you have as many jobs as you may: lower cluster.workers, or wait for jobs to end
        MaxJobCount limit reached
            Slurm's queue is full: wait
        Invalid job array specification
            set slurm.submit = "jobs", or lower cluster.workers: the site limits arrays (MaxArraySize)
        Memory specification can not be satisfied
            lower cluster.memory, or name a partition with larger nodes in slurm.partition (`sinfo -o '%P %m'`); sites that want memory asked for in another form are served by slurm.memory_option
        Memory required by task is not available
            lower cluster.memory, or name a partition with larger nodes in slurm.partition (`sinfo -o '%P %m'`); sites that want memory asked for in another form are served by slurm.memory_option
        You must request some amount of memory
            lower cluster.memory, or name a partition with larger nodes in slurm.partition (`sinfo -o '%P %m'`); sites that want memory asked for in another form are served by slurm.memory_option
        Requested time limit is invalid (missing or exceeds some limit)
            lower cluster.walltime, or name a partition with longer jobs in slurm.partition (`sinfo -o '%P %l'`)
        More processors requested than permitted
            lower cluster.cores (`sinfo -o '%P %c'`)
        Requested node configuration is not available
            no node fits: lower cluster.cores or cluster.memory, or change slurm.constraint
        Invalid feature specification
            correct slurm.constraint (`sinfo -o '%f'` lists what nodes have)
        Requested reservation is invalid
            correct slurm.reservation (`scontrol show reservation`)
        Invalid generic resource (gres) specification
            correct the --gres in slurm.directives (`sinfo -o '%P %G'`)
        Invalid license specification
            correct the --licenses in slurm.directives (`scontrol show licenses`)
        System submissions disabled
            the site takes no jobs now: wait, and look at the site's notices
        Access/permission denied
            the site does not let you submit this from here: try a login node, or ask the site's support
        --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.
            set slurm.memory_option to the form that the site wants: "mem", "mem-per-cpu" or "none"
        unrecognized option '--frobnicate'
            correct slurm.directives: this sbatch does not know the option
        Invalid --time specification
            correct cluster.walltime
        "#);
    }

    fn hint_after(text: &str) -> String {
        let shown = judge(Some(1), "", text).unwrap_err().error().to_string();
        let hint = shown.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap().to_owned();
        format!("{text}\n    {hint}")
    }
}
