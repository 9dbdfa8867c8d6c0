//! A real Slurm for the cases: the testbed itself here, looking at it in `observe`, breaking it in `fault`,
//! and running the cases in `harness`. All knowledge of how a cluster is brought up is in `testbed.sh`.

pub(crate) mod fault;
pub(crate) mod harness;
mod observe;

pub(crate) use observe::Job;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Bringing up and ending exclude each other: a signal may ask for the end at any moment.
static CHANGING: Mutex<()> = Mutex::new(());

/// What a testbed has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Neither accounting nor limits.
    Plain,
    /// slurmdbd, the account `lessons`, and the QOS `tight`: two jobs of a user, five minutes.
    Accounting,
}

/// A running cluster of a few nodes, and an ordinary user of it.
pub(crate) struct Testbed {
    kind: Kind,
    directory: PathBuf,
    /// The name of the ordinary user to whom jobs and drivers belong.
    pub(crate) user: String,
    uid: u32,
    gid: u32,
    /// The names of the nodes. Each has two CPUs and 8000 MiB; there are six CPUs (on a machine with two).
    pub(crate) nodes: Vec<String>,
    /// Whether the nodes confine their jobs with cgroups: memory, CPUs, and stray processes.
    pub(crate) confined: bool,
    directories_made: AtomicUsize,
}

impl Testbed {
    /// Brings it up afresh, whatever a crash may have left; waits for another process that tests this
    /// checkout.
    pub(crate) fn up(kind: Kind) -> Result<Testbed, String> {
        static LOCK: Mutex<Option<File>> = Mutex::new(None);
        let mut lock = LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if lock.is_none() {
            let file = File::open(CRATE).map_err(|error| error.to_string())?;
            file.lock().map_err(|error| error.to_string())?;
            *lock = Some(file);
        }
        let directory = directory(kind);
        down(kind)?;
        script(kind, "up", if kind == Kind::Accounting { &["accounting"] } else { &[] })?;
        let read = |name: &str| fs::read_to_string(directory.join(name)).map_err(|error| error.to_string());
        let env = parse_env(&read("env")?);
        let number = |key: &str| env[key].parse().map_err(|error| format!("{key} in env: {error}"));
        Ok(Testbed {
            user: env["TESTBED_USER"].clone(),
            uid: number("TESTBED_UID")?,
            gid: number("TESTBED_GID")?,
            nodes: env["TESTBED_NODES"].split(' ').map(str::to_owned).collect(),
            confined: read("mode")?.starts_with("cgroup"),
            directories_made: AtomicUsize::new(0),
            kind,
            directory,
        })
    }

    /// The path of `slurm.conf`; every command of Slurm finds the testbed by `SLURM_CONF` alone.
    pub(crate) fn conf(&self) -> PathBuf {
        self.directory.join("slurm.conf")
    }

    /// A command that runs as the ordinary user, with a user's clean environment and no standard input.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.admin_command(program);
        if is_root() {
            command.uid(self.uid).gid(self.gid);
        }
        command.env("HOME", self.home()).env("USER", &self.user).env("LOGNAME", &self.user);
        command.current_dir(self.home());
        command
    }

    /// A command that runs as the cluster's administrator.
    pub(crate) fn admin_command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", PATH).env("SLURM_CONF", self.conf()).stdin(Stdio::null());
        command
    }

    /// A fresh directory of the ordinary user's.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let number = self.directories_made.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("work/{number}-{name}"));
        fs::create_dir(&path).expect("the testbed's directory takes another one");
        chown(&path, Some(self.uid), Some(self.gid)).expect("one's own directory may be given away");
        path
    }

    /// The user's home directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// The `squall` program under test, at a place from which the user may run it.
    pub(crate) fn program(&self) -> PathBuf {
        let path = self.directory.join("bin/squall");
        if !path.exists() {
            fs::copy(env!("CARGO_BIN_EXE_squall"), &path).expect("the program can be copied");
        }
        path
    }
}

/// Ends the testbed and removes every trace of it; harmless if there is none.
fn down(kind: Kind) -> Result<(), String> {
    script(kind, "down", &[])
}

/// Under /tmp, since a checkout may be where other users cannot enter, or too deep for the paths of sockets.
fn directory(kind: Kind) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (CRATE, nix::unistd::getuid().as_raw()).hash(&mut hasher);
    let name = match kind {
        Kind::Plain => "slurm",
        Kind::Accounting => "accounting",
    };
    PathBuf::from(format!("/tmp/squall-{name}-{:08x}", hasher.finish() as u32))
}

fn script(kind: Kind, command: &str, arguments: &[&str]) -> Result<(), String> {
    let _changing = CHANGING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let script = Path::new(CRATE).join("tests/slurm/testbed.sh");
    // In a group of its own, so that a Ctrl-C does not end it half-way.
    let mut bash = Command::new("bash");
    bash.arg(script).arg(command).arg(directory(kind)).args(arguments).stdin(Stdio::null()).process_group(0);
    match bash.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("testbed.sh {command}: {status}")),
        Err(error) => Err(format!("bash cannot be started: {error}")),
    }
}

fn parse_env(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect()
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
