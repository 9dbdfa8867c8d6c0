//! Submissions of a launcher: scripts, `sbatch`, and what is on disk before each. What a limit does not allow is
//! halved until it fits, and put off where nothing does.

use crate::error::{Error, Result};
use crate::launch::search::Search;
use crate::launch::slurm::Happening;
use crate::launch::{PoolId, Report, Reports};
use crate::run::{RunDirectory, Submission};
use crate::slurm::{
    Commands, JobId, JobSpecification, Site, SubmitError, SubmitStyle, Submitted, render, sbatch_arguments,
};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// The submissions of a launcher, made one after the other beside its other work.
pub(super) struct SubmissionTask {
    pub(super) run: RunDirectory,
    /// In which pool.
    pub(super) pool: PoolId,
    pub(super) specification: JobSpecification,
    /// Those of other pools, which are checked before the first jobs of a run are submitted.
    pub(super) others: Vec<JobSpecification>,
    pub(super) template: String,
    pub(super) allocation: Option<JobId>,
    pub(super) commands: Commands,
    pub(super) reports: Reports,
    /// Whether jobs of the run were submitted before: what was said then is not said again, and what Slurm refuses
    /// now it may take later.
    pub(super) again: bool,
    /// The shortest time between two calls of `sbatch`, and when it was last called.
    pub(super) interval: Duration,
    pub(super) last: Option<Instant>,
    /// Whether the launcher is about to end everything.
    pub(super) ending: watch::Receiver<bool>,
    /// Slurm's defaults until it has been asked.
    pub(super) site: Site,
}

impl SubmissionTask {
    pub(super) async fn run(mut self, happen: mpsc::UnboundedSender<Happening>) {
        let mut left = self.specification.workers;
        if let Err(error) = self.submit_all(&mut left, &happen).await {
            let _ = self.reports.send(Report::Failed { pool: self.pool, workers: left, error });
        }
        let _ = happen.send(Happening::Finished);
    }

    /// Submits the workers that are `left`, as far as that is possible now.
    async fn submit_all(&mut self, left: &mut u32, happen: &mpsc::UnboundedSender<Happening>) -> Result<()> {
        let mut specification = self.specification.clone();
        specification.deadline_seconds = self.deadline().await?;
        match self.check(&specification).await {
            Ok(()) => {}
            Err(error) if self.again => {
                self.put_off(*left, error);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let largest = if specification.is_array() { self.site.largest_array() } else { u32::MAX };
        let mut largest = if specification.submit == SubmitStyle::Jobs { 1 } else { largest.max(1) };
        // A driver that was submitted itself is a submission of its run.
        let mut number = self.run.submissions().len() as u32;
        while *left > 0 {
            if self.is_ended_before_it_may_submit().await {
                break;
            }
            let workers = (*left).min(largest);
            let batch = self.batch(number, JobSpecification { workers, ..specification.clone() })?;
            match self.submit(number, &batch).await? {
                Accepted::All(submitted) => {
                    let _ = happen.send(Happening::Submitted(self.pool, workers, submitted));
                    *left -= workers;
                }
                // Half of them may fit.
                Accepted::Fewer(_) if workers > 1 => largest = workers / 2,
                Accepted::Fewer(error) | Accepted::Later(error) => {
                    self.put_off(*left, error);
                    break;
                }
            }
            number += 1;
        }
        Ok(())
    }

    /// Checks the jobs against the site's limits, at first those of all pools, and says what should be known of them.
    async fn check(&mut self, specification: &JobSpecification) -> Result<()> {
        let limits = self.commands.limits().await;
        let others = self.others.iter().filter(|_| !self.again);
        let mut said = BTreeSet::new();
        for specification in std::iter::once(specification).chain(others) {
            let checked = limits.check(specification)?;
            self.site = checked.site;
            let new = checked.notices.into_iter().filter(|text| !self.again && said.insert(text.clone()));
            new.for_each(|text| self.tell(text));
        }
        let _ = self.reports.send(Report::MinJobAge(self.site.min_job_age));
        Ok(())
    }

    /// Waits until `sbatch` may be called again; not once everything is to end.
    async fn is_ended_before_it_may_submit(&mut self) -> bool {
        let pause = self.last.map(|last| (last + self.interval).saturating_duration_since(Instant::now()));
        let ended = tokio::select! {
            () = tokio::time::sleep(pause.unwrap_or_default()) => false,
            _ = self.ending.wait_for(|ending| *ending) => true,
        };
        self.last = Some(Instant::now());
        ended
    }

    /// When Slurm is to give up on workers that still wait: when the driver's own job ends at the latest.
    /// Slurm ends a pending job as soon as it could no longer run to its time limit before its deadline.
    async fn deadline(&self) -> Result<Option<u64>> {
        let Some(job) = self.allocation else { return Ok(None) };
        let left = self.commands.time_left(job).await?;
        Ok(left.zip(self.specification.walltime.seconds()).map(|(left, walltime)| left + walltime))
    }

    fn batch(&self, number: u32, part: JobSpecification) -> Result<Batch> {
        let script = self.run.write_script(number, &render(&self.template, &part)?)?;
        let array: Option<Range<u32>> = part.is_array().then_some(0..part.workers);
        let arguments = sbatch_arguments(&part, array, &script);
        Ok(Batch { workers: part.workers, script, arguments })
    }

    async fn submit(&self, number: u32, batch: &Batch) -> Result<Accepted> {
        let mut record = Submission::planned(number, self.specification.name.clone(), batch.workers);
        record.pool = self.specification.pool().map(str::to_owned);
        record.arguments = std::iter::once("sbatch".to_owned())
            .chain(batch.arguments.iter().map(|argument| argument.to_string_lossy().into_owned()))
            .collect();
        self.run.write_submission(&record)?;
        let notice = |line: &str| self.tell(line.to_owned());
        let script = || format!("the job script is {}", batch.script.display());
        let submitted = match self.commands.submit(&batch.arguments, notice).await {
            Ok(submitted) => submitted,
            Err(SubmitError::Ambiguous(error)) => self.find(error).await?,
            Err(error) => {
                record.refused = true;
                self.run.write_submission(&record)?;
                return match error {
                    SubmitError::Limited(error) => Ok(Accepted::Fewer(error)),
                    SubmitError::Later(error) => Ok(Accepted::Later(error)),
                    // A controller that is gone may come back; but whoever has just typed the command is told at once.
                    SubmitError::Unavailable(error) if number > 0 => Ok(Accepted::Later(error)),
                    error => Err(Error::from(error).hint(script())),
                };
            }
        };
        record.job = Some(submitted.job_id.0);
        record.cluster = self.commands.cluster_of(submitted.job_id);
        record.stdout.clone_from(&submitted.stdout);
        record.stderr.clone_from(&submitted.stderr);
        self.run.write_submission(&record)?;
        Ok(Accepted::All(submitted))
    }

    /// After a failure that says nothing: the job may be there all the same.
    async fn find(&self, error: Error) -> Result<Submitted> {
        let search = Search {
            commands: &self.commands,
            name: &self.specification.name,
            known: self.run.submissions().iter().filter_map(|done| done.job).collect(),
            apart: self.site.message_timeout,
        };
        let job_id = search.find(error, |text| self.tell(text)).await?;
        let (stdout, stderr) = (String::new(), String::new());
        Ok(Submitted { job_id, cluster: None, stdout, stderr })
    }

    fn put_off(&self, workers: u32, error: Error) {
        let _ = self.reports.send(Report::PutOff { pool: self.pool, workers, error });
    }

    fn tell(&self, text: String) {
        let _ = self.reports.send(Report::Notice(text));
    }
}

/// What has come of a submission.
enum Accepted {
    All(Submitted),
    /// Not so many, for this reason.
    Fewer(Error),
    /// Nothing just now, for this reason.
    Later(Error),
}

/// One call of `sbatch`.
struct Batch {
    workers: u32,
    script: PathBuf,
    arguments: Vec<OsString>,
}
