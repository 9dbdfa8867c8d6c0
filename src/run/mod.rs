//! The run directory: everything about one run, in one place that only its user can enter.
//!
//! The only room that knows file names in it. A worker needs this one path to start, `reap` needs it to find
//! what a dead driver left, and it is what a bug report consists of. Every file appears whole or not at all:
//! it is written under another name and renamed, because workers read over network file systems.

pub mod checkpoint;
mod id;
mod lifecycle;
mod look;
mod owner;
mod report;
mod submission;

pub use checkpoint::Written;
pub use id::RunId;
pub use lifecycle::Claim;
pub use look::tail;
pub use owner::{Owner, Process, age, host};
pub use report::Report;
pub use submission::Submission;

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a worker needs to know of the run's settings before it has found the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// Its compute threads.
    pub cores: u32,
    /// How long it looks for its driver, in seconds.
    pub death_timeout_seconds: u64,
    /// The name of the run's jobs.
    pub job_name: String,
    /// How long each of these may run, in seconds, where that is limited.
    pub walltime_seconds: Option<u64>,
    /// The memory that was asked for, in bytes, where it was.
    #[serde(default)]
    pub memory: Option<u64>,
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    id: RunId,
    path: PathBuf,
}

impl RunDirectory {
    /// Makes the directory of a new run below `base`, and `base` where it is missing.
    pub fn create(base: &Path, id: RunId) -> Result<RunDirectory> {
        let base = std::path::absolute(base).map_err(|error| unwritable(base, &error))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&base)
            .map_err(|error| unwritable(&base, &error))?;
        refuse_foreign(&base)?;
        let path = base.join(id.as_str());
        let run = RunDirectory { id, path };
        for directory in [run.path.clone(), run.log_directory()] {
            DirBuilder::new()
                .mode(0o700)
                .create(&directory)
                .map_err(|error| unwritable(&directory, &error))?;
        }
        let mode =
            fs::metadata(&run.path).map_err(|error| unwritable(&run.path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            let path = run.path.display();
            let refusal = Error::refused(format!("the run directory `{path}` is open to others"));
            return Err(refusal
                .cause(format!("its file system made it with mode {:o} instead of 700", mode & 0o777))
                .hint("set run.directory to a place on a file system that keeps permissions"));
        }
        Ok(run)
    }

    /// The directory of a run that exists.
    pub fn open(path: &Path) -> Result<RunDirectory> {
        let absolute = std::path::absolute(path).map_err(|error| missing(path, &error))?;
        let id = absolute.file_name().and_then(|name| name.to_str()).and_then(|name| RunId::parse(name).ok());
        let id = id.ok_or_else(|| Error::refused(format!("`{}` is not a run directory", path.display())))?;
        fs::metadata(&absolute).map_err(|error| missing(path, &error))?;
        Ok(RunDirectory { id, path: absolute })
    }

    /// The runs below `base`, the oldest first.
    pub fn list(base: &Path) -> Vec<RunDirectory> {
        let Ok(entries) = fs::read_dir(base) else { return Vec::new() };
        let mut runs: Vec<(SystemTime, RunDirectory)> = entries
            .filter_map(|entry| {
                let run = RunDirectory::open(&entry.ok()?.path()).ok()?;
                let began = fs::metadata(run.path.join(OWNER)).and_then(|owner| owner.modified());
                Some((began.unwrap_or(SystemTime::UNIX_EPOCH), run))
            })
            .collect();
        runs.sort_by(|a, b| (a.0, &a.1.path).cmp(&(b.0, &b.1.path)));
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Where it is, from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the logs of the run's jobs go unless the user says otherwise.
    pub fn log_directory(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Puts a copy of the worker program here, so that a rebuild while jobs wait changes nothing. A program that
    /// is that copy already, as that of a submitted driver is, stays.
    pub fn keep_program(&self, program: &Path) -> Result<PathBuf> {
        let kept = self.path.join("squall");
        let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if file(program).is_some() && file(program) == file(&kept) {
            return Ok(kept);
        }
        let failed = |error| {
            Error::system(format!("cannot copy the worker program `{}`", program.display()), &error)
                .hint("set cluster.program to the path of the program that workers run")
        };
        // A worker of an earlier driver may run what is there.
        let partial = self.partial("squall");
        fs::copy(program, &partial).map_err(failed)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        fs::rename(&partial, &kept).map_err(failed)?;
        Ok(kept)
    }

    /// Writes the keys that let workers in; refuses where the file could be read by others.
    pub fn write_key(&self, text: &str) -> Result<()> {
        let partial = self.partial(KEY);
        let written =
            private_file(&partial).map_err(|error| unwritable(&partial, &error)).and_then(|mut file| {
                refuse_open(&partial, &file.metadata().map_err(|error| unwritable(&partial, &error))?)?;
                let kept = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
                let kept = kept.and_then(|()| fs::rename(&partial, self.path.join(KEY)));
                kept.map_err(|error| unwritable(&self.path.join(KEY), &error))
            });
        written.inspect_err(|_| {
            // What is left of it must not stay, and where it cannot be removed there is nothing in it.
            let _ = fs::remove_file(&partial);
        })
    }

    /// The keys that let a worker in.
    pub fn key(&self) -> Result<String> {
        self.read(KEY)
    }

    /// Writes where the driver can be reached, one address a line.
    pub fn write_addresses(&self, lines: &[String]) -> Result<()> {
        self.write(ADDRESSES, (lines.join("\n") + "\n").as_bytes())
    }

    /// Where the driver can be reached.
    pub fn addresses(&self) -> Result<Vec<String>> {
        Ok(self.read(ADDRESSES)?.lines().map(str::to_owned).collect())
    }

    /// Writes who drives the run.
    pub fn write_owner(&self, owner: &Owner) -> Result<()> {
        self.write(OWNER, &json(owner))
    }

    /// Who drives or drove the run.
    pub fn owner(&self) -> Result<Owner> {
        self.parse(OWNER)
    }

    /// Writes what the run's workers, those of a pool where there are pools, need to know of its settings.
    pub fn write_worker(&self, pool: Option<&str>, worker: &WorkerFacts) -> Result<()> {
        self.write(&worker_file(pool), &json(worker))
    }

    /// What the run's workers, those of a pool where there are pools, need to know of its settings.
    pub fn worker(&self, pool: Option<&str>) -> Result<WorkerFacts> {
        self.parse(&worker_file(pool))
    }

    /// Writes the resolved settings.
    pub fn write_settings(&self, toml: &str) -> Result<()> {
        self.write(SETTINGS, toml.as_bytes())
    }

    /// Where the resolved settings are: a run file of its own.
    pub fn settings_file(&self) -> PathBuf {
        self.path.join(SETTINGS)
    }

    /// Writes the plan as text, for people.
    pub fn write_plan(&self, text: &str) -> Result<()> {
        self.write(PLAN, text.as_bytes())
    }

    /// The file that the run's events are appended to.
    pub fn create_events(&self) -> Result<File> {
        let path = self.events_file();
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))
    }

    /// A new file for what the scheduler of one driver is told: each driver of a run has its own.
    pub fn create_recording(&self) -> Result<File> {
        let path = self.path.join(format!("schedule-{}", self.recordings().len()));
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))
    }

    /// The files that [`RunDirectory::create_recording`] has made, in their order.
    pub fn recordings(&self) -> Vec<PathBuf> {
        let paths = (0..).map(|number| self.path.join(format!("schedule-{number}")));
        paths.take_while(|path| path.exists()).collect()
    }

    /// Writes the script of a submission; returns its path.
    pub fn write_script(&self, submission: u32, text: &str) -> Result<PathBuf> {
        let path = self.script_file(submission);
        self.write(&format!("job-{submission}.sh"), text.as_bytes())?;
        Ok(path)
    }

    /// Writes what is known of a submission.
    pub fn write_submission(&self, submission: &Submission) -> Result<()> {
        self.write(&format!("submission-{}.json", submission.number), &json(submission))
    }

    /// The run's submissions, in their order.
    pub fn submissions(&self) -> Vec<Submission> {
        (0..).map_while(|number| self.parse(&format!("submission-{number}.json")).ok()).collect()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, partial) = (self.path.join(name), self.partial(name));
        write_whole(&partial, bytes)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|error| unwritable(&path, &error))
    }

    /// Where a file is written before it has its name: two processes never write the same one.
    fn partial(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.{}.partial", std::process::id()))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.path.join(name);
        let bytes = read_plain(&path, LARGEST, LARGEST).map_err(|error| missing(&path, &error))?;
        String::from_utf8(bytes).map_err(|error| {
            Error::refused(format!("`{}` is damaged", path.display())).cause(error.to_string())
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_str(&self.read(name)?).map_err(|error| {
            Error::refused(format!("`{}` is damaged", self.path.join(name).display()))
                .cause(error.to_string())
        })
    }
}

const KEY: &str = "key.pem";
const ADDRESSES: &str = "addresses";
const SETTINGS: &str = "settings.toml";
const PLAN: &str = "plan.txt";
const EVENTS: &str = "events.jsonl";
const OWNER: &str = "owner.json";

/// What the workers of a pool read. Names of pools are plain ones.
fn worker_file(pool: Option<&str>) -> String {
    pool.map_or_else(|| "worker.json".to_owned(), |pool| format!("worker-{pool}.json"))
}

/// No file of a run but its checkpoints and recordings is larger, in bytes.
const LARGEST: u64 = 64 << 20;

/// Reads a file that is one, and neither a device nor a pipe, whose reading might never end; its first
/// `most` bytes, where it has no more than `limit`.
pub fn read_plain(path: &Path, limit: u64, most: u64) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > limit {
        return Err(io::Error::other(format!("it has {} bytes, more than any such file has", found.len())));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most.min(limit)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("plain data is written without fail")
}

/// Whoever owns the directory above could put another run directory, and so another program, in this one's place.
fn refuse_foreign(base: &Path) -> Result<()> {
    let owner = fs::metadata(base).map_err(|error| unwritable(base, &error))?.uid();
    if owner == 0 || owner == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::refused(format!("`{}` belongs to somebody else", base.display()))
        .cause(format!("its owner, user {owner}, could change what your workers run"))
        .hint("set run.directory to a directory of your own"))
}

/// A new file that nobody else had open before.
fn private_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)
}

/// Some file systems give every file one owner, or one mode, whatever is asked of them.
fn refuse_open(path: &Path, file: &fs::Metadata) -> Result<()> {
    let (owner, user, mode) = (file.uid(), nix::unistd::geteuid().as_raw(), file.mode() & 0o777);
    if owner == user && mode & 0o077 == 0 {
        return Ok(());
    }
    let cause = match owner == user {
        true => format!("its file system made it with mode {mode:o} instead of 600"),
        false => format!("its file system gave it to user {owner}"),
    };
    Err(Error::refused(format!("the key file `{}` is open to others", path.display()))
        .cause(cause)
        .hint("set run.directory to a place on a file system that keeps owners and permissions"))
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::system(format!("cannot write `{}`", path.display()), error)
        .hint("set run.directory to a place that can be written, and that workers can read")
}

fn missing(path: &Path, error: &io::Error) -> Error {
    Error::system(format!("cannot read `{}`", path.display()), error)
}

#[cfg(test)]
mod tests;
