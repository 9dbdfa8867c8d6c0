//! A receiver on a thread of its own: a terminal that is stopped, or a disk that hangs, stops no run.

use crate::event::{Monitor, RunEvent, Timestamp};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// Events that may wait for the receiver; what comes beyond them is not told.
const WAITING: usize = 16_384;
/// How long the end of a run waits for the receiver to take what it was told.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Passes events on to a receiver that may take its time.
pub struct Apart {
    events: Option<SyncSender<(Timestamp, RunEvent)>>,
    /// Hangs up when the receiver has taken everything.
    done: Receiver<()>,
}

impl Apart {
    /// Puts `monitor` on a thread of its own.
    pub fn new(mut monitor: impl Monitor + 'static) -> Apart {
        let (events, told) = sync_channel::<(Timestamp, RunEvent)>(WAITING);
        let (doing, done) = channel();
        // Where no thread can be had nobody listens, as for a closed terminal.
        let _ = thread::Builder::new().name("monitor".to_owned()).spawn(move || {
            for (at, event) in told {
                monitor.receive(at, &event);
            }
            drop(doing);
        });
        Apart { events: Some(events), done }
    }
}

impl Monitor for Apart {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        if let Some(events) = &self.events {
            let _ = events.try_send((at, event.clone()));
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.events = None;
        match self.done.recv_timeout(LAST_WORDS) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Takes what it is told only while it holds the key.
    struct Slow(Arc<Mutex<Vec<RunEvent>>>);

    impl Monitor for Slow {
        fn receive(&mut self, _: Timestamp, event: &RunEvent) {
            self.0.lock().expect("not poisoned").push(event.clone());
        }
    }

    #[test]
    fn a_receiver_that_hangs_holds_nobody_up() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut apart = Apart::new(Slow(told.clone()));
        let hanging = told.lock().expect("not poisoned");
        for worker in 0..WAITING as u64 + 10 {
            apart.receive(Timestamp::default(), &RunEvent::Returned { worker });
        }
        drop(apart);
        drop(hanging);
    }

    #[test]
    fn everything_is_told_before_the_end() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut apart = Apart::new(Slow(told.clone()));
        for worker in 0..1000 {
            apart.receive(Timestamp::default(), &RunEvent::Returned { worker });
        }
        drop(apart);
        assert_eq!(told.lock().expect("not poisoned").len(), 1000);
    }
}
