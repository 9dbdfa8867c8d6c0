//! Which of a site's clusters each job is on, where `sbatch` names one: a job id says nothing without it.
//!
//! Jobs of which no cluster is known are on the one that Slurm's commands take by themselves.

use crate::slurm::JobId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of clusters; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    jobs: BTreeMap<JobId, String>,
    /// Where jobs may be of which nothing was learnt.
    expected: BTreeSet<String>,
}

impl Clusters {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a job's cluster.
    pub(crate) fn note(&self, job: JobId, cluster: &str) {
        self.known().jobs.insert(job, cluster.to_owned());
    }

    /// Takes note that jobs may be on these clusters, whose names are separated by commas.
    pub(crate) fn expect(&self, list: &str) {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        self.known().expected.extend(names.map(str::to_owned));
    }

    /// The cluster of a job.
    pub(crate) fn of(&self, job: JobId) -> Option<String> {
        self.known().jobs.get(&job).cloned()
    }

    /// Every place where jobs may be, the commands' own first.
    pub(crate) fn places(&self) -> Vec<Option<String>> {
        let known = self.known();
        let named: BTreeSet<&String> = known.jobs.values().chain(&known.expected).collect();
        std::iter::once(None).chain(named.into_iter().cloned().map(Some)).collect()
    }

    /// Whether a job that is seen in a place can be meant: another one of its number may be on another cluster.
    pub(crate) fn may_be(&self, job: JobId, place: Option<&str>) -> bool {
        self.of(job).is_none_or(|cluster| place == Some(cluster.as_str()))
    }
}

/// The clusters that directives ask for.
pub(crate) fn asked(directives: &[String]) -> impl Iterator<Item = &str> {
    directives.iter().filter_map(|directive| {
        let long = directive.strip_prefix("--clusters").or_else(|| directive.strip_prefix("--cluster"));
        let value = long.or_else(|| directive.strip_prefix("-M"))?;
        Some(value.trim_start_matches(['=', ' ', '\t']).trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_is_where_it_was_noted_and_others_may_be_anywhere() {
        let clusters = Clusters::default();
        assert_eq!(clusters.places(), [None]);
        clusters.note(JobId(57), "graham");
        clusters.clone().expect("cedar, graham");
        assert_eq!(clusters.places(), [None, Some("cedar".to_owned()), Some("graham".to_owned())]);
        assert!(clusters.may_be(JobId(57), Some("graham")) && clusters.may_be(JobId(58), None));
        assert!(!clusters.may_be(JobId(57), None) && !clusters.may_be(JobId(57), Some("cedar")));
    }

    #[test]
    fn clusters_are_read_from_directives_in_every_form() {
        let directives =
            ["--clusters=a,b", "--clusters c", "-M d", "-Me", "--mail-type=FAIL"].map(str::to_owned);
        assert_eq!(asked(&directives).collect::<Vec<_>>(), ["a,b", "c", "d", "e"]);
    }
}
