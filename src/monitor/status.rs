//! What the events of a run come to: how far it is, and what each worker does. Events come as they happen, or from
//! the log that an earlier process wrote, which may be cut off, damaged, or of another version: what cannot be
//! read is counted and passed over.

use crate::error::{Error, Result};
use crate::event::{JobNews, Monitor, OWN_HOST, Receipt, ResultSoFar, RunEvent, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

/// What is read of a log at the most, in bytes: once it has a quarter of this, it grows slowly.
const LARGEST: u64 = 256 << 20;
/// The longest line of one, in bytes.
const LINE: u64 = 1 << 20;
/// How many leases a worker holds at a time.
const LEASES: usize = 2;
/// What a driver says that finds another one in its place.
const SUPERSEDED: &str = "another driver has taken over";

/// What a worker does, as its driver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It was started, and has not registered.
    Starting,
    /// It is there and holds nothing.
    Registered,
    /// It holds leases.
    Busy,
    /// It was asked to end, and hands in what it has.
    Draining,
    /// Its connection broke; it may come back.
    Away,
    /// It left in order.
    Left,
    /// It is given up.
    Lost,
}

impl WorkerState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkerState::Starting => "starting",
            WorkerState::Registered => "registered",
            WorkerState::Busy => "busy",
            WorkerState::Draining => "draining",
            WorkerState::Away => "away",
            WorkerState::Left => "left",
            WorkerState::Lost => "lost",
        }
    }

    /// Whether the driver counts on it.
    pub fn is_here(self) -> bool {
        !matches!(self, WorkerState::Starting | WorkerState::Left | WorkerState::Lost)
    }
}

/// A worker that has registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// `ARRAY_INDEX`, the plain job id, or the process id.
    pub job: String,
    /// The host it runs on.
    pub host: String,
    /// Its compute threads.
    pub threads: u32,
    /// What it does.
    pub state: WorkerState,
    /// Why it is away, draining, left or lost.
    pub cause: Option<String>,
    /// Tasks of it that counted, in all stages.
    pub tasks: u64,
    /// When it registered.
    pub registered: Timestamp,
    leases: BTreeSet<u64>,
    /// Tasks of the present stage.
    stage_tasks: u64,
}

/// The stage that was begun last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Its number.
    pub number: u64,
    /// Its tasks.
    pub tasks: u64,
    /// Of these, those that are done.
    pub done: u64,
    /// Its array elements.
    pub elements: u64,
    /// Whether it is over.
    pub ended: bool,
}

/// What is known of a run from its events. Each driver of a run begins anew with its workers.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// How many drivers have told something.
    pub drivers: u64,
    /// Of these, those that found another one in their place.
    pub superseded: u64,
    /// `threads`, `processes` or `slurm`.
    pub cluster: String,
    /// How many workers were asked for.
    pub asked: u32,
    /// The last driver's workers, by their numbers.
    pub workers: BTreeMap<u64, Worker>,
    /// What Slurm, or the system, last said of each job.
    pub jobs: BTreeMap<String, JobNews>,
    /// Jobs that were submitted, or processes that were started.
    pub submitted: Vec<String>,
    /// The stage that was begun last.
    pub stage: Option<Stage>,
    /// What results came to when that was last told, in the present stage.
    pub results: Vec<ResultSoFar>,
    /// The failure, as it was shown.
    pub failed: Option<String>,
    /// Why the end began.
    pub closing: Option<String>,
    /// Where the time went, once all is over.
    pub closed: Option<Receipt>,
    /// When something was last told, from the start of the last driver.
    pub last: Timestamp,
    /// Whether single leases are no longer told.
    pub is_coarse: bool,
    /// Lines of the log that could not be read.
    pub unreadable: u64,
    /// What a driver in whose place another one is still tells: of its end.
    ending_of_former: bool,
}

#[derive(Deserialize)]
struct At {
    at: f64,
}

impl Status {
    /// What the log of a run comes to.
    pub fn read(path: &Path) -> Result<Status> {
        Status::read_plain(path)
            .map_err(|error| Error::system(format!("cannot read `{}`", path.display()), &error))
    }

    fn read_plain(path: &Path) -> io::Result<Status> {
        // Opening a pipe would wait for somebody who writes.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut reader = BufReader::new(File::open(path)?).take(LARGEST);
        let (mut status, mut line) = (Status::default(), Vec::new());
        while (&mut reader).take(LINE).read_until(b'\n', &mut line)? > 0 {
            // What is being written just now is no damage.
            let is_last = line.last() != Some(&b'\n') && (line.len() as u64) < LINE;
            match parse(&line) {
                Some((at, event)) => status.receive(at, &event),
                None => status.unreadable += u64::from(!is_last),
            }
            line.clear();
        }
        Ok(status)
    }

    /// How many workers have come, and how many of them are there; one inside the driver does not count.
    pub fn came(&self) -> (usize, usize) {
        let came = self.workers.values().filter(|worker| worker.host != OWN_HOST);
        (came.clone().count(), came.filter(|worker| worker.state.is_here()).count())
    }

    /// The worker that a job has become.
    pub fn worker_of(&self, job: &str) -> Option<(u64, &Worker)> {
        let mut ours = self.workers.iter().filter(|(_, worker)| worker.job == job);
        ours.next_back().map(|(number, worker)| (*number, worker))
    }

    /// The share of the present stage that a worker has done.
    pub fn share_of(&self, worker: &Worker) -> Option<f64> {
        let stage = self.stage.filter(|stage| stage.tasks > 0)?;
        (!self.is_coarse).then(|| worker.stage_tasks as f64 / stage.tasks as f64)
    }

    /// The share of the run that is done. `stages` are the elements of all its stages, as far as they are known.
    pub fn share(&self, stages: &[u64]) -> Option<f64> {
        let stage = self.stage?;
        let part = match stage.tasks {
            _ if stage.ended => 1.0,
            0 => 0.0,
            tasks => (stage.done as f64 / tasks as f64).min(1.0),
        };
        let sum = |stages: &[u64]| stages.iter().copied().map(u128::from).sum::<u128>() as f64;
        let number = usize::try_from(stage.number).ok().filter(|number| *number < stages.len());
        match number {
            Some(number) if sum(stages) > 0.0 => {
                Some((sum(&stages[..number]) + part * stages[number] as f64) / sum(stages))
            }
            _ => Some(part),
        }
    }

    fn begin(&mut self, cluster: &str, asked: u32) {
        *self = Status {
            drivers: self.drivers + 1,
            superseded: self.superseded,
            unreadable: self.unreadable,
            is_coarse: self.is_coarse,
            cluster: cluster.to_owned(),
            asked,
            ..Status::default()
        };
    }

    fn change(&mut self, worker: u64, state: WorkerState, cause: Option<&String>) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            (worker.state, worker.cause) = (state, cause.cloned());
            if !state.is_here() {
                worker.leases.clear();
            }
        }
    }

    fn leased(&mut self, lease: u64, worker: u64) {
        let Some(worker) = self.workers.get_mut(&worker) else { return };
        worker.leases.insert(lease);
        // One that was taken back is not told of.
        if worker.leases.len() > LEASES {
            worker.leases.pop_first();
        }
        if worker.state == WorkerState::Registered {
            worker.state = WorkerState::Busy;
        }
    }

    fn answered(&mut self, lease: u64, worker: u64, finished: u64, counted: bool) {
        let counted = if counted { finished } else { 0 };
        if let Some(stage) = &mut self.stage {
            stage.done = stage.done.saturating_add(counted);
        }
        let Some(worker) = self.workers.get_mut(&worker) else { return };
        worker.tasks = worker.tasks.saturating_add(counted);
        worker.stage_tasks = worker.stage_tasks.saturating_add(counted);
        worker.leases.remove(&lease);
        if worker.state == WorkerState::Busy && worker.leases.is_empty() {
            worker.state = WorkerState::Registered;
        }
    }

    /// Nothing of a stage that is over, or begins, is held.
    fn hold_nothing(&mut self) {
        for worker in self.workers.values_mut() {
            worker.leases.clear();
            if worker.state == WorkerState::Busy {
                worker.state = WorkerState::Registered;
            }
        }
    }

    fn stage(&mut self, number: u64, tasks: u64, elements: u64, done: u64) {
        self.hold_nothing();
        self.workers.values_mut().for_each(|worker| worker.stage_tasks = 0);
        let done = u128::from(done) * u128::from(tasks) / u128::from(elements.max(1));
        let done = u64::try_from(done).unwrap_or(tasks).min(tasks);
        self.results.clear();
        self.stage = Some(Stage { number, tasks, done, elements, ended: false });
    }

    fn failed(&mut self, error: &str) {
        let superseded = error.lines().next().is_some_and(|line| line.contains(SUPERSEDED));
        self.superseded += u64::from(superseded);
        // Another one may tell already of its own work.
        self.ending_of_former = superseded && self.drivers > self.superseded;
        if !self.ending_of_former {
            self.failed = Some(error.to_owned());
        }
    }

    fn ended(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Closing { .. } if self.ending_of_former => {}
            RunEvent::Closing { cause } => self.closing = Some(cause.clone()),
            RunEvent::Closed(_) if self.ending_of_former => self.ending_of_former = false,
            RunEvent::Closed(receipt) => self.closed = Some(*receipt),
            _ => {}
        }
    }
}

impl Monitor for Status {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        self.last = at;
        match event {
            RunEvent::Opened { cluster, workers, .. } => self.begin(cluster, *workers),
            RunEvent::Submitted { job, .. } => self.submitted.push(job.clone()),
            RunEvent::Jobs { jobs } => {
                self.jobs.extend(jobs.iter().map(|job| (job.job.clone(), job.clone())));
            }
            RunEvent::Registered { worker, job, host, threads, .. } => {
                let registered = Worker {
                    job: job.clone(),
                    host: host.clone(),
                    threads: *threads,
                    state: WorkerState::Registered,
                    cause: None,
                    tasks: 0,
                    registered: at,
                    leases: BTreeSet::new(),
                    stage_tasks: 0,
                };
                self.workers.insert(*worker, registered);
            }
            RunEvent::Draining { worker, cause } => self.change(*worker, WorkerState::Draining, Some(cause)),
            RunEvent::Left { worker, cause } => self.change(*worker, WorkerState::Left, Some(cause)),
            RunEvent::Away { worker, cause } => self.change(*worker, WorkerState::Away, Some(cause)),
            RunEvent::Returned { worker } => self.change(*worker, WorkerState::Registered, None),
            RunEvent::Lost { worker, cause, .. } => self.change(*worker, WorkerState::Lost, Some(cause)),
            RunEvent::Stage { stage, tasks, elements, done, .. } => {
                self.stage(*stage, *tasks, *elements, *done);
            }
            RunEvent::Leased { lease, worker, .. } => self.leased(*lease, *worker),
            RunEvent::Answered { lease, worker, finished, counted } => {
                self.answered(*lease, *worker, *finished, *counted);
            }
            RunEvent::Progress { done, .. } => {
                self.is_coarse = true;
                self.stage.iter_mut().for_each(|stage| stage.done = stage.done.max(*done));
            }
            RunEvent::ResultsSoFar { results, .. } => self.results.clone_from(results),
            RunEvent::StageDone { .. } => {
                self.hold_nothing();
                self.results.clear();
                self.stage.iter_mut().for_each(|stage| stage.ended = true);
            }
            RunEvent::Failed { error } => self.failed(error),
            RunEvent::Closing { .. } | RunEvent::Closed(_) => self.ended(event),
            RunEvent::Notice { .. } | RunEvent::Found { .. } => {}
        }
    }
}

fn parse(line: &[u8]) -> Option<(Timestamp, RunEvent)> {
    let At { at } = serde_json::from_slice(line).ok()?;
    let at = Duration::try_from_secs_f64(at).ok()?;
    Some((Timestamp(at), serde_json::from_slice(line).ok()?))
}

#[cfg(test)]
mod tests;
