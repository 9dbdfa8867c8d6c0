//! The one place that runs Slurm's commands: no shell, a scrubbed environment, a limit on every wait.
//!
//! Each command gets a process group of its own, so that a Ctrl-C in the terminal ends the program in order
//! and not the `sbatch` or `scancel` it is just running.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::error::{Error, ErrorKind, Result};
use crate::slurm::accounting::{parse_ended, sacct_arguments};
use crate::slurm::arguments::{on, scancel_by_ids, scancel_by_name, scancel_line, scancel_pending, user};
use crate::slurm::clusters::{Clusters, asked};
use crate::slurm::environment::{find_program, scrub};
use crate::slurm::exit::parse_exits;
use crate::slurm::queue::{
    QueueRow, RECORD_FORMAT, TABLE_FORMAT, TIME_LEFT_FORMAT, parse_records, parse_rows, parse_time_left,
};
use crate::slurm::submission::{ambiguous, failure, judge, unreadable};
use crate::slurm::{
    Ended, Exit, Forecast, JobId, JobIdentity, JobRecord, Partition, Site, SubmitError, Submitted,
};

/// `sbatch` itself goes on trying for two minutes where the queue is full.
const SBATCH_LIMIT: Duration = Duration::from_secs(180);

/// A controller that hangs lets its clients fail after 20 s; a busy one may still answer later than that.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// Accounting may hang for hours, and is a help that nothing needs.
const ACCOUNTING_LIMIT: Duration = Duration::from_secs(10);

/// What is read of a command's answer at the most, in bytes: a line of `squeue` for each of 100,000 jobs is a fifth of it.
const ANSWER: u64 = 64 << 20;

/// What is kept and passed on of a command's complaints, in bytes; the rest is read and dropped.
const COMPLAINTS: usize = 64 << 10;

/// The longest line of them; a longer one is taken for several.
const LINE: u64 = 8 << 10;

/// Slurm's commands, as this process may run them.
#[derive(Clone, Debug)]
pub struct Commands {
    environment: Vec<(OsString, OsString)>,
    clusters: Clusters,
}

impl Default for Commands {
    fn default() -> Self {
        Commands::new()
    }
}

impl Commands {
    /// Commands with this process's environment, scrubbed.
    pub fn new() -> Self {
        Commands::with_environment(std::env::vars_os())
    }

    /// Commands with a given environment, scrubbed; its PATH says where the commands are.
    pub fn with_environment(environment: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let (environment, clusters) = (scrub(environment), Clusters::default());
        for (_, list) in environment.iter().filter(|(name, _)| name == "SBATCH_CLUSTERS") {
            clusters.expect(&list.to_string_lossy());
        }
        Commands { environment, clusters }
    }

    /// Takes note of the cluster that a job is on, for everything that is asked about it later, by clones too. What
    /// [`Commands::submit`] has submitted is known.
    pub fn note_cluster(&self, job: JobId, cluster: &str) {
        self.clusters.note(job, cluster);
    }

    /// Takes note of the clusters that directives ask for: jobs may be there.
    pub fn note_directives(&self, directives: &[String]) {
        asked(directives).for_each(|list| self.clusters.expect(list));
    }

    /// The cluster that a job is on, where it was named.
    pub fn cluster_of(&self, job: JobId) -> Option<String> {
        self.clusters.of(job)
    }

    /// The clusters on which jobs may be, the commands' own first.
    pub fn places(&self) -> Vec<Option<String>> {
        self.clusters.places()
    }

    /// Submits a job; every line that `sbatch` writes to stderr is passed on while it is still at work.
    pub async fn submit(
        &self,
        arguments: &[OsString],
        on_notice: impl FnMut(&str),
    ) -> std::result::Result<Submitted, SubmitError> {
        match self.run("sbatch", arguments, SBATCH_LIMIT, Stdio::null(), on_notice).await {
            Ok(answer) => {
                let submitted = judge(answer.code, &answer.stdout, &answer.stderr)?;
                submitted.cluster.iter().for_each(|cluster| self.note_cluster(submitted.job_id, cluster));
                Ok(submitted)
            }
            Err(RunError::NotStarted(error)) => Err(SubmitError::Unavailable(error)),
            Err(RunError::Broken(error)) => Err(SubmitError::Ambiguous(error)),
            Err(RunError::TooLong { stderr }) => Err(ambiguous(
                &format!("sbatch was killed, since it did not end within {} s", SBATCH_LIMIT.as_secs()),
                &stderr,
            )),
        }
    }

    /// When Slurm would start a job of this script, by the arguments of its submission without the script's path;
    /// nothing is submitted.
    pub async fn forecast(
        &self,
        arguments: &[OsString],
        script: String,
    ) -> std::result::Result<Forecast, SubmitError> {
        let mut arguments = arguments.to_vec();
        arguments.push("--test-only".into());
        let (reader, mut writer) = io::pipe().map_err(|error| {
            SubmitError::Unavailable(Error::system("the job script cannot be handed to sbatch", &error))
        })?;
        // One that does not read to the end does not want the rest.
        std::thread::spawn(move || drop(io::Write::write_all(&mut writer, script.as_bytes())));
        match self.run("sbatch", &arguments, QUERY_LIMIT, reader.into(), |_| {}).await {
            Ok(answer) => Forecast::judge(answer.code, &answer.stderr),
            Err(RunError::NotStarted(error) | RunError::Broken(error)) => {
                Err(SubmitError::Unavailable(error))
            }
            Err(RunError::TooLong { stderr }) => Err(unreadable(&stderr)),
        }
    }

    /// All of this user's jobs that Slurm still knows, ended ones included, from one `squeue` for each cluster.
    pub async fn jobs(&self) -> Result<Vec<JobRecord>> {
        let mut jobs = Vec::new();
        for place in self.places() {
            let answer = self.queue(place.as_deref(), &["--states=all"], RECORD_FORMAT).await?;
            let mut records = parse_records(&answer)?;
            records.retain(|record| self.clusters.may_be(record.array_job_id, place.as_deref()));
            // Of one that was not learnt when it was submitted.
            let ours = records.iter().filter(|record| record.name.starts_with("sq-"));
            for (record, cluster) in ours.zip(std::iter::repeat(place.as_deref())) {
                cluster.iter().for_each(|cluster| self.note_cluster(record.array_job_id, cluster));
            }
            jobs.extend(records);
        }
        Ok(jobs)
    }

    /// How the jobs of these submissions ended, those that did, from one `scontrol` for each submission.
    pub async fn exits(&self, submissions: &BTreeSet<JobId>) -> Result<BTreeMap<JobIdentity, Exit>> {
        let mut exits = BTreeMap::new();
        for job in submissions {
            let arguments = ["--oneliner", "show", "job", &job.to_string()].map(OsString::from).to_vec();
            let arguments = on(self.cluster_of(*job).as_deref(), arguments);
            exits.extend(parse_exits(&self.query("scontrol", &arguments, QUERY_LIMIT).await?));
        }
        Ok(exits)
    }

    /// How those of these jobs ended that accounting says it of, from one `sacct` for each cluster. An error where the
    /// site has no accounting, or it does not answer.
    pub async fn ended(&self, jobs: &BTreeSet<JobIdentity>) -> Result<BTreeMap<JobIdentity, Ended>> {
        let mut ended = BTreeMap::new();
        let all: Vec<JobIdentity> = jobs.iter().copied().collect();
        for place in self.places() {
            let here: BTreeSet<JobIdentity> = self.those_on(&all, &place).into_iter().collect();
            let ids = here.iter().map(|identity| identity.job_id).collect();
            if let Some(arguments) = sacct_arguments(&ids) {
                let arguments = on(place.as_deref(), arguments);
                ended.extend(parse_ended(&self.query("sacct", &arguments, ACCOUNTING_LIMIT).await?, &here));
            }
        }
        Ok(ended)
    }

    /// This user's jobs as a table for people has them, one for each element of an array.
    pub async fn queue_rows(&self) -> Result<Vec<QueueRow>> {
        let mut rows = Vec::new();
        for place in self.places() {
            let mut found = parse_rows(&self.queue(place.as_deref(), &[], TABLE_FORMAT).await?);
            found
                .retain(|row| row.submission().is_none_or(|job| self.clusters.may_be(job, place.as_deref())));
            found.iter_mut().for_each(|row| row.cluster.clone_from(&place));
            rows.extend(found);
        }
        Ok(rows)
    }

    /// Cancels jobs by id and, if one is given, by name, which also finds a job whose id was never learnt.
    ///
    /// Jobs that have ended or never were are no failure.
    pub async fn cancel(&self, ids: &[JobIdentity], name: Option<&str>, timeout: Duration) -> Result<()> {
        let places = self.places();
        let timeout = timeout / places.len().try_into().unwrap_or(u32::MAX);
        let by_ids = async {
            let mut cancelled = Ok(());
            for place in &places {
                if let Some(arguments) = scancel_by_ids(&self.those_on(ids, place)) {
                    let arguments = on(place.as_deref(), arguments);
                    cancelled = cancelled.and(self.query("scancel", &arguments, timeout).await.map(|_| ()));
                }
            }
            cancelled
        };
        let by_name = async {
            let mut cancelled = Ok(());
            for (place, name) in places.iter().zip(name.into_iter().cycle()) {
                let arguments = on(place.as_deref(), scancel_by_name(name, &user()));
                cancelled = cancelled.and(self.query("scancel", &arguments, timeout).await.map(|_| ()));
            }
            cancelled
        };
        let (by_ids, by_name) = tokio::join!(by_ids, by_name);
        by_ids.and(by_name).map_err(|error| error.hint(format!("type `{}`", self.scancel_line(ids, name))))
    }

    /// Those of these jobs that are in a place.
    fn those_on(&self, ids: &[JobIdentity], place: &Option<String>) -> Vec<JobIdentity> {
        ids.iter().filter(|identity| self.cluster_of(identity.job_id) == *place).copied().collect()
    }

    /// The line a person types to cancel the same: by name if there is one, else by ids.
    pub fn scancel_line(&self, ids: &[JobIdentity], name: Option<&str>) -> String {
        let places = self.places();
        let lines = places.iter().map(|place| (self.those_on(ids, place), place));
        let lines = lines.filter(|(ids, _)| name.is_some() || !ids.is_empty());
        let lines = lines.map(|(ids, place)| scancel_line(&ids, name, place.as_deref()));
        lines.collect::<Vec<_>>().join("; ")
    }

    /// Cancels the user's jobs of one name that have not started yet.
    pub async fn cancel_pending(&self, name: &str, timeout: Duration) -> Result<()> {
        self.query("scancel", &scancel_pending(name, &user()), timeout).await.map(|_| ())
    }

    /// What the site's configuration says.
    pub async fn site(&self) -> Result<Site> {
        let arguments = ["show", "config"].map(OsString::from);
        Ok(Site::parse(&self.query("scontrol", &arguments, QUERY_LIMIT).await?))
    }

    /// All partitions, those too that are hidden: a job may name one of them.
    pub async fn partitions(&self) -> Result<Vec<Partition>> {
        let arguments = ["--all", "--oneliner", "show", "partition"].map(OsString::from);
        Ok(Partition::parse_all(&self.query("scontrol", &arguments, QUERY_LIMIT).await?))
    }

    /// A variable of the commands' environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.environment.iter();
        variables.find(|(known, _)| known == name).and_then(|(_, value)| value.to_str())
    }

    /// How long a running job of this user may still run, in seconds; `None` where it has no limit.
    pub async fn time_left(&self, job: JobId) -> Result<Option<u64>> {
        Ok(parse_time_left(&self.queue(None, &["--states=RUNNING"], TIME_LEFT_FORMAT).await?, job))
    }

    async fn queue(&self, place: Option<&str>, filters: &[&str], format: &str) -> Result<String> {
        let arguments = |whose: &str| -> Vec<OsString> {
            let format = format!("--format={format}");
            let fixed = ["--noheader", whose, "--array", &format];
            on(place, fixed.iter().chain(filters).map(OsString::from).collect())
        };
        match self.query("squeue", &arguments("--me"), QUERY_LIMIT).await {
            // Old releases do not know --me.
            Err(error) if error.to_string().contains("--me") => {
                self.query("squeue", &arguments(&format!("--user={}", user())), QUERY_LIMIT).await
            }
            answer => answer,
        }
    }

    /// Runs a command that prints an answer, and gives its stdout.
    async fn query(&self, program: &str, arguments: &[OsString], limit: Duration) -> Result<String> {
        match self.run(program, arguments, limit, Stdio::null(), |_| {}).await {
            Ok(answer) if answer.code == Some(0) => Ok(answer.stdout),
            Ok(answer) => Err(failure(&format!("{program} failed"), &answer.stderr)),
            Err(RunError::NotStarted(error) | RunError::Broken(error)) => Err(error),
            Err(RunError::TooLong { stderr }) => {
                Err(failure(&format!("{program} did not end within {} s", limit.as_secs_f64()), &stderr))
            }
        }
    }

    async fn run(
        &self,
        program: &str,
        arguments: &[OsString],
        limit: Duration,
        input: Stdio,
        mut on_line: impl FnMut(&str),
    ) -> std::result::Result<Answer, RunError> {
        let mut group = Group(self.start(program, arguments, input).map_err(RunError::NotStarted)?);
        let mut stderr = String::new();
        let answer = tokio::time::timeout(limit, read_answer(&mut group.0, &mut stderr, &mut on_line)).await;
        match answer {
            Ok(Ok((code, stdout))) => Ok(Answer { code, stdout, stderr }),
            Ok(Err(error)) => {
                Err(RunError::Broken(Error::system(format!("lost touch with {program}"), &error)))
            }
            Err(_) => Err(RunError::TooLong { stderr }),
        }
    }

    fn start(&self, program: &str, arguments: &[OsString], input: Stdio) -> Result<Child> {
        let path = self.environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let found = path.and_then(|path| find_program(program, path)).ok_or_else(|| {
            Error::new(ErrorKind::Slurm, format!("there is no {program} here"))
                .cause("it is in no directory of PATH")
                .hint("run on a login node or in a job of a Slurm cluster, or use --cluster threads")
        })?;
        Command::new(found)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::system(format!("{program} could not be started"), &error))
    }
}

struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

enum RunError {
    NotStarted(Error),
    Broken(Error),
    TooLong { stderr: String },
}

/// A running command; dropped early, it is killed together with what a wrapper around it has started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // After the end was waited for there is no id, and the number may be somebody else's.
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

async fn read_answer(
    child: &mut Child,
    stderr: &mut String,
    on_line: &mut impl FnMut(&str),
) -> io::Result<(Option<i32>, String)> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut stdout = Vec::new();
    let read_stdout = async {
        match out {
            Some(out) => match out.take(ANSWER).read_to_end(&mut stdout).await? as u64 {
                ANSWER => Err(io::Error::other("it prints without end")),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    };
    let read_stderr = async {
        match err {
            Some(err) => read_lines(err, stderr, on_line).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(read_stdout, read_stderr)?;
    let status = child.wait().await?;
    Ok((status.code(), String::from_utf8_lossy(&stdout).into_owned()))
}

async fn read_lines(
    source: impl AsyncRead + Unpin,
    text: &mut String,
    on_line: &mut impl FnMut(&str),
) -> io::Result<()> {
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    while (&mut reader).take(LINE).read_until(b'\n', &mut line).await? > 0 {
        if text.len() < COMPLAINTS {
            let decoded = String::from_utf8_lossy(&line);
            text.push_str(&decoded);
            on_line(decoded.trim_end());
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
