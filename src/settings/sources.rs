//! Where the layers come from: files, environment variables and flags, and their merging in order.
//!
//! [`Sources::from_process`] is the only place of the room that reads the environment. What the merged
//! values must satisfy is checked in `resolve`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings::layer::{Layer, RUN_FILE_SECTIONS};
use crate::settings::nearest::{full_names, is_known, nearest_full};
use crate::settings::parse::{Parsed, Scope, parse};
use crate::settings::values::Expressions;
use crate::settings::{BUILT_IN, Origin};

/// What [`resolve`](crate::settings::resolve()) reads.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Environment variables; only `HOME` and those like `SQUALL_CLUSTER__WORKERS` matter.
    pub environment: Vec<(String, String)>,
    /// The site's file; it may be missing.
    pub site: PathBuf,
    /// The user's file; it may be missing.
    pub user: Option<PathBuf>,
    /// The file of the current directory; it may be missing.
    pub project: PathBuf,
    /// The run file; it must exist and hold results.
    pub run_file: Option<PathBuf>,
    /// Results given without a run file, as by `-e`: names and expressions.
    pub results: Vec<(String, String)>,
    /// Flags in the order in which they were typed: the flag, the `section.key` it sets, and the value.
    pub flags: Vec<(String, String, String)>,
}

impl Sources {
    /// The sources of this process, without flags.
    pub fn from_process(run_file: Option<&Path>) -> Sources {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        };
        let environment: Vec<_> = std::env::vars_os().map(text).collect();
        Sources {
            site: PathBuf::from("/etc/squall/squall.toml"),
            user: user_file(&environment),
            project: PathBuf::from("squall.toml"),
            run_file: run_file.map(Path::to_owned),
            environment,
            ..Sources::default()
        }
    }

    /// Adds the `section.key=value` of a `--set`.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(Error::refused(format!("invalid --set `{assignment}`"))
                .cause("there is no `=` in it")
                .hint("write --set section.key=value, for example --set slurm.partition=compute"));
        };
        let key = key.trim();
        self.flags.push((format!("--set {key}"), key.to_owned(), value.trim().to_owned()));
        Ok(())
    }

    pub(super) fn home(&self) -> Option<&Path> {
        variable(&self.environment, "HOME").map(Path::new)
    }
}

/// The value of a variable that is set and not empty.
fn variable<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let set = environment.iter().find(|(variable, _)| variable == name);
    set.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// `$XDG_CONFIG_HOME/squall/squall.toml`, else the same below `~/.config`. A relative directory is ignored, as
/// the XDG specification asks.
fn user_file(environment: &[(String, String)]) -> Option<PathBuf> {
    let configured =
        variable(environment, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = configured.or_else(|| Some(Path::new(variable(environment, "HOME")?).join(".config")))?;
    Some(directory.join("squall/squall.toml"))
}

/// All layers so far as one, and which of them set each key.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) layer: Layer,
    pub(super) origins: BTreeMap<String, Origin>,
}

impl Merged {
    /// Reads all layers, weakest first.
    pub(super) fn read(sources: &Sources) -> Result<Merged> {
        let mut merged = Merged::default();
        let built_in = parse(BUILT_IN, Scope::Settings)
            .map_err(|problem| problem.in_file(Path::new("config/squall.toml"), BUILT_IN))?;
        merged.cover(built_in, |_| Origin::BuiltIn);
        for path in configuration_files(sources) {
            if let Some(text) = read_if_there(path)? {
                merged.file(path, &text, Scope::Settings)?;
            }
        }
        if let Some(path) = &sources.run_file {
            merged.file(path, &read_run_file(path)?, Scope::RunFile)?;
        }
        for (name, value) in &sources.environment {
            merged.variable(name, value)?;
        }
        merged.results(&sources.results);
        for (flag, key, value) in &sources.flags {
            merged.flag(flag, key, value)?;
        }
        Ok(merged)
    }

    fn cover(&mut self, stronger: Parsed, origin: impl Fn(usize) -> Origin) {
        let weaker = std::mem::take(&mut self.layer);
        self.layer = stronger.layer.over(weaker);
        self.origins.extend(stronger.lines.into_iter().map(|(key, line)| (key, origin(line))));
    }

    fn file(&mut self, path: &Path, text: &str, scope: Scope) -> Result<()> {
        let parsed = parse(text, scope).map_err(|problem| problem.in_file(path, text))?;
        self.cover(parsed, |line| Origin::File { path: path.to_owned(), line: Some(line) });
        Ok(())
    }

    /// `SQUALL_SECTION__KEY`; other variables of that prefix are not settings.
    fn variable(&mut self, name: &str, value: &str) -> Result<()> {
        if !name.strip_prefix("SQUALL_").is_some_and(|rest| rest.contains("__")) {
            return Ok(());
        }
        let Some(key) = full_names().into_iter().find(|key| variable_of(key) == name) else {
            let meant = name.trim_start_matches("SQUALL_").to_lowercase().replacen("__", ".", 1);
            return Err(unknown(format!("unknown variable `{name}`"), &meant, variable_of));
        };
        let parsed = given(&key, value, &format!("{name}={value}"))?;
        self.cover(parsed, |_| Origin::Environment(name.to_owned()));
        Ok(())
    }

    fn flag(&mut self, flag: &str, key: &str, value: &str) -> Result<()> {
        if !is_known(key) {
            return Err(unknown(format!("unknown key in `{flag}`"), key, str::to_owned));
        }
        let shown =
            if flag.starts_with("--set ") { format!("{flag}={value}") } else { format!("{flag} {value}") };
        let parsed = given(key, value, &shown)?;
        self.cover(parsed, |_| Origin::Flag(flag.to_owned()));
        Ok(())
    }

    fn results(&mut self, results: &[(String, String)]) {
        if !results.is_empty() {
            self.layer.results = Some(Expressions(results.to_vec()));
            let flag =
                |(name, _): &(String, String)| (format!("results.{name}"), Origin::Flag("-e".to_owned()));
            self.origins.extend(results.iter().map(flag));
        }
    }
}

/// The refusal of a key outside a file; `write` turns a key into the form in which it would have to be given.
fn unknown(what: String, key: &str, write: impl Fn(&str) -> String) -> Error {
    if key.split('.').next().is_some_and(|section| RUN_FILE_SECTIONS.contains(&section)) {
        return Error::refused(what)
            .cause("arrays and results belong in a run file")
            .hint("write them to a run file, or compute one expression by `squall run -e EXPR`");
    }
    Error::refused(what).cause("no section has such a key").hint(match nearest_full(key) {
        Some(near) => format!("did you mean `{}`?", write(&near)),
        None => "`squall config` shows every key".to_owned(),
    })
}

/// `cluster.workers` as `SQUALL_CLUSTER__WORKERS`.
fn variable_of(key: &str) -> String {
    format!("SQUALL_{}", key.replacen('.', "__", 1).to_uppercase())
}

/// One value outside a file: TOML, or bare text where the key takes text.
fn given(key: &str, value: &str, shown: &str) -> Result<Parsed> {
    let bare = parse(&format!("{key} = {}", toml::Value::from(value)), Scope::Settings);
    let parsed = match toml::de::ValueDeserializer::parse(value) {
        Ok(_) => {
            parse(&format!("{key} = {value}"), Scope::Settings).or_else(|problem| bare.map_err(|_| problem))
        }
        Err(_) => bare,
    };
    parsed.map_err(|problem| problem.given_by(shown))
}

/// The site's, the user's and the project's file, without the one that is the run file itself.
fn configuration_files(sources: &Sources) -> impl Iterator<Item = &Path> {
    let files = [Some(sources.site.as_path()), sources.user.as_deref(), Some(sources.project.as_path())];
    let run_file = sources.run_file.as_ref().and_then(|path| path.canonicalize().ok());
    files.into_iter().flatten().filter(move |path| run_file.is_none() || path.canonicalize().ok() != run_file)
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => utf8(path, bytes).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn read_run_file(path: &Path) -> Result<String> {
    match std::fs::read(path) {
        Ok(bytes) => utf8(path, bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::system(cannot_read(path), &error)
            .hint("give the path of a run file, or compute one expression by `squall run -e EXPR`")),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::IsADirectory => Error::system(cannot_read(path), error)
            .hint(format!("name a file in it, or move the directory {} away", path.display())),
        _ => Error::system(cannot_read(path), error).hint("make the file readable, or move it away"),
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::refused(cannot_read(path))
            .cause(format!("line {line} is not UTF-8 text"))
            .hint("save the file as UTF-8; is it really a TOML file?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_file_is_where_xdg_puts_it() {
        let file = |variables: &[(&str, &str)]| {
            let environment: Vec<_> = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            user_file(&environment).map(|path| path.display().to_string())
        };
        let home = Some("/home/ada/.config/squall/squall.toml".to_owned());
        assert_eq!(file(&[("HOME", "/home/ada")]), home);
        assert_eq!(file(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "")]), home);
        assert_eq!(file(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "relative")]), home);
        assert_eq!(
            file(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "/x")]),
            Some("/x/squall/squall.toml".into())
        );
        assert_eq!(file(&[]), None);
    }

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let variables: std::collections::BTreeSet<_> =
            full_names().iter().map(|key| variable_of(key)).collect();
        assert_eq!(variables.len(), full_names().len());
        assert!(variables.contains("SQUALL_CLUSTER__MINIMUM_WORKERS"));
    }
}
