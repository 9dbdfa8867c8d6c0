//! Who was launched, who is connected, away or gone: the joined truth about workers.

use crate::driver::cause::{Cause, Disconnect, MemoryUse};
use crate::error::{Error, ErrorKind};
use crate::event::Timestamp;
use crate::launch::{Key, Phase, State};
use crate::protocol::Registration;
use crate::scheduler::WorkerId;
use crate::scheduler::pool::{self, Pool};
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
    /// How many the launcher was asked for, but for those that it could not start.
    ordered: u32,
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
    /// Whether it has ever registered.
    came: bool,
    /// It was asked to end, because there are to be fewer.
    unwanted: bool,
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

/// What a new state of a launched worker means.
pub(super) enum Turn {
    /// It runs, and did not before.
    Runs,
    /// It has ended.
    Ended(pool::Ended),
    None,
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

    fn is_gone(&self) -> bool {
        self.worker.is_none() && self.has_ended()
    }

    /// Whether it waits to be started, as far as is known.
    fn is_waiting(&self) -> bool {
        !self.came && self.state.as_ref().is_none_or(|state| state.phase == Phase::Waiting)
    }

    /// What its end means for whether another one takes its place.
    fn ended(&self, allowed: Option<u64>) -> pool::Ended {
        match self.cause(allowed) {
            _ if self.unwanted => pool::Ended::InOrder,
            Some(Cause::Cancelled) => pool::Ended::Cancelled,
            Some(Cause::Walltime | Cause::Preempted) => pool::Ended::InOrder,
            _ if self.left => pool::Ended::InOrder,
            _ if self.came => pool::Ended::Lost,
            _ => pool::Ended::Fruitless,
        }
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
    pub(super) fn new(ordered: u32, minimum: u32, memory: Option<u64>) -> Roster {
        Roster {
            ordered,
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
        (launched.came, launched.left) = (true, false);
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

    /// Takes note of a launched worker's state; returns what that means.
    pub(super) fn state(&mut self, state: State) -> Turn {
        let launched = self.launched.entry(state.key.clone()).or_default();
        let before = launched.state.as_ref().map_or(Phase::Waiting, |before| before.phase);
        let phase = state.phase;
        (launched.state, launched.known) = (Some(state), true);
        match (before, phase) {
            (Phase::Waiting, Phase::Running) => Turn::Runs,
            (Phase::Waiting | Phase::Running, Phase::Ended) => Turn::Ended(launched.ended(self.memory)),
            _ => Turn::None,
        }
    }

    /// More are asked for.
    pub(super) fn order(&mut self, workers: u32) {
        self.ordered += workers;
    }

    /// So many of them cannot be started.
    pub(super) fn not_started(&mut self, workers: u32) {
        self.ordered = self.ordered.saturating_sub(workers);
    }

    /// Those that were asked for and have not been started will not be.
    pub(super) fn none_follow(&mut self) {
        self.ordered = self.launched.len() as u32;
    }

    /// How many there are to be that are not there yet or have ended: none follow before work has begun.
    pub(super) fn missing(&self, pool: &Pool) -> u32 {
        pool.missing(if self.begun { self.possible() } else { self.ordered })
    }

    /// How many are there or can still come.
    fn possible(&self) -> u32 {
        let not_yet_started = (self.ordered as usize).saturating_sub(self.launched.len());
        let gone = |launched: &&Launched| launched.unwanted || launched.is_gone();
        (not_yet_started + self.launched.len() - self.launched.values().filter(gone).count()) as u32
    }

    /// How many are wanted and are not there yet.
    pub(super) fn coming(&self) -> u32 {
        self.possible().saturating_sub(self.members.len() as u32)
    }

    /// Whether enough are there, or can still come, to begin or to go on.
    pub(super) fn suffices(&self) -> bool {
        self.possible() >= self.needed()
    }

    fn needed(&self) -> u32 {
        if self.begun { 1 } else { self.minimum }
    }

    /// Chooses so many to go as there are to be fewer: those that wait to be started, the last ones first; then
    /// those that are there, those that hold least first.
    pub(super) fn choose(
        &mut self,
        target: u32,
        holds: impl Fn(WorkerId) -> usize,
    ) -> (BTreeSet<Key>, Vec<WorkerId>) {
        let surplus = self.possible().saturating_sub(target) as usize;
        let waits = |launched: &Launched| launched.known && !launched.unwanted && launched.is_waiting();
        let waiting = self.launched.iter().rev().filter(|(_, launched)| waits(launched));
        let keys: BTreeSet<Key> = waiting.take(surplus).map(|(key, _)| key.clone()).collect();
        let here = self.members.iter().filter(|(_, member)| !self.launched[&member.key].unwanted);
        let mut here: Vec<WorkerId> = here.map(|(&worker, _)| worker).collect();
        here.sort_by_key(|&worker| (holds(worker), std::cmp::Reverse(worker)));
        here.truncate(surplus - keys.len());
        for worker in &here {
            let member = self.members.get_mut(worker).expect("just seen");
            member.drained = Some(Cause::Drained("fewer workers are wanted".to_owned()));
        }
        let of_members = here.iter().map(|worker| &self.members[worker].key);
        for key in of_members.chain(&keys) {
            self.launched.get_mut(key).expect("it was launched").unwanted = true;
        }
        (keys, here)
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
        let (possible, needed) = (self.possible(), self.needed());
        if self.suffices() {
            return None;
        }
        let what = match (self.begun, possible) {
            (true, _) => "no worker is left".to_owned(),
            (false, 0) => "no worker came".to_owned(),
            (false, _) => format!("only {possible} of the {needed} workers needed can still come"),
        };
        let error = Error::new(ErrorKind::Workers, what);
        let mut last = self
            .launched
            .values()
            .filter(|launched| launched.is_gone())
            .filter_map(|launched| Some((launched.state.as_ref()?, launched.cause(self.memory)?)));
        Some(match last.next_back() {
            Some((state, cause)) => cause.explain(error.cause(describe(state))),
            None => error.cause("every worker has left"),
        })
    }
}

fn describe(state: &State) -> String {
    let reason = if state.reason.is_empty() { String::new() } else { format!(" ({})", state.reason) };
    let log = if state.log.is_empty() { String::new() } else { format!("\n{}", state.log) };
    let how = if state.word == "PENDING" { "cannot start" } else { "ended" };
    format!("worker {} {how}: {}{reason}{log}", state.key, state.word)
}
