//! When this process's job ends, and how much of the time until then can be planned with.

use crate::slurm::Allocation;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Slurm looks at time limits every half a minute.
const COARSE: Duration = Duration::from_secs(30);

/// What can be planned with of the time that a limit leaves: it ends early by Slurm's coarseness, but half of a short
/// time is not given away.
pub fn plannable(left: Duration) -> Duration {
    left.saturating_sub(COARSE.min(left / 2))
}

/// How long a job may still run: until the end that Slurm tells it, or else for what is left of its walltime after `age`.
/// `now` is this machine's; an end that is past while the job runs is of another clock.
pub fn time_left(
    allocation: Option<&Allocation>,
    walltime: Option<Duration>,
    age: Duration,
    now: SystemTime,
) -> Option<Duration> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = allocation.and_then(|allocation| allocation.end_time).map(Duration::from_secs);
    let told = end.and_then(|end| end.checked_sub(now)).filter(|left| !left.is_zero());
    told.or_else(|| walltime.map(|walltime| walltime.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn allocation(end: &str) -> Option<Allocation> {
        Allocation::from_lookup(|name| match name {
            "SLURM_JOB_ID" => Some("57".to_owned()),
            "SLURM_JOB_END_TIME" => Some(end.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn end_that_slurm_tells_comes_before_the_walltime_unless_it_is_past() {
        let now = UNIX_EPOCH + seconds(1_000_000);
        let left = |end: &str, walltime| time_left(allocation(end).as_ref(), walltime, seconds(10), now);
        assert_eq!(left("1000300", Some(seconds(60))), Some(seconds(300)));
        assert_eq!(left("999999", Some(seconds(60))), Some(seconds(50)));
        assert_eq!(left("", Some(seconds(5))), Some(Duration::ZERO));
        assert_eq!(left("4294967294000000000000", None), None);
        assert_eq!(time_left(None, None, Duration::ZERO, now), None);
    }

    #[test]
    fn half_a_minute_is_spared_but_half_of_a_short_time_is_used() {
        let planned = [3600, 60, 40, 1, 0].map(|left| plannable(seconds(left)).as_millis());
        assert_eq!(planned, [3_570_000, 30_000, 20_000, 500, 0]);
    }
}
