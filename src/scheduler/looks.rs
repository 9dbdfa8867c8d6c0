//! When to ask Slurm about jobs: every few seconds while something is about to happen, then ever less often, never
//! without need.

use crate::event::Timestamp;
use std::time::Duration;

/// The first look after something happened: what is refused at once is said at once.
const FIRST: Duration = Duration::from_secs(2);
/// Between looks while something is about to happen.
const SHORT: Duration = Duration::from_secs(5);
/// For so long after something happened more of it is likely.
const LIVELY: Duration = Duration::from_secs(60);
/// No pause is longer. Sites ask users not to look every few seconds, and one who waits for hours does not need it.
const LONGEST: Duration = Duration::from_secs(60);
/// How long Slurm knows a job after its end (MinJobAge), unless a site changes it.
const MIN_JOB_AGE: Duration = Duration::from_secs(300);

/// The plan of looks at the queue.
#[derive(Debug)]
pub struct Looks {
    next: Option<Timestamp>,
    /// When something last happened.
    since: Timestamp,
    pause: Duration,
    longest: Duration,
    /// Where pauses differ from those of other drivers.
    jitter: u64,
}

impl Looks {
    /// No looks yet. Drivers that start together look apart from each other by `jitter`, any number.
    pub fn new(jitter: u64) -> Looks {
        let mut looks =
            Looks { next: None, since: Timestamp::default(), pause: SHORT, longest: LONGEST, jitter };
        looks.min_job_age(MIN_JOB_AGE);
        looks
    }

    /// Slurm knows jobs for so long after their end: none is to be missed.
    pub fn min_job_age(&mut self, age: Duration) {
        self.longest = LONGEST.min(age / 2).max(Duration::from_secs(1));
    }

    /// Something happened: look soon, then ever less often.
    pub fn restart(&mut self, now: Timestamp) {
        self.since = now;
        self.pause = SHORT;
        let next = now + FIRST.min(self.longest);
        self.next = Some(self.next.map_or(next, |planned| planned.min(next)));
    }

    /// Whether to look now. `needed` says whether anything about jobs is yet to be learnt, and `starting` whether one
    /// runs whose worker is not there yet.
    pub fn due(&mut self, now: Timestamp, needed: bool, starting: bool) -> bool {
        if !needed {
            self.next = None;
        }
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        let lively = starting || now < self.since + LIVELY;
        self.pause = if lively { SHORT } else { 2 * self.pause }.min(LONGEST);
        self.next = Some(now + self.varied(self.pause.min(self.longest)));
        true
    }

    /// When to ask [`Looks::due`] again.
    pub fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// The pause, or up to a tenth less.
    fn varied(&mut self, pause: Duration) -> Duration {
        // Weyl's sequence, which wraps: its top bits are even enough for this.
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let thousandths = 1000 - (self.jitter >> 32) * 100 / (1 << 32);
        pause * thousandths as u32 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(looks: &mut Looks, until: u64, starting: impl Fn(u64) -> bool) -> Vec<Duration> {
        let (mut pauses, mut before) = (Vec::new(), Timestamp::default());
        while let Some(now) = looks.next().filter(|now| now.0.as_secs() < until) {
            assert!(looks.due(now, true, starting(now.0.as_secs())));
            pauses.push(now - before);
            before = now;
        }
        pauses
    }

    /// Whether the pause is that many seconds, or up to a tenth less.
    fn about(pause: Duration, seconds: f64) -> bool {
        (0.9 * seconds..=seconds).contains(&pause.as_secs_f64())
    }

    #[test]
    fn looks_become_rare_after_a_minute_and_end_when_nothing_is_needed() {
        let mut looks = Looks::new(1);
        looks.restart(Timestamp::default());
        let pauses = pauses(&mut looks, 600, |_| false);
        assert_eq!(pauses[0], FIRST);
        let lively = pauses[1..].iter().take_while(|pause| **pause <= SHORT).count();
        assert!((12..=14).contains(&lively), "{pauses:?}");
        let later = &pauses[1 + lively..];
        assert!(about(later[0], 10.0) && about(later[1], 20.0) && about(later[2], 40.0), "{pauses:?}");
        assert!(later.len() > 6 && later[3..].iter().all(|pause| about(*pause, 60.0)), "{pauses:?}");
        assert!(!looks.due(looks.next().expect("planned"), false, false));
        assert_eq!(looks.next(), None);
    }

    #[test]
    fn job_that_runs_without_its_worker_is_looked_at_every_few_seconds() {
        let mut looks = Looks::new(2);
        looks.restart(Timestamp::default());
        let pauses = pauses(&mut looks, 300, |now| now < 200);
        assert!(pauses[1..36].iter().all(|pause| about(*pause, 5.0)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause > 2 * SHORT), "{pauses:?}");
    }

    #[test]
    fn no_pause_is_longer_than_half_the_time_for_which_ended_jobs_are_known() {
        let mut looks = Looks::new(3);
        looks.min_job_age(Duration::from_secs(16));
        looks.restart(Timestamp::default());
        let pauses = pauses(&mut looks, 600, |_| false);
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(8)), "{pauses:?}");
    }

    #[test]
    fn drivers_that_start_together_look_apart() {
        let first = |jitter| {
            let mut looks = Looks::new(jitter);
            looks.restart(Timestamp::default());
            pauses(&mut looks, 20, |_| false)
        };
        assert_ne!(first(7), first(1 << 63));
    }
}
