//! Judges a simulated scheduler from outside: every task is counted once, nothing is leased after the end, nobody
//! is idle for ever beside an overdue range, and whoever has nothing left to do is dismissed.

use crate::event::Timestamp;
use crate::scheduler::{LeaseId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A worker without a lease helps one that has not answered for so long, and mostly much sooner.
const PATIENCE: Duration = Duration::from_secs(600);

/// Knows only what was told, what was leased and what was accepted.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) leased: BTreeMap<LeaseId, Range<u64>>,
    pub(super) counted: Vec<bool>,
    pub(super) stage_done: bool,
    pub(super) closed: bool,
    pub(super) twins: u64,
    pub(super) dropped: u64,
    /// Leases that may still count: whose, and since when.
    live: BTreeMap<LeaseId, (WorkerId, Timestamp)>,
    /// Workers that may be given leases, and since when they have held none.
    present: BTreeMap<WorkerId, Option<Timestamp>>,
    draining: BTreeSet<WorkerId>,
}

impl Checker {
    pub(super) fn begins(&mut self, tasks: u64) {
        self.counted = vec![false; tasks as usize];
        self.leased.clear();
        self.live.clear();
        self.stage_done = false;
    }

    pub(super) fn registered(&mut self, now: Timestamp, worker: WorkerId) {
        self.present.insert(worker, Some(now));
    }

    pub(super) fn drains(&mut self, worker: WorkerId) {
        if self.present.remove(&worker).is_some() {
            self.draining.insert(worker);
        }
    }

    pub(super) fn lost(&mut self, worker: WorkerId) {
        self.present.remove(&worker);
        self.draining.remove(&worker);
        self.live.retain(|_, (holder, _)| *holder != worker);
    }

    pub(super) fn dismissed(&mut self, worker: WorkerId) {
        self.present.remove(&worker);
        self.draining.remove(&worker);
    }

    pub(super) fn leased(&mut self, now: Timestamp, worker: WorkerId, lease: LeaseId, tasks: &Range<u64>) {
        assert!(!self.closed && !self.stage_done, "leased after the end");
        assert!(tasks.start < tasks.end && tasks.end <= self.counted.len() as u64);
        self.twins += u64::from(self.leased.values().any(|other| other == tasks));
        assert!(self.leased.insert(lease, tasks.clone()).is_none(), "{lease:?} was used before");
        self.live.insert(lease, (worker, now));
        self.present.insert(worker, None);
    }

    pub(super) fn accepted(&mut self, now: Timestamp, lease: LeaseId, finished: u64) {
        let tasks = self.leased[&lease].clone();
        for task in tasks.start..tasks.start + finished {
            let counted = &mut self.counted[task as usize];
            assert!(!std::mem::replace(counted, true), "task {task} is counted twice");
        }
        self.live.retain(|lease, _| self.leased[lease] != tasks);
        self.rest(now);
    }

    pub(super) fn done(&mut self) {
        assert!(self.counted.iter().all(|&counted| counted), "done, but not every task is counted");
        self.stage_done = true;
    }

    /// Once everything that follows from an event is done.
    pub(super) fn check(&mut self, now: Timestamp) {
        self.rest(now);
        let idle = |worker: &&WorkerId| !self.live.values().any(|(holder, _)| holder == *worker);
        assert!(self.stage_done || !self.draining.iter().any(|worker| idle(&worker)), "one is not dismissed");
        assert!(
            !self.closed || self.present.is_empty() && self.draining.is_empty(),
            "some are not dismissed"
        );
    }

    /// Before an event: whether nobody has helped where somebody could for long.
    pub(super) fn check_help(&self, now: Timestamp) {
        let helper = self.present.values().flatten().any(|since| *since + PATIENCE < now);
        if !helper || self.stage_done || self.closed {
            return;
        }
        for (lease, (_, since)) in &self.live {
            let twins = self.live.keys().filter(|twin| self.leased[twin] == self.leased[lease]).count();
            assert!(twins > 1 || *since + PATIENCE >= now, "nobody helps with {lease:?}");
        }
    }

    /// Takes note of workers that hold nothing any more.
    fn rest(&mut self, now: Timestamp) {
        for (worker, since) in &mut self.present {
            if !self.live.values().any(|(holder, _)| holder == worker) {
                since.get_or_insert(now);
            }
        }
    }
}
