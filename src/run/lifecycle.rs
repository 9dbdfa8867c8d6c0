//! When a run is over, when it is done, who goes on with it, and when it goes.

use crate::error::{Error, Result};
use crate::run::{KEY, RunDirectory, Submission, unwritable};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How many runs that nobody needs any more are kept before the oldest are removed.
pub(super) const KEPT_RUNS: usize = 20;
const ENDED: &str = "ended";
const DONE: &str = "done";

/// The right to go on with a run.
#[must_use = "the claim ends with it"]
pub struct Claim(PathBuf);

impl Drop for Claim {
    fn drop(&mut self) {
        // One that stays says what to remove.
        let _ = fs::remove_file(&self.0);
    }
}

impl RunDirectory {
    /// Removes the oldest runs below `base` that nobody needs any more, all but [`KEPT_RUNS`].
    pub fn prune(base: &Path) {
        let unneeded: Vec<RunDirectory> =
            RunDirectory::list(base).into_iter().filter(|run| !run.is_needed()).collect();
        for run in unneeded.iter().take(unneeded.len().saturating_sub(KEPT_RUNS)) {
            // A run that cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(&run.path);
        }
    }

    /// Whether something may come of the run: it is not over, or can be gone on with, or is that of a submitted driver,
    /// which Slurm may start again.
    fn is_needed(&self) -> bool {
        let submitted = || self.submissions().iter().any(Submission::is_driver);
        !self.is_ended() || !self.is_done() && (self.keeps_checkpoints() || submitted())
    }

    /// Notes that the run has given all it has: its results are printed, or it was given up.
    pub fn mark_done(&self) -> Result<()> {
        self.write(DONE, b"")
    }

    /// Whether the run has given all it has.
    pub fn is_done(&self) -> bool {
        self.path.join(DONE).exists()
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
        for name in [DONE, ENDED] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(&self.path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Claims what comes after the driver of this nonce: of several that want to go on with a run one can. The claim
    /// ends with what is returned.
    pub fn claim(&self, nonce: u64) -> Result<Claim> {
        let path = self.path.join(format!(".claim-{nonce:x}"));
        let refused = || Error::refused(format!("somebody else is going on with run {}", self.id));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => {
                let claim = Claim(path);
                // One that claimed before may have come and gone since the nonce was read.
                if self.owner()?.nonce == nonce { Ok(claim) } else { Err(refused()) }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(refused()
                .cause("both began at the same time")
                .hint(format!("if nobody is, remove `{}`", path.display()))),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    /// Whether the run is over and has left nothing behind.
    pub fn is_ended(&self) -> bool {
        self.path.join(ENDED).exists()
    }
}
