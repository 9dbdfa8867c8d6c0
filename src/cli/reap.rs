//! `squall reap`: cancels what dead drivers of this directory left behind, and nothing else.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::cli::former::{cancel_left, commands, lives};
use crate::cli::runtime;
use crate::error::{Error, Result};
use crate::run::RunDirectory;
use crate::slurm::{Commands, JobRecord};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ReapArguments {
    /// Only this run
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

pub(super) fn reap(arguments: &ReapArguments) -> Result<()> {
    let settings = SettingsFlags::default().resolve()?;
    let runs: Vec<RunDirectory> = RunDirectory::list(&settings.run.directory)
        .into_iter()
        .filter(|run| !run.is_ended())
        .filter(|run| arguments.run.as_deref().is_none_or(|wanted| wanted == run.id().as_str()))
        .collect();
    if let (Some(wanted), true) = (&arguments.run, runs.is_empty()) {
        return Err(Error::refused(format!("no run `{wanted}` here that has not ended"))
            .hint(format!("runs are the directories in {}", settings.run.directory.display())));
    }
    if runs.is_empty() {
        return print("nothing to reap: every run of this directory has ended\n");
    }
    let runtime = runtime()?;
    runtime.block_on(async {
        let commands = commands(&runs);
        // A run without Slurm can be reaped on a machine without Slurm.
        let on_slurm = runs.iter().any(|run| !run.submissions().is_empty());
        let records = if on_slurm { commands.jobs().await? } else { Vec::new() };
        for run in &runs {
            print(&format!("{}: {}\n", run.id(), reap_run(run, &commands, &records).await?))?;
        }
        Ok(())
    })
}

/// Reaps one run; returns what was done in words.
async fn reap_run(run: &RunDirectory, commands: &Commands, records: &[JobRecord]) -> Result<String> {
    let owner = match run.owner() {
        Ok(owner) => owner,
        Err(error) => return Ok(format!("it cannot be told whether its driver lives: {}", error.what())),
    };
    match lives(run, &owner, records, None) {
        Some(true) => return Ok("its driver lives".to_owned()),
        None => return Ok("its driver is on another host; reap it there".to_owned()),
        Some(false) => {}
    }
    let left = cancel_left(run, commands, records, None).await?;
    run.mark_ended()?;
    if !run.keeps_checkpoints() {
        run.mark_done()?;
    }
    Ok(match left.len() {
        0 => "its driver is dead; nothing was left".to_owned(),
        1 => format!("its driver is dead; cancelled job {}", left[0]),
        jobs => format!("its driver is dead; cancelled {jobs} jobs, {} and on", left[0]),
    })
}
