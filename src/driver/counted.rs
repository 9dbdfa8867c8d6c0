//! The launched workers with counts of them, kept as they change: every event asks for these, and there may be thousands
//! of workers.
//!
//! A worker is changed through a guard alone, which counts it anew in the end, so no change can leave the counts behind.

use crate::driver::launched::Launched;
use crate::launch::{Key, PoolId};
use std::collections::BTreeMap;
use std::ops::{AddAssign, Deref, DerefMut, SubAssign};

/// Launched workers by their keys.
pub(super) struct Counted {
    launched: BTreeMap<Key, Launched>,
    /// One for each pool.
    counts: Vec<Count>,
}

/// How many workers are what; not the one inside the driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// The launcher knows them.
    pub(super) known: u32,
    /// They are there or on their way, and stay.
    pub(super) lasting: u32,
    /// They are wanted, and wait to be started.
    pub(super) waiting: u32,
    /// They are there or can still come, and stay.
    pub(super) possible: u32,
}

impl Count {
    fn of(launched: &Launched) -> Count {
        if launched.beside {
            return Count::default();
        }
        Count {
            known: u32::from(launched.known),
            lasting: u32::from(launched.lasts()),
            waiting: u32::from(!launched.unwanted && launched.is_waiting()),
            possible: u32::from(launched.is_possible()),
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.known += other.known;
        self.lasting += other.lasting;
        self.waiting += other.waiting;
        self.possible += other.possible;
    }
}

impl SubAssign for Count {
    fn sub_assign(&mut self, other: Count) {
        self.known -= other.known;
        self.lasting -= other.lasting;
        self.waiting -= other.waiting;
        self.possible -= other.possible;
    }
}

/// A worker that may be changed.
pub(super) struct Change<'a> {
    launched: &'a mut Launched,
    counts: &'a mut [Count],
    before: (PoolId, Count),
}

impl Deref for Change<'_> {
    type Target = Launched;
    fn deref(&self) -> &Launched {
        self.launched
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Launched {
        self.launched
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let (pool, before) = self.before;
        self.counts[pool.0] -= before;
        self.counts[self.launched.pool.0] += Count::of(self.launched);
    }
}

impl Deref for Counted {
    type Target = BTreeMap<Key, Launched>;
    fn deref(&self) -> &BTreeMap<Key, Launched> {
        &self.launched
    }
}

impl Counted {
    /// None yet, in so many pools.
    pub(super) fn new(pools: usize) -> Counted {
        Counted { launched: BTreeMap::new(), counts: vec![Count::default(); pools] }
    }

    /// Those of each pool.
    pub(super) fn of_each_pool(&self) -> &[Count] {
        &self.counts
    }

    /// Those of all pools.
    pub(super) fn count(&self) -> Count {
        let mut sum = Count::default();
        self.counts.iter().for_each(|&count| sum += count);
        sum
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<Change<'_>> {
        let launched = self.launched.get_mut(key)?;
        let before = (launched.pool, Count::of(launched));
        Some(Change { launched, counts: &mut self.counts, before })
    }

    /// The worker of this key; a new one where there is none.
    pub(super) fn entry(&mut self, key: Key) -> Change<'_> {
        let mut is_new = false;
        let launched = self.launched.entry(key).or_insert_with(|| {
            is_new = true;
            Launched::default()
        });
        let before = if is_new { Count::default() } else { Count::of(launched) };
        Change { before: (launched.pool, before), launched, counts: &mut self.counts }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(launched) = self.launched.remove(key) {
            self.counts[launched.pool.0] -= Count::of(&launched);
        }
    }

    /// Whether counting everybody anew gives the same.
    pub(super) fn is_right(&self) -> bool {
        let mut counts = vec![Count::default(); self.counts.len()];
        self.launched.values().for_each(|launched| counts[launched.pool.0] += Count::of(launched));
        counts == self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key(name.to_owned())
    }

    #[test]
    fn counts_follow_every_change() {
        let mut counted = Counted::new(2);
        counted.entry(key("1_0")).known = true;
        let lasting = Count { known: 1, lasting: 1, waiting: 1, possible: 1 };
        assert_eq!(counted.of_each_pool(), [lasting, Count::default()]);
        counted.entry(key("1_0")).pool = PoolId(1);
        assert_eq!(counted.of_each_pool(), [Count::default(), lasting]);
        counted.get_mut(&key("1_0")).expect("it is there").unwanted = true;
        assert_eq!(counted.count(), Count { known: 1, ..Count::default() });
        assert!(counted.is_right());
        counted.entry(key("own")).beside = true;
        counted.remove(&key("1_0"));
        assert_eq!(counted.count(), Count::default());
        assert!(counted.is_right());
    }

    #[test]
    fn change_past_the_guard_is_seen() {
        let mut counted = Counted::new(1);
        counted.entry(key("1_0"));
        counted.launched.get_mut(&key("1_0")).expect("it is there").known = true;
        assert!(!counted.is_right());
    }
}
