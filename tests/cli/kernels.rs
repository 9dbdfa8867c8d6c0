//! Workers whose kernels are compiled for different instructions, in runs of the program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use squall::kernel::Isa;

use crate::support::Place;
use crate::support::events::Events;
use crate::support::running::Outcome;

/// Random numbers of both kinds, arithmetic, functions of our own and of `libm`, accumulators of all kinds, and a file.
const FILE: &str = "random.seed = 5\n[arrays]\n\
    x = 'random.normal(1, 3, size=(3000, 3001), chunks=(300, 3001))'\n\
    u = 'random.random((1000, 3001), dtype=\"f4\")'\n\
    y = 'cos(x[:500]) * hypot(x[:500], 2) + u[:500]'\n\
    [results]\nmean = 'x.mean()'\nstd = 'x.std(axis=0)[::100]'\nexps = 'exp(x).mean()'\nlogs = 'log(abs(x)).var()'\n\
    sines = '(sin(x)**2).sum()'\npowers = '(abs(x[:1000])**1.5).max()'\nproduct = 'x.prod(axis=1).max()'\n\
    single = '(u * u).std()'\nplaces = 'x.argmin(axis=0)[::100]'\nmiddle = 'median(u)'\n\
    counts = 'histogram(x, bins=20)[0]'\nwhole = '(x // 0.5).astype(int).sum()'\n[save]\ny = 'y.npy'\n";

/// A run with one worker for each of these forms: each worker takes the first that no other has taken.
fn run(place: &Place, forms: &[&str]) -> Outcome {
    let squall = env!("CARGO_BIN_EXE_squall");
    let mut script = "#!/bin/sh\nset -C\n".to_owned();
    for (number, form) in forms.iter().enumerate() {
        let taken = place.directory().join(format!("taken-{number}"));
        script += &format!("(: > {}) 2>&- && exec {squall} \"$@\" --kernel {form}\n", taken.display());
    }
    let program = place.write("worker.sh", &(script + "exit 1\n"));
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it is ours");
    place.write("run.toml", FILE);
    let (program, workers) = (format!("--set=cluster.program={}", program.display()), forms.len());
    let words = ["run", "run.toml", "--output=json", "--cluster=processes", "--cores=1", &program];
    let numbers = [format!("--workers={workers}"), format!("--set=cluster.minimum_workers={workers}")];
    place.run(words.into_iter().chain(numbers.iter().map(String::as_str)))
}

/// The results and the file of a run in which every worker had its form and its share.
fn computed(forms: &[&str]) -> (String, Vec<u8>) {
    let place = Place::new();
    let outcome = run(&place, forms).ok();
    let events = Events::of(&place.runs()[0]).expect("the run had events");
    let kernel = |event: &serde_json::Value| event["kernel"].as_str().expect("a name").to_owned();
    let mut used: Vec<String> = events.all("registered").map(kernel).collect();
    let mut asked: Vec<String> = forms.iter().map(|&form| form.to_owned()).collect();
    used.sort();
    asked.sort();
    assert_eq!(used, asked);
    for (worker, _) in events.jobs() {
        assert!(events.counted_answers(worker) > 0, "worker {worker} of {forms:?} computed nothing");
    }
    let results = outcome.stdout.split_once(",\"results\":").expect("results").1.to_owned();
    (results, fs::read(place.directory().join("y.npy")).expect("it was saved"))
}

#[test]
fn portable_and_fast_workers_of_one_run_give_the_bits_of_each_form() {
    let portable = computed(&["portable", "portable"]);
    for isa in Isa::available() {
        let mixed = computed(&[isa.name(), "portable"]);
        assert_eq!(mixed.0, portable.0, "{}", isa.name());
        assert!(mixed.1 == portable.1, "{} writes another file", isa.name());
        let alone = computed(&[isa.name()]);
        assert_eq!(alone.0, portable.0, "{}", isa.name());
        assert!(alone.1 == portable.1, "{} writes another file", isa.name());
    }
}

#[test]
fn form_that_the_cpu_does_not_run_is_refused_by_the_worker() {
    let outcome = run(&Place::new(), &["mmx"]);
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    for part in ["error: no kernels `mmx` run on this CPU", "hint: it runs portable"] {
        assert!(outcome.stderr.contains(part), "no `{part}` in:\n{}", outcome.stderr);
    }
}
