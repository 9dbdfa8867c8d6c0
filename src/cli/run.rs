//! `squall run`: parse, plan, open a cluster, compute, print, close.

use crate::array::{Definitions, Parsed, Value, parse};
use crate::cli::dry_run::dry_run;
use crate::cli::exit::{print_by, say};
use crate::cli::flags::SettingsFlags;
use crate::cli::kept::Kept;
use crate::cli::resume::again;
use crate::cli::runtime;
use crate::cli::signals;
use crate::cluster::{Cluster, Limits, computed_before, foreseen, open, targets};
use crate::driver::checkpoint::Checkpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Monitor;
use crate::monitor::{Apart, Log, Style, Terminal};
use crate::plan::{Plan, plan};
use crate::run::{RunDirectory, RunId};
use crate::settings::{ClusterKind, Settings};
use crate::slurm::Allocation;
use crate::store::LocalFiles;
use clap::{Args, ValueEnum};
use rand::RngExt;
use serde::{Serialize, Serializer};
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Print nothing but results and failures
    #[arg(long, short)]
    quiet: bool,
    /// Show plan, memory, job script and Slurm's expected start; submit nothing
    #[arg(long, conflicts_with = "into")]
    dry_run: bool,
    /// The run directory that `squall submit` has made
    #[arg(long, hide = true, value_name = "RUN-DIRECTORY")]
    into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// One line for each result
    Text,
    /// One object for all
    Json,
}

impl RunArguments {
    /// Whether nothing is to be printed but results and failures.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }
}

pub(super) fn run(arguments: &RunArguments, started: Instant) -> Result<()> {
    refuse_several_drivers(Allocation::from_environment().as_ref())?;
    if arguments.dry_run {
        return dry_run(arguments.settings.resolve()?);
    }
    let driving = Driving { output: arguments.output, quiet: arguments.quiet, started };
    let Some(into) = &arguments.into else { return driving.begin(arguments.settings.resolve()?, None) };
    let (into, allocation) = (RunDirectory::open(into)?, Allocation::from_environment());
    match allocation.filter(|_| into.settings_file().exists()) {
        Some(allocation) => again(&driving, &into, &arguments.settings.overrides, allocation.job_id.0),
        None => driving.begin(arguments.settings.resolve()?, Some(&into)),
    }
}

/// How a run is driven from the command line.
pub(super) struct Driving {
    pub(super) output: Output,
    pub(super) quiet: bool,
    pub(super) started: Instant,
}

impl Driving {
    /// Computes what the settings ask for from its beginning.
    pub(super) fn begin(&self, mut settings: Settings, into: Option<&RunDirectory>) -> Result<()> {
        let seed = *settings.seed.get_or_insert_with(|| rand::rng().random());
        let plan = plan_of(&settings, seed)?;
        self.drive(settings, Arc::new(plan), into, None)
    }

    /// Goes on with a run from where it was kept; where nothing is left to be computed, only prints.
    pub(super) fn go_on(&self, run: &RunDirectory, kept: Kept) -> Result<()> {
        let Kept { settings, plan, checkpoint } = kept;
        let plan = Arc::new(plan);
        match computed_before(&plan, &checkpoint)? {
            Some(results) => {
                run.mark_ended()?;
                self.print(run.id(), &results)?;
                forget(run, &plan);
                Ok(())
            }
            None => self.drive(settings, plan, Some(run), Some(checkpoint)),
        }
    }

    /// Goes on with a run even if only its end is left.
    pub(super) fn extend(&self, run: &RunDirectory, kept: Kept) -> Result<()> {
        let Kept { settings, plan, checkpoint } = kept;
        self.drive(settings, Arc::new(plan), Some(run), Some(checkpoint))
    }

    fn print(&self, id: &RunId, results: &[(String, Value)]) -> Result<()> {
        print_by(|out| write(out, id, results, self.output))
    }

    fn drive(
        &self,
        mut settings: Settings,
        plan: Arc<Plan>,
        into: Option<&RunDirectory>,
        from: Option<Checkpoint>,
    ) -> Result<()> {
        if settings.cluster.kind == ClusterKind::Slurm {
            settings = foreseen(&settings, &plan)?;
        }
        Limits::of(&settings).fit(&plan)?;
        let program = program(&settings)?;
        let style = if stderr().is_terminal() { Style::Live } else { Style::Lines };
        let terminal = std::cell::Cell::new((!self.quiet).then_some(Terminal::new(stderr(), style)));
        let make_monitor = |run: Option<&RunDirectory>| -> Result<Box<dyn Monitor>> {
            let mut monitors: Vec<Box<dyn Monitor>> = Vec::new();
            let terminal = terminal.take().map(|terminal| Box::new(Apart::new(terminal)) as Box<dyn Monitor>);
            monitors.extend(terminal);
            if let Some(run) = run {
                monitors.push(Box::new(Apart::new(Log::new(run.create_events()?))));
            }
            Ok(Box::new(monitors))
        };
        let runtime = runtime()?;
        runtime.block_on(async {
            let signals = signals::listen()?;
            if !self.quiet {
                advise(Allocation::from_environment().as_ref());
            }
            let cluster = open(&settings, &program, self.started, into, &make_monitor)?;
            let result = self.compute(cluster, plan, from, signals).await;
            // On threads the driver leaves a directory that it was given as it is, if the run was short.
            into.filter(|_| settings.cluster.kind == ClusterKind::Threads)
                .map_or(Ok(()), |run| run.mark_ended())?;
            // Where that cannot be noted its directory stays.
            let _ = into.filter(|_| result.is_ok()).map(RunDirectory::mark_done);
            result
        })
    }

    async fn compute(
        &self,
        cluster: Cluster,
        plan: Arc<Plan>,
        from: Option<Checkpoint>,
        mut signals: tokio::sync::mpsc::Receiver<Error>,
    ) -> Result<()> {
        let stop = cluster.stopper();
        // The first signal ends in order, the second at once.
        tokio::spawn(async move {
            while let Some(error) = signals.recv().await {
                stop(error);
            }
        });
        let (id, kept) = (cluster.id().clone(), cluster.kept());
        let computed = async { cluster.compute_from(plan.clone(), from)?.await }.await;
        // Whatever happened, the cluster is closed, and before anything is written: standard output may block.
        let closed = cluster.close().await;
        let computed = computed.map_err(|error| match kept.get() {
            Some(_) => error.hint(format!("go on from the last checkpoint: squall resume {id}")),
            None => error,
        });
        let printed = computed.and_then(|results| self.print(&id, &results));
        if printed.is_ok() {
            kept.get().into_iter().for_each(|run| forget(run, &plan));
        }
        // What happened first is what is told.
        match (printed, closed) {
            (Err(error), Err(left)) => Err(error.hint(left.what())),
            (printed, closed) => printed.and(closed),
        }
    }
}

/// The plan of what the settings ask for.
pub(super) fn plan_of(settings: &Settings, seed: u128) -> Result<Plan> {
    let parsed = expressions(settings)?;
    plan(&parsed.results, &targets(&parsed.saves)?, seed)
}

/// What the settings ask for.
pub(super) fn expressions(settings: &Settings) -> Result<Parsed> {
    if settings.results.is_empty() && settings.saves.is_empty() {
        return Err(Error::refused("there is nothing to compute")
            .hint("name a run file, or give an expression: squall run -e 'random.random(size=1e9).mean()'"));
    }
    parse(&definitions(settings), &LocalFiles)
}

pub(super) fn definitions(settings: &Settings) -> Definitions {
    Definitions {
        arrays: settings.arrays.clone(),
        results: settings.results.clone(),
        saves: settings.saves.clone(),
    }
}

/// The program that workers run.
pub(super) fn program(settings: &Settings) -> Result<PathBuf> {
    match &settings.cluster.program {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe().map_err(|error| Error::system("cannot find this program", &error)),
    }
}

/// Nothing more will come of a run whose results have been printed: its checkpoints are removed, unless another one
/// may begin with the last.
fn forget(run: &RunDirectory, plan: &Plan) {
    // Where that cannot be noted its directory stays.
    let _ = run.mark_done();
    if plan.extent().is_none() {
        run.remove_checkpoints();
    }
}

fn write(
    out: &mut dyn Write,
    id: &RunId,
    results: &[(String, Value)],
    output: Output,
) -> std::io::Result<()> {
    match output {
        Output::Text => results.iter().try_for_each(|(name, value)| writeln!(out, "{name} = {value}")),
        Output::Json => {
            serde_json::to_writer(&mut *out, &Object { run: id.as_str(), results })?;
            writeln!(out)
        }
    }
}

/// All results as one object.
#[derive(Serialize)]
struct Object<'a> {
    run: &'a str,
    #[serde(serialize_with = "in_order")]
    results: &'a [(String, Value)],
}

/// As one object, in the order in which the user wrote them.
fn in_order<S: Serializer>(
    results: &&[(String, Value)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(results.iter().map(|(name, value)| (name, value)))
}

/// `srun -n 4 squall run` starts four drivers, each of which would compute and submit everything.
pub(super) fn refuse_several_drivers(allocation: Option<&Allocation>) -> Result<()> {
    let Some(allocation) = allocation.filter(|allocation| allocation.is_one_of_several()) else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Refused, "srun started more than one driver")
        .cause(format!("each of the {} tasks of this step would compute everything", allocation.step_tasks))
        .hint("start one driver, and ask for workers in its settings: srun -n 1 squall run --workers 4 ..."))
}

/// What should be known before a run starts.
fn advise(allocation: Option<&Allocation>) {
    if let Some(allocation) = allocation.filter(|allocation| allocation.step) {
        let job = allocation.job_id;
        say(&format!("under srun, Ctrl-C twice kills at once; `scancel {job}` ends in order"));
    }
}
