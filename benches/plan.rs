//! What it takes to read and to plan arrays of many chunks: milliseconds, and memory at its peak.
//!
//! `cargo bench --bench plan` prints a table. Each row is measured in a process of its own, `plan CASE CHUNKS`,
//! because memory that a process once had says nothing about what is used next. The memory is what comes on
//! top of the text itself.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

use squall::array::{Definitions, Stored, parse};
use squall::array::{Files, Shape};
use squall::error::{Error, Result};
use squall::plan::plan;

const ROUNDS: usize = 5;
const ROWS: [(&str, u64); 8] = [
    ("regular", 1000),
    ("regular", 1_000_000),
    ("regular", 1_000_000_000),
    ("grid", 1_000_000_000),
    ("columns", 1_000_000_000),
    ("listed", 1000),
    ("listed", 100_000),
    ("listed", 1_000_000),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [case, chunks] => measure(case, chunks.parse().expect("a number of chunks")),
        _ => print_table(),
    }
}

fn print_table() {
    println!("{:10}{:>14}{:>12}{:>12}{:>12}{:>12}", "chunks", "", "read ms", "KiB", "plan ms", "KiB");
    let program = std::env::current_exe().expect("a program knows where it is");
    for (case, chunks) in ROWS {
        let output = Command::new(&program).args([case, &chunks.to_string()]).output();
        let output = output.expect("this program can be run again").stdout;
        let output = String::from_utf8(output).expect("figures are text");
        let figures: Vec<&str> = output.split_whitespace().collect();
        let [read, read_memory, planned, plan_memory] = figures[..] else { panic!("no figures of {case}") };
        println!("{case:10}{chunks:>14}{read:>12}{read_memory:>12}{planned:>12}{plan_memory:>12}");
    }
}

/// The least milliseconds of a few rounds, and the memory of the first.
fn measure(case: &str, chunks: u64) {
    let text = text(case, chunks);
    let results = vec![("result".to_owned(), text)];
    let definitions = Definitions { results, ..Definitions::default() };
    let mut least = [f64::INFINITY; 2];
    let mut memory = [0; 2];
    for round in 0..ROUNDS {
        let before = forget_peak();
        let start = Instant::now();
        let parsed = parse(&definitions, &NoFiles).expect("the text is sound");
        least[0] = least[0].min(start.elapsed().as_secs_f64() * 1e3);
        let read = resident("VmHWM:") - before;
        let before = forget_peak();
        let start = Instant::now();
        let plan = plan(&parsed.results, &[], 1).expect("the results can be planned");
        least[1] = least[1].min(start.elapsed().as_secs_f64() * 1e3);
        if round == 0 {
            memory = [read, resident("VmHWM:") - before];
            assert!(plan.chunks(0) == chunks, "{} chunks instead of {chunks}", plan.chunks(0));
        }
    }
    println!("{:.3} {} {:.3} {}", least[0], memory[0], least[1], memory[1]);
}

fn text(case: &str, chunks: u64) -> String {
    match case {
        "regular" => format!("random.normal(size={}, chunks=1000).mean()", 1000 * chunks),
        "grid" => {
            let side = (chunks as f64).cbrt().round() as u64;
            let extent = 100 * side;
            format!("random.normal(size=({extent}, {extent}, {extent}), chunks=100).std()")
        }
        "columns" => format!("random.normal(size=({}, 100), chunks=(10, 100)).mean(axis=0)", 10 * chunks),
        "listed" => {
            let mut list = String::new();
            let extents = (0..chunks).map(|number| 1000 + number * 7919 % 100);
            extents.clone().for_each(|extent| write!(list, "{extent}, ").expect("text can be written"));
            format!("random.normal(size={}, chunks=(({list}),)).mean()", extents.sum::<u64>())
        }
        _ => panic!("regular, grid, columns or listed, not `{case}`"),
    }
}

/// Resets the peak, and tells the memory at present, in KiB.
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
    resident("VmRSS:")
}

fn resident(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find(|line| line.starts_with(what)).expect("the status tells memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("memory is a number of KiB")
}

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, path: &str) -> Result<(Stored, Shape)> {
        Err(Error::refused(format!("no file `{path}` here")))
    }
}
