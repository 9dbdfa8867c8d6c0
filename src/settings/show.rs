//! Settings as TOML, for `squall config` and for the run directory; it can be pasted back into a run file.
//!
//! Pure text; printing it is the business of `cli`.

use std::fmt::{Display, Write};
use std::path::Path;

use toml::{Table, Value};

use crate::settings::layer::POOL;
use crate::settings::{PoolSettings, Settings};

/// Trailing comments start here, unless a line is longer.
const COMMENT_COLUMN: usize = 40;

/// The text of `squall config`; with origins, each line says in a comment which layer set it.
pub fn show(settings: &Settings, with_origin: bool) -> String {
    let mut text = String::new();
    let mut section = String::new();
    let mut unset = Vec::new();
    for (key, value) in entries(settings) {
        let split = if key.starts_with(POOL.0) { key.rsplit_once('.') } else { key.split_once('.') };
        let (home, name) = split.expect("a key has a section");
        if home != section {
            end_section(&mut text, &mut unset);
            section = home.to_owned();
            let _ = writeln!(text, "[{section}]");
        }
        let Some(value) = value else {
            unset.push(name.to_owned());
            continue;
        };
        let line = Table::from_iter([(name.to_owned(), value)]).to_string();
        let line = line.trim_end();
        let _ = match with_origin {
            true => writeln!(
                text,
                "{line:COMMENT_COLUMN$} # {}{}",
                settings.origin(&key),
                because(settings, &key)
            ),
            false => writeln!(text, "{line}"),
        };
    }
    end_section(&mut text, &mut unset);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What stands behind the origin of a figure that was worked out.
fn because(settings: &Settings, key: &str) -> String {
    let because = match key {
        "cluster.memory" => settings.cluster.memory.because(),
        "cluster.walltime" => settings.cluster.walltime.because(),
        _ => settings.pools.iter().find_map(|pool| {
            match key.strip_prefix(POOL.0)?.strip_prefix('.')?.strip_prefix(&pool.name)? {
                ".memory" => pool.memory.as_ref()?.because(),
                ".walltime" => pool.walltime.as_ref()?.because(),
                _ => None,
            }
        }),
    };
    because.map_or(String::new(), |because| format!(", auto: {because}"))
}

fn end_section(text: &mut String, unset: &mut Vec<String>) {
    if !unset.is_empty() {
        let _ = writeln!(text, "# not set: {}", unset.join(", "));
        unset.clear();
    }
    if !text.is_empty() {
        text.push('\n');
    }
}

/// Every `section.key` in the order of the reference, with its value where it has one.
pub(super) fn entries(settings: &Settings) -> Vec<(String, Option<Value>)> {
    let (cluster, slurm) = (&settings.cluster, &settings.slurm);
    let mut entries: Vec<(String, Option<Value>)> = [
        ("random.seed", settings.seed.map(large)),
        ("cluster.kind", Some(text(cluster.kind))),
        ("cluster.workers", Some(integer(cluster.workers))),
        ("cluster.cores", cluster.cores.map(integer)),
        ("cluster.memory", Some(text(&cluster.memory))),
        ("cluster.walltime", Some(text(&cluster.walltime))),
        ("cluster.minimum_workers", Some(integer(cluster.minimum_workers))),
        ("cluster.replacements", cluster.replacements.map(integer)),
        ("cluster.start_timeout", Some(large(cluster.start_timeout.as_secs().into()))),
        (
            "cluster.driver_threads",
            Some(cluster.driver_threads.value().map_or_else(|| text(&cluster.driver_threads), integer)),
        ),
        ("cluster.death_timeout", Some(large(cluster.death_timeout.as_secs().into()))),
        ("cluster.port", Some(integer(cluster.port))),
        ("cluster.host", cluster.host.as_ref().map(text)),
        ("cluster.program", cluster.program.as_deref().map(path)),
        ("slurm.partition", slurm.partition.as_ref().map(text)),
        ("slurm.account", slurm.account.as_ref().map(text)),
        ("slurm.qos", slurm.qos.as_ref().map(text)),
        ("slurm.constraint", slurm.constraint.as_ref().map(text)),
        ("slurm.reservation", slurm.reservation.as_ref().map(text)),
        ("slurm.directives", Some(lines(&slurm.directives))),
        ("slurm.prologue", Some(lines(&slurm.prologue))),
        ("slurm.epilogue", Some(lines(&slurm.epilogue))),
        ("slurm.memory_option", Some(text(slurm.memory_option))),
        ("slurm.submit", Some(text(slurm.submit))),
        ("slurm.submit_interval", Some(large(slurm.submit_interval.as_secs().into()))),
        ("slurm.max_pending", slurm.max_pending.map(integer)),
        ("slurm.template", slurm.template.as_deref().map(path)),
        ("slurm.log_directory", slurm.log_directory.as_deref().map(path)),
        (
            "slurm.janitor",
            Some(slurm.janitor.map_or(Value::Boolean(false), |patience| large(patience.as_secs().into()))),
        ),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    entries.extend(settings.pools.iter().flat_map(of_pool));
    entries.push(("run.directory".to_owned(), Some(path(&settings.run.directory))));
    for (section, expressions) in
        [("arrays", &settings.arrays), ("results", &settings.results), ("save", &settings.saves)]
    {
        entries.extend(
            expressions
                .iter()
                .map(|(name, expression)| (format!("{section}.{}", name), Some(text(expression)))),
        );
    }
    entries
}

fn of_pool(pool: &PoolSettings) -> Vec<(String, Option<Value>)> {
    let keys = [
        ("partition", pool.partition.as_ref().map(text)),
        ("constraint", pool.constraint.as_ref().map(text)),
        ("cores", pool.cores.map(integer)),
        ("memory", pool.memory.as_ref().map(text)),
        ("walltime", pool.walltime.as_ref().map(text)),
        ("maximum", pool.maximum.map(integer)),
    ];
    keys.map(|(key, value)| (format!("{}.{}.{key}", POOL.0, pool.name), value)).into()
}

/// An integer, or a string where TOML's integers end.
fn large(number: u128) -> Value {
    i64::try_from(number).map_or_else(|_| text(number), Value::Integer)
}

fn integer(number: impl Into<i64>) -> Value {
    Value::Integer(number.into())
}

fn text(value: impl Display) -> Value {
    Value::String(value.to_string())
}

fn path(path: &Path) -> Value {
    text(path.display())
}

fn lines(lines: &[String]) -> Value {
    Value::Array(lines.iter().map(text).collect())
}
