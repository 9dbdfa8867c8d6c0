//! `squall doctor`: one tiny computation with one worker through everything that a run goes through. Each hop is told
//! as it is passed, with its time, and nothing is left afterwards.

mod hops;

use crate::cli::doctor::hops::Hops;
use crate::cli::flags::Overrides;
use crate::cli::run::{plan_of, program};
use crate::cli::{runtime, signals};
use crate::cluster::{Cluster, Limits, fitted, open};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Monitor, RunEvent, Timestamp};
use crate::plan::Plan;
use crate::run::{RunDirectory, RunId};
use crate::settings::{Asked, ClusterKind, InPool, Origin, Settings, Sources};
use crate::slurm::in_path;
use clap::Args;
use std::future::pending;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

/// What is computed: little enough to say nothing of the node's speed.
const TINY: &str = "random.random(size=1000).sum()";
/// How often the run directory is looked at for the worker's report.
const LOOK: Duration = Duration::from_millis(50);
/// How long that may take when everything else is done: network file systems may look again after a minute.
const REPORT: Duration = Duration::from_secs(90);

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// A run file, for its settings alone
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// When to give up
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
}

pub(super) fn doctor(arguments: &DoctorArguments, started: Instant) -> Result<()> {
    let settings = settings(arguments)?;
    let plan = plan_of(&settings, 0)?;
    let settings = figures(&settings, &plan)?;
    Limits::of(&settings).fit(&plan)?;
    let program = program(&settings)?;
    let (plan, timeout) = (Arc::new(plan), Duration::from_secs(arguments.timeout));
    runtime()?.block_on(async {
        let mut signals = signals::listen()?;
        let mut failed = None;
        // Each pool as if there were no other; one that fails says nothing of the others.
        for (number, InPool { pool, settings, .. }) in settings.in_pools().into_iter().enumerate() {
            let started = if number == 0 { started } else { Instant::now() };
            let (plan, program) = (Arc::clone(&plan), program.clone());
            let mut examination = Examination { settings, plan, program, started, timeout };
            let mut hops = Hops::new(started);
            if let Some(pool) = pool {
                hops.ok(&format!("pool {pool}"))?;
            }
            match examination.run(&mut hops, &mut signals).await {
                Ok(()) => hops.end()?,
                Err(error) => {
                    let is_interrupted = matches!(error.kind(), ErrorKind::Interrupted(_));
                    failed.get_or_insert(hops.fail(error)?);
                    if is_interrupted {
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    })
}

/// What a run would be asked, with one worker and next to nothing to compute. Where nothing else is set, on Slurm.
fn settings(arguments: &DoctorArguments) -> Result<Settings> {
    let mut settings = arguments.overrides.resolve(Sources::from_process(arguments.file.as_deref()))?;
    let built_in = settings.origin("cluster.kind") == Origin::BuiltIn;
    let cluster = &mut settings.cluster;
    if cluster.kind == ClusterKind::Threads {
        if !built_in {
            return Err(Error::refused("there is nothing to examine with cluster.kind \"threads\"")
                .cause("threads need no job, no network and no run directory")
                .hint("use --cluster slurm or --cluster processes"));
        }
        cluster.kind = ClusterKind::Slurm;
    }
    (cluster.workers, cluster.minimum_workers, cluster.replacements) = (1, 1, Some(0));
    settings.arrays.clear();
    settings.saves.clear();
    settings.results = vec![("tiny".to_owned(), TINY.to_owned())];
    Ok(settings)
}

/// The settings with figures where they ask for `auto`.
fn figures(settings: &Settings, plan: &Plan) -> Result<Settings> {
    let mut settings = fitted(settings, &[plan])?;
    let cluster = &mut settings.cluster;
    // How they came about would be said of a computation that is nobody's.
    cluster.memory = cluster.memory.value().map_or(Asked::Auto, Asked::Given);
    cluster.walltime = cluster.walltime.value().map_or(Asked::Auto, Asked::Given);
    for pool in &mut settings.pools {
        pool.memory = pool.memory.as_ref().and_then(Asked::value).map(Asked::Given);
        pool.walltime = pool.walltime.as_ref().and_then(Asked::value).map(Asked::Given);
    }
    Ok(settings)
}

/// What happened, and when by this machine's clock.
type Told = (SystemTime, Timestamp, RunEvent);

/// Passes on what happens.
struct Teller(mpsc::UnboundedSender<Told>);

impl Monitor for Teller {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        // Where nobody listens any more everything has been told.
        let _ = self.0.send((SystemTime::now(), at, event.clone()));
    }
}

struct Examination {
    settings: Settings,
    plan: Arc<Plan>,
    program: PathBuf,
    started: Instant,
    timeout: Duration,
}

impl Examination {
    async fn run(&mut self, hops: &mut Hops, signals: &mut mpsc::Receiver<Error>) -> Result<()> {
        if self.settings.cluster.kind == ClusterKind::Slurm
            && let Some(sbatch) = in_path("sbatch")
        {
            hops.ok(&format!("sbatch is {}", sbatch.display()))?;
        }
        let run = RunDirectory::create(&self.settings.run.directory, RunId::generate())?;
        let examined = self.examine(&run, hops, signals).await;
        // What is left of it can be found by the directory.
        let stays = matches!(&examined, Err(Ended { left: true, .. }));
        let removed = if stays { Ok(()) } else { run.remove() };
        if let Err(error) = &removed {
            hops.warn(&error.to_string())?;
        }
        examined.map_err(|ended| ended.error)?;
        let removed = if removed.is_ok() { ", and the run directory is removed" } else { "" };
        hops.ok(&format!("the worker has left{removed}"))
    }

    async fn examine(
        &self,
        run: &RunDirectory,
        hops: &mut Hops,
        signals: &mut mpsc::Receiver<Error>,
    ) -> std::result::Result<(), Ended> {
        run.ask_for_report()?;
        let (tell, mut told) = mpsc::unbounded_channel();
        let teller = std::cell::Cell::new(Some(Teller(tell)));
        let monitor = |_: Option<&RunDirectory>| -> Result<Box<dyn Monitor>> {
            Ok(Box::new(Vec::from_iter(teller.take().map(|teller| Box::new(teller) as Box<dyn Monitor>))))
        };
        let cluster = open(&self.settings, &self.program, self.started, Some(run), &monitor)?;
        hops.ok(&format!("the run directory {} is made", run.path().display()))?;
        let computed = self.compute(&cluster, run, hops, signals, &mut told).await;
        let stop = cluster.stopper();
        let mut closing = pin!(cluster.close());
        let closed = loop {
            tokio::select! {
                closed = &mut closing => break closed,
                Some(error) = signals.recv() => stop(error),
            }
        };
        match (computed, closed) {
            (Err(error), Err(left)) => Err(Ended { error: error.hint(left.what()), left: true }),
            (Ok(()), Err(error)) => Err(Ended { error, left: true }),
            (computed, Ok(())) => Ok(computed?),
        }
    }

    /// Computes, and tells what happens meanwhile.
    async fn compute(
        &self,
        cluster: &Cluster,
        run: &RunDirectory,
        hops: &mut Hops,
        signals: &mut mpsc::Receiver<Error>,
        told: &mut mpsc::UnboundedReceiver<Told>,
    ) -> Result<()> {
        let (stop, mut late) = (cluster.stopper(), false);
        let too_late = self.started.checked_add(self.timeout);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut computation = pin!(cluster.compute_plan(self.plan.clone())?);
        let computed = loop {
            let over = async {
                match too_late {
                    Some(at) if !late => sleep_until(at.into()).await,
                    _ => pending().await,
                }
            };
            tokio::select! {
                biased;
                Some((clock, at, event)) = told.recv() => hops.told(clock, at, &event)?,
                computed = &mut computation => break computed,
                Some(error) = signals.recv() => stop(error),
                () = over => {
                    late = true;
                    stop(hops.too_late(self.timeout));
                }
                _ = looks.tick(), if !hops.has_report() => hops.look(run)?,
            }
        };
        while let Ok((clock, at, event)) = told.try_recv() {
            hops.told(clock, at, &event)?;
        }
        computed?;
        self.report(run, hops, signals).await
    }

    /// Waits for what the worker wrote, which may be seen here later than its answers are.
    async fn report(
        &self,
        run: &RunDirectory,
        hops: &mut Hops,
        signals: &mut mpsc::Receiver<Error>,
    ) -> Result<()> {
        let by = Instant::now() + REPORT;
        let mut looks = interval(LOOK);
        hops.look(run)?;
        while !hops.has_report() {
            tokio::select! {
                Some(error) = signals.recv() => return Err(error),
                () = sleep_until(by.into()) => return hops.no_report(REPORT),
                _ = looks.tick() => hops.look(run)?,
            }
        }
        Ok(())
    }
}

/// A failure, and whether something may be left.
struct Ended {
    error: Error,
    left: bool,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended { error, left: false }
    }
}
