//! File descriptors: every worker takes some of the driver's. A driver that may not open enough is refused before
//! anything is started; later its workers would knock in vain.

use crate::error::{Error, Result};
use crate::settings::ClusterKind;
use nix::sys::resource::{Resource, getrlimit};

/// What a driver opens besides: its own files, strangers at its door, Slurm's commands.
const OTHERS: u64 = 128;

/// Refuses workers whose connections and processes the driver could not hold open.
pub(super) fn fit(kind: ClusterKind, workers: u32) -> Result<()> {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => fit_in(kind, workers, soft, hard),
        // Without a figure nothing is refused.
        Err(_) => Ok(()),
    }
}

fn fit_in(kind: ClusterKind, workers: u32, soft: u64, hard: u64) -> Result<()> {
    let each = match kind {
        ClusterKind::Threads => return Ok(()),
        // A connection, and the process that is waited for.
        ClusterKind::Processes => 2,
        ClusterKind::Slurm => 1,
    };
    let needed = u64::from(workers) * each + OTHERS;
    if needed <= soft {
        return Ok(());
    }
    let cause = match soft < hard {
        true => format!("the soft limit of this process (`ulimit -n`) is {soft}"),
        false => format!("the hard limit of this process (`ulimit -Hn`) is {hard}"),
    };
    let what = format!("{workers} workers need {needed} open files in the driver, and it may open {soft}");
    let fewer = match soft.saturating_sub(OTHERS) / each {
        0 => String::new(),
        workers => format!("lower cluster.workers to {workers}, or "),
    };
    Err(Error::refused(what)
        .cause(cause)
        .hint(format!("{fewer}start the driver where it may open more files")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_refused_where_the_driver_could_not_hold_their_connections() {
        assert_eq!(fit_in(ClusterKind::Threads, 1, 3, 3), Ok(()));
        assert_eq!(fit_in(ClusterKind::Slurm, 128, 256, 256), Ok(()));
        let error =
            |kind, workers, soft, hard| fit_in(kind, workers, soft, hard).expect_err("refused").to_string();
        assert_eq!(
            error(ClusterKind::Slurm, 129, 256, 256),
            "error: 129 workers need 257 open files in the driver, and it may open 256\n\
             cause: the hard limit of this process (`ulimit -Hn`) is 256\n\
             hint: lower cluster.workers to 128, or start the driver where it may open more files"
        );
        let error = error(ClusterKind::Processes, 1, 100, 4096);
        assert!(error.contains("cause: the soft limit of this process (`ulimit -n`) is 100\n"), "{error}");
        assert!(error.ends_with("hint: start the driver where it may open more files"), "{error}");
    }
}
