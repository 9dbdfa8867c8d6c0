//! Judges a simulated scheduler by its workers: nobody is idle for ever beside an overdue range, and whoever has
//! nothing left to do is dismissed. That every task is counted once is `checker.rs`'s to see.

use crate::event::Timestamp;
use crate::scheduler::{Effect, Event, LeaseId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A worker without a lease helps one that has not answered for so long, and mostly much sooner.
const PATIENCE: Duration = Duration::from_secs(600);

/// Knows only what was told and what was decided.
#[derive(Default)]
pub(super) struct Onlooker {
    /// Leases that may still count: whose, which tasks, and since when.
    live: BTreeMap<LeaseId, (WorkerId, Range<u64>, Timestamp)>,
    /// Workers that may be given leases, and since when they have held none.
    present: BTreeMap<WorkerId, Option<Timestamp>>,
    away: BTreeSet<WorkerId>,
    draining: BTreeSet<WorkerId>,
    closed: bool,
}

impl Onlooker {
    /// Before the scheduler is told.
    pub(super) fn hear(&mut self, now: Timestamp, event: &Event) {
        self.check_help(now);
        match event {
            Event::Begin { .. } => self.live.clear(),
            Event::Registered { worker, .. } => drop(self.present.insert(*worker, None)),
            Event::Drain { worker } => {
                let known = self.present.remove(worker).is_some() || self.away.contains(worker);
                self.draining.extend(known.then_some(*worker));
            }
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
            Event::Answered { .. } | Event::Tick => {}
        }
    }

    /// What the scheduler has decided.
    pub(super) fn see(&mut self, now: Timestamp, effect: &Effect) {
        match effect {
            Effect::Lease { worker, lease, tasks, .. } => {
                self.live.insert(*lease, (*worker, tasks.clone(), now));
                self.present.insert(*worker, None);
            }
            Effect::Accept { lease, .. } => {
                if let Some((_, tasks, _)) = self.live.remove(lease) {
                    self.live.retain(|_, (_, held, _)| *held != tasks);
                }
            }
            Effect::Dismiss { worker } => self.forget(*worker),
            Effect::Done => self.live.clear(),
            Effect::Yield { .. } | Effect::Drop { .. } | Effect::GiveUp { .. } => {}
        }
    }

    /// Once everything that follows from an event is seen.
    pub(super) fn check(&mut self, now: Timestamp) {
        let holds = |worker: &WorkerId| self.live.values().any(|(holder, ..)| holder == worker);
        assert!(self.draining.iter().all(holds), "one that has drained is not dismissed");
        for (worker, since) in &mut self.present {
            if !self.live.values().any(|(holder, ..)| holder == worker) {
                since.get_or_insert(now);
            }
        }
        assert!(!self.closed || self.present.is_empty(), "some are not dismissed at the end");
    }

    fn forget(&mut self, worker: WorkerId) {
        self.present.remove(&worker);
        self.away.remove(&worker);
        self.draining.remove(&worker);
    }

    /// Whether somebody has helped where somebody could for long.
    fn check_help(&self, now: Timestamp) {
        let idle = self.present.values().flatten().any(|since| *since + PATIENCE < now);
        if !idle || self.closed {
            return;
        }
        for (lease, (_, tasks, since)) in &self.live {
            let twins = self.live.values().filter(|(_, held, _)| held == tasks).count();
            assert!(twins > 1 || *since + PATIENCE >= now, "nobody helps with {lease:?}");
        }
    }
}
