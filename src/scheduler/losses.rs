//! Workers that cannot be reached, come back, fail or are lost, and what becomes of what they held.

use crate::event::Timestamp;
use crate::scheduler::{Effect, LeaseId, MOST_FAULTS, Scheduler, Why, WorkerId, sizing};

impl Scheduler {
    pub(super) fn away(&mut self, now: Timestamp, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.away = true;
        self.open.remove(&(worker.leases.len(), id));
        // Others need not wait for it.
        self.expect_until(id, |_| now);
    }

    pub(super) fn returned(
        &mut self,
        now: Timestamp,
        id: WorkerId,
        holds: &[LeaseId],
        effects: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.workers.get_mut(&id) else {
            // It was asked to leave while it did not hear.
            effects.push(Effect::Dismiss { worker: id });
            return;
        };
        worker.away = false;
        if !worker.draining {
            self.open.insert((worker.leases.len(), id));
        }
        // Lost on the way, with what was computed of it.
        let missing: Vec<LeaseId> =
            worker.leases.iter().copied().filter(|lease| !holds.contains(lease)).collect();
        missing.into_iter().for_each(|lease| self.take_away(id, lease, false));
        let worker = &self.workers[&id];
        let dead = holds.iter().copied().filter(|lease| worker.draining || !worker.leases.contains(lease));
        let why = if worker.draining { Why::Drained } else { Why::GivenUp };
        effects.extend(dead.map(|lease| Effect::Yield { worker: id, lease, why }));
        let speed = worker.speed;
        self.expect_until(id, |(position, length)| now + sizing::patience(speed, length, position + 1));
        self.dismiss_if_drained(id, effects);
    }

    /// Sets when a twin is due of each range that the worker holds, from its position and length.
    fn expect_until(&mut self, id: WorkerId, until: impl Fn((usize, u64)) -> Timestamp) {
        let worker = &self.workers[&id];
        for (position, lease) in worker.leases.iter().enumerate() {
            let stage = self.stage.as_mut().expect("a live lease is of a stage");
            let mut leased = stage.leased.get_mut(stage.ids[lease]).expect("a live id is of a leased range");
            let length = leased.tasks.end - leased.tasks.start;
            let holder = leased.holders.iter_mut().find(|holder| holder.lease == *lease);
            let holder = holder.expect("a holder of its own lease");
            (holder.overdue, holder.yielding) = (until((position, length)), false);
            holder.queued = position > 0 && !worker.away;
        }
    }

    pub(super) fn failed(&mut self, id: WorkerId, lease: LeaseId, effects: &mut Vec<Effect>) {
        if let Some(tasks) = self.live_range(id, lease) {
            self.blame(tasks.start, effects);
            self.take_away(id, lease, true);
            self.dismiss_if_drained(id, effects);
        }
    }

    pub(super) fn lost(&mut self, id: WorkerId, blamed: bool, effects: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get(&id) else { return };
        // It computes one lease after the other, so no other one can be to blame.
        for (position, lease) in worker.leases.clone().into_iter().enumerate() {
            let blamed = blamed && position == 0;
            if blamed {
                let stage = self.stage.as_ref().expect("a live lease is of a stage");
                self.blame(stage.ids[&lease], effects);
            }
            self.take_away(id, lease, blamed);
        }
        self.open.remove(&(0, id));
        self.forget_end(id);
        self.workers.remove(&id);
    }

    /// Counts a fault against the leased range that starts at `first`.
    fn blame(&mut self, first: u64, effects: &mut Vec<Effect>) {
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let mut leased = stage.leased.get_mut(first).expect("the range is leased");
        leased.faults += 1;
        if leased.faults >= MOST_FAULTS {
            effects.push(Effect::GiveUp { tasks: leased.tasks.clone(), faults: leased.faults });
        }
    }

    /// Takes a live lease from its worker; what no other one holds waits again, in halves if it is to blame.
    fn take_away(&mut self, id: WorkerId, lease: LeaseId, blamed: bool) {
        self.forget(id, lease);
        let stage = self.stage.as_mut().expect("a live lease is of a stage");
        let first = stage.ids.remove(&lease).expect("a held id is live");
        let mut leased = stage.leased.get_mut(first).expect("a live id is of a leased range");
        leased.holders.retain(|holder| holder.lease != lease);
        let is_free = leased.holders.is_empty();
        drop(leased);
        if is_free {
            let leased = stage.leased.remove(first).expect("just looked at");
            if blamed {
                stage.suspects.insert_halves(leased.tasks, leased.faults);
            } else {
                stage.put_back(leased.tasks, leased.faults);
            }
        }
    }
}
