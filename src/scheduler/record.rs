//! What the scheduler was told, as bytes: enough to tell it again, and see it decide the same.
//!
//! A recording begins with a line that names its format, and how many workers were waited for. Then come records: the length of
//! what follows in four bytes, least significant first; the nanoseconds since the record before, and the event. A
//! recording may be cut anywhere, as by a driver that was killed.

use crate::codec::{self, CodecError};
use crate::event::Timestamp;
use crate::scheduler::{Event, Scheduler};
use std::time::Duration;

/// The first bytes, with the number of the format.
const BEGINNING: &[u8] = b"squall-schedule-3\n";

/// A recording is no longer than this, in bytes: some fifty million leases are enough.
pub const LONGEST: u64 = 1 << 30;

/// No event is larger: the largest names the ranges that an earlier driver has counted.
const LARGEST: u64 = 64 << 20;

/// A recording, as it is made.
#[derive(Debug, Default)]
pub struct Recording {
    last: Timestamp,
}

/// A recording, as it was read.
#[derive(Debug)]
pub struct Recorded {
    /// How many workers were waited for.
    pub minimum_workers: u32,
    /// What the scheduler was told, and when.
    pub events: Vec<(Timestamp, Event)>,
    /// Bytes at the end that are no whole record.
    pub cut: usize,
}

impl Recording {
    /// The first bytes of a recording.
    pub fn beginning(minimum_workers: u32) -> Vec<u8> {
        [BEGINNING, &minimum_workers.to_le_bytes()].concat()
    }

    /// The bytes of an event; time never goes back.
    pub fn record(&mut self, now: Timestamp, event: &Event) -> Result<Vec<u8>, CodecError> {
        let since = u64::try_from((now - self.last).as_nanos()).unwrap_or(u64::MAX);
        let body = codec::encode(&(since, event), LARGEST)?;
        self.last = now;
        Ok([&(body.len() as u32).to_le_bytes()[..], &body].concat())
    }
}

impl Recorded {
    /// Reads a recording; `None` where it is none.
    pub fn read(bytes: &[u8]) -> Option<Recorded> {
        let rest = bytes.strip_prefix(BEGINNING)?;
        let (minimum_workers, mut rest) = rest.split_first_chunk()?;
        let minimum_workers = u32::from_le_bytes(*minimum_workers);
        let (mut events, mut now) = (Vec::new(), Timestamp::default());
        while let Some((since, event, after)) = first(rest) {
            now = now + since;
            events.push((now, event));
            rest = after;
        }
        Some(Recorded { minimum_workers, events, cut: rest.len() })
    }
}

impl Scheduler {
    /// Whether it can be told this now. A driver tells nothing else; a recording may be anybody's.
    pub fn can_be_told(&self, event: &Event) -> bool {
        match event {
            Event::Begin { tasks, done, .. } => {
                let apart = done.windows(2).all(|pair| pair[0].end < pair[1].start);
                let within = done.iter().all(|range| range.start < range.end && range.end <= *tasks);
                self.stage.is_none() && apart && within
            }
            Event::Registered { worker, .. } => !self.workers.contains_key(worker),
            _ => true,
        }
    }
}

/// The first record, and what follows it.
fn first(bytes: &[u8]) -> Option<(Duration, Event, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (since, event): (u64, Event) = codec::decode(body, LARGEST).ok()?;
    Some((Duration::from_nanos(since), event, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::{LeaseId, WorkerId};

    fn events() -> Vec<(Timestamp, Event)> {
        let (worker, lease) = (WorkerId(3000), LeaseId(1_000_000));
        let at = |milliseconds| Timestamp(Duration::from_millis(milliseconds));
        vec![
            (at(2), Event::Registered { worker, threads: 8, left: Some(Duration::from_secs(270)) }),
            (at(2), Event::Begin { tasks: 1 << 40, most: 4096, done: vec![5..7, 9..10] }),
            (
                at(1002),
                Event::Answered { worker, lease, finished: 4000, took: Duration::from_micros(998_765) },
            ),
            (at(1500), Event::Tick),
        ]
    }

    fn recording() -> Vec<u8> {
        let mut recording = Recording::default();
        let mut bytes = Recording::beginning(2);
        for (now, event) in events() {
            bytes.extend(recording.record(now, &event).expect("small"));
        }
        bytes
    }

    #[test]
    fn what_is_recorded_is_read() {
        let read = Recorded::read(&recording()).expect("a recording");
        assert_eq!((read.minimum_workers, read.events, read.cut), (2, events(), 0));
    }

    #[test]
    fn recording_may_be_cut_anywhere() {
        let whole = recording();
        for end in BEGINNING.len() + 4..whole.len() {
            let read = Recorded::read(&whole[..end]).expect("its beginning is there");
            assert!(events().starts_with(&read.events) && read.events.len() < events().len());
        }
        assert!(Recorded::read(b"something else").is_none());
    }

    #[test]
    fn lease_is_recorded_in_a_few_bytes() {
        let mut recording = Recording::default();
        let (now, event) = events().remove(2);
        assert!(recording.record(now, &event).expect("small").len() <= 30);
    }
}
