//! What the simulated runs compute: small plans, their results without any fault, and what a worker's tasks come
//! to. Tasks are computed by the production's executor, each once for all seeds.

use rand::RngExt;
use rand::rngs::StdRng;
use squall::array::{Definitions, parse};
use squall::codec;
use squall::execute::Executor;
use squall::plan::{Finished, Group, Partial, Plan, Stage, plan};
use squall::store::LocalFiles;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes of anything here at most.
const LIMIT: u64 = 1 << 24;

/// A plan, and what it comes to where nothing goes wrong.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) plan: Arc<Plan>,
    /// What all stages have made, as bytes.
    pub(crate) oracle: Vec<u8>,
    /// The tasks of each stage.
    pub(crate) tasks: Vec<u64>,
    /// Bytes of a checkpoint at most.
    pub(crate) checkpoint: usize,
}

/// The cases, and what their tasks come to.
pub(crate) struct Works {
    pub(crate) cases: Vec<Case>,
    executor: Executor,
    stages: RefCell<BTreeMap<Vec<u8>, usize>>,
    known: RefCell<Vec<Known>>,
}

/// A stage as a worker was sent it, and its tasks as far as they were ever asked for.
struct Known {
    stage: Arc<Stage>,
    tasks: BTreeMap<u64, Partial>,
}

/// Name, arrays and results of a case.
type Text = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// The last one is large, since only many outputs are cut into panels, and therefore rare.
const TEXTS: [Text; 6] = [
    ("mean", &[], &["random.normal(size=40000, chunks=1000).mean()"]),
    ("deviation", &[("x", "random.random(20000, chunks=400)")], &["x.std()", "x.min()"]),
    (
        "axis",
        &[("x", "random.normal(size=(60, 300), chunks=(20, 10))")],
        &["x.mean(axis=0)", "x.max(axis=1)"],
    ),
    ("median", &[], &["median(random.normal(size=12000, chunks=500))"]),
    (
        "stages",
        &[("x", "random.normal(size=(600, 10), chunks=200)"), ("z", "(x - x.mean(axis=0)) / x.std()")],
        &["z.max()", "z[::50, 0]"],
    ),
    ("panels", &[], &["random.random((2, 30000), chunks=(1, 3000)).std(axis=0)"]),
];

impl Works {
    pub(crate) fn new() -> Works {
        let executor = Executor::detect(1).expect("a thread");
        let cases =
            TEXTS.iter().map(|(name, arrays, results)| case(&executor, name, arrays, results)).collect();
        Works { cases, executor, stages: RefCell::default(), known: RefCell::default() }
    }

    /// Which case a world is of.
    pub(crate) fn draw(&self, rng: &mut StdRng) -> usize {
        let rare = self.cases.len() - 1;
        if rng.random_bool(0.005) { rare } else { rng.random_range(0..rare) }
    }

    /// The number of a stage that was decoded from these bytes.
    pub(crate) fn stage(&self, bytes: &[u8], stage: Stage) -> usize {
        if let Some(&number) = self.stages.borrow().get(bytes) {
            return number;
        }
        stage.validate().expect("a stage is sound");
        let number = self.known.borrow().len();
        self.known.borrow_mut().push(Known { stage: Arc::new(stage), tasks: BTreeMap::new() });
        self.stages.borrow_mut().insert(bytes.to_vec(), number);
        number
    }

    /// How many tasks a stage has.
    pub(crate) fn tasks(&self, stage: usize) -> u64 {
        self.known.borrow()[stage].stage.tasks()
    }

    /// What tasks of a stage come to.
    pub(crate) fn partial(&self, stage: usize, first: u64, end: u64) -> Partial {
        let known = &mut self.known.borrow_mut()[stage];
        let mut partial = known.stage.empty_partial();
        for task in first..end {
            let stage = &known.stage;
            let one =
                known.tasks.entry(task).or_insert_with(|| execute(&self.executor, stage, task, task + 1));
            partial.combine(one.clone()).expect("of the same stage");
        }
        partial
    }
}

fn execute(executor: &Executor, stage: &Arc<Stage>, first: u64, end: u64) -> Partial {
    let done = executor.run(stage.clone(), first..end, Arc::new(AtomicBool::new(false)));
    done.expect("the stage has these tasks").partial
}

/// All that stages have made, as bytes: equal bytes are equal bits.
pub(crate) fn bits(finished: &Finished) -> Vec<u8> {
    codec::encode(finished, LIMIT).expect("it is small")
}

fn case(executor: &Executor, name: &'static str, arrays: &[(&str, &str)], results: &[&str]) -> Case {
    let arrays = arrays.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let results = results.iter().enumerate().map(|(number, text)| (format!("r{number}"), (*text).to_owned()));
    let definitions = Definitions { arrays, results: results.collect(), ..Definitions::default() };
    let parsed = parse(&definitions, &LocalFiles).expect("it parses");
    let plan = Arc::new(plan(&parsed.results, &[], 7).expect("it can be planned"));
    let mut finished = Finished::default();
    let (mut tasks, mut largest) = (Vec::new(), 0);
    for _ in 0..plan.stages() {
        let mut running = plan.begin(&finished).expect("it begins");
        let stage = Arc::new(running.stage().clone());
        let partial = execute(executor, &stage, 0, stage.tasks());
        let panels =
            |group: &Group| group.sinks.iter().any(|sink| sink.widths.iter().any(|&width| width > 0));
        assert_eq!(stage.groups().iter().any(panels), name == "panels", "{name}");
        largest = largest.max(codec::encode(&partial, LIMIT).expect("it is small").len());
        if stage.tasks() > 0 {
            running.combine(&plan, 0..stage.tasks(), partial).expect("all of its tasks");
        }
        running.finish(&plan, &mut finished).expect("it ends");
        tasks.push(stage.tasks());
    }
    plan.finish(&finished).expect("all stages are finished");
    let oracle = bits(&finished);
    // What is done, what is gathered, and the ends of every other task; the rest is words about the plan.
    let most = tasks.iter().max().copied().unwrap_or(0) as usize;
    let checkpoint = 2 * oracle.len() + 2 * largest + 20 * most + 4096;
    Case { name, plan, oracle, tasks, checkpoint }
}
