//! Stages, tasks and what is shared; that results are right is tested in `execute`.

use proptest::prelude::*;

use crate::array::{Definitions, parse, random};
use crate::plan::{Instruction, Partial, Plan, Stage, plan};

fn planned(arrays: &[(&str, &str)], results: &[(&str, &str)]) -> Plan {
    let pairs = |lines: &[(&str, &str)]| {
        lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    };
    let definitions = Definitions { arrays: pairs(arrays), results: pairs(results) };
    plan(&parse(&definitions).unwrap(), 42).unwrap()
}

fn count(stage: &Stage, wanted: fn(&Instruction) -> bool) -> usize {
    stage.groups().iter().flat_map(|group| &group.instructions).filter(|step| wanted(step)).count()
}

#[test]
fn tasks_are_whole_blocks_no_larger_than_a_chunk_or_a_million() {
    let tasks = |size: &str, chunks: &str| {
        let text = format!("random.random(size={size}, chunks={chunks}).sum()");
        let plan = planned(&[], &[("r", &text)]);
        let extent = plan.stage(0, &[]).unwrap().groups()[0].extent;
        (extent, plan.tasks(0), plan.chunks(0))
    };
    assert_eq!(tasks("800_000_000", "50_000_000"), (1 << 20, 763, 16));
    assert_eq!(tasks("800_000_000", "-1"), (1 << 20, 763, 1));
    assert_eq!(tasks("8e8", "2e8/4"), (1 << 20, 763, 16));
    assert_eq!(tasks("10_000", "2500"), (2048, 5, 4));
    assert_eq!(tasks("10_000", "1"), (1024, 10, 10_000));
    assert_eq!(tasks("(20000, 20000)", "(1000, 1000)"), (999_424, 401, 400));
    assert_eq!(tasks("(20000, 20000)", "\"auto\""), (1 << 20, 382, 24));
    assert_eq!(tasks("(3, 5)", "(2, -1)"), (1024, 1, 2));
    assert_eq!(tasks("9223372036854775808", "-1"), (1 << 20, 1 << 43, 1));
}

#[test]
fn reductions_of_one_array_share_it_and_its_accumulators() {
    let x = [("x", "random.normal(0, 1, size=5000)"), ("same", "random.normal(0, 1, size=5000, stream='x')")];
    let results = [
        ("a", "x.sum()"),
        ("b", "da.mean(x)"),
        ("c", "x.std() / same.var(ddof=1)"),
        ("d", "np.min(x) + same.max()"),
    ];
    let plan = planned(&x, &results);
    let stage = plan.stage(0, &[]).unwrap();
    assert_eq!((plan.stages(), plan.elements(0)), (1, 5000));
    assert_eq!(count(&stage, |step| matches!(step, Instruction::Fill { .. })), 1);
    assert_eq!(count(&stage, |step| matches!(step, Instruction::Gather { .. })), 2);
}

#[test]
fn buffers_are_used_again() {
    let plan = planned(
        &[("x", "random.random(size=9)"), ("y", "random.random(size=9)")],
        &[("a", "((x + 1) * (y - 2) / 3).sum()"), ("b", "(-y).max()"), ("c", "(2 - x * x).mean()")],
    );
    let stage = plan.stage(0, &[]).unwrap();
    assert_eq!(stage.groups()[0].buffers, 4);
}

#[test]
fn constants_need_no_stage() {
    let plan = planned(&[("n", "4")], &[("a", "n ** 2 / 32"), ("b", "random.random(size=0).mean()")]);
    assert_eq!(plan.stages(), 0);
    let values: Vec<String> = plan.finish(&[]).unwrap().iter().map(|(_, value)| value.to_string()).collect();
    assert_eq!(values, ["0.5", "nan"]);
}

#[test]
fn memory_grows_with_threads_and_not_with_size() {
    let memory = |size: &str, cores: u32| {
        planned(&[], &[("r", &format!("random.normal(size={size}).std()"))]).worker_memory(cores)
    };
    assert_eq!(memory("1e3", 4), memory("1e18", 4));
    assert!(memory("8e8", 1) < memory("8e8", 2) && memory("8e8", 64) < 256 << 20);
    let plan = planned(&[], &[("r", "random.normal(size=1e18).std()")]);
    assert!(plan.driver_memory() < 64 << 20);
}

#[test]
fn arrays_made_in_rust_are_those_of_the_text() {
    let x = random::normal(0.0, 0.1).size([3000]).chunks([500]).stream("x");
    let y = (2.0 * &x - 1.0) / &x;
    let from_rust = plan(&[("r".into(), (&y + &x).sum().expr().unwrap())], 42).unwrap();
    let from_text = planned(
        &[("x", "random.normal(0.0, 0.1, size=3000, chunks=500)")],
        &[("r", "((2 * x - 1) / x + x).sum()")],
    );
    assert_eq!(from_rust.stage(0, &[]).unwrap(), from_text.stage(0, &[]).unwrap());
}

#[test]
fn mistakes_made_in_rust_are_told_when_computed() {
    let x = random::random().size([3]);
    let error = plan(&[("r".into(), x.sum().expr().unwrap())], 1).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    error: `random::random` without a stream
    hint: call .stream("x") with a name of its own for each array
    "#);
    insta::assert_snapshot!((&x + random::random().size([4])).sum().expr().unwrap_err(), @r"
    error: shapes (3,) and (4,) differ
    hint: arithmetic takes arrays of equal shape, or an array and a number, as yet
    ");
    insta::assert_snapshot!((&x + 1.0).stream("y").expr().unwrap_err(), @r"
    error: `stream` of an array that is not random
    hint: call .stream(..) right after .size(..)
    ");
    insta::assert_snapshot!(plan(&[("r".into(), x.stream("x").expr().unwrap())], 1).unwrap_err(), @r"
    error: result `r` is an array of shape (3,)
    hint: a result is a number as yet: reduce the array, for example with .mean()
    ");
}

#[test]
fn arrays_of_one_generator_have_streams_of_their_own() {
    let rng = random::default_rng(7);
    let (x, y) = (rng.random().size([10]), rng.random().size([10]));
    let made = |array: &crate::array::Array| {
        plan(&[("r".into(), array.sum().expr().unwrap())], 1).unwrap().stage(0, &[]).unwrap()
    };
    assert_ne!(made(&x), made(&y));
    assert_eq!(made(&x), made(&random::default_rng(7).random().size([10])));
}

#[test]
fn plan_is_described_in_words() {
    let plan = planned(
        &[("x", "random.normal(10, 0.1, size=(20000, 20000), chunks=(1000, 1000))")],
        &[("spread", "(x - x.mean()).max()"), ("error", "x.std(ddof=1) / 2e4")],
    );
    insta::assert_snapshot!(plan.describe(), @r#"
    seed 42
    result spread = max((normal(10.0, 0.1, size=(20000, 20000), stream="x") - mean(normal(10.0, 0.1, size=(20000, 20000), stream="x"))))
    result error = (std(normal(10.0, 0.1, size=(20000, 20000), stream="x"), ddof=1) / 20000.0)
    stage 0: 401 tasks, 400000000 random numbers
      shape (20000, 20000): 1 random arrays, 400 chunks, 401 tasks of 999424 elements
      mean of normal(10.0, 0.1, size=(20000, 20000), stream="x")
      std of normal(10.0, 0.1, size=(20000, 20000), stream="x")
    stage 1: 401 tasks, 400000000 random numbers
      shape (20000, 20000): 1 random arrays, 400 chunks, 401 tasks of 999424 elements
      max of (normal(10.0, 0.1, size=(20000, 20000), stream="x") - mean(normal(10.0, 0.1, size=(20000, 20000), stream="x")))
    "#);
}

#[test]
fn partial_of_another_stage_is_refused_and_changes_nothing() {
    let sum = planned(&[], &[("r", "random.random(size=9).sum()")]);
    let max = planned(&[], &[("r", "random.random(size=9).max()")]);
    let partial = |plan: &Plan| plan.stage(0, &[]).unwrap().empty_partial();
    let mut own = partial(&sum);
    assert!(own.combine(&partial(&max)).is_err());
    assert_eq!(own, partial(&sum));
    assert!(sum.finish(&[partial(&max)]).is_err());
    assert!(sum.finish(&[]).is_err());
    assert!(max.finish(&[partial(&max)]).is_err(), "the maximum of no element");
}

/// A stage as it would be sent, with every number in it replaced in turn by hostile ones.
#[test]
fn hostile_stages_are_refused_or_sound() {
    let plan = planned(
        &[("x", "random.random(size=9)")],
        &[("a", "(x * x).sum()"), ("b", "(1 - x).max()"), ("c", "random.random(size=5000).std()")],
    );
    let sent = serde_json::to_value(plan.stage(0, &[]).unwrap()).unwrap();
    assert_eq!(serde_json::from_value::<Stage>(sent.clone()).unwrap(), plan.stage(0, &[]).unwrap());
    let mut refused = 0;
    for hostile in [0_u64, 1, 3, 1 << 20, 1 << 32, (1 << 63) + 1, u64::MAX] {
        for number in 0..numbers(&mut sent.clone()).len() {
            let mut changed = sent.clone();
            *numbers(&mut changed)[number] = hostile.into();
            match serde_json::from_value::<Stage>(changed) {
                Ok(stage) => stage.validate().unwrap(),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

fn numbers(value: &mut serde_json::Value) -> Vec<&mut serde_json::Value> {
    match value {
        serde_json::Value::Number(_) => vec![value],
        serde_json::Value::Array(items) => items.iter_mut().flat_map(numbers).collect(),
        serde_json::Value::Object(fields) => {
            fields.iter_mut().flat_map(|(_, field)| numbers(field)).collect()
        }
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn partials_combine_in_any_order(values in prop::collection::vec(any::<f64>(), 0..50), cut in 0_usize..50) {
        let stage = planned(&[("x", "random.random(size=9)")], &[("a", "x.std()"), ("b", "x.max()")])
            .stage(0, &[])
            .unwrap();
        let (left, right) = values.split_at(cut.min(values.len()));
        let partial = |values: &[f64]| {
            let mut partial: Partial = stage.empty_partial();
            (0..2).for_each(|place| partial.add(place, crate::kernel::Isa::detect(), values));
            partial
        };
        let (mut forwards, mut backwards) = (partial(left), partial(right));
        forwards.combine(&partial(right)).unwrap();
        backwards.combine(&partial(left)).unwrap();
        prop_assert_eq!(&forwards, &backwards);
        prop_assert_eq!(forwards, partial(&values));
    }
}
