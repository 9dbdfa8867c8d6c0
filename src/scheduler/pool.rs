//! How many workers there are to be, in which pools, and when those that are missing are started.
//!
//! A pool is a kind of jobs: those of a partition, say. Pools are filled in their order, each up to its maximum, and
//! what one does not take falls to the next. A worker whose time was up is replaced without further ado. One that was
//! lost is replaced out of a budget, so that what kills workers does not do so for ever; one that somebody cancelled is
//! not replaced, because somebody wants it gone; and when several of a pool in a row ended before they registered, no
//! more are started in it. After an end, and in a pool that could take none, lies a pause that grows until a worker
//! registers.

use crate::event::Timestamp;
use std::time::Duration;

/// The first pause before what is missing is started.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// So many workers in a row that end before they register are no accident.
const MOST_FRUITLESS: u32 = 3;

/// How a worker ended, as far as it matters to whether another one takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its time was up, or its node was wanted: nothing is wrong with it.
    InOrder,
    /// It was lost after it had registered.
    Lost,
    /// It never registered.
    Fruitless,
    /// Somebody cancelled it.
    Cancelled,
}

/// How many of `workers` each pool takes that has room for so many, in order.
pub fn share(workers: u32, rooms: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut left = workers;
    let share = |room: u32| {
        let taken = room.min(left);
        left -= taken;
        taken
    };
    rooms.into_iter().map(share).collect()
}

/// The workers that there are to be. Pools are told apart by their place in the order, from 0.
#[derive(Debug)]
pub struct Pools {
    target: u32,
    /// Those of them that have ended and are not replaced.
    given_up: u32,
    /// Losses that are still made good.
    budget: u32,
    pools: Vec<Pool>,
    /// Since workers have ended.
    pause: Pause,
    /// That of the last worker that came.
    last: usize,
}

/// Where workers come from.
#[derive(Debug, Clone)]
struct Pool {
    /// No more are started in it.
    maximum: u32,
    /// Nothing is started before somebody asks for it.
    stopped: bool,
    /// Workers in a row that ended before they registered.
    fruitless: u32,
    /// Since it could take none.
    pause: Pause,
    /// How long the last worker that came had waited to be started.
    wait: Duration,
}

impl Pool {
    fn new(maximum: u32) -> Pool {
        Pool { maximum, stopped: false, fruitless: 0, pause: Pause::default(), wait: FIRST_PAUSE }
    }

    /// How many more it takes where so many of it are there or on their way.
    fn room(&self, there: u32) -> u32 {
        let is_closed = self.stopped || self.fruitless >= MOST_FRUITLESS;
        if is_closed { 0 } else { self.maximum.saturating_sub(there) }
    }
}

/// When something may be tried again that has just failed.
#[derive(Debug, Clone)]
struct Pause {
    until: Timestamp,
    next: Duration,
}

impl Default for Pause {
    fn default() -> Pause {
        Pause { until: Timestamp::default(), next: FIRST_PAUSE }
    }
}

impl Pause {
    /// Failures during a pause are of what was tried before it.
    fn begin(&mut self, now: Timestamp) {
        if self.until <= now {
            self.until = now + self.next;
            self.next = (2 * self.next).min(LONGEST_PAUSE);
        }
    }
}

impl Pools {
    /// `target` workers of which so many losses are made good, in pools of these sizes at the most.
    pub fn new(target: u32, budget: u32, maxima: impl IntoIterator<Item = u32>) -> Pools {
        let pools = maxima.into_iter().map(Pool::new).collect();
        Pools { target, given_up: 0, budget, pools, pause: Pause::default(), last: 0 }
    }

    /// How many workers there are to be.
    pub fn target(&self) -> u32 {
        self.target
    }

    /// From now on there are to be so many workers, on somebody's word: they come at once, whatever became of others.
    pub fn scale(&mut self, now: Timestamp, target: u32) {
        let more = target > self.target.saturating_sub(self.given_up);
        for pool in &mut self.pools {
            pool.stopped = false;
            if more {
                (pool.pause.until, pool.fruitless) = (now, 0);
            }
        }
        if more {
            self.pause.until = now;
        }
        (self.given_up, self.target) = (0, target);
    }

    /// From now on so many workers are worth having.
    pub fn adapt(&mut self, target: u32) {
        self.target = target;
    }

    /// A worker is there, after it had waited for so long: what was wrong is over.
    pub fn registered(&mut self, number: usize, wait: Duration) {
        let pool = &mut self.pools[number];
        (pool.fruitless, pool.wait) = (0, wait.max(FIRST_PAUSE));
        (pool.pause.next, self.pause.next) = (FIRST_PAUSE, FIRST_PAUSE);
        self.last = number;
    }

    /// How long the last worker that came had waited to be started, a second at the least.
    pub fn wait(&self) -> Duration {
        self.pools[self.last].wait
    }

    /// How long before its end a worker is replaced that may stay for `left` from its start on: so that another one of
    /// its pool is there when it leaves, but not before half its time.
    pub fn lead(&self, pool: usize, left: Duration) -> Duration {
        self.pools[pool].wait.min(left / 2)
    }

    /// A worker has ended.
    pub fn ended(&mut self, now: Timestamp, pool: usize, how: Ended) {
        match (how, self.budget.checked_sub(1)) {
            (Ended::InOrder, _) => {}
            (Ended::Lost | Ended::Fruitless, Some(left)) => self.budget = left,
            (Ended::Lost | Ended::Fruitless, None) | (Ended::Cancelled, _) => {
                self.given_up += 1;
            }
        }
        self.pools[pool].fruitless += u32::from(how == Ended::Fruitless);
        self.pause.begin(now);
    }

    /// None can be started in a pool just now; returns when that is tried again.
    pub fn put_off(&mut self, now: Timestamp, pool: usize) -> Timestamp {
        self.pools[pool].pause.begin(now);
        self.pools[pool].pause.until
    }

    /// Nothing is started in a pool any more, unless somebody asks for it.
    pub fn give_up(&mut self, pool: usize) {
        self.pools[pool].stopped = true;
    }

    /// How many are missing, and will be started, where so many of each pool are there or on their way.
    pub fn missing(&self, there: &[u32]) -> u32 {
        let room = self.rooms(there).fold(0, |sum: u32, (_, room)| sum.saturating_add(room));
        self.target.saturating_sub(self.given_up).saturating_sub(there.iter().sum()).min(room)
    }

    /// When some of those that are missing may be started.
    pub fn not_before(&self, there: &[u32]) -> Option<Timestamp> {
        let with_room = self.rooms(there).filter(|&(_, room)| room > 0);
        with_room.map(|(pool, _)| pool.pause.until.max(self.pause.until)).min()
    }

    /// How many of `workers` may be started now, in which pools.
    pub fn place(&self, now: Timestamp, there: &[u32], workers: u32) -> Vec<(usize, u32)> {
        let may = |pool: &Pool| pool.pause.until.max(self.pause.until) <= now;
        let rooms = self.rooms(there).map(|(pool, room)| if may(pool) { room } else { 0 });
        let shares = share(workers, rooms).into_iter().enumerate();
        shares.filter(|&(_, workers)| workers > 0).collect()
    }

    fn rooms(&self, there: &[u32]) -> impl Iterator<Item = (&Pool, u32)> {
        self.pools.iter().zip(there).map(|(pool, &there)| (pool, pool.room(there)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: usize = 0;
    const SECOND: usize = 1;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(Duration::from_secs(seconds))
    }

    fn one(target: u32, budget: u32) -> Pools {
        Pools::new(target, budget, [u32::MAX])
    }

    #[test]
    fn losses_are_made_good_out_of_the_budget() {
        let mut pool = one(4, 2);
        let missing = [Ended::Lost, Ended::Lost, Ended::Lost].map(|how| {
            pool.ended(at(0), FIRST, how);
            pool.missing(&[3])
        });
        assert_eq!(missing, [1, 1, 0]);
    }

    #[test]
    fn workers_whose_time_was_up_are_replaced_again_and_again_and_cancelled_ones_are_not() {
        let mut pool = one(2, 0);
        for _ in 0..100 {
            pool.ended(at(0), FIRST, Ended::InOrder);
        }
        assert_eq!(pool.missing(&[1]), 1);
        pool.ended(at(0), FIRST, Ended::Cancelled);
        assert_eq!((pool.missing(&[1]), pool.missing(&[0])), (0, 1));
    }

    #[test]
    fn three_in_a_row_that_never_came_stop_it_until_somebody_asks_for_more() {
        let mut pool = one(2, 100);
        pool.ended(at(0), FIRST, Ended::Fruitless);
        pool.ended(at(0), FIRST, Ended::Fruitless);
        pool.registered(FIRST, Duration::ZERO);
        pool.ended(at(0), FIRST, Ended::Fruitless);
        pool.ended(at(0), FIRST, Ended::Fruitless);
        assert_eq!(pool.missing(&[0]), 2);
        pool.ended(at(0), FIRST, Ended::Fruitless);
        assert_eq!(pool.missing(&[0]), 0);
        pool.scale(at(5), 3);
        assert_eq!((pool.missing(&[0]), pool.not_before(&[0])), (3, Some(at(5))));
    }

    #[test]
    fn worker_is_replaced_as_long_before_its_end_as_the_last_one_waited_and_not_in_its_first_half() {
        let mut pool = one(1, 0);
        let hour = Duration::from_secs(3600);
        assert_eq!(pool.lead(FIRST, hour), FIRST_PAUSE);
        pool.registered(FIRST, hour / 4);
        assert_eq!((pool.lead(FIRST, hour), pool.lead(FIRST, hour / 4)), (hour / 4, hour / 8));
    }

    #[test]
    fn pauses_grow_until_a_worker_registers() {
        let mut pool = one(1, 100);
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pool.ended(now, FIRST, Ended::Lost);
            pool.ended(now, FIRST, Ended::Lost);
            pauses.push((pool.pause.until - now).as_secs());
            now = pool.pause.until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        pool.registered(FIRST, Duration::ZERO);
        pool.ended(now, FIRST, Ended::Lost);
        assert_eq!(pool.pause.until - now, FIRST_PAUSE);
    }

    #[test]
    fn pools_are_filled_in_order_and_what_one_does_not_take_falls_to_the_next() {
        let mut pools = Pools::new(5, 10, [2, 4]);
        assert_eq!(pools.place(at(0), &[0, 0], 5), [(FIRST, 2), (SECOND, 3)]);
        assert_eq!((pools.missing(&[1, 3]), pools.place(at(0), &[1, 3], 1)), (1, vec![(FIRST, 1)]));
        assert_eq!(pools.put_off(at(0), FIRST), at(1));
        assert_eq!(pools.place(at(0), &[0, 3], 2), [(SECOND, 1)], "the first one takes none just now");
        assert_eq!(pools.not_before(&[0, 4]), Some(at(1)));
        pools.give_up(FIRST);
        assert_eq!(
            (pools.missing(&[0, 3]), pools.missing(&[0, 4])),
            (1, 0),
            "there is no more room than that"
        );
        assert_eq!(pools.not_before(&[0, 4]), None);
    }

    #[test]
    fn pool_whose_workers_never_come_closes_alone() {
        let mut pools = Pools::new(4, 10, [4, 4]);
        for _ in 0..3 {
            pools.ended(at(0), FIRST, Ended::Fruitless);
        }
        assert_eq!(pools.place(at(60), &[1, 0], 3), [(SECOND, 3)]);
    }

    proptest::proptest! {
        #[test]
        fn no_pool_is_given_more_than_it_holds_and_no_worker_is_forgotten(
            target in 0_u32..100,
            pools in proptest::collection::vec((0_u32..50, 0_u32..50), 1..5),
        ) {
            let (maxima, there): (Vec<u32>, Vec<u32>) = pools.into_iter().unzip();
            let pools = Pools::new(target, 0, maxima.clone());
            let missing = pools.missing(&there);
            let placed = pools.place(at(0), &there, missing);
            for &(pool, workers) in &placed {
                proptest::prop_assert!(workers > 0 && there[pool] + workers <= maxima[pool]);
            }
            proptest::prop_assert_eq!(placed.iter().map(|(_, workers)| workers).sum::<u32>(), missing);
        }
    }
}
