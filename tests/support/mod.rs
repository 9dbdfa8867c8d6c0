//! What test binaries share: the program in a clean place here, a run while it lasts in `running`, what its
//! events prove in `events`, and the behaviours of every kind of cluster in `conformance`.

pub(crate) mod conformance;
pub(crate) mod events;
pub(crate) mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::running::{Outcome, Running};

/// How long anything may take on a busy machine before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How often a condition is looked at while a test waits for it.
const LOOK: Duration = Duration::from_millis(5);

/// A fresh directory, and the program to run in it.
pub(crate) struct Place {
    directory: PathBuf,
    command: Box<dyn Fn() -> Command>,
    /// Removed with the place.
    _owned: Option<TempDir>,
}

impl Place {
    /// A directory of its own, and an environment without configuration, without Slurm, without anything on PATH.
    pub(crate) fn new() -> Place {
        Place::with_path("")
    }

    /// The same, with a PATH.
    pub(crate) fn with_path(path: &str) -> Place {
        let owned = tempfile::tempdir().expect("a directory can be made");
        // Without links, so that paths in messages are those known here.
        let root = owned.path().canonicalize().expect("it is there");
        let (directory, home) = (root.join("here"), root.join("home"));
        for directory in [&directory, &home] {
            std::fs::create_dir(directory).expect("it takes another one");
        }
        let path = path.to_owned();
        let command = move || {
            // Whoever runs the tests may have HUP ignored, which the program respects.
            let mut command = Command::new("/usr/bin/env");
            command
                .args(["--default-signal=HUP", env!("CARGO_BIN_EXE_squall")])
                .env_clear()
                .env("PATH", &path)
                .env("HOME", &home)
                .env("XDG_CONFIG_HOME", home.join("xdg"));
            command
        };
        Place { directory, command: Box::new(command), _owned: Some(owned) }
    }

    /// The same place, whose programs have one more variable.
    #[allow(dead_code, reason = "not every test binary sets variables")]
    pub(crate) fn with_variable(self, name: &'static str, value: impl AsRef<std::ffi::OsStr>) -> Place {
        let (value, command) = (value.as_ref().to_owned(), self.command);
        let command = move || {
            let mut command = command();
            command.env(name, &value);
            command
        };
        Place { command: Box::new(command), ..self }
    }

    /// A place that somebody else has made: `command` gives the program with its environment.
    #[allow(dead_code, reason = "not every test binary brings places of its own")]
    pub(crate) fn elsewhere(directory: PathBuf, command: impl Fn() -> Command + 'static) -> Place {
        Place { directory, command: Box::new(command), _owned: None }
    }

    /// The current directory of the programs.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file below the directory; returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a directory"))
            .expect("a directory can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The program with arguments, not yet started.
    pub(crate) fn command<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = (self.command)();
        command.current_dir(&self.directory).args(arguments).stdin(Stdio::null());
        command
    }

    /// Starts the program.
    pub(crate) fn start<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        Running::start(self.command(arguments), &self.directory)
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        self.start(arguments).wait()
    }

    /// The run directories here.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.directory.join(".squall")) else { return Vec::new() };
        entries.map(|entry| entry.expect("it can be listed").path()).collect()
    }
}

/// Waits until the condition gives something, or fails with what is known then.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
    known: impl Fn() -> String,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain until {what}\n{}", known());
        std::thread::sleep(LOOK);
    }
}
