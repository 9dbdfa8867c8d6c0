//! Clusters in a few words, for users of the library. What is not said here comes from the configuration files
//! and the environment, as for the program.

use crate::array::Array;
use crate::cluster::{Cluster, fitted, open};
use crate::error::{Error, Result};
use crate::event::Monitor;
use crate::plan::plan;
use crate::settings::{Settings, Sources, resolve};
use std::path::PathBuf;
use std::time::Instant;

/// Threads of this process.
pub struct ThreadsCluster;
/// Processes of this machine, over loopback, with the messages and keys of a Slurm cluster.
pub struct ProcessCluster;
/// Slurm jobs.
pub struct SlurmCluster;

impl ThreadsCluster {
    /// A cluster in this process. Without [`Builder::cores`] it uses every CPU that it may.
    pub fn builder() -> Builder {
        Builder::new("threads")
    }
}

impl ProcessCluster {
    /// A cluster of local processes.
    pub fn builder() -> Builder {
        Builder::new("processes")
    }
}

impl SlurmCluster {
    /// A cluster of Slurm jobs.
    pub fn builder() -> Builder {
        Builder::new("slurm")
    }
}

/// What is said of a cluster before it starts.
#[derive(Debug, Clone)]
pub struct Builder {
    /// Keys and values, as flags would set them.
    set: Vec<(&'static str, String)>,
    fit: Vec<Array>,
}

impl Builder {
    fn new(kind: &'static str) -> Builder {
        Builder { set: vec![("cluster.kind", kind.to_owned())], fit: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl ToString) -> Builder {
        self.set.push((key, value.to_string()));
        self
    }

    /// How many workers.
    #[must_use]
    pub fn workers(self, workers: u32) -> Builder {
        self.with("cluster.workers", workers)
    }

    /// Compute threads of each worker.
    #[must_use]
    pub fn cores(self, cores: u32) -> Builder {
        self.with("cluster.cores", cores)
    }

    /// Memory of each worker in Slurm's units, such as `2G`; with [`Builder::fit`] also `auto`.
    #[must_use]
    pub fn memory(self, memory: &str) -> Builder {
        self.with("cluster.memory", memory)
    }

    /// Time limit of each worker's job in Slurm's formats, such as `00:05:00`; with [`Builder::fit`] also `auto`.
    #[must_use]
    pub fn walltime(self, walltime: &str) -> Builder {
        self.with("cluster.walltime", walltime)
    }

    /// How many workers must be there before work begins.
    #[must_use]
    pub fn minimum_workers(self, workers: u32) -> Builder {
        self.with("cluster.minimum_workers", workers)
    }

    /// The seed of random arrays without a generator of their own; fresh entropy otherwise.
    #[must_use]
    pub fn seed(self, seed: u128) -> Builder {
        self.with("random.seed", format!("{seed:#x}"))
    }

    /// Sets any key of the configuration, such as `slurm.partition`.
    #[must_use]
    pub fn set(self, key: &'static str, value: &str) -> Builder {
        self.with(key, value)
    }

    /// An array or number for which memory and walltime are made to fit where they are `auto`, beside those named
    /// before. What takes longer is ended by Slurm, and what needs more memory is refused.
    #[must_use]
    pub fn fit(mut self, array: &Array) -> Self {
        self.fit.push(array.clone());
        self
    }

    /// Starts the cluster; what happens is told to nobody.
    pub fn start(self) -> Result<Cluster> {
        self.start_with(Vec::new())
    }

    /// Starts the cluster and tells `monitors` what happens.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Refused`] for what cannot be carried out as it stands, [`crate::ErrorKind::Slurm`]
    /// where Slurm is not there. What Slurm says of the submission comes with the first result.
    pub fn start_with(self, monitors: Vec<Box<dyn Monitor>>) -> Result<Cluster> {
        let started = Instant::now();
        let fit = self.fit.clone();
        let mut settings = self.settings()?;
        if !fit.is_empty() {
            let seed = settings.seed.unwrap_or(0);
            let one = |array: &Array| plan(&[("result".to_owned(), array.expr()?)], &[], seed);
            let plans = fit.iter().map(one).collect::<Result<Vec<_>>>()?;
            settings = fitted(&settings, &plans.iter().collect::<Vec<_>>())?;
        }
        let program = program(&settings)?;
        let monitors = std::cell::Cell::new(Some(monitors));
        open(&settings, &program, started, None, &|_| Ok(Box::new(monitors.take().unwrap_or_default())))
    }

    fn settings(self) -> Result<Settings> {
        let mut sources = Sources::from_process(None);
        for (key, value) in self.set {
            sources.flags.push((format!("Builder: {key}"), key.to_owned(), value));
        }
        resolve(&sources)
    }
}

/// The program that workers run: as set, else this one, which [`crate::init`] makes a worker.
fn program(settings: &Settings) -> Result<PathBuf> {
    match &settings.cluster.program {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe().map_err(|error| Error::system("cannot find this program", &error)),
    }
}
