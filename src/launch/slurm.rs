//! Workers as Slurm jobs: submitted as an array, watched with one `squeue` for all, ended with one `scancel`.
//!
//! Scripts are rendered and checked before anything is submitted. What is known of a submission is on disk
//! before `sbatch` is called, so that its jobs can be found by name whatever happens next.

use crate::error::Result;
use crate::launch::janitor::{self, Janitor};
use crate::launch::looks::{Look, Seen, look, news, record_of, waits_for_ever};
use crate::launch::submit::SubmissionTask;
use crate::launch::{END_BUDGET, Key, Launcher, Order, Orders, Phase, PoolId, Report, Reports, State, tail};
use crate::run::{RunDirectory, Submission};
use crate::slurm::{
    Allocation, Commands, JobId, JobIdentity, JobSpecification, Reason, Site, Submitted, render,
};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What is kept of the end's budget for `scancel` while `sbatch` is still under way.
const CANCEL_SHARE: Duration = Duration::from_secs(4);

/// Starts workers as Slurm jobs.
pub struct SlurmLauncher {
    run: RunDirectory,
    /// The jobs of each pool, with as many workers as are started first. They differ in what they ask for alone.
    specifications: Vec<JobSpecification>,
    template: String,
    /// The job that the driver runs in, if it runs in one.
    allocation: Option<Allocation>,
    /// How long workers of a driver in a job may wait before there is a janitor, if there is to be one.
    patience: Option<Duration>,
    janitor: Option<Janitor>,
    commands: Commands,
    /// The shortest time between two calls of `sbatch`, and when it was last called.
    interval: Duration,
    last: Option<Instant>,
    jobs: BTreeMap<JobIdentity, Seen>,
    /// Reasons of Slurm's that were explained.
    explained: BTreeSet<String>,
}

/// What happens while the launcher waits for orders.
pub(super) enum Happening {
    Submitted(PoolId, u32, Submitted),
    /// No more submissions follow.
    Finished,
    Looked(Result<Look>),
}

impl SlurmLauncher {
    /// A launcher of the specified jobs, those of one pool at the least. Their scripts are rendered and checked here,
    /// before anything else is done; nothing is submitted yet.
    pub fn new(
        run: RunDirectory,
        specifications: Vec<JobSpecification>,
        template: String,
        allocation: Option<Allocation>,
        patience: Option<Duration>,
        interval: Duration,
    ) -> Result<SlurmLauncher> {
        let commands = Commands::new();
        for specification in &specifications {
            // Those of a pool that is not needed at first are checked as well.
            let workers = specification.workers.max(1);
            render(&template, &JobSpecification { workers, ..specification.clone() })?;
            commands.note_directives(&specification.directives);
        }
        Ok(SlurmLauncher {
            run,
            specifications,
            template,
            allocation,
            patience,
            janitor: None,
            commands,
            interval,
            last: None,
            jobs: BTreeMap::new(),
            explained: BTreeSet::new(),
        })
    }

    async fn serve(mut self, mut orders: Orders, reports: Reports) {
        let (happen, mut happenings) = mpsc::unbounded_channel();
        let (ending, _) = watch::channel(false);
        let mut looking = false;
        // Workers that are to be started once no submission is under way.
        let first = self.specifications.iter().map(|specification| specification.workers);
        let first = (0..).map(PoolId).zip(first).filter(|(_, workers)| *workers > 0);
        let mut more: BTreeMap<PoolId, u32> = first.collect();
        let mut submitting = None;
        loop {
            if submitting.is_none()
                && let Some((pool, workers)) = more.pop_first()
            {
                let task = self.submission(pool, workers, &reports, ending.subscribe());
                submitting = Some(tokio::spawn(task.run(happen.clone())));
            }
            tokio::select! {
                Some(happening) = happenings.recv() => match happening {
                    Happening::Submitted(pool, workers, submitted) => {
                        self.submitted(pool, workers, &submitted, &reports);
                    }
                    Happening::Finished => {
                        submitting = None;
                        self.last = Some(Instant::now());
                        if self.janitor.is_none() && !self.jobs.is_empty() {
                            self.janitor = self.plan_janitor(&reports);
                        }
                    }
                    Happening::Looked(records) => {
                        looking = false;
                        self.looked(records, &reports);
                    }
                },
                order = orders.recv() => match order {
                    Some(Order::Look) if !looking && !self.jobs.is_empty() => {
                        looking = true;
                        let (commands, happen) = (self.commands.clone(), happen.clone());
                        let known = self.jobs.iter().filter(|(_, seen)| !seen.ended);
                        // A job that was never seen may come into the queue yet.
                        let expected = |seen: &Seen| !seen.word.is_empty() || seen.missed > 0;
                        let awaited = known.map(|(&identity, seen)| (identity, expected(seen))).collect();
                        tokio::spawn(async move {
                            let _ = happen.send(Happening::Looked(look(&commands, &awaited).await));
                        });
                    }
                    Some(Order::Look) => {}
                    Some(Order::Start { pool, workers }) => *more.entry(pool).or_default() += workers,
                    Some(Order::Withdraw { keys }) => self.withdraw(&keys, &reports),
                    Some(Order::End { left, .. }) => {
                        ending.send_replace(true);
                        let end = self.end(left, submitting, happenings, &reports).await;
                        let _ = reports.send(Report::Gone(end));
                        return;
                    }
                    None => return,
                },
            }
        }
    }

    fn submission(
        &self,
        pool: PoolId,
        workers: u32,
        reports: &Reports,
        ending: watch::Receiver<bool>,
    ) -> SubmissionTask {
        let (before, after) = self.specifications.split_at(pool.0);
        let (own, after) = after.split_first().expect("the pool is one of these");
        SubmissionTask {
            run: self.run.clone(),
            pool,
            specification: JobSpecification { workers, ..own.clone() },
            others: before.iter().chain(after).cloned().collect(),
            template: self.template.clone(),
            allocation: self.allocation.as_ref().map(|allocation| allocation.job_id),
            commands: self.commands.clone(),
            reports: reports.clone(),
            again: !self.jobs.is_empty(),
            interval: self.interval,
            last: self.last,
            ending,
            site: Site::default(),
        }
    }

    /// Cancels jobs beside other work; the next looks tell what came of it.
    fn withdraw(&self, keys: &BTreeSet<Key>, reports: &Reports) {
        let wanted = |identity: &&JobIdentity| keys.contains(&key(identity));
        let ids: Vec<JobIdentity> = self.jobs.keys().filter(wanted).copied().collect();
        let (commands, reports) = (self.commands.clone(), reports.clone());
        tokio::spawn(async move {
            if commands.cancel(&ids, None, CANCEL_SHARE).await.is_err() {
                let line = commands.scancel_line(&ids, None);
                let _ = reports.send(Report::Notice(format!("these are not wanted any more: `{line}`")));
            }
        });
    }

    fn plan_janitor(&self, reports: &Reports) -> Option<Janitor> {
        let (allocation, patience) = self.allocation.as_ref().zip(self.patience)?;
        let (driver, partition) = (allocation.job_id, allocation.partition.clone());
        let (run, workers) = (self.run.clone(), self.specifications[0].clone());
        let (commands, reports) = (self.commands.clone(), reports.clone());
        Some(Janitor::start(janitor::Duty { run, workers, driver, partition, commands, reports, patience }))
    }

    fn submitted(&mut self, pool: PoolId, workers: u32, submitted: &Submitted, reports: &Reports) {
        let identities = identities(&self.specifications[pool.0], workers, submitted);
        let keys = identities.iter().map(key).collect();
        self.jobs.extend(identities.into_iter().map(|identity| (identity, Seen::default())));
        let within =
            self.specifications[pool.0].pool().map_or(String::new(), |name| format!(" of pool {name}"));
        let job = format!("job {}{within}", submitted.job_id);
        let _ = reports.send(Report::Started { pool, job, keys });
    }

    fn looked(&mut self, look: Result<Look>, reports: &Reports) {
        let Look { records, mut exits, accounted } = match look {
            Ok(look) => look,
            Err(error) => {
                let _ = reports.send(Report::Notice(error.to_string()));
                return;
            }
        };
        let known = accounted.iter().filter_map(|(&identity, ended)| Some((identity, ended.exit?)));
        exits.extend(known);
        let mut states = Vec::new();
        for (identity, seen) in &mut self.jobs {
            let record = record_of(*identity, &records);
            seen.missed = if record.is_some() { 0 } else { seen.missed + 1 };
            seen.stuck = if record.is_some_and(waits_for_ever) { seen.stuck + 1 } else { 0 };
            let accounted = accounted.get(identity).filter(|_| record.is_none());
            let Some(mut state) = news(*identity, seen, record, accounted) else { continue };
            // One that Slurm no longer knows may be there all the same, and is cancelled at the end.
            let ended = state.phase == Phase::Ended && (record.is_some() || accounted.is_some());
            match state.phase {
                Phase::Ended => {
                    state.exit = exits.get(identity).copied();
                    state.log = tail(&self.specifications[0].log_file(*identity));
                }
                Phase::Stuck => state.log = Reason::new(&state.reason).hint().unwrap_or_default().to_owned(),
                Phase::Waiting | Phase::Running => {}
            }
            *seen = Seen { word: state.word.clone(), reason: state.reason.clone(), ended, ..*seen };
            states.push(state);
        }
        if !states.is_empty() {
            self.explain(&states, reports);
            let _ = reports.send(Report::States(states));
        }
    }

    /// Says what a person can do about reasons that waiting does not cure, each once.
    fn explain(&mut self, states: &[State], reports: &Reports) {
        for state in states.iter().filter(|state| state.phase == Phase::Waiting) {
            let reason = Reason::new(&state.reason);
            if let Some(hint) = reason.hint().filter(|_| self.explained.insert(state.reason.clone())) {
                let _ = reports.send(Report::Notice(format!("{}: {hint}", reason.as_str())));
            }
        }
    }

    /// Cancels what is left; returns the line to type where that cannot be done in time.
    async fn end(
        &mut self,
        left: BTreeSet<Key>,
        mut submitting: Option<JoinHandle<()>>,
        mut happenings: mpsc::UnboundedReceiver<Happening>,
        reports: &Reports,
    ) -> Option<String> {
        let deadline = Instant::now() + END_BUDGET;
        while submitting.is_some() {
            let wait = tokio::time::timeout_at((deadline - CANCEL_SHARE).into(), happenings.recv());
            match wait.await {
                Ok(Some(Happening::Submitted(pool, workers, submitted))) => {
                    self.submitted(pool, workers, &submitted, reports);
                }
                Ok(Some(Happening::Finished)) => submitting = None,
                Ok(Some(Happening::Looked(_))) => {}
                Ok(None) | Err(_) => break,
            }
        }
        // An `sbatch` that still hangs is killed before its jobs are cancelled; they may come all the same.
        let hanging = submitting.inspect(JoinHandle::abort).is_some();
        let janitor = match self.janitor.take() {
            Some(janitor) => janitor.end(deadline - CANCEL_SHARE, &self.run).await,
            None => None,
        };
        let here = |(identity, seen): (&JobIdentity, &Seen)| {
            (!seen.ended && !left.contains(&key(identity))).then_some(*identity)
        };
        let remaining: Vec<JobIdentity> = self.jobs.iter().filter_map(here).collect();
        let known = !hanging && self.run.submissions().iter().all(Submission::is_known);
        if remaining.is_empty() && known && janitor.is_none() {
            return None;
        }
        let name = self.specifications[0].name.as_str();
        // By name too where that can hit nothing that is just ending in order.
        let by_name = (!known || left.is_empty()).then_some(name);
        let budget = deadline.saturating_duration_since(Instant::now());
        let mut ids = whole_arrays(&remaining, self.jobs.len());
        ids.extend(janitor.as_ref().and_then(|janitor| janitor.job).map(|job| JobIdentity::from(JobId(job))));
        let unknown =
            janitor.as_ref().filter(|janitor| !janitor.is_known()).map(|janitor| janitor.name.as_str());
        let (cancelled, _) = tokio::join!(
            self.commands.cancel(&ids, by_name, budget),
            self.commands.cancel(&[], unknown, budget),
        );
        (cancelled.is_err() || hanging).then(|| self.commands.scancel_line(&ids, Some(name)))
    }
}

impl Launcher for SlurmLauncher {
    fn run(self: Box<Self>, orders: Orders, reports: Reports) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve(orders, reports))
    }
}

fn identities(specification: &JobSpecification, workers: u32, submitted: &Submitted) -> Vec<JobIdentity> {
    let part = JobSpecification { workers, ..specification.clone() };
    let index = |index| JobIdentity { job_id: submitted.job_id, array_index: Some(index) };
    if part.is_array() { (0..workers).map(index).collect() } else { vec![submitted.job_id.into()] }
}

pub(super) fn key(identity: &JobIdentity) -> Key {
    Key(identity.to_string())
}

/// Whole arrays where nothing of the launch is spared, so that the command line stays short.
fn whole_arrays(remaining: &[JobIdentity], launched: usize) -> Vec<JobIdentity> {
    if remaining.len() < launched {
        return remaining.to_vec();
    }
    let arrays: BTreeSet<_> = remaining.iter().map(|identity| identity.job_id).collect();
    arrays.into_iter().map(JobIdentity::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_spared_nothing_is_cancelled_as_a_whole() {
        let all: Vec<_> =
            (0..3).map(|index| JobIdentity { job_id: JobId(124), array_index: Some(index) }).collect();
        assert_eq!(whole_arrays(&all, 3), [JobId(124).into()]);
        assert_eq!(whole_arrays(&all[1..], 3), all[1..]);
    }
}
