//! The driver's decisions: pure, told inputs with their time, answering with outputs.
//!
//! It joins three truths: what the scheduler wants, what the workers' connections say, and what the launcher
//! sees of processes or Slurm jobs. The shell around it only carries things to and fro. Its tests are in
//! `tests/driver`.

mod checkpoints;
mod findings;
mod pool;
mod workers;

use crate::driver::cause::{Cause, Disconnect};
use crate::driver::checkpoint::{Checkpoint, Schedule};
use crate::driver::computation::Computation;
use crate::driver::launched::{Ordered, Turn};
use crate::driver::roster::{ConnectionId, Roster};
use crate::driver::standstill::Standstill;
use crate::driver::times::Times;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{JobNews, RunEvent, Timestamp};
use crate::launch::{Key, Order, PoolId, State};
use crate::plan::{Finished, Plan};
use crate::protocol::{FromWorker, Registration, ToWorker};
use crate::run::Written;
use crate::scheduler::adapt::Adapt;
use crate::scheduler::looks::Looks;
use crate::scheduler::pool::{Pools, share};
use crate::scheduler::{self, Effect, Scheduler, WorkerId};
use std::sync::Arc;
use std::time::Duration;

/// How long dismissed workers may take to leave before what is left of them is ended.
const LEAVE_GRACE: Duration = Duration::from_secs(2);
/// How long before its own end the driver begins to close: for a last checkpoint, and the end of its workers.
const CLOSING: Duration = Duration::from_secs(10);

/// What the driver is told.
pub enum Input {
    /// Compute this, after nothing else is being computed; from where a checkpoint of it was made.
    Compute(Arc<Plan>, Option<Box<Checkpoint>>),
    /// A worker proved itself and registered, over a connection whose number was never used before.
    Registered(ConnectionId, Registration),
    /// A registered worker says something.
    Said(ConnectionId, FromWorker),
    /// A registered worker's connection is gone.
    Disconnected(ConnectionId, Disconnect),
    /// The launcher started these in a pool.
    Started(PoolId, String, Vec<Key>),
    /// The launcher saw something new of these workers.
    States(Vec<State>),
    /// The launcher has something for the user to read.
    Notice(String),
    /// The launcher cannot start so many workers in a pool, and could not later.
    Failed(PoolId, u32, Error),
    /// The launcher cannot start so many workers in a pool just now.
    PutOff(PoolId, u32, Error),
    /// From now on there are to be so many workers, one at the least.
    Scale(u32),
    /// From now on there are to be between so many workers, and so many, as there is work for them.
    Adapt(u32, u32),
    /// Of workers that have ended the launcher can learn nothing after so long.
    MinJobAge(Duration),
    /// The launcher has ended everything, or leaves this line to type.
    Gone(Option<String>),
    /// What has come of the checkpoint.
    Checkpointed(Result<Written>),
    /// The deadline has come.
    Tick,
    /// The driver itself may go on for so long.
    Ends(Duration),
    /// End: in order, or at once where it was interrupted before.
    Stop(Stop),
}

/// Why the driver is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Nothing more is to be computed.
    Close,
    /// A signal or the like asks for it; what is computed fails with this error.
    Interrupted(Error),
}

/// What the driver wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this to a worker.
    Send(ConnectionId, ToWorker),
    /// End a connection whose worker has another one.
    Close(ConnectionId),
    /// Give the launcher this order.
    Order(Order),
    /// Tell who listens.
    Tell(RunEvent),
    /// Record that the scheduler was told this.
    Record(scheduler::Event),
    /// Write these bytes of a [`Checkpoint`] down.
    Checkpoint(Vec<u8>),
    /// The same of a computation whose tasks are all counted, once: results are handed over when that is tried.
    Last(Vec<u8>),
    /// The computation is done: what its stages have made, or why not.
    Computed(Result<Finished>),
    /// Everything is over. A line is what the user must type to end what could not be ended.
    Over(Option<String>),
}

/// Where workers come from.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// What it is called, where there are several.
    pub name: Option<String>,
    /// No more workers are started in it.
    pub maximum: u32,
    /// What each of its workers is allowed, in bytes, where that is limited.
    pub memory: Option<u64>,
}

/// What a core must know before anything happens.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// How many workers are asked for.
    pub workers: u32,
    /// In which pools, of which there is one at the least: as many as may wait are [shared](share()) among them first.
    pub pools: Vec<Pool>,
    /// How many may wait to be started at a time.
    pub most_pending: u32,
    /// Where this driver's looks at the queue differ from those of others.
    pub jitter: u64,
    /// How many of them must be there before it begins to compute.
    pub minimum_workers: u32,
    /// How long a worker that was started may take to register.
    pub start_timeout: Duration,
    /// How many of those that are lost are replaced.
    pub replacements: u32,
    /// From when on checkpoints are made, if they are kept.
    pub checkpoints_from: Option<Timestamp>,
}

/// The driver's state.
pub struct Core {
    scheduler: Scheduler,
    roster: Roster,
    computation: Option<Computation>,
    /// Why nothing can be computed any more.
    failure: Option<Error>,
    looks: Looks,
    pools: Pools,
    /// What pools are called, where there are several.
    names: Vec<Option<String>>,
    adapt: Option<Adapt>,
    /// Workers that are to be started once there is work for them.
    missing: u32,
    /// Whether more are missing than may wait to be started.
    held_back: bool,
    /// Whether some that the launcher is to name yet may have to go.
    too_many: bool,
    most_pending: u32,
    start_timeout: Duration,
    times: Times,
    standstill: Standstill,
    /// Where checkpoints are kept.
    checkpoints: Option<Schedule>,
    closing: Option<Closing>,
    /// When it closes, since its own time is over.
    end: Option<Timestamp>,
    warned: findings::Warned,
    outputs: Vec<Output>,
}

struct Closing {
    /// When the launcher is told to end what is left, at the latest.
    end_by: Timestamp,
    ordered: bool,
    /// It was asked for twice.
    at_once: bool,
}

impl Core {
    /// A driver that knows of nothing yet.
    pub fn new(configuration: Configuration) -> Core {
        let Configuration { workers, most_pending, minimum_workers, pools, .. } = configuration;
        let maxima = || pools.iter().map(|pool| pool.maximum);
        let first = share(workers.min(most_pending), maxima());
        let ordered = |(workers, pool): (u32, &Pool)| Ordered { workers, memory: pool.memory };
        let ordered = first.into_iter().zip(&pools).map(ordered).collect();
        Core {
            scheduler: Scheduler::new(minimum_workers),
            roster: Roster::new(ordered, minimum_workers),
            computation: None,
            failure: None,
            looks: Looks::new(configuration.jitter),
            pools: Pools::new(workers, configuration.replacements, maxima()),
            names: pools.iter().map(|pool| pool.name.clone()).collect(),
            adapt: None,
            missing: 0,
            held_back: false,
            too_many: false,
            most_pending,
            start_timeout: configuration.start_timeout,
            times: Times::default(),
            standstill: Standstill::default(),
            checkpoints: configuration.checkpoints_from.map(Schedule::from),
            closing: None,
            end: None,
            warned: findings::Warned::default(),
            outputs: Vec::new(),
        }
    }

    /// Takes note of `input` at `now`, which never goes back; returns what is to be done, in order.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let had_failed = self.failure.is_some();
        match input {
            Input::Compute(plan, from) => self.compute(now, plan, from),
            Input::Registered(connection, registration) => self.registered(now, connection, registration),
            Input::Said(connection, message) => self.said(now, connection, message),
            Input::Disconnected(connection, how) => self.disconnected(now, connection, how),
            Input::Started(pool, job, keys) => self.started(now, pool, job, keys),
            Input::States(states) => self.states(now, states),
            Input::Notice(text) => self.tell(RunEvent::Notice { text }),
            Input::Failed(pool, workers, error) => self.not_started(pool, workers, error),
            Input::PutOff(pool, workers, error) => self.put_off(now, pool, workers, &error),
            Input::Scale(workers) => self.scale(now, workers),
            Input::Adapt(minimum, maximum) => self.adapt = Some(Adapt::new(now, minimum, maximum)),
            Input::MinJobAge(age) => self.looks.min_job_age(age),
            Input::Gone(line) => self.gone(now, line),
            Input::Checkpointed(written) => self.checkpointed(now, written),
            Input::Tick => self.schedule(now, scheduler::Event::Tick),
            Input::Ends(left) => self.end = Some(now + left.saturating_sub(CLOSING.min(left / 2))),
            Input::Stop(stop) => self.stop(now, stop),
        }
        self.close_where_time_is_over(now);
        self.lose_those_away(now);
        self.fail_where_nothing_goes_on(now);
        if self.failure.is_some() && !had_failed {
            // Nothing more is computed: what is still held counts no longer, and the workers may go.
            self.schedule(now, scheduler::Event::Close);
        }
        self.give_up_those_that_do_not_come(now);
        self.replace_those_whose_time_ends(now);
        self.adapt(now);
        self.send_away_those_named_since(now);
        self.start_missing(now);
        self.checkpoint(now, false);
        self.look(now);
        self.end_when_all_left(now);
        debug_assert!(self.roster.is_counted(), "the counts of workers are those of a recount");
        std::mem::take(&mut self.outputs)
    }

    /// When to send [`Input::Tick`] if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let end_by = self.closing.as_ref().filter(|closing| !closing.ordered).map(|closing| closing.end_by);
        let computing = self.computation.is_some();
        let checkpoint = self.checkpoints.as_ref().filter(|_| computing).and_then(Schedule::next);
        let deadlines = [
            self.scheduler.next_deadline(),
            self.looks.next(),
            self.roster.next(),
            self.roster.next_end(),
            self.roster.next_start(),
            self.adapts().and(self.adapt.as_ref()).map(Adapt::next),
            self.standstill.next(),
            self.next_start_of_missing(),
            end_by,
            checkpoint,
            self.end,
        ];
        deadlines.into_iter().flatten().min()
    }

    fn compute(&mut self, now: Timestamp, plan: Arc<Plan>, from: Option<Box<Checkpoint>>) {
        if let Some(error) = self.failure.clone().or_else(|| self.closing.as_ref().map(|_| closed())) {
            self.outputs.push(Output::Computed(Err(error)));
            return;
        }
        assert!(self.computation.is_none(), "one computation follows the other");
        match Computation::new(plan, from.map(|from| *from)) {
            Ok(computation) => self.computation = Some(computation),
            Err(error) => return self.outputs.push(Output::Computed(Err(error))),
        }
        self.begin_stage(now);
        self.adapt(now);
        self.check_hope();
    }

    /// Begins the computation's next stage, or ends it where there is none.
    fn begin_stage(&mut self, now: Timestamp) {
        let Some(computation) = &mut self.computation else { return };
        match computation.begin() {
            Ok(Some(done)) => {
                self.standstill.begin();
                let stage = computation.stage().expect("it has just begun");
                for connection in self.roster.connected() {
                    self.outputs.push(Output::Send(connection, ToWorker::Stage(stage.clone())));
                }
                self.outputs.push(Output::Tell(computation.stage_event()));
                let (tasks, most) = (stage.tasks(), stage.lease_tasks());
                self.schedule(now, scheduler::Event::Begin { tasks, most, done });
            }
            Ok(None) => {
                let finished = computation.take_finished();
                self.computation = None;
                self.outputs.push(Output::Computed(Ok(finished)));
            }
            Err(error) => self.fail(error),
        }
    }

    fn started(&mut self, now: Timestamp, pool: PoolId, job: String, keys: Vec<Key>) {
        self.times.submitted(now);
        self.tell(RunEvent::Submitted { job, workers: keys.len() as u32 });
        self.roster.started(now, pool, keys);
        self.looks.restart(now);
        // Those that had registered before they were named have been counted twice.
        self.check_hope();
    }

    fn states(&mut self, now: Timestamp, states: Vec<State>) {
        let job = |state: &State| JobNews {
            job: state.key.0.clone(),
            state: state.word.clone(),
            reason: state.reason.clone(),
        };
        if self.closing.is_none() {
            self.tell(RunEvent::Jobs { jobs: states.iter().map(job).collect() });
        }
        let mut runs = false;
        for state in states {
            let key = state.key.clone();
            match self.roster.state(state) {
                Turn::Runs => {
                    runs = true;
                    self.roster.starts(key, now + self.start_timeout);
                }
                Turn::Ended(pool, how) => self.pools.ended(now, pool.0, how),
                Turn::None => {}
            }
        }
        if runs {
            self.looks.restart(now);
        }
        self.check_hope();
    }

    fn fail(&mut self, error: Error) {
        if self.failure.is_none() && self.closing.is_none() {
            self.failure = Some(error.clone());
        }
        if self.computation.take().is_some() {
            self.tell(RunEvent::Failed { error: error.to_string() });
            self.outputs.push(Output::Computed(Err(error)));
        }
    }

    fn stop(&mut self, now: Timestamp, stop: Stop) {
        if let Some(closing) = &mut self.closing {
            // A caller that was interrupted closes as well; only who interrupts again is in a hurry.
            if let Stop::Interrupted(_) = stop {
                *closing = Closing { end_by: now, ordered: false, at_once: true };
            }
            return;
        }
        let cause = match stop {
            Stop::Close => "done".to_owned(),
            Stop::Interrupted(error) => {
                self.checkpoint(now, true);
                let cause = error.what().to_owned();
                self.fail(error);
                cause
            }
        };
        self.times.closing(now);
        self.tell(RunEvent::Closing { cause });
        self.computation = None;
        self.closing = Some(Closing { end_by: now + LEAVE_GRACE, ordered: false, at_once: false });
        self.schedule(now, scheduler::Event::Close);
    }

    /// Closes before the driver's own job is ended: so that there is a last checkpoint, and nothing is left.
    fn close_where_time_is_over(&mut self, now: Timestamp) {
        if self.end.is_some_and(|end| end <= now) {
            self.end = None;
            if self.closing.is_none() {
                self.stop(now, Stop::Interrupted(time_is_over()));
            }
        }
    }

    /// Once no worker is connected any more, or they take too long, what is left is ended.
    fn end_when_all_left(&mut self, now: Timestamp) {
        let none_left = self.roster.connected().next().is_none();
        let Some(closing) = &mut self.closing else { return };
        if !closing.ordered && (none_left || closing.end_by <= now) {
            closing.ordered = true;
            let at_once = closing.at_once;
            self.outputs.push(Output::Order(Order::End { left: self.roster.left(), at_once }));
        }
    }

    fn gone(&mut self, now: Timestamp, line: Option<String>) {
        self.tell(RunEvent::Closed(self.times.receipt(now)));
        self.outputs.push(Output::Over(line));
    }

    fn look(&mut self, now: Timestamp) {
        // Whether one is needed takes a look at every worker, so that is asked when it is time.
        if self.looks.next().is_none_or(|next| now < next) {
            return;
        }
        let needed = self.closing.is_none() && self.roster.awaits();
        if self.looks.due(now, needed, self.roster.starting()) {
            self.outputs.push(Output::Order(Order::Look));
        }
    }

    fn schedule(&mut self, now: Timestamp, event: scheduler::Event) {
        let effects = self.scheduled(now, event);
        self.perform(now, effects);
    }

    /// Has the scheduler told, and that recorded.
    fn scheduled(&mut self, now: Timestamp, event: scheduler::Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.outputs.push(Output::Record(event.clone()));
        self.scheduler.handle(now, event, &mut effects);
        effects
    }

    fn perform(&mut self, now: Timestamp, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // What has just failed is closed in a moment.
                Effect::Lease { .. } if self.computation.is_none() => {}
                Effect::Lease { worker, lease, tasks, .. } => {
                    self.times.leased(now);
                    let (lease, first, end) = (lease.0, tasks.start, tasks.end);
                    self.tell(RunEvent::Leased { lease, worker: worker.0, first, end });
                    self.send(worker, ToWorker::Lease { lease, first, end });
                }
                Effect::Yield { worker, lease, .. } => {
                    self.standstill.called_in(lease);
                    self.send(worker, ToWorker::Yield { lease: lease.0 });
                }
                Effect::Retire { worker } => {
                    self.tell(RunEvent::Notice {
                        text: format!("worker {} is to leave: its walltime is near", worker.0),
                    });
                    self.roster.drains(worker, Cause::WalltimeIsNear);
                }
                Effect::Dismiss { worker } => self.send(worker, ToWorker::Dismiss),
                Effect::Done => {
                    self.keep_last(now);
                    match self.computation.as_mut().map(Computation::stage_done) {
                        Some(Err(error)) => return self.fail(error),
                        done => self.outputs.extend(done.and_then(Result::ok).map(Output::Tell)),
                    }
                    self.begin_stage(now);
                }
                Effect::Accept { .. } | Effect::Drop { .. } | Effect::GiveUp { .. } => {}
            }
        }
    }

    /// Sends to a worker; one that is away is told what matters when it is back.
    fn send(&mut self, worker: WorkerId, message: ToWorker) {
        self.outputs
            .extend(self.roster.connection(worker).map(|connection| Output::Send(connection, message)));
    }

    fn tell(&mut self, event: RunEvent) {
        self.outputs.push(Output::Tell(event));
    }
}

/// The failure of a driver whose run is another one's by now.
pub(super) fn superseded(by: String) -> Error {
    Error::refused("another driver has taken over the run").cause(format!("it is {by}"))
}

fn time_is_over() -> Error {
    Error::new(ErrorKind::Workers, "the walltime of the driver's own job is near")
        .cause("it closed in order before Slurm would have ended it")
        .hint("give the job of the driver more time, with --time of sbatch, salloc or srun, or its settings")
}

fn closed() -> Error {
    Error::refused("the cluster is closed")
}
