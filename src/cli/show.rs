//! `squall show RUN`: all that its directory says of one run: what was submitted and what Slurm answered, what became of
//! each worker, how the logs end, how the run ended, and how to go on. Nothing is asked of Slurm.

mod words;

use crate::cli::exit::print;
use crate::cli::resume::find;
use crate::cli::run::Output;
use crate::cli::standing::{Computes, Standing, State};
use crate::cli::table::{json, utc};
use crate::error::{Error, Result, printable};
use crate::event::{JobNews, Receipt, ResultSoFar};
use crate::monitor::WorkerState;
use crate::run::{Owner, RunDirectory, Submission, tail};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many logs are shown, ..
const LOGS: usize = 8;
/// .. and how many lines of each.
const LINES: usize = 10;
/// How many entries of a directory of logs are looked at.
const ENTRIES: usize = 100_000;

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run: its id, or the path of its directory
    #[arg(value_name = "RUN")]
    run: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A run with all that its directory says.
#[derive(Serialize)]
struct Shown {
    run: String,
    directory: PathBuf,
    state: State,
    cluster: String,
    began: Option<String>,
    #[serde(skip)]
    age: Option<SystemTime>,
    done: Option<f64>,
    /// What results came to when that was last told.
    results_so_far: Vec<ResultSoFar>,
    computes: Option<Computes>,
    driver: Option<Driver>,
    submissions: Vec<Sent>,
    workers_asked: u32,
    workers: Vec<WorkerLine>,
    /// What Slurm, or the system, last said of jobs that have become no worker.
    jobs: Vec<JobNews>,
    logs: Vec<Tail>,
    /// Logs that are not shown.
    more_logs: usize,
    failure: Option<String>,
    closing: Option<String>,
    receipt: Option<Receipt>,
    /// What to do now.
    hints: Vec<String>,
    damage: Vec<String>,
}

/// Who drives the run, or did.
#[derive(Serialize)]
struct Driver {
    #[serde(flatten)]
    owner: Owner,
    /// None where it cannot be seen from here.
    alive: Option<bool>,
    /// How many drivers the run has had.
    drivers: u64,
}

/// A call of `sbatch`, and the script that went with it.
#[derive(Serialize)]
struct Sent {
    #[serde(flatten)]
    submission: Submission,
    script_file: PathBuf,
    script: Option<String>,
}

#[derive(Serialize)]
struct WorkerLine {
    worker: Option<u64>,
    job: String,
    host: String,
    state: WorkerState,
    /// What Slurm, or the system, last said of its job.
    system: Option<String>,
    tasks: u64,
    cause: Option<String>,
}

#[derive(Serialize)]
struct Tail {
    file: PathBuf,
    text: String,
}

pub(super) fn show(arguments: &ShowArguments) -> Result<()> {
    let run = find(&arguments.run)?;
    let shown = Shown::of(&run);
    match arguments.output {
        Output::Json => print(&json(&shown)),
        Output::Text => print(&printable(&words::text(&shown))),
    }
}

impl Shown {
    fn of(run: &RunDirectory) -> Shown {
        let mut standing = Standing::of(run, None);
        let computes = Computes::of(run).map_err(|error| standing.damage.push(error)).ok();
        let began = run.began();
        let submissions: Vec<Submission> = run.submissions_seen().into_iter().flatten().collect();
        let workers = workers(&standing);
        let (logs, more_logs) = logs(run, &submissions, &workers, &mut standing.damage);
        let unregistered =
            |news: &&JobNews| !standing.status.workers.values().any(|worker| worker.job == news.job);
        let jobs = standing.status.jobs.values().filter(unregistered).cloned().collect();
        let sent = submissions.into_iter().map(|submission| sent(run, submission)).collect();
        let status = &standing.status;
        let told = Some(status.cluster.clone()).filter(|cluster| !cluster.is_empty());
        let drivers = status.drivers;
        let driver = standing.owner.clone();
        Shown {
            run: run.id().to_string(),
            directory: run.path().to_owned(),
            state: standing.state,
            cluster: told.or_else(|| computes.as_ref()?.cluster.clone()).unwrap_or_default(),
            began: began.map(utc),
            age: began,
            done: standing.share(),
            results_so_far: status.results.clone(),
            computes,
            driver: driver.map(|owner| Driver { alive: owner.process.is_alive(), owner, drivers }),
            submissions: sent,
            workers_asked: status.asked,
            workers,
            jobs,
            logs,
            more_logs,
            failure: status.failed.clone(),
            closing: status.closing.clone(),
            receipt: status.closed,
            hints: hints(run, standing.state),
            damage: standing.damage.iter().map(Error::to_string).collect(),
        }
    }
}

fn sent(run: &RunDirectory, submission: Submission) -> Sent {
    let number = submission.number;
    Sent { submission, script_file: run.script_file(number), script: run.script(number).ok() }
}

fn workers(standing: &Standing) -> Vec<WorkerLine> {
    let status = &standing.status;
    let line = |(number, worker): (&u64, &crate::monitor::Worker)| WorkerLine {
        worker: Some(*number),
        job: worker.job.clone(),
        host: worker.host.clone(),
        state: worker.state,
        system: status.jobs.get(&worker.job).map(said),
        tasks: worker.tasks,
        cause: worker.cause.clone(),
    };
    status.workers.iter().map(line).collect()
}

/// What Slurm said of a job, in its words.
fn said(news: &JobNews) -> String {
    if news.reason.is_empty() { news.state.clone() } else { format!("{} ({})", news.state, news.reason) }
}

/// How to go on.
fn hints(run: &RunDirectory, state: State) -> Vec<String> {
    let id = run.id();
    let (resume, reap) = (format!("squall resume {id}"), format!("squall reap {id}"));
    match state {
        State::Running => vec![format!("`squall queue {id}` shows its jobs")],
        State::Ended if run.keeps_checkpoints() => {
            vec![format!("`{resume} --size N` extends it to N elements")]
        }
        State::Ended => Vec::new(),
        State::Resumable => vec![format!("`{resume}` goes on from its last checkpoint")],
        State::Orphaned if run.keeps_checkpoints() => vec![
            format!("`{resume}` ends what is left of it, and goes on from its last checkpoint"),
            format!("`{reap}` only ends what is left of it"),
        ],
        State::Orphaned => vec![format!("`{reap}` ends what is left of it")],
        State::Superseded | State::Unseen => vec![
            format!("`squall queue {id}` shows its jobs"),
            format!("`{resume}` on the driver's host goes on with it if its driver has ended"),
        ],
        State::Damaged => {
            vec![format!("`scancel --me --name={}` ends jobs of its first submission", id.job_name(0))]
        }
    }
}

/// How the logs end: those of lost workers first, then the newest.
fn logs(
    run: &RunDirectory,
    submissions: &[Submission],
    workers: &[WorkerLine],
    damage: &mut Vec<Error>,
) -> (Vec<Tail>, usize) {
    let own = run.log_directory();
    let mut files = entries(&own, |_| true);
    // Logs of jobs may be elsewhere, beside those of other runs.
    let patterns = submissions.iter().flat_map(|sent| sent.arguments.iter());
    let mut elsewhere: Vec<PathBuf> = patterns
        .filter_map(|argument| Some(Path::new(argument.strip_prefix("--output=")?).parent()?.to_owned()))
        .filter(|directory| *directory != own)
        .collect();
    elsewhere.sort();
    elsewhere.dedup();
    let prefix = format!("sq-{}-", run.id());
    for directory in elsewhere {
        files.extend(entries(&directory, |name| name.starts_with(&prefix)));
    }
    let lost = |name: &str| {
        let of = |line: &&WorkerLine| name.ends_with(&format!("-{}.out", line.job));
        workers.iter().filter(|line| line.state == WorkerState::Lost).any(|line| of(&line))
    };
    files.sort_by_key(|(path, written)| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (!lost(&name), std::cmp::Reverse(*written), path.clone())
    });
    let more = files.len().saturating_sub(LOGS);
    files.truncate(LOGS);
    let read = |(file, _): (PathBuf, SystemTime)| match tail(&file, LINES) {
        Ok(text) => Some(Tail { file, text }),
        Err(error) => {
            damage.push(error);
            None
        }
    };
    (files.into_iter().filter_map(read).collect(), more)
}

/// The files of a directory in which something is written, and when it was.
fn entries(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, SystemTime)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().take(ENTRIES).flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted));
    let written = |entry: std::fs::DirEntry| {
        let file = entry.metadata().ok().filter(|file| file.len() > 0 && !file.is_dir())?;
        Some((entry.path(), file.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
    };
    wanted.filter_map(written).collect()
}
