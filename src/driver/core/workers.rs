//! What workers do and say: they register, answer, fail, part, come back and are lost.

use crate::driver::cause::{Cause, Disconnect};
use crate::driver::checkpoint::Schedule;
use crate::driver::computation::Computation;
use crate::driver::core::{Core, Output};
use crate::driver::roster::{Arrived, ConnectionId, Parted};
use crate::error::{Error, ErrorKind};
use crate::event::{RunEvent, Timestamp};
use crate::launch::Key;
use crate::plan::Partial;
use crate::protocol::{FromWorker, Registration, ToWorker};
use crate::scheduler::{self, Effect, LeaseId, WorkerId};
use std::time::Duration;

/// How many tasks of a lease a worker has done, from the first, and how long it took.
struct Answered {
    lease: LeaseId,
    finished: u64,
    took: Duration,
}

impl Core {
    pub(super) fn registered(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        registration: Registration,
    ) {
        let holds = registration.holds.iter().copied().map(LeaseId).collect::<Vec<_>>();
        let (threads, left) = (registration.threads, registration.milliseconds_left);
        let (worker, new) = match self.roster.registered(connection, &registration) {
            Arrived::New(worker) => (worker, true),
            Arrived::Back(worker, before) => {
                self.outputs.extend(before.map(Output::Close));
                self.tell(RunEvent::Returned { worker: worker.0 });
                (worker, false)
            }
        };
        if new {
            if !self.roster.is_own(worker) {
                self.came(now, &Key::of(&registration), left.map(Duration::from_millis));
            }
            self.tell_of_new(now, worker, registration);
        }
        if self.closing.is_some() || self.failure.is_some() {
            return self.send(worker, ToWorker::Dismiss);
        }
        if let Some(stage) = self.computation.as_ref().and_then(Computation::stage) {
            self.outputs.push(Output::Send(connection, ToWorker::Stage(stage.clone())));
        }
        if new {
            // What it holds is from before it was given up.
            holds.iter().for_each(|lease| self.send(worker, ToWorker::Yield { lease: lease.0 }));
            let left = left.map(Duration::from_millis);
            self.schedule(now, scheduler::Event::Registered { worker, threads, left });
        } else {
            self.schedule(now, scheduler::Event::Returned { worker, holds });
        }
    }

    /// A worker has come that may stay for `left`, if that is limited.
    fn came(&mut self, now: Timestamp, key: &Key, left: Option<Duration>) {
        let pool = self.roster.pool(key);
        self.pools.registered(pool.0, self.roster.waited(now, key));
        if let Some(left) = left {
            self.roster.ends(key, now + left, self.pools.lead(pool.0, left));
        }
        if self.held_back {
            self.check_hope();
        }
    }

    fn tell_of_new(&mut self, now: Timestamp, worker: WorkerId, registration: Registration) {
        match self.roster.is_own(worker) {
            true => self.times.helped(),
            false => self.times.registered(now, Duration::from_millis(registration.age_milliseconds)),
        }
        self.tell(RunEvent::Registered {
            worker: worker.0,
            job: Key::of(&registration).0,
            host: registration.host.clone(),
            threads: registration.threads,
            kernel: registration.kernel,
            start_seconds: registration.age_milliseconds as f64 / 1000.0,
        });
        self.tell_of_findings(worker, &registration.host, registration.findings);
    }

    pub(super) fn said(&mut self, now: Timestamp, connection: ConnectionId, message: FromWorker) {
        // One that has connected anew says nothing more here that counts.
        let Some(worker) = self.roster.worker(connection) else { return };
        match message {
            FromWorker::Register(_) => {}
            FromWorker::Heartbeat { peak_memory } => self.used(worker, peak_memory),
            FromWorker::Answer { lease, finished, microseconds, partial, peak_memory } => {
                self.used(worker, peak_memory);
                let (lease, took) = (LeaseId(lease), Duration::from_micros(microseconds));
                self.answered(now, worker, Answered { lease, finished, took }, partial);
            }
            FromWorker::Drain { cause } => {
                self.tell(RunEvent::Draining { worker: worker.0, cause: cause.clone() });
                self.roster.drains(worker, Cause::Drained(cause));
                self.schedule(now, scheduler::Event::Drain { worker });
            }
            FromWorker::Failed { lease, cause, defect } => {
                let kind = if defect { ErrorKind::Internal } else { ErrorKind::System };
                let failure = with_words(Error::new(kind, format!("worker {} failed", worker.0)), &cause);
                match lease.map(LeaseId) {
                    Some(lease) => {
                        self.schedule_fault(now, scheduler::Event::Failed { worker, lease }, failure);
                    }
                    None => self.fail(failure),
                }
            }
            FromWorker::Leave => self.roster.leaves(worker),
        }
    }

    fn used(&mut self, worker: WorkerId, peak_memory: u64) {
        if !self.roster.is_own(worker) {
            self.times.peak(peak_memory);
        }
        self.roster.used(worker, peak_memory);
    }

    fn answered(&mut self, now: Timestamp, worker: WorkerId, answer: Answered, partial: Partial) {
        let Answered { lease, finished, took } = answer;
        let event = scheduler::Event::Answered { worker, lease, finished, took };
        let effects = self.scheduled(now, event);
        let counted = effects.iter().find_map(|effect| match effect {
            Effect::Accept { tasks, .. } => Some(tasks.clone()),
            _ => None,
        });
        self.tell(RunEvent::Answered {
            lease: lease.0,
            worker: worker.0,
            finished,
            counted: counted.is_some(),
        });
        if let Some(tasks) = counted {
            if !self.standstill.counted(lease, tasks.end - tasks.start) {
                let what = format!("worker {} gives back undone what it was given", worker.0);
                self.fail(Error::new(ErrorKind::Workers, what).cause("nobody had asked for it"));
                return;
            }
            self.times.answered(now);
            self.roster.useful(worker);
            let computation = self.computation.as_mut().expect("an answer counts only while one is computed");
            if let Err(error) = computation.combine(tasks, partial) {
                self.fail(error.cause(format!("worker {} sent it", worker.0)));
                return;
            }
            self.outputs.extend(computation.so_far_event(now).map(Output::Tell));
            self.outputs.push(Output::Tell(computation.progress_event()));
            self.checkpoints.iter_mut().for_each(Schedule::changed);
            self.times.elements(computation.elements_of(finished));
        }
        self.perform(now, effects);
    }

    pub(super) fn disconnected(&mut self, now: Timestamp, connection: ConnectionId, how: Disconnect) {
        // What Slurm says of it is worth knowing soon.
        self.looks.restart(now);
        match self.roster.disconnected(now, connection, how) {
            Some(Parted::Left(worker, cause)) => {
                self.tell(RunEvent::Left { worker: worker.0, cause: cause.to_string() });
                self.schedule(now, scheduler::Event::Lost { worker, blamed: false });
            }
            Some(Parted::Away(worker, how)) => {
                self.tell(RunEvent::Away { worker: worker.0, cause: how.to_string() });
                self.schedule(now, scheduler::Event::Away { worker });
            }
            Some(Parted::Lost(worker, cause)) => self.lose(now, worker, &cause),
            None => {}
        }
        self.check_hope();
    }

    /// Gives up the workers that are away and have ended, or have been away for too long.
    pub(super) fn lose_those_away(&mut self, now: Timestamp) {
        let lost = self.roster.lost(now);
        if !lost.is_empty() {
            lost.iter().for_each(|(worker, cause)| self.lose(now, *worker, cause));
            self.check_hope();
        }
    }

    /// Fails what is computed where leases are held, and nothing comes of it.
    pub(super) fn fail_where_nothing_goes_on(&mut self, now: Timestamp) {
        let computing = self.computation.is_some() && self.closing.is_none();
        if self.standstill.is_over(now, computing && self.scheduler.is_at_work()) {
            let workers = self.roster.connected().filter_map(|connection| self.roster.worker(connection));
            let holders = workers.filter(|worker| !self.scheduler.leases(*worker).is_empty());
            let held: Vec<String> = holders.map(|worker| worker.0.to_string()).collect();
            let error = Error::new(ErrorKind::Workers, "nothing has been finished for half an hour");
            let cause =
                format!("workers are there, and answer nothing of what they hold: {}", held.join(", "));
            self.fail(error.cause(cause));
        }
    }

    fn lose(&mut self, now: Timestamp, worker: WorkerId, cause: &Cause) {
        self.times.lost();
        let leases = self.scheduler.leases(worker).len() as u64;
        self.tell(RunEvent::Lost { worker: worker.0, cause: cause.to_string(), leases });
        let failure = Error::new(ErrorKind::Workers, format!("worker {} was lost", worker.0));
        let failure = cause.advise(failure.cause(cause.to_string()));
        self.schedule_fault(now, scheduler::Event::Lost { worker, blamed: cause.blames_the_work() }, failure);
    }

    /// Schedules what may be a fault of the tasks: at the limit the run fails, with this failure as the last.
    fn schedule_fault(&mut self, now: Timestamp, event: scheduler::Event, failure: Error) {
        let effects = self.scheduled(now, event);
        let given_up = effects.iter().find_map(|effect| match effect {
            Effect::GiveUp { tasks, faults } => Some((tasks.clone(), *faults)),
            _ => None,
        });
        match given_up.zip(self.computation.as_ref()) {
            Some(((tasks, faults), computation)) => {
                let stage = computation.number();
                let cause = format!("it held tasks {} to {} of stage {stage}", tasks.start, tasks.end - 1);
                self.fail(failure.cause(format!("{cause}, which have failed {faults} times")));
            }
            None => self.perform(now, effects),
        }
    }
}

/// Adds a worker's failure as it was printed.
fn with_words(error: Error, failure: &str) -> Error {
    failure.lines().fold(error, |error, line| match line.split_once(": ") {
        Some(("hint", hint)) => error.hint(hint),
        Some(("error" | "cause", cause)) => error.cause(cause),
        _ => error.cause(line.trim()),
    })
}
