//! Ranges of tasks that have failed before, with the count of their faults.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

/// What has failed before and waits to be tried again: what has failed most often first.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Faults and first task, one past the last task.
    ranges: BTreeMap<(Reverse<u32>, u64), u64>,
}

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many tasks they have.
    pub(super) fn len(&self) -> u64 {
        self.ranges.iter().map(|((_, start), end)| end - start).sum()
    }

    /// Keeps what has failed so often.
    pub(super) fn insert(&mut self, tasks: Range<u64>, faults: u32) {
        if !tasks.is_empty() {
            self.ranges.insert((Reverse(faults), tasks.start), tasks.end);
        }
    }

    /// Keeps what has just failed, in halves.
    pub(super) fn insert_halves(&mut self, tasks: Range<u64>, faults: u32) {
        let middle = tasks.start + (tasks.end - tasks.start).div_ceil(2);
        self.insert(tasks.start..middle, faults);
        self.insert(middle..tasks.end, faults);
    }

    /// The next one, and how often it has failed: whole, or as much of it as there is room for.
    pub(super) fn take(&mut self, room: u64) -> Option<(Range<u64>, u32)> {
        let ((Reverse(faults), start), end) = self.ranges.pop_first()?;
        let middle = end.min(start.saturating_add(room));
        self.insert(middle..end, faults);
        Some((start..middle, faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_failed_comes_back_in_halves_down_to_one_task() {
        let mut suspects = Suspects::default();
        suspects.insert_halves(10..13, 1);
        assert_eq!((suspects.len(), suspects.take(u64::MAX)), (3, Some((10..12, 1))));
        suspects.insert_halves(10..12, 2);
        suspects.insert_halves(10..10, 9);
        let rest: Vec<_> = std::iter::from_fn(|| suspects.take(u64::MAX)).collect();
        assert_eq!(rest, [(10..11, 2), (11..12, 2), (12..13, 1)], "what failed most often comes first");
        suspects.insert_halves(10..11, 2);
        assert_eq!((suspects.take(u64::MAX), suspects.is_empty()), (Some((10..11, 2)), true));
        suspects.insert(10..13, 1);
        assert_eq!((suspects.take(2), suspects.take(2)), (Some((10..12, 1)), Some((12..13, 1))));
    }
}
