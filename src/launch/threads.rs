//! One worker inside this process: the same messages over a pipe in memory, no network and no keys.

use crate::error::{Error, Result};
use crate::execute::Executor;
use crate::launch::{Key, Launcher, Order, Orders, Report, Reports};
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

    /// Starts the worker on a thread of its own; `done` is told when it has ended.
    fn start(&self, stream: Box<dyn Stream>, done: oneshot::Sender<()>) -> Result<()> {
        let executor = Executor::detect(self.threads as usize)?;
        let worker = thread::Builder::new().name("worker".to_owned()).spawn(move || {
            serve(executor, stream);
            let _ = done.send(());
        });
        worker.map(drop).map_err(|error| Error::system("cannot start a thread", &error))
    }
}

impl Launcher for ThreadsLauncher {
    fn run(
        self: Box<Self>,
        mut orders: Orders,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let (here, there) = tokio::io::duplex(PIPE);
            let (done, ended) = oneshot::channel();
            let started = self.start(Box::new(there), done);
            // Nobody listens any more only where the driver is gone, and the worker then goes too.
            let _ = reports.send(started.map_or_else(Report::Failed, |()| Report::Stream(Box::new(here))));
            let keys = vec![Key(std::process::id().to_string())];
            let _ = reports.send(Report::Started { job: "threads of this process".to_owned(), keys });
            while let Some(order) = orders.recv().await {
                if let Order::End { .. } = order {
                    let _ = ended.await;
                    let _ = reports.send(Report::Gone(None));
                    return;
                }
            }
        })
    }
}

fn serve(executor: Executor, stream: Box<dyn Stream>) {
    let configuration = Configuration {
        findings: Findings::default(),
        // The driver's own end is theirs.
        end: None,
        host: "this process".to_owned(),
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
