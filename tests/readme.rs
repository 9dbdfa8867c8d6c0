//! What the README shows: its program is an example that is compiled, its run file is read, its exit codes are told.

use std::process::Command;

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/lesson.rs");

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    README
        .split(opening.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block ends"))
        .collect()
}

fn squall(arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(arguments)
        .current_dir(&directory)
        .env("HOME", directory.path())
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .expect("squall starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_figure_was_measured() {
    assert!(!README.contains("TODO"));
}

#[test]
fn the_program_is_the_example() {
    let program = EXAMPLE.split_once("\n\n").expect("a doc, then the program").1;
    assert_eq!(blocks("rust"), [program]);
}

#[test]
fn the_run_file_makes_a_job_script() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("first.toml");
    let [text, _] = blocks("toml")[..] else { panic!("two run files") };
    std::fs::write(&file, text).expect("written");
    let script = squall(&["script", file.to_str().expect("a path")]);
    for line in ["#SBATCH --array=0-3", "#SBATCH --mem=2G", "#SBATCH --account=def-advisor"] {
        assert!(script.lines().any(|shown| shown == line), "no `{line}` in:\n{script}");
    }
}

#[test]
fn the_run_file_of_arrays_can_be_planned_and_drawn() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("arrays.toml");
    let [_, text] = blocks("toml")[..] else { panic!("two run files") };
    std::fs::write(&file, text).expect("written");
    let drawn = squall(&["graph", file.to_str().expect("a path")]);
    for word in ["columns", "largest", "x.npy", "mean"] {
        assert!(drawn.contains(word), "no `{word}` in:\n{drawn}");
    }
}

#[test]
fn the_exit_codes_are_those_that_help_tells() {
    let help = squall(&["--help"]);
    let rows = README.split("| exit code | meaning |\n|---|---|\n").nth(1).expect("a table");
    let rows: Vec<&str> = rows.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let (codes, meaning) = row.trim_matches('|').split_once('|').expect("two cells");
        let line = |line: &str| line.trim().strip_prefix(codes.trim()).map(str::trim) == Some(meaning.trim());
        assert!(help.lines().any(line), "`{row}` is not in:\n{help}");
    }
}

#[test]
fn the_failure_is_the_one_that_is_printed() {
    let shown = squall(&["run", "-e", "random.nromal(size=3).sum()"]);
    assert_eq!(blocks("text"), [shown]);
}
