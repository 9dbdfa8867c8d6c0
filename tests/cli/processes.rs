//! Processes of this machine, looked at from outside.

use std::fs;
use std::time::Duration;

use nix::unistd::Pid;

use crate::support::{Place, until};

/// How long a process that has been killed may still be listed.
const REAPED: Duration = Duration::from_secs(5);

/// The processes that work for a run of this place: its path is their argument. One that has ended and was not
/// waited for has no arguments any more, and does not count.
pub(crate) fn processes_of(place: &Place) -> Vec<Pid> {
    let path = place.directory().join(".squall");
    let path = path.to_str().expect("temporary paths are ASCII");
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let works = |number: &i32| {
        let arguments = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(path)
    };
    numbers.filter(works).map(Pid::from_raw).collect()
}

/// Fails unless no process works for a run of this place any more.
pub(crate) fn assert_no_process_of(place: &Place) {
    assert_none_within(place, REAPED);
}

/// Waits so long until no process works for a run of this place any more.
pub(crate) fn assert_none_within(place: &Place, limit: Duration) {
    let none = || processes_of(place).is_empty().then_some(());
    until("no process is left", limit, none, || format!("{:?}", processes_of(place)));
}

/// A figure of `/proc/PID/status` in bytes, such as `VmRSS`.
pub(crate) fn memory(process: Pid, figure: &str) -> u64 {
    memory_of_living(process, figure).expect("the process is there")
}

/// The same, unless the process has ended.
pub(crate) fn memory_of_living(process: Pid, figure: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
    let kibibytes = line?.trim().strip_suffix(" kB").expect("in kB");
    Some(kibibytes.parse::<u64>().expect("a number") * 1024)
}
