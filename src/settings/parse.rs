//! The text of one layer, turned into typed values with the line of each.
//!
//! Pure: text comes in, values or a [`Problem`] with its place go out. Reading files is the business of
//! `sources`, and so is saying which layer a problem is in.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::error::Error;
use crate::settings::layer::{Layer, POOL, RUN_FILE_SECTIONS};
use crate::settings::nearest::{hint_for_key, hint_for_section, keys_of};

/// What a layer says, and the line on which it says each `section.key`.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) layer: Layer,
    pub(super) lines: BTreeMap<String, usize>,
}

/// What may stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Settings alone.
    Settings,
    /// Settings, arrays and results.
    RunFile,
}

/// Why a text is refused, and where in it.
#[derive(Debug)]
pub(super) struct Problem {
    what: String,
    why: Option<String>,
    hint: Option<String>,
    span: Option<Range<usize>>,
}

/// Parses one layer.
pub(super) fn parse(text: &str, scope: Scope) -> Result<Parsed, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem::syntax(text, &error))?;
    check_names(table.get_ref(), scope)?;
    let spans = spans(table.get_ref());
    let lines = spans.iter().map(|(key, span)| (key.clone(), line_of(text, span.start))).collect();
    let layer = Layer::deserialize(toml::Deserializer::from(table))
        .map_err(|error| Problem::value(&spans, &error))?;
    Ok(Parsed { layer, lines })
}

/// Where each value of `section.key` stands.
fn spans(table: &DeTable<'_>) -> BTreeMap<String, Range<usize>> {
    let mut spans = BTreeMap::new();
    for (section, keys) in table {
        for (key, value) in keys.get_ref().as_table().into_iter().flatten() {
            let name = format!("{}.{}", section.get_ref(), key.get_ref());
            if section.get_ref() == POOL.0 {
                for (key, value) in value.get_ref().as_table().into_iter().flatten() {
                    spans.insert(format!("{name}.{}", key.get_ref()), value.span());
                }
            }
            spans.insert(name, value.span());
        }
    }
    spans
}

/// Refuses the first name that does not exist, and a section that is not one.
fn check_names(table: &DeTable<'_>, scope: Scope) -> Result<(), Problem> {
    let mut problems = Vec::new();
    for (section, value) in table {
        let name: &str = section.get_ref();
        let place = section.span();
        let free = RUN_FILE_SECTIONS.contains(&name);
        match value.get_ref().as_table() {
            Some(pools) if name == POOL.0 => problems.extend(check_pools(pools)),
            None if name == POOL.0 => problems.push(Problem::no_pool(place)),
            keys if !free && keys_of(name).is_empty() => {
                problems.push(Problem::unknown_section(name, keys.is_some(), place));
            }
            _ if free && scope == Scope::Settings => problems.push(Problem::misplaced(name, place)),
            None => problems.push(Problem::not_a_section(name, place)),
            Some(_) if free => {}
            Some(keys) => problems.extend(check_keys(name, keys)),
        }
    }
    let first = problems.into_iter().min_by_key(|problem| problem.span.as_ref().map(|span| span.start));
    first.map_or(Ok(()), Err)
}

fn check_pools(pools: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (pool, value) in pools {
        let name: &str = pool.get_ref();
        match value.get_ref().as_table() {
            None => problems.push(Problem::no_pool(pool.span())),
            // It stands on a command line, and names a file.
            Some(_) if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => {
                problems.push(Problem::misnamed_pool(name, pool.span()));
            }
            Some(keys) => problems.extend(check_keys(&format!("{}.{name}", POOL.0), keys)),
        }
    }
    problems
}

fn check_keys(section: &str, keys: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in keys {
        let name: &str = key.get_ref();
        if !keys_of(section).contains(&name) {
            problems.push(Problem::unknown_key(section, name, key.span()));
        } else if let DeValue::Datetime(time) = value.get_ref() {
            problems.push(Problem::bare_time(section, name, &time.to_string(), value.span()));
        }
    }
    problems
}

impl Problem {
    fn new(what: impl Into<String>, span: Option<Range<usize>>) -> Self {
        Problem { what: what.into(), why: None, hint: None, span }
    }

    fn why(self, why: impl Into<String>) -> Self {
        Problem { why: Some(why.into()), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Problem { hint: Some(hint.into()), ..self }
    }

    fn unknown_section(name: &str, holds_keys: bool, span: Range<usize>) -> Self {
        let what = match holds_keys {
            true => format!("unknown section `{name}`"),
            false => format!("unknown key `{name}` outside any section"),
        };
        Problem::new(what, Some(span)).hint(hint_for_section(name))
    }

    fn unknown_key(section: &str, key: &str, span: Range<usize>) -> Self {
        Problem::new(format!("unknown key `{key}` in [{section}]"), Some(span))
            .hint(hint_for_key(section, key))
    }

    fn misplaced(name: &str, span: Range<usize>) -> Self {
        Problem::new(format!("[{name}] outside a run file"), Some(span))
            .hint(format!("move [{name}] to a run file, and compute it by `squall run FILE.toml`"))
    }

    fn no_pool(span: Range<usize>) -> Self {
        Problem::new("pools are tables with names", Some(span))
            .hint("write a line like `[pool.big]`, and the keys of the pool below it")
    }

    fn misnamed_pool(name: &str, span: Range<usize>) -> Self {
        Problem::new(format!("a pool is called `{}`", name.escape_debug()), Some(span))
            .hint("use letters, digits, `-` and `_`")
    }

    fn not_a_section(name: &str, span: Range<usize>) -> Self {
        Problem::new(format!("`{name}` is a section, not a key"), Some(span))
            .hint(format!("write a line `[{name}]`, and the keys of the section below it"))
    }

    fn bare_time(section: &str, key: &str, time: &str, span: Range<usize>) -> Self {
        Problem::new(format!("invalid {section}.{key}"), Some(span))
            .why("a time without quotes is a time of day in TOML")
            .hint(format!("put it in quotes: {key} = \"{time}\""))
    }

    fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let problem = Problem::new("this is not TOML", error.span()).why(error.message());
        match error.span().and_then(|span| unquoted(line_at(text, span.start))) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }

    fn value(spans: &BTreeMap<String, Range<usize>>, error: &toml::de::Error) -> Self {
        let place = error.span();
        let within = |span: &Range<usize>| {
            place.as_ref().is_some_and(|place| span.start <= place.start && place.end <= span.end)
        };
        let key = spans.iter().find(|(_, span)| within(span)).map(|(key, _)| key.as_str());
        let problem = Problem::new(format!("invalid {}", key.unwrap_or("value")), place);
        // `units` ends a message with the forms that it reads, since serde's errors are single lines.
        match error.message().split_once("; write ") {
            Some((why, forms)) => problem.why(why).hint(format!("write {forms}")),
            None => problem.why(error.message()),
        }
    }

    /// The error for a problem in a file, with the line and a caret under the place.
    pub(super) fn in_file(self, path: &Path, text: &str) -> Error {
        let place = match &self.span {
            Some(span) => format!("{}:{}", path.display(), excerpt(text, span)),
            None => path.display().to_string(),
        };
        self.error(place)
    }

    /// The error for a problem in a value given by a variable or a flag.
    pub(super) fn given_by(self, given: &str) -> Error {
        self.error(format!("set by {given}"))
    }

    fn error(self, place: String) -> Error {
        let mut error = Error::refused(self.what);
        if let Some(why) = self.why {
            error = error.cause(why);
        }
        error = error.cause(place);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The hint for a line like `memory = 2G`, the commonest of all slips.
fn unquoted(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let bare = value.starts_with(|first: char| first.is_alphanumeric() || "/~._-".contains(first));
    let valid = toml::de::ValueDeserializer::parse(value).is_ok();
    (bare && !valid && !value.contains(['"', '\'']))
        .then(|| format!("put text in quotes: {} = \"{value}\"", key.trim()))
}

/// The line that holds a byte, counted from one.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn line_at(text: &str, at: usize) -> &str {
    text[line_start(text, at)..].lines().next().unwrap_or("")
}

/// `LINE:COLUMN`, the line itself and carets under the span.
fn excerpt(text: &str, span: &Range<usize>) -> String {
    let number = line_of(text, span.start);
    let line = line_at(text, span.start);
    let before = text[line_start(text, span.start)..span.start].chars().count();
    let marked = text[span.clone()].lines().next().map_or(0, |part| part.chars().count()).max(1);
    let gutter = " ".repeat(number.to_string().len());
    let mut shown = format!("{number}:{}\n{gutter} |\n", before + 1);
    let line = line.replace('\t', " ");
    let _ = write!(shown, "{number} | {line}\n{gutter} | {:before$}{}", "", "^".repeat(marked));
    shown
}
