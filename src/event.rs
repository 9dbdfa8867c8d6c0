//! What can be told about a run, as data, and who may listen.
//!
//! The driver tells; terminal, log and tests are receivers. A receiver can slow nothing down that it
//! should not: it is called on the driver's thread and must return at once.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, counted from the start of the run. Never a wall time, so nothing depends on clocks agreeing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Timestamp(pub Duration);

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, elapsed: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(elapsed))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    /// Zero where `earlier` is in fact later.
    fn sub(self, earlier: Timestamp) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The host of the worker that computes inside a driver, beside its other workers.
pub const OWN_HOST: &str = "the driver";

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunEvent {
    /// The driver is there; `directory` is the run directory, where there is one.
    Opened {
        /// The run's id.
        run: String,
        /// `threads`, `processes` or `slurm`.
        cluster: String,
        /// How many workers were asked for.
        workers: u32,
        /// Compute threads of each worker; none where pools differ.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cores: Option<u32>,
        /// What each worker is allowed, in words: memory and walltime.
        limits: String,
        /// The seed of random arrays without a generator of their own, hexadecimal.
        seed: String,
        /// Where the run's files are.
        directory: Option<String>,
    },
    /// Slurm accepted a submission.
    Submitted {
        /// Slurm's id of the job, or of the job array.
        job: String,
        /// How many workers it brings.
        workers: u32,
    },
    /// Slurm, or the system, says something new of these jobs.
    Jobs {
        /// One for each job of which something is new.
        jobs: Vec<JobNews>,
    },
    /// A worker registered and may be given leases.
    Registered {
        /// The worker's number, in the order of registration.
        worker: u64,
        /// `ARRAY_INDEX`, the plain job id, or the process id.
        job: String,
        /// The host it runs on.
        host: String,
        /// Its compute threads.
        threads: u32,
        /// Which compiled form of the kernels it uses.
        kernel: String,
        /// Seconds from its process's start to its registration.
        start_seconds: f64,
    },
    /// What a new worker has found where it runs.
    Found {
        /// The worker's number.
        worker: u64,
        /// The host it runs on.
        host: String,
        /// What is as it should be, a line each.
        found: Vec<String>,
        /// What is not.
        warnings: Vec<String>,
        /// Its clock when it said this, in milliseconds since 1970.
        clock_milliseconds: u64,
    },
    /// A worker was asked to end by someone else: it takes nothing more, and hands in what it has.
    Draining {
        /// The worker's number.
        worker: u64,
        /// Who asked.
        cause: String,
    },
    /// A worker left when asked to, with everything handed in.
    Left {
        /// The worker's number.
        worker: u64,
        /// Why: it was dismissed, or who asked it to end.
        cause: String,
    },
    /// A worker's connection broke; it may come back, and keeps its leases until then.
    Away {
        /// The worker's number.
        worker: u64,
        /// How the connection broke.
        cause: String,
    },
    /// A worker that was away is back.
    Returned {
        /// The worker's number.
        worker: u64,
    },
    /// A worker is gone, and what it held waits again.
    Lost {
        /// The worker's number.
        worker: u64,
        /// What is known of the cause.
        cause: String,
        /// How many leases it held.
        leases: u64,
    },
    /// A stage began.
    Stage {
        /// The stage's number.
        stage: u64,
        /// Its tasks.
        tasks: u64,
        /// Its chunks, the user's unit.
        chunks: u64,
        /// Its array elements.
        elements: u64,
        /// Elements that an earlier driver of the run has done.
        #[serde(default)]
        done: u64,
    },
    /// A range of tasks was given to a worker.
    Leased {
        /// The lease's id.
        lease: u64,
        /// The worker's number.
        worker: u64,
        /// The first task.
        first: u64,
        /// One past the last task.
        end: u64,
    },
    /// A worker answered a lease.
    Answered {
        /// The lease's id.
        lease: u64,
        /// The worker's number.
        worker: u64,
        /// How many of its tasks are finished.
        finished: u64,
        /// Whether the answer counts: its lease was still alive.
        counted: bool,
    },
    /// Work was done; told for every answer that counts.
    Progress {
        /// The stage's number.
        stage: u64,
        /// Tasks done.
        done: u64,
        /// Tasks in all.
        tasks: u64,
        /// Elements done.
        elements: u64,
    },
    /// What results come to so far; told now and then while their stage is computed.
    ResultsSoFar {
        /// The stage's number.
        stage: u64,
        /// Those of which something can be said.
        results: Vec<ResultSoFar>,
    },
    /// A stage is done.
    StageDone {
        /// The stage's number.
        stage: u64,
    },
    /// What is computed has failed, with this failure as it is shown.
    Failed {
        /// The text.
        error: String,
    },
    /// The end began.
    Closing {
        /// Why.
        cause: String,
    },
    /// Something the user should read; may be Slurm's own words.
    Notice {
        /// The text.
        text: String,
    },
    /// The end: where the time went.
    Closed(Receipt),
}

/// What is new of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobNews {
    /// `ARRAY_INDEX`, the plain job id, or the process id.
    pub job: String,
    /// Slurm's state, in Slurm's words.
    pub state: String,
    /// Slurm's reason, in Slurm's words; empty where there is none.
    pub reason: String,
}

/// A result while the elements that it is of are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultSoFar {
    /// The result's name.
    pub name: String,
    /// What it would be if the elements that were counted were all.
    pub value: f64,
    /// The standard error of a mean, and of what follows from one: how far the value of so many independent elements
    /// usually is from that of all.
    pub error: Option<f64>,
    /// Elements that have been counted.
    pub elements: u64,
}

/// Where the time of a run went. Seconds, bytes, counts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// From asking Slurm to its job id.
    pub submit_seconds: f64,
    /// From the job id to the first worker's process start.
    pub queue_seconds: f64,
    /// From that process start until enough workers had registered.
    pub start_seconds: f64,
    /// From the first lease to the last answer.
    pub compute_seconds: f64,
    /// From the beginning of the end to the end.
    pub close_seconds: f64,
    /// In all.
    pub wall_seconds: f64,
    /// Array elements processed.
    pub elements: u64,
    /// The largest resident memory that a worker reported.
    pub worker_peak_bytes: u64,
    /// What was computed beforehand that a worker needs at most.
    pub worker_bound_bytes: u64,
    /// What a worker was allowed; none where nothing but the machine limited it.
    pub worker_allowed_bytes: Option<u64>,
    /// The driver's largest resident memory.
    pub driver_peak_bytes: u64,
    /// What was computed beforehand that the driver needs at most.
    pub driver_bound_bytes: u64,
    /// Workers that registered.
    pub workers: u64,
    /// Workers that were lost.
    pub lost: u64,
}

/// A receiver of what happens to a run.
pub trait Monitor: Send {
    /// Takes note of `event`, which happened at `at`.
    fn receive(&mut self, at: Timestamp, event: &RunEvent);
}

/// Several receivers are one.
impl Monitor for Vec<Box<dyn Monitor>> {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        for monitor in self {
            monitor.receive(at, event);
        }
    }
}
