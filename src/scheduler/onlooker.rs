//! Judges a simulated scheduler by its workers: nobody is idle for ever beside an overdue range, whoever has nothing left
//! to do is dismissed, and nobody is given what it cannot do before its end, or stays until after it. That every task is
//! counted once is `checker.rs`'s to see.

use crate::event::Timestamp;
use crate::scheduler::{Effect, Event, LeaseId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A worker without a lease helps one that has not answered for so long, and mostly much sooner.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a speed may be wrong by.
const ROUNDING: Duration = Duration::from_micros(1);

/// Knows only what was told and what was decided.
#[derive(Default)]
pub(super) struct Onlooker {
    /// Leases that may still count: whose, which tasks, and since when.
    live: BTreeMap<LeaseId, (WorkerId, Range<u64>, Timestamp)>,
    /// Workers that may be given leases, and since when they have held none.
    present: BTreeMap<WorkerId, Option<Timestamp>>,
    away: BTreeSet<WorkerId>,
    draining: BTreeSet<WorkerId>,
    /// When workers have to be drained.
    ends: BTreeMap<WorkerId, Timestamp>,
    /// How long each takes for a task, once it has said so in an answer that counts.
    paces: BTreeMap<WorkerId, Duration>,
    /// What is just being answered: by whom, and how long each task took.
    answered: Option<(WorkerId, Duration)>,
    closed: bool,
}

impl Onlooker {
    /// Before the scheduler is told.
    pub(super) fn hear(&mut self, now: Timestamp, event: &Event) {
        self.check_help(now);
        self.answered = None;
        match event {
            Event::Begin { .. } => self.live.clear(),
            Event::Registered { worker, left, .. } => {
                self.present.insert(*worker, None);
                self.ends.extend(left.map(|left| (*worker, now + left)));
            }
            Event::Answered { worker, finished, took, .. } => {
                self.answered = (*finished > 0).then(|| (*worker, *took / *finished as u32));
            }
            Event::Drain { worker } => self.drains(*worker),
            Event::Away { worker } => {
                let known = self.present.remove(worker).is_some() || self.draining.contains(worker);
                self.away.extend(known.then_some(*worker));
            }
            Event::Returned { worker, holds } => {
                self.live.retain(|lease, (holder, ..)| holder != worker || holds.contains(lease));
                if self.away.remove(worker) && !self.draining.contains(worker) {
                    self.present.insert(*worker, None);
                }
            }
            Event::Failed { worker, lease } => {
                self.live.retain(|id, (holder, ..)| id != lease || holder != worker);
            }
            Event::Lost { worker, .. } => {
                self.forget(*worker);
                self.live.retain(|_, (holder, ..)| holder != worker);
            }
            Event::Close => self.closed = true,
            Event::Tick => {}
        }
    }

    /// What the scheduler has decided.
    pub(super) fn see(&mut self, now: Timestamp, effect: &Effect) {
        match effect {
            Effect::Lease { worker, lease, tasks, .. } => {
                self.check_time(now, *worker, tasks.end - tasks.start);
                self.live.insert(*lease, (*worker, tasks.clone(), now));
                self.present.insert(*worker, None);
            }
            Effect::Accept { lease, .. } => {
                self.paces.extend(self.answered);
                if let Some((_, tasks, _)) = self.live.remove(lease) {
                    self.live.retain(|_, (_, held, _)| *held != tasks);
                }
            }
            Effect::Retire { worker } => self.drains(*worker),
            Effect::Dismiss { worker } => self.forget(*worker),
            Effect::Done => self.live.clear(),
            Effect::Yield { .. } | Effect::Drop { .. } | Effect::GiveUp { .. } => {}
        }
    }

    /// Once everything that follows from an event is seen.
    pub(super) fn check(&mut self, now: Timestamp) {
        let holds = |worker: &WorkerId| self.live.values().any(|(holder, ..)| holder == worker);
        assert!(self.draining.iter().all(holds), "one that has drained is not dismissed");
        let over = self.ends.iter().filter(|(_, end)| **end <= now);
        for worker in over.map(|(worker, _)| worker).filter(|_| !self.closed) {
            assert!(self.draining.contains(worker), "{worker:?} stays longer than it may");
        }
        for (worker, since) in &mut self.present {
            if !self.live.values().any(|(holder, ..)| holder == worker) {
                since.get_or_insert(now);
            }
        }
        assert!(!self.closed || self.present.is_empty(), "some are not dismissed at the end");
    }

    /// One that is away drains when it is back.
    fn drains(&mut self, worker: WorkerId) {
        let known = self.present.remove(&worker).is_some() || self.away.contains(&worker);
        self.draining.extend(known.then_some(worker));
    }

    /// Whether a worker can do so many tasks more before its end, after what it holds.
    fn check_time(&self, now: Timestamp, worker: WorkerId, tasks: u64) {
        let Some((end, pace)) = self.ends.get(&worker).zip(self.paces.get(&worker)) else { return };
        let held = self.live.values().filter(|(holder, ..)| *holder == worker);
        // In the order given: the later one begins when the earlier one is done.
        let free = held.map(|(_, held, since)| *since + *pace * (held.end - held.start) as u32).max();
        let done = free.map_or(now, |free| free.max(now)) + *pace * tasks as u32;
        assert!(
            done <= *end + ROUNDING,
            "{worker:?} can do {tasks} tasks until {done:?}, and must end at {end:?}"
        );
    }

    fn forget(&mut self, worker: WorkerId) {
        self.ends.remove(&worker);
        self.present.remove(&worker);
        self.away.remove(&worker);
        self.draining.remove(&worker);
    }

    /// Whether somebody has helped where somebody could for long.
    fn check_help(&self, now: Timestamp) {
        // Not one that may have no time for it.
        let idle = |(worker, since): (&WorkerId, &Option<Timestamp>)| {
            !self.ends.contains_key(worker) && since.is_some_and(|since| since + PATIENCE < now)
        };
        if self.closed || !self.present.iter().any(idle) {
            return;
        }
        for (lease, (_, tasks, since)) in &self.live {
            let twins = self.live.values().filter(|(_, held, _)| held == tasks).count();
            assert!(twins > 1 || *since + PATIENCE >= now, "nobody helps with {lease:?}");
        }
    }
}
