//! A program that uses the library as its users do.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

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
