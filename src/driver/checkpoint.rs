//! What a driver must know to go on where another one ended: done ranges, one partial, finished stages. And when
//! it is written down.

use crate::array::Target;
use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Timestamp;
use crate::plan::{Extent, Finished, Gathered, Identity, Plan};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::Duration;

/// From one checkpoint to the next it takes at least this long ..
const INTERVAL: Duration = Duration::from_secs(1);
/// .. and so many times as long as writing the last one took.
const SHARE: u32 = 50;
/// A write that takes longer than this is told of.
const SLOW: Duration = Duration::from_secs(10);
/// Bytes of a checkpoint at most, as the codec must be told. What is in one is bounded by the plan.
const LIMIT: u64 = 1 << 40;

/// The state of a computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What is computed.
    pub identity: Identity,
    /// The files that are written, as far as they are.
    pub targets: Vec<Target>,
    /// The size of the array that the run is of, where that can be another one.
    pub extent: Option<Extent>,
    /// What the stages that are done have made.
    pub finished: Finished,
    /// The stage that runs, where one does.
    pub running: Option<Counted>,
}

/// The tasks of a stage that have been counted, and what they have come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Ascending ranges that do not touch.
    pub tasks: Vec<Range<u64>>,
    /// What they have come to.
    pub gathered: Gathered,
}

impl Checkpoint {
    /// From bytes. Whether it belongs to a plan is seen when that is computed.
    pub fn decode(bytes: &[u8]) -> Result<Checkpoint> {
        codec::decode(bytes, LIMIT).map_err(|error| {
            Error::refused("the checkpoint is of another version of squall").cause(error.to_string())
        })
    }

    /// Where a plan begins that extends the one whose last checkpoint this is.
    pub fn extended_by(self, plan: &Plan) -> Checkpoint {
        let gathered = self.running.map(|counted| counted.gathered);
        let running = gathered.map(|gathered| Counted { tasks: Vec::new(), gathered });
        Checkpoint { identity: plan.identity(), extent: plan.extent(), running, ..self }
    }
}

/// A checkpoint as it is written, of parts that stay where they are.
#[derive(Serialize)]
pub(super) struct Parts<'a, G: Serialize> {
    pub(super) identity: &'a Identity,
    pub(super) targets: &'a [Target],
    pub(super) extent: Option<Extent>,
    pub(super) finished: &'a Finished,
    pub(super) running: Option<(Vec<Range<u64>>, G)>,
}

impl<G: Serialize> Parts<'_, G> {
    /// As the bytes of a [`Checkpoint`].
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        codec::encode(self, LIMIT).map_err(|error| {
            Error::new(ErrorKind::Internal, "cannot encode the checkpoint").cause(error.to_string())
        })
    }
}

/// When the state is written down.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Runs that end before this are not worth one.
    from: Timestamp,
    /// Not before this.
    due: Timestamp,
    /// Whether anything has changed since the last one.
    changed: bool,
    /// Since when one is being written.
    writing: Option<Timestamp>,
    told: bool,
    /// Whether the last one could not be written.
    failing: bool,
}

impl Schedule {
    /// One whose first checkpoint is due at `due`.
    pub(super) fn from(due: Timestamp) -> Schedule {
        Schedule { from: due, due, ..Schedule::default() }
    }

    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// Whether what is done by now has taken so long that it is worth a last one.
    pub(super) fn is_worth_a_last(&self, now: Timestamp) -> bool {
        self.from <= now
    }

    /// Whether to write now.
    pub(super) fn begin(&mut self, now: Timestamp, at_once: bool) -> bool {
        let begins = self.changed && self.writing.is_none() && (at_once || self.due <= now);
        if begins {
            (self.changed, self.writing) = (false, Some(now));
        }
        begins
    }

    /// The one that was being written is written.
    pub(super) fn written(&mut self, now: Timestamp) {
        self.failing = false;
        if let Some(began) = self.writing.take() {
            self.due = now + INTERVAL.max((now - began).saturating_mul(SHARE));
        }
    }

    /// The one that was being written cannot be; returns whether that is new.
    pub(super) fn failed(&mut self, now: Timestamp) -> bool {
        let new = !self.failing;
        self.written(now);
        (self.changed, self.failing) = (true, true);
        new
    }

    /// Whether a write takes so long that it is to be told of; true once.
    pub(super) fn is_slow(&mut self, now: Timestamp) -> bool {
        let slow = !self.told && self.writing.is_some_and(|began| began + SLOW <= now);
        self.told |= slow;
        slow
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        match self.writing {
            Some(began) => (!self.told).then_some(began + SLOW),
            None => self.changed.then_some(self.due),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp(Duration::from_millis(milliseconds))
    }

    #[test]
    fn nothing_is_written_before_it_is_due_or_while_nothing_changes() {
        let mut schedule = Schedule::from(at(1000));
        assert_eq!((schedule.begin(at(2000), false), schedule.next()), (false, None));
        schedule.changed();
        assert_eq!((schedule.begin(at(999), false), schedule.next()), (false, Some(at(1000))));
        assert!(schedule.begin(at(1000), false));
        schedule.changed();
        assert!(!schedule.begin(at(3000), true), "one at a time");
    }

    #[test]
    fn writing_takes_a_fiftieth_of_the_time_at_most() {
        let mut schedule = Schedule::from(at(0));
        schedule.changed();
        assert!(schedule.begin(at(10), false));
        schedule.changed();
        schedule.written(at(110));
        assert_eq!(schedule.next(), Some(at(110 + 5000)));
        assert!(schedule.begin(at(110), true), "unless it is the last chance");
    }

    #[test]
    fn failing_write_is_told_once_and_tried_again() {
        let mut schedule = Schedule::from(at(0));
        schedule.changed();
        assert!(schedule.begin(at(0), false) && schedule.failed(at(10)));
        assert_eq!(schedule.next(), Some(at(1010)));
        assert!(schedule.begin(at(1010), false) && !schedule.failed(at(1020)));
        assert!(schedule.begin(at(2020), false));
        schedule.written(at(2030));
        schedule.changed();
        assert!(schedule.begin(at(4000), false) && schedule.failed(at(4010)), "it is news again");
    }

    #[test]
    fn slow_write_is_told_once() {
        let mut schedule = Schedule::from(at(0));
        schedule.changed();
        assert!(schedule.begin(at(0), false) && !schedule.is_slow(at(9_999)));
        assert_eq!(schedule.next(), Some(at(10_000)));
        assert!(schedule.is_slow(at(10_000)) && !schedule.is_slow(at(60_000)));
        assert_eq!(schedule.next(), None);
    }
}
