//! What a run is asked to do and with what, resolved from layers into plain values that know their origin.
//!
//! Weakest first: built in, `/etc/squall/squall.toml`, the user's `squall/squall.toml`, `./squall.toml`, the
//! run file, `SQUALL_SECTION__KEY` variables, flags. Nobody reads a layer again afterwards. What a script,
//! an expression or a partition may be is not judged here. Tests of the messages are in `tests.rs`.

mod asked;
mod layer;
mod nearest;
mod parse;
mod pools;
#[cfg(test)]
mod refusals;
mod resolve;
mod show;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::settings::asked::{Asked, Prospect};
pub use crate::settings::pools::{InPool, PoolSettings};
pub use crate::settings::resolve::resolve;
pub use crate::settings::show::show;
pub use crate::settings::sources::Sources;
use crate::units::{Memory, Walltime};

/// The commented built-in layer, which is also the reference of every key.
pub const BUILT_IN: &str = include_str!("../../config/squall.toml");

/// Every setting of a run after all layers have been merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `random.seed`; none where every run draws a fresh one.
    pub seed: Option<u128>,
    /// `[cluster]`
    pub cluster: ClusterSettings,
    /// `[slurm]`
    pub slurm: SlurmSettings,
    /// `[pool.NAME]`, in the order in which pools are filled: that of the file.
    pub pools: Vec<PoolSettings>,
    /// `[run]`
    pub run: RunSettings,
    /// `[arrays]` of the run file: names and expressions, in its order.
    pub arrays: Vec<(String, String)>,
    /// `[results]` of the run file, or the expression of `-e`: names and expressions, in order.
    pub results: Vec<(String, String)>,
    /// `[save]` of the run file: names of arrays or results, and the files they are saved to.
    pub saves: Vec<(String, String)>,
    origins: BTreeMap<String, Origin>,
}

/// `[cluster]`: what is asked for, whatever starts it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterSettings {
    /// What starts the workers.
    pub kind: ClusterKind,
    /// How many workers; at least one.
    pub workers: u32,
    /// Threads per worker; none, for threads only, is every CPU that is available.
    pub cores: Option<u32>,
    /// Memory per worker; more than none.
    pub memory: Asked<Memory>,
    /// Time limit of a worker's job.
    pub walltime: Asked<Walltime>,
    /// How many workers must have registered before work begins; from one to `workers`.
    pub minimum_workers: u32,
    /// How many lost workers are replaced; none: as many as there are workers.
    pub replacements: Option<u32>,
    /// A worker that has not registered this long after its start is given up.
    pub start_timeout: Duration,
    /// Threads with which the driver of a cluster of jobs computes itself.
    pub driver_threads: Asked<u32>,
    /// A worker exits this long after losing the driver.
    pub death_timeout: Duration,
    /// The port on which the driver listens; 0 is any free one.
    pub port: u16,
    /// The address or name that workers are told instead of the ones found.
    pub host: Option<String>,
    /// The program that workers run, where it is not the driver's own.
    pub program: Option<PathBuf>,
    /// What is known of the work, once it is planned.
    pub prospect: Option<Prospect>,
}

/// `[slurm]`: what job scripts and sbatch are told.
#[derive(Debug, Clone, PartialEq)]
pub struct SlurmSettings {
    /// `--partition`
    pub partition: Option<String>,
    /// `--account`
    pub account: Option<String>,
    /// `--qos`
    pub qos: Option<String>,
    /// `--constraint`
    pub constraint: Option<String>,
    /// `--reservation`
    pub reservation: Option<String>,
    /// Further directives, without their `#SBATCH`.
    pub directives: Vec<String>,
    /// Shell lines before the worker.
    pub prologue: Vec<String>,
    /// Shell lines after the worker.
    pub epilogue: Vec<String>,
    /// How memory is asked for.
    pub memory_option: MemoryOption,
    /// How several workers are submitted.
    pub submit: Submit,
    /// The shortest time between two calls of `sbatch`.
    pub submit_interval: Duration,
    /// How many workers may wait to be started at a time; none for any number.
    pub max_pending: Option<u32>,
    /// A template of one's own for the job script.
    pub template: Option<PathBuf>,
    /// Where workers' logs go, if not in the run directory.
    pub log_directory: Option<PathBuf>,
    /// After how long of waiting workers a driver in a job submits a janitor; none for never.
    pub janitor: Option<Duration>,
}

/// `[run]`: where runs are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// The directory in which run directories are made.
    pub directory: PathBuf,
}

/// What starts the workers: `cluster.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterKind {
    /// Threads of this process.
    Threads,
    /// Processes on this machine.
    Processes,
    /// Jobs of Slurm.
    Slurm,
}

/// How memory is asked for: `slurm.memory_option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOption {
    /// `--mem`
    Mem,
    /// `--mem-per-cpu`
    MemPerCpu,
    /// Not at all; the site's default holds.
    None,
}

/// How several workers are submitted: `slurm.submit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submit {
    /// As one job array.
    Array,
    /// As one job each.
    Jobs,
}

/// Which layer set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// squall's own default.
    BuiltIn,
    /// A configuration file or the run file.
    File {
        /// As it was named.
        path: PathBuf,
        /// Counted from one.
        line: Option<usize>,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag, as it was typed and without its value.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built in"),
            Origin::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Origin::File { path, line: None } => write!(f, "{}", path.display()),
            Origin::Environment(name) | Origin::Flag(name) => f.write_str(name),
        }
    }
}

impl Settings {
    /// The layer that set a key like `cluster.workers` or a name like `arrays.x`; built in for what none set.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::BuiltIn)
    }

    /// Every key that has a value, in the order of the reference, with its value as TOML and its origin.
    pub fn origins(&self) -> impl Iterator<Item = (String, String, Origin)> {
        show::entries(self).into_iter().filter_map(|(key, value)| {
            let origin = self.origin(&key);
            Some((key, value?.to_string(), origin))
        })
    }

    /// The settings as a run file that resolves to the same values, each with its origin in a comment.
    pub fn to_toml(&self) -> String {
        show(self, true)
    }
}
