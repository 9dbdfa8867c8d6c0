//! The tables of `docs/arrays.md` are the table of the code, and calls with what they say are accepted.

use crate::array::text::table::{Entry, Meaning, TABLE};
use crate::array::text::tests::files::Fake;
use crate::array::text::tests::parsed;
use crate::array::text::{Definitions, parse};

const PAGE: &str = include_str!("../../../../docs/arrays.md");

/// The rows of every table of functions, cell by cell.
fn rows() -> Vec<Vec<&'static str>> {
    let tables = PAGE.split("| function | method |").skip(1);
    tables
        .flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')))
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The first two cells of an entry's row.
fn cells(entry: &Entry) -> [String; 2] {
    let prefix = if entry.random { "random." } else { "" };
    let also: String = entry.also.iter().map(|name| format!(", `{prefix}{name}`")).collect();
    let function = match entry.function {
        Some(parameters) => format!("`{prefix}{}({parameters})`{also}", entry.name),
        None => "-".to_owned(),
    };
    let method = match (&entry.meaning, entry.method()) {
        (Meaning::Property(_) | Meaning::View(_), _) => format!("`.{}`", entry.name),
        (_, Some(parameters)) => format!("`.{}({parameters})`", entry.name),
        (_, None) => "-".to_owned(),
    };
    [function, method]
}

#[test]
fn the_page_has_the_table_of_the_code() {
    let page: Vec<String> = rows().iter().map(|row| format!("| {} |", row[..2].join(" | "))).collect();
    let code: Vec<String> = TABLE.iter().map(|entry| format!("| {} |", cells(entry).join(" | "))).collect();
    let missing: Vec<&String> = code.iter().filter(|row| !page.contains(row)).collect();
    assert!(missing.is_empty(), "docs/arrays.md lacks these rows:\n{missing:#?}");
    assert_eq!(page, code, "docs/arrays.md has other rows, or another order");
}

#[test]
fn every_row_has_dtypes_memory_and_differences() {
    for row in rows() {
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn the_run_file_of_the_page_is_read() {
    let text = PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let section = |name: &str| -> Vec<(String, String)> {
        let lines = file[name].as_table().unwrap();
        lines.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let definitions =
        Definitions { arrays: section("arrays"), results: section("results"), saves: section("save") };
    let parsed = parse(&definitions, &Fake).unwrap();
    assert_eq!((parsed.results.len(), parsed.saves.len()), (3, 1));
}

const ARRAYS: [(&str, &str); 2] = [("x", "load('f8.npy')"), ("i", "load('i8.npy')")];

/// An argument that suits a parameter.
fn sample(entry: &Entry, parameter: &str) -> &'static str {
    let integers = entry.name.starts_with("bitwise") || entry.name == "invert";
    match parameter {
        "x2" if entry.name == "matmul" => "x.T",
        "a" | "x" | "x1" | "x2" | "y" | "m" | "array" => {
            if integers {
                "i"
            } else {
                "x"
            }
        }
        "b" => "x.T",
        "axis1" | "source" => "0",
        "axis2" | "destination" => "1",
        "condition" => "x > 0",
        "arrays" | "tup" => "[x, x]",
        "shape" => "(4, 5)",
        "file" => "'f8.npy'",
        "dtype" => "'f4'",
        "q" => "0.5",
        "start" | "stop" | "fill_value" | "axis" => "0",
        other => panic!("no sample for `{other}` of {}", entry.name),
    }
}

/// Calls with the arguments that must be given, and with all others at their defaults.
fn calls(entry: &Entry, called: &str, parameters: &str) -> [String; 2] {
    let pieces = || parameters.split(", ").filter(|piece| !piece.is_empty());
    let required = pieces().filter(|piece| !piece.contains('=') && !piece.starts_with('*'));
    let mut required: Vec<String> = required.map(|piece| sample(entry, piece).to_owned()).collect();
    let mut defaults: Vec<String> = pieces().filter(|piece| piece.contains('=')).map(str::to_owned).collect();
    if parameters.starts_with("*shape") {
        required.push("20".to_owned());
    }
    if entry.random && entry.name != "default_rng" {
        defaults.retain(|piece| !piece.starts_with("size="));
        required.push("size=3".to_owned());
    }
    let short = required.join(", ");
    required.extend(defaults);
    [format!("{called}({short})"), format!("{called}({})", required.join(", "))]
}

#[test]
fn calls_are_accepted_as_the_page_writes_them() {
    for entry in TABLE {
        let mut texts = Vec::new();
        for name in entry.names() {
            let prefixes: &[&str] =
                if entry.random { &["random.", "np.random."] } else { &["", "np.", "da."] };
            if let Some(parameters) = entry.function {
                texts.extend(
                    prefixes.iter().flat_map(|prefix| calls(entry, &format!("{prefix}{name}"), parameters)),
                );
            }
            match entry.meaning {
                Meaning::Property(_) | Meaning::View(_) => texts.push(format!("x.{name}")),
                _ => texts
                    .extend(entry.method().iter().flat_map(|all| calls(entry, &format!("x.{name}"), all))),
            }
        }
        for text in texts {
            let arrays = [ARRAYS[0], ARRAYS[1], ("line", text.as_str())];
            parsed(&arrays, "0").unwrap_or_else(|error| panic!("{text}\n{error}"));
        }
    }
}
