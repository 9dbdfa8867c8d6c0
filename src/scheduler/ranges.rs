//! A set of task numbers kept as disjoint ranges, because there are billions of tasks and few ranges.

use std::collections::BTreeMap;
use std::ops::Range;

/// Disjoint, non-empty, non-adjacent ranges in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet {
    /// First task -> one past the last.
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

impl RangeSet {
    /// The set of one range.
    #[cfg(test)]
    pub(super) fn of(range: Range<u64>) -> Self {
        let mut set = RangeSet::default();
        set.insert(range);
        set
    }

    /// How many tasks are in the set.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether no task is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ranges, in ascending order.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        self.ranges.iter().map(|(&start, &end)| start..end)
    }

    /// The tasks of `0..tasks` that are not in the set.
    pub(super) fn rest(&self, tasks: u64) -> Self {
        let mut rest = RangeSet::default();
        let mut next = 0;
        for range in self.ranges() {
            rest.insert(next..range.start);
            next = range.end;
        }
        rest.insert(next..tasks);
        rest
    }

    /// Adds a range of which no task may be in the set yet.
    ///
    /// # Panics
    /// If a task is in the set already: it would be counted twice.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.len += range.end - range.start;
        let Range { mut start, mut end } = range;
        if let Some((&before, &before_end)) = self.ranges.range(..end).next_back() {
            assert!(before_end <= start, "tasks {start}..{end} overlap {before}..{before_end}");
            if before_end == start {
                self.ranges.remove(&before);
                start = before;
            }
        }
        if let Some(after_end) = self.ranges.remove(&end) {
            end = after_end;
        }
        self.ranges.insert(start, end);
    }

    /// Takes out up to `most` tasks, the lowest contiguous ones.
    pub(super) fn take_first(&mut self, most: u64) -> Option<Range<u64>> {
        let (start, end) = self.ranges.pop_first()?;
        let cut = end.min(start.saturating_add(most.max(1)));
        if cut < end {
            self.ranges.insert(cut, end);
        }
        self.len -= cut - start;
        Some(start..cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut set = RangeSet::of(0..3);
        set.insert(5..7);
        set.insert(3..5);
        assert_eq!(set, RangeSet::of(0..7));
        assert_eq!(set.len(), 7);
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn a_task_cannot_be_in_the_set_twice() {
        RangeSet::of(0..5).insert(4..6);
    }

    #[test]
    fn what_is_not_in_the_set_is_the_rest() {
        let mut set = RangeSet::of(2..5);
        set.insert(7..9);
        assert_eq!(set.rest(10).ranges().collect::<Vec<_>>(), [0..2, 5..7, 9..10]);
        assert_eq!(set.rest(9).ranges().collect::<Vec<_>>(), [0..2, 5..7]);
        assert!(RangeSet::of(0..4).rest(4).is_empty());
    }

    proptest! {
        #[test]
        fn pieces_put_back_in_any_order_make_the_whole(cuts in proptest::collection::vec(1u64..50, 1..40), seed: u64) {
            let total: u64 = cuts.iter().sum();
            let mut whole = RangeSet::of(0..total);
            let mut pieces: Vec<_> = cuts.iter().map_while(|&most| whole.take_first(most)).collect();
            prop_assert!(whole.is_empty());
            pieces.sort_by_key(|piece| piece.start.wrapping_mul(seed | 1));
            let mut again = RangeSet::default();
            pieces.into_iter().for_each(|piece| again.insert(piece));
            prop_assert_eq!(again, RangeSet::of(0..total));
        }
    }
}
