//! The world of one seed: a clock that jumps from one happening to the next, and what happens.

use crate::checker::{Checker, Truth};
use crate::disk::{Death, Disk};
use crate::driver::Life;
use crate::faults::{Fault, Faults};
use crate::mutation::Mutation;
use crate::network::{Connection, Side};
use crate::plans::{Works, bits};
use crate::slurm::Job;
use crate::worker::Worker;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use squall::driver::core::Stop;
use squall::error::Error;
use squall::launch::{Key, Phase, PoolId};
use squall::plan::Finished;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// Microseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000;
/// Happenings until a run is taken for one that never ends ..
const MOST: u64 = 300_000;
/// .. and microseconds.
const LONGEST: u64 = 6 * 3600 * SECOND;

/// What travels or is due.
#[derive(Debug)]
pub(crate) enum Happening {
    Arrives { connection: usize, to: Side },
    DriverStarts { after: usize },
    DriverDies { life: usize },
    Ticks { life: usize, at: u64 },
    DriverBeats { connection: usize },
    DriverListens { connection: usize },
    Written { life: usize },
    Closes { life: usize },
    Submits { life: usize, pool: PoolId, workers: u32 },
    Submitted { life: usize, batch: u32 },
    Looked { life: usize },
    Withdrawn { life: usize, keys: BTreeSet<Key> },
    Cancelled { life: usize, left: BTreeSet<Key>, fails: bool },
    JobStarts { job: usize },
    JobKilled { job: usize, word: &'static str },
    TimeIsUp { job: usize },
    Attempts { worker: usize },
    WorkerBeats { worker: usize, connection: usize },
    WorkerListens { worker: usize, connection: usize },
    Computed { worker: usize, generation: u64 },
    Terminates { worker: usize },
    Leaves { worker: usize },
    GoesWrong,
    DiskHeals,
}

#[expect(clippy::print_stdout, reason = "a replay tells what happens")]
fn say(line: &str) {
    println!("{line}");
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    pub(crate) rng: StdRng,
    pub(crate) works: Rc<Works>,
    pub(crate) case: usize,
    pub(crate) most_lives: usize,
    pub(crate) death_timeout: u64,
    pub(crate) faults: Faults,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) disk: Disk,
    pub(crate) connections: Vec<Connection>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) lives: Vec<Life>,
    pub(crate) checker: Checker,
    happenings: u64,
    trace: Trace,
}

/// What is made of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    Nothing,
    /// A number that another history would hardly have.
    Hash(u64),
    Print,
}

/// What a world has been through.
pub(crate) struct History {
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) happenings: u64,
    pub(crate) lives: usize,
    pub(crate) trace: Trace,
}

impl World {
    pub(crate) fn new(seed: u64, works: Rc<Works>, mutation: Option<Mutation>, trace: Trace) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let case = works.draw(&mut rng);
        let (tasks, checkpoint) = (works.cases[case].tasks.clone(), works.cases[case].checkpoint);
        World {
            now: 0,
            agenda: BTreeMap::new(),
            sequence: 0,
            case,
            most_lives: rng.random_range(1..6),
            death_timeout: [10, 30, 60][rng.random_range(0..3)] * SECOND,
            faults: Faults::new(&mut rng),
            mutation,
            disk: Disk::new(seed, mutation != Some(Mutation::NeverSynchronizes)),
            connections: Vec::new(),
            workers: Vec::new(),
            jobs: Vec::new(),
            lives: Vec::new(),
            checker: Checker::new(tasks, checkpoint),
            happenings: 0,
            trace,
            works,
            rng,
        }
    }

    pub(crate) fn at(&mut self, at: u64, happening: Happening) {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), happening);
    }

    pub(crate) fn after(&mut self, delay: u64, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    /// After a moment.
    pub(crate) fn later(&mut self, happening: Happening) {
        let delay = self.delay();
        self.after(delay, happening);
    }

    /// What a message takes: mostly below a millisecond, at times seconds.
    pub(crate) fn delay(&mut self) -> u64 {
        LogNormal::new(6.0, 1.5).expect("valid").sample(&mut self.rng) as u64
    }

    /// Whether a thing that is being done fails in this way.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        self.faults.strikes(&mut self.rng, fault)
    }

    /// From the first driver's start until nothing will ever happen again.
    pub(crate) fn run(mut self) -> History {
        self.driver_starts();
        let first = self.rng.random_range(0..2 * self.faults.every);
        self.after(first, Happening::GoesWrong);
        while let Some(((at, _), happening)) = self.agenda.pop_first() {
            self.now = at;
            self.happenings += 1;
            assert!(self.happenings < MOST && at < LONGEST, "the run does not end");
            if let Some(wakes) = self.asleep_until(&happening) {
                self.at(wakes, happening);
                continue;
            }
            self.note(&happening);
            self.happen(happening);
        }
        self.check_the_end();
        let (faults, lives) = (self.faults.counts, self.lives.len());
        History { faults, happenings: self.happenings, lives, trace: self.trace }
    }

    fn note(&mut self, happening: &Happening) {
        match &mut self.trace {
            Trace::Nothing => {}
            Trace::Hash(before) => {
                let mut hasher = DefaultHasher::new();
                (*before, self.now, format!("{happening:?}")).hash(&mut hasher);
                *before = hasher.finish();
            }
            Trace::Print => say(&format!("{:>12.6} {happening:?}", self.now as f64 / SECOND as f64)),
        }
    }

    /// Says more of what happens, where that is asked for.
    pub(crate) fn remark(&self, text: impl FnOnce() -> String) {
        if self.trace == Trace::Print {
            say(&format!("{:>12} {}", "", text()));
        }
    }

    /// Until when nothing happens to the process that this happens to.
    fn asleep_until(&self, happening: &Happening) -> Option<u64> {
        let driver = |life: usize| self.lives[life].stopped_until;
        let worker = |worker: usize| self.workers[worker].stopped_until;
        let until = match *happening {
            Happening::Arrives { connection, to: Side::Driver }
            | Happening::DriverBeats { connection }
            | Happening::DriverListens { connection } => driver(self.connections[connection].life),
            Happening::Arrives { connection, to: Side::Worker } => {
                worker(self.connections[connection].worker)
            }
            Happening::Ticks { life, .. }
            | Happening::Written { life }
            | Happening::Closes { life }
            | Happening::Submits { life, .. }
            | Happening::Submitted { life, .. }
            | Happening::Cancelled { life, .. }
            | Happening::Looked { life } => driver(life),
            Happening::Attempts { worker: number }
            | Happening::WorkerBeats { worker: number, .. }
            | Happening::WorkerListens { worker: number, .. }
            | Happening::Computed { worker: number, .. }
            | Happening::Terminates { worker: number }
            | Happening::Leaves { worker: number } => worker(number),
            _ => 0,
        };
        (until > self.now).then_some(until)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { connection, to } => {
                let Some(item) = self.arrived(connection, to) else { return };
                match to {
                    Side::Driver => self.driver_hears(connection, item),
                    Side::Worker => self.worker_hears(connection, item),
                }
            }
            Happening::DriverStarts { after } => {
                if after + 1 == self.lives.len() && !self.checker.is_finished() {
                    self.driver_starts();
                }
            }
            Happening::DriverDies { life } if self.lives[life].alive && !self.faults.healed => {
                let deaths = [Death::Process, Death::Machine];
                let death = self.rng.random_range(0..2);
                self.driver_dies(life, &deaths[death]);
            }
            Happening::DriverDies { .. } => {}
            Happening::Ticks { life, at } => self.ticks(life, at),
            Happening::DriverBeats { connection } => self.driver_beats(connection),
            Happening::DriverListens { connection } => self.driver_listens(connection),
            Happening::Written { life } => self.written(life),
            Happening::Closes { life } => self.stops(life, Stop::Close),
            Happening::Submits { life, pool, workers } => self.submits(life, pool, workers),
            Happening::Submitted { life, batch } => self.submitted(life, batch),
            Happening::Looked { life } => self.looked(life),
            Happening::Withdrawn { life, keys } => self.withdrawn(life, &keys),
            Happening::Cancelled { life, left, fails } => self.cancelled(life, &left, fails),
            Happening::JobStarts { job } => self.job_starts(job),
            Happening::JobKilled { job, word } => self.job_ends(job, word),
            Happening::TimeIsUp { job } => self.terminate(job, "TIMEOUT"),
            Happening::Attempts { worker } => self.attempts(worker),
            Happening::WorkerBeats { worker, connection } => self.worker_beats(worker, connection),
            Happening::WorkerListens { worker, connection } => self.worker_listens(worker, connection),
            Happening::Computed { worker, generation } => self.computed(worker, generation),
            Happening::Terminates { worker } => self.terminates(worker),
            Happening::Leaves { worker } => self.leave(worker),
            Happening::GoesWrong => self.goes_wrong(),
            Happening::DiskHeals => self.disk.heal(),
        }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.faults.healed = true;
        self.disk.heal();
    }

    pub(crate) fn finished(&mut self, life: usize, finished: &Finished) {
        self.remark(|| format!("driver {life} has the results"));
        let case = &self.works.cases[self.case];
        self.checker.finished(bits(finished) == case.oracle, case.name);
    }

    /// A computation has failed: what it says of itself is held to what is the case.
    pub(crate) fn failed(&mut self, life: usize, error: &Error) {
        self.remark(|| format!("driver {life} fails: {error:?}"));
        let own = &self.lives[life];
        let ended = |job: &&Job| job.life == life && job.told.is_some_and(|(phase, _)| phase == Phase::Ended);
        let truth = Truth {
            expected: own.workers,
            minimum: own.minimum,
            adapts: own.target == u32::MAX,
            ended: self.jobs.iter().filter(ended).map(|job| job.key().0).collect(),
            alive: self.jobs.iter().filter(|job| !job.has_ended()).map(|job| job.key().0).collect(),
            rejected: own.rejected,
            interrupted: own.interrupted,
            superseded: own.nonce != self.disk.nonce(),
            faults: own.faults,
        };
        self.checker.failed(life, error, &truth);
    }

    /// When nothing will ever happen again: the results are there, and nothing else.
    fn check_the_end(&self) {
        assert!(self.checker.is_finished(), "nothing will ever happen again, and there is no result");
        for job in &self.jobs {
            assert!(job.has_ended(), "job {} is left, {}", job.key(), job.word);
        }
        for (number, life) in self.lives.iter().enumerate() {
            assert!(!life.alive, "driver {number} is left");
        }
        self.checker.check_the_end();
    }
}
