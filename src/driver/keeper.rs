//! Writes checkpoints down, on a thread of its own: a disk that is full, slow or gone holds up no heartbeat.

use crate::driver::core::{Input, superseded};
use crate::error::{Error, Result};
use crate::run::{RunDirectory, Written};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;

/// Where a run's checkpoints go.
pub struct Checkpoints {
    /// They are made from this long after the start of the run.
    pub from: Duration,
    /// Whether the run directory is there already: none is made for a last one alone.
    pub made: bool,
    /// Whether they are removed in the end; else whoever takes the results does that.
    pub removed: bool,
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
    /// The last one. Who waits is told when it is written, or cannot be.
    Last(Vec<u8>, oneshot::Sender<Written>),
    /// The run needs none any more.
    Remove,
}

/// The handle of the thread.
pub(super) struct Keeper {
    requests: Sender<Request>,
    ended: Receiver<()>,
    kept: Kept,
    removed: bool,
}

impl Keeper {
    /// Starts the thread; what comes of each checkpoint goes to `inputs`.
    pub(super) fn start(
        checkpoints: Checkpoints,
        inputs: tokio::sync::mpsc::Sender<Input>,
    ) -> Result<Keeper> {
        let (requests, received) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (kept, removed) = (checkpoints.kept.clone(), checkpoints.removed);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        let spawned = thread.spawn(move || {
            keep(checkpoints, &received, &inputs);
            // Whoever waits sees that this end is gone.
            drop(end);
        });
        spawned.map_err(|error| Error::system("cannot start a thread for checkpoints", &error))?;
        Ok(Keeper { requests, ended, kept, removed })
    }

    /// Has it written. At most one is under way: the core waits for the answer.
    pub(super) fn write(&self, content: Vec<u8>) {
        // A thread that has ended has said why.
        let _ = self.requests.send(Request::Write(content));
    }

    /// Has the last one written. What is returned waits for that, but not for long: a disk may hang.
    pub(super) fn write_last(&self, content: Vec<u8>) -> impl Future<Output = Result<()>> + use<> {
        let (done, written) = oneshot::channel();
        let _ = self.requests.send(Request::Last(content, done));
        async {
            match tokio::time::timeout(PATIENCE, written).await {
                Ok(Ok(Written::Superseded(by))) => Err(superseded(by)),
                _ => Ok(()),
            }
        }
    }

    /// Waits for what is under way, but not for long: a write that hangs ends with the process. Returns the run
    /// directory if the thread made one.
    pub(super) fn finish(self, unneeded: bool) -> Option<RunDirectory> {
        let Keeper { requests, ended, kept, removed } = self;
        if unneeded && removed {
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
    let Checkpoints { mut open, kept, made, .. } = checkpoints;
    let mut owned: Option<Owned> = None;
    let mut write = |content: &[u8], last: bool| {
        if last && !made && owned.is_none() {
            return Ok(None);
        }
        let (directory, nonce) = match &owned {
            Some(owned) => owned,
            None => owned.insert(open()?),
        };
        let written = directory.write_checkpoint(*nonce, content)?;
        if written == Written::Kept {
            let _ = kept.set(directory.clone());
        }
        Ok(Some(written))
    };
    for request in received {
        match request {
            Request::Write(content) => {
                let Some(written) = write(&content, false).transpose() else { continue };
                if inputs.blocking_send(Input::Checkpointed(written)).is_err() {
                    return;
                }
            }
            Request::Last(content, done) => {
                match write(&content, true) {
                    // Whoever waits may be gone.
                    Ok(written) => drop(written.map(|written| done.send(written))),
                    Err(error) => drop(inputs.blocking_send(Input::Checkpointed(Err(error)))),
                }
            }
            // Those of an earlier driver too, where this one came to the end before its first.
            Request::Remove => kept.get().into_iter().for_each(RunDirectory::remove_checkpoints),
        }
    }
}
