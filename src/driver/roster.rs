//! Who was launched, who is connected, who has left: the joined truth about workers.

use crate::error::{Error, ErrorKind};
use crate::launch::{Key, Phase, State};
use crate::scheduler::WorkerId;
use std::collections::{BTreeMap, BTreeSet};

/// All workers of a run.
pub(super) struct Roster {
    /// How many were asked for.
    expected: u32,
    /// How many must be there before work begins.
    minimum: u32,
    begun: bool,
    launched: BTreeMap<Key, Launched>,
    connected: BTreeMap<WorkerId, Connected>,
}

/// A worker as the launcher knows it.
#[derive(Default)]
struct Launched {
    worker: Option<WorkerId>,
    /// Whether the launcher knows it.
    known: bool,
    state: Option<State>,
    /// It said that it leaves.
    left: bool,
}

/// A worker as its connection knows it.
struct Connected {
    key: Key,
    leaving: bool,
}

impl Launched {
    /// One that has left has not ended before the launcher says so, and why.
    fn has_ended(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.phase == Phase::Ended)
    }
}

impl Roster {
    pub(super) fn new(expected: u32, minimum: u32) -> Roster {
        Roster { expected, minimum, begun: false, launched: BTreeMap::new(), connected: BTreeMap::new() }
    }

    /// Workers that are connected.
    pub(super) fn connected(&self) -> impl Iterator<Item = WorkerId> {
        self.connected.keys().copied()
    }

    /// Workers that left by themselves, and need no ending.
    pub(super) fn left(&self) -> BTreeSet<Key> {
        self.launched.iter().filter(|(_, launched)| launched.left).map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn started(&mut self, keys: Vec<Key>) {
        for key in keys {
            // A quick worker registers before the launcher knows its name.
            self.launched.entry(key).or_default().known = true;
        }
    }

    pub(super) fn registered(&mut self, worker: WorkerId, key: Key) {
        let launched = self.launched.entry(key.clone()).or_default();
        launched.worker = Some(worker);
        launched.left = false;
        self.connected.insert(worker, Connected { key, leaving: false });
        self.begun |= self.connected.len() >= self.minimum as usize;
    }

    pub(super) fn leaves(&mut self, worker: WorkerId) {
        if let Some(connected) = self.connected.get_mut(&worker) {
            connected.leaving = true;
        }
    }

    /// Takes note that a connection is gone; returns whether the worker had said so before.
    pub(super) fn disconnected(&mut self, worker: WorkerId) -> bool {
        let Some(connected) = self.connected.remove(&worker) else { return false };
        let launched = self.launched.get_mut(&connected.key);
        if let Some(launched) = launched.filter(|launched| launched.worker == Some(worker)) {
            launched.worker = None;
            launched.left = connected.leaving;
            if !launched.known {
                // Whoever it was, nobody has to wait for it, or to remember it.
                self.launched.remove(&connected.key);
            }
        }
        connected.leaving
    }

    /// Takes note of a launched worker's state; returns whether it now runs and did not before.
    pub(super) fn state(&mut self, state: State) -> bool {
        let launched = self.launched.entry(state.key.clone()).or_default();
        let before = launched.state.as_ref().map_or(Phase::Waiting, |before| before.phase);
        let runs = before == Phase::Waiting && state.phase == Phase::Running;
        (launched.state, launched.known) = (Some(state), true);
        runs
    }

    /// Whether a launched worker is neither connected nor known to have ended.
    pub(super) fn awaits(&self) -> bool {
        self.launched.values().any(|launched| launched.worker.is_none() && !launched.has_ended())
    }

    /// Why the work can never be done, if so: too few workers are there or can still come.
    pub(super) fn hopeless(&self) -> Option<Error> {
        let not_yet_started = (self.expected as usize).saturating_sub(self.launched.len());
        let ended =
            self.launched.values().filter(|launched| launched.worker.is_none() && launched.has_ended());
        let possible = not_yet_started + self.launched.len() - ended.clone().count();
        let needed = if self.begun { 1 } else { self.minimum as usize };
        if possible >= needed {
            return None;
        }
        let what = match (self.begun, possible) {
            (true, _) => "no worker is left".to_owned(),
            (false, 0) => "no worker came".to_owned(),
            (false, _) => format!("only {possible} of the {needed} workers needed can still come"),
        };
        let error = Error::new(ErrorKind::Workers, what);
        let last = ended.filter_map(|launched| launched.state.as_ref()).next_back();
        Some(match last {
            Some(state) => error.cause(describe(state)),
            None => error.cause("every worker has left"),
        })
    }
}

fn describe(state: &State) -> String {
    let reason = if state.reason.is_empty() { String::new() } else { format!(" ({})", state.reason) };
    let log = if state.log.is_empty() { String::new() } else { format!("\n{}", state.log) };
    format!("worker {} ended: {}{reason}{log}", state.key, state.word)
}
