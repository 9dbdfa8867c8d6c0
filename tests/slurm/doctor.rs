//! `squall doctor` on a real Slurm: what it reports of a healthy one, and of workers and jobs that are not.

use crate::support::Testbed;
use crate::support::harness::cases;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

cases![
    healthy_slurm_is_reported_hop_by_hop,
    worker_on_fewer_cpus_than_its_job_was_asked_for_is_warned_of,
    every_pool_is_examined_though_one_fails,
    held_job_is_told_with_its_reason_and_cancelled,
    worker_that_cannot_reach_the_driver_names_the_addresses,
];

/// The command, and the directory that it works in.
fn doctor(testbed: &Testbed, arguments: &[&str]) -> (Command, PathBuf) {
    let directory = testbed.directory("doctor");
    let mut command = testbed.command(testbed.program());
    command.arg("doctor").args(arguments).current_dir(&directory);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, directory)
}

/// Examines with these arguments; nothing may be left whatever comes of it.
fn examined(testbed: &Testbed, arguments: &[&str]) -> (Output, String, String) {
    let (mut command, directory) = doctor(testbed, arguments);
    let output = command.output().expect("started");
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
    let runs = directory.join(".squall").read_dir().map_or(0, Iterator::count);
    assert_eq!(runs, 0, "its run directory is left\n{stdout}{stderr}");
    (output, stdout, stderr)
}

/// The lines that begin with a word.
fn lines<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.split_whitespace().next() == Some(word)).collect()
}

const ASKED: [&str; 3] = ["--cluster=slurm", "--memory=200M", "--walltime=5"];

fn every_pool_is_examined_though_one_fails(testbed: &Testbed) {
    let pools = ["--set=pool.wrong.partition=nowhere", "--set=pool.right.partition=short"];
    let arguments = ["--cluster=slurm", "--memory=200M", "--walltime=1", pools[0], pools[1]];
    let (output, stdout, stderr) = examined(testbed, &arguments);
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stderr.contains("there is no partition `nowhere`"), "{stdout}{stderr}");
    let (_, right) = stdout.split_once("pool right").expect("the second one is examined");
    assert!(right.contains("asked for one worker: job ") && right.contains("all is well"), "{stdout}");
    assert!(
        !stdout.split("pool right").next().is_some_and(|wrong| wrong.contains("all is well")),
        "{stdout}"
    );
}

fn healthy_slurm_is_reported_hop_by_hop(testbed: &Testbed) {
    let (output, stdout, stderr) = examined(testbed, &[&ASKED[..], &["--cores=1"]].concat());
    assert!(output.status.success(), "{stdout}{stderr}");
    for part in [
        "sbatch is /",
        "asked for one worker: job ",
        "worker: the environment is that of job ",
        "worker: asked for 1 CPU, may use 1 by ",
        "worker: asked for 200M, may use 200M by ",
        "worker: limits: ",
        "worker: read the run directory within ",
        "worker: the driver is at ",
        "a task went there and its answer came back within ",
        "what it writes there is seen here 0.",
        "the run directory is removed",
        "all is well",
    ] {
        assert!(lines(&stdout, "ok").iter().any(|line| line.contains(part)), "no `{part}` in\n{stdout}");
    }
    assert!(lines(&stdout, "warn").is_empty() && lines(&stdout, "FAIL").is_empty(), "{stdout}");
}

fn worker_on_fewer_cpus_than_its_job_was_asked_for_is_warned_of(testbed: &Testbed) {
    // The shell that the worker replaces keeps one of the CPUs that it may use.
    let first = "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')";
    let prologue = format!("--set=slurm.prologue=[\"taskset -cp {first} $$\"]");
    let (output, stdout, stderr) = examined(testbed, &[&ASKED[..], &["--cores=2", &prologue]].concat());
    assert!(output.status.success(), "{stdout}{stderr}");
    let warned = lines(&stdout, "warn");
    let told = "asked for 2 CPUs, may use 1 by its affinity mask";
    assert!(warned.len() == 1 && warned[0].ends_with(told), "{stdout}");
}

fn held_job_is_told_with_its_reason_and_cancelled(testbed: &Testbed) {
    let hold = "--set=slurm.directives=[\"--hold\"]";
    let (output, stdout, stderr) = examined(testbed, &[&ASKED[..], &[hold, "--timeout=8"]].concat());
    assert_eq!(output.status.code(), Some(4), "{stdout}{stderr}");
    assert!(lines(&stdout, "wait").iter().any(|line| line.contains("PENDING (JobHeldUser)")), "{stdout}");
    assert_eq!(lines(&stdout, "FAIL").len(), 1, "{stdout}");
    assert!(stderr.contains("hint: the job is held"), "{stderr}");
}

fn worker_that_cannot_reach_the_driver_names_the_addresses(testbed: &Testbed) {
    // A name that no resolver may know (RFC 6761).
    let nowhere = ["--set=cluster.host=driver.invalid", "--set=cluster.death_timeout=5"];
    let (output, stdout, stderr) = examined(testbed, &[&ASKED[..], &nowhere].concat());
    assert_eq!(output.status.code(), Some(4), "{stdout}{stderr}");
    assert!(stdout.contains("sees the run directory"), "{stdout}");
    assert!(stderr.contains("driver.invalid ") && stderr.contains("hint: a firewall may be"), "{stderr}");
}
