//! `squall run --dry-run`: what a run would do and ask for, and when Slurm would start it. Nothing is submitted, and
//! no run directory is made.

use crate::cli::exit::print;
use crate::cli::run::plan_of;
use crate::cli::runtime;
use crate::cli::script::Shown;
use crate::cluster::{Limits, WorkerLimits, estimate, foreseen};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::settings::{ClusterKind, Settings};
use crate::slurm::{Checked, Commands, Forecast, JobSpecification, SubmitError, SubmitStyle};
use crate::units::Memory;
use std::fmt::Write as _;

/// Shows everything that is known of a run before it starts.
pub(super) fn dry_run(settings: Settings) -> Result<()> {
    let plan = plan_of(&settings, settings.seed.unwrap_or(0))?;
    let on_slurm = settings.cluster.kind == ClusterKind::Slurm;
    let settings = if on_slurm { foreseen(&settings, &plan)? } else { settings };
    let limits = Limits::of(&settings);
    limits.fit(&plan)?;
    let mut page = Page(String::new());
    page.part("plan", plan_lines(&settings, &plan));
    page.part("memory", memory_lines(&limits, &plan));
    if !on_slurm {
        return print(&page.0);
    }
    page.part("work", estimate(&settings));
    let (commands, runtime) = (Commands::new(), runtime()?);
    let limits = runtime.block_on(commands.limits());
    let mut refused = None;
    for shown in Shown::of(&settings)? {
        let checked = limits.check(&shown.specification)?;
        let of_pool = |heading: &str| match shown.specification.pool() {
            Some(pool) => format!("{heading}, pool {pool}"),
            None => heading.to_owned(),
        };
        page.part(&of_pool("submissions"), submission_lines(&shown.specification, &checked));
        if shown.specification.workers == 0 {
            continue;
        }
        page.part(&of_pool("job script"), [shown.script.trim_end().to_owned()]);
        page.part(&of_pool("submitted with"), [shown.command_line()]);
        let forecast = runtime.block_on(commands.forecast(&shown.arguments, shown.script.clone()));
        page.part(&of_pool("expected start"), [start_line(&forecast)]);
        if let Err(SubmitError::Refused(error)) = forecast {
            refused.get_or_insert(error);
        }
    }
    print(&page.0)?;
    refused.map_or(Ok(()), Err)
}

/// Text in parts, each with a heading.
struct Page(String);

impl Page {
    fn part(&mut self, heading: &str, texts: impl IntoIterator<Item = String>) {
        let _ = writeln!(self.0, "{heading}:");
        for line in texts.into_iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
            let _ = writeln!(self.0, "{}", format!("  {line}").trim_end());
        }
    }
}

fn plan_lines(settings: &Settings, plan: &Plan) -> Option<String> {
    let described = plan.describe();
    match settings.seed {
        Some(_) => Some(described),
        // The one that it was planned with is not the one that will be drawn.
        None => described.split_once('\n').map(|(_, rest)| format!("a seed drawn at the start\n{rest}")),
    }
}

fn memory_lines(limits: &Limits, plan: &Plan) -> Vec<String> {
    let whole = |bytes: u64| Memory::from_bytes(bytes.next_multiple_of(1 << 20));
    let bounds = limits.bounds(plan);
    let worker = |worker: &WorkerLimits| {
        let of_pool = worker.pool.as_ref().map_or(String::new(), |pool| format!(" in pool {pool}"));
        let needed = whole(plan.worker_memory(worker.cores));
        let memory = worker.memory?;
        Some(format!("a worker{of_pool} needs {needed} of the {memory} that it is given"))
    };
    let driver = match limits.driver {
        Some(allowed) => {
            let memory = Memory::from_bytes(allowed.memory.bytes() & !((1 << 20) - 1));
            format!("the driver needs {} of {memory}, {}", whole(bounds.driver), allowed.by)
        }
        None => format!("the driver needs {}", whole(bounds.driver)),
    };
    limits.workers.iter().filter_map(worker).chain([driver]).collect()
}

/// How the jobs would be asked for, and what Slurm's limits say of them.
fn submission_lines(job: &JobSpecification, checked: &Checked) -> Vec<String> {
    let largest = if job.submit == SubmitStyle::Jobs { 1 } else { checked.site.largest_array() };
    let how = match (job.workers, job.workers.div_ceil(largest)) {
        (0, _) => "none at first: those before it take all workers".to_owned(),
        (1, _) => "one job".to_owned(),
        (workers, 1) => format!("an array of {workers} jobs"),
        (workers, calls) if calls == workers => format!("{workers} jobs, one by one"),
        (workers, calls) => {
            format!(
                "{workers} jobs in {calls} arrays, since MaxArraySize is {largest}; the first one is shown"
            )
        }
    };
    std::iter::once(how).chain(checked.notices.iter().cloned()).collect()
}

fn start_line(forecast: &std::result::Result<Forecast, SubmitError>) -> String {
    let unknown = |error: &Error| format!("not known: {}: {}", error.what(), error.causes().join(", "));
    match forecast {
        Ok(Forecast { start, cpus, nodes, partition }) => {
            let noun = if *cpus == 1 { "CPU" } else { "CPUs" };
            format!("{start}, {cpus} {noun} on {nodes} of partition {partition}, says sbatch --test-only")
        }
        Err(SubmitError::Refused(_)) => "never: Slurm refuses the jobs".to_owned(),
        Err(error) => unknown(error.error()),
    }
}
