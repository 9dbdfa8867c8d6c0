//! Workers as processes of this machine, over loopback, with the same program, keys and messages as on Slurm.

use crate::error::Error;
use crate::launch::{
    Exit, Key, Launcher, Order, Orders, Phase, PoolId, Program, Report, Reports, State, tail,
};
use crate::run::RunDirectory;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long workers that were dismissed may take to end by themselves.
const LEAVE: Duration = Duration::from_secs(1);
/// How long a worker that is told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// Which worker ended, how, and where its log is.
type Ended = (Key, io::Result<ExitStatus>, PathBuf);

/// Starts workers as processes.
pub struct ProcessLauncher {
    run: RunDirectory,
    program: Program,
    workers: u32,
}

impl ProcessLauncher {
    /// A launcher of so many workers that run `program` for `run`.
    pub fn new(run: RunDirectory, program: Program, workers: u32) -> ProcessLauncher {
        ProcessLauncher { run, program, workers }
    }

    fn spawn(&self, number: u32) -> io::Result<(Child, PathBuf)> {
        let path = self.run.log_directory().join(format!("worker-{number}.log"));
        let log = File::create(&path)?;
        let child = Command::new(&self.program.0)
            .arg("worker")
            .arg(self.run.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal is the driver's to handle.
            .process_group(0)
            .spawn()?;
        Ok((child, path))
    }

    /// Starts the workers of these numbers, and reports them.
    fn start(&self, numbers: Range<u32>, running: &mut Running, reports: &Reports) {
        let pool = PoolId::default();
        let mut keys = Vec::new();
        for number in numbers.clone() {
            match self.spawn(number) {
                Ok((child, log)) => keys.push(running.watch(child, log)),
                Err(error) => {
                    let what = format!("cannot start the worker program `{}`", self.program.0.display());
                    let error = Error::system(what, &error)
                        .hint("set cluster.program to a program of squall's that can be run here");
                    let workers = numbers.end - number;
                    let _ = reports.send(Report::Failed { pool, workers, error });
                    break;
                }
            }
        }
        let _ = reports.send(Report::Started { pool, job: "local processes".to_owned(), keys });
    }
}

impl Launcher for ProcessLauncher {
    fn run(
        self: Box<Self>,
        mut orders: Orders,
        reports: Reports,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut running = Running::default();
            let mut started = self.workers;
            self.start(0..started, &mut running, &reports);
            loop {
                tokio::select! {
                    Some(Ok((key, status, log))) = running.exits.join_next() => {
                        running.processes.remove(&key);
                        let exit = status.as_ref().ok().and_then(exit);
                        let word = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                        let (reason, log) = (String::new(), tail(&log));
                        let state = State { key, phase: Phase::Ended, word, reason, exit, log };
                        let _ = reports.send(Report::States(vec![state]));
                    }
                    order = orders.recv() => match order {
                        Some(Order::Look) => {}
                        Some(Order::Start { workers, .. }) => {
                            self.start(started..started + workers, &mut running, &reports);
                            started += workers;
                        }
                        Some(Order::Withdraw { keys }) => running.terminate(&keys),
                        Some(Order::End { at_once, .. }) => break running.end(orders, at_once).await,
                        None => break running.end(orders, true).await,
                    },
                }
            }
            let _ = reports.send(Report::Gone(None));
        })
    }
}

fn exit(status: &ExitStatus) -> Option<Exit> {
    status.signal().map(Exit::Signal).or_else(|| status.code().map(Exit::Code))
}

/// Processes that have not ended yet.
#[derive(Default)]
struct Running {
    processes: BTreeMap<Key, Pid>,
    exits: JoinSet<Ended>,
}

impl Running {
    fn watch(&mut self, mut child: Child, log: PathBuf) -> Key {
        let id = child.id().expect("a child that was not waited for has an id");
        let key = Key(id.to_string());
        self.processes.insert(key.clone(), Pid::from_raw(id as i32));
        let named = key.clone();
        self.exits.spawn(async move { (named, child.wait().await, log) });
        key
    }

    fn terminate(&self, keys: &BTreeSet<Key>) {
        for (_, &process) in self.processes.iter().filter(|(key, _)| keys.contains(key)) {
            // One that has just ended is not there to be told.
            let _ = kill(process, Signal::SIGTERM);
        }
    }

    /// Waits for those that leave by themselves; asks, then kills, the others. At once, or where another order comes
    /// meanwhile, they are killed without being waited for.
    async fn end(mut self, mut orders: Orders, at_once: bool) {
        let mut hurry = at_once;
        for (signal, grace) in [(None, LEAVE), (Some(Signal::SIGTERM), GRACE), (Some(Signal::SIGKILL), GRACE)]
        {
            if hurry && signal != Some(Signal::SIGKILL) {
                continue;
            }
            for &process in self.processes.values() {
                // One that has just ended is not there to be told.
                let _ = signal.map(|signal| kill(process, signal));
            }
            let all = async {
                while let Some(exit) = self.exits.join_next().await {
                    exit.map(|(key, ..)| self.processes.remove(&key)).ok();
                }
            };
            tokio::select! {
                ended = timeout(grace, all) => if ended.is_ok() { return },
                Some(_) = orders.recv() => hurry = true,
            }
        }
    }
}
