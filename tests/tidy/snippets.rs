//! A few bad lines for each rule, which must find them, and good ones, which it must let pass.

use crate::rules::{self, ABSENCES, Violation};
use crate::source::Source;
use crate::table::{Table, circle};
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = "\
Text before.

| room | owns | may import |
|---|---|---|
| `error` | failures | - |
| `units` | sizes | - |
| `plan` | stages | `units` |
| `cli` | commands | anything |

Text after.
";

fn source(path: &str, text: &str) -> Source {
    Source::parse(path, text).expect("Rust")
}

fn lines(violations: &[Violation]) -> Vec<usize> {
    violations.iter().map(|violation| violation.line).collect()
}

/// The lines of a file on which the table is broken.
fn forbidden(path: &str, text: &str) -> Vec<usize> {
    lines(&rules::import_table(&source(path, text), &Table::parse(TABLE).expect("a table")))
}

/// What is absent and found all the same, by what and line.
fn found(path: &str, text: &str) -> Vec<(&'static str, usize)> {
    let source = source(path, text);
    let each = |absence: &'static rules::Absence| {
        absence.check(&source).into_iter().map(|violation| (absence.what, violation.line))
    };
    ABSENCES.iter().flat_map(each).collect()
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "\
use crate::cli::run;
use crate::{cli, units::Memory};
use super::cli::exit as leave;
fn f() -> crate::cli::T {
    assert_eq!(format!(\"{}\", crate::cli::x()), \"\");
    crate::cli::run()
}
";
    assert_eq!(forbidden("src/plan/mod.rs", text), [1, 2, 3, 4, 5, 6]);
    let text = "mod inner { use super::super::cli::run; fn f() { super::super::cli::run() } }";
    assert_eq!(forbidden("src/plan/mod.rs", text), [1, 1]);
    assert_eq!(forbidden("src/plan/deep.rs", "use super::super::cli::run;"), [1]);
    assert_eq!(forbidden("src/plan.rs", "macro_rules! m { () => { $crate::cli::run() } }"), [1]);
}

#[test]
fn imports_that_the_table_allows_pass() {
    let text =
        "use crate::error::Error;\nuse crate::plan::stage;\nuse crate::units::Memory;\nuse self::pass;\n";
    assert_eq!(forbidden("src/plan/mod.rs", text), [0; 0]);
    assert_eq!(forbidden("src/cli/mod.rs", "use crate::plan::plan;"), [0; 0]);
}

#[test]
fn an_import_that_hides_its_room_is_refused() {
    assert_eq!(forbidden("src/plan/mod.rs", "use crate::*;\nuse crate::Cluster;\n"), [1, 2]);
}

#[test]
fn a_violation_says_where_what_and_what_instead() {
    let source = source("src/plan/mod.rs", "//! Doc.\nuse crate::cli::run;\n");
    let violations = rules::import_table(&source, &Table::parse(TABLE).expect("a table"));
    assert_eq!(
        violations[0].to_string(),
        "src/plan/mod.rs:2: `plan` may not import `cli`, only units, error; \
         instead: move the code to the room that may, or pass a plain value in"
    );
}

#[test]
fn rows_are_rooms() {
    let rooms = ["cli", "error", "plan", "units"].map(str::to_owned).into();
    assert_eq!(Table::parse(TABLE).expect("a table").rooms(), rooms);
    assert!(Table::parse("no table").is_err());
    for rows in ["| `a` | b |", "| `a` | b | `b` |\n| `b` | b | - |"] {
        assert!(
            Table::parse(&format!("| room | owns | may import |\n|---|---|---|\n{rows}\n")).is_err(),
            "{rows}"
        );
    }
}

#[test]
fn circles_are_found_and_trees_are_none() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        circle(&graph)
    };
    assert_eq!(graph(&[("a", "b"), ("a", "c"), ("b", "c")]), None);
    let found = graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]);
    assert_eq!(found.expect("a circle"), ["b", "c", "d", "b"]);
}

#[test]
fn a_file_without_a_doc_is_found() {
    for bad in ["use std::fmt;\n", "// A comment.\n", "//!\nfn f() {}\n", "\n//! Too late by one line.\n"] {
        assert_eq!(lines(&rules::module_doc(&source("src/plan/mod.rs", bad))), [1], "{bad}");
    }
    let good = "//! From expressions to stages.\nuse std::fmt;\n";
    assert!(rules::module_doc(&source("src/plan/mod.rs", good)).is_empty());
}

#[test]
fn long_files_are_found_unless_they_are_generated() {
    let long = |first: &str| format!("{first}\n{}", "// line\n".repeat(500));
    let check = |first: &str| rules::file_length(&source("src/plan/mod.rs", &long(first))).len();
    assert_eq!(check("//! Stages."), 1);
    assert_eq!(check("//! Tables, written by a script; not to be edited."), 0);
    let just = format!("//! Stages.\n{}", "// line\n".repeat(499));
    assert!(rules::file_length(&source("src/plan/mod.rs", &just)).is_empty());
}

#[test]
fn long_functions_are_found_wherever_they_are() {
    let function =
        |lines: usize| format!("fn f<T: Copy>(x: [T; {{ 1 + 2 }}])\n{{\n{}}}\n", "    g();\n".repeat(lines));
    let check = |text: &str| lines(&rules::function_length(&source("src/plan/mod.rs", text)));
    assert_eq!(check(&function(68)), [1]);
    assert_eq!(check(&function(67)), [0; 0]);
    for around in [
        "impl X {\nBODY}",
        "trait X {\nBODY}",
        "mod x {\nBODY}",
        "proptest! {\nBODY}",
        "macro_rules! m { () => {\nBODY} }",
    ] {
        assert_eq!(check(&around.replace("BODY", &function(68))), [2], "{around}");
    }
}

#[test]
fn io_clocks_and_entropy_are_found_in_pure_rooms() {
    let (io, clock, entropy) = ("I/O in a pure room", "a clock in a pure room", "entropy in a pure room");
    let cases = [
        ("use tokio::sync::mpsc;", io),
        ("use std::{fmt, fs};", io),
        ("fn f() { std::thread::spawn(g); }", io),
        ("use std::net::*;", io),
        ("fn f() { println_to(std::io::stdin()) }", io),
        ("use std::time::{Duration, Instant};", clock),
        ("fn f() { let _ = ::std::time::SystemTime::now(); }", clock),
        ("use std::time;\nfn f() { time::Instant::now(); }", clock),
        ("use std::time::*;", clock),
        ("fn f() -> u64 { rand::random() }", entropy),
        ("use std::collections::{BTreeMap, HashMap};", entropy),
        ("use std::collections as c;\nfn f() { c::HashSet::<u8>::new(); }", entropy),
        ("fn f() { vec![std::collections::HashSet::<u8>::new()]; }", entropy),
    ];
    for (text, what) in cases {
        for path in
            ["src/kernel/x.rs", "src/array.rs", "src/plan/mod.rs", "src/scheduler/x.rs", "src/driver/core.rs"]
        {
            assert_eq!(found(path, text), [(what, text.lines().count())], "{path}: {text}");
        }
        assert_eq!(found("src/launch/x.rs", text), [], "{text}");
    }
}

#[test]
fn what_is_for_unit_tests_alone_may_do_more() {
    let text = "\
#[cfg(test)]
use std::fs;
#[cfg(test)]
#[derive(Debug)]
mod tests {
    use std::time::Instant;
    fn f() { println!(); std::env::var(\"X\"); }
}
#[test]
fn f() { std::process::Command::new(\"x\"); }
";
    assert_eq!(found("src/plan/x.rs", text), []);
    let after = format!("{text}use std::fs;\n");
    assert_eq!(found("src/plan/x.rs", &after), [("I/O in a pure room", 11)]);
    let declared = source("src/plan/mod.rs", "#[cfg(test)]\nmod tests;\nmod pass;\n");
    assert_eq!(declared.test_modules, [["plan", "tests"]]);
}

#[test]
fn processes_are_found_outside_of_slurm_and_launch() {
    let what = "a process started outside of slurm and launch";
    for text in ["use std::process::{self, Command};", "fn f() { tokio::process::Command::new(\"x\"); }"] {
        assert_eq!(found("src/worker/mod.rs", text), [(what, 1)], "{text}");
        assert_eq!(found("src/slurm/commands.rs", text), []);
        assert_eq!(found("src/launch/process.rs", text), []);
    }
    assert_eq!(found("src/run/owner.rs", "fn f() { std::process::id(); }"), []);
}

#[test]
fn printing_is_found_outside_of_main_cli_and_monitor() {
    let what = "printing outside of main, cli and monitor";
    for text in [
        "fn f() { println!(\"x\"); }",
        "fn f() { std::eprint!(\"x\"); }",
        "fn f() { g(|| { eprintln!(); }) }",
        "use std::io::{self, stdout};",
        "use std::io;\nfn f() { io::stderr(); }",
    ] {
        assert_eq!(found("src/worker/mod.rs", text), [(what, text.lines().count())], "{text}");
        for path in ["src/main.rs", "src/cli/exit.rs", "src/monitor/terminal.rs"] {
            assert_eq!(found(path, text), [], "{path}");
        }
    }
    assert_eq!(found("src/worker/mod.rs", "fn f() { command.stdout(x); a != (b); }"), []);
}

#[test]
fn the_encoder_and_the_environment_are_found_outside_of_their_rooms() {
    let encoder = "bincode outside of codec";
    assert_eq!(found("src/units.rs", "fn f() { bincode::serialize(&1); }"), [(encoder, 1)]);
    assert_eq!(found("src/codec.rs", "use bincode::Options;"), []);
    let environment = "the environment read outside of settings and slurm";
    for text in ["fn f() { std::env::var(\"X\"); }", "use std::env;\nfn f() { env::vars_os(); }"] {
        assert_eq!(found("src/cli/run.rs", text), [(environment, text.lines().count())], "{text}");
        assert_eq!(found("src/settings/sources.rs", text), []);
        assert_eq!(found("src/slurm/environment.rs", text), []);
    }
    assert_eq!(found("src/cli/run.rs", "fn f() { std::env::current_exe(); std::env::args_os(); }"), []);
}

#[test]
fn the_platforms_libm_is_found_in_numeric_rooms() {
    let check = |path: &str, text: &str| rules::platform_libm(&source(path, text)).len();
    for text in [
        "fn f() { x.exp() }",
        "fn f() { f64::ln(x) }",
        "fn f() { a(b![x.mul_add(y, z)]) }",
        "fn f() { xs.map(f64::sin) }",
    ] {
        for path in ["src/kernel/x.rs", "src/array/x.rs", "src/plan/x.rs", "src/execute/x.rs"] {
            assert_eq!(check(path, text), 1, "{path}: {text}");
        }
        assert_eq!(check("src/monitor/words.rs", text), 0, "{text}");
    }
    for text in [
        "fn f() { x.sqrt().floor() }",
        "fn f() { elementary::exp(x); s.exp; }",
        "#[test]\nfn f() { x.exp() }",
    ] {
        assert_eq!(check("src/kernel/x.rs", text), 0, "{text}");
    }
}

#[test]
fn float_sums_are_found_outside_of_kernel() {
    let check = |path: &str, text: &str| rules::float_sums(&source(path, text)).len();
    for text in [
        "fn f() { x.iter().sum::<f64>(); }",
        "fn f() { x.fold(0.0, |a, b| a + b); }",
        "fn f() { x.product::<f32>(); }",
    ] {
        for path in ["src/plan/x.rs", "src/execute/x.rs", "src/driver/x.rs"] {
            assert_eq!(check(path, text), 1, "{path}: {text}");
        }
        assert_eq!(check("src/kernel/x.rs", text), 0, "{text}");
    }
    for text in
        ["fn f() { x.sum::<u64>(); }", "fn f() { x.fold(0, g); }", "fn f() { x.fold(depth, u32::max); }"]
    {
        assert_eq!(check("src/plan/x.rs", text), 0, "{text}");
    }
}

#[test]
fn unsafe_code_is_found_outside_of_kernel() {
    let check = |path: &str, text: &str| rules::unsafe_code(&source(path, text)).len();
    for text in
        ["fn f() { unsafe { g() } }", "unsafe fn f() {}", "macro_rules! m { () => { unsafe { g() } } }"]
    {
        assert_eq!(check("src/execute/mod.rs", text), 1, "{text}");
        assert_eq!(check("src/kernel/isa.rs", text), 0, "{text}");
    }
    assert_eq!(check("src/execute/mod.rs", "#[expect(unsafe_code)]\nfn f() {}"), 0);
}
