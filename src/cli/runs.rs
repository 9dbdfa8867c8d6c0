//! `squall runs`: the runs of this directory. Slurm is asked only where a driver cannot be seen otherwise, and nothing is
//! missing but that where it is not there.

use crate::cli::exit::{print, say};
use crate::cli::flags::SettingsFlags;
use crate::cli::former::commands;
use crate::cli::run::Output;
use crate::cli::runtime;
use crate::cli::standing::{Computes, Standing, State};
use crate::cli::table::{ago, cut, json, percent, table, utc};
use crate::error::Result;
use crate::event::ResultSoFar;
use crate::run::RunDirectory;
use crate::slurm::{JobRecord, in_path};
use clap::Args;
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// How long Slurm may take to say whether drivers live.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is shown of what a run computes.
const EXPRESSION: usize = 60;

#[derive(Debug, Args)]
pub(super) struct RunsArguments {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A run in a line.
#[derive(Serialize)]
struct Row {
    run: String,
    began: Option<String>,
    #[serde(skip)]
    age: Option<SystemTime>,
    cluster: Option<String>,
    state: State,
    /// Workers that are there, while it runs.
    workers_here: usize,
    workers_came: usize,
    workers_asked: u32,
    /// The share that is done.
    done: Option<f64>,
    /// What results came to when that was last told.
    results_so_far: Vec<ResultSoFar>,
    computes: Option<Computes>,
    damage: Vec<String>,
}

pub(super) fn runs(arguments: &RunsArguments) -> Result<()> {
    let base = SettingsFlags::default().resolve()?.run.directory;
    let runs = RunDirectory::list(&base);
    let mut standings: Vec<Standing> = runs.iter().map(|run| Standing::of(run, None)).collect();
    if standings.iter().any(|standing| standing.state == State::Unseen)
        && let Some(records) = records(&runs)
    {
        for (run, standing) in runs.iter().zip(&mut standings) {
            if standing.state == State::Unseen {
                *standing = Standing::of(run, Some(&records));
            }
        }
    }
    let mut rows: Vec<Row> = runs.iter().zip(standings).map(|(run, standing)| row(run, standing)).collect();
    rows.sort_by_key(|row| row.age);
    match arguments.output {
        Output::Json => print(&json(&rows)),
        Output::Text if rows.is_empty() => print(&format!("no runs in {}\n", base.display())),
        Output::Text => {
            print(&text(&rows))?;
            for row in rows.iter().filter(|row| !row.damage.is_empty()) {
                say(&crate::error::printable(&format!("run {}: {}", row.run, row.damage.join("; "))));
            }
            Ok(())
        }
    }
}

/// The user's jobs, where Slurm is here and answers in time.
fn records(runs: &[RunDirectory]) -> Option<Vec<JobRecord>> {
    in_path("squeue")?;
    let asked = async { tokio::time::timeout(PATIENCE, commands(runs).jobs()).await };
    runtime().ok()?.block_on(asked).ok()?.ok()
}

fn row(run: &RunDirectory, standing: Standing) -> Row {
    let computes = Computes::of(run).ok();
    let began = run.began();
    let (came, here) = standing.status.came();
    let told = Some(standing.status.cluster.clone()).filter(|cluster| !cluster.is_empty());
    Row {
        run: run.id().to_string(),
        began: began.map(utc),
        age: began,
        cluster: told.or_else(|| computes.as_ref()?.cluster.clone()),
        state: standing.state,
        workers_here: if standing.state == State::Running { here } else { 0 },
        workers_came: came,
        workers_asked: standing.status.asked,
        done: standing.share(),
        results_so_far: standing.status.results.clone(),
        computes,
        damage: standing.damage.iter().map(|error| error.what().to_owned()).collect(),
    }
}

fn text(rows: &[Row]) -> String {
    let unknown = || "-".to_owned();
    let cells = |row: &Row| {
        let workers = match row.state {
            State::Running => row.workers_here,
            _ => row.workers_came,
        };
        [
            row.run.clone(),
            row.age.map_or_else(unknown, ago),
            row.cluster.clone().unwrap_or_else(unknown),
            row.state.as_str().to_owned(),
            format!("{workers}/{}", row.workers_asked),
            row.done.map_or_else(unknown, percent),
            row.computes.as_ref().map_or_else(unknown, |computes| cut(&computes.line(), EXPRESSION)),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    table(["RUN", "BEGUN", "CLUSTER", "STATE", "WORKERS", "DONE", "COMPUTES"], &rows)
}
