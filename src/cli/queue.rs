//! `squall queue`: this user's squall jobs, in the columns that Slurm courses teach, and what their runs say of them:
//! what each worker does, and how much of the work it has done.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::cli::former::commands;
use crate::cli::run::Output;
use crate::cli::runtime;
use crate::cli::standing::{Standing, State};
use crate::cli::table::{json, percent};
use crate::error::{Error, Result, printable};
use crate::run::{RunDirectory, RunId, Submission};
use crate::slurm::{JobState, QueueRow, lay_out};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct QueueArguments {
    /// Only the jobs of this run
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A job, and what its run says of it.
#[derive(Serialize)]
struct Job {
    run: String,
    #[serde(flatten)]
    row: QueueRow,
    /// `worker`, `driver` or `janitor`; none where the run directory cannot be seen.
    role: Option<&'static str>,
    /// The number of the worker that the job has become.
    worker: Option<u64>,
    /// What the worker does; none of a job that waits, or of which nothing is known.
    worker_state: Option<&'static str>,
    cause: Option<String>,
    /// The share of the present stage that the worker has done.
    done: Option<f64>,
}

/// A run that has jobs in the queue.
struct Seen {
    submissions: Vec<Submission>,
    standing: Standing,
}

pub(super) fn queue(arguments: &QueueArguments) -> Result<()> {
    let wanted = arguments.run.as_deref().map(RunId::parse).transpose();
    let wanted = wanted.map_err(|error| Error::refused(error).hint("runs are the directories in .squall"))?;
    let base = SettingsFlags::default().resolve()?.run.directory;
    let commands = commands(&RunDirectory::list(&base));
    let rows = runtime()?.block_on(commands.queue_rows())?;
    let ours = rows.into_iter().filter_map(|row| Some((RunId::of_job_name(&row.name)?, row)));
    let ours = ours.filter(|(run, _)| wanted.as_ref().is_none_or(|wanted| wanted == run));
    let mut runs: BTreeMap<RunId, Option<Seen>> = BTreeMap::new();
    let mut jobs = Vec::new();
    for (id, row) in ours {
        let seen = runs.entry(id.clone()).or_insert_with(|| seen(&base, &id, &row));
        jobs.push(job(&id, row, seen.as_ref()));
    }
    match arguments.output {
        Output::Json => print(&json(&jobs)),
        Output::Text => print(&text(&jobs, &runs)),
    }
}

/// What is known of a run: its directory is here, or where the job's script is.
fn seen(base: &Path, id: &RunId, row: &QueueRow) -> Option<Seen> {
    let here = base.join(id.as_str());
    let elsewhere = row.script.as_deref().and_then(Path::parent).filter(|path| path.ends_with(id.as_str()));
    let mut places = [Some(here.as_path()), elsewhere].into_iter().flatten();
    let run = places.find_map(|path| RunDirectory::open(path).ok())?;
    Some(Seen {
        submissions: run.submissions_seen().into_iter().flatten().collect(),
        standing: Standing::of(&run, None),
    })
}

fn job(id: &RunId, row: QueueRow, seen: Option<&Seen>) -> Job {
    let role = seen.map(|seen| role(&row, &seen.submissions));
    let waits = JobState::parse(&row.state).is_waiting();
    let mut job =
        Job { run: id.to_string(), row, role, worker: None, worker_state: None, cause: None, done: None };
    let Some(status) = seen.map(|seen| &seen.standing.status).filter(|_| role == Some("worker")) else {
        return job;
    };
    match status.worker_of(&job.row.job) {
        Some((number, worker)) => {
            (job.worker, job.worker_state) = (Some(number), Some(worker.state.as_str()));
            (job.cause, job.done) = (worker.cause.clone(), status.share_of(worker));
        }
        None if waits => {}
        None => job.worker_state = Some(crate::monitor::WorkerState::Starting.as_str()),
    }
    job
}

/// What a job of a run is for.
fn role(row: &QueueRow, submissions: &[Submission]) -> &'static str {
    let id = row.submission().map(|id| id.0);
    // The driver's job may be there before `sbatch` has said its id.
    let is_driver = |sent: &Submission| {
        sent.is_driver()
            && (sent.job.is_some() && sent.job == id || sent.job.is_none() && sent.name == row.name)
    };
    match row.name.ends_with("-janitor") {
        true => "janitor",
        false if submissions.iter().any(is_driver) => "driver",
        false => "worker",
    }
}

fn text(jobs: &[Job], runs: &BTreeMap<RunId, Option<Seen>>) -> String {
    let cells = |job: &Job| [job.done.map_or_else(|| "-".to_owned(), percent), words(job)];
    let more: Vec<[String; 2]> = jobs.iter().map(cells).collect();
    let rows: Vec<QueueRow> = jobs.iter().map(|job| job.row.clone()).collect();
    let mut text = lay_out(&rows, ["DONE", "WORKER"], &more);
    for (id, seen) in runs {
        let line = match seen {
            Some(Seen { standing, .. }) => summary(id, standing),
            None => format!("run {id}: its directory is not seen from here"),
        };
        text.push_str(&printable(&line));
        text.push('\n');
    }
    text
}

/// What a job does, and why.
fn words(job: &Job) -> String {
    let reason = || if job.row.reason.is_empty() { String::new() } else { format!(": {}", job.row.reason) };
    let cause = || job.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
    let words = match (job.role, job.worker_state) {
        (_, Some(state)) => format!("{state}{}", cause()),
        (_, None) if JobState::parse(&job.row.state).is_waiting() => format!("waiting{}", reason()),
        (Some(role), None) => role.to_owned(),
        (None, None) => "-".to_owned(),
    };
    words.replace('\n', " ")
}

fn summary(id: &RunId, standing: &Standing) -> String {
    let (_, here) = standing.status.came();
    let done = standing.share().map_or(String::new(), |share| format!(", {} done", percent(share)));
    let here = if standing.state == State::Running { here } else { 0 };
    let asked = standing.status.asked;
    format!("run {id}: {}{done}, {here} of {asked} workers here", standing.state.as_str())
}
