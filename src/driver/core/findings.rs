//! What workers find where they run: told once each, and what is not as it should be in words.

use crate::driver::core::Core;
use crate::event::RunEvent;
use crate::protocol::Findings;
use crate::scheduler::WorkerId;
use std::collections::BTreeSet;

/// How many different warnings are told; a worker makes up as many as it likes.
const MOST: usize = 32;

/// The warnings that were told.
#[derive(Default)]
pub(super) struct Warned(BTreeSet<String>);

impl Warned {
    /// Whether it is to be told: it was not, and not too much was.
    fn is_new(&mut self, warning: &str) -> bool {
        self.0.len() < MOST && self.0.insert(warning.to_owned())
    }
}

impl Core {
    /// Tells what a new worker has found. Of many workers with the same warning the first one's is told.
    pub(super) fn tell_of_findings(&mut self, worker: WorkerId, host: &str, findings: Findings) {
        if findings == Findings::default() {
            return;
        }
        let Findings { found, warnings, clock_milliseconds } = findings;
        let (worker, host) = (worker.0, host.to_owned());
        for warning in &warnings {
            if self.warned.is_new(warning) {
                self.tell(RunEvent::Notice { text: format!("worker {worker} on {host}: {warning}") });
            }
        }
        self.tell(RunEvent::Found { worker, host, found, warnings, clock_milliseconds });
    }
}
