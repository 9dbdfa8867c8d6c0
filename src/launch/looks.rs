//! What looks at the queue find: which jobs wait, run, have ended, or would wait for ever.

use crate::error::Result;
use crate::launch::slurm::key;
use crate::launch::{Phase, State};
use crate::slurm::{Commands, Ended, Exit, JobIdentity, JobRecord, JobState, Reason};
use std::collections::BTreeMap;

/// A job that so many looks in a row did not find is taken for ended: `squeue` is a moment behind `sbatch`, and
/// forgets a job some minutes after its end.
const MISSES: u32 = 3;

/// A job of which so many looks in a row found that it would wait for ever is believed to: a controller that has just
/// started says so of jobs that it has not looked at yet.
const STUCK: u32 = 2;

/// What was last seen of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    pub(super) word: String,
    pub(super) reason: String,
    pub(super) ended: bool,
    /// How many looks in a row did not find it.
    pub(super) missed: u32,
    /// How many looks in a row found that it would wait for ever.
    pub(super) stuck: u32,
}

/// What one look at the queue found.
pub(super) struct Look {
    pub(super) records: Vec<JobRecord>,
    /// How those ended that failed since the look before.
    pub(super) exits: BTreeMap<JobIdentity, Exit>,
    /// How those ended that have left the queue, as far as accounting says it.
    pub(super) accounted: BTreeMap<JobIdentity, Ended>,
}

/// Looks at the queue once. Most states say how a job ended; of those that only say that it failed more is asked, and
/// of those that have left the queue. `awaited` says which should be in it.
pub(super) async fn look(commands: &Commands, awaited: &BTreeMap<JobIdentity, bool>) -> Result<Look> {
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

/// The job's record, or that of the elements that were cancelled before they started, which share one.
pub(super) fn record_of(identity: JobIdentity, records: &[JobRecord]) -> Option<&JobRecord> {
    let own = |record: &&JobRecord| record.identity() == identity;
    let rest = |record: &&JobRecord| {
        record.array_job_id == identity.job_id && record.array_index.is_none() && record.state.is_final()
    };
    records.iter().find(own).or_else(|| records.iter().find(rest))
}

/// Whether the job waits for something that does not come by itself.
pub(super) fn waits_for_ever(record: &JobRecord) -> bool {
    record.state.is_waiting() && Reason::new(&record.reason).is_never()
}

/// What the record says of a job that was not said before, or in its place accounting.
pub(super) fn news(
    identity: JobIdentity,
    seen: &Seen,
    record: Option<&JobRecord>,
    accounted: Option<&Ended>,
) -> Option<State> {
    if seen.ended {
        return None;
    }
    let (state, reason) = match (record, accounted) {
        (Some(record), _) => (record.state.clone(), record.reason.clone()),
        (None, Some(ended)) => (ended.state.clone(), String::new()),
        (None, None) if seen.missed < MISSES => return None,
        (None, None) => (JobState::Other("UNKNOWN".to_owned()), String::new()),
    };
    if state.as_str() == seen.word && reason == seen.reason && seen.stuck != STUCK {
        return None;
    }
    let phase = match &state {
        _ if seen.stuck >= STUCK => Phase::Stuck,
        state if state.is_final() || record.is_none() => Phase::Ended,
        state if state.is_waiting() => Phase::Waiting,
        _ => Phase::Running,
    };
    let word = state.as_str().to_owned();
    Some(State { key: key(&identity), phase, word, reason, exit: None, log: String::new() })
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
        news(ELEMENT, seen, record_of(ELEMENT, records), None).map(|state| state.phase)
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
    fn job_that_two_looks_say_would_wait_for_ever_is_stuck_until_it_does_not_say_so() {
        let record = [record(Some(3), "PENDING", "PartitionTimeLimit")];
        let seen = |stuck| Seen {
            word: "PENDING".to_owned(),
            reason: "PartitionTimeLimit".to_owned(),
            stuck,
            ..Seen::default()
        };
        assert!(waits_for_ever(&record[0]));
        assert_eq!([1, 2, 3].map(|stuck| phase(&seen(stuck), &record)), [None, Some(Phase::Stuck), None]);
        // Somebody has raised the limit.
        let runs = JobRecord { state: JobState::Running, reason: String::new(), ..record[0].clone() };
        assert_eq!(phase(&seen(0), &[runs]), Some(Phase::Running));
    }

    #[test]
    fn accounting_says_what_the_queue_has_forgotten() {
        let ended = Ended { state: JobState::Timeout, exit: None };
        let seen = Seen { word: "RUNNING".to_owned(), missed: 1, ..Seen::default() };
        let state = news(ELEMENT, &seen, None, Some(&ended)).unwrap();
        assert_eq!((state.word.as_str(), state.phase), ("TIMEOUT", Phase::Ended));
        let unknown = Seen { word: "UNKNOWN".to_owned(), missed: 9, ..Seen::default() };
        assert!(news(ELEMENT, &unknown, None, Some(&ended)).is_some(), "it is never too late");
    }
}
