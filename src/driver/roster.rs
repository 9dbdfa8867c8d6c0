//! Who was launched, who is connected, away or gone: the joined truth about workers.

mod fewer;

use crate::driver::cause::{Cause, Disconnect};
use crate::driver::counted::Counted;
use crate::driver::launched::{Launched, Ordered, Turn, describe};
use crate::error::{Error, ErrorKind};
use crate::event::Timestamp;
use crate::launch::{Key, OWN_HOST, PoolId, State};
use crate::protocol::Registration;
use crate::scheduler::WorkerId;
use crate::scheduler::pool::Pools;
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
    /// What is known of each pool.
    pools: Vec<Ordered>,
    /// How many must be there before work begins.
    minimum: u32,
    begun: bool,
    launched: Counted,
    members: BTreeMap<WorkerId, Member>,
    connections: BTreeMap<ConnectionId, WorkerId>,
    /// By when members that have been started are to have registered.
    starts: BTreeSet<(Timestamp, Key)>,
    /// When to think of who is to follow members whose time ends.
    ends: BTreeSet<(Timestamp, Key)>,
    /// Members without a connection.
    away: BTreeMap<WorkerId, Away>,
    /// Until when each of these is waited for.
    waits: BTreeSet<(Timestamp, WorkerId)>,
    /// Whether the launcher has said something since they were looked at.
    news_of_away: bool,
    next_worker: u64,
    /// The one that computes inside the driver, beside those that are counted.
    own: Option<WorkerId>,
}

/// A worker that has registered and is not gone.
struct Member {
    key: Key,
    host: String,
    process: u32,
    /// The last one, which has ended where the worker is away.
    connection: ConnectionId,
    leaving: bool,
    /// Something that it did has counted.
    useful: bool,
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

impl Roster {
    pub(super) fn new(pools: Vec<Ordered>, minimum: u32) -> Roster {
        Roster {
            launched: Counted::new(pools.len()),
            pools,
            minimum,
            begun: false,
            members: BTreeMap::new(),
            connections: BTreeMap::new(),
            starts: BTreeSet::new(),
            ends: BTreeSet::new(),
            away: BTreeMap::new(),
            waits: BTreeSet::new(),
            news_of_away: false,
            next_worker: 0,
            own: None,
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

    pub(super) fn started(&mut self, now: Timestamp, pool: PoolId, keys: Vec<Key>) {
        for key in keys {
            // A quick worker registers before the launcher knows its name.
            let mut launched = self.launched.entry(key);
            (launched.pool, launched.known, launched.since) = (pool, true, Some(now));
        }
    }

    /// The pool of a worker; the first one as long as the launcher has not named it.
    pub(super) fn pool(&self, key: &Key) -> PoolId {
        self.launched.get(key).map_or(PoolId::default(), |launched| launched.pool)
    }

    /// How long the worker has waited since it was started.
    pub(super) fn waited(&self, now: Timestamp, key: &Key) -> Duration {
        let since = self.launched.get(key).and_then(|launched| launched.since);
        since.map_or(Duration::ZERO, |since| now - since)
    }

    /// The worker runs, and is to have registered by then.
    pub(super) fn starts(&mut self, key: Key, by: Timestamp) {
        self.starts.insert((by, key));
    }

    /// When to ask [`Roster::overdue`].
    pub(super) fn next_start(&self) -> Option<Timestamp> {
        self.starts.first().map(|&(by, _)| by)
    }

    /// Those that should have come by now, each once.
    pub(super) fn overdue(&mut self, now: Timestamp) -> BTreeSet<Key> {
        let mut overdue = BTreeSet::new();
        while self.next_start().is_some_and(|by| by <= now) {
            let (_, key) = self.starts.pop_first().expect("just seen");
            if let Some(mut launched) = self.launched.get_mut(&key).filter(|launched| launched.is_starting())
            {
                launched.overdue = true;
                overdue.insert(key);
            }
        }
        overdue
    }

    /// The worker's time is over then, and so long before another one is to take its place.
    pub(super) fn ends(&mut self, key: &Key, end: Timestamp, lead: Duration) {
        if let Some(mut launched) = self.launched.get_mut(key) {
            launched.end = Some(end);
            self.ends.insert((Timestamp(end.0.saturating_sub(lead)), key.clone()));
        }
    }

    /// When to ask [`Roster::expire`].
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|&(at, _)| at)
    }

    /// Takes note of who is to be replaced soon; not of those who stay until the work is done, as far as is known.
    pub(super) fn expire(&mut self, now: Timestamp, done: Option<Timestamp>) {
        while self.next_end().is_some_and(|at| at <= now) {
            let (_, key) = self.ends.pop_first().expect("just seen");
            // One that was never known to the launcher is forgotten when it goes.
            let Some(mut launched) = self.launched.get_mut(&key) else { continue };
            launched.expiring = launched.end.is_none_or(|end| done.is_none_or(|done| end < done));
        }
    }

    pub(super) fn registered(&mut self, connection: ConnectionId, registration: &Registration) -> Arrived {
        let is_own = registration.host == OWN_HOST;
        // Its process may have the number of a job.
        let key = if is_own { Key(OWN_HOST.to_owned()) } else { Key::of(registration) };
        let known = (registration.session > 0).then(|| self.known(&key, registration)).flatten();
        let worker = known.unwrap_or(WorkerId(self.next_worker));
        self.connections.insert(connection, worker);
        let mut launched = self.launched.entry(key.clone());
        launched.worker = Some(worker);
        (launched.came, launched.left, launched.beside) = (true, false, is_own);
        drop(launched);
        if let Some(member) = self.members.get_mut(&worker) {
            let before = std::mem::replace(&mut member.connection, connection);
            self.is_back(worker);
            return Arrived::Back(worker, self.connections.remove(&before).map(|_| before));
        }
        self.next_worker += 1;
        let (host, process) = (registration.host.clone(), registration.process);
        let member = Member { key, host, process, connection, leaving: false, useful: false, drained: None };
        self.members.insert(worker, member);
        self.own = if is_own { Some(worker) } else { self.own };
        // As the scheduler counts: one that is away is not gone.
        self.begun |= self.here() >= self.minimum;
        Arrived::New(worker)
    }

    /// The member that has connected anew.
    fn known(&self, key: &Key, registration: &Registration) -> Option<WorkerId> {
        let same = |member: &Member| {
            member.key == *key && member.host == registration.host && member.process == registration.process
        };
        self.members.iter().find(|(_, member)| same(member)).map(|(&worker, _)| worker)
    }

    /// Whether a worker computes inside the driver, beside those that are counted.
    pub(super) fn is_own(&self, worker: WorkerId) -> bool {
        self.own == Some(worker)
    }

    fn owned(&self) -> usize {
        usize::from(self.own.is_some())
    }

    pub(super) fn leaves(&mut self, worker: WorkerId) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.leaving = true;
        }
    }

    pub(super) fn drains(&mut self, worker: WorkerId, cause: Cause) {
        let Some(member) = self.members.get_mut(&worker) else { return };
        if let Some(mut launched) = self.launched.get_mut(&member.key) {
            launched.retired = cause == Cause::WalltimeIsNear;
        }
        member.drained = Some(cause);
    }

    /// What it did has counted.
    pub(super) fn useful(&mut self, worker: WorkerId) {
        let Some(member) = self.members.get_mut(&worker).filter(|member| !member.useful) else { return };
        member.useful = true;
        if let Some(mut launched) = self.launched.get_mut(&member.key) {
            launched.useful = true;
        }
    }

    pub(super) fn used(&mut self, worker: WorkerId, peak_memory: u64) {
        let member = self.members.get(&worker);
        if let Some(mut launched) = member.and_then(|member| self.launched.get_mut(&member.key)) {
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
        let mut launched = self.launched.get_mut(&member.key).expect("a member was launched");
        launched.worker = None;
        launched.left = member.leaving;
        let ended = launched.cause(&self.pools);
        drop(launched);
        if member.leaving {
            let cause = member.drained.take().unwrap_or(Cause::Finished);
            self.remove(worker);
            return Some(Parted::Left(worker, cause));
        }
        let silent = matches!(how, Disconnect::Silent(_));
        let network = || silent.then(|| Cause::Network(how.clone()));
        if let Some(cause) = ended.or_else(network) {
            self.remove(worker);
            return Some(Parted::Lost(worker, cause));
        }
        let until = now + AWAY;
        self.away.insert(worker, Away { until, how: how.clone() });
        self.waits.insert((until, worker));
        Some(Parted::Away(worker, how))
    }

    /// Takes note of a launched worker's state; returns what that means.
    pub(super) fn state(&mut self, state: State) -> Turn {
        self.news_of_away = !self.away.is_empty();
        self.launched.entry(state.key.clone()).turn(state, &self.pools)
    }

    /// More are asked for.
    pub(super) fn order(&mut self, pool: PoolId, workers: u32) {
        self.pools[pool.0].workers += workers;
    }

    /// So many of them cannot be started.
    pub(super) fn not_started(&mut self, pool: PoolId, workers: u32) {
        let ordered = &mut self.pools[pool.0].workers;
        *ordered = ordered.saturating_sub(workers);
    }

    /// How many there are to be that are not there yet or have ended.
    pub(super) fn missing(&self, pools: &Pools) -> u32 {
        pools.missing(&self.there())
    }

    /// How many of each pool count as there: those that are there or on their way, and not about to be replaced. Before
    /// work has begun all that were ordered do, since none is replaced.
    pub(super) fn there(&self) -> Vec<u32> {
        if !self.begun {
            return self.pools.iter().map(|ordered| ordered.workers).collect();
        }
        let lasting = self.launched.of_each_pool().iter().map(|count| count.lasting);
        self.not_yet_started_of_each().zip(lasting).map(|(left, lasting)| left + lasting).collect()
    }

    /// How many wait to be started, or are about to.
    pub(super) fn pending(&self) -> u32 {
        self.not_yet_started() + self.launched.count().waiting
    }

    /// How many have come and are not gone.
    pub(super) fn here(&self) -> u32 {
        (self.members.len() - self.owned()) as u32
    }

    /// How many there are without those that others are about to replace.
    fn lasting(&self) -> u32 {
        self.not_yet_started() + self.launched.count().lasting
    }

    /// How many the launcher has not named yet. One that registers before that, as a former driver's worker also
    /// does, counts besides until it is named.
    fn not_yet_started(&self) -> u32 {
        self.not_yet_started_of_each().sum()
    }

    fn not_yet_started_of_each(&self) -> impl Iterator<Item = u32> {
        let known = self.launched.of_each_pool().iter().map(|count| count.known);
        self.pools.iter().zip(known).map(|(ordered, known)| ordered.workers.saturating_sub(known))
    }

    /// Whether counting everybody anew gives the same.
    pub(super) fn is_counted(&self) -> bool {
        self.launched.is_right()
    }

    /// How many are there or can still come.
    pub(super) fn possible(&self) -> u32 {
        self.not_yet_started() + self.launched.count().possible
    }

    /// How many are wanted and are not there yet.
    pub(super) fn coming(&self) -> u32 {
        self.possible().saturating_sub(self.here())
    }

    /// Whether enough are there, can still come, or are these others, to begin or to go on.
    pub(super) fn suffices_with(&self, others: u32) -> bool {
        self.possible() + others >= self.needed()
    }

    /// How many the work waits for that has not begun.
    pub(super) fn awaited(&self) -> u32 {
        if self.begun { 0 } else { self.minimum }
    }

    fn needed(&self) -> u32 {
        match self.own {
            // Once one has come, nothing is wrong with them in general, and the driver goes on by itself.
            Some(_) if self.begun => 0,
            _ if self.begun => 1,
            _ => self.minimum,
        }
    }

    /// Takes out the workers that are away and have ended, or have been away for too long. One that talks is alive
    /// whatever Slurm says.
    pub(super) fn lost(&mut self, now: Timestamp) -> Vec<(WorkerId, Cause)> {
        let mut lost = Vec::new();
        let is_over = self.next().is_some_and(|until| until <= now);
        if !std::mem::take(&mut self.news_of_away) && !is_over {
            return lost;
        }
        for (&worker, Away { until, how }) in &self.away {
            let ended = self.launched[&self.members[&worker].key].cause(&self.pools);
            let cause = ended.or_else(|| (*until <= now).then(|| Cause::Network(how.clone())));
            lost.extend(cause.map(|cause| (worker, cause)));
        }
        lost.iter().for_each(|(worker, _)| self.remove(*worker));
        lost
    }

    /// Whether it comes is waited for no more.
    fn is_back(&mut self, worker: WorkerId) {
        if let Some(away) = self.away.remove(&worker) {
            self.waits.remove(&(away.until, worker));
        }
    }

    /// Forgets a worker, and also its key where the launcher knows none such: nobody has to wait for it.
    fn remove(&mut self, worker: WorkerId) {
        self.is_back(worker);
        self.own = self.own.filter(|own| *own != worker);
        let Some(Member { key, .. }) = self.members.remove(&worker) else { return };
        let known = self.launched.get(&key).is_none_or(|launched| launched.known);
        if !known && !self.members.values().any(|member| member.key == key) {
            self.launched.remove(&key);
        }
    }

    /// When to ask [`Roster::lost`] again.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.waits.first().map(|&(until, _)| until)
    }

    /// Whether a launched worker is neither connected nor known to have ended.
    pub(super) fn awaits(&self) -> bool {
        self.launched.values().any(|launched| launched.worker.is_none() && !launched.has_ended())
    }

    /// Whether one runs whose worker is not there yet.
    pub(super) fn starting(&self) -> bool {
        self.launched.values().any(Launched::is_starting)
    }

    /// Why the work can never be done, if so: too few workers are there or can still come.
    pub(super) fn hopeless(&self) -> Option<Error> {
        self.lacking(self.needed())
    }

    /// Why so many workers will not be there, if too few are or can still come.
    pub(super) fn lacking(&self, needed: u32) -> Option<Error> {
        let possible = self.possible();
        if possible >= needed {
            return None;
        }
        let what = match (self.begun, possible) {
            (true, 0) => "no worker is left".to_owned(),
            (false, 0) => "no worker came".to_owned(),
            _ => format!("only {possible} of the {needed} workers needed can still come"),
        };
        let error = Error::new(ErrorKind::Workers, what);
        let mut last = self
            .launched
            .values()
            .filter(|launched| launched.is_gone())
            .filter_map(|launched| Some((launched.state.as_ref()?, launched.cause(&self.pools)?)));
        let stuck = self.launched.values().filter(|launched| launched.is_stuck());
        let stuck = stuck.filter_map(|launched| launched.state.as_ref()).next();
        Some(match (stuck, last.next_back()) {
            (Some(state), _) => error.cause(describe(state)).hint(&state.log),
            (None, Some((state, cause))) => cause.explain(error.cause(describe(state))),
            (None, None) => error.cause("every worker has left"),
        })
    }
}
