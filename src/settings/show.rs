//! Settings as TOML, for `squall config` and for the run directory; it can be pasted back into a run file.
//!
//! Pure text; printing it is the business of `cli`.

use std::fmt::{Display, Write};
use std::path::Path;

use toml::Value;

use crate::settings::Settings;

/// Trailing comments start here, unless a line is longer.
const COMMENT_COLUMN: usize = 40;

/// The text of `squall config`; with origins, each line says in a comment which layer set it.
pub fn show(settings: &Settings, with_origin: bool) -> String {
    let mut text = String::new();
    let mut section = String::new();
    let mut unset = Vec::new();
    for (key, value) in entries(settings) {
        let (home, name) = key.split_once('.').expect("a key has a section");
        if home != section {
            end_section(&mut text, &mut unset);
            section = home.to_owned();
            let _ = writeln!(text, "[{section}]");
        }
        let Some(value) = value else {
            unset.push(name.to_owned());
            continue;
        };
        let line = format!("{name} = {value}");
        let _ = match with_origin {
            true => writeln!(text, "{line:COMMENT_COLUMN$} # {}", settings.origin(&key)),
            false => writeln!(text, "{line}"),
        };
    }
    end_section(&mut text, &mut unset);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
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

/// Every `section.key` in the order of the reference, with its value as TOML where it has one.
pub(super) fn entries(settings: &Settings) -> Vec<(String, Option<String>)> {
    let (cluster, slurm) = (&settings.cluster, &settings.slurm);
    let mut entries: Vec<(String, Option<String>)> = [
        ("random.seed", settings.seed.map(seed)),
        ("cluster.kind", Some(text(cluster.kind))),
        ("cluster.workers", Some(cluster.workers.to_string())),
        ("cluster.cores", cluster.cores.map(|cores| cores.to_string())),
        ("cluster.memory", Some(text(cluster.memory))),
        ("cluster.walltime", Some(text(cluster.walltime))),
        ("cluster.minimum_workers", Some(cluster.minimum_workers.to_string())),
        ("cluster.death_timeout", Some(cluster.death_timeout.as_secs().to_string())),
        ("cluster.port", Some(cluster.port.to_string())),
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
        ("slurm.template", slurm.template.as_deref().map(path)),
        ("slurm.log_directory", slurm.log_directory.as_deref().map(path)),
        ("run.directory", Some(path(&settings.run.directory))),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    for (section, expressions) in [("arrays", &settings.arrays), ("results", &settings.results)] {
        entries.extend(
            expressions
                .iter()
                .map(|(name, expression)| (format!("{section}.{}", key_text(name)), Some(text(expression)))),
        );
    }
    entries
}

/// TOML's integers end at 2^63.
fn seed(seed: u128) -> String {
    i64::try_from(seed).map_or_else(|_| text(seed), |seed| seed.to_string())
}

fn text(value: impl Display) -> String {
    Value::String(value.to_string()).to_string()
}

fn path(path: &Path) -> String {
    text(path.display())
}

fn lines(lines: &[String]) -> String {
    Value::Array(lines.iter().map(|line| Value::String(line.clone())).collect()).to_string()
}

/// A name as a TOML key, in quotes where it needs them.
fn key_text(name: &str) -> String {
    let bare = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    if bare { name.to_owned() } else { text(name) }
}
