//! The same bits on a real Slurm, whatever happens to the workers on the way.

use crate::drive::{Driver, Starter, bits, is};
use crate::support::Testbed;
use crate::support::fault::signal;
use crate::support::harness::cases;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

cases![
    bits_do_not_depend_on_cluster_workers_or_chunks,
    worker_cancelled_half_way_changes_no_bit,
    worker_killed_half_way_changes_no_bit,
    run_is_gone_on_with_after_its_driver_was_killed_twice,
];

/// For a machine that is busy with other things; otherwise nothing takes half a minute.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) fn text(size: &str, chunks: &str, kind: &str, workers: u32) -> String {
    format!(
        "[arrays]\nx = 'random.normal(0.0, 0.1, size={size}, chunks={chunks})'\n\
         [results]\nmean = 'x.mean()'\nstd = 'x.std()'\n[random]\nseed = 42\n\
         [cluster]\nkind = '{kind}'\nworkers = {workers}\ncores = 1\nmemory = '500M'\nwalltime = '10'\n"
    )
}

pub(crate) fn finish(driver: &mut Driver<'_>) -> (u64, u64) {
    assert!(driver.wait(LONG).success(), "{}", driver.stderr());
    (bits(&driver.stdout(), "mean"), bits(&driver.stdout(), "std"))
}

pub(crate) fn run(testbed: &Testbed, text: &str) -> (u64, u64) {
    finish(&mut Driver::start(testbed, Starter::Shell, text))
}

/// What 1e10 numbers come to where nothing happens, computed once.
pub(crate) fn expected(testbed: &Testbed) -> (u64, u64) {
    static EXPECTED: OnceLock<(u64, u64)> = OnceLock::new();
    *EXPECTED.get_or_init(|| run(testbed, &text("1e10", "-1", "threads", 2)))
}

fn bits_do_not_depend_on_cluster_workers_or_chunks(testbed: &Testbed) {
    let expected = run(testbed, &text("1e9", "-1", "threads", 1));
    for (chunks, kind, workers) in [
        ("-1", "threads", 2),
        ("50_000_000", "processes", 2),
        ("12_345_678", "slurm", 1),
        ("50_000_000", "slurm", 4),
        ("-1", "slurm", 4),
    ] {
        let found = run(testbed, &text("1e9", chunks, kind, workers));
        assert_eq!(found, expected, "chunks={chunks} on {workers} of {kind}");
    }
}

/// A run that a worker has answered and in which it holds leases; the worker's number and its event.
pub(crate) fn worker_at_work(driver: &Driver<'_>) -> Value {
    let counted = |events: &[Value]| {
        let registered: Vec<Value> = events.iter().filter(|event| is(event, "registered")).cloned().collect();
        let worker = registered.into_iter().find(|worker| {
            let of_worker = |event: &&Value| event["worker"] == worker["worker"];
            let answers = events.iter().filter(|event| is(event, "answered") && event["counted"] == true);
            answers.filter(of_worker).count() >= 3
        });
        worker.filter(|_| events.iter().filter(|event| is(event, "registered")).count() >= 2)
    };
    driver.wait_until("a worker has answered leases", LONG, |events| counted(events).is_some());
    counted(&driver.events()).expect("just seen")
}

pub(crate) fn of<'a>(
    events: &'a [Value],
    kind: &'static str,
    worker: &'a Value,
) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| is(event, kind) && event["worker"] == worker["worker"])
}

fn worker_cancelled_half_way_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &text("1e10", "50_000_000", "slurm", 3));
    let worker = worker_at_work(&driver);
    let before = of(&driver.events(), "answered", &worker).count();
    testbed.scancel(&[worker["job"].as_str().expect("a job")]);
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    assert!(of(&events, "left", &worker).count() + of(&events, "lost", &worker).count() == 1);
    // What it held was handed in cut short, or lost.
    let length = |lease: &Value| {
        let leased = events.iter().find(|event| is(event, "leased") && event["lease"] == *lease);
        leased.map_or(0, |leased| leased["end"].as_u64().unwrap_or(0) - leased["first"].as_u64().unwrap_or(0))
    };
    let cut = of(&events, "answered", &worker)
        .filter(|answer| answer["finished"].as_u64().expect("a count") < length(&answer["lease"]));
    let lost = of(&events, "lost", &worker).filter(|lost| lost["leases"].as_u64() > Some(0));
    assert!(before >= 1 && cut.count() + lost.count() >= 1, "the fault missed the run");
}

fn worker_killed_half_way_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &text("1e10", "12_345_678", "slurm", 3));
    let worker = worker_at_work(&driver);
    signal(driver.worker_process(&worker), Signal::SIGKILL);
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    let lost: Vec<&Value> = of(&events, "lost", &worker).collect();
    assert_eq!(lost.len(), 1);
    assert!(lost[0]["leases"].as_u64() >= Some(1), "{lost:?}");
    assert!(of(&events, "answered", &worker).any(|answer| answer["counted"] == true));
}

/// Kills the driver once a checkpoint of its run was made that there was not before.
fn kill_when_kept(testbed: &Testbed, driver: &mut Driver<'_>, before: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let run = driver.run_directory();
    let kept = || ["checkpoint-0", "checkpoint-1"].map(|name| fs::read(run.join(name)).unwrap_or_default());
    let new = |one: &Vec<u8>| !one.is_empty() && !before.contains(one);
    testbed.wait_until("a checkpoint is kept", LONG, || kept().iter().all(new));
    driver.child.kill().expect("it runs");
    let status = driver.wait(LONG);
    assert!(!status.success(), "it had come to its end: {}", driver.stdout());
    kept().to_vec()
}

fn run_is_gone_on_with_after_its_driver_was_killed_twice(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &text("1e10", "-1", "slurm", 2));
    worker_at_work(&driver);
    let kept = kill_when_kept(testbed, &mut driver, &[]);
    let orphans = driver.worker_jobs();
    assert!(!orphans.is_empty(), "its jobs ended before it was killed");
    let id = driver.run_directory().file_name().expect("a name").to_string_lossy().into_owned();

    driver.resume(&[&id]);
    let answers = |events: &[Value]| events.iter().filter(|event| is(event, "registered")).count();
    driver.wait_until("workers of the second driver are there", LONG, |events| answers(events) >= 3);
    let left = driver.worker_jobs();
    assert!(left.iter().all(|job| orphans.iter().all(|orphan| orphan.id != job.id)), "{left:?}");
    kill_when_kept(testbed, &mut driver, &kept);

    driver.resume(&[&id, "--cluster=threads", "--cores=2"]);
    assert_eq!(finish(&mut driver), expected);
    assert_eq!(driver.worker_jobs().len(), 0);
}
