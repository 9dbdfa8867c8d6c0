//! One worker inside this process: the same messages over a pipe in memory, no network and no keys. It is all there is,
//! or computes beside workers that another launcher starts.

use crate::error::{Error, Result};
use crate::execute::Executor;
use crate::launch::{Key, Launcher, OWN_HOST, Order, Orders, PoolId, Report, Reports};
use crate::protocol::{Findings, Stream};
use crate::worker::{Configuration, Worker};
use std::future::Future;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Bytes that may be under way in each direction.
const PIPE: usize = 1 << 16;

/// Starts one worker with some compute threads in this process.
pub struct ThreadsLauncher {
    threads: u32,
}

impl ThreadsLauncher {
    /// A launcher of one worker with so many compute threads.
    pub fn new(threads: u32) -> ThreadsLauncher {
        ThreadsLauncher { threads }
    }

    /// Starts the worker; returns the way to it, and what is told when it has ended.
    fn start(&self) -> Result<(Box<dyn Stream>, oneshot::Receiver<()>)> {
        start("this process", Executor::detect(self.threads as usize)?)
    }
}

/// Starts a worker with these compute threads on a thread of its own.
fn start(host: &'static str, executor: Executor) -> Result<(Box<dyn Stream>, oneshot::Receiver<()>)> {
    let (here, there) = tokio::io::duplex(PIPE);
    let (done, ended) = oneshot::channel();
    let worker = thread::Builder::new().name("worker".to_owned()).spawn(move || {
        serve(host, executor, Box::new(there));
        let _ = done.send(());
    });
    worker.map_err(|error| Error::system("cannot start a thread", &error))?;
    Ok((Box::new(here), ended))
}

impl Launcher for ThreadsLauncher {
    fn run(
        self: Box<Self>,
        mut orders: Orders,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let pool = PoolId::default();
            // Nobody listens any more only where the driver is gone, and the worker then goes too.
            let ended = match self.start() {
                Ok((stream, ended)) => {
                    let _ = reports.send(Report::Stream(stream));
                    Some(ended)
                }
                Err(error) => {
                    let _ = reports.send(Report::Failed { pool, workers: 1, error });
                    None
                }
            };
            let keys = vec![Key(std::process::id().to_string())];
            let _ = reports.send(Report::Started { pool, job: "threads of this process".to_owned(), keys });
            while let Some(order) = orders.recv().await {
                if let Order::End { .. } = order {
                    if let Some(ended) = ended {
                        let _ = ended.await;
                    }
                    let _ = reports.send(Report::Gone(None));
                    return;
                }
            }
        })
    }
}

/// Starts what another launcher starts, and a worker of low priority inside this process, which computes at once. It is
/// named to nobody as started, and ends with its stream.
pub struct BesideLauncher {
    threads: u32,
    others: Box<dyn Launcher>,
}

impl BesideLauncher {
    /// A launcher of a worker with so many compute threads beside `others`.
    pub fn new(threads: u32, others: Box<dyn Launcher>) -> BesideLauncher {
        BesideLauncher { threads, others }
    }
}

impl Launcher for BesideLauncher {
    fn run(self: Box<Self>, orders: Orders, reports: Reports) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let started = Executor::lowest(self.threads as usize).and_then(|executor| start(OWN_HOST, executor));
        let _ = reports.send(match started {
            Ok((stream, _)) => Report::Stream(stream),
            Err(error) => Report::Notice(format!("the driver does not compute itself: {error}")),
        });
        self.others.run(orders, reports)
    }
}

fn serve(host: &str, executor: Executor, stream: Box<dyn Stream>) {
    let configuration = Configuration {
        findings: Findings::default(),
        // The driver's own end is theirs.
        end: None,
        host: host.to_owned(),
        job: None,
        threads: executor.threads() as u32,
        // The driver is a thread of the same process; it cannot be lost alone.
        death_timeout: Duration::from_secs(u64::from(u32::MAX)),
        started: Instant::now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs a few file descriptors");
    // The sender stays: nobody ends this worker but its driver.
    let (_terminate, terminations) = mpsc::channel(1);
    let mut worker = Worker::new(configuration, executor, terminations);
    runtime.block_on(worker.serve(stream));
}
