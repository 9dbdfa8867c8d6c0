//! Workers that may stay for a limited time: what they can still do, and their drain when that is nothing.

use crate::event::Timestamp;
use crate::scheduler::{Effect, Scheduler, Why, WorkerId};

impl Scheduler {
    /// How many more tasks a worker can do before its end, after those that it holds, if it goes on at its measured
    /// speed. Without an end or a speed that is any number: a first lease is small.
    pub(super) fn room(&self, now: Timestamp, id: WorkerId) -> u64 {
        let worker = &self.workers[&id];
        let Some((end, speed)) = worker.end.zip(worker.speed) else { return u64::MAX };
        let stage = self.stage.as_ref().expect("there is room for tasks of a stage");
        let held = worker.leases.iter().map(|lease| {
            let tasks = &stage.leased[&stage.ids[lease]].tasks;
            tasks.end - tasks.start
        });
        ((speed * (end - now).as_secs_f64()) as u64).saturating_sub(held.sum())
    }

    /// Whether a worker with room for so many tasks is given any: fewer than its threads take it as long as these.
    pub(super) fn is_worth_a_lease(&self, id: WorkerId, room: u64) -> bool {
        room >= u64::from(self.workers[&id].threads.max(1))
    }

    /// Drains the workers whose end has come: what they have not done by then is for others.
    pub(super) fn retire_where_time_is_over(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(&(_, id)) = self.ends.first().filter(|(end, _)| *end <= now) {
            self.retire(id, effects);
        }
    }

    /// Drains a worker that has no time for more.
    pub(super) fn retire(&mut self, id: WorkerId, effects: &mut Vec<Effect>) {
        effects.push(Effect::Retire { worker: id });
        self.drain(id, Why::TimeIsOver, effects);
    }

    /// A worker that is drained, or gone, has no end that anybody waits for.
    pub(super) fn forget_end(&mut self, id: WorkerId) {
        let end = self.workers.get_mut(&id).and_then(|worker| worker.end.take());
        if let Some(end) = end {
            self.ends.remove(&(end, id));
        }
    }
}
