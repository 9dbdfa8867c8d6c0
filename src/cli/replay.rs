//! `squall replay`: tells the scheduler again what it was told, and prints what it decides, and why.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Timestamp;
use crate::run::{RunDirectory, read_plain};
use crate::scheduler::record::{LONGEST, Recorded};
use crate::scheduler::{Effect, Event, Scheduler};
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The run: its id, the path of its directory, or one of its `schedule` files
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

pub(super) fn replay(arguments: &ReplayArguments) -> Result<()> {
    for path in recordings(&arguments.run)? {
        let bytes = read_plain(&path, LONGEST, LONGEST)
            .map_err(|error| Error::system(format!("cannot read `{}`", path.display()), &error))?;
        let recorded = Recorded::read(&bytes).ok_or_else(|| {
            Error::new(ErrorKind::System, format!("`{}` is no recording of this version", path.display()))
                .hint("a recording is a file `schedule-0` of a run directory")
        })?;
        print(&format!("{}\n", path.display()))?;
        tell(&recorded)?;
        if recorded.cut > 0 {
            print("the recording ends in the middle of an event, as where the driver was killed\n")?;
        }
    }
    Ok(())
}

/// The recordings that are meant.
fn recordings(run: &Path) -> Result<Vec<PathBuf>> {
    if run.is_file() {
        return Ok(vec![run.to_owned()]);
    }
    if run.components().count() > 1 && !run.is_dir() {
        return Err(Error::refused(format!("no file or directory `{}` here", run.display()))
            .hint("give a run's id, the path of its directory, or one of its `schedule` files"));
    }
    let directory = if run.is_dir() {
        run.to_owned()
    } else {
        SettingsFlags::default().resolve()?.run.directory.join(run)
    };
    let found = RunDirectory::open(&directory).map(|run| run.recordings()).unwrap_or_default();
    if found.is_empty() {
        return Err(Error::refused(format!("no recording of `{}` here", run.display()))
            .cause("runs on threads of the driver are not recorded")
            .hint("runs are the directories in .squall; name one, or one of its `schedule` files"));
    }
    Ok(found)
}

/// Tells a scheduler of this program everything, and prints each event with what is decided.
fn tell(recorded: &Recorded) -> Result<()> {
    let mut scheduler = Scheduler::new(recorded.minimum_workers);
    let mut effects = Vec::new();
    for (now, event) in &recorded.events {
        if !scheduler.can_be_told(event) {
            return Err(Error::new(ErrorKind::System, "the recording is of no run of this version")
                .cause(format!("{} cannot follow what came before", told(event))));
        }
        scheduler.handle(*now, event.clone(), &mut effects);
        // The clock ticks for the driver as well; where nothing follows from it there is nothing to read.
        if *event != Event::Tick || !effects.is_empty() {
            print(&lines(*now, event, &effects))?;
        }
        effects.clear();
    }
    Ok(())
}

fn lines(now: Timestamp, event: &Event, effects: &[Effect]) -> String {
    let mut lines = format!("{:12.6} s  {}\n", now.0.as_secs_f64(), told(event));
    for effect in effects {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{:16}{}", "", decided(effect));
    }
    lines
}

fn told(event: &Event) -> String {
    match event {
        Event::Begin { tasks, most, done } => {
            let counted: u64 = done.iter().map(|range| range.end - range.start).sum();
            let before =
                if counted > 0 { format!(", {counted} of them counted before") } else { String::new() };
            let most = if most < tasks { format!(", at most {most} in a lease") } else { String::new() };
            format!("a stage of {tasks} tasks begins{before}{most}")
        }
        Event::Registered { worker, threads, left } => {
            let threads = if *threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") };
            let stays =
                left.map_or_else(String::new, |left| format!(", and may stay for {} s", left.as_secs()));
            format!("worker {} registers with {threads}{stays}", worker.0)
        }
        Event::Answered { worker, lease, finished, took } => {
            let (worker, lease) = (worker.0, lease.0);
            format!("worker {worker} answers lease {lease} with {finished} tasks, done in {took:.3?}")
        }
        Event::Drain { worker } => format!("worker {} is to end", worker.0),
        Event::Away { worker } => format!("worker {} cannot be reached", worker.0),
        Event::Returned { worker, holds } => {
            let holds: Vec<String> = holds.iter().map(|lease| lease.0.to_string()).collect();
            format!("worker {} is back and holds leases [{}]", worker.0, holds.join(", "))
        }
        Event::Failed { worker, lease } => format!("worker {} cannot do lease {}", worker.0, lease.0),
        Event::Lost { worker, blamed: true } => {
            format!("worker {} is lost, and its tasks may be why", worker.0)
        }
        Event::Lost { worker, blamed: false } => format!("worker {} is gone", worker.0),
        Event::Tick => "time passes".to_owned(),
        Event::Close => "nothing more is to be computed".to_owned(),
    }
}

fn decided(effect: &Effect) -> String {
    match effect {
        Effect::Lease { worker, lease, tasks, why } => {
            format!(
                "lease {}: tasks {}..{} to worker {}, since {why}",
                lease.0, tasks.start, tasks.end, worker.0
            )
        }
        Effect::Yield { worker, lease, why } => {
            format!("worker {} is to hand in lease {}, since {why}", worker.0, lease.0)
        }
        Effect::Accept { lease, tasks } => {
            format!("lease {} counts: tasks {}..{} are done", lease.0, tasks.start, tasks.end)
        }
        Effect::Drop { lease } => format!("lease {} does not count, since it is not alive", lease.0),
        Effect::GiveUp { tasks, faults } => {
            format!(
                "tasks {}..{} are given up, since they have failed {faults} times",
                tasks.start, tasks.end
            )
        }
        Effect::Retire { worker } => {
            format!("worker {} is drained, since its time is over or too short for a lease", worker.0)
        }
        Effect::Dismiss { worker } => {
            format!("worker {} may leave, since it has nothing left to do", worker.0)
        }
        Effect::Done => "the stage is done".to_owned(),
    }
}
