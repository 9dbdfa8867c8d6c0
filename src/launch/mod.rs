//! Starting, watching and ending workers: as threads of this process, as processes, as Slurm jobs.
//!
//! A launcher is an actor: it takes orders and makes reports, so that a slow `sbatch` or a hanging controller
//! never holds up the driver. What it starts is named by a key, the same that a worker's registration yields.
//! What workers compute is not known here.

mod findings;
mod janitor;
mod looks;
mod process;
mod program;
mod search;
mod slurm;
mod submit;
mod threads;

pub use process::ProcessLauncher;
pub use program::{Program, work};
pub use slurm::SlurmLauncher;
pub use threads::{BesideLauncher, ThreadsLauncher};

pub use crate::slurm::Exit;
pub(crate) use crate::worker::peak_memory;

use crate::error::Error;
use crate::protocol::{Registration, Stream};
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// What the worker that computes inside the driver of other workers calls its host; no host has a space in its name.
pub const OWN_HOST: &str = "the driver";

/// How long the end of workers may take, whatever Slurm does.
pub const END_BUDGET: Duration = Duration::from_secs(8);

/// What a launched worker is called: `ARRAY_INDEX` or the plain job id, or the process id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub String);

/// Where workers are asked for: a place in the order of the pools, from 0. What has no pools has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolId(pub usize);

impl Key {
    /// The key of the worker that says this of itself.
    pub fn of(registration: &Registration) -> Key {
        Key(match registration.job {
            Some((job, Some(index))) => format!("{job}_{index}"),
            Some((job, None)) => job.to_string(),
            None => registration.process.to_string(),
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a launcher is told to do.
#[derive(Debug)]
pub enum Order {
    /// Look once at what was started, and report what is new.
    Look,
    /// Start so many workers more.
    Start {
        /// In which pool.
        pool: PoolId,
        /// How many.
        workers: u32,
    },
    /// End these: they are wanted no more, and most have not begun to run.
    Withdraw {
        /// Which.
        keys: BTreeSet<Key>,
    },
    /// End everything but what has left or ended by itself, within [`END_BUDGET`]. Then report
    /// [`Report::Gone`] and nothing more. Said again where it is not to wait for anything any more.
    End {
        /// The workers that have left by themselves.
        left: BTreeSet<Key>,
        /// Whether not to wait for workers that are about to leave.
        at_once: bool,
    },
}

/// What a launcher reports.
pub enum Report {
    /// Slurm accepted a submission of these workers, or they were started.
    Started {
        /// In which pool.
        pool: PoolId,
        /// The name of the whole: Slurm's job id of the array, say.
        job: String,
        /// One for each worker.
        keys: Vec<Key>,
    },
    /// Of workers that have ended nothing can be learnt after so long.
    MinJobAge(Duration),
    /// Something is new of these workers.
    States(Vec<State>),
    /// A connection to a worker that needs no network.
    Stream(Box<dyn Stream>),
    /// Something the user should read, such as `sbatch`'s own words while it waits.
    Notice(String),
    /// Workers cannot be started just now, and may be later: a limit has been reached.
    PutOff {
        /// In which pool.
        pool: PoolId,
        /// How many.
        workers: u32,
        /// Why.
        error: Error,
    },
    /// Workers cannot be started, and could not be later.
    Failed {
        /// In which pool.
        pool: PoolId,
        /// How many.
        workers: u32,
        /// Why.
        error: Error,
    },
    /// Everything is ended, or what is left must be cancelled by hand with this line.
    Gone(Option<String>),
}

/// How far a launched worker is, as the system sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It waits to be started.
    Waiting,
    /// It waits for something that does not come unless somebody changes it.
    Stuck,
    /// It runs.
    Running,
    /// It has ended and will not come back.
    Ended,
}

/// Something new of one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Which.
    pub key: Key,
    /// How far it is.
    pub phase: Phase,
    /// The system's word for it.
    pub word: String,
    /// The system's reason, empty where there is none.
    pub reason: String,
    /// How its process ended, where that is known.
    pub exit: Option<Exit>,
    /// Where its log is and how it ends, where the worker has ended; what to do, where it is stuck.
    pub log: String,
}

/// Where reports go. Unbounded: there are a few for each worker, and the driver always reads.
pub type Reports = UnboundedSender<Report>;
/// Where orders come from. Unbounded: the driver gives few.
pub type Orders = UnboundedReceiver<Order>;

/// Starts, watches and ends workers.
pub trait Launcher: Send {
    /// Starts the workers at once, then takes orders until the end of everything is reported.
    fn run(self: Box<Self>, orders: Orders, reports: Reports) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A log's path and its last lines, for a message; nothing where there is no log.
fn tail(path: &std::path::Path) -> String {
    const LINES: usize = 10;
    const BYTES: u64 = 8192;
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut file) = std::fs::File::open(path) else { return String::new() };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(length.saturating_sub(BYTES)))
        .and_then(|_| file.take(BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("{} ends:\n{last}", path.display())
}
