//! How many workers there are: those that are missing are started, those that are too many are sent away, and a run
//! that nobody is left to do fails.

use crate::driver::cause::Cause;
use crate::driver::core::{Core, Output, closed};
use crate::error::{Error, Result};
use crate::event::{RunEvent, Timestamp};
use crate::launch::{Order, PoolId};
use crate::scheduler;
use crate::scheduler::adapt::Work;
use std::time::Duration;

impl Core {
    /// Counts the workers. Fails what is computed where too few are there, can still come, or are to be started.
    pub(super) fn check_hope(&mut self) {
        self.missing = self.roster.missing(&self.pools);
        let computing = self.computation.is_some() && self.closing.is_none();
        if let Some(error) = self.roster.hopeless().filter(|_| computing && self.missing == 0) {
            self.fail(error);
        }
    }

    /// When those that are missing are to be started, if they are.
    pub(super) fn next_start_of_missing(&self) -> Option<Timestamp> {
        let goes_on = self.closing.is_none() && self.failure.is_none() && self.scheduler.waiting() > 0;
        if self.missing == 0 || !goes_on {
            return None;
        }
        self.pools.not_before(&self.roster.there())
    }

    /// Starts workers in place of those that have ended, no more than have something to do or must be there before
    /// work begins.
    pub(super) fn start_missing(&mut self, now: Timestamp) {
        if self.next_start_of_missing().is_none_or(|at| now < at) {
            return;
        }
        let needed = self.roster.awaited().saturating_sub(self.roster.possible());
        let useful = self.scheduler.waiting().saturating_sub(self.roster.coming().into()).max(needed.into());
        let workers = u64::from(self.take_missing()).min(useful) as u32;
        for (pool, workers) in self.place(now, workers) {
            let within = self.within(pool);
            let text = match workers {
                1 => format!("another worker is started{within}"),
                workers => format!("{workers} more workers are started{within}"),
            };
            self.tell(RunEvent::Notice { text });
            self.start(pool, workers);
        }
    }

    /// The pools in which so many workers are started now. What is put off there stays missing.
    fn place(&mut self, now: Timestamp, workers: u32) -> Vec<(PoolId, u32)> {
        let placed = self.pools.place(now, &self.roster.there(), workers);
        self.missing = workers - placed.iter().map(|(_, workers)| workers).sum::<u32>();
        placed.into_iter().map(|(pool, workers)| (PoolId(pool), workers)).collect()
    }

    /// From now on there are to be so many workers, because somebody says so.
    pub(super) fn scale(&mut self, now: Timestamp, workers: u32) {
        if self.closing.is_none() && self.failure.is_none() {
            self.adapt = None;
            self.pools.scale(now, workers);
            self.have(now, workers);
        }
    }

    /// Sends away those that are too many, and starts those that are missing.
    fn have(&mut self, now: Timestamp, workers: u32) {
        let (keys, drained) = self.roster.choose(workers, |worker| self.scheduler.leases(worker).len());
        if !keys.is_empty() {
            self.outputs.push(Output::Order(Order::Withdraw { keys }));
            self.looks.restart(now);
        }
        drained.into_iter().for_each(|worker| self.schedule(now, scheduler::Event::Drain { worker }));
        self.too_many = self.roster.may_be_too_many(workers);
        self.check_hope();
        let workers = self.take_missing();
        for (pool, workers) in self.place(now, workers) {
            self.start(pool, workers);
        }
    }

    /// Sends away those that were too many before the launcher had named them, once it has named or refused all: one
    /// that is named does not go for one that then cannot be started.
    pub(super) fn send_away_those_named_since(&mut self, now: Timestamp) {
        let goes_on = self.closing.is_none() && self.failure.is_none();
        if self.too_many && goes_on && self.roster.all_are_named() {
            self.have(now, self.pools.target());
        }
    }

    /// As many of those that are missing as may wait to be started. They are counted anew when something has come of it.
    fn take_missing(&mut self) -> u32 {
        let may_wait = self.most_pending.saturating_sub(self.roster.pending());
        let missing = std::mem::take(&mut self.missing);
        self.held_back = may_wait < missing;
        missing.min(may_wait)
    }

    /// Workers whose time ends before the work is done are replaced before they leave: as early as the last one that
    /// came had to wait.
    pub(super) fn replace_those_whose_time_ends(&mut self, now: Timestamp) {
        if self.roster.next_end().is_some_and(|at| at <= now) {
            self.roster.expire(now, self.done_at(now));
            self.check_hope();
        }
    }

    /// Cancels the jobs of workers that run for long and have not registered: what is the matter with them their logs
    /// say, and others may come in their place.
    pub(super) fn give_up_those_that_do_not_come(&mut self, now: Timestamp) {
        let keys = self.roster.overdue(now);
        if keys.is_empty() {
            return;
        }
        for key in &keys {
            let text = format!("worker {key} is given up: {}", Cause::NotRegistered);
            self.tell(RunEvent::Notice { text });
        }
        self.outputs.push(Output::Order(Order::Withdraw { keys }));
        self.looks.restart(now);
    }

    /// When the stage is done, if all goes on as it does; none where nothing is known of that.
    fn done_at(&self, now: Timestamp) -> Option<Timestamp> {
        let (speed, _) = self.scheduler.speed();
        let seconds = self.scheduler.left() as f64 / speed;
        Duration::try_from_secs_f64(seconds).ok().map(|rest| now + rest)
    }

    /// Whether the number of workers follows the work, and when that is looked at.
    pub(super) fn adapts(&self) -> Option<()> {
        (self.adapt.is_some() && self.closing.is_none() && self.failure.is_none()).then_some(())
    }

    /// Has as many workers as are worth having.
    pub(super) fn adapt(&mut self, now: Timestamp) {
        let due = self.adapt.as_ref().is_some_and(|adapt| adapt.next() <= now);
        if !due || self.adapts().is_none() {
            return;
        }
        let (speed, measured) = self.scheduler.speed();
        let tasks = self.scheduler.left();
        let of_one = tasks as f64 * f64::from(measured) / speed;
        let of_one = Duration::try_from_secs_f64(of_one).ok().filter(|_| measured > 0);
        let (here, target, wait) = (self.roster.here(), self.pools.target(), self.pools.wait());
        let work = Work { tasks, of_one, here, target, wait };
        let adapted = self.adapt.as_mut().map_or(0, |adapt| adapt.target(now, work));
        let adapted = adapted.max(self.roster.awaited());
        if adapted != target {
            self.pools.adapt(adapted);
            self.have(now, adapted);
        }
    }

    /// Whether so many workers are there, or why they will not be.
    pub fn waits_for(&self, workers: u32) -> Option<Result<()>> {
        if let Some(error) = self.failure.clone().or_else(|| self.closing.as_ref().map(|_| closed())) {
            return Some(Err(error));
        }
        if self.roster.here() >= workers {
            return Some(Ok(()));
        }
        let held_back = if self.held_back { self.pools.target() } else { 0 };
        let lacking = self.roster.lacking(workers.saturating_sub(held_back));
        lacking.map(Err)
    }

    fn start(&mut self, pool: PoolId, workers: u32) {
        self.roster.order(pool, workers);
        self.outputs.push(Output::Order(Order::Start { pool, workers }));
    }

    /// What cannot be started now is tried again after a while, or at once in another pool.
    pub(super) fn put_off(&mut self, now: Timestamp, pool: PoolId, workers: u32, error: &Error) {
        self.roster.not_started(pool, workers);
        let pause = (self.pools.put_off(now, pool.0) - now).as_secs();
        let (what, causes, within) = (error.what(), error.causes().join(", "), self.within(pool));
        let text = format!(
            "{workers} workers cannot be started yet{within}, next try in {pause} s: {what}: {causes}"
        );
        self.tell(RunEvent::Notice { text });
        self.check_hope();
    }

    /// The run goes on with those that are there or come from other pools, if that is enough.
    pub(super) fn not_started(&mut self, pool: PoolId, workers: u32, error: Error) {
        self.roster.not_started(pool, workers);
        self.pools.give_up(pool.0);
        self.missing = self.roster.missing(&self.pools);
        if self.roster.suffices_with(self.missing) {
            let (causes, within) = (error.causes().join(", "), self.within(pool));
            let text = format!("no more workers can be started{within}: {}: {causes}", error.what());
            self.tell(RunEvent::Notice { text });
        } else {
            self.fail(error);
        }
    }

    /// Which pool it is, where there are several.
    fn within(&self, pool: PoolId) -> String {
        self.names[pool.0].as_ref().map_or(String::new(), |name| format!(" in pool {name}"))
    }
}
