//! The program that a worker is: what it reads from the run directory, and how it ends.

use crate::error::{Error, ErrorKind, Result};
use crate::execute::Executor;
use crate::launch::findings::compare;
use crate::machine::Given;
use crate::protocol::address::{self, Candidate};
use crate::protocol::{Findings, tls};
use crate::run::{Report, RunDirectory, age};
use crate::slurm::{Allocation, Commands, plannable, time_left};
use crate::worker::{Configuration, Ending, Worker, clock};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How long an orphan tries to cancel its pending siblings.
const CANCEL_SIBLINGS: Duration = Duration::from_secs(30);

/// The program that workers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(pub PathBuf);

/// Works for the run in `directory` until the driver needs nothing more, or is lost. Returns how it ended.
/// The worker is one of `pool`, where the run has pools. `kernel` names a form of the kernels; without one it is the
/// fastest of this CPU.
pub fn work(directory: &Path, pool: Option<&str>, kernel: Option<&str>, started: Instant) -> Result<Ending> {
    let run = RunDirectory::open(directory)?;
    let facts = run.worker(pool)?;
    let connector = tls::connector(&run.key()?).map_err(|error| damaged(&run, "key", &error.to_string()))?;
    let read = |line: &String| line.parse().map_err(|error: String| damaged(&run, "addresses", &error));
    let offered: Vec<Candidate> = run.addresses()?.iter().map(read).collect::<Result<_>>()?;
    let candidates = address::order(offered, &address::interfaces());
    let allocation = Allocation::from_environment();
    let job = allocation.as_ref().map(|allocation| {
        let identity = allocation.identity();
        (identity.job_id.0, identity.array_index)
    });
    // Slurm's name of the node is the one its users know.
    let node = allocation.as_ref().and_then(|allocation| allocation.node_name.clone());
    let host = node.unwrap_or_else(crate::run::host);
    let mut findings = compare(&facts, allocation.as_ref(), &Given::here());
    if run.wants_report() {
        report(&run, &host, &mut findings, started);
    }
    let configuration = Configuration {
        host,
        job,
        threads: facts.cores,
        death_timeout: Duration::from_secs(facts.death_timeout_seconds),
        started,
        end: end(allocation.as_ref(), facts.walltime_seconds, started),
        findings,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::system("cannot start a worker", &error))?;
    runtime.block_on(async {
        let executor = Executor::named(facts.cores as usize, kernel)?;
        let mut worker = Worker::new(configuration, executor, terminations()?);
        let ending = worker.run(&connector, candidates).await;
        if let (Ending::Orphaned(_), Some(_)) = (&ending, allocation) {
            // Without this each pending sibling would start, find no driver either, and hold its node.
            let cancelled = Commands::new().cancel_pending(&facts.job_name, CANCEL_SIBLINGS).await;
            cancelled.map_err(|error| error.hint("cancel the pending jobs of this name yourself"))?;
        }
        Ok(ending)
    })
}

/// Writes what is found here into the run directory, where somebody waits for it who may never hear of this worker
/// otherwise.
fn report(run: &RunDirectory, host: &str, findings: &mut Findings, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    findings.found.push(format!("read the run directory within {seconds:.3} s of its start"));
    let Findings { found, warnings, .. } = findings.clone();
    let report = Report { host: host.to_owned(), clock_milliseconds: clock(), found, warnings };
    if let Err(error) = run.write_report(&report) {
        findings.warnings.push(format!("{}: {}", error.what(), error.causes().join(", ")));
    }
}

/// When the worker must have handed in what it has, where its job's time is limited. That runs since the job script
/// began, which leads this process's group, or has become this process.
fn end(allocation: Option<&Allocation>, walltime: Option<u64>, started: Instant) -> Option<Instant> {
    let script = u32::try_from(nix::unistd::getpgrp().as_raw()).ok().and_then(age);
    let age = started.elapsed().max(script.unwrap_or_default());
    let left = time_left(allocation, walltime.map(Duration::from_secs), age, SystemTime::now())?;
    Instant::now().checked_add(plannable(left))
}

/// Requests to end: the signals that Slurm and people send.
fn terminations() -> Result<mpsc::Receiver<String>> {
    let (terminate, terminations) = mpsc::channel(4);
    let kinds =
        [(SignalKind::terminate(), "TERM"), (SignalKind::interrupt(), "INT"), (SignalKind::hangup(), "HUP")];
    for (kind, name) in kinds {
        let mut signals = signal(kind).map_err(|error| Error::system("cannot listen to signals", &error))?;
        let terminate = terminate.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && terminate.send(format!("signal {name}")).await.is_ok() {}
        });
    }
    Ok(terminations)
}

fn damaged(run: &RunDirectory, what: &str, cause: &str) -> Error {
    let path = run.path().display();
    Error::new(ErrorKind::System, format!("the {what} in `{path}` cannot be used")).cause(cause)
}
