//! A driver that `squall submit` has submitted and that Slurm starts again: it goes on from where it was.

use crate::drive::bits;
use crate::faults::{LONG, text};
use crate::program::events::Events;
use crate::support::Testbed;
use crate::support::harness::cases;
use std::fs;
use std::path::{Path, PathBuf};

cases![requeued_driver_goes_on_from_its_checkpoint];

/// `squall` as the user, which has to go well; returns what it printed.
fn squall(testbed: &Testbed, directory: &Path, arguments: &[&str]) -> String {
    let mut command = testbed.command(testbed.program());
    let output = command.args(arguments).current_dir(directory).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A submitted driver: its job, its log, and its run.
struct Submitted {
    job: String,
    log: PathBuf,
    run: PathBuf,
}

fn submit(testbed: &Testbed, directory: &Path) -> Submitted {
    let said = squall(testbed, directory, &["submit", "run.toml"]);
    let job = said.split_once("as job ").and_then(|(_, rest)| rest.split_once(':')).expect("its job").0;
    let log = said.lines().find_map(|line| line.strip_prefix("its log, with the results: "));
    let run = fs::read_dir(directory.join(".squall")).expect("a run").flatten().next().expect("one").path();
    Submitted { job: job.to_owned(), log: log.expect("its log").into(), run }
}

fn requeued_driver_goes_on_from_its_checkpoint(testbed: &Testbed) {
    let directory = testbed.directory("requeue");
    fs::write(directory.join("run.toml"), text("1e10", "-1", "threads", 1)).expect("written");
    let undisturbed = squall(testbed, &directory, &["run", "run.toml", "--cores=2"]);
    let _ = fs::remove_dir_all(directory.join(".squall"));
    fs::write(directory.join("run.toml"), text("1e10", "-1", "slurm", 2)).expect("written");
    let submitted = submit(testbed, &directory);
    let job = submitted.job.as_str();
    let kept = || ["checkpoint-0", "checkpoint-1"].iter().all(|name| submitted.run.join(name).exists());
    testbed.wait_until("a checkpoint is kept", LONG, kept);
    testbed.scontrol(&["requeue", job]);
    let state = || testbed.jobs().into_iter().find(|one| one.id.to_string() == job).map(|one| one.state);
    testbed.wait_until("it waits to be started again", LONG, || state().as_deref() == Some("PENDING"));
    let log = fs::read_to_string(&submitted.log).expect("a log");
    assert!(!log.contains("mean = "), "it had come to its end: {log}");
    let before: Vec<String> =
        Events::of(&submitted.run).expect("there are some").jobs().into_iter().map(|(_, job)| job).collect();
    assert!(!before.is_empty());
    // It will start again, so the run is nobody else's.
    if !submitted.run.join("ended").exists() {
        assert!(squall(testbed, &directory, &["reap"]).contains("its driver lives"));
    }
    // Slurm would have it wait for two minutes. Not at once: for some seconds the node takes it for the job that was just
    // revoked.
    testbed.scontrol(&["update", &format!("JobId={job}"), "StartTime=now+5seconds"]);
    testbed.wait_until("the log holds the results", LONG, || {
        fs::read_to_string(&submitted.log).is_ok_and(|text| text.contains("std = "))
    });
    testbed.wait_until("no job is left", LONG, || testbed.no_job_left());
    let log = fs::read_to_string(&submitted.log).expect("a log");
    for name in ["mean", "std"] {
        assert_eq!(bits(&log, name), bits(&undisturbed, name));
    }
    let events = Events::of(&submitted.run).expect("there are some");
    let again = events.all("stage").last().expect("a stage began again");
    assert!(again["done"].as_u64() > Some(0), "it began anew: {again}");
    let after = events.jobs().into_iter().map(|(_, job)| job).filter(|job| !before.contains(job));
    assert!(after.count() >= 1, "the second driver had no workers of its own");
    assert_eq!(events.all("opened").count(), 2, "it was started twice");
}
