//! Who computes what: a pure state machine, told events, answering with effects.
//!
//! At every moment the waiting, leased and done ranges partition the stage's tasks. A lease is a range, cut
//! once, under an id that is never used again; a leased range has one live id, or two when it was given
//! again to a second worker (a twin). An answer counts if and only if its id is live: counting removes the
//! id and its twin, marks the finished prefix done, and puts the rest back to waiting. When a range's last
//! id is forgotten the range waits again. Nothing else is checked; this alone counts every task once.
//!
//! Time is an argument and never a clock. Plans, partials and connections are not known here. The
//! simulator in `simulation.rs` is this room's test.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod mutant;
pub mod pool;
mod ranges;
#[cfg(test)]
mod simulation;
mod sizing;

use crate::event::Timestamp;
use ranges::RangeSet;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A worker's number: rising, never used again. A worker that comes back is another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

/// A lease's number: rising, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// What the scheduler is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A stage of so many tasks begins. The one before it must be done.
    Begin {
        /// How many tasks it has.
        tasks: u64,
        /// How many of them a lease may have at most, so that its answer is not too large.
        most: u64,
        /// Those that an earlier driver of the run has counted: ascending ranges that do not touch.
        done: Vec<Range<u64>>,
    },
    /// A worker is there.
    Registered {
        /// A number never used before.
        worker: WorkerId,
        /// Its compute threads.
        threads: u32,
    },
    /// A worker answered a lease with its first `finished` tasks.
    Answered {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
        /// How many tasks of it, from the first.
        finished: u64,
    },
    /// A worker should be given nothing more, hand in what it has, and leave.
    Drain {
        /// Who.
        worker: WorkerId,
    },
    /// A worker is gone.
    Lost {
        /// Who.
        worker: WorkerId,
    },
    /// The deadline has come.
    Tick,
    /// Nothing more is to be computed.
    Close,
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Give these tasks to the worker.
    Lease {
        /// To whom.
        worker: WorkerId,
        /// Under which id.
        lease: LeaseId,
        /// Which tasks.
        tasks: Range<u64>,
    },
    /// Ask the worker to answer this lease now, with what it has.
    Yield {
        /// Whom.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
    },
    /// The answer just told counts: combine its partial.
    Accept {
        /// Which lease.
        lease: LeaseId,
        /// The tasks that it says are finished.
        tasks: Range<u64>,
    },
    /// The answer just told does not count: drop its partial.
    Drop {
        /// Which lease.
        lease: LeaseId,
    },
    /// The worker has nothing left to do here: ask it to leave.
    Dismiss {
        /// Whom.
        worker: WorkerId,
    },
    /// Every task of the stage is done.
    Done,
}

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
    next_lease: u64,
}

#[derive(Debug)]
struct Stage {
    tasks: u64,
    /// Tasks of a lease at most.
    most: u64,
    waiting: RangeSet,
    done: RangeSet,
    /// By first task.
    leased: BTreeMap<u64, Leased>,
    /// Live ids, and the first task of their range.
    ids: BTreeMap<LeaseId, u64>,
}

#[derive(Debug)]
struct Leased {
    tasks: Range<u64>,
    /// One, or two when there is a twin.
    holders: Vec<Holder>,
}

#[derive(Debug, Clone)]
struct Holder {
    lease: LeaseId,
    worker: WorkerId,
    since: Timestamp,
    /// When a twin is due if there is a worker with nothing to do.
    overdue: Timestamp,
    yielding: bool,
}

#[derive(Debug)]
struct Worker {
    threads: u32,
    /// Tasks a second, once measured.
    speed: Option<f64>,
    /// Live ids, in the order given.
    leases: Vec<LeaseId>,
    /// Since when it has worked on the first of them, as far as answers tell.
    busy_since: Timestamp,
    draining: bool,
}

/// A worker computes one lease while the next one is already there.
const LEASES_PER_WORKER: usize = 2;

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
            next_lease: 0,
        }
    }

    /// Takes note of `event` at `now`, which never goes back, and appends what is to be done.
    pub fn handle(&mut self, now: Timestamp, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Begin { tasks, most, done } => self.begin(tasks, most, done, effects),
            Event::Registered { worker, threads } => self.registered(now, worker, threads),
            Event::Answered { worker, lease, finished } => {
                self.answered(now, worker, lease, finished, effects);
            }
            Event::Drain { worker } => self.drain(worker, effects),
            Event::Lost { worker } => self.lost(worker),
            Event::Tick => {}
            Event::Close => self.close(effects),
        }
        self.assign(now, effects);
    }

    /// When to send a [`Event::Tick`] if nothing else happens before. A tick then always moves it.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let stage = self.stage.as_ref()?;
        let idle = self.open.first().is_some_and(|&(held, _)| held == 0);
        if self.closed || !self.begun || !idle || !stage.waiting.is_empty() {
            return None;
        }
        let single = stage.leased.values().filter(|leased| leased.holders.len() == 1);
        single.map(|leased| leased.holders[0].overdue).min()
    }

    /// The tasks of the stage that have been counted; none where no stage is under way.
    pub fn done(&self) -> Vec<Range<u64>> {
        self.stage.as_ref().map_or_else(Vec::new, |stage| stage.done.ranges().collect())
    }

    /// How many leases the worker holds.
    pub fn held(&self, worker: WorkerId) -> usize {
        self.workers.get(&worker).map_or(0, |worker| worker.leases.len())
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
            done,
            leased: BTreeMap::new(),
            ids: BTreeMap::new(),
        });
    }

    fn registered(&mut self, now: Timestamp, id: WorkerId, threads: u32) {
        let worker = Worker { threads, speed: None, leases: Vec::new(), busy_since: now, draining: false };
        assert!(self.workers.insert(id, worker).is_none(), "{id:?} registered twice");
        self.open.insert((0, id));
        self.begun |= self.workers.len() >= self.minimum_workers;
    }

    fn answered(
        &mut self,
        now: Timestamp,
        id: WorkerId,
        lease: LeaseId,
        finished: u64,
        effects: &mut Vec<Effect>,
    ) {
        let range = self.live_range(id, lease);
        let Some(leased) = range.filter(|tasks| finished <= tasks.end - tasks.start) else {
            effects.push(Effect::Drop { lease });
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.busy_since = now;
            }
            return;
        };
        effects.push(Effect::Accept { lease, tasks: leased.start..leased.start + finished });
        let holders = self.release(leased.start);
        for holder in &holders {
            self.forget(holder.worker, holder.lease);
            if holder.lease == lease {
                self.measure(now, id, holder.since, finished);
            } else {
                effects.push(Effect::Yield { worker: holder.worker, lease: holder.lease });
            }
        }
        let stage = self.stage.as_mut().expect("a live lease is of a stage");
        stage.done.insert(leased.start..leased.start + finished);
        stage.waiting.insert(leased.start + finished..leased.end);
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
    fn release(&mut self, first: u64) -> Vec<Holder> {
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let leased = stage.leased.remove(&first).expect("the range is leased");
        for holder in &leased.holders {
            stage.ids.remove(&holder.lease);
        }
        leased.holders
    }

    /// Takes `lease` from what the worker is known to hold.
    fn forget(&mut self, id: WorkerId, lease: LeaseId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let before = worker.leases.len();
        worker.leases.retain(|&held| held != lease);
        if !worker.draining {
            self.open.remove(&(before, id));
            self.open.insert((worker.leases.len(), id));
        }
    }

    fn measure(&mut self, now: Timestamp, id: WorkerId, since: Timestamp, finished: u64) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let elapsed = now - since.max(worker.busy_since);
        worker.busy_since = now;
        worker.speed = sizing::measured(worker.speed, finished, elapsed);
    }

    fn drain(&mut self, id: WorkerId, effects: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.draining {
            return;
        }
        worker.draining = true;
        self.open.remove(&(worker.leases.len(), id));
        for &lease in &worker.leases {
            effects.push(Effect::Yield { worker: id, lease });
        }
        self.dismiss_if_drained(id, effects);
    }

    fn dismiss_if_drained(&mut self, id: WorkerId, effects: &mut Vec<Effect>) {
        let drained = self.workers.get(&id).is_some_and(|worker| worker.draining && worker.leases.is_empty());
        if drained {
            self.workers.remove(&id);
            effects.push(Effect::Dismiss { worker: id });
        }
    }

    fn lost(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.remove(&id) else { return };
        self.open.remove(&(worker.leases.len(), id));
        for lease in worker.leases {
            let stage = self.stage.as_mut().expect("a live lease is of a stage");
            let first = stage.ids.remove(&lease).expect("a held id is live");
            let leased = stage.leased.get_mut(&first).expect("a live id is of a leased range");
            leased.holders.retain(|holder| holder.lease != lease);
            if leased.holders.is_empty() {
                let leased = stage.leased.remove(&first).expect("just looked at");
                stage.waiting.insert(leased.tasks);
            }
        }
    }

    fn close(&mut self, effects: &mut Vec<Effect>) {
        self.closed = true;
        self.stage = None;
        self.open.clear();
        for (worker, _) in std::mem::take(&mut self.workers) {
            effects.push(Effect::Dismiss { worker });
        }
    }

    fn assign(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.closed || !self.begun {
            return;
        }
        while let Some(&(held, id)) = self.open.first() {
            let Some(stage) = self.stage.as_mut().filter(|_| held < LEASES_PER_WORKER) else { break };
            let worker = &self.workers[&id];
            let most = sizing::tasks(worker.speed, worker.threads, stage.waiting.len(), self.workers.len());
            let Some(tasks) = stage.waiting.take_first(most.min(stage.most)) else { break };
            let first = tasks.start;
            stage.leased.insert(first, Leased { tasks, holders: Vec::new() });
            effects.push(self.lease(now, id, first));
        }
        self.help(now, effects);
    }

    /// Gives the leased range that starts at `first` to the worker, under a new id.
    fn lease(&mut self, now: Timestamp, id: WorkerId, first: u64) -> Effect {
        let lease = LeaseId(self.next_lease);
        self.next_lease += 1;
        let worker = self.workers.get_mut(&id).expect("an open worker is known");
        let stage = self.stage.as_mut().expect("a leased range is of a stage");
        let leased = stage.leased.get_mut(&first).expect("the range is leased");
        self.open.remove(&(worker.leases.len(), id));
        worker.leases.push(lease);
        self.open.insert((worker.leases.len(), id));
        stage.ids.insert(lease, first);
        let length = leased.tasks.end - leased.tasks.start;
        let overdue = now + sizing::patience(worker.speed, length, worker.leases.len());
        leased.holders.push(Holder { lease, worker: id, since: now, overdue, yielding: false });
        Effect::Lease { worker: id, lease, tasks: leased.tasks.clone() }
    }

    /// Finds work for workers that have none when nothing waits: what others have not begun, or have held
    /// for too long.
    fn help(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(stage) = &mut self.stage else { return };
        let mut idle = self.open.iter().take_while(|&&(held, _)| held == 0).count();
        if idle == 0 || !stage.waiting.is_empty() {
            return;
        }
        for (&id, worker) in &self.workers {
            for &queued in worker.leases.iter().skip(1) {
                let leased = stage.leased.get_mut(&stage.ids[&queued]).expect("a live id");
                let twins = leased.holders.len();
                let holder = leased.holders.iter_mut().find(|holder| holder.lease == queued);
                let holder = holder.expect("a holder of its own lease");
                if idle > 0 && twins == 1 && !holder.yielding {
                    holder.yielding = true;
                    idle -= 1;
                    effects.push(Effect::Yield { worker: id, lease: queued });
                }
            }
        }
        self.twin(now, effects);
    }

    /// Gives overdue ranges a second time, to workers that hold nothing.
    fn twin(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(stage) = &self.stage else { return };
        let overdue = |leased: &&Leased| leased.holders.len() == 1 && leased.holders[0].overdue <= now;
        let firsts: Vec<u64> =
            stage.leased.values().filter(overdue).map(|leased| leased.tasks.start).collect();
        for first in firsts {
            let Some(&(0, id)) = self.open.first() else { break };
            effects.push(self.lease(now, id, first));
        }
    }
}

impl Scheduler {
    /// Checks what must hold between any two events; the simulator calls it after each.
    ///
    /// # Panics
    /// If the waiting, leased and done tasks do not partition the stage, or the two sides of a lease differ.
    pub fn check_invariants(&self) {
        let live: usize = self.workers.values().map(|worker| worker.leases.len()).sum();
        let Some(stage) = &self.stage else {
            assert_eq!(live, 0, "leases without a stage");
            return;
        };
        let leased: u64 = stage.leased.values().map(|leased| leased.tasks.end - leased.tasks.start).sum();
        assert_eq!(stage.waiting.len() + leased + stage.done.len(), stage.tasks, "tasks got lost");
        assert_eq!(stage.ids.len(), live, "the ids alive are those held");
        for leased in stage.leased.values() {
            assert!(matches!(leased.holders.len(), 1 | 2), "one id, or two");
            for holder in &leased.holders {
                assert!(self.workers[&holder.worker].leases.contains(&holder.lease), "held by its holder");
            }
        }
        for (id, worker) in &self.workers {
            assert!(worker.leases.len() <= LEASES_PER_WORKER, "{id:?} holds too many leases");
            assert_eq!(self.open.contains(&(worker.leases.len(), *id)), !worker.draining);
        }
    }
}
