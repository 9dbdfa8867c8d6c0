//! Signals that ask for the end.

use crate::error::{Error, ErrorKind, Result};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// INT, TERM and HUP, as they come.
pub(super) fn listen() -> Result<mpsc::Receiver<Error>> {
    let (tell, told) = mpsc::channel(4);
    for (number, name) in [(Signal::SIGINT, "INT"), (Signal::SIGTERM, "TERM"), (Signal::SIGHUP, "HUP")] {
        let number = number as i32;
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
