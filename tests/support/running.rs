//! A program while it runs, and what is left of it: exit code, standard output, standard error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::events::Events;
use super::{PATIENCE, until};

/// A started program; it is killed if its test ends before it does.
pub(crate) struct Running {
    child: Child,
    directory: PathBuf,
    stdout: File,
    stderr: File,
}

/// An ended program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts `command`, whose runs are in `directory`.
    pub(crate) fn start(mut command: Command, directory: &Path) -> Running {
        let file = || tempfile::tempfile().expect("a file can be made");
        let (stdout, stderr) = (file(), file());
        let shared = |file: &File| file.try_clone().expect("a descriptor can be shared");
        let child = command.stdout(shared(&stdout)).stderr(shared(&stderr)).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Running { child, directory: directory.to_owned(), stdout, stderr }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Sends it a signal; one that has just ended needs none.
    pub(crate) fn signal(&self, signal: Signal) {
        let sent = kill(self.pid(), signal);
        assert!(matches!(sent, Ok(()) | Err(nix::errno::Errno::ESRCH)), "{sent:?}");
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until the condition gives something; fails if the program ends before that.
    pub(crate) fn until<T>(&mut self, what: &str, mut condition: impl FnMut(&Running) -> Option<T>) -> T {
        let this = std::cell::RefCell::new(self);
        let look = || {
            let mut this = this.borrow_mut();
            let ended = this.child.try_wait().expect("a child can be waited for");
            // Asked last, so that what it did just before its end counts.
            let found = condition(&this);
            assert!(
                found.is_some() || ended.is_none(),
                "it ended before {what}: {ended:?}\n{}",
                this.stderr()
            );
            found
        };
        until(what, PATIENCE, look, || this.borrow().stderr())
    }

    /// Waits until the events of its only run give something.
    pub(crate) fn until_events<T>(&mut self, what: &str, condition: impl Fn(&Events) -> Option<T>) -> T {
        self.until(what, |this| condition(&this.events()?))
    }

    /// The events so far of the only run in its directory.
    pub(crate) fn events(&self) -> Option<Events> {
        Events::of(&self.run_directory()?)
    }

    /// The only run directory, once it is there.
    pub(crate) fn run_directory(&self) -> Option<PathBuf> {
        let mut runs = std::fs::read_dir(self.directory.join(".squall")).ok()?;
        let run = runs.next()?.expect("it can be listed").path();
        assert!(runs.next().is_none(), "there is more than one run");
        Some(run)
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Outcome {
        self.wait_for(PATIENCE)
    }

    /// Waits so long for its end.
    pub(crate) fn wait_for(mut self, limit: Duration) -> Outcome {
        let this = std::cell::RefCell::new(&mut self);
        let look = || this.borrow_mut().child.try_wait().expect("a child can be waited for");
        let status = until("it ended", limit, look, || this.borrow().stderr());
        Outcome { status, stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing to one that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// The exit code; -N after signal N.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().or_else(|| self.status.signal().map(|signal| -signal)).expect("one or the other")
    }

    /// The same, which has to have gone well.
    pub(crate) fn ok(self) -> Outcome {
        assert_eq!(self.code(), 0, "{}", self.stderr);
        self
    }

    /// The results by name, as their bits. Standard output must hold nothing else.
    pub(crate) fn bits(&self) -> BTreeMap<String, u64> {
        self.numbers().into_iter().map(|(name, number)| (name, number.to_bits())).collect()
    }

    /// The results by name. Standard output must hold nothing else.
    pub(crate) fn numbers(&self) -> BTreeMap<String, f64> {
        let result = |line: &str| {
            let (name, value) = line.split_once(" = ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let lines = self.stdout.lines();
        lines.map(|line| result(line).unwrap_or_else(|| panic!("{line:?} is no result"))).collect()
    }
}

/// All of a file, whose position is its writer's: it is read through a description of its own.
fn text(file: &File) -> String {
    use std::os::fd::AsRawFd;
    let mut own = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("it is open");
    own.seek(SeekFrom::Start(0)).expect("it is a file");
    let mut bytes = Vec::new();
    own.read_to_end(&mut bytes).expect("it can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
