//! Workers as Slurm jobs: submitted as an array, watched with one `squeue` for all, ended with one `scancel`.
//!
//! Scripts are rendered and checked before anything is submitted. What is known of a submission is on disk
//! before `sbatch` is called, so that its jobs can be found by name whatever happens next. A job that could never
//! start counts as ended, though it is cancelled only at the end: whoever waits for it would wait for ever.

use crate::error::Result;
use crate::launch::janitor::{self, Janitor};
use crate::launch::submit::SubmissionTask;
use crate::launch::{END_BUDGET, Key, Launcher, Order, Orders, Phase, Report, Reports, State, tail};
use crate::run::{RunDirectory, Submission};
use crate::slurm::{
    Allocation, Commands, Ended, Exit, JobId, JobIdentity, JobRecord, JobSpecification, JobState, Reason,
    Site, Submitted, render,
};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What is kept of the end's budget for `scancel` while `sbatch` is still under way.
const CANCEL_SHARE: Duration = Duration::from_secs(4);

/// A job that so many looks in a row did not find is taken for ended: `squeue` is a moment behind `sbatch`, and
/// forgets a job some minutes after its end.
const MISSES: u32 = 3;

/// Starts workers as Slurm jobs.
pub struct SlurmLauncher {
    run: RunDirectory,
    specification: JobSpecification,
    template: String,
    /// The job that the driver runs in, if it runs in one.
    allocation: Option<Allocation>,
    /// How long workers of a driver in a job may wait before there is a janitor, if there is to be one.
    patience: Option<Duration>,
    janitor: Option<Janitor>,
    commands: Commands,
    jobs: BTreeMap<JobIdentity, Seen>,
    /// Reasons of Slurm's that were explained.
    explained: BTreeSet<String>,
}

/// What was last seen of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    word: String,
    reason: String,
    ended: bool,
    /// It waits, and cannot start: two looks in a row have found the same reason.
    never: bool,
    /// How many looks in a row did not find it.
    missed: u32,
}

/// What happens while the launcher waits for orders.
pub(super) enum Happening {
    Submitted(u32, Submitted),
    /// No more submissions follow.
    Finished(Result<()>),
    Looked(Result<Look>),
}

/// What one look at the queue found.
pub(super) struct Look {
    records: Vec<JobRecord>,
    /// How those ended that failed since the look before.
    exits: BTreeMap<JobIdentity, Exit>,
    /// How those ended that have left the queue, as far as accounting says it.
    accounted: BTreeMap<JobIdentity, Ended>,
}

impl SlurmLauncher {
    /// A launcher of the specified jobs. The script is rendered and checked here, before anything else is
    /// done; nothing is submitted yet.
    pub fn new(
        run: RunDirectory,
        specification: JobSpecification,
        template: String,
        allocation: Option<Allocation>,
        patience: Option<Duration>,
    ) -> Result<SlurmLauncher> {
        render(&template, &specification)?;
        let commands = Commands::new();
        commands.note_directives(&specification.directives);
        Ok(SlurmLauncher {
            run,
            specification,
            template,
            allocation,
            patience,
            janitor: None,
            commands,
            jobs: BTreeMap::new(),
            explained: BTreeSet::new(),
        })
    }

    async fn serve(mut self, mut orders: Orders, reports: Reports) {
        let (happen, mut happenings) = mpsc::unbounded_channel();
        let mut looking = false;
        // Workers that are to be started once no submission is under way.
        let mut more = 0;
        let first = self.specification.workers;
        let mut submitting = Some(self.start_submitting(first, &happen, &reports));
        loop {
            tokio::select! {
                Some(happening) = happenings.recv() => match happening {
                    Happening::Submitted(workers, submitted) => self.submitted(workers, &submitted, &reports),
                    Happening::Finished(result) => {
                        submitting = None;
                        match result {
                            Ok(()) if self.janitor.is_none() => self.janitor = self.plan_janitor(&reports),
                            Ok(()) => {}
                            Err(error) => {
                                let _ = reports.send(Report::Failed(error));
                            }
                        }
                        if more > 0 {
                            submitting = Some(self.start_submitting(std::mem::take(&mut more), &happen, &reports));
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
                    Some(Order::Start { workers }) if submitting.is_some() => more += workers,
                    Some(Order::Start { workers }) => {
                        submitting = Some(self.start_submitting(workers, &happen, &reports));
                    }
                    Some(Order::Withdraw { keys }) => self.withdraw(&keys, &reports),
                    Some(Order::End { left, .. }) => {
                        let end = self.end(left, submitting, happenings, &reports).await;
                        let _ = reports.send(Report::Gone(end));
                        return;
                    }
                    None => return,
                },
            }
        }
    }

    fn start_submitting(
        &self,
        workers: u32,
        happen: &mpsc::UnboundedSender<Happening>,
        reports: &Reports,
    ) -> JoinHandle<()> {
        let task = SubmissionTask {
            run: self.run.clone(),
            specification: JobSpecification { workers, ..self.specification.clone() },
            template: self.template.clone(),
            allocation: self.allocation.as_ref().map(|allocation| allocation.job_id),
            commands: self.commands.clone(),
            reports: reports.clone(),
            again: !self.jobs.is_empty(),
            site: Site::default(),
        };
        tokio::spawn(task.run(happen.clone()))
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
        let (run, workers) = (self.run.clone(), self.specification.clone());
        let (commands, reports) = (self.commands.clone(), reports.clone());
        Some(Janitor::start(janitor::Duty { run, workers, driver, partition, commands, reports, patience }))
    }

    fn submitted(&mut self, workers: u32, submitted: &Submitted, reports: &Reports) {
        let identities = identities(&self.specification, workers, submitted);
        let keys = identities.iter().map(key).collect();
        self.jobs.extend(identities.into_iter().map(|identity| (identity, Seen::default())));
        let job = format!("job {}", submitted.job_id);
        let _ = reports.send(Report::Started { job, keys });
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
            let accounted = accounted.get(identity).filter(|_| record.is_none());
            let Some((mut state, never)) = news(*identity, seen, record, accounted) else { continue };
            // One that Slurm no longer knows may be there all the same, and is cancelled at the end.
            let ended = state.phase == Phase::Ended && !never && (record.is_some() || accounted.is_some());
            if state.phase == Phase::Ended {
                state.exit = exits.get(identity).copied();
                state.log = tail(&self.specification.log_file(*identity));
            }
            *seen = Seen { word: state.word.clone(), reason: state.reason.clone(), ended, never, ..*seen };
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
                Ok(Some(Happening::Submitted(workers, submitted))) => {
                    self.submitted(workers, &submitted, reports);
                }
                Ok(Some(Happening::Finished(_))) => submitting = None,
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
        let name = self.specification.name.as_str();
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

/// Looks at the queue once. Most states say how a job ended; of those that only say that it failed more is asked, and
/// of those that have left the queue. `awaited` says which should be in it.
async fn look(commands: &Commands, awaited: &BTreeMap<JobIdentity, bool>) -> Result<Look> {
    let records = commands.jobs().await?;
    let failed = |record: &&JobRecord| {
        matches!(record.state, JobState::Failed) && awaited.contains_key(&record.identity())
    };
    let failed = records.iter().filter(failed).map(|record| record.array_job_id).collect();
    // A controller that has forgotten a job, or hangs just now, leaves the cause unknown.
    let exits = commands.exits(&failed).await.unwrap_or_default();
    let gone =
        awaited.iter().filter(|&(&identity, &expected)| expected && record_of(identity, &records).is_none());
    // So does a site without accounting, or whose accounting is down.
    let accounted = commands.ended(&gone.map(|(&identity, _)| identity).collect()).await.unwrap_or_default();
    Ok(Look { records, exits, accounted })
}

fn identities(specification: &JobSpecification, workers: u32, submitted: &Submitted) -> Vec<JobIdentity> {
    let part = JobSpecification { workers, ..specification.clone() };
    let index = |index| JobIdentity { job_id: submitted.job_id, array_index: Some(index) };
    if part.is_array() { (0..workers).map(index).collect() } else { vec![submitted.job_id.into()] }
}

fn key(identity: &JobIdentity) -> Key {
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

/// The job's record, or that of the elements that were cancelled before they started, which share one.
fn record_of(identity: JobIdentity, records: &[JobRecord]) -> Option<&JobRecord> {
    let own = |record: &&JobRecord| record.identity() == identity;
    let rest = |record: &&JobRecord| {
        record.array_job_id == identity.job_id && record.array_index.is_none() && record.state.is_final()
    };
    records.iter().find(own).or_else(|| records.iter().find(rest))
}

/// What the record says of a job that was not said before, or in its place accounting; and whether it is that the job
/// waits and can never start.
fn news(
    identity: JobIdentity,
    seen: &Seen,
    record: Option<&JobRecord>,
    accounted: Option<&Ended>,
) -> Option<(State, bool)> {
    if seen.ended {
        return None;
    }
    let (state, reason) = match (record, accounted) {
        (Some(record), _) => (record.state.clone(), record.reason.clone()),
        (None, Some(ended)) => (ended.state.clone(), String::new()),
        (None, None) if seen.missed < MISSES => return None,
        (None, None) => (JobState::Other("UNKNOWN".to_owned()), String::new()),
    };
    let same = state.as_str() == seen.word && reason == seen.reason;
    let never = same && state.is_waiting() && Reason::new(&reason).is_never();
    if same && never == seen.never {
        return None;
    }
    let phase = match &state {
        state if never || state.is_final() || record.is_none() => Phase::Ended,
        state if state.is_waiting() => Phase::Waiting,
        _ => Phase::Running,
    };
    let word = state.as_str().to_owned();
    Some((State { key: key(&identity), phase, word, reason, exit: None, log: String::new() }, never))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::JobId;

    const ELEMENT: JobIdentity = JobIdentity { job_id: JobId(124), array_index: Some(3) };

    fn record(index: Option<u32>, state: &str, reason: &str) -> JobRecord {
        JobRecord {
            job_id: JobId(130),
            array_job_id: JobId(124),
            array_index: index,
            state: JobState::parse(state),
            reason: reason.to_owned(),
            nodes: String::new(),
            start_time: None,
            name: "sq-x-0".to_owned(),
        }
    }

    fn phase(seen: &Seen, records: &[JobRecord]) -> Option<Phase> {
        news(ELEMENT, seen, record_of(ELEMENT, records), None).map(|(state, _)| state.phase)
    }

    #[test]
    fn an_element_not_in_the_queue_has_ended_only_after_several_looks() {
        let seen = |missed| Seen { word: "RUNNING".to_owned(), missed, ..Seen::default() };
        assert_eq!(phase(&Seen::default(), &[]), None);
        assert_eq!(phase(&seen(MISSES - 1), &[]), None);
        assert_eq!(phase(&seen(MISSES), &[]), Some(Phase::Ended));
    }

    #[test]
    fn elements_cancelled_before_their_start_share_one_record() {
        let seen = Seen { word: "PENDING".to_owned(), ..Seen::default() };
        assert_eq!(phase(&seen, &[record(None, "CANCELLED", "")]), Some(Phase::Ended));
    }

    #[test]
    fn the_same_words_are_no_news_and_another_reason_is() {
        let seen = Seen { word: "PENDING".to_owned(), reason: "Priority".to_owned(), ..Seen::default() };
        assert_eq!(phase(&seen, &[record(Some(3), "PENDING", "Priority")]), None);
        assert_eq!(phase(&seen, &[record(Some(3), "PENDING", "Resources")]), Some(Phase::Waiting));
    }

    #[test]
    fn a_reason_that_no_wait_cures_ends_the_wait_at_the_second_look_and_once() {
        let reason = "QOSMaxWallDurationPerJobLimit";
        let records = [record(Some(3), "PENDING", reason)];
        let seen = |reason: &str, never| Seen {
            word: "PENDING".to_owned(),
            reason: reason.to_owned(),
            never,
            ..Seen::default()
        };
        assert_eq!(phase(&seen("", false), &records), Some(Phase::Waiting));
        assert_eq!(phase(&seen(reason, false), &records), Some(Phase::Ended));
        assert_eq!(phase(&seen(reason, true), &records), None);
        // Somebody has raised the limit.
        assert_eq!(phase(&seen(reason, true), &[record(Some(3), "RUNNING", "")]), Some(Phase::Running));
    }

    #[test]
    fn accounting_says_what_the_queue_has_forgotten() {
        let ended = Ended { state: JobState::Timeout, exit: None };
        let seen = Seen { word: "RUNNING".to_owned(), missed: 1, ..Seen::default() };
        let (state, _) = news(ELEMENT, &seen, None, Some(&ended)).unwrap();
        assert_eq!((state.word.as_str(), state.phase), ("TIMEOUT", Phase::Ended));
        let unknown = Seen { word: "UNKNOWN".to_owned(), missed: 9, ..Seen::default() };
        assert!(news(ELEMENT, &unknown, None, Some(&ended)).is_some(), "it is never too late");
    }

    #[test]
    fn a_launch_spared_nothing_is_cancelled_as_a_whole() {
        let all: Vec<_> = (0..3).map(|index| JobIdentity { array_index: Some(index), ..ELEMENT }).collect();
        assert_eq!(whole_arrays(&all, 3), [JobId(124).into()]);
        assert_eq!(whole_arrays(&all[1..], 3), all[1..]);
    }
}
