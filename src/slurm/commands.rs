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
use crate::slurm::arguments::{scancel_by_ids, scancel_by_name, scancel_line, scancel_pending};
use crate::slurm::environment::{find_program, scrub};
use crate::slurm::exit::parse_exits;
use crate::slurm::queue::{
    RECORD_FORMAT, TABLE_FORMAT, TIME_LEFT_FORMAT, lay_out_table, parse_records, parse_time_left,
};
use crate::slurm::submission::{ambiguous, failure, judge};
use crate::slurm::{Exit, JobId, JobIdentity, JobRecord, Site, SubmitError, Submitted};

/// `sbatch` itself goes on trying for two minutes where the queue is full.
const SBATCH_LIMIT: Duration = Duration::from_secs(180);

/// A controller that hangs lets its clients fail after 20 s; a busy one may still answer later than that.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// Slurm's commands, as this process may run them.
#[derive(Clone, Debug)]
pub struct Commands {
    environment: Vec<(OsString, OsString)>,
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
        Commands { environment: scrub(environment) }
    }

    /// Submits a job; every line that `sbatch` writes to stderr is passed on while it is still at work.
    pub async fn submit(
        &self,
        arguments: &[OsString],
        on_notice: impl FnMut(&str),
    ) -> std::result::Result<Submitted, SubmitError> {
        match self.run("sbatch", arguments, SBATCH_LIMIT, on_notice).await {
            Ok(answer) => judge(answer.code, &answer.stdout, &answer.stderr),
            Err(RunError::NotStarted(error)) => Err(SubmitError::Unavailable(error)),
            Err(RunError::Broken(error)) => Err(SubmitError::Ambiguous(error)),
            Err(RunError::TooLong { stderr }) => Err(ambiguous(
                &format!("sbatch was killed, since it did not end within {} s", SBATCH_LIMIT.as_secs()),
                &stderr,
            )),
        }
    }

    /// All of this user's jobs that Slurm still knows, ended ones included, from one `squeue`.
    pub async fn jobs(&self) -> Result<Vec<JobRecord>> {
        parse_records(&self.queue(&["--states=all"], RECORD_FORMAT).await?)
    }

    /// How the jobs of these submissions ended, those that did, from one `scontrol` for each submission.
    pub async fn exits(&self, submissions: &BTreeSet<JobId>) -> Result<BTreeMap<JobIdentity, Exit>> {
        let mut exits = BTreeMap::new();
        for job in submissions {
            let arguments = ["--oneliner", "show", "job", &job.to_string()].map(OsString::from);
            exits.extend(parse_exits(&self.query("scontrol", &arguments, QUERY_LIMIT).await?));
        }
        Ok(exits)
    }

    /// This user's jobs of wanted names as a table for people, one line for each element of an array.
    pub async fn queue_table(&self, is_wanted: impl Fn(&str) -> bool) -> Result<String> {
        Ok(lay_out_table(&self.queue(&[], TABLE_FORMAT).await?, is_wanted))
    }

    /// Cancels jobs by id and, if one is given, by name, which also finds a job whose id was never learnt.
    ///
    /// Jobs that have ended or never were are no failure.
    pub async fn cancel(&self, ids: &[JobIdentity], name: Option<&str>, timeout: Duration) -> Result<()> {
        let by_ids = async {
            match scancel_by_ids(ids) {
                Some(arguments) => self.query("scancel", &arguments, timeout).await.map(|_| ()),
                None => Ok(()),
            }
        };
        let by_name = async {
            match name {
                Some(name) => {
                    self.query("scancel", &scancel_by_name(name, &user()), timeout).await.map(|_| ())
                }
                None => Ok(()),
            }
        };
        let (by_ids, by_name) = tokio::join!(by_ids, by_name);
        by_ids.and(by_name).map_err(|error| error.hint(format!("type `{}`", scancel_line(ids, name))))
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

    /// How long a running job of this user may still run, in seconds; `None` where it has no limit.
    pub async fn time_left(&self, job: JobId) -> Result<Option<u64>> {
        Ok(parse_time_left(&self.queue(&["--states=RUNNING"], TIME_LEFT_FORMAT).await?, job))
    }

    async fn queue(&self, filters: &[&str], format: &str) -> Result<String> {
        let arguments = |whose: &str| -> Vec<OsString> {
            let format = format!("--format={format}");
            let fixed = ["--noheader", whose, "--array", &format];
            fixed.iter().chain(filters).map(OsString::from).collect()
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
        match self.run(program, arguments, limit, |_| {}).await {
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
        mut on_line: impl FnMut(&str),
    ) -> std::result::Result<Answer, RunError> {
        let mut group = Group(self.start(program, arguments).map_err(RunError::NotStarted)?);
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

    fn start(&self, program: &str, arguments: &[OsString]) -> Result<Child> {
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
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::system(format!("{program} could not be started"), &error))
    }
}

/// This user as Slurm's options take it: a number needs no look-up in a directory that may be down.
fn user() -> String {
    nix::unistd::getuid().to_string()
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
            Some(mut out) => out.read_to_end(&mut stdout).await.map(|_| ()),
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
    while reader.read_until(b'\n', &mut line).await? > 0 {
        let decoded = String::from_utf8_lossy(&line);
        text.push_str(&decoded);
        on_line(decoded.trim_end());
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_slurm");

    /// The fake commands, answering with pieces of shell.
    struct Fake {
        directory: tempfile::TempDir,
        commands: Commands,
    }

    impl Fake {
        fn new(answers: &[(&str, &str)]) -> Self {
            Fake::with_variables(answers, &[])
        }

        fn with_variables(answers: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for (command, answer) in answers {
                std::fs::write(directory.path().join(command), answer).unwrap();
            }
            let path = format!("{FAKES}:/usr/bin:/bin");
            let home = directory.path().to_str().unwrap();
            let variables =
                [("PATH", path.as_str()), ("FAKE_SLURM", home)].into_iter().chain(variables.iter().copied());
            let commands =
                Commands::with_environment(variables.map(|(name, value)| (name.into(), value.into())));
            Fake { directory, commands }
        }

        fn pipe(&self, name: &str) -> std::path::PathBuf {
            let path = self.directory.path().join(name);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            path
        }

        fn read(&self, file: &str) -> String {
            std::fs::read_to_string(self.directory.path().join(file)).unwrap_or_default()
        }
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn submit(fake: &Fake) -> (std::result::Result<Submitted, SubmitError>, Vec<String>) {
        let mut notices = Vec::new();
        let arguments = ["--parsable".into(), "a b.sh".into()];
        let result = wait(fake.commands.submit(&arguments, |line| notices.push(line.to_owned())));
        (result, notices)
    }

    #[test]
    fn notices_of_a_full_queue_are_passed_on_while_sbatch_waits() {
        let full = "echo 'sbatch: error: Slurm job queue full, sleeping and retrying' >&2";
        let fake = Fake::new(&[("sbatch", &format!("{full}; read -r _ <$FAKE_SLURM/told; echo 57"))]);
        let told = fake.pipe("told");
        // sbatch ends only once the notice has arrived.
        let on_notice = |line: &str| {
            assert_eq!(line, "sbatch: error: Slurm job queue full, sleeping and retrying");
            std::fs::write(&told, "go on\n").unwrap();
        };
        let submitted = wait(fake.commands.submit(&[], on_notice)).unwrap();
        assert_eq!(submitted.job_id, JobId(57));
        assert_eq!(submitted.stderr, "sbatch: error: Slurm job queue full, sleeping and retrying\n");
    }

    #[test]
    fn refusal_carries_slurms_words() {
        let fake =
            Fake::new(&[("sbatch", "echo 'sbatch: error: invalid partition specified: nope' >&2; exit 77")]);
        let (result, notices) = submit(&fake);
        assert!(matches!(&result, Err(SubmitError::Refused(_))), "{result:?}");
        assert_eq!(notices, ["sbatch: error: invalid partition specified: nope"]);
        assert_eq!(fake.read("sbatch.calls"), "--parsable a b.sh\n");
    }

    #[test]
    fn sbatch_killed_by_a_signal_may_have_submitted() {
        let (result, _) = submit(&Fake::new(&[("sbatch", "kill -9 $$")]));
        assert!(matches!(&result, Err(SubmitError::Ambiguous(_))), "{result:?}");
    }

    #[test]
    fn missing_sbatch_is_said_before_anything_is_run() {
        let empty = tempfile::tempdir().unwrap();
        let commands =
            Commands::with_environment([("PATH".into(), empty.path().as_os_str().to_owned())].into_iter());
        let Err(SubmitError::Unavailable(error)) = wait(commands.submit(&[], |_| {})) else { panic!() };
        insta::assert_snapshot!(error, @"
        error: there is no sbatch here
        cause: it is in no directory of PATH
        hint: run on a login node or in a job of a Slurm cluster, or use --cluster threads
        ");
    }

    #[test]
    fn commands_run_without_the_surrounding_jobs_variables() {
        let variables =
            [("SLURM_JOB_ID", "1"), ("SLURM_CONF", "/c"), ("SQUEUE_FORMAT", "%i"), ("LC_ALL", "de_DE")];
        let fake = Fake::with_variables(&[("sbatch", "echo 57")], &variables);
        submit(&fake).0.unwrap();
        let environment = fake.read("sbatch.environment");
        let mut names: Vec<&str> = environment.lines().filter(|line| !line.starts_with('_')).collect();
        names.retain(|line| {
            line.starts_with("SLURM") || line.starts_with("SQUEUE") || line.starts_with("LC_")
        });
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL=C", "SLURM_CONF=/c"]);
    }

    /// What was written into a pipe until the last process that held it open had ended.
    async fn read_until_gone(mut pipe: tokio::net::unix::pipe::Receiver) -> String {
        let mut text = String::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), pipe.read_to_string(&mut text)).await;
        ended.expect("a process of the command is still alive").unwrap();
        text
    }

    #[test]
    fn command_that_hangs_is_killed_with_what_it_has_started() {
        let hang = "sleep 1000 >$FAKE_SLURM/held 2>&1 & echo up >$FAKE_SLURM/held; echo waiting >&2; wait";
        let fake = Fake::new(&[("squeue", hang)]);
        let held = fake.pipe("held");
        let mut seen = Vec::new();
        wait(async {
            let held = tokio::net::unix::pipe::OpenOptions::new().open_receiver(held).unwrap();
            let limit = Duration::from_secs(1);
            let answer = fake.commands.run("squeue", &[], limit, |line| seen.push(line.to_owned())).await;
            assert!(matches!(answer, Err(RunError::TooLong { stderr }) if stderr == "waiting\n"));
            assert_eq!(read_until_gone(held).await, "up\n");
        });
        assert_eq!(seen, ["waiting"]);
    }

    #[test]
    fn dropping_the_wait_kills_the_command() {
        let fake =
            Fake::new(&[("squeue", "exec 3>$FAKE_SLURM/held; echo up >&3; echo up >&2; exec sleep 1000")]);
        let held = fake.pipe("held");
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        wait(async {
            let held = tokio::net::unix::pipe::OpenOptions::new().open_receiver(held).unwrap();
            tokio::select! {
                _ = fake.commands.run("squeue", &[], QUERY_LIMIT, |_| sender.send(()).unwrap()) => panic!(),
                _ = receiver.recv() => {}
            }
            assert_eq!(read_until_gone(held).await, "up\n");
        });
    }

    #[test]
    fn all_jobs_are_asked_for_at_once() {
        let fake = Fake::new(&[("squeue", "echo '57|57|N/A|RUNNING|node-1|N/A|None|squall-a'")]);
        let jobs = wait(fake.commands.jobs()).unwrap();
        assert_eq!(jobs.len(), 1);
        insta::assert_snapshot!(fake.read("squeue.calls"), @"--noheader --me --array --format=%A|%F|%K|%T|%N|%S|%r|%j --states=all");
    }

    #[test]
    fn squeue_without_me_is_asked_by_user_number() {
        let old = r#"case "$*" in *--me*) echo "squeue: unrecognized option '--me'" >&2; exit 1;; esac"#;
        let fake = Fake::new(&[("squeue", old)]);
        assert_eq!(wait(fake.commands.jobs()).unwrap(), []);
        assert!(fake.read("squeue.calls").lines().nth(1).unwrap().contains(&format!("--user={}", user())));
    }

    #[test]
    fn queue_that_cannot_be_asked_is_an_error_and_not_empty() {
        let down =
            "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1";
        let error = wait(Fake::new(&[("squeue", down)]).commands.jobs()).unwrap_err();
        insta::assert_snapshot!(error, @"
        error: squeue failed
        cause: slurm_load_jobs error: Unable to contact slurm controller (connect failure)
        ");
        assert_eq!(wait(Fake::new(&[("squeue", ":")]).commands.jobs()).unwrap(), []);
    }

    #[test]
    fn jobs_are_cancelled_by_ids_and_by_name() {
        let fake = Fake::new(&[("scancel", ":")]);
        let ids = [JobIdentity { job_id: JobId(57), array_index: Some(3) }, JobId(60).into()];
        wait(fake.commands.cancel(&ids, Some("squall-a"), QUERY_LIMIT)).unwrap();
        let calls = fake.read("scancel.calls");
        let mut calls: Vec<&str> = calls.lines().collect();
        calls.sort_unstable();
        assert_eq!(
            calls,
            ["--quiet --user=UID --name=squall-a".replace("UID", &user()).as_str(), "--quiet 57_3 60"]
        );
    }

    #[test]
    fn failed_cancelling_says_what_to_type() {
        let fake = Fake::new(&[("scancel", "echo 'scancel: error: Access/permission denied' >&2; exit 210")]);
        let error = wait(fake.commands.cancel(&[JobId(57).into()], None, QUERY_LIMIT)).unwrap_err();
        insta::assert_snapshot!(error, @"
        error: scancel failed
        cause: scancel: error: Access/permission denied
        hint: type `scancel 57`
        ");
        let hanging = Fake::new(&[("scancel", "sleep 1000")]);
        let error =
            wait(hanging.commands.cancel(&[], Some("squall-a"), Duration::from_millis(100))).unwrap_err();
        insta::assert_snapshot!(error, @"
        error: scancel did not end within 0.1 s
        cause: it printed nothing
        hint: type `scancel --me --name squall-a`
        ");
    }

    #[test]
    fn nothing_to_cancel_runs_nothing() {
        let fake = Fake::new(&[]);
        wait(fake.commands.cancel(&[], None, QUERY_LIMIT)).unwrap();
        assert_eq!(fake.read("scancel.calls"), "");
    }

    #[test]
    fn pending_siblings_are_cancelled_and_nothing_else() {
        let fake = Fake::new(&[("scancel", ":")]);
        wait(fake.commands.cancel_pending("sq-a-0", QUERY_LIMIT)).unwrap();
        let calls = format!("--quiet --user={} --name=sq-a-0 --state=PENDING\n", user());
        assert_eq!(fake.read("scancel.calls"), calls);
    }

    #[test]
    fn site_is_asked_once() {
        let fake = Fake::new(&[("scontrol", "echo 'MaxArraySize = 50'")]);
        assert_eq!(wait(fake.commands.site()).unwrap().max_array_size, 50);
        assert_eq!(fake.read("scontrol.calls"), "show config\n");
    }
}
