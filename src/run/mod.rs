//! The run directory: everything about one run, in one place that only its user can enter.
//!
//! The only room that knows file names in it. A worker needs this one path to start, `reap` needs it to find
//! what a dead driver left, and it is what a bug report consists of. Every file appears whole or not at all:
//! it is written under another name and renamed, because workers read over network file systems.

pub mod checkpoint;
mod id;
mod owner;
mod submission;

pub use checkpoint::Written;
pub use id::RunId;
pub use owner::{Owner, Process, host};
pub use submission::Submission;

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many ended runs are kept before the oldest are removed.
pub const KEPT_RUNS: usize = 20;

/// What a worker needs to know of the run's settings before it has found the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// Its compute threads.
    pub cores: u32,
    /// How long it looks for its driver, in seconds.
    pub death_timeout_seconds: u64,
    /// The name of the run's jobs.
    pub job_name: String,
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

    /// Removes the oldest ended runs below `base`, all but [`KEPT_RUNS`].
    pub fn prune(base: &Path) {
        let ended: Vec<RunDirectory> =
            RunDirectory::list(base).into_iter().filter(|run| run.is_ended()).collect();
        for run in ended.iter().take(ended.len().saturating_sub(KEPT_RUNS)) {
            // A run that cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(&run.path);
        }
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
        let partial = self.path.join(".squall.partial");
        fs::copy(program, &partial).map_err(failed)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        fs::rename(&partial, &kept).map_err(failed)?;
        Ok(kept)
    }

    /// Writes the keys that let workers in; refuses where the file could be read by others.
    pub fn write_key(&self, text: &str) -> Result<()> {
        let partial = self.path.join(format!(".{KEY}.partial"));
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

    /// Writes what the run's workers need to know of its settings.
    pub fn write_worker(&self, worker: &WorkerFacts) -> Result<()> {
        self.write(WORKER, &json(worker))
    }

    /// What the run's workers need to know of its settings.
    pub fn worker(&self) -> Result<WorkerFacts> {
        self.parse(WORKER)
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
        self.write("plan.txt", text.as_bytes())
    }

    /// The file that the run's events are appended to.
    pub fn create_events(&self) -> Result<File> {
        let path = self.path.join("events.jsonl");
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
        let name = format!("job-{submission}.sh");
        self.write(&name, text.as_bytes())?;
        Ok(self.path.join(name))
    }

    /// Writes what is known of a submission.
    pub fn write_submission(&self, submission: &Submission) -> Result<()> {
        self.write(&format!("submission-{}.json", submission.number), &json(submission))
    }

    /// The run's submissions, in their order.
    pub fn submissions(&self) -> Vec<Submission> {
        (0..).map_while(|number| self.parse(&format!("submission-{number}.json")).ok()).collect()
    }

    /// Notes that the run is over and has left nothing behind: nobody needs the key any more.
    pub fn mark_ended(&self) -> Result<()> {
        match fs::remove_file(self.path.join(KEY)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(&self.path, &error)),
            _ => self.write(ENDED, b""),
        }
    }

    /// The same by a driver, unless the run is another one's by now.
    pub fn mark_ended_by(&self, nonce: u64) -> Result<()> {
        if self.owner()?.nonce == nonce { self.mark_ended() } else { Ok(()) }
    }

    /// Takes a run up again that was over.
    pub fn mark_begun(&self) -> Result<()> {
        match fs::remove_file(self.path.join(ENDED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(&self.path, &error)),
            _ => Ok(()),
        }
    }

    /// Whether the run is over and has left nothing behind.
    pub fn is_ended(&self) -> bool {
        self.path.join(ENDED).exists()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, partial) = (self.path.join(name), self.path.join(format!(".{name}.partial")));
        write_whole(&partial, bytes)
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|error| unwritable(&path, &error))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.path.join(name);
        fs::read_to_string(&path).map_err(|error| missing(&path, &error))
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
const OWNER: &str = "owner.json";
const WORKER: &str = "worker.json";
const ENDED: &str = "ended";

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
mod tests {
    use super::*;

    fn run() -> (tempfile::TempDir, RunDirectory) {
        let base = tempfile::tempdir().expect("a directory");
        let run = RunDirectory::create(&base.path().join("runs"), RunId::generate()).expect("created");
        (base, run)
    }

    #[test]
    fn only_the_user_can_enter_and_read_the_key() {
        let (_base, run) = run();
        run.write_key("secret").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(run.path()), 0o700);
        assert_eq!(mode(&run.path().join("key.pem")), 0o600);
        assert_eq!(run.key().expect("read"), "secret");
    }

    #[test]
    fn key_file_of_somebody_else_or_open_to_others_is_refused() {
        let (_base, run) = run();
        let path = run.path().join("file");
        let file = private_file(&path).expect("made");
        assert_eq!(refuse_open(&path, &file.metadata().expect("there")), Ok(()));
        for mode in [0o640, 0o604, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let error = refuse_open(&path, &file.metadata().expect("there")).expect_err("refused");
            assert!(error.to_string().contains(&format!("with mode {mode:o} instead of 600")), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
        // Only root can give a file away.
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
            let error = refuse_open(&path, &file.metadata().expect("there")).expect_err("refused");
            assert!(error.to_string().contains("gave it to user 65534"), "{error}");
        }
    }

    #[test]
    fn file_that_others_have_open_does_not_become_the_key() {
        let (_base, run) = run();
        let partial = run.path().join(".key.pem.partial");
        let mut theirs = OpenOptions::new()
            .create(true)
            .write(true)
            .read(true)
            .truncate(true)
            .open(&partial)
            .expect("made");
        run.write_key("secret").expect("written");
        let mut seen = String::new();
        io::Read::read_to_string(&mut theirs, &mut seen).expect("read");
        assert_eq!((seen.as_str(), run.key().expect("there").as_str()), ("", "secret"));
        assert!(!partial.exists());
    }

    #[test]
    fn key_is_gone_when_the_run_has_ended() {
        let (_base, run) = run();
        run.write_key("secret").expect("written");
        run.mark_ended().expect("marked");
        assert!(run.is_ended() && run.key().is_err());
        run.mark_begun().expect("marked");
        assert!(!run.is_ended());
    }

    #[test]
    fn driver_that_was_replaced_does_not_end_the_run_of_the_next_one() {
        let (_base, run) = run();
        let [former, now] = [Owner::this(None), Owner::this(None)];
        run.write_owner(&now).expect("written");
        run.write_key("secret").expect("written");
        run.mark_ended_by(former.nonce).expect("looked at");
        assert!(!run.is_ended() && run.key().is_ok());
        run.mark_ended_by(now.nonce).expect("marked");
        assert!(run.is_ended() && run.key().is_err());
    }

    #[test]
    fn a_directory_of_somebody_elses_is_refused() {
        let base = tempfile::tempdir().expect("a directory");
        // Only root can give a directory away.
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(base.path(), Some(65534), None).expect("given away");
            let error = RunDirectory::create(base.path(), RunId::generate()).expect_err("refused");
            assert!(error.to_string().contains("belongs to somebody else"), "{error}");
        }
    }

    #[test]
    fn a_run_is_found_again_by_its_path_and_in_the_list() {
        let (base, run) = run();
        assert_eq!(RunDirectory::open(run.path()).expect("opened"), run);
        assert_eq!(RunDirectory::list(&base.path().join("runs")), [run]);
    }

    #[test]
    fn submissions_are_read_back_in_order() {
        let (_base, run) = run();
        let submissions: Vec<Submission> =
            (0..3).map(|number| Submission::planned(number, "sq", 2)).collect();
        for submission in &submissions {
            run.write_submission(submission).expect("written");
        }
        assert_eq!(run.submissions(), submissions);
    }

    #[test]
    fn ended_runs_beyond_the_last_20_are_removed_and_others_stay() {
        let (base, alive) = run();
        let base = base.path().join("runs");
        for _ in 0..KEPT_RUNS + 3 {
            let run = RunDirectory::create(&base, RunId::generate()).expect("created");
            run.mark_ended().expect("marked");
        }
        RunDirectory::prune(&base);
        let left = RunDirectory::list(&base);
        assert_eq!(left.len(), KEPT_RUNS + 1);
        assert!(left.contains(&alive));
    }
}
