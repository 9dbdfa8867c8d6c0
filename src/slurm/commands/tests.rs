//! The commands, played by the fakes of `tests/fake_slurm`.

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
        let commands = Commands::with_environment(variables.map(|(name, value)| (name.into(), value.into())));
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
fn command_that_prints_without_end_is_given_up_and_its_complaints_are_cut() {
    let fake = Fake::new(&[("squeue", "exec yes")]);
    let error = wait(fake.commands.jobs()).unwrap_err();
    assert!(error.to_string().contains("it prints without end"), "{error}");
    let loud = Fake::new(&[("sbatch", "yes | head -c 3000000 >&2; head -c 3000000 /dev/zero >&2; echo 57")]);
    let (submitted, notices) = submit(&loud);
    assert!(submitted.unwrap().stderr.len() <= COMPLAINTS + LINE as usize);
    assert!(notices.len() <= COMPLAINTS, "{} lines were passed on", notices.len());
}

#[test]
fn commands_run_without_the_surrounding_jobs_variables() {
    let variables =
        [("SLURM_JOB_ID", "1"), ("SLURM_CONF", "/c"), ("SQUEUE_FORMAT", "%i"), ("LC_ALL", "de_DE")];
    let fake = Fake::with_variables(&[("sbatch", "echo 57")], &variables);
    submit(&fake).0.unwrap();
    let environment = fake.read("sbatch.environment");
    let mut names: Vec<&str> = environment.lines().filter(|line| !line.starts_with('_')).collect();
    names.retain(|line| line.starts_with("SLURM") || line.starts_with("SQUEUE") || line.starts_with("LC_"));
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
        let answer =
            fake.commands.run("squeue", &[], limit, Stdio::null(), |line| seen.push(line.to_owned())).await;
        assert!(matches!(answer, Err(RunError::TooLong { stderr }) if stderr == "waiting\n"));
        assert_eq!(read_until_gone(held).await, "up\n");
    });
    assert_eq!(seen, ["waiting"]);
}

#[test]
fn dropping_the_wait_kills_the_command() {
    let fake = Fake::new(&[("squeue", "exec 3>$FAKE_SLURM/held; echo up >&3; echo up >&2; exec sleep 1000")]);
    let held = fake.pipe("held");
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    wait(async {
        let held = tokio::net::unix::pipe::OpenOptions::new().open_receiver(held).unwrap();
        tokio::select! {
            _ = fake.commands.run("squeue", &[], QUERY_LIMIT, Stdio::null(), |_| sender.send(()).unwrap()) => panic!(),
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
    let error = wait(hanging.commands.cancel(&[], Some("squall-a"), Duration::from_millis(100))).unwrap_err();
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
