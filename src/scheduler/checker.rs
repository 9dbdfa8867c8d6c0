//! Judges a simulated scheduler from outside: every task is counted once, nothing is leased after the end, and
//! nothing is given up that did not fail often enough.

use crate::scheduler::{LeaseId, MOST_FAULTS};
use std::collections::BTreeMap;
use std::ops::Range;

/// Knows only what was leased, what was accepted, and what failed.
#[derive(Default)]
pub(super) struct Checker {
    leased: BTreeMap<LeaseId, Range<u64>>,
    pub(super) counted: Vec<bool>,
    faults: Vec<u32>,
    pub(super) stage_done: bool,
    pub(super) given_up: bool,
    pub(super) closed: bool,
    pub(super) twins: u64,
    pub(super) dropped: u64,
    pub(super) returned: u64,
    pub(super) retired: u64,
}

impl Checker {
    pub(super) fn begin(&mut self, tasks: u64) {
        self.counted = vec![false; tasks as usize];
        self.faults = vec![0; tasks as usize];
        self.leased.clear();
        self.stage_done = false;
    }

    pub(super) fn leased(&mut self, lease: LeaseId, tasks: &Range<u64>) {
        assert!(!self.closed && !self.stage_done, "leased after the end");
        assert!(tasks.start < tasks.end && tasks.end <= self.counted.len() as u64);
        self.twins += u64::from(self.leased.values().any(|other| other == tasks));
        assert!(self.leased.insert(lease, tasks.clone()).is_none(), "{lease:?} was used before");
    }

    pub(super) fn accepted(&mut self, lease: LeaseId, finished: u64) {
        let start = self.leased[&lease].start;
        for task in start..start + finished {
            let counted = &mut self.counted[task as usize];
            assert!(!std::mem::replace(counted, true), "task {task} is counted twice");
        }
    }

    /// The tasks of the lease failed, as far as anybody but the scheduler can tell.
    pub(super) fn failed(&mut self, lease: LeaseId) {
        if let Some(tasks) = self.leased.get(&lease) {
            self.faults[tasks.start as usize..tasks.end as usize].iter_mut().for_each(|faults| *faults += 1);
        }
    }

    pub(super) fn given_up(&mut self, tasks: &Range<u64>, faults: u32) {
        assert_eq!(faults, MOST_FAULTS);
        let failed = &self.faults[tasks.start as usize..tasks.end as usize];
        assert!(failed.iter().all(|&failed| failed >= faults), "{tasks:?} is given up: {failed:?}");
        self.given_up = true;
    }

    pub(super) fn done(&mut self) {
        assert!(self.counted.iter().all(|&counted| counted), "done, but not every task is counted");
        self.stage_done = true;
    }
}
