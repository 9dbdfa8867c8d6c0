//! One computation in progress: its stages, and the one that runs.

use crate::error::Result;
use crate::event::RunEvent;
use crate::plan::{Finished, Partial, Plan, Running, Stage};
use std::ops::Range;
use std::sync::Arc;

/// One computation in progress.
pub(super) struct Computation {
    plan: Arc<Plan>,
    /// What the stages that are done have made.
    finished: Finished,
    running: Option<Running>,
    /// Stages that are done, and tasks of the one that runs.
    number: usize,
    done: u64,
}

impl Computation {
    pub(super) fn new(plan: Arc<Plan>) -> Computation {
        Computation { plan, finished: Finished::default(), running: None, number: 0, done: 0 }
    }

    /// Makes the next stage the running one; returns whether there was one.
    pub(super) fn begin(&mut self) -> Result<bool> {
        if self.number == self.plan.stages() {
            return Ok(false);
        }
        self.running = Some(self.plan.begin(&self.finished)?);
        self.done = 0;
        Ok(true)
    }

    /// The running stage.
    pub(super) fn stage(&self) -> Option<&Stage> {
        self.running.as_ref().map(Running::stage)
    }

    /// Adds the partial of tasks that were not counted before.
    pub(super) fn combine(&mut self, tasks: Range<u64>, partial: Partial) -> Result<()> {
        let running = self.running.as_mut().expect("tasks are of the running stage");
        self.done += tasks.end - tasks.start;
        running.combine(&self.plan, tasks, partial)
    }

    /// Ends the running stage.
    pub(super) fn stage_done(&mut self) -> Result<RunEvent> {
        let event = RunEvent::StageDone { stage: self.number as u64 };
        // A stage without tasks is done as soon as it begins, and is running all the same.
        let running = self.running.take().expect("the stage that is done was running");
        running.finish(&self.plan, &mut self.finished)?;
        self.number += 1;
        Ok(event)
    }

    pub(super) fn take_finished(&mut self) -> Finished {
        std::mem::take(&mut self.finished)
    }

    pub(super) fn stage_event(&self) -> RunEvent {
        RunEvent::Stage {
            stage: self.number as u64,
            tasks: self.tasks(),
            chunks: self.plan.chunks(self.number),
            elements: self.elements(),
        }
    }

    pub(super) fn progress_event(&self) -> RunEvent {
        let (done, tasks) = (self.done, self.tasks());
        RunEvent::Progress { stage: self.number as u64, done, tasks, elements: self.elements_of(done) }
    }

    /// About how many elements so many tasks of the running stage have.
    pub(super) fn elements_of(&self, tasks: u64) -> u64 {
        (u128::from(self.elements()) * u128::from(tasks) / u128::from(self.tasks().max(1))) as u64
    }

    fn tasks(&self) -> u64 {
        self.stage().map_or(0, Stage::tasks)
    }

    /// A stage that turned out not to be needed has none.
    fn elements(&self) -> u64 {
        if self.tasks() == 0 { 0 } else { self.plan.elements(self.number) }
    }
}
