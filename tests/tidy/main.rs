//! What keeps the source in order: the room table of `docs/architecture.md`, lengths, docs, and what is absent.
//!
//! Each rule runs over every file of `src`, and is shown to fail on a few bad lines in `snippets.rs`.

mod rules;
mod snippets;
mod source;
mod table;

use rules::{ABSENCES, Violation};
use source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use table::Table;

/// Every file below `src`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    files.sort();
    let mut sources: Vec<Source> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(root).expect("it is below the root").to_string_lossy();
            let text = std::fs::read_to_string(file).expect("a readable file");
            Source::parse(&path, &text).expect("a file of Rust")
        })
        .collect();
    mark_tests(&mut sources);
    sources
}

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Files whose modules are declared for tests alone, and those below them.
fn mark_tests(sources: &mut [Source]) {
    let tests: Vec<Vec<String>> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    for source in sources {
        source.is_test = tests.iter().any(|module| source.module.starts_with(module));
    }
}

fn table() -> Table {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md");
    Table::parse(&std::fs::read_to_string(document).expect("the document is there"))
        .expect("it has the table")
}

/// Fails with every violation on a line of its own.
fn hold(check: impl Fn(&Source) -> Vec<Violation>) {
    let violations: Vec<String> =
        sources().iter().flat_map(check).map(|violation| violation.to_string()).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let table = table();
    hold(|source| rules::import_table(source, &table));
}

#[test]
fn the_table_and_src_have_the_same_rooms() {
    let outside = ["lib", "main"];
    let sources = sources();
    let rooms: BTreeSet<String> = sources
        .iter()
        .map(|source| source.room().to_owned())
        .filter(|room| !outside.contains(&room.as_str()))
        .collect();
    assert_eq!(table().rooms(), rooms, "docs/architecture.md on the left, src on the right");
}

#[test]
fn rooms_do_not_import_each_other_in_a_circle() {
    let rooms = table().rooms();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for source in sources().iter().filter(|source| !matches!(source.room(), "lib" | "main")) {
        for (imported, line) in rules::imports(source, &rooms) {
            imports.entry(source.room().to_owned()).or_default().insert(imported.to_owned());
            places.insert((source.room().to_owned(), imported.to_owned()), format!("{}:{line}", source.path));
        }
    }
    if let Some(circle) = table::circle(&imports) {
        let steps: Vec<String> = circle
            .windows(2)
            .map(|step| {
                format!(
                    "{}: `{}` imports `{}`",
                    places[&(step[0].clone(), step[1].clone())],
                    step[0],
                    step[1]
                )
            })
            .collect();
        panic!("\n{}\ninstead: give what both need to a room below both\n", steps.join("\n"));
    }
}

#[test]
fn every_file_has_a_module_doc() {
    hold(rules::module_doc);
}

#[test]
fn no_file_is_longer_than_500_lines() {
    hold(rules::file_length);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    hold(rules::function_length);
}

#[test]
fn what_the_architecture_says_is_absent_is_absent() {
    hold(|source| ABSENCES.iter().flat_map(|absence| absence.check(source)).collect());
}

#[test]
fn no_result_depends_on_the_platforms_libm() {
    hold(rules::platform_libm);
}

#[test]
fn no_floats_are_added_without_the_accumulators() {
    hold(rules::float_sums);
}

#[test]
fn unsafe_code_is_in_kernels_alone() {
    hold(rules::unsafe_code);
}

/// The tests that a document names, in the last column of its tables.
fn named_tests(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
    let text = std::fs::read_to_string(path).expect("the document is there");
    let head = |line: &str| line.ends_with("| test |");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !head(line));
    let last = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit_once(" | "));
    last.flat_map(|(_, tests)| tests.split(", ").map(|test| test.trim_matches('`').to_owned())).collect()
}

#[test]
fn every_failure_and_every_threat_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("tests"), &mut files);
    let sources: String =
        files.iter().map(|file| std::fs::read_to_string(file).expect("a readable file")).collect();
    for document in ["failure.md", "security.md"] {
        let named = named_tests(document);
        let missing: Vec<&String> =
            named.iter().filter(|test| !sources.contains(&format!("fn {test}("))).collect();
        let count = named.len();
        assert!(count > 30 && missing.is_empty(), "{document}: {count} named, missing: {missing:#?}");
    }
}
