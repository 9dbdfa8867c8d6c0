//! Walltimes that come to their end: workers and drivers leave in order before Slurm would end them.

use crate::drive::{Driver, Starter, is};
use crate::faults::{LONG, expected, finish, of, text, worker_at_work};
use crate::support::fault::signal;
use crate::support::harness::cases;
use crate::support::{Job, Testbed};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

cases![
    workers_leave_in_order_before_slurm_ends_them_for_their_walltime,
    worker_that_is_stopped_until_its_time_is_up_hands_in_when_slurm_ends_it,
    worker_that_ignores_its_end_is_killed_by_its_walltime_and_replaced,
    driver_in_a_job_closes_in_order_before_its_walltime,
];

/// Slurm's shortest walltime, and more work than fits into it.
fn one_minute(workers: u32) -> String {
    text("1e15", "-1", "slurm", workers).replace("walltime = '10'", "walltime = '1'")
}

fn workers_leave_in_order_before_slurm_ends_them_for_their_walltime(testbed: &Testbed) {
    let mut driver = Driver::start(testbed, Starter::Shell, &one_minute(2));
    worker_at_work(&driver);
    let array = driver.worker_jobs().first().expect("they run").array;
    driver.wait_until("both have left", LONG, |events| {
        events.iter().filter(|event| is(event, "left")).count() >= 2
    });
    let events = driver.events();
    let near =
        |event: &&Value| event["cause"].as_str().is_some_and(|cause| cause.contains("its walltime is near"));
    let left: Vec<&Value> = events.iter().filter(|event| is(event, "left")).collect();
    assert!(left.iter().all(near), "{left:?}");
    assert!(!events.iter().any(|event| is(event, "lost")), "{events:?}");
    let first = |kind: &'static str, part: &str| {
        let says = |event: &Value| event["text"].as_str().is_none_or(|text| text.contains(part));
        events.iter().position(|event| is(event, kind) && says(event))
    };
    let asked = first("notice", "worker is started").or_else(|| first("notice", "workers are started"));
    assert!(asked.is_some() && asked < first("left", ""), "replaced too late: {}", driver.stderr());
    let states = || -> Vec<String> {
        testbed.jobs().into_iter().filter(|job| job.array == array).map(|job| job.state).collect()
    };
    testbed.wait_until("their jobs are over", Duration::from_secs(10), || {
        states().iter().all(|state| state == "COMPLETED")
    });
    assert_eq!(states().len(), 2);
    // Where there are others by now it goes on, and otherwise it has ended already.
    signal(Pid::from_raw(driver.child.id() as i32), Signal::SIGTERM);
    driver.wait(Duration::from_secs(60));
    assert!(driver.stderr().contains("go on from the last checkpoint: squall resume"), "{}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn worker_that_is_stopped_until_its_time_is_up_hands_in_when_slurm_ends_it(testbed: &Testbed) {
    // It may be silent for longer than its job lasts.
    let text = one_minute(2) + "death_timeout = 300\n";
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    let worker = worker_at_work(&driver);
    signal(driver.worker_process(&worker), Signal::SIGSTOP);
    // Slurm ends a job of a stopped process by waking it first.
    driver.wait_until("it has left", LONG, |events| of(events, "left", &worker).next().is_some());
    let events = driver.events();
    let left = of(&events, "left", &worker).next().expect("just seen");
    assert!(left["at"].as_f64() > Some(60.0), "it was not stopped for longer than its walltime: {left}");
    assert!(of(&events, "lost", &worker).next().is_none(), "{}", driver.stderr());
    let job = worker["job"].as_str().expect("a job");
    let state = || {
        let mut jobs = testbed.jobs().into_iter();
        let of_worker = |job: &Job| job.index.map(|index| format!("{}_{index}", job.array));
        jobs.find(|one| of_worker(one).as_deref() == Some(job)).expect("Slurm knows it").state
    };
    testbed.wait_until("Slurm has ended it", Duration::from_secs(10), || state() == "TIMEOUT");
    driver.wait_until("others are at work in its place", LONG, |events| {
        let registered = events.iter().filter(|event| is(event, "registered"));
        let since = |event: &&Value| event["worker"].as_u64() > Some(1);
        registered.filter(since).any(|other| of(events, "answered", other).next().is_some())
    });
    signal(Pid::from_raw(driver.child.id() as i32), Signal::SIGTERM);
    driver.wait(Duration::from_secs(60));
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

/// A prologue that makes the first worker that comes by take its end for far away, and never hear TERM.
fn deaf(directory: &Path) -> String {
    let line = format!(
        "if mkdir {}/deaf; then exec env --block-signal=TERM SLURM_JOB_END_TIME=9999999999 bash \"$0\"; fi",
        directory.display()
    );
    format!("death_timeout = 300\n[slurm]\nprologue = ['{line}']\n")
}

/// Whether a process has TERM blocked.
fn blocks_term(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is there");
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("the kernel says so");
    let blocked = u64::from_str_radix(blocked.trim(), 16).expect("hexadecimal");
    blocked & (1 << (Signal::SIGTERM as u32 - 1)) != 0
}

fn worker_that_ignores_its_end_is_killed_by_its_walltime_and_replaced(testbed: &Testbed) {
    let expected = expected(testbed);
    let marks = testbed.directory("marks");
    let text = text("1e10", "-1", "slurm", 2).replace("walltime = '10'", "walltime = '1'") + &deaf(&marks);
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    worker_at_work(&driver);
    let registered = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| is(event, "registered")).cloned().collect()
    };
    let first = registered(&driver.events());
    let ignores = |worker: &&Value| blocks_term(driver.worker_process(worker));
    let worker = first.iter().find(ignores).expect("one of them ignores its end").clone();
    let of_worker = |job: &Job| {
        job.index.is_some_and(|index| worker["job"].as_str() == Some(&format!("{}_{index}", job.array)))
    };
    let job = || testbed.jobs().into_iter().find(of_worker).expect("Slurm knows it");
    // A stopped driver leases nothing: there is work when Slurm asks the worker to end, and when it kills it.
    signal(driver.process(), Signal::SIGSTOP);
    testbed.wait_until("its walltime is over", LONG, || job().state != "RUNNING");
    signal(driver.process(), Signal::SIGCONT);
    assert_eq!(finish(&mut driver), expected);
    assert_eq!(job().state, "TIMEOUT");
    let events = driver.events();
    assert!(of(&events, "left", &worker).next().is_none(), "it did not ignore TERM: {}", driver.stderr());
    let lost: Vec<&Value> = of(&events, "lost", &worker).collect();
    assert_eq!(lost.len(), 1, "the fault missed the run: {}", driver.stderr());
    assert_eq!(lost[0]["cause"], "its time limit was reached");
    assert!(lost[0]["leases"].as_u64() >= Some(1), "{lost:?}");
    let later = registered(&events).into_iter().filter(|other| !first.contains(other));
    let works = |other: &Value| of(&events, "answered", other).any(|answer| answer["counted"] == true);
    assert!(later.into_iter().any(|other| works(&other)), "nobody took its place: {}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn driver_in_a_job_closes_in_order_before_its_walltime(testbed: &Testbed) {
    let driver = Driver::start(testbed, Starter::Sbatch, &text("1e15", "-1", "slurm", 2));
    worker_at_work(&driver);
    let (job, array) =
        (driver.job().expect("it runs"), driver.worker_jobs().first().expect("they run").array);
    // The driver asks for its time left only when it has lasted.
    testbed.scontrol(&["update", &format!("JobId={job}"), "TimeLimit=1"]);
    let state = || testbed.jobs().into_iter().find(|one| one.id == job).expect("Slurm knows it").state;
    testbed.wait_until("the driver has ended", Duration::from_secs(60), || state() != "RUNNING");
    let stderr = driver.stderr();
    assert_eq!(state(), "FAILED", "by its exit code, rather than TIMEOUT: {stderr}");
    assert!(stderr.contains("error: the walltime of the driver's own job is near"), "{stderr}");
    assert!(stderr.contains("go on from the last checkpoint: squall resume"), "{stderr}");
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
    let workers = testbed.jobs().into_iter().filter(|job| job.array == array);
    let states: Vec<String> = workers.map(|job| job.state).collect();
    assert_eq!(states, ["COMPLETED", "COMPLETED"]);
}
