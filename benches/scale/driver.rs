//! The driver's process: the library's own driver, with what the program gives it (a log of events, a recording,
//! checkpoints), and a launcher of simulated workers.

use crate::{Case, Figures, WATCHED, What, json};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use squall::driver::core::{self, Pool};
use squall::driver::{Bounds, Checkpoints, Configuration, Driver, Kept, Listen};
use squall::event::{Monitor, RunEvent, Timestamp};
use squall::launch::{Key, Launcher, Order, Orders, Phase, PoolId, Report, Reports, State};
use squall::monitor::{Apart, Log};
use squall::plan::{Plan, plan};
use squall::protocol::tls::Keys;
use squall::random;
use squall::run::{Owner, RunDirectory, RunId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Elements of a chunk, and of a task.
const ELEMENTS: u64 = 1024;
/// Simulated workers are the elements of this array of jobs.
const JOB: u64 = 1;
/// Longer than any worker waits here.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn measure(case: &Case) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let run = RunDirectory::create(directory.path(), RunId::generate()).expect("a run directory");
    let seen = Arc::new(Seen::default());
    let plan = Arc::new(tasks(case.tasks.max(1)));
    let start = Instant::now();
    let driver = start_driver(case, &run, seen.clone());
    runtime.block_on(driver.wait_for_workers(case.workers)).expect("workers come");
    let mut figures =
        Figures { register: start.elapsed().as_secs_f64(), register_cpu: cpu(), ..Figures::default() };
    match case.what {
        What::Work => {
            let start = Instant::now();
            let finished = runtime.block_on(driver.compute(plan, Bounds::default(), None));
            finished.expect("the driver lives").expect("all tasks are done");
            (figures.compute, figures.compute_cpu) =
                (start.elapsed().as_secs_f64(), cpu() - figures.register_cpu);
        }
        What::Idle => figures.share = watch(),
        What::Busy => {
            let computed = driver.compute(plan, Bounds::default(), None);
            seen.wait_for(|seen| &seen.leases, 2 * u64::from(case.workers));
            figures.share = watch();
            drop(computed);
        }
        What::ScaleDown => {
            let start = Instant::now();
            driver.scale(1);
            seen.wait_for(|seen| &seen.left, u64::from(case.workers) - 1);
            figures.scale_down = start.elapsed().as_secs_f64();
        }
    }
    let (start, before) = (Instant::now(), cpu());
    let line = runtime.block_on(driver.close()).expect("the driver lives");
    assert!(line.is_none(), "nothing is left behind");
    (figures.close, figures.close_cpu) = (start.elapsed().as_secs_f64(), cpu() - before);
    (figures.leases, figures.peak_memory) = (seen.leases.load(Ordering::Relaxed), peak_memory());
    figures
}

/// The mean of an array whose tasks are small, since nobody does them.
fn tasks(tasks: u64) -> Plan {
    let mean = random::random().size([tasks * ELEMENTS]).chunks(ELEMENTS as i64).stream("x").mean();
    let plan = plan(&[("mean".to_owned(), mean.expr().expect("a mean"))], &[], 1).expect("it can be planned");
    assert_eq!(plan.tasks(0), tasks, "a task for each chunk");
    plan
}

fn start_driver(case: &Case, run: &RunDirectory, seen: Arc<Seen>) -> Driver {
    let owner = Owner::this(None);
    run.write_owner(&owner).expect("a run directory can be written");
    let keys = Keys::generate().expect("keys");
    run.write_key(&keys.worker).expect("a run directory can be written");
    let log = Apart::new(Log::new(run.create_events().expect("a run directory can be written")));
    let owned = (run.clone(), owner.nonce);
    let open = Box::new({
        let owned = owned.clone();
        move || Ok(owned.clone())
    });
    let checkpoints =
        Checkpoints { from: Duration::from_secs(1), made: true, removed: true, open, kept: Kept::default() };
    Driver::start(Configuration {
        started: Instant::now(),
        core: core::Configuration {
            workers: case.workers,
            pools: vec![Pool { name: None, maximum: u32::MAX, memory: Some(1 << 30) }],
            most_pending: u32::MAX,
            jitter: 0,
            minimum_workers: case.workers,
            start_timeout: PATIENCE,
            replacements: case.workers,
            checkpoints_from: Some(Timestamp(Duration::from_secs(1))),
        },
        death_timeout: Duration::from_secs(60),
        listen: Some((Listen { port: 0, host: None, loopback: true, acceptor: keys.driver }, owned)),
        launcher: Box::new(Swarm { run: run.clone(), case: case.clone() }),
        monitor: Box::new(vec![Box::new(log) as Box<dyn Monitor>, Box::new(Counter(seen))]),
        checkpoints: Some(checkpoints),
        recording: Some(run.create_recording().expect("a run directory can be written")),
        left: None,
    })
    .expect("a driver can be started")
}

/// What the driver has told.
#[derive(Default)]
struct Seen {
    leases: AtomicU64,
    left: AtomicU64,
}

impl Seen {
    fn wait_for(&self, what: impl Fn(&Seen) -> &AtomicU64, count: u64) {
        while what(self).load(Ordering::Relaxed) < count {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

struct Counter(Arc<Seen>);

impl Monitor for Counter {
    fn receive(&mut self, _: Timestamp, event: &RunEvent) {
        match event {
            RunEvent::Leased { .. } => self.0.leases.fetch_add(1, Ordering::Relaxed),
            RunEvent::Left { .. } => self.0.left.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

/// Starts simulated workers, as the elements of one array of jobs.
struct Swarm {
    run: RunDirectory,
    case: Case,
}

impl Launcher for Swarm {
    fn run(
        self: Box<Self>,
        mut orders: Orders,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let program = std::env::current_exe().expect("a program knows where it is");
            let mut command = Command::new(program);
            command.arg("workers").arg(self.run.path()).arg(json(&self.case)).kill_on_drop(true);
            let mut workers = command.spawn().expect("this program can be run again");
            let keys: Vec<Key> = (0..self.case.workers).map(|index| Key(format!("{JOB}_{index}"))).collect();
            let job = JOB.to_string();
            let _ = reports.send(Report::Started { pool: PoolId::default(), job, keys: keys.clone() });
            let mut unseen = keys;
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Look => {
                        let states: Vec<State> = unseen.drain(..).map(running).collect();
                        let _ = reports.send(Report::States(states));
                    }
                    Order::Start { .. } => panic!("nobody is lost"),
                    Order::Withdraw { .. } => panic!("nobody waits"),
                    Order::End { .. } => {
                        let status = workers.wait().await.expect("it was started");
                        assert!(status.success(), "workers end well: {status}");
                        break;
                    }
                }
            }
            let _ = reports.send(Report::Gone(None));
        })
    }
}

fn running(key: Key) -> State {
    let (word, reason, log) = ("RUNNING".to_owned(), String::new(), String::new());
    State { key, phase: Phase::Running, word, reason, exit: None, log }
}

/// The share of a core that this process takes while nothing new happens.
fn watch() -> f64 {
    let before = cpu();
    std::thread::sleep(Duration::from_secs_f64(WATCHED));
    (cpu() - before) / WATCHED
}

/// Seconds that the threads of this process have computed; those of the workers' process are not among them.
fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process knows its own use");
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

/// The most memory that this process has had resident, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the status tells memory");
    let kibibytes: Option<u64> = line.split_whitespace().nth(1).and_then(|kibibytes| kibibytes.parse().ok());
    kibibytes.expect("memory is a number of KiB") * 1024
}
