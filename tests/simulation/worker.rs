//! A worker's process as the driver meets it: it finds its driver, computes leases in turn, reconnects, drains,
//! leaves. It says what `src/worker` says, at the pace of a virtual clock.

use crate::faults::Fault;
use crate::mutation::Mutation;
use crate::network::{Item, Side};
use crate::wire;
use crate::world::{Happening, SECOND, World};
use rand::RngExt;
use squall::protocol::{FromWorker, HEARTBEAT_SECONDS, Registration, ToWorker};
use std::collections::VecDeque;

/// From one attempt to reach the driver to the next.
const AGAIN: u64 = SECOND / 2;
/// How long an address may refuse.
const REFUSED: u64 = 5 * SECOND;
/// How long one that was told to end waits for the driver.
const HAND_IN: u64 = 2 * SECOND;

/// How long before its job's walltime is over a worker leaves.
const EARLY: u64 = 30 * SECOND;

#[derive(Debug, Clone)]
struct Lease {
    id: u64,
    stage: usize,
    first: u64,
    end: u64,
}

pub(crate) struct Worker {
    pub(crate) job: usize,
    /// The driver whose address it has read.
    life: usize,
    /// Microseconds a task.
    pub(crate) pace: u64,
    threads: u32,
    born: u64,
    pub(crate) alive: bool,
    /// It has said that it leaves, or is about to end for want of a driver.
    pub(crate) leaves: bool,
    pub(crate) stopped_until: u64,
    pub(crate) connection: Option<usize>,
    stage: Option<usize>,
    leases: VecDeque<Lease>,
    started: u64,
    generation: u64,
    /// Until when it looks for its driver.
    deadline: u64,
    refused_since: Option<u64>,
    leave_by: Option<u64>,
    /// When it should have handed in what it has: half a minute before its job's walltime is over.
    end: Option<u64>,
    /// When half of what it first said that it has left is over.
    half: Option<u64>,
    /// Connections so far.
    pub(crate) sessions: u32,
    /// What it has come to while it was not connected.
    unsent: VecDeque<FromWorker>,
    /// Its last answers, which it may give again over another connection.
    answers: VecDeque<FromWorker>,
}

impl Worker {
    /// Whether its time is limited, and half of what it first said of it is over.
    pub(crate) fn is_past_half(&self, now: u64) -> bool {
        self.half.is_some_and(|half| half <= now)
    }
}

impl World {
    pub(crate) fn start_worker(&mut self, job: usize) {
        let pace = self.rng.random_range(SECOND / 50..SECOND);
        let limited = self.strikes(Fault::Walltime);
        let end = limited.then(|| self.now + EARLY + self.rng.random_range(0..120 * SECOND));
        end.into_iter().for_each(|end| self.at(end, Happening::TimeIsUp { job }));
        let worker = Worker {
            job,
            life: self.lives.len() - 1,
            pace,
            threads: self.rng.random_range(1..3),
            born: self.now,
            alive: true,
            leaves: false,
            stopped_until: 0,
            connection: None,
            stage: None,
            leases: VecDeque::new(),
            started: self.now,
            generation: 0,
            deadline: self.now + self.death_timeout,
            refused_since: None,
            leave_by: None,
            end: end.map(|end| end - EARLY),
            half: None,
            sessions: 0,
            unsent: VecDeque::new(),
            answers: VecDeque::new(),
        };
        self.workers.push(worker);
        self.jobs[job].worker = Some(self.workers.len() - 1);
        self.later(Happening::Attempts { worker: self.workers.len() - 1 });
    }

    /// The worker tries to reach its driver.
    pub(crate) fn attempts(&mut self, number: usize) {
        let worker = &self.workers[number];
        if !worker.alive || worker.connection.is_some() {
            return;
        }
        let life = &self.lives[worker.life];
        if life.accepts() {
            return self.registers(number);
        }
        // A machine that is gone does not answer; one without the process refuses.
        let refused = life.machine_is_there;
        let worker = &mut self.workers[number];
        worker.refused_since = refused.then(|| worker.refused_since.unwrap_or(self.now));
        let refused = worker.refused_since.is_some_and(|since| since + REFUSED <= self.now);
        if refused || self.now + AGAIN >= worker.deadline {
            return self.orphaned(number);
        }
        self.after(AGAIN, Happening::Attempts { worker: number });
    }

    fn registers(&mut self, number: usize) {
        let connection = self.connect(self.workers[number].life, number);
        let worker = &mut self.workers[number];
        (worker.connection, worker.refused_since) = (Some(connection), None);
        let job = &self.jobs[worker.job];
        let unsent = worker.unsent.iter().filter_map(lease_of);
        let holds = worker.leases.iter().map(|lease| lease.id).chain(unsent).collect();
        let milliseconds_left = worker.end.map(|end| end.saturating_sub(self.now) / 1000);
        worker.half = worker.half.or(milliseconds_left.map(|left| self.now + left * 1000 / 2));
        let registration = Registration {
            host: "node".to_owned(),
            process: number as u32,
            job: Some((job.life as u64, Some(job.index))),
            threads: worker.threads,
            kernel: "portable".to_owned(),
            age_milliseconds: (self.now - worker.born) / 1000,
            milliseconds_left,
            session: worker.sessions,
            holds,
            findings: Default::default(),
        };
        worker.sessions += 1;
        self.say(number, FromWorker::Register(registration));
        self.after(HEARTBEAT_SECONDS * SECOND, Happening::WorkerBeats { worker: number, connection });
        self.after(self.death_timeout, Happening::WorkerListens { worker: number, connection });
        let unsent = std::mem::take(&mut self.workers[number].unsent);
        unsent.into_iter().for_each(|message| self.say(number, message));
        let again = std::mem::take(&mut self.workers[number].answers);
        if !again.is_empty() && self.faults.repeats(&mut self.rng, Fault::AnswersAgain) {
            again.into_iter().for_each(|answer| self.say(number, answer));
        }
    }

    fn say(&mut self, number: usize, message: FromWorker) {
        let Some(connection) = self.workers[number].connection else { return };
        if !self.send(connection, Side::Driver, wire::encode(&message)) {
            self.broken(number);
        }
    }

    pub(crate) fn worker_beats(&mut self, number: usize, connection: usize) {
        if self.workers[number].alive && self.workers[number].connection == Some(connection) {
            self.say(number, FromWorker::Heartbeat { peak_memory: 1 << 20 });
            self.after(HEARTBEAT_SECONDS * SECOND, Happening::WorkerBeats { worker: number, connection });
        }
    }

    pub(crate) fn worker_listens(&mut self, number: usize, connection: usize) {
        if !self.workers[number].alive || self.workers[number].connection != Some(connection) {
            return;
        }
        let silent_at = self.connections[connection].heard[Side::Worker as usize] + self.death_timeout;
        if silent_at <= self.now {
            return self.orphaned(number);
        }
        self.at(silent_at, Happening::WorkerListens { worker: number, connection });
    }

    /// Something arrives from the driver.
    pub(crate) fn worker_hears(&mut self, connection: usize, item: Item) {
        let number = self.connections[connection].worker;
        if !self.workers[number].alive || self.workers[number].connection != Some(connection) {
            return;
        }
        let step = self.rng.random_range(1..5000);
        match item {
            Item::Frame(frame) => {
                let message = wire::decode(&frame, step).expect("a whole frame").expect("a message");
                self.told(number, message, &frame);
            }
            Item::Broken(rest) => {
                let received = wire::decode::<ToWorker>(&rest, step);
                assert!(!matches!(received, Ok(Some(_))), "a part of a frame is taken for a message");
                self.broken(number);
            }
            Item::End => self.broken(number),
            Item::Lost => {}
        }
    }

    fn told(&mut self, number: usize, message: ToWorker, frame: &[u8]) {
        match message {
            ToWorker::Heartbeat => {}
            ToWorker::Stage(stage) => self.workers[number].stage = Some(self.works.stage(frame, stage)),
            ToWorker::Lease { lease, first, end } => {
                let stage = self.workers[number].stage.expect("the stage comes before its leases");
                assert!(first < end && end <= self.works.tasks(stage), "the stage has the tasks of a lease");
                let worker = &mut self.workers[number];
                worker.leases.push_back(Lease { id: lease, stage, first, end });
                if worker.leases.len() == 1 {
                    self.computes(number);
                }
            }
            ToWorker::Yield { lease } => self.hands_in(number, lease),
            ToWorker::Dismiss => self.leave(number),
        }
    }

    fn computes(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        worker.generation += 1;
        worker.started = self.now;
        let Some(lease) = worker.leases.front() else { return };
        let (takes, generation) = ((lease.end - lease.first) * worker.pace, worker.generation);
        self.after(takes, Happening::Computed { worker: number, generation });
    }

    pub(crate) fn computed(&mut self, number: usize, generation: u64) {
        let worker = &mut self.workers[number];
        if !worker.alive || worker.generation != generation {
            return;
        }
        let lease = worker.leases.pop_front().expect("it computed something");
        self.answer(number, &lease, lease.end - lease.first);
        self.computes(number);
    }

    fn hands_in(&mut self, number: usize, id: u64) {
        let worker = &mut self.workers[number];
        let Some(position) = worker.leases.iter().position(|lease| lease.id == id) else { return };
        let lease = worker.leases.remove(position).expect("just found");
        let computed = if position == 0 { (self.now - worker.started) / worker.pace } else { 0 };
        self.answer(number, &lease, computed.min(lease.end - lease.first));
        if position == 0 {
            self.computes(number);
        }
    }

    fn answer(&mut self, number: usize, lease: &Lease, finished: u64) {
        if self.strikes(Fault::WorkerFails) {
            self.lives[self.workers[number].life].faults += 1;
            let (lease, cause) = (Some(lease.id), "the file has changed".to_owned());
            return self.hand_over(number, FromWorker::Failed { lease, cause, defect: false });
        }
        let mut first = lease.first;
        if self.mutation == Some(Mutation::ComputesAnotherTask) && lease.end < self.works.tasks(lease.stage) {
            first += 1;
        }
        let partial = self.works.partial(lease.stage, first, first + finished);
        let (lease, microseconds) = (lease.id, finished * self.workers[number].pace);
        let answer = FromWorker::Answer { lease, finished, microseconds, partial, peak_memory: 1 << 20 };
        self.hand_over(number, answer);
    }

    /// Says what a lease has come to, once it is connected.
    fn hand_over(&mut self, number: usize, message: FromWorker) {
        let worker = &mut self.workers[number];
        if worker.connection.is_none() {
            return worker.unsent.push_back(message);
        }
        worker.answers.push_back(message.clone());
        if worker.answers.len() > 2 {
            worker.answers.pop_front();
        }
        self.say(number, message);
    }

    /// The connection is gone: the driver is looked for again, and what is held is computed meanwhile.
    fn broken(&mut self, number: usize) {
        let Some(connection) = self.workers[number].connection.take() else { return };
        self.close(connection, Side::Worker);
        let heard = self.connections[connection].heard[Side::Worker as usize];
        let worker = &mut self.workers[number];
        worker.stage = None;
        worker.deadline = heard + self.death_timeout;
        match worker.leave_by {
            Some(_) => self.orphaned(number),
            None => self.later(Happening::Attempts { worker: number }),
        }
    }

    /// The system asks it to end.
    pub(crate) fn terminates(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        if !worker.alive || worker.leave_by.is_some() {
            return;
        }
        worker.leave_by = Some(self.now + HAND_IN);
        if worker.connection.is_none() {
            return self.orphaned(number);
        }
        self.say(number, FromWorker::Drain { cause: "TERM".to_owned() });
        self.after(HAND_IN, Happening::Leaves { worker: number });
    }

    pub(crate) fn leave(&mut self, number: usize) {
        if self.workers[number].alive {
            self.say(number, FromWorker::Leave);
            self.ends(number, "COMPLETED");
        }
    }

    fn orphaned(&mut self, number: usize) {
        let life = self.jobs[self.workers[number].job].life;
        self.cancel_pending(life);
        self.leave(number);
    }

    /// The process ends in order.
    fn ends(&mut self, number: usize, word: &'static str) {
        self.workers[number].leaves = true;
        self.job_ends(self.workers[number].job, word);
    }

    /// The process is no more; its machine says so, unless it is gone too.
    pub(crate) fn worker_gone(&mut self, number: usize, silently: bool) {
        self.workers[number].alive = false;
        if let Some(connection) = self.workers[number].connection.take() {
            if silently {
                self.vanish(connection, Side::Worker);
            } else {
                self.close(connection, Side::Worker);
            }
        }
    }
}

fn lease_of(message: &FromWorker) -> Option<u64> {
    match message {
        FromWorker::Answer { lease, .. } => Some(*lease),
        FromWorker::Failed { lease, .. } => *lease,
        _ => None,
    }
}
