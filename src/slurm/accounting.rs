//! How jobs ended that `squeue` has forgotten, from `sacct`: where a site has accounting, and it works just now.
//!
//! What it says of a job that has not ended is not used: it may be some time behind the queue.

use crate::slurm::exit::parse_exit;
use crate::slurm::{Exit, JobId, JobIdentity, JobState};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// More elements than an array can have.
const MANY: u32 = 10_000_000;

/// How a job ended, as accounting has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Its last state.
    pub state: JobState,
    /// How its process ended, where that is known.
    pub exit: Option<Exit>,
}

/// The arguments of `sacct` for the jobs and arrays of these ids; none where there are no ids.
pub(crate) fn sacct_arguments(ids: &BTreeSet<JobId>) -> Option<Vec<OsString>> {
    let ids: Vec<String> = ids.iter().map(JobId::to_string).collect();
    let jobs = format!("--jobs={}", ids.join(","));
    let fixed = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode"];
    (!ids.is_empty()).then(|| fixed.into_iter().chain([jobs.as_str()]).map(OsString::from).collect())
}

/// Reads the answer: those of these jobs that have ended. Lines that are something else are passed over.
pub(crate) fn parse_ended(answer: &str, jobs: &BTreeSet<JobIdentity>) -> BTreeMap<JobIdentity, Ended> {
    let mut found = BTreeMap::new();
    for line in answer.lines() {
        let mut fields = line.split('|');
        let (Some(job), Some(state), Some(exit)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let ended = Ended { state: JobState::parse(state), exit: parse_exit(exit.trim()) };
        if let Some((id, elements)) = parse_id(job).filter(|_| ended.state.is_final()) {
            let named = |identity: &&JobIdentity| {
                let index = identity.array_index;
                identity.job_id == id
                    && elements.iter().any(|range| match (range, index) {
                        (Some(range), Some(index)) => range.contains(&index),
                        (None, None) => true,
                        _ => false,
                    })
            };
            found.extend(jobs.iter().filter(named).map(|&identity| (identity, ended.clone())));
        }
    }
    found
}

/// `124`, `124_3`, or `124_[4-7,9%2]` for elements that ended before they started: the id, and which elements.
fn parse_id(text: &str) -> Option<(JobId, Vec<Option<RangeInclusive<u32>>>)> {
    let Some((id, index)) = text.trim().split_once('_') else {
        return Some((text.trim().parse().ok()?, vec![None]));
    };
    let list = index.trim_start_matches('[').trim_end_matches(']');
    let list = list.split_once('%').map_or(list, |(list, _)| list);
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        (last < MANY).then_some(Some(first..=last))
    };
    Some((id.parse().ok()?, list.split(',').map(range).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(index: u32) -> JobIdentity {
        JobIdentity { job_id: JobId(124), array_index: Some(index) }
    }

    fn ended(state: JobState, exit: Exit) -> Ended {
        Ended { state, exit: Some(exit) }
    }

    #[test]
    fn ends_of_elements_of_remainders_and_of_plain_jobs_are_read_and_nothing_else_is() {
        let answer = "\
124_0|COMPLETED|0:0
124_1|FAILED|0:9
124_2|RUNNING|0:0
124_[4-5,7%2]|CANCELLED by 1001|0:0
131|OUT_OF_MEMORY|0:125
132|FAILED|3:0
124_1.batch|CANCELLED|0:9
the site is down on Monday
";
        let jobs = (0..9).map(element).chain([JobId(131).into()]).collect();
        let expected = [
            (element(0), ended(JobState::Completed, Exit::Code(0))),
            (element(1), ended(JobState::Failed, Exit::Signal(9))),
            (element(4), ended(JobState::Cancelled, Exit::Code(0))),
            (element(5), ended(JobState::Cancelled, Exit::Code(0))),
            (element(7), ended(JobState::Cancelled, Exit::Code(0))),
            (JobId(131).into(), ended(JobState::OutOfMemory, Exit::Signal(125))),
        ];
        assert_eq!(parse_ended(answer, &jobs), expected.into());
    }

    #[test]
    fn one_call_asks_for_all_and_none_is_made_for_nothing() {
        let ids = BTreeSet::from([JobId(124), JobId(131)]);
        let arguments = sacct_arguments(&ids).unwrap();
        assert!(arguments.contains(&"--jobs=124,131".into()), "{arguments:?}");
        assert_eq!(sacct_arguments(&BTreeSet::new()), None);
    }
}
