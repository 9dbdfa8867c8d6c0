//! Where the time of a run goes, from the moments that the driver sees.

use crate::event::{Receipt, Timestamp};
use std::time::Duration;

/// The moments of a run.
#[derive(Default)]
pub(super) struct Times {
    submitted: Option<Timestamp>,
    /// When the first registered worker's process started.
    first_process: Option<Timestamp>,
    first_lease: Option<Timestamp>,
    last_answer: Option<Timestamp>,
    closing: Option<Timestamp>,
    elements: u64,
    peak_bytes: u64,
    workers: u64,
    lost: u64,
}

impl Times {
    pub(super) fn submitted(&mut self, now: Timestamp) {
        self.submitted = Some(now);
    }

    pub(super) fn registered(&mut self, now: Timestamp, age: Duration) {
        self.workers += 1;
        self.first_process.get_or_insert(Timestamp(now - Timestamp(age)));
    }

    /// The driver computes itself, as one more worker that nobody waited for.
    pub(super) fn helped(&mut self) {
        self.workers += 1;
    }

    pub(super) fn leased(&mut self, now: Timestamp) {
        self.first_lease.get_or_insert(now);
    }

    pub(super) fn answered(&mut self, now: Timestamp) {
        self.last_answer = Some(now);
    }

    pub(super) fn closing(&mut self, now: Timestamp) {
        self.closing = Some(now);
    }

    pub(super) fn elements(&mut self, done: u64) {
        self.elements += done;
    }

    pub(super) fn peak(&mut self, bytes: u64) {
        self.peak_bytes = self.peak_bytes.max(bytes);
    }

    pub(super) fn lost(&mut self) {
        self.lost += 1;
    }

    /// The receipt at the end.
    pub(super) fn receipt(&self, now: Timestamp) -> Receipt {
        let start = Timestamp::default();
        let between = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
            (Some(from), Some(to)) => (to - from).as_secs_f64(),
            _ => 0.0,
        };
        Receipt {
            submit_seconds: between(Some(start), self.submitted),
            queue_seconds: between(self.submitted, self.first_process),
            start_seconds: between(self.first_process, self.first_lease),
            compute_seconds: between(self.first_lease, self.last_answer),
            close_seconds: between(self.closing, Some(now)),
            wall_seconds: now.0.as_secs_f64(),
            elements: self.elements,
            worker_peak_bytes: self.peak_bytes,
            workers: self.workers,
            lost: self.lost,
            // What processes are allowed and need is told to the shell.
            ..Receipt::default()
        }
    }
}
