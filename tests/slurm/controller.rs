//! Slurm's own daemons hang, die and come back while a run begins, goes on and ends.

use crate::drive::{Driver, Starter, bits, is};
use crate::faults::{LONG, expected, finish, of, text, worker_at_work};
use crate::support::fault::signal;
use crate::support::harness::cases;
use crate::support::{Job, Testbed};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

cases![
    controller_that_hangs_during_submission_loses_no_worker_and_doubles_none,
    driver_ended_while_it_looks_for_its_jobs_leaves_the_line_to_type,
    daemons_killed_and_restarted_under_a_run_change_no_bit,
    requeue_is_refused_for_workers,
];

/// How long a driver takes to find its jobs once the controller answers again.
const FOUND: Duration = Duration::from_secs(25);

/// Before the driver: an `sbatch` that waits for `go` before it becomes the real one, so that the test can choose the
/// moment, and a `squeue` that notes how each call ended.
fn watched_commands(directory: &Path) -> String {
    let bin = directory.join("bin");
    fs::create_dir(&bin).expect("it takes another one");
    let here = directory.display();
    for (name, script) in [
        (
            "sbatch",
            format!(
                "touch {here}/submitting; until [ -e {here}/go ]; do sleep 0.05; done\nexec /usr/bin/sbatch \"$@\""
            ),
        ),
        ("squeue", format!("/usr/bin/squeue \"$@\"; code=$?; echo $code >> {here}/looks; exit $code")),
    ] {
        fs::write(bin.join(name), format!("#!/bin/bash\n{script}\n")).expect("written");
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("one's own file");
    }
    format!("export PATH={}:$PATH", bin.display())
}

/// Starts a driver whose `sbatch` finds the controller stopped; returns once it has failed for that.
fn submit_to_a_stopped_controller<'a>(testbed: &'a Testbed, text: &str) -> Driver<'a> {
    let driver = Driver::start_after(testbed, Starter::Shell, text, watched_commands);
    let there = |name: &str| driver.directory.join(name).exists();
    while_stopped(testbed, "it is about to submit", Duration::from_secs(30), || there("submitting"));
    testbed.stop_controller();
    fs::write(driver.directory.join("go"), "").expect("written");
    while_stopped(testbed, "sbatch has failed", Duration::from_secs(30), || {
        driver.stderr().contains("may be there, and is looked for")
    });
    let stderr = driver.stderr();
    assert!(stderr.contains("Socket timed out"), "{stderr}");
    driver
}

/// Waits without asking Slurm about anything in the end: a stopped controller would not answer.
fn while_stopped(testbed: &Testbed, what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > limit {
            testbed.continue_controller();
            panic!("waited {limit:?} in vain until {what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The jobs of the workers of this run, ended ones included.
fn jobs_of(testbed: &Testbed, driver: &Driver<'_>) -> Vec<Job> {
    let run = driver.run_directory().file_name().expect("a name").to_string_lossy().into_owned();
    let jobs = testbed.jobs().into_iter();
    jobs.filter(|job| job.name.starts_with(&format!("sq-{run}-"))).collect()
}

fn controller_that_hangs_during_submission_loses_no_worker_and_doubles_none(testbed: &Testbed) {
    let expected = expected(testbed);
    let text = format!("{}minimum_workers = 2\n", text("1e10", "-1", "slurm", 2));
    let mut driver = submit_to_a_stopped_controller(testbed, &text);
    let looks = || fs::read_to_string(driver.directory.join("looks")).unwrap_or_default();
    while_stopped(testbed, "a look has failed", Duration::from_secs(40), || !looks().is_empty());
    assert_eq!(looks().lines().next(), Some("1"), "the controller answered while it was stopped");
    assert!(!driver.events().iter().any(|event| is(event, "submitted")));
    testbed.continue_controller();
    let answers_again = Instant::now();
    driver
        .wait_until("its jobs are found", FOUND, |events| events.iter().any(|event| is(event, "submitted")));
    assert!(answers_again.elapsed() < FOUND);
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    assert_eq!(
        events.iter().filter(|event| is(event, "registered")).count(),
        2,
        "one came twice, or not at all"
    );
    // Slurm hears of a job's end a moment after its worker has left.
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
    let jobs = jobs_of(testbed, &driver);
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    assert!(jobs.iter().all(|job| job.array == jobs[0].array && job.state == "COMPLETED"), "{jobs:?}");
    assert!(testbed.no_job_left());
}

fn driver_ended_while_it_looks_for_its_jobs_leaves_the_line_to_type(testbed: &Testbed) {
    let mut driver = submit_to_a_stopped_controller(testbed, &text("1e15", "-1", "slurm", 3));
    signal(Pid::from_raw(driver.child.id() as i32), Signal::SIGTERM);
    let asked = Instant::now();
    let mut status = None;
    while_stopped(testbed, "the driver has ended", Duration::from_secs(20), || {
        status = driver.child.try_wait().expect("a child");
        status.is_some()
    });
    let took = asked.elapsed();
    testbed.continue_controller();
    assert_eq!(status.and_then(|status| status.code()), Some(143), "{}", driver.stderr());
    assert!(took < Duration::from_secs(12), "{took:?}");
    testbed.wait_until("the job is queued all the same", Duration::from_secs(15), || {
        jobs_of(testbed, &driver).len() == 3
    });
    let stderr = driver.stderr();
    let line = stderr.lines().find_map(|line| line.split_once("type `")).expect("the line to type").1;
    let words: Vec<&str> = line.trim_end_matches('`').split(' ').collect();
    assert_eq!(words[0], "scancel");
    testbed.scancel(&words[1..]);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

/// Leases that a worker holds at once: one more answer than these was leased after a stop.
const HELD: usize = 2;

/// Answers of this worker that counted.
fn answers(driver: &Driver<'_>, worker: &Value) -> usize {
    of(&driver.events(), "answered", worker).filter(|answer| answer["counted"] == true).count()
}

fn daemons_killed_and_restarted_under_a_run_change_no_bit(testbed: &Testbed) {
    let size = "2e10";
    let expected = crate::faults::run(testbed, &text(size, "-1", "threads", 2));
    let mut driver = Driver::start(testbed, Starter::Shell, &text(size, "-1", "slurm", 3));
    let worker = worker_at_work(&driver);
    let process = driver.worker_process(&worker);
    let job = worker["job"].as_str().expect("a job");
    let pid = Pid::from_raw(driver.child.id() as i32);
    // A stopped driver leases nothing: however fast the machine, its run outlasts what is done to Slurm.
    signal(pid, Signal::SIGSTOP);
    let began = SystemTime::now();
    // It saves what has changed: killed before that, the controller would forget that they run.
    let mut update = testbed.admin_command("scontrol");
    let update = update.args(["update", &format!("JobId={job}"), "Comment=saved"]).output().expect("started");
    assert!(update.status.success(), "{update:?}");
    let state = testbed.conf().with_file_name("state").join("job_state");
    testbed.wait_until("the controller has saved that they run", LONG, || {
        fs::metadata(&state).and_then(|state| state.modified()).is_ok_and(|saved| saved > began)
    });
    let node = testbed.jobs().into_iter().find(|seen| {
        seen.index.is_some_and(|index| job == format!("{}_{index}", seen.array)) && !seen.has_ended()
    });
    let node = node.expect("it runs").node;
    testbed.kill_node(&node);
    testbed.kill_controller();
    let before = answers(&driver, &worker);
    signal(pid, Signal::SIGCONT);
    while_stopped(testbed, "the worker goes on without them", Duration::from_secs(30), || {
        answers(&driver, &worker) > before + HELD
    });
    signal(pid, Signal::SIGSTOP);
    assert!(fs::exists(format!("/proc/{process}")).expect("/proc is mounted"));
    testbed.start_controller();
    testbed.start_node(&node);
    assert!(driver.child.try_wait().expect("a child").is_none(), "the run was over before they were back");
    let after = answers(&driver, &worker);
    signal(pid, Signal::SIGCONT);
    driver.wait_until("the worker goes on with them", Duration::from_secs(30), |_| {
        answers(&driver, &worker) > after + HELD
    });
    assert_eq!(finish(&mut driver), expected);
    assert!(!driver.events().iter().any(|event| is(event, "lost")), "{}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(40), || testbed.no_job_left());
}

/// A worker that began again under an old name would be another one; so none begins again.
fn requeue_is_refused_for_workers(testbed: &Testbed) {
    let directory = testbed.directory("requeue");
    fs::write(directory.join("run.toml"), text("2e9", "-1", "slurm", 2)).expect("written");
    let mut submit = testbed.command(testbed.program());
    let output = submit.args(["submit", "run.toml"]).current_dir(&directory).output().expect("started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = said.lines().find_map(|line| line.strip_prefix("its log, with the results: "));
    let log = log.expect("it says where the log is").to_owned();
    let running = || testbed.jobs().into_iter().filter(|job| job.state == "RUNNING").collect::<Vec<_>>();
    testbed.wait_until("driver and workers run", Duration::from_secs(30), || running().len() == 3);
    let (drivers, workers): (Vec<_>, Vec<_>) = running().into_iter().partition(|job| job.memory == "256M");
    assert_eq!((drivers.len(), workers.len()), (1, 2));
    for job in &workers {
        let mut scontrol = testbed.admin_command("scontrol");
        let output = scontrol.args(["requeue", &job.id.to_string()]).output().expect("scontrol starts");
        assert!(!output.status.success(), "{job:?} was requeued");
    }
    testbed.wait_until("the log holds the result", LONG, || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("std = "))
    });
    let log = fs::read_to_string(&log).expect("just read");
    let found = (bits(&log, "mean"), bits(&log, "std"));
    assert_eq!(found, crate::faults::run(testbed, &text("2e9", "-1", "threads", 2)));
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}
