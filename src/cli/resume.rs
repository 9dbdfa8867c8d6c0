//! `squall resume`: goes on with a run whose driver has ended, from its last checkpoint.

use crate::cli::exit::say;
use crate::cli::flags::{Overrides, SettingsFlags};
use crate::cli::kept::Kept;
use crate::cli::reap::{cancel_left, lives};
use crate::cli::run::{Driving, Output, refuse_several_drivers};
use crate::error::{Error, Result};
use crate::run::{Owner, RunDirectory};
use crate::settings::Sources;
use crate::slurm::{Allocation, Commands};
use clap::Args;
use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    /// The run: its id, or the path of its directory
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    overrides: Overrides,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Print nothing but results and failures
    #[arg(long, short)]
    quiet: bool,
    /// Extend a finished run of one random array of one axis to N elements, of which only the new ones are computed
    #[arg(long, value_name = "N")]
    size: Option<Elements>,
    /// Go on although it cannot be seen from here whether the run's driver still lives
    #[arg(long)]
    force: bool,
}

pub(super) fn resume(arguments: &ResumeArguments, started: Instant) -> Result<()> {
    refuse_several_drivers(Allocation::from_environment().as_ref())?;
    let run = find(&arguments.run)?;
    let Some(content) = run.checkpoint() else {
        return Err(Error::refused(format!("run {} has no checkpoint to go on from", run.id()))
            .cause("its results were printed, or it lasted less than a second, or ten on threads")
            .hint("compute it anew with `squall run`"));
    };
    let owner = run.owner()?;
    take_over(&run, &owner, arguments.force)?;
    // Relative paths of the run begin where it was begun.
    std::env::set_current_dir(&owner.directory).map_err(|error| {
        Error::system(
            format!("cannot go to `{}`, where the run was begun", owner.directory.display()),
            &error,
        )
    })?;
    let settings = arguments.overrides.resolve(Sources::from_process(Some(&run.settings_file())))?;
    let driving = Driving { output: arguments.output, quiet: arguments.quiet, started };
    let kept = Kept::of(settings, &content)?;
    match arguments.size {
        Some(Elements(size)) => driving.extend(&run, kept.extended(size)?),
        None => driving.go_on(&run, kept),
    }
}

/// A number of elements, as it may be written in an expression: 3e8, 300_000_000.
#[derive(Debug, Clone, Copy)]
struct Elements(u64);

impl FromStr for Elements {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Elements, String> {
        let digits = text.replace('_', "");
        let float = || digits.parse::<f64>().ok().filter(|size| size.fract() == 0.0 && *size < LARGEST);
        let whole = digits.parse().ok().or_else(|| float().map(|size| size as u64));
        whole.map(Elements).ok_or_else(|| "give a whole number, such as 3e8 or 300_000_017".to_owned())
    }
}

/// Floats are exact up to here.
const LARGEST: f64 = 9e15;

/// A run by its path, or by its id below the directory of runs.
fn find(run: &str) -> Result<RunDirectory> {
    if Path::new(run).is_dir() {
        return RunDirectory::open(Path::new(run));
    }
    let base = SettingsFlags::default().resolve()?.run.directory;
    RunDirectory::open(&base.join(run)).map_err(|_| {
        Error::refused(format!("no run `{run}` here"))
            .hint(format!("runs are the directories in {}", base.display()))
    })
}

/// Sees to it that nobody else drives the run, and that none of its jobs is left.
fn take_over(run: &RunDirectory, owner: &Owner, force: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::system("cannot start", &error))?;
    runtime.block_on(async {
        let commands = Commands::new();
        let on_slurm = owner.job.is_some() || !run.submissions().is_empty();
        let records = if on_slurm { commands.jobs().await } else { Ok(Vec::new()) };
        // Without Slurm nothing of it can be seen, or cancelled.
        let records = match records {
            Err(_) if force => return Ok(()),
            records => records.map_err(|error| error.hint("--force goes on without asking Slurm"))?,
        };
        match lives(owner, &records) {
            Some(false) => {}
            Some(true) => return Err(alive(run, owner)),
            None if force => {}
            None => {
                return Err(Error::refused(format!(
                    "it cannot be seen from here whether run {} has ended",
                    run.id()
                ))
                .cause(format!("its driver was {}", words(owner)))
                .hint("go on from that host, or with --force if you know that it has ended"));
            }
        }
        let left = cancel_left(run, &commands, &records).await?;
        if let Some(first) = left.first() {
            say(&format!("cancelled {} jobs that were left of the run, {first} and on", left.len()));
        }
        Ok(())
    })
}

fn alive(run: &RunDirectory, owner: &Owner) -> Error {
    Error::refused(format!("run {} goes on already", run.id()))
        .cause(format!("its driver is {}", words(owner)))
        .hint("end it first: in order by its SIGTERM or `scancel`")
}

fn words(owner: &Owner) -> String {
    let process = owner.process.as_ref().map(|process| format!("process {} on {}", process.id, process.host));
    let job = owner.job.map(|job| format!("job {job}"));
    process.into_iter().chain(job).collect::<Vec<_>>().join(", ")
}
