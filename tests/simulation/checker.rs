//! Judges from outside: it knows what drivers tell and send, what is on the disk, and what must hold.

use squall::driver::checkpoint::Checkpoint;
use squall::driver::core::Output;
use squall::error::{Error, ErrorKind};
use squall::event::RunEvent;
use squall::launch::{Key, Order};
use squall::protocol::ToWorker;
use squall::scheduler::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Leases of a worker that may count at a time.
const LEASES: usize = 2;
/// How often tasks fail until they are given up.
const FAULTS: u32 = 3;

/// What is so, whatever a driver believes.
pub(crate) struct Truth {
    /// How many workers there are follows the work.
    pub(crate) adapts: bool,
    pub(crate) expected: u32,
    pub(crate) minimum: u32,
    /// The jobs of which the launcher has told that they have ended.
    pub(crate) ended: BTreeSet<String>,
    /// Those whose process is there.
    pub(crate) alive: BTreeSet<String>,
    pub(crate) rejected: bool,
    pub(crate) interrupted: bool,
    pub(crate) superseded: bool,
    /// How often tasks may have been at fault.
    pub(crate) faults: u32,
}

/// What is known of one driver.
#[derive(Default)]
struct Book {
    stage: Option<u64>,
    counted: Vec<bool>,
    /// What the checkpoint that it goes on from says of the stage that it begins with.
    before: Option<(u64, Vec<Range<u64>>)>,
    /// Leases that may still count: whose, and which tasks.
    live: BTreeMap<u64, (u64, Range<u64>)>,
    /// Those that may not any more.
    dead: BTreeSet<u64>,
    /// The keys of workers, and those that are connected.
    keys: BTreeMap<u64, String>,
    connected: BTreeSet<u64>,
    begun: bool,
    computed: bool,
    closing: bool,
    ordered: bool,
}

pub(crate) struct Checker {
    tasks: Vec<u64>,
    checkpoint: usize,
    books: Vec<Book>,
    /// The checkpoint that was told to be on the disk last, and those that may be there instead.
    kept: Option<Vec<u8>>,
    perhaps: Vec<Vec<u8>>,
    /// Whether one was written by a driver that did not know of the next.
    raced: bool,
    /// Whether a driver has removed them because it had come to the end.
    finished: bool,
    pub(crate) outgoing: usize,
}

impl Checker {
    pub(crate) fn new(tasks: Vec<u64>, checkpoint: usize) -> Checker {
        Checker {
            tasks,
            checkpoint,
            books: Vec::new(),
            kept: None,
            perhaps: Vec::new(),
            raced: false,
            finished: false,
            outgoing: 0,
        }
    }

    /// A driver begins with what the disk holds.
    pub(crate) fn begins(&mut self, content: Option<&[u8]>, checkpoint: Option<&Checkpoint>) {
        if let Some(kept) = self.kept.as_deref().filter(|_| !self.raced) {
            let there = content.is_some_and(|content| {
                content == kept || self.perhaps.iter().any(|perhaps| perhaps == content)
            });
            assert!(there, "a checkpoint that was told to be kept is not there");
        }
        let mut book = Book::default();
        if let Some(checkpoint) = checkpoint {
            let tasks = checkpoint.running.as_ref().map(|counted| counted.tasks.clone());
            book.before = Some((checkpoint.finished.stages() as u64, tasks.unwrap_or_default()));
        }
        self.books.push(book);
    }

    /// A checkpoint was told to be on the disk.
    pub(crate) fn kept(&mut self, content: Vec<u8>, nonce: u64, owner: u64, raced: bool) {
        assert!(nonce == owner || raced, "a driver that was replaced writes a checkpoint");
        self.raced |= raced;
        self.perhaps.clear();
        self.kept = Some(content);
    }

    /// A write was under way when its driver died.
    pub(crate) fn torn(&mut self, content: Vec<u8>) {
        self.perhaps.push(content);
    }

    /// So many messages wait to be sent to a worker.
    pub(crate) fn outgoing(&mut self, waiting: usize) {
        self.outgoing = self.outgoing.max(waiting);
    }

    pub(crate) fn closes(&mut self, life: usize) {
        self.books[life].closing = true;
    }

    /// A driver wants something done.
    pub(crate) fn output(&mut self, life: usize, output: &Output) {
        match output {
            Output::Tell(event) => self.told(life, event),
            Output::Record(event) => self.books[life].scheduled(event),
            Output::Send(_, ToWorker::Lease { lease, .. }) => {
                let book = &self.books[life];
                assert!(!book.closing && !book.computed, "lease {lease} is given out after the end");
                assert!(book.live.contains_key(lease), "lease {lease} is sent but not told of");
            }
            Output::Checkpoint(content) | Output::Last(content) => self.written(life, content),
            Output::Order(Order::End { .. }) => self.ordered(life),
            Output::Computed(_) => {
                let book = &mut self.books[life];
                assert!(!book.computed, "one computation, two ends");
                book.computed = true;
                book.live.clear();
            }
            _ => {}
        }
    }

    fn ordered(&mut self, life: usize) {
        let book = &mut self.books[life];
        assert!(book.closing, "the workers are ended before the end");
        book.ordered = true;
    }

    fn told(&mut self, life: usize, event: &RunEvent) {
        let book = &mut self.books[life];
        match event {
            RunEvent::Registered { worker, job, .. } => {
                assert!(book.keys.insert(*worker, job.clone()).is_none(), "a number is used twice");
                book.connected.insert(*worker);
            }
            // It keeps what it holds.
            RunEvent::Away { worker, .. } => drop(book.connected.remove(worker)),
            RunEvent::Returned { worker } => drop(book.connected.insert(*worker)),
            RunEvent::Left { worker, .. } | RunEvent::Lost { worker, .. } => {
                book.connected.remove(worker);
                book.forget(|_, (holder, _)| holder == worker);
            }
            RunEvent::Stage { stage, tasks, .. } => {
                assert_eq!(*tasks, self.tasks[*stage as usize], "the stage is another one");
                book.stage(*stage, *tasks);
            }
            RunEvent::Leased { lease, worker, first, end } => book.leased(*lease, *worker, *first..*end),
            RunEvent::Answered { lease, worker, finished, counted: true } => {
                book.counted(*lease, *worker, *finished);
            }
            RunEvent::StageDone { .. } => {
                assert!(book.counted.iter().all(|&counted| counted), "done, but not every task is counted");
                assert!(book.live.is_empty(), "done, but leases are alive");
            }
            _ => {}
        }
    }

    /// What a checkpoint says is what was counted, and no more bytes than that takes.
    fn written(&mut self, life: usize, content: &[u8]) {
        assert!(content.len() <= self.checkpoint, "a checkpoint of {} bytes", content.len());
        let checkpoint = Checkpoint::decode(content).expect("it was just encoded");
        let Some(counted) = checkpoint.running else { return };
        let book = &self.books[life];
        let mut tasks = vec![false; book.counted.len()];
        for task in counted.tasks.into_iter().flatten() {
            tasks[task as usize] = true;
        }
        assert_eq!(tasks, book.counted, "the checkpoint has other tasks than were counted");
    }

    pub(crate) fn finished(&mut self, right: bool, name: &str) {
        assert!(right, "the results of `{name}` are not those of an undisturbed run");
        self.finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// What an error says has to be so.
    pub(crate) fn failed(&mut self, life: usize, error: &Error, truth: &Truth) {
        let book = &self.books[life];
        let is_true = match error.kind() {
            ErrorKind::Interrupted(_) => truth.interrupted,
            ErrorKind::Slurm => truth.rejected,
            ErrorKind::Refused => truth.superseded,
            ErrorKind::System => truth.faults >= FAULTS,
            ErrorKind::Workers if error.to_string().contains("have failed") => truth.faults >= FAULTS,
            ErrorKind::Workers if truth.adapts => !truth.ended.is_empty(),
            ErrorKind::Workers => {
                let connected = book.connected.iter().map(|worker| &book.keys[worker]);
                let there: BTreeSet<&String> = connected.filter(|key| truth.alive.contains(*key)).collect();
                let gone = truth.ended.iter().filter(|key| !there.contains(key)).count();
                let strangers = there.len().saturating_sub(truth.expected as usize);
                let possible = truth.expected as usize + strangers - gone;
                possible < if book.begun { 1 } else { truth.minimum as usize }
            }
            _ => false,
        };
        assert!(is_true, "this is not so: {error:?}");
    }

    /// The launcher has ended everything but what has left, or leaves a line to type.
    pub(crate) fn gone(&mut self, life: usize, line: Option<&str>, forgotten: Option<&Key>) {
        assert!(self.books[life].ordered, "ended, and nobody asked for it");
        assert!(line.is_some() || forgotten.is_none(), "job {forgotten:?} is neither ended nor named");
    }

    pub(crate) fn check_the_end(&self) {
        assert!(self.outgoing <= 64, "{} messages wait for a worker", self.outgoing);
    }
}

impl Book {
    fn stage(&mut self, stage: u64, tasks: u64) {
        assert!(self.stage.is_none_or(|before| before + 1 == stage), "stages follow each other");
        self.stage = Some(stage);
        self.counted = vec![false; tasks as usize];
        if let Some((_, before)) = self.before.take().filter(|(begins, _)| *begins == stage) {
            for task in before.into_iter().flatten() {
                self.counted[task as usize] = true;
            }
        }
    }

    /// What the scheduler is told says which leases a worker has lost on the way, or could not do.
    fn scheduled(&mut self, event: &Event) {
        match event {
            Event::Returned { worker, holds } => {
                let holds = |lease: &u64| holds.iter().any(|held| held.0 == *lease);
                self.forget(|lease, (holder, _)| *holder == worker.0 && !holds(lease));
            }
            Event::Failed { worker, lease } => {
                self.forget(|id, (holder, _)| *id == lease.0 && *holder == worker.0);
            }
            _ => {}
        }
    }

    fn leased(&mut self, lease: u64, worker: u64, tasks: Range<u64>) {
        assert!(!self.dead.contains(&lease), "lease {lease} was used before");
        assert!(self.connected.contains(&worker), "a lease for nobody");
        assert!(tasks.start < tasks.end && tasks.end <= self.counted.len() as u64);
        for task in tasks.clone() {
            assert!(!self.counted[task as usize], "task {task} is leased and counted");
        }
        let other = |(_, held): &&(u64, Range<u64>)| held.start < tasks.end && tasks.start < held.end;
        let twins: Vec<_> = self.live.values().filter(other).collect();
        assert!(
            twins.len() < LEASES && twins.iter().all(|(holder, held)| *held == tasks && *holder != worker)
        );
        assert!(self.live.insert(lease, (worker, tasks)).is_none(), "lease {lease} was used before");
        let held = self.live.values().filter(|(holder, _)| *holder == worker).count();
        assert!(held <= LEASES, "worker {worker} holds {held} leases");
        self.begun = true;
    }

    fn counted(&mut self, lease: u64, worker: u64, finished: u64) {
        let (holder, tasks) = self.live.get(&lease).cloned().expect("an answer counts only while it may");
        assert_eq!(holder, worker, "the answer is another worker's");
        assert!(tasks.start + finished <= tasks.end, "more is answered than was given");
        for task in tasks.start..tasks.start + finished {
            let counted = &mut self.counted[task as usize];
            assert!(!std::mem::replace(counted, true), "task {task} is counted twice");
        }
        self.forget(|_, (_, held)| *held == tasks);
    }

    fn forget(&mut self, dies: impl Fn(&u64, &(u64, Range<u64>)) -> bool) {
        let dead = &mut self.dead;
        self.live.retain(|lease, held| {
            let dies = dies(lease, held);
            if dies {
                dead.insert(*lease);
            }
            !dies
        });
    }
}
