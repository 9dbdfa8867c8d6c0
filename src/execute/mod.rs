//! Carrying tasks out: a range of a stage's tasks to one partial, on a fixed set of threads.
//!
//! It knows no sockets and no clock. What a task computes is in its [`Stage`]; which tasks are done by whom
//! is `scheduler`'s business.

mod files;
mod making;
mod source;
mod task;
#[cfg(test)]
mod tests;
mod walk;

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use crate::error::{Error, ErrorKind, Result};
use crate::execute::files::Files;
use crate::execute::task::Computing;
use crate::kernel::Isa;
use crate::kernel::program::Registers;
use crate::plan::{Partial, Stage};

/// Compute threads give way to the threads that talk to the driver ..
const NICENESS: i32 = 5;
/// .. and some to everybody.
const LOWEST: i32 = 19;

/// A fixed set of compute threads, which end when it is dropped.
#[derive(Debug)]
pub struct Executor {
    isa: Isa,
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    /// One work a run; a run waits for all of its own.
    works: Option<mpsc::Sender<Work>>,
    handle: Option<JoinHandle<()>>,
}

/// What a run asks of each thread.
struct Work {
    run: Arc<Run>,
    answer: mpsc::Sender<Result<Partial>>,
}

/// A run in progress, shared by the threads.
struct Run {
    stage: Arc<Stage>,
    isa: Isa,
    next: AtomicU64,
    end: u64,
    stop: Arc<AtomicBool>,
    /// Set when a thread has failed: the others need not go on.
    failed: AtomicBool,
}

/// What a run has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// How many tasks from the start of the range are done.
    pub finished: u64,
    /// The summary of exactly these.
    pub partial: Partial,
}

impl Executor {
    /// Starts the threads, at least one.
    pub fn new(threads: usize, isa: Isa) -> Result<Self> {
        Executor::nice(threads, isa, NICENESS)
    }

    fn nice(threads: usize, isa: Isa, niceness: i32) -> Result<Self> {
        let start = |number| Thread::start(number, niceness);
        Ok(Executor { isa, threads: (0..threads.max(1)).map(start).collect::<Result<_>>()? })
    }

    /// Starts threads of the lowest priority, which compute when nobody else does.
    pub fn lowest(threads: usize) -> Result<Self> {
        Executor::nice(threads, Isa::detect(), LOWEST)
    }

    /// Starts the threads with the fastest form of the kernels that this CPU runs.
    pub fn detect(threads: usize) -> Result<Self> {
        Executor::new(threads, Isa::detect())
    }

    /// Starts the threads with the form of the kernels that has this name; without a name, with the fastest.
    pub fn named(threads: usize, kernel: Option<&str>) -> Result<Self> {
        let Some(name) = kernel else { return Executor::detect(threads) };
        let available = Isa::available();
        let Some(isa) = available.iter().find(|isa| isa.name() == name) else {
            let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
            return Err(Error::refused(format!("no kernels `{name}` run on this CPU"))
                .hint(format!("it runs {}", names.join(", "))));
        };
        Executor::new(threads, *isa)
    }

    /// Which form of the kernels is used.
    pub fn kernel(&self) -> &'static str {
        self.isa.name()
    }

    /// The number of compute threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Does tasks in ascending order until the range is done or `stop` is set, and blocks meanwhile.
    ///
    /// After `stop` the tasks in progress are completed, so that what is done is always a prefix of the range.
    pub fn run(&self, stage: Arc<Stage>, tasks: Range<u64>, stop: Arc<AtomicBool>) -> Result<Finished> {
        if tasks.start > tasks.end || tasks.end > stage.tasks() {
            return Err(Error::new(ErrorKind::Internal, "tasks that the stage does not have")
                .cause(format!("tasks {tasks:?} of {}", stage.tasks())));
        }
        let mut partial = stage.empty_partial();
        let next = AtomicU64::new(tasks.start);
        let failed = AtomicBool::new(false);
        let run = Arc::new(Run { stage, isa: self.isa, next, end: tasks.end, stop, failed });
        let (answer, answers) = mpsc::channel();
        for thread in &self.threads {
            thread.give(Work { run: Arc::clone(&run), answer: answer.clone() })?;
        }
        drop(answer);
        let mut answered = 0;
        let mut failure = None;
        for answer in answers {
            answered += 1;
            match answer.and_then(|other| partial.combine(other)) {
                Ok(()) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None if answered < self.threads.len() => Err(gone()),
            None => {
                let reached = run.next.load(Ordering::Relaxed).min(tasks.end);
                Ok(Finished { finished: reached - tasks.start, partial })
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.works = None;
        }
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take() {
                // A panic of a task was caught and answered; there is nothing left to tell.
                let _ = handle.join();
            }
        }
    }
}

impl Thread {
    fn start(number: usize, niceness: i32) -> Result<Self> {
        let (works, received) = mpsc::channel::<Work>();
        let handle = thread::Builder::new()
            .name(format!("compute {number}"))
            .spawn(move || {
                // Where the system refuses, the thread computes at the priority it has.
                let _ = rustix::process::nice(niceness);
                let mut registers = Registers::default();
                for Work { run, answer } in received {
                    let partial = caught(&run.failed, || run.share(&mut registers));
                    // All that the run shares is given back before it can be seen to have ended.
                    drop(run);
                    let _ = answer.send(partial);
                }
            })
            .map_err(|error| Error::system("failed to start a compute thread", &error))?;
        Ok(Thread { works: Some(works), handle: Some(handle) })
    }

    fn give(&self, work: Work) -> Result<()> {
        self.works.as_ref().and_then(|works| works.send(work).ok()).ok_or_else(gone)
    }
}

impl Run {
    fn share(&self, registers: &mut Registers) -> Result<Partial> {
        let mut partial = self.stage.empty_partial();
        let files = Files::default();
        let mut computing = Computing { stage: &self.stage, isa: self.isa, registers, files };
        while !self.stop.load(Ordering::Relaxed) && !self.failed.load(Ordering::Relaxed) {
            // A task that is taken is completed: that makes the finished ones a prefix.
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= self.end {
                break;
            }
            computing.task(task, &mut partial)?;
        }
        computing.files.sync()?;
        Ok(partial)
    }
}

/// What a thread computes; a panic becomes an error, and after an error the other threads stop.
fn caught(failed: &AtomicBool, share: impl FnOnce() -> Result<Partial>) -> Result<Partial> {
    let shared = catch_unwind(AssertUnwindSafe(share)).unwrap_or_else(|panic| {
        Err(Error::new(ErrorKind::Internal, "a task panicked").cause(words(panic.as_ref())))
    });
    if shared.is_err() {
        failed.store(true, Ordering::Relaxed);
    }
    shared
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "a compute thread has ended")
}
