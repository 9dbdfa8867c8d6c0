//! How many workers there are: those that are missing are started, those that are too many are sent away, and a run
//! that nobody is left to do fails.

use crate::driver::core::{Core, Output};
use crate::error::Error;
use crate::event::{RunEvent, Timestamp};
use crate::launch::Order;
use crate::scheduler;

impl Core {
    /// Counts the workers. Fails what is computed where too few are there, can still come, or are to be started.
    pub(super) fn check_hope(&mut self) {
        self.missing = self.roster.missing(&self.pool);
        let computing = self.computation.is_some() && self.closing.is_none();
        if let Some(error) = self.roster.hopeless().filter(|_| computing && self.missing == 0) {
            self.fail(error);
        }
    }

    /// Whether those that are missing are to be started, once it is time.
    pub(super) fn starts_missing(&self) -> bool {
        self.missing > 0 && self.closing.is_none() && self.failure.is_none() && self.scheduler.waiting() > 0
    }

    /// Starts workers in place of those that have ended, no more than have something to do.
    pub(super) fn start_missing(&mut self, now: Timestamp) {
        if !self.starts_missing() || now < self.pool.not_before() {
            return;
        }
        let useful = self.scheduler.waiting().saturating_sub(self.roster.coming().into());
        let workers = u64::from(self.missing).min(useful) as u32;
        // Counted anew when something has come of it.
        self.missing = 0;
        if workers > 0 {
            let text = match workers {
                1 => "another worker is started".to_owned(),
                workers => format!("{workers} more workers are started"),
            };
            self.tell(RunEvent::Notice { text });
            self.start(workers);
        }
    }

    /// From now on there are to be so many workers.
    pub(super) fn scale(&mut self, now: Timestamp, workers: u32) {
        if self.closing.is_some() || self.failure.is_some() {
            return;
        }
        self.pool.scale(now, workers);
        let (keys, drained) = self.roster.choose(workers, |worker| self.scheduler.leases(worker).len());
        if !keys.is_empty() {
            self.outputs.push(Output::Order(Order::Withdraw { keys }));
            self.looks.restart(now);
        }
        drained.into_iter().for_each(|worker| self.schedule(now, scheduler::Event::Drain { worker }));
        self.check_hope();
        let missing = std::mem::take(&mut self.missing);
        if missing > 0 {
            self.start(missing);
        }
    }

    fn start(&mut self, workers: u32) {
        self.roster.order(workers);
        self.outputs.push(Output::Order(Order::Start { workers }));
    }

    /// What cannot be started now is tried again after a while.
    pub(super) fn put_off(&mut self, now: Timestamp, workers: u32, error: &Error) {
        self.roster.not_started(workers);
        self.pool.put_off(now);
        let pause = (self.pool.not_before() - now).as_secs();
        let causes = error.causes().join(", ");
        let text = format!("{workers} workers cannot be started yet, next try in {pause} s: {causes}");
        self.tell(RunEvent::Notice { text });
        self.check_hope();
    }

    /// The run goes on with those that are there, if that is enough.
    pub(super) fn not_started(&mut self, error: Error) {
        self.roster.none_follow();
        self.pool.give_up();
        self.missing = 0;
        if self.roster.suffices() {
            let causes = error.causes().join(", ");
            let text = format!("no more workers can be started: {}: {causes}", error.what());
            self.tell(RunEvent::Notice { text });
        } else {
            self.fail(error);
        }
    }
}
