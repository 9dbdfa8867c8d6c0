//! What driver and workers say to each other, and what a driver writes down for the next one: frames, stages,
//! partials that are combined and finished, checkpoints that are gone on from.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use squall::array::{Definitions, parse};
use squall::codec;
use squall::driver::ConnectionId;
use squall::driver::checkpoint::Checkpoint;
use squall::driver::core::{Configuration, Core, Input, Output, Pool};
use squall::event::Timestamp;
use squall::execute::Executor;
use squall::plan::{Finished, Gather, GatherKind, Partial, Plan, plan};
use squall::protocol::{Findings, FromWorker, MAX_PARTIAL, Registration, ToWorker, split};
use squall::run::Written;
use squall::store::LocalFiles;

use crate::{Decoder, judged};

const MEBIBYTE: usize = 1 << 20;
/// What a byte of a frame may become in memory: an accumulator that nothing was added to is a byte or three.
const AMPLIFIED: usize = 256;

/// Results of every kind of accumulator, in one stage or several.
const RESULTS: [&str; 14] = [
    "x.mean()",
    "x.var(axis=0)",
    "i.sum(axis=1)",
    "i.std()",
    "(i > 3).sum()",
    "(x * 0.001 + 1).prod()",
    "(i % 3 + 1).prod(axis=0)",
    "x.min(axis=1)",
    "i.max()",
    "x.argmax(axis=0)",
    "i.argmin()",
    "histogram(x, bins=7, range=(-3, 3))[0]",
    "x[::3, 1]",
    "i[5]",
];

fn planned(results: &[&str]) -> Arc<Plan> {
    let array = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let arrays = vec![
        array("x", "random.normal(size=(60, 50))"),
        array("i", "arange(3000).reshape(60, 50) % 9"),
        array("long", "random.normal(size=3_000_000)"),
        array("wide", "random.normal(size=(60, 50_000))"),
    ];
    let results =
        results.iter().enumerate().map(|(number, text)| array(&format!("r{number}"), text)).collect();
    let parsed =
        parse(&Definitions { arrays, results, ..Definitions::default() }, &LocalFiles).expect("it parses");
    Arc::new(plan(&parsed.results, &[], 7).expect("it can be planned"))
}

/// The partial of all tasks of the stage that comes next.
fn computed(executor: &Executor, plan: &Plan, finished: &Finished) -> Partial {
    let stage = Arc::new(plan.begin(finished).expect("it begins").stage().clone());
    let tasks = stage.tasks();
    executor.run(stage, 0..tasks, Arc::new(AtomicBool::new(false))).expect("it can be computed").partial
}

/// What a future that waits for nothing comes to.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits for more than there is"),
    }
}

/// Messages as they travel.
fn frames<M: serde::Serialize + serde::de::DeserializeOwned>(messages: &[M]) -> Vec<u8> {
    let (here, mut there) = tokio::io::duplex(16 * MEBIBYTE);
    let (mut sender, _) = split::<M, M>(Box::new(here));
    messages.iter().for_each(|message| at_once(sender.send(message)).expect("sent"));
    at_once(sender.shutdown()).expect("ended");
    let mut bytes = Vec::new();
    at_once(tokio::io::AsyncReadExt::read_to_end(&mut there, &mut bytes)).expect("read");
    bytes
}

/// What is received of these bytes; none where they break off, or are no messages.
fn received<M: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) -> Option<Vec<M>> {
    let stream = tokio::io::join(std::io::Cursor::new(bytes.to_vec()), tokio::io::sink());
    let (_sender, mut receiver) = split::<M, M>(Box::new(stream));
    let mut messages = Vec::new();
    while let Some(message) = at_once(receiver.receive()).ok()? {
        messages.push(message);
    }
    Some(messages)
}

#[test]
fn changed_messages_of_workers_are_read_or_refused() {
    let executor = Executor::detect(1).expect("a thread");
    let job = Some((57, Some(3)));
    let (host, kernel) = ("node-1".to_owned(), "avx2".to_owned());
    let registration = Registration {
        host,
        process: 7,
        job,
        threads: 4,
        kernel,
        age_milliseconds: 300,
        milliseconds_left: None,
        session: 0,
        holds: Vec::new(),
        findings: Findings {
            found: vec!["asked for 2 CPUs, may use 2 by its affinity mask".to_owned()],
            warnings: vec!["asked for 8 CPUs, may use 2 by its affinity mask".to_owned()],
            clock_milliseconds: 1_700_000_000_000,
        },
    };
    let answers = RESULTS.iter().map(|result| {
        let partial = computed(&executor, &planned(&[result]), &Finished::default());
        FromWorker::Answer { lease: 300, finished: 1, microseconds: 1_234_567, partial, peak_memory: 1 << 30 }
    });
    let mut good: Vec<Vec<u8>> = answers.map(|answer| frames(&[answer])).collect();
    good.push(frames(&[
        FromWorker::Register(registration),
        FromWorker::Heartbeat { peak_memory: u64::MAX },
        FromWorker::Drain { cause: "signal TERM".to_owned() },
        FromWorker::Failed { lease: None, cause: "x.npy cannot be read".to_owned(), defect: false },
        FromWorker::Leave,
    ]));
    let (bad, none) = judged("frames", &[]);
    assert!(none.is_empty());
    let mut decode = |input: &[u8]| {
        let messages = received::<FromWorker>(input);
        messages.is_some_and(|messages| messages.into_iter().map(FromWorker::tamed).count() > 0)
    };
    Decoder {
        name: "messages of workers",
        good,
        bad,
        words: &[],
        bytes: 4 * MEBIBYTE,
        for_each_byte: AMPLIFIED,
        one_in: 1,
        decode: &mut decode,
    }
    .hold();
}

#[test]
fn densest_messages_take_so_many_times_their_length() {
    let stage = planned(&["x.mean()"]).begin(&Finished::default()).expect("it begins").stage().clone();
    let kinds = [
        GatherKind::Sums,
        GatherKind::Moments,
        GatherKind::IntegerSums,
        GatherKind::IntegerMoments,
        GatherKind::Counts,
        GatherKind::Products,
        GatherKind::IntegerProducts,
        GatherKind::Extrema,
        GatherKind::IntegerExtrema,
        GatherKind::ArgExtrema { greatest: true },
        GatherKind::IntegerArgExtrema { greatest: true },
    ];
    let empty = kinds.map(|kind| {
        let mut partial = stage.empty_partial();
        let name = format!("{kind:?}");
        partial.accumulator(0, &Gather { kind, outputs: 400_000 }, 0);
        (
            name,
            frames(&[FromWorker::Answer { lease: 1, finished: 1, microseconds: 1, partial, peak_memory: 1 }]),
        )
    });
    // A million maps of nothing: a list of them, its length of four bytes.
    let maps = [&[2, 1, 1, 1, 252][..], &1_000_000_u32.to_le_bytes(), &[0; 1_000_001]].concat();
    let maps = [&(maps.len() as u32).to_le_bytes()[..], &maps].concat();
    for (name, frame) in empty.into_iter().chain([("maps".to_owned(), maps)]) {
        let (messages, cost) = crate::measure::cost(name.clone(), || received::<FromWorker>(&frame));
        assert!(messages.is_some_and(|messages| messages.len() == 1), "{name}");
        println!("{name}: {} bytes, {} times as many in memory", frame.len(), cost.bytes / frame.len());
        assert!(cost.bytes < AMPLIFIED * frame.len(), "{name}: {} bytes of {}", cost.bytes, frame.len());
    }
}

#[test]
fn changed_messages_of_the_driver_are_read_or_refused() {
    let stages = RESULTS.iter().map(|result| {
        let plan = planned(&[result]);
        let stage = plan.begin(&Finished::default()).expect("it begins").stage().clone();
        frames(&[ToWorker::Stage(stage), ToWorker::Lease { lease: 7, first: 0, end: 1 }])
    });
    let mut good: Vec<Vec<u8>> = stages.collect();
    good.push(frames(&[ToWorker::Yield { lease: 1 << 40 }, ToWorker::Heartbeat, ToWorker::Dismiss]));
    let (bad, _) = judged("frames", &[]);
    let mut decode = |input: &[u8]| {
        let messages = received::<ToWorker>(input);
        let sound = |message: &ToWorker| match message {
            ToWorker::Stage(stage) => stage.validate().map(|()| stage.tasks()).is_ok(),
            _ => true,
        };
        messages.is_some_and(|messages| !messages.is_empty() && messages.iter().all(sound))
    };
    Decoder {
        name: "messages of the driver",
        good,
        bad,
        words: &[],
        bytes: 4 * MEBIBYTE,
        for_each_byte: AMPLIFIED,
        one_in: 2,
        decode: &mut decode,
    }
    .hold();
}

/// Combines what was sent for all tasks of the stage after `finished`, and goes on as a driver does.
fn goes_on(plan: &Plan, finished: &Finished, partial: Partial) -> squall::Result<()> {
    let mut finished = finished.clone();
    let mut running = plan.begin(&finished)?;
    let tasks = running.stage().tasks();
    running.combine(plan, 0..tasks, partial)?;
    running.finish(plan, &mut finished)?;
    if finished.stages() < plan.stages() {
        return plan.begin(&finished).map(drop);
    }
    plan.finish(&finished).map(drop)
}

#[test]
fn changed_partials_are_combined_and_finished_or_refused() {
    let executor = Executor::detect(1).expect("a thread");
    let mut stages: Vec<(Arc<Plan>, Finished)> = Vec::new();
    let mut good = Vec::new();
    for result in RESULTS.into_iter().chain(["median(long)", "(wide - wide.mean(axis=0)).max()"]) {
        let plan = planned(&[result]);
        let mut finished = Finished::default();
        while finished.stages() < plan.stages() {
            let mut running = plan.begin(&finished).expect("it begins");
            let partial = computed(&executor, &plan, &finished);
            let bytes = codec::encode(&partial, MAX_PARTIAL).expect("small");
            // Which stage it is of is told by a byte before it.
            good.push([&[stages.len() as u8], &bytes[..]].concat());
            stages.push((plan.clone(), finished.clone()));
            let tasks = running.stage().tasks();
            running.combine(&plan, 0..tasks, partial).expect("its own");
            running.finish(&plan, &mut finished).expect("complete");
        }
    }
    let count = stages.len();
    let mut decode = |input: &[u8]| {
        let Some((stage, bytes)) = input.split_first() else { return false };
        let (plan, finished) = &stages[usize::from(*stage) % count];
        let partial: Result<Partial, _> = codec::decode(bytes, MAX_PARTIAL);
        partial.is_ok_and(|partial| goes_on(plan, finished, partial).is_ok())
    };
    Decoder {
        name: "partials",
        good,
        bad: vec![Vec::new(), vec![0, 0]],
        words: &[],
        bytes: 16 * MEBIBYTE,
        for_each_byte: AMPLIFIED,
        one_in: 8,
        decode: &mut decode,
    }
    .hold();
}

/// A driver with one worker that answers, up to the end or until it stops to make sense.
struct World<'a> {
    core: Core,
    now: Timestamp,
    executor: &'a Executor,
    kept: Vec<Vec<u8>>,
}

impl World<'_> {
    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.now = self.now + Duration::from_secs(2);
        let mut outputs = self.core.handle(self.now, input);
        if let Some(at) = outputs.iter().position(|output| matches!(output, Output::Checkpoint(_))) {
            let Output::Checkpoint(content) = outputs.remove(at) else { unreachable!() };
            self.kept.push(content);
            outputs.extend(self.core.handle(self.now, Input::Checkpointed(Ok(Written::Kept))));
        }
        outputs
    }

    /// Goes on from a checkpoint until something is computed, or cannot be.
    fn compute(&mut self, plan: &Arc<Plan>, from: Option<Checkpoint>) -> bool {
        let registration = Registration {
            host: "node-1".to_owned(),
            process: 7,
            job: None,
            threads: 1,
            kernel: "portable".to_owned(),
            age_milliseconds: 3,
            milliseconds_left: None,
            session: 0,
            holds: Vec::new(),
            findings: Findings::default(),
        };
        let mut outputs = self.tell(Input::Registered(ConnectionId(0), registration));
        outputs.extend(self.tell(Input::Compute(plan.clone(), from.map(Box::new))));
        let mut stage = None;
        loop {
            let mut next = Vec::new();
            for output in outputs {
                match output {
                    Output::Computed(result) => {
                        return result.is_ok_and(|finished| plan.finish(&finished).is_ok());
                    }
                    Output::Send(_, ToWorker::Stage(sent)) => stage = Some(Arc::new(sent)),
                    Output::Send(worker, ToWorker::Lease { lease, first, end }) => {
                        let stage: Arc<_> = stage.clone().expect("a stage comes before its leases");
                        let done = self.executor.run(stage, first..end, Arc::new(AtomicBool::new(false)));
                        let done = done.expect("the stage has these tasks");
                        let (finished, partial) = (done.finished, done.partial);
                        let answer =
                            FromWorker::Answer { lease, finished, microseconds: 1, partial, peak_memory: 1 };
                        next.extend(self.tell(Input::Said(worker, answer)));
                    }
                    _ => {}
                }
            }
            assert!(!next.is_empty(), "neither an end nor a lease");
            outputs = next;
        }
    }
}

#[test]
fn changed_checkpoints_are_gone_on_from_or_refused() {
    let executor = Executor::detect(1).expect("a thread");
    let plan = planned(&["(wide - wide.mean(axis=0)).max()", "median(long)", "i.sum(axis=0)", "x[::3, 1]"]);
    let world = |from| World {
        core: Core::new(Configuration {
            most_pending: u32::MAX,
            jitter: 0,
            start_timeout: Duration::from_secs(300),
            workers: 1,
            minimum_workers: 1,
            replacements: 0,
            pools: vec![Pool { maximum: 1, ..Pool::default() }],
            checkpoints_from: from,
        }),
        now: Timestamp::default(),
        executor: &executor,
        kept: Vec::new(),
    };
    let mut first = world(Some(Timestamp::default()));
    assert!(first.compute(&plan, None), "it is computed");
    let good = first.kept;
    assert!(good.len() > 2, "{} checkpoints", good.len());
    let mut decode = |input: &[u8]| {
        let checkpoint = Checkpoint::decode(input);
        checkpoint.is_ok_and(|checkpoint| world(None).compute(&plan, Some(checkpoint)))
    };
    Decoder {
        name: "checkpoints",
        good,
        bad: vec![Vec::new(), vec![1]],
        words: &[],
        bytes: 64 * MEBIBYTE,
        for_each_byte: AMPLIFIED,
        one_in: 200,
        decode: &mut decode,
    }
    .hold();
}
