//! The scheduler in a simulated world: seeded workers that are slow, lost, stopped or drained, that fail, go away
//! and come back, and a network that delays, repeats and delivers late. A checker, separate from the scheduler,
//! counts every task.
//!
//! `SQUALL_SEED=N cargo test --lib simulation` replays one seed; a failing seed is printed.

use super::*;
use crate::scheduler::checker::Checker;
use crate::scheduler::mutant::{DEFECTS, Defect, Mutant};
use crate::scheduler::onlooker::Onlooker;
use crate::scheduler::record::{Recorded, Recording};
use crate::scheduler::recorded::judge;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, LogNormal};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// Microseconds until a silent worker is taken for lost; in some worlds nobody notices for an hour.
const SILENCES: [u64; 2] = [60_000_000, 3_600_000_000];
/// Microseconds that a worker may stay, at most, where its time is limited: from less than a lease to a whole stage.
const STAYS: [u64; 3] = [50_000, 1_000_000, 20_000_000];
/// Worlds that are tried.
const SEEDS: u64 = 10_000;

/// What travels or is due, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// Over which of the worker's connections, of which lease, how many tasks in which time; none where it failed.
    ToDriver(WorkerId, u32, LeaseId, Option<(u64, Duration)>),
    Lost(WorkerId),
    /// The worker has connected anew.
    Returned(WorkerId),
    ToWorker(WorkerId, u32, Order),
    /// The worker may have finished what it computes; the number tells stale ones apart.
    Computed(WorkerId, u64),
    NewWorker,
    DrainOne,
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Lease(LeaseId, u64, u64),
    Yield(LeaseId),
    Dismiss,
}

#[derive(Default)]
struct SimulatedWorker {
    /// Microseconds a task.
    pace: u64,
    leases: VecDeque<(LeaseId, u64, u64)>,
    started: u64,
    generation: u64,
    /// Which of its connections this is; what travels over one that broke is lost.
    connection: u32,
    /// Answers to be sent once it is connected, while it is not.
    unsent: Option<Vec<(LeaseId, Option<u64>)>>,
    /// Stopped ones neither compute nor answer, and their connection stays for `silence`.
    stopped: bool,
}

struct World {
    rng: StdRng,
    now: u64,
    sequence: u64,
    agenda: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    scheduler: Mutant,
    defect: Option<Defect>,
    silence: u64,
    onlooker: Onlooker,
    workers: BTreeMap<WorkerId, SimulatedWorker>,
    next_worker: u64,
    fault_rate: f64,
    /// Microseconds that most workers may stay at most, in some worlds.
    stay: Option<u64>,
    checker: Checker,
    /// What the scheduler was told, as a recording, and what it decided.
    recording: Recording,
    recorded: Vec<u8>,
    decided: Vec<Effect>,
}

impl World {
    fn new(seed: u64, defect: Option<Defect>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let minimum = rng.random_range(1..4);
        let fault_rate = [0.0, 0.02, 0.2][rng.random_range(0..3)];
        let silence = SILENCES[rng.random_range(0..2)];
        let stay = rng.random_bool(0.4).then(|| STAYS[rng.random_range(0..STAYS.len())]);
        let mut world = World {
            rng,
            now: 0,
            sequence: 0,
            agenda: BinaryHeap::new(),
            scheduler: Mutant::new(minimum, defect),
            defect,
            silence,
            onlooker: Onlooker::default(),
            workers: BTreeMap::new(),
            next_worker: 0,
            fault_rate,
            stay,
            checker: Checker::default(),
            recording: Recording::default(),
            recorded: Recording::beginning(minimum),
            decided: Vec::new(),
        };
        for _ in 0..world.rng.random_range(minimum..minimum + 6) {
            world.later(Happening::NewWorker);
        }
        if fault_rate > 0.0 {
            world.later(Happening::DrainOne);
        }
        world
    }

    fn at(&mut self, delay: u64, happening: Happening) {
        self.sequence += 1;
        self.agenda.push(Reverse((self.now + delay, self.sequence, happening)));
    }

    /// After a delay of the network: mostly below a millisecond, at times seconds.
    fn later(&mut self, happening: Happening) {
        let delay = LogNormal::new(6.0, 1.5).expect("valid").sample(&mut self.rng);
        self.at(delay as u64, happening);
    }

    fn order(&mut self, id: WorkerId, order: Order) {
        let Some(worker) = self.workers.get(&id).filter(|worker| worker.unsent.is_none()) else { return };
        let connection = worker.connection;
        self.later(Happening::ToWorker(id, connection, order));
    }

    fn fault(&mut self) -> bool {
        self.fault_rate > 0.0 && self.rng.random_bool(self.fault_rate)
    }

    fn tell(&mut self, event: Event) {
        let now = Timestamp(Duration::from_micros(self.now));
        let mut effects = Vec::new();
        let finished = if let Event::Answered { finished, .. } = event { finished } else { 0 };
        self.recorded.extend(self.recording.record(now, &event).expect("it is small"));
        self.onlooker.hear(now, &event);
        self.scheduler.handle(now, event, &mut effects);
        self.scheduler.check_invariants();
        self.decided.extend(effects.iter().cloned());
        for effect in effects {
            self.onlooker.see(now, &effect);
            match effect {
                Effect::Lease { worker, lease, tasks, .. } => {
                    self.checker.leased(lease, &tasks);
                    self.order(worker, Order::Lease(lease, tasks.start, tasks.end));
                }
                Effect::Yield { worker, lease, .. } => self.order(worker, Order::Yield(lease)),
                Effect::Dismiss { worker } => self.order(worker, Order::Dismiss),
                Effect::Retire { .. } => {
                    self.checker.retired += 1;
                    self.later(Happening::NewWorker);
                }
                Effect::GiveUp { tasks, faults } => self.checker.given_up(&tasks, faults),
                Effect::Accept { lease, .. } => self.checker.accepted(lease, finished),
                Effect::Drop { .. } => self.checker.dropped += 1,
                Effect::Done => self.checker.done(),
            }
        }
        self.onlooker.check(now);
        if let Some(deadline) = self.scheduler.next_deadline() {
            assert!(deadline > now, "the deadline {deadline:?} has not moved at {now:?}");
            let delay = (deadline - now).as_micros() as u64;
            self.at(delay + 1, Happening::Tick);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            // The driver dismisses who comes after the end, without asking.
            Happening::NewWorker if self.checker.closed => {}
            Happening::NewWorker => self.new_worker(),
            Happening::ToDriver(worker, connection, lease, finished) => {
                // The driver hears what is said over a broken connection until the worker comes back.
                let stale = |known: &SimulatedWorker| known.connection != connection;
                if self.workers.get(&worker).is_some_and(stale) {
                    return;
                }
                match finished {
                    Some((finished, took)) => {
                        self.tell(Event::Answered { worker, lease, finished, took });
                    }
                    None => {
                        self.checker.failed(lease);
                        self.tell(Event::Failed { worker, lease });
                    }
                }
            }
            Happening::Lost(worker) => {
                let blamed = self.rng.random_bool(0.3);
                if blamed {
                    self.scheduler
                        .leases(worker)
                        .into_iter()
                        .take(1)
                        .for_each(|lease| self.checker.failed(lease));
                }
                self.tell(Event::Lost { worker, blamed });
                self.later(Happening::NewWorker);
            }
            Happening::Returned(worker) => self.returned(worker),
            Happening::Computed(worker, generation) => self.computed(worker, generation),
            Happening::ToWorker(worker, connection, order) => {
                if self.workers.get(&worker).is_some_and(|known| known.connection == connection) {
                    self.ordered(worker, order);
                }
            }
            Happening::DrainOne => {
                let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
                if !ids.is_empty() {
                    let worker = ids[self.rng.random_range(0..ids.len())];
                    self.tell(Event::Drain { worker });
                    self.later(Happening::NewWorker);
                }
            }
            Happening::Tick => self.tell(Event::Tick),
        }
    }

    fn new_worker(&mut self) {
        let id = WorkerId(self.next_worker);
        self.next_worker += 1;
        let pace = self.rng.random_range(200..20_000);
        let worker = SimulatedWorker {
            pace,
            leases: VecDeque::new(),
            started: self.now,
            ..SimulatedWorker::default()
        };
        self.workers.insert(id, worker);
        let threads = self.rng.random_range(1..5);
        let stay = self.stay.filter(|_| self.rng.random_bool(0.8));
        let left = stay.map(|stay| Duration::from_micros(self.rng.random_range(0..stay)));
        self.tell(Event::Registered { worker: id, threads, left });
    }

    fn ordered(&mut self, id: WorkerId, order: Order) {
        let fault = self.fault().then(|| self.rng.random_range(0..3));
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.stopped {
            return;
        }
        match order {
            Order::Dismiss => drop(self.workers.remove(&id)),
            Order::Lease(lease, start, end) => {
                worker.leases.push_back((lease, start, end));
                if worker.leases.len() == 1 {
                    self.compute_next(id);
                }
                match fault {
                    Some(0) => {
                        self.workers.get_mut(&id).expect("there").stopped = true;
                        self.at(self.silence, Happening::Lost(id));
                    }
                    Some(1) => self.crash(id),
                    Some(_) => self.part(id),
                    None => {}
                }
            }
            Order::Yield(lease) => {
                let Some(position) = worker.leases.iter().position(|held| held.0 == lease) else { return };
                let (_, start, end) = worker.leases.remove(position).expect("just found");
                let computed = if position == 0 { (self.now - worker.started) / worker.pace } else { 0 };
                self.answer(id, lease, Some(computed.min(end - start)));
                if position == 0 {
                    self.compute_next(id);
                }
            }
        }
    }

    /// The process is gone; its last answers may still arrive, before or after the loss is known.
    fn crash(&mut self, id: WorkerId) {
        let leases = &self.workers[&id].leases;
        if let Some(&(lease, start, end)) = leases.front() {
            let finished = self.rng.random_range(0..=end - start);
            self.answer(id, lease, Some(finished));
        }
        self.workers.remove(&id);
        self.later(Happening::Lost(id));
    }

    /// The connection breaks, and the worker, which goes on, is back after a while.
    fn part(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).expect("there");
        if worker.unsent.is_none() {
            worker.unsent = Some(Vec::new());
            self.tell(Event::Away { worker: id });
            self.later(Happening::Returned(id));
        }
    }

    fn returned(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.connection += 1;
        let unsent = worker.unsent.take().expect("it was away");
        let computing = worker.leases.iter().map(|&(lease, ..)| lease);
        let holds = computing.chain(unsent.iter().map(|&(lease, _)| lease)).collect();
        self.checker.returned += 1;
        self.tell(Event::Returned { worker: id, holds });
        unsent.into_iter().for_each(|(lease, finished)| self.answer(id, lease, finished));
    }

    fn compute_next(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).expect("there");
        worker.generation += 1;
        worker.started = self.now;
        let Some(&(_, start, end)) = worker.leases.front() else { return };
        let (delay, generation) = ((end - start) * worker.pace, worker.generation);
        self.at(delay, Happening::Computed(id, generation));
    }

    fn computed(&mut self, id: WorkerId, generation: u64) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.stopped || worker.generation != generation {
            return;
        }
        let (lease, start, end) = worker.leases.pop_front().expect("it computed something");
        let failed = self.fault_rate > 0.0 && self.rng.random_bool(0.02);
        self.answer(id, lease, (!failed).then_some(end - start));
        self.compute_next(id);
    }

    fn answer(&mut self, id: WorkerId, lease: LeaseId, finished: Option<u64>) {
        let worker = self.workers.get_mut(&id).expect("there");
        if let Some(unsent) = &mut worker.unsent {
            unsent.push((lease, finished));
            return;
        }
        let connection = worker.connection;
        let pace = Duration::from_micros(worker.pace);
        let finished = finished.map(|finished| (finished, pace * finished as u32));
        self.later(Happening::ToDriver(id, connection, lease, finished));
        if self.fault() {
            self.later(Happening::ToDriver(id, connection, lease, finished));
        }
    }

    /// What an earlier driver has counted: every other of some ranges, in half of the runs.
    fn counted_before(&mut self, tasks: u64) -> Vec<std::ops::Range<u64>> {
        let mut done = Vec::new();
        let mut next = if self.rng.random_bool(0.5) { tasks } else { self.rng.random_range(0..tasks) };
        while next < tasks {
            let end = self.rng.random_range(next + 1..=tasks);
            self.checker.counted[next as usize..end as usize].fill(true);
            done.push(next..end);
            next = self.rng.random_range(end + 1..end + 60);
        }
        done
    }

    /// Runs one stage to its end, or until it is given up, or for so many happenings. Every run ends: their number is
    /// bounded.
    fn stage(&mut self, tasks: u64, most: Option<u64>) {
        self.checker.begin(tasks);
        let done = self.counted_before(tasks);
        self.tell(Event::Begin { tasks, most: u64::MAX, done });
        for _ in 0..most.unwrap_or(200_000) {
            if self.checker.stage_done || self.checker.given_up {
                return;
            }
            self.next();
        }
        assert!(most.is_some(), "the stage does not end");
    }

    fn next(&mut self) {
        let Reverse((now, _, happening)) = self.agenda.pop().expect("nothing will ever happen again");
        self.now = now;
        self.happen(happening);
    }

    /// Closes, and lets what was under way arrive.
    fn close(&mut self) {
        self.checker.closed = true;
        self.tell(Event::Close);
        for _ in 0..self.agenda.len().min(100) {
            self.next();
        }
        self.tell(Event::Tick);
    }
}

/// Simulates one seed; returns the checker, so that the test can tell what it saw.
fn simulate(seed: u64, defect: Option<Defect>) -> Checker {
    let mut world = World::new(seed, defect);
    for _ in 0..world.rng.random_range(1..3) {
        let tasks = world.rng.random_range(1..400);
        if !world.checker.given_up {
            world.stage(tasks, None);
        }
    }
    if !world.checker.given_up && world.rng.random_bool(0.5) {
        let (tasks, most) = (world.rng.random_range(1..400), world.rng.random_range(0..200));
        world.stage(tasks, Some(most));
    }
    world.close();
    if world.defect.is_none() {
        let recorded = Recorded::read(&world.recorded).expect("its beginning is there");
        assert!(judge(&recorded) == world.decided, "told again it decides otherwise");
    }
    world.checker
}

#[test]
fn every_task_is_counted_once_and_every_run_ends() {
    let seeds = match std::env::var("SQUALL_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).expect("SQUALL_SEED is a number"),
        Err(_) => 0..SEEDS,
    };
    let many = seeds.end - seeds.start > 1;
    let (mut twins, mut dropped, mut returned, mut retired, mut given_up) = (0, 0, 0, 0, 0);
    for seed in seeds {
        let seen = std::panic::catch_unwind(|| simulate(seed, None));
        let checker = seen.unwrap_or_else(|_| panic!("SQUALL_SEED={seed} fails"));
        twins += checker.twins;
        dropped += checker.dropped;
        returned += checker.returned;
        retired += checker.retired;
        given_up += u64::from(checker.given_up);
    }
    let seen = [twins, dropped, returned, retired, given_up];
    let enough = seen.iter().zip([1000, 1000, 1000, 1000, 10]).all(|(&seen, least)| seen > least);
    assert!(!many || enough, "too few faults: twins, drops, returns, retired, given up: {seen:?}");
}

#[test]
fn scheduler_with_a_deliberate_defect_is_found_out() {
    for defect in DEFECTS {
        let fails = |seed: &u64| std::panic::catch_unwind(|| simulate(*seed, Some(defect))).is_err();
        let seed =
            (0..SEEDS).find(fails).unwrap_or_else(|| panic!("{defect:?} is not seen in {SEEDS} seeds"));
        println!("{defect:?} is seen by seed {seed}");
    }
}
