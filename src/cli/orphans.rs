//! Runs of this directory whose drivers are dead and that nobody has ended: every command names them.

use crate::cli::exit::say;
use crate::cli::flags::SettingsFlags;
use crate::cli::former::submitted;
use crate::run::{Owner, RunDirectory};

/// How many are named.
const NAMED: usize = 3;

/// Names them on standard error. Only what can be seen without asking Slurm is named, since a command that has
/// nothing to do with Slurm must not wait for it: drivers that were processes of this host.
pub(super) fn name() {
    // A command whose settings are refused says so itself.
    let Ok(settings) = SettingsFlags::default().resolve() else { return };
    let runs: Vec<RunDirectory> =
        RunDirectory::list(&settings.run.directory).into_iter().filter(is_orphaned).collect();
    for run in runs.iter().take(NAMED) {
        let resume = match run.keeps_checkpoints() {
            true => format!("`squall resume {}` goes on, ", run.id()),
            false => String::new(),
        };
        say(&format!("run {} was left by its driver: {resume}`squall reap {}` ends it", run.id(), run.id()));
    }
    if runs.len() > NAMED {
        say(&format!("and {} more runs were left: `squall reap` ends them all", runs.len() - NAMED));
    }
}

fn is_orphaned(run: &RunDirectory) -> bool {
    // A driver that was submitted may wait in the queue, for the first time or again.
    let is_dead = |owner: Owner| owner.process.is_alive() == Some(false) && submitted(run).is_none();
    !run.is_ended() && run.owner().is_ok_and(is_dead)
}
