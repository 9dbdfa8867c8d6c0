//! `squall worker`: what a job script runs. Its words go to the job's log.

use crate::cli::exit::{self, say};
use crate::launch::work;
use crate::worker::Ending;
use std::path::Path;
use std::time::Instant;

/// Works; returns the exit code.
pub(super) fn worker(directory: &Path, pool: Option<&str>, kernel: Option<&str>, started: Instant) -> u8 {
    match work(directory, pool, kernel, started) {
        Ok(Ending::Dismissed) => 0,
        Ok(Ending::Terminated) => {
            say("ended as asked");
            0
        }
        Ok(Ending::Orphaned(cause)) => {
            say(&format!("the driver is gone: {cause}"));
            4
        }
        Ok(Ending::Failed(cause)) => {
            say(&format!("cannot go on: {cause}"));
            1
        }
        Err(error) => exit::failed(&error),
    }
}
