//! What the scheduler is told, what it wants done, and why.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// A worker's number: rising, never used again. A worker that comes back is another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

/// A lease's number: rising, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId(pub u64);

/// What the scheduler is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A stage of so many tasks begins. The one before it must be done.
    Begin {
        /// How many tasks it has.
        tasks: u64,
        /// How many of them a lease may have at most, so that its answer is not too large.
        most: u64,
        /// Those that an earlier driver of the run has counted: ascending ranges that do not touch.
        done: Vec<Range<u64>>,
    },
    /// A worker is there.
    Registered {
        /// A number never used before.
        worker: WorkerId,
        /// Its compute threads.
        threads: u32,
        /// How long it may stay, where it knows.
        left: Option<Duration>,
    },
    /// A worker answered a lease with its first `finished` tasks.
    Answered {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
        /// How many tasks of it, from the first.
        finished: u64,
        /// How long the worker computed them, by its own clock.
        took: Duration,
    },
    /// A worker should be given nothing more, hand in what it has, and leave.
    Drain {
        /// Who.
        worker: WorkerId,
    },
    /// A worker cannot be reached for now: it is given nothing, and keeps what it has.
    Away {
        /// Who.
        worker: WorkerId,
    },
    /// A worker that was away is back.
    Returned {
        /// Who.
        worker: WorkerId,
        /// The leases that it still holds: computes, will compute, or has an answer of.
        holds: Vec<LeaseId>,
    },
    /// A worker cannot do the tasks of a lease, and holds it no more.
    Failed {
        /// Who.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
    },
    /// A worker is gone.
    Lost {
        /// Who.
        worker: WorkerId,
        /// Whether what it computed may be to blame.
        blamed: bool,
    },
    /// The deadline has come.
    Tick,
    /// Nothing more is to be computed.
    Close,
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Give these tasks to the worker.
    Lease {
        /// To whom.
        worker: WorkerId,
        /// Under which id.
        lease: LeaseId,
        /// Which tasks.
        tasks: Range<u64>,
        /// Why so many, or why these.
        why: Why,
    },
    /// Ask the worker to answer this lease now, with what it has.
    Yield {
        /// Whom.
        worker: WorkerId,
        /// Which lease.
        lease: LeaseId,
        /// Why now.
        why: Why,
    },
    /// The answer just told counts: combine its partial.
    Accept {
        /// Which lease.
        lease: LeaseId,
        /// The tasks that it says are finished.
        tasks: Range<u64>,
    },
    /// The answer just told does not count: drop its partial.
    Drop {
        /// Which lease.
        lease: LeaseId,
    },
    /// These tasks have failed too often: give up.
    GiveUp {
        /// Which.
        tasks: Range<u64>,
        /// How often.
        faults: u32,
    },
    /// The worker's time is over, or too short for a lease: it is drained from now on, as if it had asked for that.
    Retire {
        /// Whom.
        worker: WorkerId,
    },
    /// The worker has nothing left to do here: ask it to leave.
    Dismiss {
        /// Whom.
        worker: WorkerId,
    },
    /// Every task of the stage is done.
    Done,
}

/// Why a lease is given, or asked back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Why {
    /// The worker's speed is not known yet.
    Unmeasured,
    /// The worker does so many tasks a second.
    Measured(f64),
    /// The tasks have failed so often, and are tried again before others.
    Suspected(u32),
    /// It is overdue, or its worker is away: the other lease of the same tasks.
    Twin(LeaseId),
    /// The worker was asked to end.
    Drained,
    /// The worker may stay no longer.
    TimeIsOver,
    /// The other lease of these tasks was answered first.
    Answered,
    /// The worker has not begun it, and another one has nothing to do.
    Queued,
    /// It was given up while the worker was away.
    GivenUp,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unmeasured => write!(f, "its speed is not known yet"),
            Why::Measured(speed) => write!(f, "it does {speed:.1} tasks a second"),
            Why::Suspected(1) => write!(f, "these have failed once and are tried first"),
            Why::Suspected(faults) => write!(f, "these have failed {faults} times and are tried first"),
            Why::Twin(lease) => write!(f, "nothing else waits, and lease {} of them is overdue", lease.0),
            Why::Drained => write!(f, "the worker was asked to end"),
            Why::TimeIsOver => write!(f, "the worker's time is over"),
            Why::Answered => write!(f, "the other lease of its tasks was answered"),
            Why::Queued => write!(f, "it is not begun, and another worker has nothing to do"),
            Why::GivenUp => write!(f, "it was given up while the worker was away"),
        }
    }
}
