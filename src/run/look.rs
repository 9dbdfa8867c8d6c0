//! What somebody reads who looks at a run later: when it began, what it was to compute, and what was submitted for it.
//! Nothing here trusts the directory: a file may be missing, damaged, or no file at all.

use crate::error::{Error, Result};
use crate::run::{EVENTS, PLAN, RunDirectory, SETTINGS, Submission};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How much of a log's end is read, in bytes.
const TAIL: u64 = 8192;

impl RunDirectory {
    /// The file of the run's events.
    pub fn events_file(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// The script of a submission.
    pub fn script_file(&self, submission: u32) -> PathBuf {
        self.path.join(format!("job-{submission}.sh"))
    }

    /// The text of that script.
    pub fn script(&self, submission: u32) -> Result<String> {
        self.read(&format!("job-{submission}.sh"))
    }

    /// The resolved settings as they were written.
    pub fn settings_text(&self) -> Result<String> {
        self.read(SETTINGS)
    }

    /// The plan as it was written for people.
    pub fn plan_text(&self) -> Result<String> {
        self.read(PLAN)
    }

    /// The run's submissions in their order, and what is the matter with those that cannot be read.
    pub fn submissions_seen(&self) -> Vec<Result<Submission>> {
        let names = (0..).map(|number| format!("submission-{number}.json"));
        let there = names.take_while(|name| fs::symlink_metadata(self.path.join(name)).is_ok());
        there.map(|name| self.parse(&name)).collect()
    }

    /// When the run was begun: when its directory was made where the file system knows that, else when the oldest of its
    /// files was last written.
    pub fn began(&self) -> Option<SystemTime> {
        let made = fs::metadata(&self.path).ok().and_then(|directory| directory.created().ok());
        let entries = || fs::read_dir(&self.path).into_iter().flatten().flatten();
        let written = || entries().filter_map(|entry| entry.metadata().ok()?.modified().ok()).min();
        made.or_else(written)
    }
}

/// The last lines of a log, so many at most.
pub fn tail(path: &Path, lines: usize) -> Result<String> {
    let failed = |error| Error::system(format!("cannot read `{}`", path.display()), &error);
    read_end(path).map_err(failed).map(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    })
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody who writes.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    #[test]
    fn last_lines_are_read_of_files_alone() {
        let base = tempfile::tempdir().expect("a directory");
        let path = base.path().join("log");
        fs::write(&path, "long\n".repeat(10_000) + "one\ntwo\n").expect("written");
        assert_eq!(tail(&path, 2), Ok("one\ntwo".to_owned()));
        let pipe = base.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        for path in [pipe, base.path().to_owned(), base.path().join("none")] {
            assert!(tail(&path, 2).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn submission_that_is_damaged_does_not_hide_the_next() {
        let base = tempfile::tempdir().expect("a directory");
        let run = RunDirectory::create(base.path(), RunId::generate()).expect("created");
        fs::write(run.path().join("submission-0.json"), "{").expect("written");
        run.write_submission(&Submission::planned(1, "sq-a-1", 2)).expect("written");
        let seen = run.submissions_seen();
        assert!(seen[0].is_err() && seen[1].as_ref().is_ok_and(|seen| seen.number == 1) && seen.len() == 2);
        assert!(run.began().is_some());
    }
}
