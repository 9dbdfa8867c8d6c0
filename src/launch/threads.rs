//! One worker inside this process: the same messages over a pipe in memory, no network and no keys.

use crate::error::Error;
use crate::execute::Pool;
use crate::launch::{Launcher, Order, Orders, Report, Reports};
use crate::protocol::Stream;
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
}

impl Launcher for ThreadsLauncher {
    fn run(self: Box<Self>, mut orders: Orders, reports: Reports) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let (here, there) = tokio::io::duplex(PIPE);
            let (done, ended) = oneshot::channel();
            let worker = thread::Builder::new().name("worker".to_owned()).spawn(move || {
                serve(self.threads, Box::new(there));
                let _ = done.send(());
            });
            if let Err(error) = worker {
                let _ = reports.send(Report::Failed(Error::system("cannot start a thread", &error)));
                return;
            }
            // Nobody listens any more only where the driver is gone, and the worker then goes too.
            let _ = reports.send(Report::Stream(Box::new(here)));
            while let Some(order) = orders.recv().await {
                if let Order::End { .. } = order {
                    let _ = ended.await;
                    let _ = reports.send(Report::Gone(None));
                    return;
                }
            }
        })
    }

    fn is_networked(&self) -> bool {
        false
    }
}

fn serve(threads: u32, stream: Box<dyn Stream>) {
    let configuration = Configuration {
        host: "this process".to_owned(),
        job: None,
        threads,
        // The driver is a thread of the same process; it cannot be lost alone.
        death_timeout: Duration::from_secs(u64::from(u32::MAX)),
        started: Instant::now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs a few file descriptors");
    // The sender stays: nobody ends this worker but its driver.
    let (_terminate, terminations) = mpsc::channel(1);
    let pool = Pool::new(threads as usize);
    let mut worker = Worker::new(configuration, pool, terminations);
    runtime.block_on(worker.serve(stream));
}
