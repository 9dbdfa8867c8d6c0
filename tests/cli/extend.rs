//! Finished runs: extended by new elements alone, to the bits of one run of the whole size; and their results, which
//! are there until they are printed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::processes::{assert_no_process_of, assert_none_within};
use crate::support::events::Events;
use crate::support::running::Outcome;
use crate::support::{PATIENCE, Place, until};

const PROCESSES: [&str; 3] = ["--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];

fn id(run: &Path) -> String {
    run.file_name().expect("a run has a name").to_string_lossy().into_owned()
}

fn the_run(place: &Place) -> PathBuf {
    let [run] = &place.runs()[..] else { panic!("there is one run") };
    run.clone()
}

/// Everything that a reduction of one array can be, with its size written by a name.
fn everything(size: &str) -> String {
    format!(
        "[arrays]\nn = {size:?}\nx = 'random.normal(0.5, 2, size=n, chunks=1_000_000)'\nunused = 'random.random(5)'\n\
         [results]\nmean = 'x.mean()'\nshare = 'x.sum() / n'\nstd = 'x.std(ddof=1)'\nlow = 'x.min()'\n\
         high = 'exp(x).max()'\nwhere_high = 'x.argmax()'\npositive = '(x > 0).sum()'\ntail = 'x[5:].mean()'\n\
         thirds = 'x[::3].sum()'\nback = 'x[::-1].var()'\nfirst = 'x[:1000].sum()'\nany = '(x > 9).any()'\n\
         some = 'nanmean(where(x < 0, np.nan, x))'\nbins = 'histogram(x, bins=5, range=(-3, 3))[0]'\n"
    )
}

/// The results of one run of this size.
fn whole(size: &str) -> String {
    let place = Place::new();
    place.write("run.toml", &everything(size));
    place.run(["run", "run.toml", "--seed=1", "--cores=2"]).ok().stdout
}

/// Elements of the last stage, if all of its tasks were leased once and no others; events are then forgotten.
fn computed(run: &Path) -> u64 {
    let events = Events::of(run).expect("the driver has told");
    let number = |event: &serde_json::Value, field: &str| event[field].as_u64().expect("a number");
    let stages: Vec<&serde_json::Value> = events.all("stage").collect();
    let [stage] = stages[..] else { panic!("one stage: {stages:?}") };
    let mut leased = BTreeMap::new();
    for event in events.all("leased") {
        (number(event, "first")..number(event, "end")).for_each(|task| *leased.entry(task).or_insert(0) += 1);
    }
    assert!(leased.keys().copied().eq(0..number(stage, "tasks")), "{leased:?} of {stage}");
    fs::remove_file(run.join("events.jsonl")).expect("it is there");
    number(stage, "elements")
}

#[test]
fn finished_run_is_extended_by_its_new_elements_alone_again_and_again_on_any_cluster() {
    let place = Place::new();
    place.write("run.toml", &everything("3e6"));
    let first = place.run(["run", "run.toml", "--seed=1"].into_iter().chain(PROCESSES)).ok();
    assert_eq!(first.stdout, whole("3e6"));
    let run = the_run(&place);
    // Each group of results reads the array by itself, and one of them its first 1000 elements alone.
    let each = computed(&run) as f64 / 3e6;
    let only = |computed: u64, new: f64| (0.99..1.01).contains(&(computed as f64 / (each * new)));

    let id = id(&run);
    let extend = |size: &str, flags: &[&str]| {
        let arguments = [&["resume", &id, "--size", size], flags].concat();
        place.run(arguments).ok().stdout
    };
    assert_eq!(extend("7_000_017", &["--cluster=threads", "--cores=2"]), whole("7_000_017"));
    assert!(only(computed(&run), 4_000_017.0), "not the new elements alone");
    let settings = fs::read_to_string(run.join("settings.toml")).expect("they are there");
    assert!(settings.contains("n = \"7000017\"") && settings.contains("size=n"), "{settings}");

    assert_eq!(extend("12e6", &PROCESSES), whole("12e6"));
    assert!(only(computed(&run), 4_999_983.0), "not the new elements alone");
    let again = place.run(["resume", &id]).ok();
    assert_eq!(again.stdout, whole("12e6"));
    assert!(!run.join("events.jsonl").exists(), "something was computed for what was there");
    assert_no_process_of(&place);
}

#[test]
fn one_array_of_one_size_has_exactly_the_new_elements_computed() {
    let place = Place::new();
    let expression = "random.normal(0, 0.1, size=10_000_000).std()";
    place.run(["run", "-e", expression, "--seed=1"].into_iter().chain(PROCESSES)).ok();
    let run = the_run(&place);
    assert_eq!(computed(&run), 10_000_000);
    let extended = place.run(["resume", &id(&run), "--size=30_000_017"]).ok().bits();
    assert_eq!(computed(&run), 20_000_017);
    let expression = expression.replace("10_000_000", "30_000_017");
    let whole = Place::new().run(["run", "-e", &expression, "--seed=1"]).ok().bits();
    assert_eq!(extended, whole);
}

/// So much that its driver can be killed in the middle on any machine.
const LARGE: &str = "12_000_000_011";

#[test]
fn extension_whose_driver_was_killed_leaves_the_old_run_or_goes_on_with_the_new_one() {
    let place = Place::new();
    let expression = |size: &str| format!("random.normal(0, 0.1, size={size}).std()");
    let old = place.run(["run", "-e", &expression("1e6"), "--seed=1"].into_iter().chain(PROCESSES)).ok();
    let run = the_run(&place);
    let names = ["checkpoint-0", "checkpoint-1"];
    let files = || names.map(|name| fs::read(run.join(name)).ok());
    let before = files();
    fs::remove_file(run.join("events.jsonl")).expect("it is there");

    let resume = ["resume", &id(&run), "--size", LARGE];
    let mut running = place.start(resume);
    running.until("both checkpoints are of the extension", |_| {
        let now = files();
        now.iter().zip(&before).all(|(now, before)| now.is_some() && now != before).then_some(())
    });
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait().code(), -9);
    let half_way = files();
    assert_none_within(&place, std::time::Duration::from_secs(20));

    // As if it had been killed before its first checkpoint, when it has said already what it is going to compute.
    for (name, content) in names.iter().zip(&before) {
        let path = run.join(name);
        content
            .as_ref()
            .map_or_else(|| fs::remove_file(&path), |content| fs::write(&path, content))
            .expect("it can");
    }
    assert!(fs::read_to_string(run.join("settings.toml")).expect("there").contains("size=12000000011"));
    assert_eq!(place.run(["resume", &id(&run)]).ok().stdout, old.stdout);

    for (name, content) in names.iter().zip(&half_way) {
        fs::write(run.join(name), content.as_ref().expect("both were written")).expect("written");
    }
    fs::remove_file(run.join("events.jsonl")).expect("it is there");
    let unfinished = place.run(["resume", &id(&run), "--size=5e9"]);
    assert_eq!(unfinished.code(), 2);
    assert!(unfinished.stderr.contains("the run is not finished"), "{}", unfinished.stderr);
    let new = place.run(["resume", &id(&run)]).ok().bits();
    let whole = Place::new().run(["run", "-e", &expression(LARGE), "--seed=1", "--cores=2"]).ok().bits();
    assert_eq!(new, whole);
    let events = Events::of(&run).expect("the last driver has told");
    let stage = events.all("stage").next().expect("a stage began");
    assert!(stage["done"].as_u64() > Some(0), "it began anew: {stage}");
    assert_no_process_of(&place);
}

#[test]
fn what_cannot_be_extended_is_refused_with_the_reason() {
    let refused = |result: &str, size: &str, reason: &str| {
        let place = Place::new();
        place.write("run.toml", &format!("results.r = {result:?}\n"));
        place.run(["run", "run.toml", "--seed=1"].into_iter().chain(PROCESSES)).ok();
        let run = the_run(&place);
        let refused = place.run(["resume", &id(&run), "--size", size]);
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{result}: {}", refused.stderr);
        assert!(refused.stderr.contains(reason), "{result}: {}", refused.stderr);
    };
    refused("random.random(size=5000).sum()", "5000", "the run has 5000 elements already");
    refused("median(random.random(size=5000))", "1e4", "passes over the elements");
    refused("random.random(size=(50, 100)).sum()", "1e4", "its random array has 2 axes");
    refused("(random.random(5000) + random.random(5000)).sum()", "1e4", "it has 2 random arrays");
    refused("arange(5000).sum()", "1e4", "it has no random array");
    refused("cumsum(random.random(size=5000)).max()", "1e4", "it needs more than its elements one by one");
    refused("random.random(size=5000) * 2", "1e4", "not all that it makes are numbers");
    refused("random.random(size=5000)[-10:].sum()", "1e4", "depends on how many there are");
    refused("random.random(size=5000).sum()", "1.5", "give a whole number");
}

#[test]
fn extension_of_what_has_changed_since_is_refused() {
    let place = Place::new();
    let expression = "random.normal(0, 0.1, size=1e6).mean()";
    place.run(["run", "-e", expression, "--seed=1"].into_iter().chain(PROCESSES)).ok();
    let run = the_run(&place);
    let settings = fs::read_to_string(run.join("settings.toml")).expect("it is there");
    fs::write(run.join("settings.toml"), settings.replace("0.1", "0.2")).expect("written");
    for arguments in [&["resume", &id(&run), "--size=2e6"][..], &["resume", &id(&run)]] {
        let refused = place.run(arguments);
        assert_eq!(refused.code(), 2);
        assert!(refused.stderr.contains("the plan has changed"), "{}", refused.stderr);
    }
}

/// Runs until the results are computed and its workers are gone, but cannot be printed; then kills it.
fn killed_before_it_has_printed(place: &Place, arguments: &[&str]) -> PathBuf {
    let (mut full, theirs) = std::io::pipe().expect("a pipe");
    let size = nix::fcntl::fcntl(&theirs, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).expect("it can be small");
    theirs
        .try_clone()
        .expect("a descriptor")
        .write_all(&vec![b'x'; size as usize])
        .expect("it takes that much");
    let mut command = place.command(arguments);
    let mut child = command.stdout(theirs).stderr(std::process::Stdio::null()).spawn().expect("it starts");
    drop(command);
    let ended = || place.runs().pop().filter(|run| run.join("ended").exists());
    let run = until("the run is over", PATIENCE, ended, String::new);
    assert!(child.try_wait().expect("a child").is_none(), "it has printed what nobody reads");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).expect("it waits");
    child.wait().expect("a child");
    let mut printed = Vec::new();
    full.read_to_end(&mut printed).expect("it can be read");
    assert!(printed.iter().all(|&byte| byte == b'x'), "it had printed its results");
    run
}

/// Prints what an earlier driver has computed, and nothing more happens.
fn printed_again(place: &Place, run: &Path) -> Outcome {
    let events = fs::read(run.join("events.jsonl")).expect("they stay");
    let outcome = place.run(["resume", &id(run)]).ok();
    assert_eq!(fs::read(run.join("events.jsonl")).expect("they stay"), events, "something was computed");
    let again = place.run(["resume", &id(run)]);
    assert!(again.stderr.contains("has no checkpoint to go on from"), "{}", again.stderr);
    outcome
}

#[test]
fn results_of_a_driver_killed_before_it_printed_them_are_printed_without_computing() {
    // Of two axes, so that nothing is kept of it for an extension; and so much that it is worth a checkpoint.
    let expression = "random.normal(0, 0.1, size=(50_000, 50_000)).std()";
    let place = Place::new();
    let run = killed_before_it_has_printed(
        &place,
        &[&["run", "-e", expression, "--seed=1"], &PROCESSES[..]].concat(),
    );
    let undisturbed = Place::new().run(["run", "-e", expression, "--seed=1", "--cores=2"]).ok();
    assert_eq!(printed_again(&place, &run).stdout, undisturbed.stdout);
    assert_no_process_of(&place);
}

#[test]
fn saved_arrays_of_a_driver_killed_before_it_printed_stay_as_they_are() {
    let place = Place::new();
    place.write(
        "run.toml",
        "[arrays]\nx = 'random.normal(size=(40_000, 4000))'\ny = 'x.mean(axis=1)'\n\
         [results]\nm = '((x - x.mean(axis=0)) / 2).max()'\n[save]\ny = 'y.npy'\nx = 'x.npy'\n",
    );
    let run =
        killed_before_it_has_printed(&place, &[&["run", "run.toml", "--seed=1"], &PROCESSES[..]].concat());
    let saved = fs::metadata(place.directory().join("x.npy")).expect("it has its name");
    let name = |file: &fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    let files: Vec<String> =
        fs::read_dir(place.directory()).expect("listed").map(|file| name(&file.expect("it"))).collect();
    assert!(!files.iter().any(|file| file.ends_with(".partial")), "{files:?}");
    let outcome = printed_again(&place, &run);
    assert!(outcome.stdout.starts_with("m = "), "{}", outcome.stdout);
    let now = fs::metadata(place.directory().join("x.npy")).expect("it is there");
    assert_eq!(now.modified().expect("known"), saved.modified().expect("known"));
    assert_no_process_of(&place);
}
