//! How many workers are worth having: as many as there is work for that is worth their wait in the queue.

use crate::event::Timestamp;
use std::time::Duration;

/// A worker is worth asking for when there is this much work for it, at the least.
const WORTHWHILE: Duration = Duration::from_secs(10);
/// More is asked for no more often than this.
const PAUSE: Duration = Duration::from_secs(1);
/// Workers that have nothing to do stay for so long: another computation may follow.
const IDLE: Duration = Duration::from_secs(10);

/// What there is to do, and who is there to do it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Tasks that are not done.
    pub tasks: u64,
    /// How long one worker would take for them; none as long as no worker has been measured.
    pub of_one: Option<Duration>,
    /// Workers that have come.
    pub here: u32,
    /// Workers that there are to be so far.
    pub target: u32,
    /// How long the last one that came had waited to be started.
    pub wait: Duration,
}

/// A number of workers that follows the work.
#[derive(Debug)]
pub struct Adapt {
    minimum: u32,
    maximum: u32,
    next: Timestamp,
    /// Since when fewer would do than are there.
    idle_since: Option<Timestamp>,
}

impl Adapt {
    /// Between `minimum` and `maximum` workers.
    pub fn new(now: Timestamp, minimum: u32, maximum: u32) -> Adapt {
        Adapt { minimum, maximum: maximum.max(minimum), next: now, idle_since: None }
    }

    /// When to ask [`Adapt::target`] again.
    pub fn next(&self) -> Timestamp {
        self.next
    }

    /// How many workers there are to be. Each has at least twice as much to do as it has waited; whoever is there
    /// stays while there is a task for it, and for a while after that.
    pub fn target(&mut self, now: Timestamp, work: Work) -> u32 {
        self.next = now + PAUSE;
        let share = WORTHWHILE.max(2 * work.wait);
        let worthwhile = match work.of_one {
            Some(whole) => (whole.as_secs_f64() / share.as_secs_f64()).ceil() as u64,
            // The first are measured before others are asked for.
            None => u64::from(work.target.max(1)),
        };
        let busy = u64::from(work.here).min(work.tasks);
        let wanted =
            worthwhile.min(work.tasks).max(busy).clamp(self.minimum.into(), self.maximum.into()) as u32;
        if wanted >= work.here {
            self.idle_since = None;
            return wanted;
        }
        let since = *self.idle_since.get_or_insert(now);
        if since + IDLE > now {
            // Those that only wait for their start are not needed, and those that are about to leave not called back.
            return work.here.min(work.target).clamp(wanted, self.maximum);
        }
        self.idle_since = None;
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(Duration::from_secs(seconds))
    }

    fn work(tasks: u64, of_one: Option<Duration>, here: u32, wait: Duration) -> Work {
        Work { tasks, of_one, here, target: here.max(1), wait }
    }

    #[test]
    fn more_are_asked_for_when_the_first_was_measured_and_each_has_work_for_twice_its_wait() {
        let mut adapt = Adapt::new(at(0), 1, 50);
        assert_eq!(adapt.target(at(0), work(1000, None, 0, Duration::ZERO)), 1);
        assert_eq!(adapt.target(at(1), work(1000, Some(60 * MINUTE), 1, Duration::from_secs(1))), 50);
        assert_eq!(adapt.target(at(2), work(1000, Some(60 * MINUTE), 1, MINUTE)), 30);
        assert_eq!(adapt.target(at(3), work(1000, Some(MINUTE), 1, Duration::ZERO)), 6);
        assert_eq!(adapt.target(at(4), work(3, Some(60 * MINUTE), 1, MINUTE)), 3, "no more than tasks");
    }

    #[test]
    fn whoever_is_there_stays_while_there_are_tasks_and_a_while_longer() {
        let mut adapt = Adapt::new(at(0), 2, 50);
        assert_eq!(adapt.target(at(0), work(40, Some(MINUTE / 60), 30, MINUTE)), 30);
        assert_eq!(adapt.target(at(1), work(10, Some(MINUTE / 60), 30, MINUTE)), 30);
        assert_eq!(adapt.target(at(11), work(5, Some(MINUTE / 60), 30, MINUTE)), 5);
        assert_eq!(adapt.target(at(12), work(0, None, 5, MINUTE)), 5);
        assert_eq!(adapt.target(at(13), work(8, None, 5, MINUTE)), 5, "there is work again");
        assert_eq!(adapt.target(at(14), work(0, None, 5, MINUTE)), 5);
        assert_eq!(adapt.target(at(24), work(0, None, 5, MINUTE)), 2);
    }

    proptest::proptest! {
        #[test]
        fn limits_hold_whatever_the_work(
            (minimum, more) in (0_u32..100, 0_u32..100),
            (tasks, here) in (0_u64..1_000_000, 0_u32..300),
            whole in proptest::option::of(0_u64..1_000_000_000),
            (wait, now) in (0_u64..1_000_000, 0_u64..100),
        ) {
            let mut adapt = Adapt::new(at(0), minimum, minimum + more);
            let of_one = whole.map(Duration::from_secs);
            let wait = Duration::from_secs(wait);
            let target = adapt.target(at(now), work(tasks, of_one, here, wait));
            proptest::prop_assert!((minimum..=minimum + more).contains(&target));
        }
    }
}
