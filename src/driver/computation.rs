//! One computation in progress: its stages, and the partial of the one that runs.

use crate::error::Result;
use crate::event::RunEvent;
use crate::plan::{Partial, Plan, Stage};
use std::sync::Arc;

/// One computation in progress.
pub(super) struct Computation {
    plan: Arc<Plan>,
    /// Of the stages that are done.
    partials: Vec<Partial>,
    running: Option<Running>,
}

struct Running {
    stage: Stage,
    partial: Partial,
    done: u64,
}

impl Computation {
    pub(super) fn new(plan: Arc<Plan>) -> Computation {
        Computation { plan, partials: Vec::new(), running: None }
    }

    /// Makes the next stage the running one; returns whether there was one.
    pub(super) fn begin(&mut self) -> Result<bool> {
        if self.partials.len() == self.plan.stages() {
            return Ok(false);
        }
        let stage = self.plan.stage(self.partials.len(), &self.partials)?;
        let partial = stage.empty_partial();
        self.running = Some(Running { stage, partial, done: 0 });
        Ok(true)
    }

    /// The running stage.
    pub(super) fn stage(&self) -> Option<&Stage> {
        self.running.as_ref().map(|running| &running.stage)
    }

    /// Adds the partial of tasks that were not counted before.
    pub(super) fn combine(&mut self, tasks: u64, partial: &Partial) -> Result<()> {
        let running = self.running.as_mut().expect("tasks are of the running stage");
        running.done += tasks;
        running.partial.combine(partial)
    }

    /// Ends the running stage.
    pub(super) fn stage_done(&mut self) -> RunEvent {
        let event = RunEvent::StageDone { stage: self.number() };
        // A stage without tasks is done as soon as it begins, and is running all the same.
        let running = self.running.take().expect("the stage that is done was running");
        self.partials.push(running.partial);
        event
    }

    pub(super) fn take_partials(&mut self) -> Vec<Partial> {
        std::mem::take(&mut self.partials)
    }

    pub(super) fn stage_event(&self) -> RunEvent {
        let stage = self.partials.len();
        RunEvent::Stage {
            stage: self.number(),
            tasks: self.plan.tasks(stage),
            chunks: self.plan.chunks(stage),
            elements: self.plan.elements(stage),
        }
    }

    pub(super) fn progress_event(&self) -> RunEvent {
        let stage = self.partials.len();
        let (done, tasks) = (self.running.as_ref().map_or(0, |running| running.done), self.plan.tasks(stage));
        RunEvent::Progress { stage: self.number(), done, tasks, elements: self.elements_of(done) }
    }

    /// About how many elements so many tasks of the running stage have.
    pub(super) fn elements_of(&self, tasks: u64) -> u64 {
        let stage = self.partials.len();
        let (elements, all) = (self.plan.elements(stage), self.plan.tasks(stage));
        (u128::from(elements) * u128::from(tasks) / u128::from(all.max(1))) as u64
    }

    fn number(&self) -> u64 {
        self.partials.len() as u64
    }
}
