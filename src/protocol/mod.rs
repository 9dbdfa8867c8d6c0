//! What driver and worker say to each other, and how: messages, frames, and mutual TLS.
//!
//! A connection is a byte stream of any kind; on a network it is TLS 1.3, where both sides prove that their
//! key comes from the run's own authority (`tls.rs`). The version of the protocol is its ALPN name, so that
//! unequal programs part before a word is decoded. Messages are small whatever the number of tasks: a stage
//! is sent once to a worker, leases are ranges.

pub mod address;
mod connection;
mod tame;
pub mod tls;

pub use connection::{ConnectionError, Frame, Receiver, Sender, Stream, split};

use crate::plan::{Partial, Stage};
use serde::{Deserialize, Serialize};

/// The protocol's name and version, as ALPN. To change what is below is to change this.
pub const VERSION: &[u8] = b"squall/5";

/// The largest frame in bytes: some answers carry a partial for every column of a wide array.
pub const MAX_FRAME: u32 = 4 << 20;

/// The largest partial in bytes, within a frame.
pub const MAX_PARTIAL: u64 = 3 << 20;

/// How often both sides say that they are there, in seconds.
pub const HEARTBEAT_SECONDS: u64 = 2;

/// Who a worker is: the first thing it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The host it runs on.
    pub host: String,
    /// Its process id there.
    pub process: u32,
    /// Slurm's identity of its job: job id of the array, or of the plain job, and index in the array.
    pub job: Option<(u64, Option<u32>)>,
    /// Its compute threads.
    pub threads: u32,
    /// Which compiled form of the kernels it uses.
    pub kernel: String,
    /// Milliseconds since its process started.
    pub age_milliseconds: u64,
    /// Milliseconds until it must have handed in what it has, where its job's time is limited.
    pub milliseconds_left: Option<u64>,
    /// How many connections it has had before this one.
    pub session: u32,
    /// The leases that it holds from those: computes, will compute, or has an answer of.
    pub holds: Vec<u64>,
    /// What it has found where it runs.
    pub findings: Findings,
}

/// What a worker has found where it runs; nothing of a thread of the driver's process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What is as it should be, a line each.
    #[serde(deserialize_with = "tame::lines")]
    pub found: Vec<String>,
    /// What is not, such as fewer CPUs than were asked for.
    #[serde(deserialize_with = "tame::lines")]
    pub warnings: Vec<String>,
    /// Its clock when it said this, in milliseconds since 1970.
    pub clock_milliseconds: u64,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// It is there; said once, first.
    Register(Registration),
    /// It still is.
    Heartbeat {
        /// The most memory it has had resident, in bytes.
        peak_memory: u64,
    },
    /// The first `finished` tasks of a lease are done.
    Answer {
        /// The lease's id.
        lease: u64,
        /// How many of its tasks, from the first.
        finished: u64,
        /// How long it computed them, in microseconds.
        microseconds: u64,
        /// Their partial.
        partial: Partial,
        /// The most memory the worker has had resident, in bytes.
        peak_memory: u64,
    },
    /// It was asked to end by someone else, and wants to hand in what it has and leave.
    Drain {
        /// Who or what asked.
        cause: String,
    },
    /// It cannot do the tasks of a lease, or cannot go on at all.
    Failed {
        /// The lease's id; none where it is not the tasks.
        lease: Option<u64>,
        /// Why.
        cause: String,
        /// Whether squall is to blame, rather than a file, its elements, or the machine.
        defect: bool,
    },
    /// It leaves; nothing follows.
    Leave,
}

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The stage that the leases after this one are of.
    Stage(Stage),
    /// Tasks to do.
    Lease {
        /// The lease's id.
        lease: u64,
        /// The first task.
        first: u64,
        /// One past the last task.
        end: u64,
    },
    /// Answer this lease now.
    Yield {
        /// The lease's id.
        lease: u64,
    },
    /// The driver is there.
    Heartbeat,
    /// Leave now: nothing held counts any more.
    Dismiss,
}
