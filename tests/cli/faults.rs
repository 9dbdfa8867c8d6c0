//! Workers and drivers that are killed or stopped while they work: the bits stay, and nothing is left behind.
//! The events prove that the fault came in the middle of the work.

use std::io::{Read, Write};
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fake::Fake;
use crate::processes::{assert_no_process_of, assert_none_within, processes_of};
use crate::support::events::Events;
use crate::support::running::Running;
use crate::support::{Place, until};

/// So much that a fault comes in its middle on any machine.
const EXPRESSION: &str = "random.normal(0, 0.1, size=1e10).mean()";
/// A worker that loses its driver looks for it for 5 s; the rest is for a busy machine.
const ORPHANS_GONE: Duration = Duration::from_secs(20);

/// What it is when nothing happens, computed once.
static UNDISTURBED: LazyLock<u64> =
    LazyLock::new(
        || Place::new().run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok().bits()["result"],
    );

/// Starts the computation on two processes; returns it, and a worker that has answered a lease and holds one.
fn busy(place: &Place) -> (Running, u64) {
    let flags = ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];
    let mut running = place.start(["run", "-e", EXPRESSION].into_iter().chain(flags));
    let worker = running.until_events("a worker answered a lease", Events::busy_worker);
    (running, worker)
}

fn process(running: &Running, worker: u64) -> Pid {
    let events = running.events().expect("there are events");
    Pid::from_raw(events.job(worker).parse().expect("a local worker's job is its process"))
}

#[test]
fn worker_killed_while_it_works_leaves_the_bits_unchanged() {
    let place = Place::new();
    let (running, worker) = busy(&place);
    let run = running.run_directory().expect("it runs");
    kill(process(&running, worker), Signal::SIGKILL).expect("it works");
    let outcome = running.wait().ok();
    let events = Events::of(&run).expect("they stay");
    assert!(events.counted_answers(worker) >= 1, "the lost worker had not answered a lease");
    assert!(events.leases_lost(worker) >= Some(1), "the lost worker held no lease");
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn run_goes_on_with_those_that_replace_its_lost_workers() {
    let place = Place::new();
    let (mut running, worker) = busy(&place);
    let run = running.run_directory().expect("it runs");
    let first = running.events().expect("there are events").jobs();
    for process in processes_of(&place) {
        kill(process, Signal::SIGKILL).expect("it works");
    }
    let replaced = |events: &Events| {
        let jobs = events.jobs();
        let other = |number: &u64| !first.iter().any(|(known, _)| known == number);
        let works = |number: u64| events.counted_answers(number) > 0;
        jobs.iter().any(|(number, _)| other(number) && works(*number)).then_some(())
    };
    running.until_events("another worker works", replaced);
    let outcome = running.wait().ok();
    assert!(Events::of(&run).expect("they stay").leases_lost(worker) >= Some(1));
    assert!(
        outcome.stderr.contains("more workers are started")
            || outcome.stderr.contains("another worker is started")
    );
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn twin_finishes_what_a_stopped_worker_holds_and_leaves_the_bits_unchanged() {
    let place = Place::new();
    let (running, worker) = busy(&place);
    let run = running.run_directory().expect("it runs");
    kill(process(&running, worker), Signal::SIGSTOP).expect("it works");
    let outcome = running.wait().ok();
    let events = Events::of(&run).expect("they stay");
    assert!(events.counted_answers(worker) >= 1, "the stopped worker had not answered a lease");
    let twins = events.twins();
    assert!(
        twins.iter().any(|(first, second)| first.worker == worker && second.worker != worker),
        "no range of worker {worker} was given to another one: {twins:?}"
    );
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn worker_stopped_beyond_the_death_timeout_is_lost_and_comes_back_as_another_one() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];
    let timeout = ["--set=cluster.death_timeout=6"];
    let mut running = place.start(["run", "-e", EXPRESSION].into_iter().chain(flags).chain(timeout));
    let worker = running.until_events("a worker answered a lease", Events::busy_worker);
    let (run, process) = (running.run_directory().expect("it runs"), process(&running, worker));
    kill(process, Signal::SIGSTOP).expect("it works");
    running.until_events("it is given up", |events| events.leases_lost(worker));
    kill(process, Signal::SIGCONT).expect("it is there");
    let another = |events: &Events| {
        let jobs = events.jobs();
        let again = jobs.iter().find(|(number, job)| *number != worker && *job == process.to_string())?.0;
        (events.counted_answers(again) > 0).then_some(())
    };
    running.until_events("it works as another one", another);
    let outcome = running.wait().ok();
    let lost = Events::of(&run).expect("they stay");
    let lost = lost.all("lost").next().expect("it was lost")["cause"].to_string();
    assert_eq!(lost, "\"it has been silent for 6 s\"");
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn driver_stopped_beyond_the_death_timeout_says_who_missed_whom_and_is_gone_on_with() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];
    let timeout = ["--set=cluster.death_timeout=5", "--set=cluster.replacements=0"];
    let mut running = place.start(["run", "-e", EXPRESSION].into_iter().chain(flags).chain(timeout));
    let kept = |running: &Running| running.run_directory()?.join("checkpoint-0").exists().then_some(());
    running.until("a checkpoint is kept", kept);
    let run = running.run_directory().expect("it runs");
    running.signal(Signal::SIGSTOP);
    // Those that have ended stay as zombies until the driver goes on.
    assert_none_within(&place, ORPHANS_GONE);
    running.signal(Signal::SIGCONT);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("it had not heard of the driver for too long"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("it has been silent"), "{}", outcome.stderr);
    let id = run.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(place.run(["resume", &id]).ok().bits()["result"], *UNDISTURBED);
}

#[test]
fn orphans_of_a_killed_driver_go_by_themselves() {
    let place = Place::new();
    let (running, _) = busy(&place);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().code(), -(Signal::SIGKILL as i32));
    assert_eq!(processes_of(&place).len(), 2, "the workers were there when the driver was killed");
    assert_none_within(&place, ORPHANS_GONE);
}

#[test]
fn second_signal_ends_a_worker_that_cannot_leave() {
    let place = Place::new();
    let (mut running, worker) = busy(&place);
    kill(process(&running, worker), Signal::SIGSTOP).expect("it works");
    running.signal(Signal::SIGTERM);
    running.until("the end began", |running| running.stderr().contains("\nending: ").then_some(()));
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    assert_no_process_of(&place);
}

#[test]
fn worker_asked_to_end_hands_in_what_it_has_and_leaves_the_bits_unchanged() {
    let place = Place::new();
    let (running, worker) = busy(&place);
    let run = running.run_directory().expect("it runs");
    kill(process(&running, worker), Signal::SIGTERM).expect("it works");
    let outcome = running.wait().ok();
    let events = Events::of(&run).expect("they stay");
    assert!(events.all("left").any(|event| event["worker"] == worker), "it has not left in order");
    assert_eq!(events.leases_lost(worker), None);
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn loss_of_all_workers_is_an_error_that_says_how_they_ended() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.replacements=0"];
    let mut running = place.start(["run", "-e", EXPRESSION].into_iter().chain(flags));
    let worker = running.until_events("a worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    for process in processes_of(&place) {
        kill(process, Signal::SIGKILL).expect("it works");
    }
    let outcome = running.wait();
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (4, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nerror: no worker is left\ncause: worker "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" ended: signal: 9 (SIGKILL)"), "{}", outcome.stderr);
    assert!(Events::of(&run).expect("they stay").leases_lost(worker) >= Some(1));
    assert_no_process_of(&place);
}

#[test]
fn hangup_that_is_ignored_as_under_nohup_ends_nothing() {
    let inside = Place::new();
    let directory = inside.directory().to_owned();
    let home = directory.join("home");
    let place = Place::elsewhere(directory, move || {
        let mut command = std::process::Command::new("/usr/bin/env");
        command.args(["--ignore-signal=HUP", env!("CARGO_BIN_EXE_squall")]).env_clear().env("HOME", &home);
        command
    });
    let (mut running, _) = busy(&place);
    running.signal(Signal::SIGHUP);
    let answers = |events: &Events| events.all("answered").count();
    let before = running.events().map_or(0, |events| answers(&events));
    running.until_events("more answers came", |events| (answers(events) > before + 2).then_some(()));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), 143);
    assert_no_process_of(&inside);
}

/// As with Ctrl-S, or a pager that is paused.
#[test]
fn standard_error_that_nobody_reads_holds_up_neither_the_work_nor_the_end() {
    let place = Place::new();
    let (mut full, theirs) = std::io::pipe().expect("a pipe");
    let filled =
        nix::fcntl::fcntl(&theirs, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).expect("it can be small");
    theirs
        .try_clone()
        .expect("a descriptor")
        .write_all(&vec![b'x'; filled as usize])
        .expect("it takes that much");
    let flags = ["--cluster=processes", "--workers=2", "--seed=1"];
    let mut command = place.command(["run", "-e", EXPRESSION].into_iter().chain(flags));
    let mut child = command.stdout(std::process::Stdio::null()).stderr(theirs).spawn().expect("it starts");
    drop(command);
    let answered = || {
        let run = place.runs().pop()?;
        Events::of(&run)?.busy_worker()
    };
    until("a worker answered", crate::support::PATIENCE, answered, String::new);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("it runs");
    // The driver's last words wait for a reader; its workers do not.
    assert_none_within(&place, Duration::from_secs(10));
    let mut words = Vec::new();
    full.read_to_end(&mut words).expect("they can be read");
    assert_eq!(child.wait().expect("a child").code(), Some(143));
    assert_no_process_of(&place);
}

#[test]
fn standard_error_that_takes_nothing_is_no_failure() {
    let place = Place::new();
    for arguments in [vec!["run", "-e", "random.random(size=10).sum()"], vec!["run", "nowhere.toml"]] {
        let refused = arguments.contains(&"nowhere.toml");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let status = place.command(arguments).stderr(full).status().expect("it starts");
        assert_eq!(status.success(), !refused);
        assert_ne!(status.code(), Some(101), "it panicked");
    }
}

#[test]
fn four_of_eight_workers_are_better_than_an_error() {
    // A site that allows five jobs of a user: the first array of four fits, one more worker does, and no other.
    let sbatch = "size=1\nfor word; do case $word in --array=*) size=$((${word##*-} + 1));; esac; done\n\
                  cd \"$FAKE_SLURM\"; there=$(cat there 2>/dev/null || echo 0)\n\
                  if [ $((there + size)) -gt 5 ]; then\n\
                  echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1; fi\n\
                  echo $((there + size)) >there; echo $((57 + there))";
    let site = ("scontrol", "echo 'MaxArraySize = 1001'");
    let fake = Fake::new(&[("sbatch", sbatch), ("squeue", "echo"), ("scancel", ":"), site]);
    let flags = ["--cluster=slurm", "--workers=8"];
    let mut running = fake.place.start(["run", "-e", EXPRESSION].into_iter().chain(flags));
    let says = |running: &Running| running.stderr().contains("3 workers cannot be started yet").then_some(());
    running.until("it says how many have to wait", says);
    let again = |_: &Running| (fake.calls("sbatch").len() >= 6).then_some(());
    running.until("it has tried again", again);
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("QOSMaxSubmitJobPerUserLimit"), "{}", outcome.stderr);
    let asked =
        |call: &String| call.split(' ').find_map(|word| word.strip_prefix("--array=").map(str::to_owned));
    let asked: Vec<_> = fake.calls("sbatch").iter().map(asked).take(5).collect();
    let arrays = [Some("0-7"), Some("0-3"), Some("0-3"), Some("0-1"), None];
    assert_eq!(asked, arrays.map(|array| array.map(str::to_owned)));
}

#[test]
fn job_that_vanished_from_the_queue_is_cancelled_all_the_same() {
    // Slurm shows the job once, then answers without it: that says nothing of whether it is there.
    let queue = "\
        [ \"$(wc -l < \"$FAKE_SLURM/squeue.calls\")\" -gt 1 ] && exit 0\n\
        echo '57|57|N/A|PENDING||N/A|Priority|sq-any'";
    let fake = Fake::new(&[("sbatch", "echo 57"), ("squeue", queue), ("scancel", ":")]);
    let outcome = fake.place.run(["run", "--cluster=slurm", "-e", EXPRESSION]);
    assert_eq!(outcome.code(), 4);
    // There is no accounting here, which nobody needs to be told.
    assert!(!fake.calls("sacct").is_empty());
    assert!(outcome.stderr.contains("UNKNOWN") && !outcome.stderr.contains("sacct"), "{}", outcome.stderr);
    assert!(fake.calls("squeue").len() > 3, "one look without it is taken for its end");
    let cancelled = fake.calls("scancel");
    let words: Vec<&str> = cancelled.iter().flat_map(|call| call.split(' ')).collect();
    assert!(
        words.contains(&"57") && words.iter().any(|word| word.starts_with("--name=sq-")),
        "{cancelled:?}"
    );
}
