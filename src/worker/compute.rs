//! The leases a worker holds: one is computed, the next one waits, and each is answered once.

use crate::error::ErrorKind;
use crate::execute::Executor;
use crate::plan::{Partial, Stage};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Tasks to do, and where the answer goes.
pub(super) struct Lease {
    pub(super) id: u64,
    pub(super) stage: Arc<Stage>,
    pub(super) tasks: Range<u64>,
    /// Unbounded, because it carries one answer for each lease, and the driver gives few.
    pub(super) answers: UnboundedSender<Answer>,
}

/// The first tasks of a lease, done; or why they cannot be.
pub(super) struct Answer {
    pub(super) id: u64,
    pub(super) done: Result<(u64, Partial), Failure>,
    /// How long it was computed.
    pub(super) took: Duration,
}

/// Answers on their way from the compute threads to the driver; they outlive a connection.
pub(super) struct Answers {
    sender: UnboundedSender<Answer>,
    receiver: UnboundedReceiver<Answer>,
    unsent: VecDeque<Answer>,
}

impl Answers {
    pub(super) fn new() -> Answers {
        let (sender, receiver) = unbounded_channel();
        Answers { sender, receiver, unsent: VecDeque::new() }
    }

    /// Where leases are to be answered.
    pub(super) fn sender(&self) -> UnboundedSender<Answer> {
        self.sender.clone()
    }

    /// The leases of which there is an answer that was not taken yet.
    pub(super) fn unsent(&mut self) -> impl Iterator<Item = u64> {
        while let Ok(answer) = self.receiver.try_recv() {
            self.unsent.push_back(answer);
        }
        self.unsent.iter().map(|answer| answer.id)
    }

    /// The next answer, once there is one.
    pub(super) async fn next(&mut self) -> Answer {
        match self.unsent.pop_front() {
            Some(answer) => answer,
            None => self.receiver.recv().await.expect("this holds a sender of its own"),
        }
    }
}

/// Why tasks cannot be done.
pub(super) struct Failure {
    pub(super) cause: String,
    /// Whether squall is to blame.
    pub(super) defect: bool,
}

/// The leases of one worker, computed one after the other by a thread of their own.
pub(super) struct LeaseQueue {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Lease>,
    /// The lease that is computed, and the flag that stops it early.
    current: Option<(u64, Arc<AtomicBool>)>,
    closed: bool,
}

impl LeaseQueue {
    pub(super) fn start(executor: Executor) -> LeaseQueue {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("leases".to_owned()).spawn({
            let shared = shared.clone();
            move || shared.compute(&executor)
        });
        LeaseQueue { shared, thread: Some(thread.expect("a thread can be started")) }
    }

    pub(super) fn push(&self, lease: Lease) {
        self.shared.lock().waiting.push_back(lease);
        self.shared.changed.notify_one();
    }

    /// Has the lease answered now, with the tasks that are done.
    pub(super) fn hand_in(&self, id: u64) {
        let mut state = self.shared.lock();
        if let Some(position) = state.waiting.iter().position(|lease| lease.id == id) {
            let lease = state.waiting.remove(position).expect("just found");
            lease.answer(Ok((0, lease.stage.empty_partial())), Duration::ZERO);
        } else if let Some((_, stop)) = state.current.as_ref().filter(|(current, _)| *current == id) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    /// The leases that are not answered yet.
    pub(super) fn held(&self) -> Vec<u64> {
        let state = self.shared.lock();
        let current = state.current.iter().map(|(id, _)| *id);
        current.chain(state.waiting.iter().map(|lease| lease.id)).collect()
    }

    /// Drops everything: nobody waits for the answers any more.
    pub(super) fn clear(&self) {
        let mut state = self.shared.lock();
        state.waiting.clear();
        if let Some((_, stop)) = &state.current {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for LeaseQueue {
    fn drop(&mut self) {
        self.clear();
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot panic: `Executor::run` catches what a kernel may do.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn compute(&self, executor: &Executor) {
        while let Some((lease, stop)) = self.next() {
            let start = Instant::now();
            let done = executor.run(lease.stage.clone(), lease.tasks.clone(), stop);
            // It is answered before it is no longer held: at no moment is it neither.
            let done = done.map(|done| (done.finished, done.partial)).map_err(|error| Failure {
                defect: error.kind() == ErrorKind::Internal,
                cause: error.to_string(),
            });
            lease.answer(done, start.elapsed());
            self.lock().current = None;
        }
    }

    /// The next lease, once there is one; `None` at the end.
    fn next(&self) -> Option<(Lease, Arc<AtomicBool>)> {
        let waits = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), waits).expect("no holder of the lock panics");
        let lease = state.waiting.pop_front()?;
        let stop = Arc::new(AtomicBool::new(false));
        state.current = Some((lease.id, stop.clone()));
        Some((lease, stop))
    }
}

impl Lease {
    fn answer(&self, done: Result<(u64, Partial), Failure>, took: Duration) {
        // A worker that has ended no longer listens.
        let _ = self.answers.send(Answer { id: self.id, done, took });
    }
}
