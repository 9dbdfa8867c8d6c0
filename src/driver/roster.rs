//! Who was launched, who is connected, away or gone: the joined truth about workers.

use crate::driver::cause::{Cause, Disconnect, MemoryUse};
use crate::error::{Error, ErrorKind};
use crate::event::Timestamp;
use crate::launch::{Key, Phase, State};
use crate::protocol::Registration;
use crate::scheduler::WorkerId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A connection's number: rising, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How long a worker whose connection broke may take to come back before what it holds goes to others. Slurm says within
/// this time whether its job has ended.
const AWAY: Duration = Duration::from_secs(10);

/// All workers of a run.
pub(super) struct Roster {
    /// How many were asked for.
    expected: u32,
    /// How many must be there before work begins.
    minimum: u32,
    begun: bool,
    /// What each worker is allowed, in bytes.
    memory: Option<u64>,
    launched: BTreeMap<Key, Launched>,
    members: BTreeMap<WorkerId, Member>,
    connections: BTreeMap<ConnectionId, WorkerId>,
    /// Members without a connection.
    away: BTreeMap<WorkerId, Away>,
    next_worker: u64,
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
    /// It was drained because its walltime was near.
    retired: bool,
    /// The most memory that it said it had used, in bytes.
    peak_memory: u64,
}

/// A worker that has registered and is not gone.
struct Member {
    key: Key,
    host: String,
    process: u32,
    /// The last one, which has ended where the worker is away.
    connection: ConnectionId,
    leaving: bool,
    /// Why it is to end, if somebody asked for that or its time is over.
    drained: Option<Cause>,
}

/// A worker whose connection has ended, and that is lost if it is not back by then.
struct Away {
    until: Timestamp,
    how: Disconnect,
}

/// Who has registered.
pub(super) enum Arrived {
    New(WorkerId),
    /// It was here before, on another connection, which may not know yet that it is of no use.
    Back(WorkerId, Option<ConnectionId>),
}

/// What the end of a connection means.
pub(super) enum Parted {
    /// The worker has left in order.
    Left(WorkerId, Cause),
    /// It may come back.
    Away(WorkerId, Disconnect),
    Lost(WorkerId, Cause),
}

impl Launched {
    /// One that has left has not ended before the launcher says so, and why.
    fn has_ended(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.phase == Phase::Ended)
    }

    /// Why it has ended, if it has.
    fn cause(&self, allowed: Option<u64>) -> Option<Cause> {
        let state = self.state.as_ref().filter(|state| state.phase == Phase::Ended)?;
        if self.left && self.retired {
            return Some(Cause::WalltimeIsNear);
        }
        Some(Cause::of(state, MemoryUse { peak: self.peak_memory, allowed }))
    }
}

impl Roster {
    pub(super) fn new(expected: u32, minimum: u32, memory: Option<u64>) -> Roster {
        Roster {
            expected,
            minimum,
            begun: false,
            memory,
            launched: BTreeMap::new(),
            members: BTreeMap::new(),
            connections: BTreeMap::new(),
            away: BTreeMap::new(),
            next_worker: 0,
        }
    }

    /// Workers that can be reached, and how.
    pub(super) fn connected(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    /// The worker behind a connection, if it is that worker's present one.
    pub(super) fn worker(&self, connection: ConnectionId) -> Option<WorkerId> {
        self.connections.get(&connection).copied()
    }

    /// The way to a worker, if there is one now.
    pub(super) fn connection(&self, worker: WorkerId) -> Option<ConnectionId> {
        let connection = self.members.get(&worker)?.connection;
        self.connections.contains_key(&connection).then_some(connection)
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

    pub(super) fn registered(&mut self, connection: ConnectionId, registration: &Registration) -> Arrived {
        let key = Key::of(registration);
        let known = (registration.session > 0).then(|| self.known(&key, registration)).flatten();
        let worker = known.unwrap_or(WorkerId(self.next_worker));
        self.connections.insert(connection, worker);
        let launched = self.launched.entry(key.clone()).or_default();
        launched.worker = Some(worker);
        launched.left = false;
        if let Some(member) = self.members.get_mut(&worker) {
            let before = std::mem::replace(&mut member.connection, connection);
            self.away.remove(&worker);
            return Arrived::Back(worker, self.connections.remove(&before).map(|_| before));
        }
        self.next_worker += 1;
        let (host, process) = (registration.host.clone(), registration.process);
        let member = Member { key, host, process, connection, leaving: false, drained: None };
        self.members.insert(worker, member);
        // As the scheduler counts: one that is away is not gone.
        self.begun |= self.members.len() >= self.minimum as usize;
        Arrived::New(worker)
    }

    /// The member that has connected anew.
    fn known(&self, key: &Key, registration: &Registration) -> Option<WorkerId> {
        let same = |member: &Member| {
            member.key == *key && member.host == registration.host && member.process == registration.process
        };
        self.members.iter().find(|(_, member)| same(member)).map(|(&worker, _)| worker)
    }

    pub(super) fn leaves(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.leaving = true;
        }
    }

    pub(super) fn drains(&mut self, worker: WorkerId, cause: Cause) {
        let Some(member) = self.members.get_mut(&worker) else { return };
        if let Some(launched) = self.launched.get_mut(&member.key) {
            launched.retired = cause == Cause::WalltimeIsNear;
        }
        member.drained = Some(cause);
    }

    pub(super) fn used(&mut self, worker: WorkerId, peak_memory: u64) {
        let member = self.members.get(&worker);
        if let Some(launched) = member.and_then(|member| self.launched.get_mut(&member.key)) {
            launched.peak_memory = launched.peak_memory.max(peak_memory);
        }
    }

    /// Takes note that a connection has ended, and of what that means. A worker that is not about to leave may be back
    /// soon, unless it has been silent for too long or is known to have ended.
    pub(super) fn disconnected(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        how: Disconnect,
    ) -> Option<Parted> {
        let worker = self.connections.remove(&connection)?;
        let member = self.members.get_mut(&worker).expect("a connection is of a member");
        let launched = self.launched.get_mut(&member.key).expect("a member was launched");
        launched.worker = None;
        launched.left = member.leaving;
        if member.leaving {
            let cause = member.drained.take().unwrap_or(Cause::Finished);
            self.remove(worker);
            return Some(Parted::Left(worker, cause));
        }
        let silent = matches!(how, Disconnect::Silent(_));
        let network = || silent.then(|| Cause::Network(how.clone()));
        if let Some(cause) = launched.cause(self.memory).or_else(network) {
            self.remove(worker);
            return Some(Parted::Lost(worker, cause));
        }
        self.away.insert(worker, Away { until: now + AWAY, how: how.clone() });
        Some(Parted::Away(worker, how))
    }

    /// Takes note of a launched worker's state; returns whether it now runs and did not before.
    pub(super) fn state(&mut self, state: State) -> bool {
        let launched = self.launched.entry(state.key.clone()).or_default();
        let before = launched.state.as_ref().map_or(Phase::Waiting, |before| before.phase);
        let runs = before == Phase::Waiting && state.phase == Phase::Running;
        (launched.state, launched.known) = (Some(state), true);
        runs
    }

    /// Takes out the workers that are away and have ended, or have been away for too long. One that talks is alive
    /// whatever Slurm says.
    pub(super) fn lost(&mut self, now: Timestamp) -> Vec<(WorkerId, Cause)> {
        let mut lost = Vec::new();
        for (&worker, Away { until, how }) in &self.away {
            let ended = self.launched[&self.members[&worker].key].cause(self.memory);
            let cause = ended.or_else(|| (*until <= now).then(|| Cause::Network(how.clone())));
            lost.extend(cause.map(|cause| (worker, cause)));
        }
        lost.iter().for_each(|(worker, _)| self.remove(*worker));
        lost
    }

    /// Forgets a worker, and also its key where the launcher knows none such: nobody has to wait for it.
    fn remove(&mut self, worker: WorkerId) {
        self.away.remove(&worker);
        let Some(Member { key, .. }) = self.members.remove(&worker) else { return };
        let known = self.launched.get(&key).is_none_or(|launched| launched.known);
        if !known && !self.members.values().any(|member| member.key == key) {
            self.launched.remove(&key);
        }
    }

    /// When to ask [`Roster::lost`] again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.away.values().map(|away| away.until).min()
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
        let mut last =
            ended.filter_map(|launched| Some((launched.state.as_ref()?, launched.cause(self.memory)?)));
        Some(match last.next_back() {
            Some((state, cause)) => cause.explain(error.cause(describe(state))),
            None => error.cause("every worker has left"),
        })
    }
}

fn describe(state: &State) -> String {
    let reason = if state.reason.is_empty() { String::new() } else { format!(" ({})", state.reason) };
    let log = if state.log.is_empty() { String::new() } else { format!("\n{}", state.log) };
    format!("worker {} ended: {}{reason}{log}", state.key, state.word)
}
