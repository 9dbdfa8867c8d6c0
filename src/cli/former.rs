//! The driver that a run had before: whether it still lives, and what it left in Slurm's queue.

use crate::cli::exit::say;
use crate::cli::runtime;
use crate::error::{Error, Result};
use crate::run::{Owner, Process, RunDirectory, Submission};
use crate::slurm::{Commands, JobId, JobIdentity, JobRecord};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long `scancel` may take.
const CANCEL: Duration = Duration::from_secs(30);

/// Sees to it that nobody else drives the run, and that none of its jobs is left. `own` is the job of a driver that
/// `squall submit` has submitted, as which this process runs.
pub(super) fn take_over(run: &RunDirectory, owner: &Owner, force: bool, own: Option<u64>) -> Result<()> {
    runtime()?.block_on(async {
        let commands = commands([run]);
        let on_slurm = owner.job.is_some() || !run.submissions().is_empty();
        let records = if on_slurm { commands.jobs().await } else { Ok(Vec::new()) };
        // Without Slurm nothing of it can be seen, or cancelled.
        let records = match records {
            Err(_) if force => return Ok(()),
            records => records.map_err(|error| error.hint("--force goes on without asking Slurm"))?,
        };
        match lives(run, owner, &records, own) {
            Some(false) => {}
            Some(true) => return Err(alive(run, owner)),
            None if force => {}
            None => {
                return Err(Error::refused(format!(
                    "it cannot be seen from here whether run {} has ended",
                    run.id()
                ))
                .cause(format!("its driver was {}", words(run, owner)))
                .hint("go on from that host, or with --force if you know that it has ended"));
            }
        }
        let left = cancel_left(run, &commands, &records, own).await?;
        if let Some(first) = left.first() {
            say(&format!("cancelled {} jobs that were left of the run, {first} and on", left.len()));
        }
        Ok(())
    })
}

/// Whether a driver lives: its process where it can be seen, else the job that it runs in, or that is to start it.
pub(super) fn lives(
    run: &RunDirectory,
    owner: &Owner,
    records: &[JobRecord],
    own: Option<u64>,
) -> Option<bool> {
    // Slurm starts a job again when it takes the former start for dead. One that lives on all the same, on a node
    // that Slurm has lost, ends when it next looks whose the run is.
    if own.is_some() && owner.job == own {
        return Some(false);
    }
    let seen = owner.process.is_alive();
    if seen == Some(true) {
        return seen;
    }
    let other = |record: &&JobRecord| !record.state.is_final() && Some(record.job_id.0) != own;
    if let Some(driver) = submitted(run) {
        let is_driver = |record: &JobRecord| {
            Some(record.job_id.0) == driver.job || (driver.job.is_none() && record.name == driver.name)
        };
        if records.iter().filter(other).any(is_driver) {
            return Some(true);
        }
        // One that never started has written no settings.
        if !run.settings_file().exists() {
            return Some(false);
        }
    }
    seen.or_else(|| {
        let job = owner.job?;
        Some(records.iter().filter(other).any(|record| record.job_id.0 == job))
    })
}

/// Slurm's commands, which know on which clusters the jobs of these runs are.
pub(super) fn commands<'a>(runs: impl IntoIterator<Item = &'a RunDirectory>) -> Commands {
    let commands = Commands::new();
    for sent in runs.into_iter().flat_map(RunDirectory::submissions_seen).flatten() {
        if let Some((job, cluster)) = sent.job.zip(sent.cluster) {
            commands.note_cluster(JobId(job), &cluster);
        }
    }
    commands
}

/// The submission of the driver itself, where `squall submit` made one.
pub(super) fn submitted(run: &RunDirectory) -> Option<Submission> {
    run.submissions().into_iter().find(Submission::is_driver)
}

/// Cancels what is left of a run's jobs, and returns them; all but its driver's where that is this process.
pub(super) async fn cancel_left(
    run: &RunDirectory,
    commands: &Commands,
    records: &[JobRecord],
    own: Option<u64>,
) -> Result<Vec<JobIdentity>> {
    let submissions = run.submissions();
    let others = submissions.iter().filter(|submission| own.is_none() || !submission.is_driver());
    let names: BTreeSet<&str> = others.map(|submission| submission.name.as_str()).collect();
    let left: Vec<JobIdentity> = records
        .iter()
        .filter(|record| names.contains(record.name.as_str()) && !record.state.is_final())
        .map(JobRecord::identity)
        .collect();
    if !left.is_empty() {
        for name in names {
            commands.cancel(&left, Some(name), CANCEL).await?;
        }
    }
    Ok(left)
}

fn alive(run: &RunDirectory, owner: &Owner) -> Error {
    Error::refused(format!("run {} goes on already", run.id()))
        .cause(format!("its driver is {}", words(run, owner)))
        .hint("end it first: in order by its SIGTERM or `scancel`")
}

fn words(run: &RunDirectory, owner: &Owner) -> String {
    let Process { id, host, .. } = &owner.process;
    let alive = owner.process.is_alive();
    let process = (alive != Some(false)).then(|| format!("process {id} on {host}"));
    // A process that is seen is the driver, whatever job may start one later.
    let waiting = || submitted(run).filter(|_| alive != Some(true))?.job;
    let job = owner.job.or_else(waiting).map(|job| format!("job {job}"));
    process.into_iter().chain(job).collect::<Vec<_>>().join(", ")
}
