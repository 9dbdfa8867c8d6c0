//! Workers and drivers that Slurm, or somebody else, stops or ends: the run goes on to the same bits, or says why not.

use crate::drive::{Driver, Starter, is};
use crate::faults::{LONG, expected, finish, of, run, text, worker_at_work};
use crate::program::events::Events;
use crate::support::fault::signal;
use crate::support::harness::cases;
use crate::support::{Job, Testbed};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

cases![
    worker_stopped_for_longer_than_its_lease_changes_no_bit,
    worker_killed_for_its_memory_is_told_so_and_changes_no_bit,
    worker_whose_node_fails_is_told_so_and_changes_no_bit,
    all_workers_cancelled_end_the_run_which_is_gone_on_with,
    driver_killed_for_its_memory_leaves_nothing,
];

fn worker_stopped_for_longer_than_its_lease_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &text("1e10", "-1", "slurm", 3));
    let worker = worker_at_work(&driver);
    let number = worker["worker"].as_u64().expect("a number");
    let process = driver.worker_process(&worker);
    signal(process, Signal::SIGSTOP);
    let run = driver.run_directory();
    let twins = || Events::of(&run).expect("there are events").twins();
    let replaced = || twins().iter().any(|(first, second)| first.worker == number && second.worker != number);
    testbed.wait_until("its lease is given again", LONG, replaced);
    let state = fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
    assert!(state.contains(") T "), "it was not stopped: {state}");
    signal(process, Signal::SIGCONT);
    assert_eq!(finish(&mut driver), expected);
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
}

/// Shell lines that leave something behind which, once there is a file `grow`, takes more memory than the job has.
/// Of the job's processes the kernel then kills the one that these lines go on to be, and it alone says when.
fn hog(directory: &Path) -> String {
    let grow = directory.join("grow");
    format!(
        "(until [ -e {grow} ]; do sleep 0.1; done; \
         x=$(head -c 900M /dev/zero | tr '\\0' x); sleep 60) > /dev/null 2>&1 < /dev/null &\n\
         echo 1000 > /proc/self/oom_score_adj",
        grow = grow.display()
    )
}

fn worker_killed_for_its_memory_is_told_so_and_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let directory = testbed.directory("hog");
    let lines = hog(&directory).replace('\n', "; ").replace("&; ", "& ");
    let prologue = format!("if [ \"$SLURM_ARRAY_TASK_ID\" = 0 ]; then {lines}; fi");
    let text = format!(
        "{}minimum_workers = 3\n[slurm]\nprologue = [{}]\n",
        text("1e10", "-1", "slurm", 3),
        serde_json::Value::String(prologue)
    );
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    worker_at_work(&driver);
    let first = |events: &[serde_json::Value]| {
        let mut registered = events.iter().filter(|event| is(event, "registered"));
        registered.find(|event| event["job"].as_str().is_some_and(|job| job.ends_with("_0"))).cloned()
    };
    let worker = first(&driver.events()).expect("all three have registered");
    driver.wait_until("it holds leases", LONG, |events| of(events, "leased", &worker).count() >= 2);
    fs::write(directory.join("grow"), "").expect("written");
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    let lost: Vec<_> = of(&events, "lost", &worker).collect();
    assert_eq!(lost.len(), 1, "the fault missed the run: {}", driver.stderr());
    assert!(lost[0]["leases"].as_u64() >= Some(1), "{lost:?}");
    let job = testbed
        .jobs()
        .into_iter()
        .find(|job| job.index == Some(0) && worker["job"].as_str() == Some(&format!("{}_0", job.array)));
    let killed = if testbed.confined { "OUT_OF_MEMORY" } else { "FAILED" };
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
    let state = |id| testbed.jobs().into_iter().find(|job| job.id == id).map(|job| job.state);
    assert_eq!(state(job.expect("Slurm knows it").id).as_deref(), Some(killed));
    let cause = lost[0]["cause"].as_str().expect("a cause");
    assert!(cause.starts_with("it was killed for its memory: it last said that it had used "), "{cause}");
    assert!(cause.ends_with("M of the 500M allowed"), "{cause}");
}

fn worker_whose_node_fails_is_told_so_and_changes_no_bit(testbed: &Testbed) {
    let size = "2e10";
    let expected = run(testbed, &text(size, "-1", "threads", 2));
    let mut driver = Driver::start(testbed, Starter::Shell, &text(size, "-1", "slurm", 3));
    let worker = worker_at_work(&driver);
    let of_worker = |job: &Job| {
        job.index.is_some_and(|index| worker["job"].as_str() == Some(&format!("{}_{index}", job.array)))
    };
    let job = || testbed.jobs().into_iter().find(of_worker).expect("Slurm knows it");
    let (node, process) = (job().node, driver.worker_process(&worker));
    // A stopped driver leases nothing: the run outlasts the node. With its daemon nobody is left on it to end jobs.
    signal(driver.process(), Signal::SIGSTOP);
    testbed.kill_node(&node);
    testbed.scontrol(&["update", &format!("NodeName={node}"), "State=DOWN", "Reason=case"]);
    testbed.wait_until("Slurm has given it up", Duration::from_secs(30), || job().state == "NODE_FAIL");
    signal(process, Signal::SIGKILL);
    signal(driver.process(), Signal::SIGCONT);
    let replacement =
        |events: &[Value]| events.iter().filter(|event| is(event, "registered")).nth(3).cloned();
    driver.wait_until("another one has come in its place", LONG, |events| replacement(events).is_some());
    let other = replacement(&driver.events()).expect("just seen");
    let named = other["job"].as_str().expect("a job");
    let of_other = |job: &Job| match job.index {
        Some(index) => named == format!("{}_{index}", job.array),
        None => named == job.id.to_string(),
    };
    let found = testbed.jobs().into_iter().find(of_other).expect("Slurm knows it");
    assert_ne!(found.node, node, "it runs where nothing can");
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    let lost: Vec<_> = of(&events, "lost", &worker).collect();
    assert_eq!(lost.len(), 1, "the fault missed the run: {}", driver.stderr());
    assert_eq!(lost[0]["cause"], "its node failed");
    assert!(lost[0]["leases"].as_u64() >= Some(1), "{lost:?}");
    testbed.start_node(&node);
    testbed.wait_until("the node is back", LONG, || {
        testbed.scontrol(&["show", "node", &node]).contains("State=IDLE")
    });
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn all_workers_cancelled_end_the_run_which_is_gone_on_with(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &text("1e10", "-1", "slurm", 3));
    worker_at_work(&driver);
    let run = driver.run_directory();
    testbed.wait_until("a checkpoint is kept", LONG, || run.join("checkpoint-0").exists());
    let name = driver.worker_jobs().first().expect("they run").name.clone();
    testbed.scancel(&[&format!("--name={name}")]);
    let cancelled = Instant::now();
    let status = driver.wait(Duration::from_secs(60));
    let took = cancelled.elapsed();
    assert_eq!(status.code(), Some(4), "{}", driver.stderr());
    assert!(took < Duration::from_secs(15), "{took:?}");
    let stderr = driver.stderr();
    assert!(stderr.contains("error: no worker is left") && stderr.contains("CANCELLED"), "{stderr}");
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
    let id = run.file_name().expect("a name").to_string_lossy().into_owned();
    driver.resume(&[&id, "--cluster=threads", "--cores=2"]);
    assert_eq!(finish(&mut driver), expected);
}

fn driver_killed_for_its_memory_leaves_nothing(testbed: &Testbed) {
    let text = text("1e15", "-1", "slurm", 9).replace("500M", "300M") + "death_timeout = 10\n";
    let driver = Driver::start_after(testbed, Starter::Sbatch, &text, hog);
    let in_state = |state: &str| driver.worker_jobs().iter().filter(|job| job.state == state).count();
    testbed.wait_until("some workers run and some wait", Duration::from_secs(60), || {
        in_state("RUNNING") >= 2 && in_state("PENDING") >= 2
    });
    driver
        .wait_until("a worker has answered", LONG, |events| events.iter().any(|event| is(event, "answered")));
    let job = driver.job().expect("it runs in a job");
    fs::write(driver.directory.join("grow"), "").expect("written");
    let state = || testbed.jobs().into_iter().find(|seen| seen.id == job).map(|job| job.state);
    let ended = if testbed.confined { "OUT_OF_MEMORY" } else { "FAILED" };
    testbed.wait_until("the driver is killed", LONG, || state().as_deref() == Some(ended));
    assert!(!driver.stderr().contains("ending"), "it ended in order: {}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(20), || testbed.no_job_left());
}
