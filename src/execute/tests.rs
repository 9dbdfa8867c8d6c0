//! How tasks are carried out: threads, leases, stops and failures. That results are right is tested in
//! `tests/differential`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use crate::array::{Definitions, Files, Shape, Stored, parse};
use crate::error::{Error, Result};
use crate::execute::{Executor, caught};
use crate::kernel::Isa;
use crate::plan::{Finished, Plan, Stage, plan};

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, path: &str) -> Result<(Stored, Shape)> {
        Err(Error::refused(format!("no file `{path}`")))
    }
}

fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn planned(arrays: &[(&str, &str)], results: &[(&str, &str)]) -> Plan {
    let definitions =
        Definitions { arrays: pairs(arrays), results: pairs(results), ..Definitions::default() };
    plan(&parse(&definitions, &NoFiles).unwrap().results, &[], 42).unwrap()
}

fn running() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

fn first_stage(plan: &Plan) -> Arc<Stage> {
    Arc::new(plan.begin(&Finished::default()).unwrap().stage().clone())
}

/// Every stage in leases of at most `piece` tasks, the last one first: the order must not matter.
fn carried_out(plan: &Plan, threads: usize, piece: u64) -> Vec<String> {
    let executor = Executor::new(threads, Isa::detect()).unwrap();
    let mut finished = Finished::default();
    for _ in 0..plan.stages() {
        let mut stage = plan.begin(&finished).unwrap();
        let sent = Arc::new(stage.stage().clone());
        for start in (0..sent.tasks()).step_by(piece as usize).collect::<Vec<_>>().into_iter().rev() {
            let range = start..sent.tasks().min(start + piece);
            let done = executor.run(Arc::clone(&sent), range.clone(), running()).unwrap();
            assert_eq!(done.finished, range.end - range.start);
            stage.combine(plan, range, done.partial).unwrap();
        }
        stage.finish(plan, &mut finished).unwrap();
    }
    plan.finish(&finished).unwrap().into_iter().map(|(name, value)| format!("{name} = {value:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn threads_leases_and_chunks_change_nothing(
        size in prop_oneof![Just("1"), Just("1023"), Just("5000"), Just("(3, 1000, 2)"), Just("(200, 70)")],
        chunks in prop_oneof![Just("-1"), Just("1"), Just("1025"), Just("\"auto\"")],
        threads in 1_usize..4,
        piece in 1_u64..4,
    ) {
        let results = [("m", "(x - x.mean()).std()"), ("q", "median(x * y)"), ("s", "x.cumsum(axis=-1).max(axis=0)")];
        let plan = |chunks: &str| {
            let x = format!("random.normal(0.0, 0.1, size={size}, chunks={chunks})");
            let y = format!("random.uniform(-1, 3, size={size}, chunks={chunks})");
            planned(&[("x", &x), ("y", &y)], &results)
        };
        prop_assert_eq!(carried_out(&plan(chunks), threads, piece), carried_out(&plan("-1"), 1, 1 << 20));
    }

    #[test]
    fn other_lines_and_their_order_change_nothing(
        order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(),
        kept in prop::collection::vec(any::<bool>(), 3),
    ) {
        let x = ("x", "random.normal(size=3000)");
        let alone = carried_out(&planned(&[x], &[("r", "x.sum()")]), 1, 9);
        let others = [("w0", "random.normal(size=3000)"), ("y", "x + random.random(size=3000)"), ("k", "3 * 4")];
        let mut lines = vec![x];
        lines.extend(others.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(line, _)| line));
        let lines: Vec<(&str, &str)> = order.iter().filter_map(|&index| lines.get(index).copied()).collect();
        let results = [("after", "x.max()"), ("r", "x.sum()"), ("also", "random.normal(size=3).sum()")];
        prop_assert_eq!(&carried_out(&planned(&lines, &results), 1, 9)[1], &alone[0]);
    }
}

#[test]
fn seed_of_a_generator_takes_the_place_of_the_runs() {
    let arrays = [
        ("rng", "da.random.default_rng(0x2a)"),
        ("x", "rng.normal(size=10)"),
        ("s", "random.normal(size=10, stream=\"x\")"),
        ("other", "random.default_rng(7).normal(size=10, stream=\"x\")"),
    ];
    let same = planned(&arrays, &[("a", "x.sum() - s.sum()"), ("b", "x.sum() == other.sum()")]);
    assert_eq!(carried_out(&same, 1, 1), ["a = Number(0.0)", "b = Bool(false)"]);
}

#[test]
fn stop_leaves_a_prefix_and_the_rest_completes_to_the_same_bits() {
    let x = ("x", "random.normal(size=4_000_000, chunks=2048)");
    let stage = first_stage(&planned(&[x], &[("r", "x.std()"), ("m", "x.min()")]));
    let executor = Executor::new(2, Isa::detect()).unwrap();
    let whole = executor.run(Arc::clone(&stage), 0..stage.tasks(), running()).unwrap();
    for patience in [0, 1, 1000, 100_000] {
        let stop = running();
        let stopper = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                (0..patience).for_each(|_| std::hint::spin_loop());
                stop.store(true, Ordering::Relaxed);
            }
        });
        let mut done = executor.run(Arc::clone(&stage), 0..stage.tasks(), stop).unwrap();
        stopper.join().unwrap();
        let rest = executor.run(Arc::clone(&stage), done.finished..stage.tasks(), running()).unwrap();
        assert_eq!(done.finished + rest.finished, stage.tasks());
        done.partial.combine(rest.partial).unwrap();
        assert_eq!(done.partial, whole.partial);
    }
}

#[test]
fn stop_set_before_the_start_finishes_nothing() {
    let stage = first_stage(&planned(&[], &[("r", "random.random(size=5000, chunks=1024).sum()")]));
    let stopped = Arc::new(AtomicBool::new(true));
    let done = Executor::new(2, Isa::detect()).unwrap().run(Arc::clone(&stage), 1..4, stopped).unwrap();
    assert_eq!((done.finished, done.partial), (0, stage.empty_partial()));
}

#[test]
fn tasks_that_a_stage_does_not_have_are_an_error() {
    let stage = first_stage(&planned(&[], &[("r", "random.random(size=5000, chunks=1024).sum()")]));
    let executor = Executor::new(1, Isa::detect()).unwrap();
    assert!(executor.run(Arc::clone(&stage), 4..6, running()).is_err());
    assert_eq!(executor.run(stage, 5..5, running()).unwrap().finished, 0);
}

#[test]
fn panic_of_a_task_is_an_error_that_the_others_see() {
    let failed = AtomicBool::new(false);
    let error = caught(&failed, || panic!("limb {} overflowed", 7)).unwrap_err();
    assert_eq!(error.to_string(), "error: a task panicked\ncause: limb 7 overflowed");
    assert!(failed.load(Ordering::Relaxed));
}
