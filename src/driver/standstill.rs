//! When a standstill has lasted long enough: workers that talk and hold leases, and of whom nothing counts, would hold
//! a run for ever.

use crate::event::Timestamp;
use crate::scheduler::LeaseId;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long workers may hold leases while nothing is counted. A file system may hang for a while, and come back.
const STALLED: Duration = Duration::from_secs(30 * 60);
/// A look that comes so much too late says that the driver itself was stopped.
const STOPPED: Duration = Duration::from_secs(60);

/// What has been counted, as far as that tells whether more will be.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    /// When nothing more is waited for.
    due: Option<Timestamp>,
    /// Leases that were called in, and may be answered with nothing done.
    called_in: BTreeSet<LeaseId>,
}

impl Standstill {
    /// A stage begins; what was called in before is dead.
    pub(super) fn begin(&mut self) {
        *self = Standstill::default();
    }

    /// The worker was asked to answer the lease at once.
    pub(super) fn called_in(&mut self, lease: LeaseId) {
        self.called_in.insert(lease);
    }

    /// So many tasks of a lease have been counted; returns whether that may be: nobody gives a lease back undone
    /// unless it was called in.
    pub(super) fn counted(&mut self, lease: LeaseId, tasks: u64) -> bool {
        let called_in = self.called_in.remove(&lease);
        if tasks > 0 {
            self.due = None;
        }
        tasks > 0 || called_in
    }

    /// Whether to give up, where leases are held or are not.
    pub(super) fn is_over(&mut self, now: Timestamp, at_work: bool) -> bool {
        let due = self.due.filter(|_| at_work);
        let stalled = due.is_some_and(|due| (due..=due + STOPPED).contains(&now));
        let waits = due.filter(|due| now < *due).or((at_work && !stalled).then_some(now + STALLED));
        self.due = waits;
        stalled
    }

    /// When to look.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn workers_that_yield_nothing_for_half_an_hour_are_given_up() {
        let mut standstill = Standstill::default();
        assert!(!standstill.is_over(at(0), true) && !standstill.is_over(at(29), true));
        assert_eq!(standstill.next(), Some(at(30)));
        assert!(standstill.counted(LeaseId(0), 1) && !standstill.is_over(at(29), true));
        assert_eq!(standstill.next(), Some(at(59)));
        assert!(standstill.is_over(at(59), true));
    }

    #[test]
    fn time_without_workers_at_work_or_with_a_stopped_driver_does_not_count() {
        let mut standstill = Standstill::default();
        assert!(!standstill.is_over(at(0), true) && !standstill.is_over(at(20), false));
        assert_eq!(standstill.next(), None);
        assert!(
            !standstill.is_over(at(50), true) && !standstill.is_over(at(300), true),
            "it was stopped for hours"
        );
        assert_eq!(standstill.next(), Some(at(330)));
    }

    #[test]
    fn lease_comes_back_undone_only_when_called_in() {
        let mut standstill = Standstill::default();
        standstill.called_in(LeaseId(1));
        assert!(standstill.counted(LeaseId(1), 0));
        assert!(!standstill.counted(LeaseId(1), 0) && !standstill.counted(LeaseId(2), 0));
        assert!(standstill.counted(LeaseId(2), 1));
    }
}
