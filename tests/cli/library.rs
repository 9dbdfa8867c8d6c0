//! The library as its users have it: clusters of each kind without Slurm, and a program of one's own. What comes out is
//! what the program computes from the same text.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use squall::array::Index;
use squall::cluster::Builder;
use squall::{Array, Cluster, ErrorKind, ProcessCluster, ThreadsCluster, random};

use crate::processes::processes_of;
use crate::support::Place;
use crate::support::running::Running;

#[test]
fn example_computes_with_processes_of_itself() {
    let place = Place::new();
    let mut command = Command::new(example("processes"));
    command.env_clear().env("HOME", place.directory()).current_dir(place.directory());
    let outcome = Running::start(command, place.directory()).wait().ok();
    assert_eq!(outcome.stderr, "");
    // The same arrays and the same seed in a run file.
    let text = "random.seed = 42\narrays.x = 'random.normal(0.0, 0.1, size=100_000_000, chunks=10_000_000)'\n\
                [results]\nmean = 'x.mean()'\nstd = 'x.std()'\n";
    place.write("run.toml", text);
    assert_eq!(outcome.stdout, place.run(["run", "run.toml", "--quiet", "--cores=2"]).ok().stdout);
}

#[test]
fn cluster_is_scaled_up_and_down_while_it_computes_and_in_between() {
    let place = Place::new();
    let builder = ProcessCluster::builder().workers(2).seed(42);
    let builder = builder.set("cluster.program", env!("CARGO_BIN_EXE_squall"));
    let directory = place.directory().join(".squall").display().to_string();
    let cluster = builder.set("run.directory", &directory).start().expect("it starts");
    let x = random::normal(0.0, 1.0).size([2_000_000_000]).stream("x");
    let alone = ThreadsCluster::builder().cores(2).seed(42).start().expect("it starts");
    let expected = alone.compute(&x.mean()).expect("it fits").wait().expect("it is computed");
    let under_way = cluster.compute(&x.mean()).expect("it fits");
    cluster.scale(4).expect("there is room");
    let until = |workers: usize| {
        let began = std::time::Instant::now();
        while processes_of(&place).len() != workers {
            assert!(began.elapsed().as_secs() < 60, "there are {:?}", processes_of(&place));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until(4);
    cluster.scale(1).expect("one is enough");
    assert_eq!(under_way.wait().expect("it is computed"), expected);
    until(1);
    cluster.scale(3).expect("there is room");
    until(3);
    assert_eq!(cluster.compute(&x.mean()).expect("it fits").wait().expect("it is computed"), expected);
    let refused = [cluster.scale(0), cluster.scale(1 << 30), alone.scale(2)];
    assert!(
        refused.iter().all(|refused| refused.as_ref().is_err_and(|error| error.kind() == ErrorKind::Refused))
    );
}

/// What is computed, as text and as arrays of the library.
const RUN: &str = "random.seed = 42\n[arrays]\n\
    x = 'random.normal(3.0, 0.5, size=(2000, 901), chunks=(500, -1))'\nw = 'random.random((2000, 901))'\n\
    y = '(x - x.mean(axis=0)) / x.std(axis=0)'\n[results]\n\
    mean = 'x.mean()'\nspread = 'x.std(axis=0, ddof=1)[::100]'\nfarthest = 'y.max()'\nproduct = '(x * w).sum(axis=1)[::100]'\n\
    middle = 'median(x)'\nhigh = 'quantile(x[:201], 0.9, axis=0)'\nroots = 'sqrt(abs(sin(x[:3].T)))[5:20]'\n\
    error = 'sem(w)'\nweighed = 'average(x, weights=w)'\nbins = 'histogram(w, bins=7)[0]'\nplaces = 'x.argmax(axis=1)[::100]'\n";

fn arrays() -> [(&'static str, Array); 12] {
    let x = random::normal(3.0, 0.5).size([2000, 901]).chunks([500, -1]).stream("x");
    let w = random::random().size([2000, 901]).stream("w");
    let y = (&x - &x.axis(0).mean()) / &x.axis(0).std();
    let rows = |from: i128, to: i128| Index::Slice { start: Some(from), stop: Some(to), step: None };
    let every = &[Index::Slice { start: None, stop: None, step: Some(100) }];
    [
        ("mean", x.mean()),
        ("spread", x.axis(0).std_ddof(1).slice(every)),
        ("farthest", y.max()),
        ("product", (&x * &w).axis(1).sum().slice(every)),
        ("middle", x.median()),
        ("high", x.slice(&[rows(0, 201)]).axis(0).quantile(0.9)),
        ("roots", x.slice(&[rows(0, 3)]).t().sin().abs().sqrt().slice(&[rows(5, 20)])),
        ("error", w.sem()),
        ("weighed", x.average(&w)),
        ("bins", w.histogram(7).0),
        ("places", x.axis(1).argmax().slice(every)),
        ("y", y),
    ]
}

/// The results of the text, as the program prints them.
fn expected() -> String {
    let place = Place::new();
    place.write("run.toml", RUN);
    let outcome = place.run(["run", "run.toml", "--output=json", "--cluster=threads", "--cores=2"]).ok();
    let results = outcome.stdout.split_once(",\"results\":").expect("results").1;
    results.trim_end().strip_suffix('}').expect("the end of the object").to_owned()
}

/// Results as the program would print them. Text tells numbers apart to the bit; JSON that is read again does not.
fn printed(results: &[(String, squall::Value)]) -> String {
    let value = |value| serde_json::to_string(value).expect("values are JSON");
    let all: Vec<String> = results.iter().map(|(name, one)| format!("\"{name}\":{}", value(one))).collect();
    format!("{{{}}}", all.join(","))
}

/// A cluster with as much memory as the arrays take, whose runs are in the place.
fn fitting(builder: Builder, place: &Place) -> Cluster {
    let builder = arrays().iter().fold(builder.memory("auto"), |builder, (_, array)| builder.fit(array));
    started(builder, place)
}

fn started(builder: Builder, place: &Place) -> Cluster {
    let runs = place.directory().join("runs").to_str().expect("ASCII").to_owned();
    let builder = builder.cores(1).seed(42).set("run.directory", &runs);
    builder.set("cluster.program", env!("CARGO_BIN_EXE_squall")).start().expect("it starts")
}

fn builders() -> [(&'static str, Builder); 2] {
    [
        ("threads", ThreadsCluster::builder().workers(1)),
        ("processes", ProcessCluster::builder().workers(2).minimum_workers(2)),
    ]
}

#[test]
fn arrays_of_the_library_are_those_of_the_text() {
    let (place, expected, [results @ .., (_, y)]) = (Place::new(), expected(), arrays());
    for (kind, builder) in builders() {
        let cluster = fitting(builder, &place);
        // All are asked for before the first is awaited.
        let computations = results.each_ref().map(|(_, array)| cluster.compute(array).expect("it fits"));
        let path = place.directory().join(format!("{kind}.npy")).to_str().expect("ASCII").to_owned();
        let saved = cluster.save(&y, &path).expect("it can be saved");
        let mut values = Vec::new();
        for ((name, _), computation) in results.iter().zip(computations) {
            let value = computation.wait().unwrap_or_else(|error| panic!("{kind}: {name}: {error}"));
            values.push(((*name).to_owned(), value));
        }
        assert_eq!(printed(&values), expected, "{kind}");
        saved.wait().expect("it is saved");
        assert!(cluster.save(&y, &path).is_err_and(|error| error.to_string().contains("exists")));
        let loaded = squall::load(&path).expect("it is there");
        let farthest = cluster.compute(&loaded.max()).expect("it fits").wait().expect("a number");
        assert_eq!(farthest, values[2].1, "{kind}");
        let same = cluster.compute(&loaded.equal(&y).all()).expect("it fits").wait().expect("a truth");
        assert_eq!(same.to_string(), "True");
        let drawing = place.directory().join(format!("{kind}.svg"));
        loaded.max().visualize(&drawing).expect("it is drawn");
        let drawing = std::fs::read_to_string(drawing).expect("it was drawn");
        assert!(
            drawing.contains("<svg") && drawing.contains("max") && drawing.contains("(2000, 901)"),
            "{drawing}"
        );
    }
}

#[test]
fn results_of_one_plan_are_computed_together() {
    let (place, expected, arrays) = (Place::new(), expected(), arrays());
    let results: Vec<_> = arrays[..11]
        .iter()
        .map(|(name, array)| ((*name).to_owned(), array.expr().expect("it is sound")))
        .collect();
    for (kind, builder) in builders() {
        let cluster = started(builder.memory("1G"), &place);
        let plan = squall::plan::plan(&results, &[], cluster.seed()).expect("it can be planned");
        let together =
            cluster.compute_plan(std::sync::Arc::new(plan)).expect("it fits").wait().expect("computed");
        assert_eq!(printed(&together), expected, "{kind}");
    }
}

#[test]
fn cluster_that_was_made_to_fit_refuses_what_needs_more() {
    let place = Place::new();
    let cluster = fitting(ProcessCluster::builder().workers(1), &place);
    let wide = random::random().size([4, 3_000_000]).stream("wide").axis(0).std();
    let Err(error) = cluster.compute(&wide) else { panic!("it was taken") };
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.what().starts_with("a worker of 1 thread needs "), "{error}");
    assert!(error.what().contains(", and cluster.memory is "), "{error}");
    // And goes on computing what fits.
    let nine = cluster.compute(&squall::ones([9]).sum()).expect("it fits").wait().expect("a number");
    assert_eq!(nine.to_string(), "9.0");
}

/// The program of an example. `cargo test` has built it already, unless it was told to test this file alone.
fn example(name: &str) -> PathBuf {
    let words = ["build", "--offline", "--profile=test", "--message-format=json", "--example", name];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    // What cargo tells its tests would make it build dependencies anew that ask for it.
    let told = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "the example `{name}` does not build");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let message = |line| serde_json::from_str::<Value>(line).expect("cargo writes JSON");
    let artifacts = messages.lines().map(message).filter(|message| message["target"]["name"] == name);
    let program = artifacts.filter_map(|artifact| Some(artifact["executable"].as_str()?.into())).next();
    program.expect("an example has a program")
}
