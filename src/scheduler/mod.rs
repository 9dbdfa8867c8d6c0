//! Who computes what: a pure state machine, told events, answering with effects.
//!
//! At every moment the waiting, suspected, leased and done ranges partition the stage's tasks. A lease is a
//! range, cut once, under an id that is never used again; a leased range has one live id, or two when it was
//! given again to a second worker (a twin). An answer counts if and only if its id is live: counting removes
//! the id and its twin, marks the finished prefix done, and puts the rest back to waiting. When a range's last
//! id is forgotten the range waits again. Nothing else is checked; this alone counts every task once.
//!
//! A range that may have cost a worker its life, or that failed, is suspected: it comes back in halves, which go
//! out before anything else, so that what is the matter with them is known soon and narrowly.
//!
//! Time is an argument and never a clock. Plans, partials and connections are not known here. The
//! simulator in `simulation.rs` is this room's test.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod mutant;
#[cfg(test)]
mod onlooker;
pub mod adapt;
mod ends;
pub mod looks;
pub mod pool;
mod invariants;
mod leased;
mod losses;
mod messages;
mod ranges;
pub mod record;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod simulation;
mod sizing;
mod suspects;

pub use messages::{Effect, Event, LeaseId, Why, WorkerId};

use crate::event::Timestamp;
use leased::{Holder, Leased, LeasedRanges};
use ranges::RangeSet;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};
use std::time::Duration;
use suspects::Suspects;

/// The state machine. See the room's documentation for its one rule.
#[derive(Debug)]
pub struct Scheduler {
    minimum_workers: usize,
    begun: bool,
    closed: bool,
    stage: Option<Stage>,
    workers: BTreeMap<WorkerId, Worker>,
    /// Workers that may be given a lease, those with the fewest first.
    open: BTreeSet<(usize, WorkerId)>,
    /// When workers have to be drained, of those that are not yet.
    ends: BTreeSet<(Timestamp, WorkerId)>,
    next_lease: u64,
}

#[derive(Debug)]
struct Stage {
    tasks: u64,
    /// Tasks of a lease at most.
    most: u64,
    waiting: RangeSet,
    /// What has failed before, apart from what waits.
    suspects: Suspects,
    done: RangeSet,
    leased: LeasedRanges,
    /// Live ids, and the first task of their range.
    ids: BTreeMap<LeaseId, u64>,
}

#[derive(Debug)]
struct Worker {
    threads: u32,
    /// Tasks a second, once measured.
    speed: Option<f64>,
    /// When it is drained at the latest, if that is known and it is not drained yet.
    end: Option<Timestamp>,
    /// Live ids, in the order given.
    leases: Vec<LeaseId>,
    draining: bool,
    /// It cannot be reached.
    away: bool,
}

/// A worker computes one lease while the next one is already there.
const LEASES_PER_WORKER: usize = 2;
/// How often the same tasks may fail before they are given up.
const MOST_FAULTS: u32 = 3;

impl Stage {
    /// Whether anything can be leased.
    fn waits(&self) -> bool {
        !self.waiting.is_empty() || !self.suspects.is_empty()
    }

    /// Takes what is leased next, and how often it has failed: up to `most` tasks, or a whole suspected range that is no
    /// longer than `room`.
    fn take(&mut self, most: u64, room: u64) -> Option<(Range<u64>, u32)> {
        let most = most.min(self.most).min(room);
        self.suspects.take(room).or_else(|| Some((self.waiting.take_first(most)?, 0)))
    }

    /// What was leased waits again.
    fn put_back(&mut self, tasks: Range<u64>, faults: u32) {
        if faults == 0 {
            self.waiting.insert(tasks);
        } else {
            self.suspects.insert(tasks, faults);
        }
    }
}

impl Scheduler {
    /// A scheduler that leases nothing until `minimum_workers` have registered.
    pub fn new(minimum_workers: u32) -> Self {
        Scheduler {
            minimum_workers: minimum_workers as usize,
            begun: false,
            closed: false,
            stage: None,
            workers: BTreeMap::new(),
            open: BTreeSet::new(),
            ends: BTreeSet::new(),
            next_lease: 0,
        }
    }

    /// Takes note of `event` at `now`, which never goes back, and appends what is to be done.
    pub fn handle(&mut self, now: Timestamp, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Begin { tasks, most, done } => self.begin(tasks, most, done, effects),
            Event::Registered { worker, threads, left } => {
                self.registered(worker, threads, left.map(|left| now + left));
            }
            Event::Answered { worker, lease, finished, took } => {
                self.answered(worker, lease, finished, took, effects);
            }
            Event::Drain { worker } => self.drain(worker, Why::Drained, effects),
            Event::Away { worker } => self.away(now, worker),
            Event::Returned { worker, holds } => self.returned(now, worker, &holds, effects),
            Event::Failed { worker, lease } => self.failed(worker, lease, effects),
            Event::Lost { worker, blamed } => self.lost(worker, blamed, effects),
            Event::Tick => {}
            Event::Close => self.close(effects),
        }
        self.retire_where_time_is_over(now, effects);
        self.assign(now, effects);
    }

    /// When to send a [`Event::Tick`] if nothing else happens before. A tick then always moves it.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let end = self.ends.first().map(|&(end, _)| end);
        [end, self.next_overdue()].into_iter().flatten().min()
    }

    /// When a twin may be due.
    fn next_overdue(&self) -> Option<Timestamp> {
        let stage = self.stage.as_ref()?;
        let idle = self.open.first().is_some_and(|&(held, _)| held == 0);
        if self.closed || !self.begun || !idle || stage.waits() {
            return None;
        }
        stage.leased.next_overdue()
    }

    /// The tasks of the stage that have been counted; none where no stage is under way.
    pub fn done(&self) -> Vec<Range<u64>> {
        self.stage.as_ref().map_or_else(Vec::new, |stage| stage.done.ranges().collect())
    }

    /// Whether anything waits to be leased, and then how many tasks at least.
    pub fn waiting(&self) -> u64 {
        self.stage.as_ref().map_or(0, |stage| stage.waiting.len().max(stage.waits().into()))
    }

    /// Tasks of the stage that are not done.
    pub fn left(&self) -> u64 {
        let Some(stage) = &self.stage else { return 0 };
        let leased = stage.leased.values().map(|leased| leased.tasks.end - leased.tasks.start);
        stage.waiting.len() + leased.sum::<u64>() + u64::from(!stage.suspects.is_empty())
    }

    /// Tasks a second that all workers do together, as far as they are measured, and how many of them are.
    pub fn speed(&self) -> (f64, u32) {
        let speeds = self.workers.values().filter_map(|worker| worker.speed);
        speeds.fold((0.0, 0), |(sum, count), speed| (sum + speed, count + 1))
    }

    /// Whether anybody holds a lease.
    pub fn is_at_work(&self) -> bool {
        self.stage.as_ref().is_some_and(|stage| !stage.leased.is_empty())
    }

    /// The leases that the worker holds, the one that it computes first.
    pub fn leases(&self, worker: WorkerId) -> Vec<LeaseId> {
        self.workers.get(&worker).map_or_else(Vec::new, |worker| worker.leases.clone())
    }

    fn begin(&mut self, tasks: u64, most: u64, counted: Vec<Range<u64>>, effects: &mut Vec<Effect>) {
        assert!(self.stage.is_none(), "a stage begins before the one before it is done");
        let mut done = RangeSet::default();
        counted.into_iter().for_each(|range| done.insert(range));
        if done.len() == tasks {
            effects.push(Effect::Done);
            return;
        }
        self.stage = Some(Stage {
            tasks,
            most: most.max(1),
            waiting: done.rest(tasks),
            suspects: Suspects::default(),
            done,
            leased: LeasedRanges::default(),
            ids: BTreeMap::new(),
        });
    }

    fn registered(&mut self, id: WorkerId, threads: u32, end: Option<Timestamp>) {
        let worker = Worker { threads, speed: None, end, leases: Vec::new(), draining: false, away: false };
        self.ends.extend(end.map(|end| (end, id)));
        assert!(self.workers.insert(id, worker).is_none(), "{id:?} registered twice");
        self.open.insert((0, id));
        self.begun |= self.workers.len() >= self.minimum_workers;
    }

    fn answered(
        &mut self,
        id: WorkerId,
        lease: LeaseId,
        finished: u64,
        took: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let range = self.live_range(id, lease);
        let Some(range) = range.filter(|tasks| finished <= tasks.end - tasks.start) else {
            effects.push(Effect::Drop { lease });
            return;
        };
        let Range { start, end } = range;
        effects.push(Effect::Accept { lease, tasks: start..start + finished });
        let Leased { holders, faults, .. } = self.release(start);
        for holder in &holders {
            self.forget(holder.worker, holder.lease);
            if holder.lease == lease {
                self.measure(id, finished, took);
            } else {
                let (worker, lease) = (holder.worker, holder.lease);
                effects.push(Effect::Yield { worker, lease, why: Why::Answered });
            }
        }
        let stage = self.stage.as_mut().expect("a live lease is of a stage");
        stage.done.insert(start..start + finished);
        stage.put_back(start + finished..end, faults);
        if stage.done.len() == stage.tasks {
            self.stage = None;
            effects.push(Effect::Done);
        }
        for holder in holders {
            self.dismiss_if_drained(holder.worker, effects);
        }
    }

    /// The range of `lease` if that id is live and the worker's.
    fn live_range(&self, worker: WorkerId, lease: LeaseId) -> Option<Range<u64>> {
        let stage = self.stage.as_ref()?;
        let leased = &stage.leased[stage.ids.get(&lease)?];
        let held = leased.holders.iter().any(|holder| holder.lease == lease && holder.worker == worker);
        held.then(|| leased.tasks.clone())
    }

    /// Takes the range that starts at `first` out of the leased ones, and its ids out of the live ones.
    fn release(&mut self, first: u64) -> Leased {
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let leased = stage.leased.remove(first).expect("the range is leased");
        for holder in &leased.holders {
            stage.ids.remove(&holder.lease);
        }
        leased
    }

    /// Takes `lease` from what the worker is known to hold.
    fn forget(&mut self, id: WorkerId, lease: LeaseId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let before = worker.leases.len();
        worker.leases.retain(|&held| held != lease);
        if self.open.remove(&(before, id)) {
            self.open.insert((worker.leases.len(), id));
        }
        // What it is to compute now is queued no more.
        let Some((stage, next)) = self.stage.as_mut().zip(worker.leases.first()) else { return };
        let mut leased = stage.leased.get_mut(stage.ids[next]).expect("a live id is of a leased range");
        let holder = leased.holders.iter_mut().find(|holder| holder.lease == *next);
        holder.expect("a holder of its own lease").queued = false;
    }

    fn measure(&mut self, id: WorkerId, finished: u64, took: Duration) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.speed = sizing::measured(worker.speed, finished, took);
    }

    fn drain(&mut self, id: WorkerId, why: Why, effects: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.draining {
            return;
        }
        worker.draining = true;
        self.open.remove(&(worker.leases.len(), id));
        for &lease in &worker.leases {
            effects.push(Effect::Yield { worker: id, lease, why });
        }
        self.forget_end(id);
        self.dismiss_if_drained(id, effects);
    }

    fn dismiss_if_drained(&mut self, id: WorkerId, effects: &mut Vec<Effect>) {
        let drained = self.workers.get(&id).is_some_and(|worker| worker.draining && worker.leases.is_empty());
        if drained {
            self.workers.remove(&id);
            effects.push(Effect::Dismiss { worker: id });
        }
    }

    fn close(&mut self, effects: &mut Vec<Effect>) {
        self.closed = true;
        self.stage = None;
        self.open.clear();
        self.ends.clear();
        for (worker, _) in std::mem::take(&mut self.workers) {
            effects.push(Effect::Dismiss { worker });
        }
    }

    fn assign(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.closed || !self.begun {
            return;
        }
        let mut after = Bound::Unbounded;
        while let Some(&(held, id)) = self.open.range((after, Bound::Unbounded)).next() {
            if held >= LEASES_PER_WORKER || !self.stage.as_ref().is_some_and(Stage::waits) {
                break;
            }
            let room = self.room(now, id);
            if !self.is_worth_a_lease(id, room) {
                after = Bound::Excluded((held, id));
                if held == 0 {
                    self.retire(id, effects);
                }
                continue;
            }
            let Some(stage) = &mut self.stage else { break };
            let worker = &self.workers[&id];
            let most = sizing::tasks(worker.speed, worker.threads, stage.waiting.len(), self.workers.len());
            let Some((tasks, faults)) = stage.take(most, room) else { break };
            let first = tasks.start;
            let why = match (faults, worker.speed) {
                (0, None) => Why::Unmeasured,
                (0, Some(speed)) => Why::Measured(speed),
                (faults, _) => Why::Suspected(faults),
            };
            stage.leased.insert(tasks, faults);
            effects.push(self.lease(now, id, first, why));
        }
        self.help(now, effects);
    }

    /// Gives the leased range that starts at `first` to the worker, under a new id.
    fn lease(&mut self, now: Timestamp, id: WorkerId, first: u64, why: Why) -> Effect {
        let lease = LeaseId(self.next_lease);
        self.next_lease += 1;
        let worker = self.workers.get_mut(&id).expect("an open worker is known");
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let mut leased = stage.leased.get_mut(first).expect("the range is leased");
        self.open.remove(&(worker.leases.len(), id));
        worker.leases.push(lease);
        self.open.insert((worker.leases.len(), id));
        stage.ids.insert(lease, first);
        let length = leased.tasks.end - leased.tasks.start;
        let overdue = now + sizing::patience(worker.speed, length, worker.leases.len());
        let queued = worker.leases.len() > 1;
        leased.holders.push(Holder { lease, worker: id, overdue, queued, yielding: false });
        Effect::Lease { worker: id, lease, tasks: leased.tasks.clone(), why }
    }

    /// Finds work for workers that have none when nothing waits: what others have not begun, or have held
    /// for too long.
    fn help(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(stage) = &mut self.stage else { return };
        let mut idle = self.open.iter().take_while(|&&(held, _)| held == 0).peekable();
        if idle.peek().is_none() || stage.waits() {
            return;
        }
        let called: Vec<_> = stage.leased.callable().zip(idle).map(|(called, _)| called).collect();
        for (worker, lease) in called {
            let mut leased = stage.leased.get_mut(stage.ids[&lease]).expect("a live id");
            leased.holders[0].yielding = true;
            effects.push(Effect::Yield { worker, lease, why: Why::Queued });
        }
        self.twin(now, effects);
    }

    /// Gives overdue ranges a second time, to workers that hold nothing and have the time.
    fn twin(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(stage) = &self.stage else { return };
        let twinned = |first: u64| {
            let leased = &stage.leased[&first];
            (leased.tasks.clone(), leased.holders[0].lease)
        };
        let overdue: Vec<_> = stage.leased.overdue(now).into_iter().map(twinned).collect();
        for (tasks, other) in overdue {
            let mut idle = self.open.iter().take_while(|(held, _)| *held == 0).map(|&(_, id)| id).peekable();
            if idle.peek().is_none() {
                break;
            }
            match idle.find(|&id| self.room(now, id) >= tasks.end - tasks.start) {
                Some(id) => effects.push(self.lease(now, id, tasks.start, Why::Twin(other))),
                None => self.postpone(now, tasks.start),
            }
        }
    }

    /// Who could help has no time for it; others may come.
    fn postpone(&mut self, now: Timestamp, first: u64) {
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let mut leased = stage.leased.get_mut(first).expect("the range is leased");
        leased.holders[0].overdue = now + sizing::LEAST_PATIENCE;
    }
}
