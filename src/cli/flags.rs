//! Flags that change settings, shared by the commands that resolve them.

use crate::error::Result;
use crate::settings::{Settings, Sources, resolve};
use clap::Args;
use std::path::PathBuf;

/// What to compute, and flags that override the configuration files.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SettingsFlags {
    /// The run file
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// One expression to compute, such as 'random.normal(0, 0.1, size=8e8).mean()'
    #[arg(
        short = 'e',
        long = "expression",
        value_name = "EXPR",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    pub(super) expression: Option<String>,
    #[command(flatten)]
    pub(super) overrides: Overrides,
}

/// Flags that override the configuration files.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Overrides {
    /// threads, processes or slurm
    #[arg(long, value_name = "KIND")]
    pub(super) cluster: Option<String>,
    /// How many workers
    #[arg(long, value_name = "N")]
    pub(super) workers: Option<String>,
    /// Threads of each worker
    #[arg(long, value_name = "N")]
    pub(super) cores: Option<String>,
    /// Memory of each worker, as Slurm writes it: 512M, 2G
    #[arg(long, value_name = "SIZE")]
    pub(super) memory: Option<String>,
    /// Time limit of each worker, as Slurm writes it: 30, 00:05:00, 1-12
    #[arg(long, value_name = "TIME")]
    pub(super) walltime: Option<String>,
    /// The seed of the random arrays, decimal or 0x...
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) seed: Option<String>,
    /// Any other setting, such as slurm.partition=compute
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub(super) set: Vec<String>,
}

impl SettingsFlags {
    /// All layers, these flags the strongest.
    pub(super) fn resolve(&self) -> Result<Settings> {
        let mut sources = Sources::from_process(self.file.as_deref());
        if let Some(expression) = &self.expression {
            sources.results = vec![("result".to_owned(), expression.clone())];
        }
        self.overrides.resolve(sources)
    }
}

impl Overrides {
    /// All layers, these flags the strongest.
    pub(super) fn resolve(&self, mut sources: Sources) -> Result<Settings> {
        for assignment in &self.set {
            sources.set(assignment)?;
        }
        for (flag, key, value) in self.overrides() {
            sources.flags.push((flag.to_owned(), key.to_owned(), value.clone()));
        }
        resolve(&sources)
    }

    fn overrides(&self) -> impl Iterator<Item = (&'static str, &'static str, &String)> {
        let flags = [
            ("--cluster", "cluster.kind", &self.cluster),
            ("--workers", "cluster.workers", &self.workers),
            ("--cores", "cluster.cores", &self.cores),
            ("--memory", "cluster.memory", &self.memory),
            ("--walltime", "cluster.walltime", &self.walltime),
            ("--seed", "random.seed", &self.seed),
        ];
        flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.as_ref()?)))
    }

    /// The same flags as words of a command line.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> =
            self.overrides().flat_map(|(flag, _, value)| [flag.to_owned(), value.clone()]).collect();
        words.extend(self.set.iter().flat_map(|assignment| ["--set".to_owned(), assignment.clone()]));
        words
    }
}
