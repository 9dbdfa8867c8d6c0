//! Plans carried out on threads, against an evaluation that holds whole arrays and goes step by step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use crate::array::{Definitions, Distribution, Expr, Operation, Reduction, parse};
use crate::execute::{Executor, caught};
use crate::kernel::random::fill;
use crate::kernel::{self, ExactMoments, ExactSum, Extrema, Isa, Key};
use crate::plan::{Partial, Plan, plan};

const SEED: u128 = 42;

type Bits = BTreeMap<String, u64>;

fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn planned(arrays: &[(&str, &str)], results: &[(&str, &str)]) -> Plan {
    let definitions = Definitions { arrays: pairs(arrays), results: pairs(results) };
    plan(&parse(&definitions).unwrap(), SEED).unwrap()
}

fn running() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// Every stage in pieces of at most `piece` tasks, the last piece first: the order must not matter.
fn carried_out(plan: &Plan, threads: usize, piece: u64) -> Bits {
    let executor = Executor::new(threads, Isa::detect()).unwrap();
    let mut finished: Vec<Partial> = Vec::new();
    for number in 0..plan.stages() {
        let stage = Arc::new(plan.stage(number, &finished).unwrap());
        assert_eq!(stage.tasks(), plan.tasks(number));
        let mut whole = stage.empty_partial();
        for start in (0..stage.tasks()).step_by(piece as usize).collect::<Vec<_>>().into_iter().rev() {
            let range = start..stage.tasks().min(start + piece);
            let done = executor.run(Arc::clone(&stage), range.clone(), running()).unwrap();
            assert_eq!(done.finished, range.end - range.start);
            whole.combine(&done.partial).unwrap();
        }
        finished.push(whole);
    }
    bits(plan, &finished)
}

fn bits(plan: &Plan, finished: &[Partial]) -> Bits {
    let values = plan.finish(finished).unwrap();
    values.into_iter().map(|(name, value)| (name, canonical(value.number().unwrap()))).collect()
}

/// One pattern for every NaN: which one an operation gives is the CPU's choice.
fn canonical(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// The elements of an array, or the one number.
fn oracle(expr: &Expr) -> Vec<f64> {
    match expr.operation() {
        Operation::Number(value) => vec![*value],
        Operation::Random(random) => {
            let distribution = match random.distribution {
                Distribution::Random => kernel::Distribution::Random,
                Distribution::Uniform { low, high } => kernel::Distribution::Uniform { low, high },
                Distribution::Normal { loc, scale } => kernel::Distribution::Normal { loc, scale },
            };
            let key = Key::new(random.seed.unwrap_or(SEED), random.stream.as_deref().unwrap());
            let mut values = vec![0.0; expr.shape().size() as usize];
            fill(Isa::Portable, &key, distribution, 0, &mut values);
            values
        }
        Operation::Negate(operand) => oracle(operand).into_iter().map(|value| -value).collect(),
        Operation::Binary(operation, left, right) => {
            let (left, right) = (oracle(left), oracle(right));
            let at = |values: &[f64], index: usize| values[if values.len() == 1 { 0 } else { index }];
            let length = left.len().max(right.len());
            (0..length).map(|index| operation.apply(at(&left, index), at(&right, index))).collect()
        }
        Operation::Reduce(reduction, operand) => vec![oracle_reduction(*reduction, &oracle(operand))],
    }
}

fn oracle_reduction(reduction: Reduction, values: &[f64]) -> f64 {
    let count = values.len() as u64;
    let (mut sum, mut moments, mut extrema) =
        (ExactSum::default(), ExactMoments::default(), Extrema::default());
    sum.add(Isa::Portable, values);
    moments.add(Isa::Portable, values);
    extrema.add(Isa::Portable, values);
    match reduction {
        Reduction::Sum => sum.round(),
        Reduction::Mean => sum.mean(count),
        Reduction::Min => extrema.minimum().unwrap(),
        Reduction::Max => extrema.maximum().unwrap(),
        Reduction::Var { ddof } => moments.variance(count, ddof),
        Reduction::Std { ddof } => moments.standard_deviation(count, ddof),
    }
}

fn expected(arrays: &[(String, String)], results: &[(String, String)]) -> Bits {
    let definitions = Definitions { arrays: arrays.to_vec(), results: results.to_vec() };
    let parsed = parse(&definitions).unwrap();
    parsed.into_iter().map(|(name, expr)| (name, canonical(oracle(&expr)[0]))).collect()
}

/// Arrays over all of which the formulas of [`formula`] can be computed.
fn arrays(size: &str, chunks: &str) -> Vec<(String, String)> {
    pairs(&[
        ("x", &format!("random.normal(0.0, 0.1, size={size}, chunks={chunks})")),
        ("y", &format!("random.uniform(-1, 3, size={size}, chunks={chunks})")),
        ("z", &format!("x * y - random.random(size={size}, chunks={chunks})")),
    ])
}

/// Formulas of an array.
fn formula() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("x".to_owned()), Just("y".to_owned()), Just("z".to_owned())];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let sign = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/")];
        let number = prop_oneof![Just("2"), Just("0.1"), Just("-1e300"), Just("0")];
        prop_oneof![
            (inner.clone(), sign.clone(), inner.clone()).prop_map(|(l, s, r)| format!("({l} {s} {r})")),
            (inner.clone(), sign.clone(), number.clone()).prop_map(|(l, s, n)| format!("({l} {s} {n})")),
            (number, sign.clone(), inner.clone()).prop_map(|(n, s, r)| format!("({n} {s} {r})")),
            (inner.clone(), sign, inner.clone(), reduction())
                .prop_map(|(l, s, r, f)| format!("({l} {s} {r}.{f})")),
            inner.clone().prop_map(|operand| format!("(-{operand})")),
            inner.prop_map(|operand| format!("({operand} ** 2)")),
        ]
    })
}

fn reduction() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("sum()"),
        Just("mean()"),
        Just("min()"),
        Just("max()"),
        Just("std()"),
        Just("var(ddof=1)")
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn results_equal_step_by_step_evaluation_for_any_chunks_threads_and_pieces(
        formulas in prop::collection::vec((formula(), reduction()), 1..4),
        size in prop_oneof![Just("1"), Just("1023"), Just("1024"), Just("5000"), Just("(3, 1000, 2)")],
        chunks in prop_oneof![Just("-1"), Just("1"), Just("1025"), Just("\"auto\""), Just("2049")],
        threads in 1_usize..4,
        piece in 1_u64..4,
    ) {
        let texts: Vec<(String, String)> = formulas
            .iter()
            .enumerate()
            .map(|(index, (formula, reduction))| (format!("r{index}"), format!("{formula}.{reduction}")))
            .collect();
        let arrays = arrays(size, chunks);
        let definitions = Definitions { arrays: arrays.clone(), results: texts.clone() };
        let plan = plan(&parse(&definitions).unwrap(), SEED).unwrap();
        prop_assert_eq!(carried_out(&plan, threads, piece), expected(&arrays, &texts));
    }

    #[test]
    fn other_lines_and_their_order_change_nothing(
        order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle(),
        kept in prop::collection::vec(any::<bool>(), 4),
        other in "[a-w][0-9]",
    ) {
        let alone = carried_out(&planned(&[("x", "random.normal(size=3000)")], &[("r", "x.sum()")]), 1, 9);
        let mut lines = vec![("x".to_owned(), "random.normal(size=3000)".to_owned())];
        let others = [(other, "random.normal(size=3000)"), ("y".into(), "random.random(size=7)"),
            ("y2".into(), "x + random.random(size=3000)"), ("k".into(), "3 * 4")];
        lines.extend(others.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((n, t), _)| (n, t.to_owned())));
        let shuffled = order.iter().filter_map(|&index| lines.get(index).cloned()).collect();
        let results = pairs(&[("after", "x.max()"), ("r", "x.sum()"), ("also", "random.normal(size=3).sum()")]);
        let parsed = parse(&Definitions { arrays: shuffled, results }).unwrap();
        prop_assert_eq!(carried_out(&plan(&parsed, SEED).unwrap(), 1, 9)["r"], alone["r"]);
    }
}

#[test]
fn results_of_several_shapes_are_computed_in_one_stage() {
    let arrays = [("x", "random.normal(size=3000)"), ("y", "random.normal(size=(50, 50), stream='x')")];
    let results = [("a", "x.sum()"), ("b", "y.sum()"), ("c", "x.max() + y.min()"), ("k", "2 / 4")];
    let plan = planned(&arrays, &results);
    assert_eq!((plan.stages(), plan.tasks(0), plan.elements(0)), (1, 4, 5500));
    assert_eq!(carried_out(&plan, 2, 1), expected(&pairs(&arrays), &pairs(&results)));
}

#[test]
fn later_stage_makes_arrays_again() {
    let arrays = [("x", "random.normal(10, 0.1, size=100_000, chunks=5000)")];
    let results = [
        ("furthest", "(x - x.mean()).max()"),
        ("error", "x.std(ddof=1) / 316.0"),
        ("third", "(x / (x - x.mean()).max()).sum()"),
    ];
    let plan = planned(&arrays, &results);
    assert_eq!(plan.stages(), 3);
    let all = carried_out(&plan, 3, 5);
    assert_eq!(all, expected(&pairs(&arrays), &pairs(&results)));
}

#[test]
fn seed_of_a_generator_takes_the_place_of_the_runs() {
    let arrays = [
        ("rng", "da.random.default_rng(0x2a)"),
        ("x", "rng.normal(size=10)"),
        ("s", "random.normal(size=10, stream=\"x\")"),
    ];
    let same = carried_out(&planned(&arrays, &[("a", "x.sum() - s.sum()")]), 1, 1);
    assert_eq!(f64::from_bits(same["a"]), 0.0);
    let other = carried_out(
        &planned(&[("rng", "random.default_rng(7)"), ("x", "rng.normal(size=10)")], &[("a", "x.sum()")]),
        1,
        1,
    );
    let run = carried_out(&planned(&[("x", "random.normal(size=10)")], &[("a", "x.sum()")]), 1, 1);
    assert_ne!(other, run);
}

#[test]
fn stop_leaves_a_prefix_and_the_rest_completes_to_the_same_bits() {
    let plan = planned(
        &[("x", "random.normal(size=4_000_000, chunks=2048)")],
        &[("r", "x.std()"), ("m", "x.min()")],
    );
    let stage = Arc::new(plan.stage(0, &[]).unwrap());
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
        done.partial.combine(&rest.partial).unwrap();
        assert_eq!(done.partial, whole.partial);
        assert_eq!(bits(&plan, &[done.partial]), bits(&plan, std::slice::from_ref(&whole.partial)));
    }
}

#[test]
fn stop_set_before_the_start_finishes_nothing() {
    let plan = planned(&[], &[("r", "random.random(size=5000, chunks=1024).sum()")]);
    let stage = Arc::new(plan.stage(0, &[]).unwrap());
    let stopped = Arc::new(AtomicBool::new(true));
    let done = Executor::new(2, Isa::detect()).unwrap().run(Arc::clone(&stage), 1..4, stopped).unwrap();
    assert_eq!((done.finished, done.partial), (0, stage.empty_partial()));
}

#[test]
fn tasks_that_a_stage_does_not_have_are_an_error() {
    let plan = planned(&[], &[("r", "random.random(size=5000, chunks=1024).sum()")]);
    let stage = Arc::new(plan.stage(0, &[]).unwrap());
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

/// Processor time of this process so far: on a busy machine the wall clock measures the others.
fn processor_seconds() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let time = getrusage(UsageWho::RUSAGE_SELF).unwrap().user_time();
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// A measurement: `cargo test --release --lib -- --ignored overhead --nocapture`, with nothing else in the process.
#[test]
#[ignore = "measures"]
fn overhead_of_tasks_over_the_bare_loop() {
    const SIZE: u64 = 200_000_000;
    let isa = Isa::detect();
    let plan = planned(&[], &[("r", "random.normal(0.0, 0.1, size=2e8).mean()")]);
    let stage = Arc::new(plan.stage(0, &[]).unwrap());
    let executor = Executor::new(1, isa).unwrap();
    let normal = kernel::Distribution::Normal { loc: 0.0, scale: 0.1 };
    let bare = || {
        let (key, mut buffer, mut sum) = (Key::new(SEED, "r"), vec![0.0; kernel::BLOCK], ExactSum::default());
        for first in (0..SIZE).step_by(kernel::BLOCK) {
            let length = buffer.len().min((SIZE - first) as usize);
            fill(isa, &key, normal, first, &mut buffer[..length]);
            sum.add(isa, &buffer[..length]);
        }
        sum.mean(SIZE).to_bits()
    };
    let executed = || {
        let done = executor.run(Arc::clone(&stage), 0..stage.tasks(), running()).unwrap();
        bits(&plan, &[done.partial])["r"]
    };
    let seconds = |work: &dyn Fn() -> u64| {
        let start = processor_seconds();
        let bits = work();
        (processor_seconds() - start, bits)
    };
    let (mut bares, mut executeds) = (Vec::new(), Vec::new());
    for round in 0..10 {
        // Each goes first in turn.
        let (first, second) = if round % 2 == 0 {
            (&bare as &dyn Fn() -> u64, &executed as _)
        } else {
            (&executed as _, &bare as _)
        };
        let (first, second) = (seconds(first), seconds(second));
        assert_eq!(first.1, second.1);
        let (bare, executed) = if round % 2 == 0 { (first.0, second.0) } else { (second.0, first.0) };
        bares.push(bare);
        executeds.push(executed);
    }
    for (name, times) in [("bare", &mut bares), ("executed", &mut executeds)] {
        times.sort_by(f64::total_cmp);
        let nanoseconds = |seconds: f64| seconds * 1e9 / SIZE as f64;
        println!(
            "{name}: {:.3} ns least, {:.3} ns median, {isa:?}",
            nanoseconds(times[0]),
            nanoseconds(times[5])
        );
    }
}
