//! A core with a clock that is moved by hand, and plans for it.

use squall::array::{Definitions, parse};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::core::{Configuration, Core, Input, Output, Pool};
use squall::error::Error;
use squall::event::Timestamp;
use squall::execute::Executor;
use squall::launch::{Exit, Key, Order, Phase, State};
use squall::plan::{Finished, Partial, Plan, Stage, plan};
use squall::protocol::{FromWorker, Registration, ToWorker};
use squall::store::LocalFiles;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A core with a clock that is moved by hand, and what it wants done.
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) now: Timestamp,
    pub(crate) executor: Executor,
    pub(crate) stage: Option<Arc<Stage>>,
}

/// How long a worker may take to register.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(300);

pub(crate) fn core(workers: u32, minimum_workers: u32, checkpoints_from: Option<Timestamp>) -> Core {
    Core::new(Configuration { checkpoints_from, ..configuration(workers, minimum_workers) })
}

/// Of workers that are not replaced, and as many of which may wait as there are.
fn configuration(workers: u32, minimum_workers: u32) -> Configuration {
    Configuration {
        workers,
        pools: vec![pool(u32::MAX)],
        most_pending: u32::MAX,
        jitter: 0,
        start_timeout: START_TIMEOUT,
        minimum_workers,
        replacements: 0,
        checkpoints_from: None,
    }
}

fn pool(maximum: u32) -> Pool {
    Pool { name: None, maximum, memory: Some(500 << 20) }
}

impl World {
    pub(crate) fn new(workers: u32, minimum: u32) -> World {
        World::of(configuration(workers, minimum))
    }

    fn of(configuration: Configuration) -> World {
        let executor = Executor::detect(1).expect("a thread");
        World { core: Core::new(configuration), now: Timestamp::default(), executor, stage: None }
    }

    /// One that replaces so many of its workers where they are lost.
    pub(crate) fn replacing(workers: u32, replacements: u32) -> World {
        World::of(Configuration { replacements, ..configuration(workers, 1) })
    }

    /// One whose workers are of the pools `a`, `b` and so on, of so many each.
    pub(crate) fn pools(workers: u32, replacements: u32, maxima: &[u32]) -> World {
        let named = |(&maximum, name)| Pool { name: Some(char::to_string(&name)), ..pool(maximum) };
        let pools = maxima.iter().zip('a'..).map(named).collect();
        World::of(Configuration { pools, replacements, ..configuration(workers, 1) })
    }

    /// One that needs so many workers before work begins, and of which no more than so many may wait to be started.
    pub(crate) fn pending(workers: u32, minimum: u32, most_pending: u32) -> World {
        World::of(Configuration { most_pending, ..configuration(workers, minimum) })
    }

    pub(crate) fn tell(&mut self, input: Input) -> Vec<Output> {
        self.now = self.now + Duration::from_millis(1);
        let outputs = self.core.handle(self.now, input);
        for output in &outputs {
            if let Output::Send(_, ToWorker::Stage(stage)) = output {
                self.stage = Some(Arc::new(stage.clone()));
            }
        }
        outputs
    }

    pub(crate) fn register(&mut self, connection: u64, job: u64) -> Vec<Output> {
        self.tell(Input::Registered(ConnectionId(connection), registration(job, 0, &[])))
    }

    /// Does what was leased, all of it, as whichever worker was asked.
    pub(crate) fn answers(&self, outputs: &[Output]) -> Vec<Input> {
        let stage = self.stage.clone().expect("a stage comes before its leases");
        let answered = |output: &Output| {
            let Output::Send(worker, ToWorker::Lease { lease, first, end }) = output else { return None };
            let done = self.executor.run(stage.clone(), *first..*end, Arc::new(AtomicBool::new(false)));
            let done = done.expect("the stage has these tasks");
            Some(Input::Said(*worker, answer(*lease, done.finished, done.partial)))
        };
        outputs.iter().filter_map(answered).collect()
    }

    /// Answers everything until a computation ends.
    pub(crate) fn compute(&mut self, outputs: Vec<Output>) -> Result<Finished, Error> {
        let mut waiting = outputs;
        loop {
            if let Some(position) = waiting.iter().position(|output| matches!(output, Output::Computed(_))) {
                let Output::Computed(result) = waiting.swap_remove(position) else { unreachable!() };
                return result;
            }
            let answers = self.answers(&waiting);
            assert!(!answers.is_empty(), "nothing is computed any more");
            waiting = answers.into_iter().flat_map(|answer| self.tell(answer)).collect();
        }
    }
}

pub(crate) fn registration(job: u64, session: u32, holds: &[u64]) -> Registration {
    Registration {
        host: "node-1".to_owned(),
        process: 7,
        job: Some((job, None)),
        threads: 1,
        kernel: "portable".to_owned(),
        age_milliseconds: 3,
        milliseconds_left: None,
        session,
        holds: holds.to_vec(),
        findings: Default::default(),
    }
}

pub(crate) fn broken() -> Disconnect {
    Disconnect::Broken("connection reset".to_owned())
}

pub(crate) fn mean(size: u64) -> Arc<Plan> {
    let expression = format!("random.normal(size={size}).mean()");
    let results = vec![("mean".to_owned(), expression)];
    let parsed = parse(&Definitions { results, ..Definitions::default() }, &LocalFiles).expect("it parses");
    Arc::new(plan(&parsed.results, &[], 7).expect("it can be planned"))
}

pub(crate) fn ended(job: u64, word: &str, exit: Option<Exit>) -> Input {
    Input::States(vec![State { exit, ..state(job, Phase::Ended, word, "") }])
}

pub(crate) fn seen(job: u64, phase: Phase, word: &str, reason: &str) -> Input {
    Input::States(vec![state(job, phase, word, reason)])
}

fn state(job: u64, phase: Phase, word: &str, reason: &str) -> State {
    let (key, word, reason) = (Key(job.to_string()), word.to_owned(), reason.to_owned());
    State { key, phase, word, reason, exit: None, log: String::new() }
}

pub(crate) fn computed(outputs: &[Output]) -> Option<&Result<Finished, Error>> {
    outputs.iter().find_map(|output| if let Output::Computed(result) = output { Some(result) } else { None })
}

pub(crate) fn orders_end(outputs: &[Output]) -> Option<bool> {
    outputs.iter().find_map(|output| match output {
        Output::Order(Order::End { at_once, .. }) => Some(*at_once),
        _ => None,
    })
}

/// An answer of a worker that took a second for it.
pub(crate) fn answer(lease: u64, finished: u64, partial: Partial) -> FromWorker {
    FromWorker::Answer { lease, finished, microseconds: 1_000_000, partial, peak_memory: 1 }
}
