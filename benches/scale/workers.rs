//! The workers' process: many of them on one runtime, each with a connection of its own. What they answer with is the
//! partial of the first task, whatever they were given.

use crate::Case;
use squall::execute::Executor;
use squall::plan::{Partial, Stage};
use squall::protocol::address::Candidate;
use squall::protocol::{
    ConnectionError, Findings, FromWorker, HEARTBEAT_SECONDS, Receiver, Registration, Sender, ToWorker,
    split, tls,
};
use squall::run::RunDirectory;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tokio_rustls::TlsConnector;

/// Between attempts to reach the driver, as of a real worker.
const AGAIN: Duration = Duration::from_millis(500);
/// Attempts after which a worker gives up.
const ATTEMPTS: usize = 600;

/// How many enter at a time. They share one core, where real workers have some each: of thousands at once none would be
/// done within the quarter of a second after which the driver lets the next one in instead.
const AT_THE_DOOR: usize = 32;

/// Until all are dismissed.
pub(crate) fn work(directory: &Path, case: &Case) {
    let run = RunDirectory::open(directory).expect("the driver has made it");
    let connector = tls::connector(&run.key().expect("a key")).expect("a key");
    let addresses = run.addresses().expect("the driver listens");
    let Candidate::Address(interface, port) = addresses[0].parse().expect("an address") else {
        panic!("the driver listens on loopback, not {addresses:?}")
    };
    let swarm = Rc::new(Swarm {
        connector,
        address: (interface.ip, port).into(),
        case: case.clone(),
        door: Semaphore::new(AT_THE_DOOR),
        stub: RefCell::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let set = LocalSet::new();
    let workers: Vec<_> =
        (0..case.workers).map(|index| set.spawn_local(live(swarm.clone(), index))).collect();
    runtime.block_on(set.run_until(async {
        for worker in workers {
            worker.await.expect("no worker fails");
        }
    }));
}

/// What the workers share.
struct Swarm {
    connector: TlsConnector,
    address: std::net::SocketAddr,
    case: Case,
    /// Who may be about to enter.
    door: Semaphore,
    /// What each answers with.
    stub: RefCell<Option<Stub>>,
}

struct Stub {
    done: Partial,
    nothing: Partial,
}

impl Swarm {
    /// Connects, proves itself, registers, and waits for the driver's first word.
    async fn enter(
        &self,
        index: u32,
        age_milliseconds: u64,
    ) -> Result<(Sender<FromWorker>, Receiver<ToWorker>, ToWorker), ConnectionError> {
        let registration = Registration {
            host: format!("node{}", index / 100),
            process: index,
            job: Some((1, Some(index))),
            threads: 1,
            kernel: "stub".to_owned(),
            age_milliseconds,
            milliseconds_left: Some(3_600_000),
            session: 0,
            holds: Vec::new(),
            findings: Findings::default(),
        };
        let _turn = self.door.acquire().await.expect("it is never closed");
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = tls::connect(&self.connector, stream).await?;
        let (mut sender, mut receiver) = split::<FromWorker, ToWorker>(stream);
        sender.send(&FromWorker::Register(registration)).await?;
        match receiver.receive().await? {
            Some(first) => Ok((sender, receiver, first)),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Computes the first task, once for all.
    fn learn(&self, stage: Stage) {
        self.stub.borrow_mut().get_or_insert_with(|| {
            let executor = Executor::detect(1).expect("a thread");
            let nothing = stage.empty_partial();
            let done = executor.run(Arc::new(stage), 0..1, Arc::new(AtomicBool::new(false)));
            Stub { done: done.expect("a task can be done").partial, nothing }
        });
    }
}

/// One worker's life. One that is shown out before it hears anything knocks again.
async fn live(swarm: Rc<Swarm>, index: u32) {
    let started = Instant::now();
    for _ in 0..ATTEMPTS {
        let age_milliseconds = started.elapsed().as_millis() as u64;
        match swarm.enter(index, age_milliseconds).await {
            Ok((sender, receiver, first)) => return serve(swarm, sender, receiver, first).await,
            Err(_) => sleep(AGAIN).await,
        }
    }
    panic!("the driver does not let worker {index} in at {}", swarm.address);
}

/// Does what the driver says, from its first word on, until it asks to leave.
async fn serve(
    swarm: Rc<Swarm>,
    sender: Sender<FromWorker>,
    mut receiver: Receiver<ToWorker>,
    first: ToWorker,
) {
    let (told, messages) = mpsc::unbounded_channel();
    let talk = tokio::task::spawn_local(talk(swarm.clone(), sender, messages));
    let mut message = first;
    loop {
        match message {
            ToWorker::Heartbeat => {}
            ToWorker::Stage(stage) => swarm.learn(stage),
            ToWorker::Dismiss => break,
            message => told.send(message).expect("it lives until nobody tells it anything"),
        }
        message = receiver.receive().await.expect("the driver lives").expect("it asks before it closes");
    }
    drop(told);
    talk.await.expect("no worker fails");
}

/// A lease as a worker has it.
struct Held {
    lease: u64,
    tasks: u64,
}

/// What a worker is at.
struct Queue {
    swarm: Rc<Swarm>,
    held: VecDeque<Held>,
    /// Since when it computes the first.
    began: tokio::time::Instant,
}

async fn talk(
    swarm: Rc<Swarm>,
    mut sender: Sender<FromWorker>,
    mut messages: mpsc::UnboundedReceiver<ToWorker>,
) {
    let mut beats = interval(Duration::from_secs(HEARTBEAT_SECONDS));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut queue = Queue { swarm, held: VecDeque::new(), began: tokio::time::Instant::now() };
    loop {
        let answer = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => queue.told(message),
                None => break,
            },
            _ = beats.tick() => Some(FromWorker::Heartbeat { peak_memory: 1 << 20 }),
            () = sleep_until(queue.due()), if !queue.held.is_empty() => queue.answer_first(u64::MAX),
        };
        if let Some(answer) = answer {
            sender.send(&answer).await.expect("the driver lives");
        }
    }
    sender.send(&FromWorker::Leave).await.expect("the driver lives");
    sender.shutdown().await.expect("the driver lives");
}

impl Queue {
    fn told(&mut self, message: ToWorker) -> Option<FromWorker> {
        match message {
            ToWorker::Lease { lease, first, end } => {
                if self.held.is_empty() {
                    self.began = tokio::time::Instant::now();
                }
                self.held.push_back(Held { lease, tasks: end - first });
                if self.swarm.case.real_time { None } else { self.answer_first(u64::MAX) }
            }
            ToWorker::Yield { lease } => {
                let position = self.held.iter().position(|held| held.lease == lease)?;
                if position > 0 {
                    let held = self.held.remove(position)?;
                    return Some(self.answer(held, 0));
                }
                let done = self.began.elapsed().as_secs_f64() * self.swarm.case.speed;
                self.answer_first(done as u64)
            }
            _ => None,
        }
    }

    /// When the first lease is done.
    fn due(&self) -> tokio::time::Instant {
        let tasks = self.held.front().map_or(0, |held| held.tasks);
        self.began + self.time(tasks)
    }

    /// What so many tasks take, as it says.
    fn time(&self, tasks: u64) -> Duration {
        Duration::from_secs_f64(tasks as f64 / self.swarm.case.speed)
    }

    fn answer_first(&mut self, finished: u64) -> Option<FromWorker> {
        let held = self.held.pop_front()?;
        self.began = tokio::time::Instant::now();
        let finished = finished.min(held.tasks);
        Some(self.answer(held, finished))
    }

    fn answer(&self, held: Held, finished: u64) -> FromWorker {
        let stub = self.swarm.stub.borrow();
        let stub = stub.as_ref().expect("a stage comes before its leases");
        FromWorker::Answer {
            lease: held.lease,
            finished,
            microseconds: self.time(finished).as_micros() as u64,
            partial: if finished > 0 { stub.done.clone() } else { stub.nothing.clone() },
            peak_memory: 1 << 20,
        }
    }
}
