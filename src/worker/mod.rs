//! A worker: finds its driver, registers, computes leases, and leaves in order whatever happens.
//!
//! The tokio thread talks; the compute threads of `execute` compute, at lower priority, so that no amount of
//! work silences the heartbeat. A worker trusts nobody to end it: without its driver it goes by itself, and
//! takes the jobs of its run that are still pending with it.

mod compute;
mod connect;
mod session;

use crate::execute::Executor;
use crate::protocol::address::Candidate;
use crate::protocol::{Findings, Registration, Stream};
use compute::{Answers, LeaseQueue};
use connect::Found;
use session::{Ended, Session};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// How long an address may refuse before the driver is taken for gone.
const REFUSED: Duration = Duration::from_secs(5);
/// How long to wait between attempts to reach the driver.
const AGAIN: Duration = Duration::from_millis(500);

/// What a worker is told when it starts.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The host it runs on.
    pub host: String,
    /// Slurm's identity of its job, as in [`Registration::job`].
    pub job: Option<(u64, Option<u32>)>,
    /// Its compute threads.
    pub threads: u32,
    /// How long it looks for its driver.
    pub death_timeout: Duration,
    /// When its process started.
    pub started: Instant,
    /// When it must have handed in what it has, where its job's time is limited.
    pub end: Option<Instant>,
    /// What it has found where it runs.
    pub findings: Findings,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The driver asked it to leave.
    Dismissed,
    /// It was asked to end by someone else, and handed in what it had if it could.
    Terminated,
    /// It lost its driver, or never found it.
    Orphaned(String),
    /// It could not go on.
    Failed(String),
}

/// A worker, with its compute threads.
pub struct Worker {
    configuration: Configuration,
    queue: LeaseQueue,
    kernel: String,
    /// Requests to end, with the reason.
    terminations: mpsc::Receiver<String>,
    answers: Answers,
    /// Connections so far.
    sessions: u32,
    /// What came of the addresses that were tried for the last one, a line each.
    tried: Vec<String>,
}

impl Worker {
    /// Starts the compute threads. `terminations` carries requests to end from outside, such as signals.
    pub fn new(
        configuration: Configuration,
        executor: Executor,
        terminations: mpsc::Receiver<String>,
    ) -> Worker {
        let kernel = executor.kernel().to_owned();
        let queue = LeaseQueue::start(executor);
        let (answers, tried) = (Answers::new(), Vec::new());
        Worker { configuration, queue, kernel, terminations, answers, sessions: 0, tried }
    }

    /// Works over one stream until it ends.
    pub async fn serve(&mut self, stream: Box<dyn Stream>) -> Ending {
        match self.session(stream).await {
            Ended::Over(ending) => ending,
            Ended::Lost { cause, .. } => Ending::Orphaned(cause),
        }
    }

    /// Finds the driver at one of `candidates` and works for it; finds it again when the connection breaks.
    /// It computes on meanwhile, and hands in what it holds once it is back.
    pub async fn run(&mut self, connector: &TlsConnector, candidates: Vec<Candidate>) -> Ending {
        let mut candidates = candidates;
        let mut deadline = self.configuration.started + self.configuration.death_timeout;
        loop {
            let search = Search { candidates: &candidates, deadline };
            let found = tokio::select! {
                found = search.driver(connector) => found,
                _ = self.terminations.recv() => return Ending::Terminated,
            };
            let Found { candidate, stream, tried } = match found {
                Ok(found) => found,
                Err(cause) => return Ending::Orphaned(cause),
            };
            self.tried = tried;
            match self.session(stream).await {
                Ended::Over(ending) => return ending,
                Ended::Lost { silent, .. } => {
                    deadline = Instant::now() + self.configuration.death_timeout.saturating_sub(silent);
                }
            }
            candidates = vec![candidate];
        }
    }

    fn session(&mut self, stream: Box<dyn Stream>) -> impl Future<Output = Ended> {
        let configuration = &self.configuration;
        let mut holds = self.queue.held();
        holds.extend(self.answers.unsent());
        holds.sort_unstable();
        holds.dedup();
        let mut findings = configuration.findings.clone();
        findings.found.append(&mut self.tried);
        if !findings.found.is_empty() {
            findings.clock_milliseconds = clock();
        }
        let registration = Registration {
            host: configuration.host.clone(),
            process: std::process::id(),
            job: configuration.job,
            threads: configuration.threads,
            kernel: self.kernel.clone(),
            age_milliseconds: configuration.started.elapsed().as_millis() as u64,
            milliseconds_left: configuration
                .end
                .map(|end| end.saturating_duration_since(Instant::now()).as_millis() as u64),
            session: self.sessions,
            holds,
            findings,
        };
        self.sessions += 1;
        let silence = configuration.death_timeout;
        let session = Session::new(&mut self.queue, &mut self.answers, &mut self.terminations, silence);
        session.run(stream, registration)
    }
}

/// The search for a driver.
struct Search<'a> {
    candidates: &'a [Candidate],
    deadline: Instant,
}

impl Search<'_> {
    /// Tries until one proves to be the driver, all refuse for [`REFUSED`], or the deadline comes.
    async fn driver(&self, connector: &TlsConnector) -> Result<Found, String> {
        let mut refused_since: Option<Instant> = None;
        let tried: Vec<String> = self.candidates.iter().map(ToString::to_string).collect();
        let mut last = format!("no answer from {}", tried.join(", "));
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let attempt = tokio::time::timeout(left, connect::first(connector, self.candidates));
            let cause = match attempt.await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(failure)) => {
                    refused_since = failure.refused.then(|| refused_since.unwrap_or_else(Instant::now));
                    last = failure.cause;
                    last.clone()
                }
                // What was said before says more than that the time is over.
                Err(_) => last.clone(),
            };
            let refused = refused_since.is_some_and(|since| since.elapsed() >= REFUSED);
            if refused || Instant::now() + AGAIN >= self.deadline {
                return Err(cause);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// This machine's clock, in milliseconds since 1970.
pub(crate) fn clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// The most memory this process has had resident, in bytes (`VmHWM` of proc(5)); 0 where it is not told.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
