//! `squall doctor` with a worker that is a process, and against fakes of Slurm's commands for jobs that do not start.
//! `tests/slurm/doctor.rs` asks a real Slurm.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::fake::Fake;
use crate::support::Place;
use nix::sys::signal::Signal;

/// A program that runs the worker on one CPU.
fn confined(place: &Place) -> String {
    let program = env!("CARGO_BIN_EXE_squall");
    let path = place.write("confined", &format!("#!/bin/sh\nexec /usr/bin/taskset -c 0 {program} \"$@\"\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("one's own file");
    format!("--set=cluster.program={}", path.display())
}

/// The lines that begin with a word.
fn lines<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.split_whitespace().next() == Some(word)).collect()
}

#[test]
fn healthy_worker_is_reported_hop_by_hop_and_nothing_is_left() {
    let place = Place::new();
    let said = place.run(["doctor", "--cluster=processes", "--cores=1"]).ok().stdout;
    for part in [
        "the run directory ",
        "asked for one worker: local processes",
        " has connected, ",
        "worker: asked for 1 CPU, may use ",
        "worker: limits: ",
        "worker: read the run directory within ",
        "worker: the driver is at 127.0.0.1/8 ",
        "a task went there and its answer came back within ",
        "sees the run directory",
        "what it writes there is seen here 0.",
        "the clock of ",
        "the worker has left, and the run directory is removed",
    ] {
        assert!(lines(&said, "ok").iter().any(|line| line.contains(part)), "no `{part}` in\n{said}");
    }
    assert_eq!(lines(&said, "ok").len(), said.lines().count(), "{said}");
    assert!(said.trim_end().ends_with("all is well"), "{said}");
    assert_eq!(place.runs(), Vec::<PathBuf>::new());
}

#[test]
fn worker_that_has_fewer_cpus_than_asked_for_is_warned_of() {
    let place = Place::new();
    let program = confined(&place);
    let said = place.run(["doctor", "--cluster=processes", "--cores=2", &program]).ok().stdout;
    let [warned] = lines(&said, "warn")[..] else { panic!("one warning in\n{said}") };
    assert!(warned.ends_with(": asked for 2 CPUs, may use 1 by its affinity mask"), "{warned}");
    assert!(said.trim_end().ends_with("it works, with one warning"), "{said}");
}

#[test]
fn warning_of_several_workers_is_told_once_by_the_driver() {
    let place = Place::new();
    let program = confined(&place);
    let line =
        ["run", "--cluster=processes", "--cores=2", "--workers=3", "-e", "random.random(size=3e7).mean()"];
    let wait_for_all = "--set=cluster.minimum_workers=3";
    let outcome = place.run(line.iter().copied().chain([program.as_str(), wait_for_all])).ok();
    let warned = "asked for 2 CPUs, may use 1 by its affinity mask";
    assert_eq!(outcome.stderr.matches(warned).count(), 1, "{}", outcome.stderr);
    // All three have said so.
    let run = place.runs().pop().expect("one run");
    let events = std::fs::read_to_string(run.join("events.jsonl")).expect("its events");
    let found = events.lines().filter(|line| line.contains("\"found\"") && line.contains(warned));
    assert_eq!(found.count(), 3, "{events}");
}

#[test]
fn threads_have_nothing_to_examine() {
    let outcome = Place::new().run(["doctor", "--cluster=threads"]);
    assert_eq!(outcome.code(), 2, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("hint: use --cluster slurm or --cluster processes"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn machine_without_slurm_is_told_so() {
    let place = Place::new();
    let outcome = place.run(["doctor"]);
    assert_eq!(outcome.code(), 3, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("FAIL") && outcome.stdout.contains("no `sbatch` on this machine"));
    assert_eq!(place.runs(), Vec::<PathBuf>::new());
}

/// A Slurm that takes a job and lets it wait.
fn waiting() -> Fake {
    let queue =
        "[ -f $FAKE_SLURM/cancelled ] || echo \"57|57|N/A|PENDING||N/A|Priority|$(cat $FAKE_SLURM/name)\"";
    Fake::new(&[
        ("scontrol", "echo 'MaxArraySize = 1001'"),
        ("sbatch", "for a; do case $a in --job-name=*) echo ${a#*=} >$FAKE_SLURM/name;; esac; done; echo 57"),
        ("squeue", queue),
        ("scancel", "touch $FAKE_SLURM/cancelled"),
    ])
}

#[test]
fn job_that_does_not_start_in_time_is_cancelled_and_its_reason_told() {
    let fake = waiting();
    let outcome = fake.place.run(["doctor", "--cluster=slurm", "--timeout=3"]);
    assert_eq!(outcome.code(), 4, "{}{}", outcome.stdout, outcome.stderr);
    let waits = lines(&outcome.stdout, "wait");
    assert!(waits.iter().any(|line| line.ends_with("job 57 is PENDING (Priority)")), "{}", outcome.stdout);
    let [failed] = lines(&outcome.stdout, "FAIL")[..] else { panic!("{}", outcome.stdout) };
    assert!(failed.contains(": it has not come within 3 s"), "{failed}");
    assert!(outcome.stderr.contains("cause: job 57 is PENDING (Priority)\n"), "{}", outcome.stderr);
    assert!(!fake.calls("scancel").is_empty());
    assert_eq!(fake.place.runs(), Vec::<PathBuf>::new());
}

#[test]
fn examination_that_is_interrupted_cancels_its_job() {
    let fake = waiting();
    let mut doctor = fake.place.start(["doctor", "--cluster=slurm"]);
    doctor.until("the job waits", |_| (!fake.calls("squeue").is_empty()).then_some(()));
    doctor.signal(Signal::SIGINT);
    let outcome = doctor.wait();
    assert_eq!(outcome.code(), 130, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("interrupted by signal INT"), "{}", outcome.stdout);
    assert!(!fake.calls("scancel").is_empty());
    assert_eq!(fake.place.runs(), Vec::<PathBuf>::new());
}

#[test]
fn refusal_of_sbatch_is_told_in_slurms_words_and_leaves_nothing() {
    let refused = "echo 'sbatch: error: Batch job submission failed: Invalid qos specification' >&2; exit 1";
    let scontrol = "echo 'MaxArraySize = 1001'";
    let answers = [("scontrol", scontrol), ("sbatch", refused), ("squeue", ":"), ("scancel", ":")];
    let fake = Fake::new(&answers);
    let outcome = fake.place.run(["doctor", "--cluster=slurm"]);
    assert_eq!(outcome.code(), 3, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains("Invalid qos specification"), "{}", outcome.stderr);
    assert_eq!(lines(&outcome.stdout, "FAIL").len(), 1, "{}", outcome.stdout);
    assert_eq!(fake.place.runs(), Vec::<PathBuf>::new());
}
