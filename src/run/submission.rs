//! What is known of one call of `sbatch`: enough to find and end its jobs later, whoever asks.

use serde::{Deserialize, Serialize};

/// One call of `sbatch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Counted from 0 within the run.
    pub number: u32,
    /// The name of its jobs.
    pub name: String,
    /// How many workers it asks for.
    pub workers: u32,
    /// The pool of these workers, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The command line of `sbatch`.
    pub arguments: Vec<String>,
    /// Slurm's id of the job or job array, once Slurm has said one.
    pub job: Option<u64>,
    /// The cluster that it is on, where a site has several and `sbatch` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether it is known that no job came of it.
    pub refused: bool,
    /// What `sbatch` printed on standard output.
    pub stdout: String,
    /// What `sbatch` printed on standard error.
    pub stderr: String,
}

impl Submission {
    /// One that is about to be made. It is written before `sbatch` is called, so that its jobs can be found
    /// by name whatever happens next.
    pub fn planned(number: u32, name: impl Into<String>, workers: u32) -> Submission {
        Submission {
            number,
            name: name.into(),
            workers,
            pool: None,
            arguments: Vec::new(),
            job: None,
            cluster: None,
            refused: false,
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// Whether it is that of the driver itself: `squall submit` submits one job, before anybody else does.
    pub fn is_driver(&self) -> bool {
        self.number == 0 && self.workers == 0
    }

    /// Whether it is known what became of it. Where it is not, its jobs must be looked for by name.
    pub fn is_known(&self) -> bool {
        self.job.is_some() || self.refused
    }
}
