//! When what is computed is written down, and what comes of that.

use crate::driver::core::{Core, Output, superseded};
use crate::error::Result;
use crate::event::{RunEvent, Timestamp};
use crate::run::Written;

impl Core {
    /// Has the state written down, where it is time for that or there will be none.
    pub(super) fn checkpoint(&mut self, now: Timestamp, at_once: bool) {
        let (Some(schedule), Some(computation)) = (&mut self.checkpoints, &self.computation) else { return };
        if schedule.begin(now, at_once) {
            match computation.checkpoint(self.scheduler.done()) {
                Ok(content) => self.outputs.push(Output::Checkpoint(content)),
                Err(error) => return self.fail(error),
            }
        }
        if schedule.is_slow(now) {
            let text =
                "the checkpoint takes long to be written: the run directory's file system is slow or hangs";
            self.tell(RunEvent::Notice { text: text.to_owned() });
        }
    }

    /// Has the state written down when all tasks are counted: results are made of it, again if need be.
    pub(super) fn keep_last(&mut self, now: Timestamp) {
        let (Some(schedule), Some(computation)) = (&self.checkpoints, &self.computation) else { return };
        let wanted = computation.is_extendable() || schedule.is_worth_a_last(now);
        if wanted && computation.is_last() {
            match computation.last_checkpoint() {
                Ok(content) => self.outputs.push(Output::Last(content)),
                Err(error) => self.fail(error),
            }
        }
    }

    pub(super) fn checkpointed(&mut self, now: Timestamp, written: Result<Written>) {
        let Some(schedule) = &mut self.checkpoints else { return };
        match written {
            Ok(Written::Kept) => schedule.written(now),
            Ok(Written::Superseded(by)) => self.fail(superseded(by)),
            Err(error) => {
                if schedule.failed(now) {
                    let text = format!("{}: {}", error.what(), error.causes().join(", "));
                    self.tell(RunEvent::Notice { text });
                }
            }
        }
    }
}
