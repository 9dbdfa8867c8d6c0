//! The driver: a thread of its own that turns what happens into inputs, asks `core` what to do, and does it.
//!
//! The handle talks to it by channels, so that compute threads and callers never hold up its heartbeats.
//! Decisions are in `core.rs`; this file only carries them out. The driver never holds a chunk.

pub mod cause;
pub mod checkpoint;
mod computation;
mod connection;
pub mod core;
mod counted;
mod keeper;
mod launched;
mod listen;
mod recorder;
mod roster;
mod standstill;
mod times;

pub use crate::scheduler::pool::share;
pub use computation::complete;
pub use keeper::{Checkpoints, Kept, Owned};
pub use listen::Listen;
pub use roster::ConnectionId;

use crate::driver::checkpoint::Checkpoint;
use crate::driver::connection::{Arrival, Inputs};
use crate::driver::core::{Core, Input, Output, Stop};
use crate::driver::keeper::Keeper;
use crate::driver::recorder::Recorder;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Monitor, Receipt, RunEvent, Timestamp};
use crate::launch::{Launcher, Order, Report, peak_memory};
use crate::plan::{Finished, Plan};
use crate::protocol::ToWorker;
use crate::run::RunDirectory;
use std::collections::{BTreeMap, VecDeque};

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Inputs that may wait: beyond it connections are read no further. Few, since one may be much larger than its frame.
const INPUTS: usize = 2;
/// Connections for each worker that was asked for: one may be back before its broken connection is missed.
const CONNECTIONS: usize = 2;
/// And as many more.
const MORE_CONNECTIONS: usize = 16;

/// How many connections there may be with so many workers.
fn most_connections(workers: u32) -> usize {
    CONNECTIONS * workers as usize + MORE_CONNECTIONS
}

/// What a driver is made of.
pub struct Configuration {
    /// When the run started.
    pub started: Instant,
    /// What decisions need.
    pub core: core::Configuration,
    /// How long a worker may be silent.
    pub death_timeout: Duration,
    /// Where workers can reach the driver, where they come over a network.
    pub listen: Option<(Listen, Owned)>,
    /// What starts, watches and ends workers.
    pub launcher: Box<dyn Launcher>,
    /// Who is told.
    pub monitor: Box<dyn Monitor>,
    /// Where checkpoints go, where any are made.
    pub checkpoints: Option<Checkpoints>,
    /// Where it is recorded what the scheduler is told, where that is.
    pub recording: Option<File>,
    /// Finds out how long the driver itself may go on, where that is limited.
    pub left: Option<Left>,
}

/// Finds out how long the driver itself may go on.
pub type Left = Pin<Box<dyn Future<Output = Option<Duration>> + Send>>;

/// What a plan needs in memory at most, in bytes, and what is allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of a worker.
    pub worker: u64,
    /// Of the driver.
    pub driver: u64,
    /// What a worker may use, where that is limited.
    pub allowed: Option<u64>,
}

/// The handle of a running driver. Dropping it closes.
pub struct Driver {
    requests: mpsc::UnboundedSender<Request>,
    thread: Option<JoinHandle<()>>,
    over: Option<oneshot::Receiver<Option<String>>>,
}

/// A plan, and the checkpoint from which to go on with it.
type Asked = (Arc<Plan>, Option<Box<Checkpoint>>);

/// What waits for a last checkpoint.
type Last = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// What a handle asks for. Unbounded: there are as many as a caller makes.
enum Request {
    Compute(Asked, Bounds, oneshot::Sender<Result<Finished>>),
    Scale(u32),
    Adapt(u32, u32),
    Await(u32, oneshot::Sender<Result<()>>),
    Stop(Stop),
}

impl Bounds {
    /// What holds for both of two plans.
    fn with(self, other: Bounds) -> Bounds {
        Bounds {
            worker: self.worker.max(other.worker),
            driver: self.driver.max(other.driver),
            allowed: other.allowed,
        }
    }
}

impl Driver {
    /// Starts a driver: it listens, then launches the workers.
    pub fn start(configuration: Configuration) -> Result<Driver> {
        let (requests, requested) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::channel();
        let (end, over) = oneshot::channel();
        let thread = thread::Builder::new().name("driver".to_owned()).spawn(move || {
            if let Err(error) = drive(configuration, requested, &ready, end) {
                let _ = ready.send(Err(error));
            }
        });
        let thread = thread.map_err(|error| Error::system("cannot start the driver", &error))?;
        started.recv().map_err(|_| died())??;
        Ok(Driver { requests, thread: Some(thread), over: Some(over) })
    }

    /// Has the plan computed, from a checkpoint of it on where there is one; what its stages make arrives in the
    /// receiver.
    pub fn compute(
        &self,
        plan: Arc<Plan>,
        bounds: Bounds,
        from: Option<Checkpoint>,
    ) -> oneshot::Receiver<Result<Finished>> {
        let (answer, answered) = oneshot::channel();
        // A driver that is gone drops the answer, which the receiver sees.
        let _ = self.requests.send(Request::Compute((plan, from.map(Box::new)), bounds, answer));
        answered
    }

    /// From now on there are to be so many workers, one at the least: more are started, or some sent away when they
    /// have handed in what they have done.
    pub fn scale(&self, workers: u32) {
        // One that is over has no workers.
        let _ = self.requests.send(Request::Scale(workers));
    }

    /// From now on there are to be between so many workers, and so many, as there is work for them.
    pub fn adapt(&self, minimum: u32, maximum: u32) {
        let _ = self.requests.send(Request::Adapt(minimum, maximum));
    }

    /// Waits until so many workers are there, or it is known that they will not be.
    pub async fn wait_for_workers(&self, workers: u32) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        let _ = self.requests.send(Request::Await(workers, answer));
        answered.await.unwrap_or_else(|_| Err(died()))
    }

    /// A way to end the driver from elsewhere: in order the first time, at once the second.
    pub fn stopper(&self) -> impl Fn(Error) + Send + Sync + 'static {
        let requests = self.requests.clone();
        move |error| {
            let _ = requests.send(Request::Stop(Stop::Interrupted(error)));
        }
    }

    /// Ends the workers in order and waits until it is done, some ten seconds at the most. Returns the line
    /// to type where something is left that could not be ended.
    pub async fn close(mut self) -> Result<Option<String>> {
        self.request_close();
        let over = self.over.take().expect("closed once");
        over.await.map_err(|_| died())
    }

    fn request_close(&self) {
        // One that is over already has nothing to close.
        let _ = self.requests.send(Request::Stop(Stop::Close));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.request_close();
        if let Some(thread) = self.thread.take() {
            // Whoever waits for a result has been told of a panic.
            let _ = thread.join();
        }
    }
}

/// The driver's thread.
fn drive(
    configuration: Configuration,
    requested: mpsc::UnboundedReceiver<Request>,
    ready: &std::sync::mpsc::Sender<Result<()>>,
    end: oneshot::Sender<Option<String>>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::system("cannot start the driver", &error))?;
    runtime.block_on(async {
        let shell = Shell::open(configuration).await?;
        let _ = ready.send(Ok(()));
        // A caller that dropped the handle does not wait for the line.
        let _ = end.send(shell.run(requested).await);
        Ok(())
    })
}

/// The driver's thread has panicked.
pub fn died() -> Error {
    Error::new(ErrorKind::Internal, "the driver has died").hint("please report this with the run directory")
}

/// How long the driver may go on, once that is found out.
async fn found(left: &mut Option<Left>) -> Option<Duration> {
    let Some(finding) = left else { return std::future::pending().await };
    let found = finding.await;
    *left = None;
    found
}

/// What carries the core's decisions out.
struct Shell {
    core: Core,
    started: Instant,
    silence: Duration,
    monitor: Box<dyn Monitor>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<ToWorker>>,
    /// How many there may be.
    most_connections: usize,
    next_connection: u64,
    orders: mpsc::UnboundedSender<Order>,
    reports: mpsc::UnboundedReceiver<Report>,
    arrivals: (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>),
    said: Inputs,
    inputs: mpsc::Receiver<Input>,
    /// Who waits for so many workers.
    awaiting: Vec<(u32, oneshot::Sender<Result<()>>)>,
    computing: VecDeque<oneshot::Sender<Result<Finished>>>,
    waiting: VecDeque<Asked>,
    run_directory: Option<Owned>,
    keeper: Option<Keeper>,
    /// Waits for the last checkpoint of what has just been computed.
    last: Option<Last>,
    /// Results that are about to be handed over.
    answers: JoinSet<()>,
    recorder: Option<Recorder>,
    left: Option<Left>,
    /// Whether a computation has failed, or was interrupted: one may want to go on with it.
    broken: bool,
    /// Of all plans so far.
    bounds: Bounds,
    over: Option<Option<String>>,
}

impl Shell {
    async fn open(configuration: Configuration) -> Result<Shell> {
        let arrivals = mpsc::channel(INPUTS);
        let mut run_directory = None;
        if let Some((listen, (run, nonce))) = configuration.listen {
            let listener: TcpListener = listen.bind().await?;
            run.write_addresses(&listen.offer(&listener)?)?;
            tokio::spawn(connection::accept(listener, listen.acceptor, arrivals.0.clone()));
            run_directory = Some((run, nonce));
        }
        let (orders, ordered) = mpsc::unbounded_channel();
        let (report, reports) = mpsc::unbounded_channel();
        tokio::spawn(configuration.launcher.run(ordered, report));
        let inputs = mpsc::channel(INPUTS);
        let keeper =
            configuration.checkpoints.map(|checkpoints| Keeper::start(checkpoints, inputs.0.clone()));
        let core::Configuration { workers, minimum_workers, .. } = configuration.core;
        Ok(Shell {
            core: Core::new(configuration.core),
            started: configuration.started,
            silence: configuration.death_timeout,
            monitor: configuration.monitor,
            connections: BTreeMap::new(),
            most_connections: most_connections(workers),
            next_connection: 0,
            orders,
            reports,
            arrivals,
            said: Inputs::new(inputs.0),
            inputs: inputs.1,
            awaiting: Vec::new(),
            computing: VecDeque::new(),
            waiting: VecDeque::new(),
            run_directory,
            keeper: keeper.transpose()?,
            last: None,
            answers: JoinSet::new(),
            recorder: configuration.recording.map(|file| Recorder::start(file, minimum_workers)),
            left: configuration.left,
            broken: false,
            bounds: Bounds::default(),
            over: None,
        })
    }

    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) -> Option<String> {
        loop {
            if let Some(line) = self.over.take() {
                while self.answers.join_next().await.is_some() {}
                let made = self.keeper.take().and_then(|keeper| keeper.finish(!self.broken));
                if line.is_none() {
                    // Where it cannot be noted, `squall reap` finds out again.
                    let _ = match &self.run_directory {
                        Some((run, nonce)) => run.mark_ended_by(*nonce),
                        None => made.as_ref().map_or(Ok(()), RunDirectory::mark_ended),
                    };
                }
                return line;
            }
            // Far enough where there is none, or one that a worker has made up.
            let far = Instant::now() + Duration::from_secs(3600);
            let deadline = self.core.next_deadline().and_then(|at| self.started.checked_add(at.0));
            let deadline = deadline.map_or(far, |deadline| deadline.min(far));
            let input = tokio::select! {
                // The handle asks to stop before it drops its end.
                Some(request) = requests.recv() => match request {
                    Request::Compute(asked, bounds, answer) => {
                        self.bounds = self.bounds.with(bounds);
                        self.computing.push_back(answer);
                        self.waiting.push_back(asked);
                        self.next_computation()
                    }
                    Request::Scale(workers) => {
                        self.most_connections = most_connections(workers).max(self.most_connections);
                        Some(Input::Scale(workers))
                    }
                    Request::Adapt(minimum, maximum) => {
                        self.most_connections = most_connections(maximum).max(self.most_connections);
                        Some(Input::Adapt(minimum, maximum))
                    }
                    Request::Await(workers, answer) => {
                        self.awaiting.push((workers, answer));
                        self.tell_who_waits();
                        None
                    }
                    Request::Stop(stop) => Some(Input::Stop(stop)),
                },
                Some(arrival) = self.arrivals.1.recv() => self.arrived(arrival),
                Some(input) = self.inputs.recv() => Some(input),
                Some(report) = self.reports.recv() => self.reported(report),
                Some(left) = found(&mut self.left) => Some(Input::Ends(left)),
                () = sleep_until(deadline.into()) => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.handle(input);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let now = Timestamp(self.started.elapsed());
            if let Input::Disconnected(connection, _) = &input {
                self.connections.remove(connection);
            }
            for output in self.core.handle(now, input) {
                next = self.perform(now, output).or(next);
            }
        }
        self.tell_who_waits();
    }

    /// Answers those who wait for workers, where there is an answer.
    fn tell_who_waits(&mut self) {
        let core = &self.core;
        let answered = |(workers, _): &mut (u32, _)| core.waits_for(*workers).is_some();
        for (workers, answer) in self.awaiting.extract_if(.., answered) {
            let _ = answer.send(core.waits_for(workers).unwrap_or(Ok(())));
        }
    }

    /// Does what the core wants; returns what follows at once.
    fn perform(&mut self, now: Timestamp, output: Output) -> Option<Input> {
        match output {
            Output::Send(connection, message) => {
                // One that takes no more is cut off; its reader then tells the core.
                let sender = self.connections.get(&connection);
                if sender.is_some_and(|sender| sender.try_send(message).is_err()) {
                    self.connections.remove(&connection);
                }
            }
            Output::Close(connection) => drop(self.connections.remove(&connection)),
            Output::Order(order) => {
                let _ = self.orders.send(order);
            }
            Output::Tell(event) => self.monitor.receive(now, &self.with_memory(event)),
            Output::Record(event) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.record(now, &event);
                }
            }
            Output::Checkpoint(content) => {
                if let Some(keeper) = &self.keeper {
                    keeper.write(content);
                }
            }
            Output::Last(content) => {
                self.last = self.keeper.as_ref().map(|keeper| Box::pin(keeper.write_last(content)) as Last);
            }
            Output::Computed(result) => {
                self.broken = result.is_err();
                self.answer(result);
                return self.next_computation();
            }
            Output::Over(line) => self.over = Some(line),
        }
        None
    }

    /// Hands a result over, once it is written down what it is made of.
    fn answer(&mut self, result: Result<Finished>) {
        let Some(answer) = self.computing.pop_front() else { return };
        let last = self.last.take();
        self.answers.spawn(async move {
            let written = match last {
                Some(last) => last.await,
                None => Ok(()),
            };
            // A caller that no longer waits has no use for it.
            let _ = answer.send(written.and(result));
        });
    }

    /// The receipt with what only the processes know.
    fn with_memory(&self, event: RunEvent) -> RunEvent {
        match event {
            RunEvent::Closed(receipt) => RunEvent::Closed(Receipt {
                worker_bound_bytes: self.bounds.worker,
                worker_allowed_bytes: self.bounds.allowed,
                driver_bound_bytes: self.bounds.driver,
                driver_peak_bytes: peak_memory(),
                ..receipt
            }),
            event => event,
        }
    }

    /// The next computation, where none is under way.
    fn next_computation(&mut self) -> Option<Input> {
        let idle = self.waiting.len() == self.computing.len();
        let asked = if idle { self.waiting.pop_front() } else { None };
        asked.map(|(plan, from)| Input::Compute(plan, from))
    }

    fn arrived(&mut self, arrival: Arrival) -> Option<Input> {
        if self.connections.len() >= self.most_connections {
            // It tries again, and those who are there may be lost meanwhile.
            return None;
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let registration = arrival.registration.clone();
        let sender = connection::serve(connection, arrival, self.silence, self.said.clone());
        self.connections.insert(connection, sender);
        Some(Input::Registered(connection, registration))
    }

    fn reported(&mut self, report: Report) -> Option<Input> {
        Some(match report {
            Report::Started { pool, job, keys } => Input::Started(pool, job, keys),
            Report::MinJobAge(age) => Input::MinJobAge(age),
            Report::States(states) => Input::States(states),
            Report::Notice(text) => Input::Notice(text),
            Report::Failed { pool, workers, error } => Input::Failed(pool, workers, error),
            Report::PutOff { pool, workers, error } => Input::PutOff(pool, workers, error),
            Report::Gone(line) => Input::Gone(line),
            Report::Stream(stream) => {
                tokio::spawn(connection::arrive(stream, self.arrivals.0.clone()));
                return None;
            }
        })
    }
}
