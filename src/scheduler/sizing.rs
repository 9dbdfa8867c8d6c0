//! How many tasks a lease has, and how long to wait for its answer.
//!
//! A lease is about a second of work at the worker's measured speed: long enough that its cost vanishes,
//! short enough that little is lost with a worker. The first one is small, because no speed is known; the
//! last ones shrink, so that all workers end together.

use std::time::Duration;

/// How long a lease should last, in seconds.
const TARGET_SECONDS: f64 = 1.0;
/// No lease is cut shorter than this, in seconds: below it the round trip would show.
const LEAST_SECONDS: f64 = 0.02;
/// Tasks for each thread in a lease to a worker of unknown speed: some milliseconds.
const FIRST_TASKS_PER_THREAD: u64 = 4;
/// A lease is overdue after this multiple of its expected time.
const PATIENCE: f64 = 3.0;
/// A lease is not overdue before this, whatever was expected.
pub(super) const LEAST_PATIENCE: Duration = Duration::from_secs(2);
/// What is expected of a lease to a worker of unknown speed, in seconds.
const UNKNOWN_SECONDS: f64 = 3.0;

/// How many tasks to give to a worker that has measured `speed` tasks a second, while `waiting` tasks wait
/// for `workers` workers.
pub(super) fn tasks(speed: Option<f64>, threads: u32, waiting: u64, workers: usize) -> u64 {
    let threads = u64::from(threads.max(1));
    let Some(speed) = speed else { return FIRST_TASKS_PER_THREAD * threads };
    let target = (speed * TARGET_SECONDS) as u64;
    let least = ((speed * LEAST_SECONDS) as u64).max(threads);
    // Half of an equal share: the rest goes out in ever smaller pieces.
    let share = waiting / (2 * workers.max(1) as u64);
    share.clamp(least, target.max(least))
}

/// The speed in tasks a second after `finished` tasks that took so long, given what was measured before.
///
/// It is the worker's own time that counts: answers may come together, after a stop of the driver or of the network.
pub(super) fn measured(before: Option<f64>, finished: u64, took: Duration) -> Option<f64> {
    if finished == 0 || took.is_zero() {
        return before;
    }
    let now = finished as f64 / took.as_secs_f64();
    Some(before.map_or(now, |before| (before + now) / 2.0))
}

/// How long after it was given a lease of `tasks` tasks is overdue, as the worker's `position`-th lease.
pub(super) fn patience(speed: Option<f64>, tasks: u64, position: usize) -> Duration {
    let expected = speed.map_or(UNKNOWN_SECONDS, |speed| tasks as f64 / speed);
    let seconds = (expected * PATIENCE * position as f64).min(86_400.0);
    LEAST_PATIENCE.max(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_about_a_second_while_much_waits() {
        assert_eq!(tasks(Some(1500.0), 4, 1_000_000, 4), 1500);
    }

    #[test]
    fn the_first_lease_is_small() {
        assert_eq!(tasks(None, 4, 1_000_000, 4), 16);
    }

    #[test]
    fn leases_shrink_towards_the_end_but_not_to_nothing() {
        let sizes: Vec<u64> = [8000, 800, 80, 8].map(|waiting| tasks(Some(1000.0), 1, waiting, 4)).into();
        assert_eq!(sizes, [1000, 100, 20, 20]);
    }

    #[test]
    fn an_answer_without_tasks_says_nothing_of_speed() {
        assert_eq!(measured(Some(5.0), 0, Duration::from_secs(1)), Some(5.0));
    }
}
