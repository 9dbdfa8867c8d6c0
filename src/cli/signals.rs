//! Signals that ask for the end.

use crate::error::{Error, ErrorKind, Result};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// INT, TERM and HUP, as they come.
pub(super) fn listen() -> Result<mpsc::Receiver<Error>> {
    let (tell, told) = mpsc::channel(4);
    for (wanted, name) in [(Signal::SIGINT, "INT"), (Signal::SIGTERM, "TERM"), (Signal::SIGHUP, "HUP")] {
        let number = wanted as i32;
        // `nohup squall run ... &` is to outlive its terminal.
        if wanted == Signal::SIGHUP && is_ignored(number) {
            continue;
        }
        let kind = SignalKind::from_raw(number);
        let mut signals = signal(kind).map_err(|error| Error::system("cannot listen to signals", &error))?;
        let tell = tell.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let error =
                    Error::new(ErrorKind::Interrupted(number), format!("interrupted by signal {name}"));
                if tell.send(error).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(told)
}

/// Whether this process was started with the signal ignored: a bit of `SigIgn` in proc(5).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
