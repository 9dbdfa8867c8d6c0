//! `squall worker`: what a job script runs. Its words go to the job's log.

use crate::cli::exit;
use crate::launch::work;
use crate::worker::Ending;
use std::path::Path;
use std::time::Instant;

#[expect(clippy::print_stderr, reason = "standard error is the job's log")]
/// Works; returns the exit code.
pub(super) fn worker(directory: &Path, started: Instant) -> u8 {
    match work(directory, started) {
        Ok(Ending::Dismissed) => 0,
        Ok(Ending::Terminated) => {
            eprintln!("ended as asked");
            0
        }
        Ok(Ending::Orphaned(cause)) => {
            eprintln!("the driver is gone: {cause}");
            4
        }
        Ok(Ending::Failed(cause)) => {
            eprintln!("cannot go on: {cause}");
            1
        }
        Err(error) => exit::failed(&error),
    }
}
