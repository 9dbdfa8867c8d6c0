//! The leased ranges, with what is asked of all of them after every event kept as they change: of which a twin is due
//! next, and which can be called in. There may be thousands.
//!
//! A range is changed through a guard alone, which notes what it is in the end.

use crate::event::Timestamp;
use crate::scheduler::{LeaseId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut, Range};

#[derive(Debug)]
pub(super) struct Leased {
    pub(super) tasks: Range<u64>,
    /// How often these tasks have failed.
    pub(super) faults: u32,
    /// One, or two when there is a twin.
    pub(super) holders: Vec<Holder>,
}

#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) lease: LeaseId,
    pub(super) worker: WorkerId,
    /// When a twin is due if there is a worker with nothing to do.
    pub(super) overdue: Timestamp,
    /// The worker can be reached, and computes another lease before.
    pub(super) queued: bool,
    pub(super) yielding: bool,
}

impl Leased {
    /// When a twin is due, where there is none.
    fn overdue(&self) -> Option<Timestamp> {
        if let [holder] = &self.holders[..] { Some(holder.overdue) } else { None }
    }

    /// The one holder, where it has not begun and was not asked for it.
    fn callable(&self) -> Option<(WorkerId, LeaseId)> {
        let [holder] = &self.holders[..] else { return None };
        (holder.queued && !holder.yielding).then_some((holder.worker, holder.lease))
    }
}

/// The leased ranges by their first tasks.
#[derive(Debug, Default)]
pub(super) struct LeasedRanges {
    ranges: BTreeMap<u64, Leased>,
    noted: Noted,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Noted {
    overdue: BTreeSet<(Timestamp, u64)>,
    callable: BTreeSet<(WorkerId, LeaseId)>,
}

impl Noted {
    fn add(&mut self, leased: &Leased) {
        self.overdue.extend(leased.overdue().map(|overdue| (overdue, leased.tasks.start)));
        self.callable.extend(leased.callable());
    }

    fn remove(&mut self, leased: &Leased) {
        if let Some(overdue) = leased.overdue() {
            self.overdue.remove(&(overdue, leased.tasks.start));
        }
        if let Some(callable) = leased.callable() {
            self.callable.remove(&callable);
        }
    }
}

/// A range that may be changed, but for its tasks.
pub(super) struct Change<'a> {
    leased: &'a mut Leased,
    noted: &'a mut Noted,
}

impl Deref for Change<'_> {
    type Target = Leased;
    fn deref(&self) -> &Leased {
        self.leased
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Leased {
        self.leased
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.noted.add(self.leased);
    }
}

impl Deref for LeasedRanges {
    type Target = BTreeMap<u64, Leased>;
    fn deref(&self) -> &BTreeMap<u64, Leased> {
        &self.ranges
    }
}

impl LeasedRanges {
    /// Adds a range that nobody holds yet.
    pub(super) fn insert(&mut self, tasks: Range<u64>, faults: u32) {
        self.ranges.insert(tasks.start, Leased { tasks, faults, holders: Vec::new() });
    }

    pub(super) fn remove(&mut self, first: u64) -> Option<Leased> {
        let leased = self.ranges.remove(&first)?;
        self.noted.remove(&leased);
        Some(leased)
    }

    pub(super) fn get_mut(&mut self, first: u64) -> Option<Change<'_>> {
        let leased = self.ranges.get_mut(&first)?;
        self.noted.remove(leased);
        Some(Change { leased, noted: &mut self.noted })
    }

    /// When a twin is due of any.
    pub(super) fn next_overdue(&self) -> Option<Timestamp> {
        self.noted.overdue.first().map(|&(overdue, _)| overdue)
    }

    /// Those of which a twin is due, in the order of their tasks.
    pub(super) fn overdue(&self, now: Timestamp) -> BTreeSet<u64> {
        self.noted.overdue.range(..=(now, u64::MAX)).map(|&(_, first)| first).collect()
    }

    /// What has one holder that has not begun, and was not asked for it: in the order of the holders.
    pub(super) fn callable(&self) -> impl Iterator<Item = (WorkerId, LeaseId)> {
        self.noted.callable.iter().copied()
    }

    /// Whether looking at every range gives the same.
    pub(super) fn is_right(&self) -> bool {
        let mut noted = Noted::default();
        self.ranges.values().for_each(|leased| noted.add(leased));
        noted == self.noted
    }
}
