//! How many workers there are to be, and when those that are missing are started.
//!
//! A worker whose time was up is replaced without further ado. One that was lost is replaced out of a budget, so that
//! what kills workers does not do so for ever; one that somebody cancelled is not replaced, because somebody wants it
//! gone; and when several in a row ended before they registered, no more are started. Between two starts lies a
//! pause that grows until a worker registers.

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

/// The workers that there are to be.
#[derive(Debug)]
pub struct Pool {
    target: u32,
    /// Those of them that have ended and are not replaced.
    given_up: u32,
    /// Nothing is started before somebody asks for it.
    stopped: bool,
    /// Losses that are still made good.
    budget: u32,
    /// Workers in a row that ended before they registered.
    fruitless: u32,
    pause: Duration,
    not_before: Timestamp,
    /// How long the last worker that came had waited to be started.
    wait: Duration,
}

impl Pool {
    /// A pool of `target` workers that makes good so many losses.
    pub fn new(target: u32, budget: u32) -> Pool {
        let not_before = Timestamp::default();
        Pool {
            target,
            given_up: 0,
            stopped: false,
            budget,
            fruitless: 0,
            pause: FIRST_PAUSE,
            not_before,
            wait: FIRST_PAUSE,
        }
    }

    /// How many workers there are to be.
    pub fn target(&self) -> u32 {
        self.target
    }

    /// From now on there are to be so many workers, on somebody's word: they come at once, whatever became of others.
    pub fn scale(&mut self, now: Timestamp, target: u32) {
        if target > self.target.saturating_sub(self.given_up) {
            self.not_before = now;
            self.fruitless = 0;
        }
        (self.given_up, self.stopped) = (0, false);
        self.target = target;
    }

    /// From now on so many workers are worth having.
    pub fn adapt(&mut self, target: u32) {
        self.target = target;
    }

    /// A worker is there, after it had waited for so long: what was wrong is over.
    pub fn registered(&mut self, wait: Duration) {
        self.fruitless = 0;
        self.pause = FIRST_PAUSE;
        self.wait = wait.max(FIRST_PAUSE);
    }

    /// How long the last worker that came had waited to be started, a second at the least.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// How long before its end a worker is replaced that may stay for `left` from its start on: so that the other one is
    /// there when it leaves, but not before half its time.
    pub fn lead(&self, left: Duration) -> Duration {
        self.wait.min(left / 2)
    }

    /// A worker has ended.
    pub fn ended(&mut self, now: Timestamp, how: Ended) {
        match (how, self.budget.checked_sub(1)) {
            (Ended::InOrder, _) => {}
            (Ended::Lost | Ended::Fruitless, Some(left)) => self.budget = left,
            (Ended::Lost | Ended::Fruitless, None) | (Ended::Cancelled, _) => {
                self.given_up += 1;
            }
        }
        self.fruitless += u32::from(how == Ended::Fruitless);
        self.put_off(now);
    }

    /// None can be started just now.
    pub fn put_off(&mut self, now: Timestamp) {
        if self.not_before <= now {
            self.not_before = now + self.pause;
            self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        }
    }

    /// Nothing is started any more, unless somebody asks for it.
    pub fn give_up(&mut self) {
        self.stopped = true;
    }

    /// How many are missing, and will be started, where so many are there or on their way.
    pub fn missing(&self, there: u32) -> u32 {
        if self.stopped || self.fruitless >= MOST_FRUITLESS {
            return 0;
        }
        self.target.saturating_sub(self.given_up).saturating_sub(there)
    }

    /// When those that are missing may be started.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(Duration::from_secs(seconds))
    }

    #[test]
    fn losses_are_made_good_out_of_the_budget() {
        let mut pool = Pool::new(4, 2);
        let missing = [Ended::Lost, Ended::Lost, Ended::Lost].map(|how| {
            pool.ended(at(0), how);
            pool.missing(3)
        });
        assert_eq!(missing, [1, 1, 0]);
    }

    #[test]
    fn workers_whose_time_was_up_are_replaced_again_and_again_and_cancelled_ones_are_not() {
        let mut pool = Pool::new(2, 0);
        for _ in 0..100 {
            pool.ended(at(0), Ended::InOrder);
        }
        assert_eq!(pool.missing(1), 1);
        pool.ended(at(0), Ended::Cancelled);
        assert_eq!((pool.missing(1), pool.missing(0)), (0, 1));
    }

    #[test]
    fn three_in_a_row_that_never_came_stop_it_until_somebody_asks_for_more() {
        let mut pool = Pool::new(2, 100);
        pool.ended(at(0), Ended::Fruitless);
        pool.ended(at(0), Ended::Fruitless);
        pool.registered(Duration::ZERO);
        pool.ended(at(0), Ended::Fruitless);
        pool.ended(at(0), Ended::Fruitless);
        assert_eq!(pool.missing(0), 2);
        pool.ended(at(0), Ended::Fruitless);
        assert_eq!(pool.missing(0), 0);
        pool.scale(at(5), 3);
        assert_eq!((pool.missing(0), pool.not_before()), (3, at(5)));
    }

    #[test]
    fn worker_is_replaced_as_long_before_its_end_as_the_last_one_waited_and_not_in_its_first_half() {
        let mut pool = Pool::new(1, 0);
        let hour = Duration::from_secs(3600);
        assert_eq!(pool.lead(hour), FIRST_PAUSE);
        pool.registered(hour / 4);
        assert_eq!((pool.lead(hour), pool.lead(hour / 4)), (hour / 4, hour / 8));
    }

    #[test]
    fn pauses_grow_until_a_worker_registers() {
        let mut pool = Pool::new(1, 100);
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pool.ended(now, Ended::Lost);
            pool.ended(now, Ended::Lost);
            pauses.push((pool.not_before() - now).as_secs());
            now = pool.not_before();
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        pool.registered(Duration::ZERO);
        pool.ended(now, Ended::Lost);
        assert_eq!(pool.not_before() - now, FIRST_PAUSE);
    }
}
