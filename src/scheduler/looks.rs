//! When to ask Slurm about jobs: soon after something happened, then ever less often, never without need.

use crate::event::Timestamp;
use std::time::Duration;

/// Seconds between one look and the next while workers are awaited. Sites ask users not to look every few
/// seconds, and a user who waits for hours does not need it.
const INTERVALS: [u64; 6] = [2, 5, 10, 20, 40, 60];

/// The plan of looks at the queue.
#[derive(Debug, Default)]
pub struct Looks {
    next: Option<Timestamp>,
    step: usize,
}

impl Looks {
    /// Something happened: look soon, then ever less often.
    pub fn restart(&mut self, now: Timestamp) {
        self.step = 0;
        self.next = Some(now + Duration::from_secs(INTERVALS[0]));
    }

    /// Whether to look now. `needed` says whether anything about jobs is yet to be learnt.
    pub fn due(&mut self, now: Timestamp, needed: bool) -> bool {
        if !needed {
            self.next = None;
        }
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        self.step = (self.step + 1).min(INTERVALS.len() - 1);
        self.next = Some(now + Duration::from_secs(INTERVALS[self.step]));
        true
    }

    /// When to ask [`Looks::due`] again.
    pub fn next(&self) -> Option<Timestamp> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rare_and_end_when_nothing_is_needed() {
        let mut looks = Looks::default();
        looks.restart(Timestamp::default());
        let mut at = Vec::new();
        while let Some(now) = looks.next().filter(|now| now.0.as_secs() < 300) {
            assert!(looks.due(now, true));
            at.push(now.0.as_secs());
        }
        assert_eq!(at, [2, 7, 17, 37, 77, 137, 197, 257]);
        assert!(!looks.due(looks.next().expect("planned"), false));
        assert_eq!(looks.next(), None);
    }
}
