//! Who drives a run, told so that another process can find out whether it still lives.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The driver of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process; that of `squall submit` where it is yet to be started as a job.
    pub process: Process,
    /// The Slurm job it runs in, if it runs in one.
    pub job: Option<u64>,
    /// The directory from which it was started: relative paths begin there.
    pub directory: PathBuf,
    /// Tells two drivers apart that follow each other.
    pub nonce: u64,
}

/// A process, named so that a later one with the same number is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The host's name.
    pub host: String,
    /// The kernel's id of this boot.
    pub boot: String,
    /// The process id.
    pub id: u32,
    /// When it started, in clock ticks since the boot.
    pub start: u64,
}

impl Owner {
    /// This process, in the Slurm job `job` if it is in one.
    pub fn this(job: Option<u64>) -> Owner {
        Owner { process: Process::this(), job, directory: here(), nonce: rand::rng().random() }
    }
}

impl Process {
    /// This process.
    pub fn this() -> Process {
        let id = std::process::id();
        Process { host: host(), boot: boot(), id, start: start(id).unwrap_or(0) }
    }

    /// Whether it still lives; `None` where that cannot be seen from this host.
    pub fn is_alive(&self) -> Option<bool> {
        if self.host != host() {
            return None;
        }
        Some(self.boot == boot() && start(self.id) == Some(self.start))
    }
}

fn here() -> PathBuf {
    // One that has been removed is nowhere to go on from.
    std::env::current_dir().unwrap_or_default()
}

/// This host's name, as `hostname` prints it.
pub fn host() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// How long a process of this host has run, as far as that is told.
pub fn age(process: u32) -> Option<Duration> {
    /// Clock ticks a second, to programs.
    const TICKS: f64 = 100.0;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(uptime - start(process)? as f64 / TICKS).ok()
}

/// Field 22 of `/proc/PID/stat` (proc(5)), counted after the command, which may hold anything.
fn start(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_command = &stat[stat.rfind(')')? + 2..];
    let mut fields = after_command.split(' ');
    if fields.next() == Some("Z") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_earlier_one_of_its_number_is_not() {
        let this = Process::this();
        assert_eq!(this.is_alive(), Some(true));
        assert_eq!(Process { start: this.start - 1, ..this.clone() }.is_alive(), Some(false));
        assert_eq!(Process { host: "elsewhere".to_owned(), ..this }.is_alive(), None);
    }
}
