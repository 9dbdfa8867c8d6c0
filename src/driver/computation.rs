//! One computation in progress: its stages, and the one that runs.

use crate::driver::checkpoint::{Checkpoint, Counted, Parts};
use crate::error::Result;
use crate::event::{ResultSoFar, RunEvent, Timestamp};
use crate::plan::{Extent, Finished, Identity, Partial, Plan, Running, SoFar, Stage};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// From telling what results come to so far to telling it again it takes at least this long.
const SO_FAR: Duration = Duration::from_millis(200);

/// One computation in progress.
pub(super) struct Computation {
    plan: Arc<Plan>,
    identity: Identity,
    extent: Option<Extent>,
    /// What the stages that are done have made.
    finished: Finished,
    running: Option<Running>,
    /// What an earlier driver has counted of the stage that comes next.
    counted: Option<Counted>,
    /// Stages that are done, and tasks of the one that runs.
    number: usize,
    done: u64,
    /// When it was last told what the results come to so far.
    told: Option<Timestamp>,
}

impl Computation {
    /// From the beginning, or from where a checkpoint of it was made.
    pub(super) fn new(plan: Arc<Plan>, from: Option<Checkpoint>) -> Result<Computation> {
        let (identity, extent) = (plan.identity(), plan.extent());
        let mut computation = Computation {
            plan,
            identity,
            extent,
            finished: Finished::default(),
            running: None,
            counted: None,
            number: 0,
            done: 0,
            told: None,
        };
        if let Some(checkpoint) = from {
            checkpoint.identity.check(&computation.identity)?;
            computation.plan.check(&checkpoint.finished)?;
            computation.number = checkpoint.finished.stages();
            (computation.finished, computation.counted) = (checkpoint.finished, checkpoint.running);
        }
        Ok(computation)
    }

    /// Makes the next stage the running one, and returns its tasks that are done already; none where there is
    /// no stage left.
    pub(super) fn begin(&mut self) -> Result<Option<Vec<Range<u64>>>> {
        if self.number == self.plan.stages() {
            return Ok(None);
        }
        let Some(Counted { tasks, gathered }) = self.counted.take() else {
            self.running = Some(self.plan.begin(&self.finished)?);
            self.done = 0;
            return Ok(Some(Vec::new()));
        };
        self.running = Some(self.plan.resume(&self.finished, &tasks, gathered)?);
        self.done = tasks.iter().map(|range| range.end - range.start).sum();
        Ok(Some(tasks))
    }

    /// All that another driver must know to go on from here, if `tasks` have been counted: a checkpoint's bytes.
    pub(super) fn checkpoint(&self, tasks: Vec<Range<u64>>) -> Result<Vec<u8>> {
        let running = self.running.as_ref().map(|running| (tasks, running.gathered()));
        let (identity, finished) = (&self.identity, &self.finished);
        let (targets, extent) = (self.plan.targets(), self.extent);
        Parts { identity, targets, extent, finished, running }.encode()
    }

    /// The same when all tasks of the running stage have been counted.
    pub(super) fn last_checkpoint(&self) -> Result<Vec<u8>> {
        let all = Some(0..self.tasks()).filter(|tasks| !tasks.is_empty());
        self.checkpoint(all.into_iter().collect())
    }

    /// Whether no stage follows the running one.
    pub(super) fn is_last(&self) -> bool {
        self.number + 1 == self.plan.stages()
    }

    /// Whether another run may go on from its end.
    pub(super) fn is_extendable(&self) -> bool {
        self.extent.is_some()
    }

    /// The running stage's number.
    pub(super) fn number(&self) -> usize {
        self.number
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
            done: self.elements_of(self.done),
        }
    }

    pub(super) fn progress_event(&self) -> RunEvent {
        let (done, tasks) = (self.done, self.tasks());
        RunEvent::Progress { stage: self.number as u64, done, tasks, elements: self.elements_of(done) }
    }

    /// What the results come to so far, where that is known and has not just been told.
    pub(super) fn so_far_event(&mut self, now: Timestamp) -> Option<RunEvent> {
        let running = self.running.as_ref().filter(|_| self.told.is_none_or(|told| now - told >= SO_FAR))?;
        let results: Vec<ResultSoFar> = running.so_far(&self.plan).into_iter().map(told).collect();
        if results.is_empty() {
            return None;
        }
        self.told = Some(now);
        Some(RunEvent::ResultsSoFar { stage: self.number as u64, results })
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

/// A result so far as it is told.
fn told(so_far: SoFar) -> ResultSoFar {
    let SoFar { name, value, error, elements } = so_far;
    ResultSoFar { name, value, error, elements }
}

/// What all stages have made, where a checkpoint says that nothing is left to be computed.
pub fn complete(plan: &Arc<Plan>, checkpoint: Checkpoint) -> Result<Option<Finished>> {
    let mut computation = Computation::new(Arc::clone(plan), Some(checkpoint))?;
    while let Some(done) = computation.begin()? {
        if done.iter().map(|range| range.end - range.start).sum::<u64>() < computation.tasks() {
            return Ok(None);
        }
        computation.stage_done()?;
    }
    Ok(Some(computation.take_finished()))
}
