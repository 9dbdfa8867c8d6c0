//! Text of users, of sites, and of Slurm's commands: expressions, run files, templates, queues and refusals.

use squall::array::{Definitions, parse};
use squall::plan::plan;
use squall::settings::{Sources, resolve};
use squall::slurm::{
    JobId, JobSpecification, Site, WORKER_TEMPLATE, judge, lay_out, parse_records, parse_rows,
    parse_time_left, render,
};
use squall::store::LocalFiles;
use std::path::Path;

use crate::jobs::job;
use crate::{Decoder, judged};

const MEBIBYTE: usize = 1 << 20;

const PYTHON: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ":",
    "-",
    "**",
    "~",
    "not ",
    "1e999",
    "0x",
    "'",
    "\"",
    "\\",
    " if ",
    "lambda x: x",
    "random.normal(size=(",
    "axis=",
    ".mean()",
    "[::-1]",
    "reshape(-1)",
    "x",
    "None",
    "True",
    "\u{3bb}",
    "1_0",
    "\n",
];

#[test]
fn changed_expressions_are_parsed_and_planned_or_refused() {
    let (mut good, bad) = judged("expression", &["bins", "words"]);
    good.push(b"x.mean() + random.default_rng(5).normal(size=3).sum()".to_vec());
    let mut decode = |input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else { return false };
        let arrays = vec![("x".to_owned(), "random.normal(size=(40, 50))".to_owned())];
        let results = vec![("r".to_owned(), text.to_owned())];
        let parsed = parse(&Definitions { arrays, results, ..Definitions::default() }, &LocalFiles);
        // Whether it can be planned, and within the limits, is another matter than whether it is an expression.
        parsed.map(|parsed| plan(&parsed.results, &[], 7).map(drop)).is_ok()
    };
    Decoder {
        name: "expressions",
        good,
        bad,
        words: PYTHON,
        bytes: 32 * MEBIBYTE,
        for_each_byte: 8192,
        one_in: 4,
        decode: &mut decode,
    }
    .hold();
}

const TOML: &[&str] = &[
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "#",
    "\\u0000",
    "\\U00110000",
    "1979-05-27T07:32:00Z",
    "nan",
    "0x",
    "[cluster]",
    "workers = ",
    "results.",
    "a.",
    "true",
    ",",
    "_",
    "\u{feff}",
    "\r",
];

#[test]
fn changed_run_files_are_read_or_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("run.toml");
    let (good, bad) = judged("run-file", &[]);
    let mut decode = |input: &[u8]| {
        std::fs::write(&path, input).expect("written");
        let sources = Sources { run_file: Some(path.clone()), ..Sources::default() };
        resolve(&sources).map(|settings| settings.to_toml()).is_ok()
    };
    Decoder {
        name: "run files",
        good,
        bad,
        words: TOML,
        bytes: MEBIBYTE,
        for_each_byte: 2048,
        one_in: 8,
        decode: &mut decode,
    }
    .hold();
}

const JINJA: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{##",
    "##}",
    "{% for i in range(1000000) %}",
    "{% endfor %}",
    "{% if ",
    "| sh",
    "| directive",
    "command",
    "workers",
    "debug()",
    "namespace()",
    "{% include 'x' %}",
    "#SBATCH ",
    "exec ",
    "\n",
    " ~ ",
    "range(",
    "{% set x = x ~ x %}",
    "loop.index",
    "'a' * 1000",
];

#[test]
fn changed_templates_are_rendered_or_refused() {
    let (mut good, bad) = judged("template", &[]);
    good.push(WORKER_TEMPLATE.as_bytes().to_vec());
    let specification = JobSpecification {
        partition: Some("short".into()),
        comments: vec!["two words".into()],
        ..job(Path::new("/home/a/.squall/bcdfghjk"), "squall")
    };
    let mut decode = |input: &[u8]| {
        std::str::from_utf8(input).is_ok_and(|template| render(template, &specification).is_ok())
    };
    Decoder {
        name: "templates",
        good,
        bad,
        words: JINJA,
        // Values of a loop of a million steps, which is where a template is stopped.
        bytes: 128 * MEBIBYTE,
        for_each_byte: 2048,
        one_in: 8,
        decode: &mut decode,
    }
    .hold();
}

const SLURM: &[&str] = &[
    "|",
    "\n",
    "N/A",
    "(null)",
    "RUNNING",
    "PENDING",
    "4294967294",
    "_",
    "-",
    ":",
    "\u{1b}[2J",
    "\r\n",
    "%",
    "[1-5]",
    "=",
    "sbatch: error: ",
    "Socket timed out",
    ";",
    " ",
    "\t",
    "UNLIMITED",
    "MaxArraySize",
    "KillWait",
];

/// A decoder of what a command of Slurm prints.
fn of_slurm(name: &str, refused: &[&str], mut accepted: impl FnMut(&str) -> bool) {
    let (good, bad) = judged(name, refused);
    let mut decode = |input: &[u8]| accepted(&String::from_utf8_lossy(input));
    Decoder {
        name,
        good,
        bad,
        words: SLURM,
        bytes: MEBIBYTE / 16,
        for_each_byte: 256,
        one_in: 1,
        decode: &mut decode,
    }
    .hold();
}

#[test]
fn changed_answers_of_squeue_are_read_or_refused() {
    of_slurm("squeue", &["damaged"], |text| {
        let records = parse_records(text);
        records.is_ok_and(|records| records.iter().all(|record| !record.identity().to_string().is_empty()))
    });
    of_slurm("time-left", &["large"], |text| parse_time_left(text, JobId(7)).is_some());
}

#[test]
fn changed_tables_of_squeue_are_laid_out_and_cannot_steer_a_terminal() {
    of_slurm("table", &[], |text| {
        let rows = parse_rows(text);
        let table = lay_out::<0>(&rows, [], &vec![[]; rows.len()]);
        assert!(
            !table.contains(|character: char| character.is_control() && !"\n\t".contains(character)),
            "{table:?}"
        );
        table.lines().count() > 1
    });
}

#[test]
fn changed_answers_of_sbatch_are_jobs_or_refusals() {
    of_slurm("sbatch", &["refused", "timeout"], |text| {
        let (stdout, stderr) = text.split_once('\0').unwrap_or((text, ""));
        for code in [None, Some(1)] {
            let error = judge(code, stdout, stderr).expect_err("it has failed");
            assert!(!error.error().to_string().is_empty());
        }
        judge(Some(0), stdout, stderr).is_ok()
    });
}

#[test]
fn changed_configurations_are_read() {
    of_slurm("scontrol", &["large"], |text| {
        let site = Site::parse(text);
        assert!(site.largest_array() > 0);
        site.largest_array() == 50
    });
}
