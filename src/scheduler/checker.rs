//! Judges a simulated scheduler from outside: every task is counted once, and nothing is leased after the end.

use crate::scheduler::LeaseId;
use std::collections::BTreeMap;
use std::ops::Range;

/// Knows only what was leased and what was accepted.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) leased: BTreeMap<LeaseId, Range<u64>>,
    pub(super) counted: Vec<bool>,
    pub(super) stage_done: bool,
    pub(super) closed: bool,
    pub(super) twins: u64,
    pub(super) dropped: u64,
}

impl Checker {
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

    pub(super) fn done(&mut self) {
        assert!(self.counted.iter().all(|&counted| counted), "done, but not every task is counted");
        self.stage_done = true;
    }
}
