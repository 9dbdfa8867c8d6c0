//! `squall queue`: this user's squall jobs, in the columns that Slurm courses teach.

use crate::cli::exit::print;
use crate::cli::runtime;
use crate::error::{Error, Result};
use crate::run::RunId;
use crate::slurm::Commands;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    /// Only the jobs of this run
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

pub(super) fn queue(arguments: &QueueArguments) -> Result<()> {
    let run = arguments.run.as_deref().map(RunId::parse).transpose();
    let run = run.map_err(|error| Error::refused(error).hint("runs are the directories in .squall"))?;
    let wanted = |name: &str| match &run {
        Some(run) => RunId::of_job_name(name).as_ref() == Some(run),
        None => RunId::of_job_name(name).is_some(),
    };
    let runtime = runtime()?;
    print(&runtime.block_on(Commands::new().queue_table(wanted))?)
}
