//! The driver's shell: it carries what happens to the production's core, and what that wants done into the world.
//! The only file that speaks to the core.

use crate::disk::Death;
use crate::faults::Fault;
use crate::mutation::Mutation;
use crate::network::{Item, Side};
use crate::wire;
use crate::world::{Happening, SECOND, World};
use rand::RngExt;
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::checkpoint::Checkpoint;
use squall::driver::core::{Configuration, Core, Input, Output, Pool, Stop};
use squall::driver::share;
use squall::error::{Error, ErrorKind};
use squall::event::Timestamp;
use squall::launch::{Key, Order, PoolId};
use squall::protocol::{FromWorker, HEARTBEAT_SECONDS, ToWorker};
use squall::run::Written;
use std::collections::BTreeSet;
use std::time::Duration;

/// One driver's process, from its start to its end.
pub(crate) struct Life {
    core: Core,
    started: u64,
    pub(crate) nonce: u64,
    /// How many it asked for at first, and how many in all but for those that could not be started.
    pub(crate) target: u32,
    pub(crate) most_pending: u32,
    /// What each pool may have.
    pub(crate) maxima: Vec<u32>,
    pub(crate) workers: u32,
    pub(crate) minimum: u32,
    /// Whether the process exists.
    pub(crate) alive: bool,
    pub(crate) machine_is_there: bool,
    pub(crate) stopped_until: u64,
    ticks_at: Option<u64>,
    /// The checkpoint that is being written, and the owner that was seen before.
    writing: Option<(Vec<u8>, Option<u64>)>,
    /// The last checkpoint could not be written, since the run is another driver's.
    superseded: bool,
    pub(crate) looking: bool,
    pub(crate) rejected: bool,
    /// Calls of `sbatch` that have not answered yet.
    pub(crate) submitting: u32,
    /// When the last call of `sbatch` answers: the launcher makes one at a time.
    pub(crate) answers: u64,
    /// Those that have, or will.
    pub(crate) batches: u32,
    pub(crate) interrupted: bool,
    /// How often its workers' tasks may have been at fault.
    pub(crate) faults: u32,
    /// What to end once `sbatch` has answered.
    pub(crate) ending: Option<(BTreeSet<Key>, bool)>,
    pub(crate) closing: bool,
    /// Whether the computation has ended, and how.
    pub(crate) computed: Option<bool>,
}

impl Life {
    pub(crate) fn accepts(&self) -> bool {
        self.alive
    }
}

impl World {
    /// A driver is started: the first one, or one that goes on from what the disk holds.
    pub(crate) fn driver_starts(&mut self) {
        let number = self.lives.len();
        if number + 1 == self.most_lives {
            self.heal();
        }
        let nonce = number as u64 + 1;
        self.disk.owned_by(nonce);
        let kept = self.disk.newest();
        let from = kept.as_deref().map(|content| {
            let checkpoint = Checkpoint::decode(content).expect("a whole checkpoint is readable");
            Box::new(checkpoint)
        });
        self.checker.begins(kept.as_deref(), from.as_deref());
        for earlier in 0..number {
            self.cancel(earlier, &BTreeSet::new());
        }
        let workers = self.rng.random_range(1..6);
        let minimum = self.rng.random_range(1..=workers);
        let checkpoints_from = Timestamp(Duration::from_micros(self.rng.random_range(0..3 * SECOND)));
        let adapts = self.rng.random_bool(0.3).then(|| (minimum, workers + self.rng.random_range(0..6)));
        let most_pending = if self.rng.random_bool(0.3) { self.rng.random_range(1..6) } else { u32::MAX };
        // Together they can hold all.
        let mut maxima = vec![self.rng.random_range(1..=workers)];
        while maxima.iter().sum::<u32>() < workers {
            maxima.push(self.rng.random_range(1..=workers));
        }
        let pool = |&maximum: &u32| Pool { name: None, maximum, memory: Some(1 << 30) };
        let pools = maxima.iter().map(pool).collect();
        let first = share(workers.min(most_pending), maxima.iter().copied());
        self.lives.push(Life {
            core: Core::new(Configuration {
                most_pending,
                jitter: 0,
                start_timeout: Duration::from_secs(300),
                workers,
                minimum_workers: minimum,
                replacements: self.rng.random_range(0..6),
                pools,
                checkpoints_from: Some(checkpoints_from),
            }),
            started: self.now,
            nonce,
            // Those that are no longer wanted may be there beside those that are.
            target: if adapts.is_some() { u32::MAX } else { workers },
            most_pending,
            maxima,
            workers: 0,
            minimum,
            alive: true,
            machine_is_there: true,
            stopped_until: 0,
            ticks_at: None,
            writing: None,
            superseded: false,
            looking: false,
            rejected: false,
            submitting: 0,
            answers: 0,
            batches: 0,
            interrupted: false,
            faults: 0,
            ending: None,
            closing: false,
            computed: None,
        });
        for (pool, workers) in first.into_iter().enumerate().filter(|(_, workers)| *workers > 0) {
            self.orders(number, PoolId(pool), workers);
        }
        if let Some((minimum, maximum)) = adapts {
            self.tell(number, Input::Adapt(minimum, maximum));
        }
        let plan = self.works.cases[self.case].plan.clone();
        self.tell(number, Input::Compute(plan, from));
    }

    /// Tells the core, and does what it wants done.
    pub(crate) fn tell(&mut self, number: usize, input: Input) {
        let life = &mut self.lives[number];
        if !life.alive {
            return;
        }
        let now = Timestamp(Duration::from_micros(self.now - life.started));
        let tick = matches!(input, Input::Tick);
        let outputs = life.core.handle(now, input);
        for output in outputs {
            self.perform(number, output);
        }
        let life = &mut self.lives[number];
        let Some(deadline) = life.core.next_deadline().filter(|_| life.alive) else { return };
        assert!(!tick || deadline > now, "the deadline {deadline:?} has not moved at {now:?}");
        // Never before it, as a timer does.
        let at = life.started + deadline.0.as_nanos().div_ceil(1000) as u64;
        if life.ticks_at.is_none_or(|ticks_at| at < ticks_at) {
            life.ticks_at = Some(at);
            self.at(at.max(self.now), Happening::Ticks { life: number, at });
        }
    }

    pub(crate) fn ticks(&mut self, number: usize, at: u64) {
        let life = &mut self.lives[number];
        if life.ticks_at == Some(at) {
            life.ticks_at = None;
            self.tell(number, Input::Tick);
        }
    }

    fn perform(&mut self, number: usize, output: Output) {
        self.checker.output(number, &output);
        match output {
            Output::Send(ConnectionId(connection), message) => self.says(connection as usize, &message),
            Output::Close(ConnectionId(connection)) => self.shut(connection as usize, Side::Driver),
            Output::Order(Order::Look) if !self.lives[number].looking && self.lives[number].batches > 0 => {
                self.lives[number].looking = true;
                let takes = self.rng.random_range(0..SECOND);
                self.after(takes, Happening::Looked { life: number });
            }
            Output::Order(Order::Look) => {}
            Output::Order(Order::Start { pool, workers }) => self.orders(number, pool, workers),
            Output::Order(Order::Withdraw { keys }) => self.withdraws(number, keys),
            Output::Order(Order::End { left, at_once }) => self.end(number, left, at_once),
            Output::Tell(_) | Output::Record(_) => {}
            Output::Checkpoint(content) => self.keeps(number, content),
            Output::Last(content) => self.keeps_last(number, content),
            Output::Computed(result) => {
                let superseded = || Error::new(ErrorKind::Refused, "another driver has taken over the run");
                let result = if self.lives[number].superseded { Err(superseded()) } else { result };
                self.lives[number].computed = Some(result.is_ok());
                match result {
                    Ok(finished) => self.finished(number, &finished),
                    Err(error) => self.failed(number, &error),
                }
                // A caller takes its time.
                let pause = self.rng.random_range(0..SECOND);
                self.after(pause, Happening::Closes { life: number });
            }
            Output::Over(_) => {
                if self.lives[number].computed == Some(true) {
                    self.disk.remove_checkpoints();
                }
                self.driver_ends(number);
            }
        }
    }

    fn says(&mut self, connection: usize, message: &ToWorker) {
        if !self.send(connection, Side::Worker, wire::encode(message)) {
            self.shut(connection, Side::Driver);
        }
    }

    pub(crate) fn driver_beats(&mut self, connection: usize) {
        let link = &self.connections[connection];
        if link.is_closed(Side::Driver) {
            return;
        }
        if !link.is_blocked(Side::Worker) {
            self.send(connection, Side::Worker, wire::encode(&ToWorker::Heartbeat));
        }
        self.after(HEARTBEAT_SECONDS * SECOND, Happening::DriverBeats { connection });
    }

    pub(crate) fn driver_listens(&mut self, connection: usize) {
        let link = &self.connections[connection];
        if link.is_closed(Side::Driver) {
            return;
        }
        let silent_at = link.heard[Side::Driver as usize] + self.death_timeout;
        if silent_at <= self.now {
            let silence = Duration::from_micros(self.death_timeout);
            return self.disconnected(connection, Disconnect::Silent(silence));
        }
        self.at(silent_at, Happening::DriverListens { connection });
    }

    fn disconnected(&mut self, connection: usize, how: Disconnect) {
        self.close(connection, Side::Driver);
        let link = &self.connections[connection];
        if link.registered && self.mutation != Some(Mutation::MissesLosses) {
            self.tell(link.life, Input::Disconnected(ConnectionId(connection as u64), how));
        }
    }

    /// Something arrives from a worker.
    pub(crate) fn driver_hears(&mut self, connection: usize, item: Item) {
        let step = self.rng.random_range(1..5000);
        match item {
            Item::Frame(frame) => {
                let message = wire::decode(&frame, step).expect("a whole frame").expect("a message");
                self.hears(connection, message);
            }
            Item::Broken(rest) => {
                let received = wire::decode::<FromWorker>(&rest, step);
                assert!(!matches!(received, Ok(Some(_))), "a part of a frame is taken for a message");
                self.disconnected(connection, Disconnect::Broken("connection reset".to_owned()));
            }
            Item::End => self.disconnected(connection, Disconnect::Closed),
            Item::Lost => {}
        }
    }

    fn hears(&mut self, connection: usize, message: FromWorker) {
        let link = &mut self.connections[connection];
        let (life, number) = (link.life, ConnectionId(connection as u64));
        let registered = std::mem::replace(&mut link.registered, true);
        match message {
            FromWorker::Register(registration) => {
                assert!(!registered, "a worker registers once over a connection");
                self.after(HEARTBEAT_SECONDS * SECOND, Happening::DriverBeats { connection });
                self.after(self.death_timeout, Happening::DriverListens { connection });
                self.tell(life, Input::Registered(number, registration));
            }
            message => {
                assert!(registered, "{message:?} comes before the registration");
                self.tell(life, Input::Said(number, message));
            }
        }
    }

    /// The thread of checkpoints begins to write one: it looks who owns the run.
    fn keeps(&mut self, number: usize, mut content: Vec<u8>) {
        if self.mutation == Some(Mutation::ClaimsOneMore) {
            content = crate::mutation::one_more(&content);
        }
        let hangs = self.strikes(Fault::DiskHangs);
        let looked = self.strikes(Fault::OwnerSeenLate).then(|| self.disk.nonce());
        let takes = self.rng.random_range(1000..if hangs { 40 * SECOND } else { SECOND / 10 });
        let looked = if self.mutation == Some(Mutation::TrustsItsNonce) {
            Some(self.lives[number].nonce)
        } else {
            looked
        };
        self.lives[number].writing = Some((content, looked));
        if self.strikes(Fault::WriteTorn) {
            let moment = self.rng.random_range(0..takes);
            self.after(moment, Happening::DriverDies { life: number });
        }
        self.after(takes, Happening::Written { life: number });
    }

    pub(crate) fn written(&mut self, number: usize) {
        let life = &mut self.lives[number];
        let Some((content, looked)) = life.writing.take().filter(|_| life.alive) else { return };
        let nonce = life.nonce;
        let written = self.disk.write(nonce, looked, &content);
        let late = looked.is_some_and(|looked| looked != self.disk.nonce());
        let excused = late && self.mutation != Some(Mutation::TrustsItsNonce);
        if let Ok(Written::Kept) = written {
            self.checker.kept(content, nonce, self.disk.nonce(), excused);
        }
        self.tell(number, Input::Checkpointed(written));
    }

    /// The thread that writes takes what waits first. Results are handed over once the last one is on the disk, or
    /// cannot be.
    fn keeps_last(&mut self, number: usize, content: Vec<u8>) {
        self.written(number);
        if !self.lives[number].alive {
            return;
        }
        let nonce = self.lives[number].nonce;
        match self.disk.write(nonce, None, &content) {
            Ok(Written::Kept) => self.checker.kept(content, nonce, self.disk.nonce(), false),
            Ok(Written::Superseded(_)) => self.lives[number].superseded = true,
            Err(_) => {}
        }
    }

    /// The driver is asked to end by a signal.
    pub(crate) fn interrupts(&mut self, number: usize) {
        self.lives[number].interrupted = true;
        let error = Error::new(ErrorKind::Interrupted(15), "interrupted");
        self.stops(number, Stop::Interrupted(error));
    }

    pub(crate) fn stops(&mut self, number: usize, stop: Stop) {
        self.lives[number].closing = true;
        self.checker.closes(number);
        self.tell(number, Input::Stop(stop));
    }

    /// The driver's process dies, at any moment of what it does.
    pub(crate) fn driver_dies(&mut self, number: usize, death: &Death) {
        if let Some((content, _)) = self.lives[number].writing.take() {
            let nonce = self.lives[number].nonce;
            if nonce == self.disk.nonce() {
                self.disk.torn_write(nonce, &content);
                self.checker.torn(content);
            }
        }
        self.disk.lose(death);
        if let Death::Machine = death {
            self.lives[number].machine_is_there = false;
        }
        self.driver_ends(number);
    }

    fn driver_ends(&mut self, number: usize) {
        let life = &mut self.lives[number];
        life.alive = false;
        let silently = !life.machine_is_there;
        for connection in 0..self.connections.len() {
            let link = &self.connections[connection];
            if link.life != number || link.is_closed(Side::Driver) {
                continue;
            }
            if silently {
                self.vanish(connection, Side::Driver);
            } else {
                self.close(connection, Side::Driver);
            }
        }
        let last = number + 1 == self.lives.len();
        if last && self.lives[number].computed != Some(true) {
            let pause = self.rng.random_range(0..60 * SECOND);
            self.after(pause, Happening::DriverStarts { after: number });
        }
    }
}
