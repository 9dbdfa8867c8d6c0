//! Writes checkpoints down, on a thread of its own: a disk that is full, slow or gone holds up no heartbeat.

use crate::driver::core::Input;
use crate::error::{Error, Result};
use crate::run::{RunDirectory, Written};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Where a run's checkpoints go.
pub struct Checkpoints {
    /// They are made from this long after the start of the run.
    pub from: Duration,
    /// Finds, or makes, the run directory when the first one is to be written.
    pub open: Open,
    /// Told of the directory once the run can be gone on with.
    pub kept: Kept,
}

/// Finds or makes a run directory.
pub(super) type Open = Box<dyn FnMut() -> Result<Owned> + Send>;

/// A run directory, and the nonce of the driver that has it.
pub type Owned = (RunDirectory, u64);

/// Where a run can be gone on from, once it can.
pub type Kept = Arc<OnceLock<RunDirectory>>;

/// What the thread is asked for.
enum Request {
    Write(Vec<u8>),
    /// The run needs none any more.
    Remove,
}

/// The handle of the thread.
pub(super) struct Keeper {
    requests: Sender<Request>,
    ended: Receiver<()>,
    kept: Kept,
}

impl Keeper {
    /// Starts the thread; what comes of each checkpoint goes to `inputs`.
    pub(super) fn start(
        checkpoints: Checkpoints,
        inputs: tokio::sync::mpsc::Sender<Input>,
    ) -> Result<Keeper> {
        let (requests, received) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let kept = checkpoints.kept.clone();
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        let spawned = thread.spawn(move || {
            keep(checkpoints, &received, &inputs);
            // Whoever waits sees that this end is gone.
            drop(end);
        });
        spawned.map_err(|error| Error::system("cannot start a thread for checkpoints", &error))?;
        Ok(Keeper { requests, ended, kept })
    }

    /// Has it written. At most one is under way: the core waits for the answer.
    pub(super) fn write(&self, content: Vec<u8>) {
        // A thread that has ended has said why.
        let _ = self.requests.send(Request::Write(content));
    }

    /// Waits for what is under way, but not for long: a write that hangs ends with the process. Returns the run
    /// directory if the thread made one.
    pub(super) fn finish(self, remove: bool) -> Option<RunDirectory> {
        let Keeper { requests, ended, kept } = self;
        if remove {
            let _ = requests.send(Request::Remove);
        }
        drop(requests);
        let _ = ended.recv_timeout(PATIENCE);
        kept.get().cloned()
    }
}

/// How long to wait for what is under way in the end.
const PATIENCE: Duration = Duration::from_secs(2);

fn keep(checkpoints: Checkpoints, received: &Receiver<Request>, inputs: &tokio::sync::mpsc::Sender<Input>) {
    let Checkpoints { mut open, kept, .. } = checkpoints;
    let mut owned: Option<Owned> = None;
    for request in received {
        match request {
            Request::Write(content) => {
                let written = write(&mut owned, &mut open, &content);
                if let (Ok(Written::Kept), Some((directory, _))) = (&written, &owned) {
                    let _ = kept.set(directory.clone());
                }
                if inputs.blocking_send(Input::Checkpointed(written)).is_err() {
                    return;
                }
            }
            // Those of an earlier driver too, where this one came to the end before its first.
            Request::Remove => kept.get().into_iter().for_each(RunDirectory::remove_checkpoints),
        }
    }
}

fn write(owned: &mut Option<Owned>, open: &mut Open, content: &[u8]) -> Result<Written> {
    let (directory, nonce) = match owned {
        Some(owned) => owned,
        None => owned.insert(open()?),
    };
    directory.write_checkpoint(*nonce, content)
}
