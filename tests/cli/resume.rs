//! Runs whose driver ended before they did, gone on with: the same bits, nothing computed twice that was kept, and a
//! true word where that cannot be.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::processes::{assert_no_process_of, assert_none_within};
use crate::support::Place;
use crate::support::events::Events;
use crate::support::running::Running;

/// So much that a driver ends in its middle on any machine.
const EXPRESSION: &str = "random.normal(0, 0.1, size=4e9).std()";
const PROCESSES: [&str; 3] = ["--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];

/// Starts a run, and waits until a checkpoint of it is kept.
fn kept(place: &Place, arguments: &[&str]) -> Running {
    let mut running = place.start(arguments.iter().copied().chain(["--seed=1"]));
    running.until("a checkpoint is kept", |running| {
        let run = running.run_directory()?;
        (run.join("checkpoint-0").exists() && run.join("checkpoint-1").exists()).then_some(())
    });
    running
}

/// Kills the driver of a run of which a checkpoint is kept; returns the run.
fn killed(place: &Place) -> PathBuf {
    let running = kept(place, &[&["run", "-e", EXPRESSION], &PROCESSES[..]].concat());
    let run = running.run_directory().expect("it runs");
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().code(), -9);
    run
}

fn id(run: &Path) -> String {
    run.file_name().expect("a run has a name").to_string_lossy().into_owned()
}

/// Tasks that were leased, and those that the stage has.
fn leased(events: &Events) -> (u64, u64) {
    let number = |event: &serde_json::Value, field: &str| event[field].as_u64().expect("a number");
    let leased = events.all("leased").map(|event| number(event, "end") - number(event, "first"));
    (leased.sum(), number(events.all("stage").last().expect("a stage began"), "tasks"))
}

#[test]
fn run_of_a_killed_driver_is_gone_on_with_by_other_workers_to_the_same_bits() {
    let place = Place::new();
    let undisturbed = Place::new().run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok().bits();
    let run = killed(&place);
    let before = Events::of(&run).expect("they stay");
    assert!(before.all("stage_done").next().is_none(), "it was done before it was killed");
    let told = place.run(["config"]).ok().stderr;
    let left = format!("run {0} was left by its driver: `squall resume {0}` goes on, ", id(&run));
    assert!(told.contains(&left), "{told}");
    std::fs::remove_file(run.join("events.jsonl")).expect("only those of the second driver are of interest");

    let outcome = place.run(["resume", &id(&run), "--workers=1", "--set=cluster.minimum_workers=1"]).ok();
    assert_eq!(outcome.bits(), undisturbed);
    let (again, tasks) = leased(&Events::of(&run).expect("the second driver has told"));
    assert!(again < tasks, "all {tasks} tasks were leased again");
    assert_none_within(&place, std::time::Duration::from_secs(20));
    assert_eq!(place.run(["config"]).ok().stderr, "", "nothing is left");
    assert_eq!(place.run(["resume", &id(&run)]).ok().bits(), undisturbed, "it is printed again");
}

#[test]
fn arrays_that_were_being_saved_are_finished_by_a_driver_on_threads() {
    let (place, quiet) = (Place::new(), Place::new());
    let file = "[arrays]\nx = 'random.normal(size=(150_000, 2000))'\n\
                [results]\nm = '((x - x.mean(axis=0)) / 2).max()'\n\
                s = 'random.normal(size=4_000_000_000).sum()'\n[save]\nx = 'x.npy'\n";
    for place in [&place, &quiet] {
        place.write("run.toml", file);
    }
    let undisturbed = quiet.run(["run", "run.toml", "--seed=1", "--cores=2"]).ok();
    let running = kept(&place, &[&["run", "run.toml"], &PROCESSES[..]].concat());
    let run = running.run_directory().expect("it runs");
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    let hint = format!("squall resume {}", id(&run));
    assert!(outcome.stderr.contains(&hint), "{}", outcome.stderr);
    assert!(!place.directory().join("x.npy").exists());

    let outcome = place.run(["resume", &id(&run), "--cluster=threads", "--cores=2"]).ok();
    assert_eq!(outcome.stdout, undisturbed.stdout);
    let [one, other] = [&quiet, &place].map(|place| place.directory().join("x.npy"));
    let equal = std::process::Command::new("cmp").args([&one, &other]).status().expect("cmp runs");
    assert!(equal.success(), "the files differ");
    let left = std::fs::read_dir(place.directory()).expect("listed");
    let names: Vec<String> =
        left.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".partial")), "{names:?}");
    let again = place.run(["resume", &id(&run)]);
    assert!(again.stderr.contains("has no checkpoint to go on from"), "{}", again.stderr);
    assert_no_process_of(&place);
}

#[test]
fn run_that_still_goes_on_is_left_alone() {
    let place = Place::new();
    let running = kept(&place, &[&["run", "-e", EXPRESSION], &PROCESSES[..]].concat());
    let run = running.run_directory().expect("it runs");
    let refused = place.run(["resume", &id(&run)]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("goes on already"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("process {} on ", running.pid())), "{}", refused.stderr);
    running.wait().ok();
}

#[test]
fn run_whose_file_has_changed_is_refused_before_anything_starts() {
    let place = Place::new();
    place.write(
        "make.toml",
        "[arrays]\nx = 'random.random(size=20_000_000)'\n[results]\nm='x.mean()'\n[save]\nx = 'x.npy'\n",
    );
    place.run(["run", "make.toml", "--seed=1"]).ok();
    let reads = "(load('x.npy').reshape(20_000_000, 1) + random.random(size=(1, 400))).std()";
    let running = kept(&place, &[&["run", "-e", reads], &PROCESSES[..]].concat());
    let run = running.run_directory().expect("it runs");
    running.signal(Signal::SIGKILL);
    running.wait();
    let path = place.directory().join("x.npy");
    let bytes = std::fs::read(&path).expect("it is there");
    std::fs::write(&path, bytes).expect("written again");
    let refused = place.run(["resume", &id(&run)]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("x.npy` has changed"), "{}", refused.stderr);
    assert_none_within(&place, std::time::Duration::from_secs(20));
}

#[test]
fn long_run_on_threads_is_kept_from_its_tenth_second_on() {
    let place = Place::new();
    let running = kept(&place, &["run", "-e", "random.normal(size=1e13).mean()", "--cores=1"]);
    let run = running.run_directory().expect("it has one by now");
    running.signal(Signal::SIGKILL);
    running.wait();
    let content = |name: &str| std::fs::read(run.join(name)).expect("it is there");
    let before = ["checkpoint-0", "checkpoint-1"].map(content);
    let mut running = place.start(["resume", &id(&run), "--cores=1"]);
    running.until("both are written anew", |_| {
        let now = ["checkpoint-0", "checkpoint-1"].map(content);
        (now[0] != before[0] && now[1] != before[1]).then_some(())
    });
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&format!("squall resume {}", id(&run))), "{}", outcome.stderr);
}

#[test]
fn run_with_another_seed_is_refused_with_both() {
    let place = Place::new();
    let run = killed(&place);
    let refused = place.run(["resume", &id(&run), "--seed=2"]);
    assert_eq!(refused.code(), 2);
    for word in ["error: the plan has changed\n", "\ncause: the seed was 0x1, and is 0x2\n"] {
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
    assert_none_within(&place, std::time::Duration::from_secs(20));
}

#[test]
fn run_whose_checkpoints_are_damaged_is_refused_with_a_true_word() {
    let place = Place::new();
    let run = killed(&place);
    for name in ["checkpoint-0", "checkpoint-1"] {
        std::fs::write(run.join(name), "").expect("written");
    }
    let refused = place.run(["resume", &id(&run)]);
    assert_eq!(refused.code(), 5);
    let what = format!("error: no checkpoint of run {} can be used\n", id(&run));
    assert!(refused.stderr.contains(&what), "{}", refused.stderr);
    assert_none_within(&place, std::time::Duration::from_secs(20));
}

#[test]
fn several_that_go_on_with_one_run_at_once_are_one() {
    let place = Place::new();
    let undisturbed = Place::new().run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok().bits();
    let run = killed(&place);
    let several: Vec<Running> = (0..4).map(|_| place.start(["resume", &id(&run)])).collect();
    let outcomes: Vec<_> = several.into_iter().map(Running::wait).collect();
    let done: Vec<_> = outcomes.iter().filter(|outcome| outcome.code() == 0).collect();
    assert_eq!(done.len(), 1, "{:?}", outcomes.iter().map(|outcome| &outcome.stderr).collect::<Vec<_>>());
    assert_eq!(done[0].bits(), undisturbed);
    let told = |text: &str| {
        let words =
            ["somebody else is going on with run", "goes on already", "has no checkpoint to go on from"];
        words.iter().any(|word| text.contains(word))
    };
    assert!(outcomes.iter().all(|outcome| outcome.code() == 0 || told(&outcome.stderr)));
}
