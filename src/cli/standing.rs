//! How a run stands, from its directory alone, and with what Slurm says where that is asked: whether its driver lives,
//! whether it can be gone on with, how far it is.

use crate::cli::former::{lives, submitted};
use crate::error::Error;
use crate::monitor::Status;
use crate::run::{Owner, RunDirectory};
use crate::slurm::JobRecord;
use serde::Serialize;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Its driver lives, or waits in Slurm's queue.
    Running,
    /// It is over, and nothing more comes of it.
    Ended,
    /// It is over before it was done, and can be gone on with.
    Resumable,
    /// Its driver is dead, and nobody has seen to what it left.
    Orphaned,
    /// Another driver took it over, and has told nothing.
    Superseded,
    /// Its driver is where it cannot be seen from here.
    Unseen,
    /// Its directory does not say.
    Damaged,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Ended => "ended",
            State::Resumable => "can be resumed",
            State::Orphaned => "orphaned",
            State::Superseded => "superseded",
            State::Unseen => "not seen from here",
            State::Damaged => "damaged",
        }
    }
}

/// A run as its directory shows it.
pub(super) struct Standing {
    pub(super) state: State,
    pub(super) status: Status,
    pub(super) owner: Option<Owner>,
    /// The elements of its stages.
    stages: Vec<u64>,
    is_done: bool,
    /// What of the directory cannot be read.
    pub(super) damage: Vec<Error>,
}

impl Standing {
    /// The standing of a run; `records` are the user's jobs, where Slurm was asked.
    pub(super) fn of(run: &RunDirectory, records: Option<&[JobRecord]>) -> Standing {
        let mut damage = Vec::new();
        let owner = run.owner().map_err(|error| damage.push(error)).ok();
        // A driver writes no events where there is no directory yet, and none before it is there.
        let status = match run.events_file().symlink_metadata() {
            Ok(_) => Status::read(&run.events_file()).unwrap_or_else(|error| {
                damage.push(error);
                Status::default()
            }),
            Err(_) => Status::default(),
        };
        if status.unreadable > 0 {
            let events = run.events_file();
            damage.push(Error::refused(format!(
                "{} lines of `{}` are damaged",
                status.unreadable,
                events.display()
            )));
        }
        damage.extend(run.submissions_seen().into_iter().filter_map(Result::err));
        let stages = run.plan_text().map(|plan| stages(&plan)).unwrap_or_default();
        let state = state(run, owner.as_ref(), &status, records);
        Standing { state, status, owner, stages, is_done: run.is_ended() && run.is_done(), damage }
    }

    /// The share of the run that is done, as far as that is known.
    pub(super) fn share(&self) -> Option<f64> {
        let failed = self.status.failed.is_some();
        if self.is_done && !failed { Some(1.0) } else { self.status.share(&self.stages) }
    }
}

fn state(run: &RunDirectory, owner: Option<&Owner>, status: &Status, records: Option<&[JobRecord]>) -> State {
    if run.is_ended() {
        return if !run.is_done() && run.keeps_checkpoints() { State::Resumable } else { State::Ended };
    }
    let Some(owner) = owner else { return State::Damaged };
    let alive = match records {
        Some(records) => lives(run, owner, records, None),
        None => seen(run, owner),
    };
    match alive {
        Some(true) => State::Running,
        _ if status.drivers > 0 && status.superseded >= status.drivers => State::Superseded,
        Some(false) => State::Orphaned,
        None => State::Unseen,
    }
}

/// Whether a driver lives, as far as this host shows it.
fn seen(run: &RunDirectory, owner: &Owner) -> Option<bool> {
    let seen = owner.process.is_alive();
    // One that was submitted may wait in the queue, for the first time or again.
    seen.filter(|alive| *alive || submitted(run).is_none())
}

/// The elements of each stage, as the plan is written for people.
fn stages(plan: &str) -> Vec<u64> {
    let elements = |line: &str| {
        let (_, figures) = line.strip_prefix("stage ")?.split_once(": ")?;
        figures.rsplit_once(" tasks, ")?.1.strip_suffix(" elements")?.parse().ok()
    };
    plan.lines().filter_map(elements).collect()
}

/// What a run computes, in its own words, from its settings: names and expressions of arrays, results and files.
#[derive(Debug, Default, Serialize)]
pub(super) struct Computes {
    pub(super) arrays: Vec<(String, String)>,
    pub(super) results: Vec<(String, String)>,
    pub(super) saves: Vec<(String, String)>,
    /// `threads`, `processes` or `slurm`.
    #[serde(skip)]
    pub(super) cluster: Option<String>,
}

impl Computes {
    /// That of a run whose settings are there and can be read.
    pub(super) fn of(run: &RunDirectory) -> Result<Computes, Error> {
        let text = run.settings_text()?;
        let settings: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let what = format!("`{}` is damaged", run.settings_file().display());
            Error::refused(what).cause(error.message().to_owned())
        })?;
        let named = |section: &str| -> Vec<(String, String)> {
            let table = settings.get(section).and_then(toml::Value::as_table).into_iter().flatten();
            table.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        };
        let kind = settings.get("cluster").and_then(|cluster| cluster.get("kind"));
        let cluster = kind.and_then(toml::Value::as_str).map(str::to_owned);
        Ok(Computes { arrays: named("arrays"), results: named("results"), saves: named("save"), cluster })
    }

    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let results = self.results.iter().map(|(name, expression)| format!("{name} = {expression}"));
        let saves = self.saves.iter().map(|(path, expression)| format!("{path} = {expression}"));
        results.chain(saves).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_stages_are_read_from_the_plan() {
        let plan = "seed 1\nresult a = stage 3: 1 tasks, 5 elements\nstage 0: 8 chunks, 8 tasks, 100 elements\n  \
                    places [1]: 8 tasks of [1]\nstage 1: 1 chunks, 1 tasks, 7 elements\n";
        assert_eq!(stages(plan), [100, 7]);
        assert_eq!(stages("stage 0: x elements\nstage"), [0_u64; 0]);
    }
}
