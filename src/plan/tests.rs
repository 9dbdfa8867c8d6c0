//! Stages, tasks, panels and what is shared; that results are right is tested in `tests/differential`.

use proptest::prelude::*;

use crate::array::{Array, DType, Definitions, Files, Shape, Stored, Target, parse, random};
use crate::error::{Error, Result};
use crate::kernel::Isa;
use crate::plan::{
    Finished, Gather, GatherKind, Group, Instruction, Partial, Plan, Source, Stage, Task, Values, plan,
};

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, path: &str) -> Result<(Stored, Shape)> {
        Err(Error::refused(format!("no file `{path}`")))
    }
}

fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn tried(arrays: &[(&str, &str)], results: &[(&str, &str)]) -> Result<Plan> {
    let definitions =
        Definitions { arrays: pairs(arrays), results: pairs(results), ..Definitions::default() };
    plan(&parse(&definitions, &NoFiles)?.results, &[], 42)
}

fn planned(arrays: &[(&str, &str)], results: &[(&str, &str)]) -> Plan {
    tried(arrays, results).unwrap()
}

/// Results that are named by their number.
fn of(arrays: &[(&str, &str)], texts: &[&str]) -> Plan {
    let names: Vec<String> = (0..texts.len()).map(|number| format!("r{number}")).collect();
    let results: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(texts.iter().copied()).collect();
    planned(arrays, &results)
}

fn loads(group: &Group) -> usize {
    let load = |instruction: &&Instruction| matches!(instruction, Instruction::Load { .. });
    group.program.instructions.iter().filter(load).count()
}

fn values(plan: &Plan) -> Vec<String> {
    plan.finish(&Finished::default()).unwrap().iter().map(|(_, value)| value.to_string()).collect()
}

#[test]
fn tasks_are_whole_blocks_no_larger_than_a_chunk_or_a_million() {
    let tasks = |size: &str, chunks: &str| {
        let plan = of(&[], &[&format!("random.random(size={size}, chunks={chunks}).sum()")]);
        (plan.trial(0).groups()[0].tile.clone(), plan.tasks(0), plan.chunks(0))
    };
    assert_eq!(tasks("800_000_000", "50_000_000"), (vec![1 << 20], 763, 16));
    assert_eq!(tasks("800_000_000", "-1"), (vec![1 << 20], 763, 1));
    assert_eq!(tasks("10_000", "2500"), (vec![2048], 5, 4));
    assert_eq!(tasks("(20000, 20000)", "(1000, 1000)"), (vec![999_424], 401, 400));
    assert_eq!(tasks("(3, 5)", "(2, -1)"), (vec![15], 1, 2));
    assert_eq!(tasks("9223372036854775808", "-1"), (vec![1 << 20], 1 << 43, 1));
}

#[test]
fn number_of_chunks_takes_no_memory_and_no_time() {
    let plan = of(&[], &["random.random(size=10**18, chunks=1).mean()"]);
    assert_eq!((plan.chunks(0), plan.tasks(0)), (10_u64.pow(18), 10_u64.pow(18).div_ceil(1024)));
    let plan = of(&[], &["random.normal(size=(10**9, 10**9), chunks=(1, 10**9)).std(axis=0)[::10**8]"]);
    assert_eq!(plan.elements(0), 10_u64.pow(10));
}

#[test]
fn reductions_of_one_array_share_it_and_its_accumulators() {
    let x = [("x", "random.normal(0, 1, size=5000)"), ("same", "random.normal(0, 1, size=5000, stream='x')")];
    let texts = ["x.sum()", "da.mean(x)", "x.std() / same.var(ddof=1)", "np.min(x) + same.max()"];
    let plan = of(&x, &texts);
    let stage = plan.trial(0);
    assert_eq!((plan.stages(), plan.elements(0), stage.groups().len()), (1, 5000, 1));
    assert_eq!((loads(&stage.groups()[0]), stage.gathers().len()), (1, 2));
}

#[test]
fn an_array_is_made_once_however_it_is_turned() {
    let x = [("x", "random.normal(0, 1, size=(300, 500, 2))")];
    let texts = [
        "x.sum()",
        "x.T.sum()",
        "x[::-1, :, ::-1].std()",
        "x.transpose(1, 0, 2).max(axis=1)",
        "x[::-1].mean(axis=(1, 2))",
        "(x.T > 0).sum(axis=1)",
    ];
    let plan = of(&x, &texts);
    let groups = plan.trial(0).groups();
    assert_eq!((groups.len(), plan.elements(0)), (1, 300_000));
    assert_eq!((loads(&groups[0]), groups[0].program.leaves.len()), (1, 1));
}

#[test]
fn an_array_is_made_once_however_it_is_shaped() {
    let x = [("x", "random.normal(0, 1, size=(300, 500))")];
    let texts = [
        "x.sum()",
        "x.reshape(-1).std()",
        "x.reshape(50, 3000).max(axis=0)[:7]",
        "x.max(axis=0)",
        "x.reshape(-1, 250).min(axis=1)",
        "x.reshape(3, 100, 10, 50).any()",
    ];
    let plan = of(&x, &texts);
    // A slice is an array of its own.
    let groups = plan.trial(0).groups();
    assert_eq!((groups.len(), plan.elements(0)), (2, 150_000 + 50 * 7));
    let plan = saving(&x, "x", &["x.mean(axis=0)"]);
    assert_eq!((plan.trial(0).groups().len(), plan.elements(0)), (1, 150_000));
}

/// Results beside an array that is saved.
fn saving(arrays: &[(&str, &str)], saved: &str, texts: &[&str]) -> Plan {
    let results: Vec<(&str, &str)> =
        texts.iter().map(|text| ("r", *text)).chain([("saved", saved)]).collect();
    let definitions =
        Definitions { arrays: pairs(arrays), results: pairs(&results), ..Definitions::default() };
    let mut results = parse(&definitions, &NoFiles).unwrap().results;
    let (_, saved) = results.pop().unwrap();
    let target = Target {
        path: "/saved.npy".into(),
        temporary: "/saved.partial".into(),
        dtype: saved.dtype(),
        shape: saved.shape().extents().to_vec(),
        offset: 4096,
    };
    plan(&results, &[(target, saved)], 42).unwrap()
}

#[test]
fn pieces_share_no_accumulator_with_their_parts() {
    let arrays =
        [("a", "random.random(size=10)"), ("b", "random.random(size=10)"), ("c", "concatenate([a, b])")];
    for texts in [["c.mean()", "a.mean()", "b.mean()"], ["a.mean()", "c.mean()", "b.mean()"]] {
        assert_eq!(of(&arrays, &texts).trial(0).gathers().len(), 3, "{texts:?}");
    }
}

#[test]
fn no_page_of_a_file_is_written_by_two_tasks() {
    let arrays = [
        ("x", "random.random((700, 500), chunks=(70, -1))"),
        ("i", "arange(700 * 1024, chunks=7000).reshape(700, 1024)"),
        ("b", "random.random((3, 5, 70001), chunks=(1, 2, -1)) > 0.5"),
    ];
    let texts = [
        "x",
        "x.T",
        "x.astype('f4').T",
        "concatenate([x, x[:7]])",
        "concatenate([x.T, x.T], axis=1)",
        "i.T",
        "i.cumsum(axis=0)",
        "x.cumsum(axis=1)",
        "i",
        "b",
        "b.T",
    ];
    for text in texts {
        let plan = saving(&arrays, text, &[]);
        let itemsize = plan.targets()[0].dtype.itemsize();
        let group = &plan.trial(0).groups()[0];
        let mut writers = std::collections::BTreeMap::new();
        let mut written = 0;
        for number in 0..group.tasks() {
            for part in group.task(number).boxes() {
                for element in elements(group, &part) {
                    let page = element * itemsize / 4096;
                    assert_eq!(*writers.entry(page).or_insert(number), number, "{text}: page {page}");
                    written += 1;
                }
            }
        }
        assert_eq!(written, group.extents.iter().product::<u64>(), "{text}");
        assert!(group.tasks() > 1, "{text}");
    }
}

/// The elements of the file that a box of a task writes.
fn elements(group: &Group, part: &Task) -> Vec<u64> {
    let (panel, first) = group.sinks[0].panel(group, &part.start);
    assert_eq!(panel, 0);
    let mut places = vec![first];
    for (&extent, &stride) in part.extents.iter().zip(&group.sinks[0].strides) {
        places =
            places.iter().flat_map(|&place| (0..extent as i64).map(move |k| place + k * stride)).collect();
    }
    places.into_iter().map(|place| place as u64).collect()
}

#[test]
fn panels_take_smaller_results_along() {
    let x = [("x", "random.normal(0, 1, size=(40, 50001))")];
    let texts = ["x.mean(axis=0)", "x.std()", "(x > 0).sum(axis=0)", "x.max(axis=1)", "quantile(x, 0.5)"];
    let plan = of(&x, &texts);
    assert!(plan.trial(0).groups().iter().filter(|group| group.sample.is_none()).count() == 1);
    let group = plan.trial(0).groups().iter().find(|group| group.sample.is_none()).unwrap();
    let panels = |width: &u64| *width > 0;
    let divided: Vec<bool> = group.sinks.iter().map(|sink| sink.widths.iter().any(panels)).collect();
    assert_eq!(divided.iter().filter(|divided| **divided).count(), 2, "{divided:?}");
}

#[test]
fn any_number_of_quantiles_can_be_answered() {
    let quantiles: Vec<String> = (0..40).map(|k| format!("quantile(x, {k} / 40)")).collect();
    let quantiles: Vec<&str> = quantiles.iter().map(String::as_str).collect();
    let plan = of(&[("x", "random.normal(0, 1, size=10**9)")], &quantiles);
    let binned = plan.trial(1);
    let most = binned.groups().iter().map(|group| group.sinks.len()).max();
    assert!(most < Some(5), "{most:?}");
    // A lease that goes over from one group to the next one holds what both of them gather.
    assert_eq!(binned.lease_tasks(), binned.groups()[0].tasks() + 1);
}

#[test]
fn constants_need_no_stage() {
    let texts = ["n ** 2 / 32", "random.random(size=0).mean()", "ones((0, 3)).all()", "zeros(7).size"];
    let plan = of(&[("n", "4")], &texts);
    assert_eq!(plan.stages(), 0);
    assert_eq!(values(&plan), ["0.5", "nan", "True", "7"]);
}

#[test]
fn memory_grows_with_threads_and_not_with_size() {
    let memory = |size: &str, cores: u32| {
        of(&[], &[&format!("random.normal(size={size}).std()")]).worker_memory(cores)
    };
    assert_eq!(memory("1e3", 4), memory("1e18", 4));
    assert!(memory("8e8", 1) < memory("8e8", 2) && memory("8e8", 64) < 256 << 20);
    assert!(of(&[], &["random.normal(size=1e18).std()"]).driver_memory() < 64 << 20);
}

#[test]
fn lease_over_several_groups_holds_what_all_of_them_gather() {
    let memory = |arrays: u64| {
        let lines: Vec<(String, String)> =
            (0..arrays).map(|k| (format!("x{k}"), format!("random.random({})", 1000 + k))).collect();
        let lines: Vec<(&str, &str)> =
            lines.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let texts: Vec<String> =
            (0..arrays).map(|k| format!("histogram(x{k}, bins=9999, range=(0, 1))[0].max()")).collect();
        of(&lines, &texts.iter().map(String::as_str).collect::<Vec<_>>()).worker_memory(1)
    };
    assert!(memory(9) - memory(1) > 8 * 9999 * 8);
}

#[test]
fn width_of_an_array_costs_the_driver_its_result_and_a_few_panels() {
    let memory = |columns: u64| {
        let x = format!("random.normal(size=(100, {columns}))");
        of(&[("x", &x)], &["x.mean(axis=0).max()"]).driver_memory()
    };
    let (wide, wider) = (memory(1 << 20), memory(1 << 21));
    assert!(wider - wide <= (3 * 8) << 20, "{wide} {wider}");
}

#[test]
fn arrays_made_in_rust_are_those_of_the_text() {
    let x = random::normal(0.0, 0.1).size([3000]).chunks([500]).stream("x");
    let y = (2.0 * &x - 1.0) / &x;
    let from_rust = plan(&[("r".into(), (&y + &x).sum().expr().unwrap())], &[], 42).unwrap();
    let from_text = planned(
        &[("x", "random.normal(0.0, 0.1, size=3000, chunks=500)")],
        &[("r", "((2 * x - 1) / x + x).sum()")],
    );
    assert_eq!(from_rust.trial(0), from_text.trial(0));
}

#[test]
fn arrays_of_one_generator_have_streams_of_their_own() {
    let rng = random::default_rng(7);
    let (x, y) = (rng.random().size([10]), rng.random().size([10]));
    let made =
        |array: &Array| plan(&[("r".into(), array.sum().expr().unwrap())], &[], 1).unwrap().trial(0).clone();
    assert_ne!(made(&x), made(&y));
    assert_eq!(made(&x), made(&random::default_rng(7).random().size([10])));
    let nameless = plan(&[("r".into(), random::random().size([3]).sum().expr().unwrap())], &[], 1);
    insta::assert_snapshot!(nameless.unwrap_err(), @r#"
    error: `random::random` without a stream
    cause: in `r`
    hint: call .stream("x") with a name of its own for each array
    "#);
}

#[test]
fn plan_is_described_in_words() {
    let plan = planned(
        &[("x", "random.normal(10, 0.1, size=(20000, 20000), chunks=(1000, 1000))")],
        &[
            ("spread", "(x - x.mean()).max()"),
            ("means", "x.mean(axis=0)[::100]"),
            ("error", "x.std(ddof=1) / 2e4"),
        ],
    );
    insta::assert_snapshot!(plan.describe(), @r#"
    seed 42
    result spread = max(subtract(normal(10.0, 0.1, size=(20000, 20000), stream="x"), mean(normal(10.0, 0.1, size=(20000, 20000), stream="x"))))
    result means = mean(normal(10.0, 0.1, size=(20000, 20000), stream="x") cut to (20000, 200), axis=[0])
    result error = divide(std(normal(10.0, 0.1, size=(20000, 20000), stream="x"), ddof=1), 20000.0)
    stage 0: 800 chunks, 801 tasks, 404000000 elements
      places [20000, 200]: 400 tasks of [50, 200]
      places [400000000]: 401 tasks of [999424]
      makes mean(normal(10.0, 0.1, size=(20000, 20000), stream="x"))
      makes mean(normal(10.0, 0.1, size=(20000, 20000), stream="x") cut to (20000, 200), axis=[0])
      makes std(normal(10.0, 0.1, size=(20000, 20000), stream="x"), ddof=1)
    stage 1: 400 chunks, 401 tasks, 400000000 elements
      places [400000000]: 401 tasks of [999424]
      makes max(subtract(normal(10.0, 0.1, size=(20000, 20000), stream="x"), mean(normal(10.0, 0.1, size=(20000, 20000), stream="x"))))
    "#);
}

#[test]
fn what_would_move_elements_is_refused() {
    let refused =
        |text: &str| tried(&[("x", "random.random((60, 40))")], &[("r", text)]).unwrap_err().to_string();
    assert!(refused("x.T.reshape(-1).cumsum().sum()").contains("would move elements"));
    assert!(refused("random.random(size=10**8).cumsum().max()").contains("has to lie whole in a task"));
}

fn stage(arrays: &[(&str, &str)], texts: &[&str]) -> Stage {
    let plan = of(arrays, texts);
    plan.begin(&Finished::default()).unwrap().stage().clone()
}

#[test]
fn partial_of_another_stage_is_refused_and_changes_nothing() {
    let sum = of(&[], &["random.random(size=9).sum()"]);
    let max = of(&[], &["random.random(size=9).max()"]);
    let mut running = sum.begin(&Finished::default()).unwrap();
    let mut foreign = Partial::empty(1);
    foreign.accumulator(0, &Gather { kind: GatherKind::Extrema, outputs: 1 }, 0);
    assert!(running.combine(&sum, 0..1, foreign).is_err());
    assert!(running.combine(&sum, 0..1, Partial::empty(2)).is_err());
    running.combine(&sum, 0..1, running.stage().empty_partial()).unwrap();
    assert!(sum.finish(&Finished::default()).is_err(), "before its stages are finished");
    let mut finished = Finished::default();
    let running = max.begin(&finished).unwrap();
    running.finish(&max, &mut finished).unwrap();
    assert_eq!(finished.stages, 1);
}

#[test]
fn panels_are_finished_and_let_go_when_their_last_task_is_counted() {
    let x = [("x", "where(random.random((4, 100000)) > 0.5, 1, np.nan)")];
    let plan = of(&x, &["nanmean(x, axis=0)", "nansum(x, axis=0)", "isnan(x).sum(axis=0)"]);
    let mut running = plan.begin(&Finished::default()).unwrap();
    let stage = running.stage().clone();
    let group = &stage.groups()[0];
    assert!(stage.groups().len() == 1 && group.tasks() > 2);
    for task in (0..group.tasks()).rev() {
        let mut partial = stage.empty_partial();
        for sink in &group.sinks {
            let (panel, _) = sink.panel(group, &group.task(task).start);
            partial.accumulator(sink.gather as usize, &stage.gathers()[sink.gather as usize], panel);
        }
        running.combine(&plan, task..task + 1, partial).unwrap();
        assert!(running.partial.gathered.iter().all(|panels| panels.len() <= 1), "task {task}");
    }
    assert!(running.partial.gathered.iter().all(|panels| panels.is_empty()));
    let mut finished = Finished::default();
    running.finish(&plan, &mut finished).unwrap();
    assert_eq!(plan.finish(&finished).unwrap()[1].1.dtype(), DType::F64);
}

/// A stage as it would be sent, with every number in it replaced in turn by hostile ones.
#[test]
fn hostile_stages_are_refused_or_sound() {
    let x = [("x", "random.random((90, 50000))"), ("y", "random.random((5000, 3))")];
    let sent = stage(
        &x,
        &[
            "(x * x).sum(axis=0)",
            "(1 - x).argmax()",
            "y.std(axis=1).max()",
            "concatenate([y, 1 - y]).cumsum(axis=1).sum()",
            "median(y)",
        ],
    );
    let value = serde_json::to_value(&sent).unwrap();
    assert_eq!(serde_json::from_value::<Stage>(value.clone()).unwrap(), sent);
    let mut refused = 0;
    for hostile in [0_u64, 1, 3, 1 << 20, 1 << 32, (1 << 63) + 1, u64::MAX] {
        for number in 0..numbers(&mut value.clone()).len() {
            let mut changed = value.clone();
            *numbers(&mut changed)[number] = hostile.into();
            match serde_json::from_value::<Stage>(changed) {
                Ok(stage) => stage.validate().unwrap(),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 300, "{refused}");
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

#[test]
fn sources_of_a_stage_are_each_there_once() {
    let arrays = [("x", "random.random((400, 400))"), ("m", "x.mean(axis=0)")];
    let plan = of(&arrays, &["((x - m) * (x.T - m)).sum()", "(x - m).max()", "(m * m).sum()"]);
    let last = plan.trial(1);
    assert_eq!((plan.stages(), last.inputs().len()), (2, 1));
    let random = |leaf: &&crate::plan::Leaf| matches!(leaf.source, Source::Random { .. });
    let crossed = last.groups().iter().flat_map(|group| &group.program.leaves).filter(random);
    assert_eq!(crossed.filter(|leaf| leaf.gathered).count(), 1);
}

proptest! {
    #[test]
    fn partials_combine_in_any_order(values in prop::collection::vec(any::<f64>(), 0..50), cut in 0_usize..50) {
        let stage = stage(&[("x", "random.random(size=9)")], &["x.std()", "x.max()", "x.argmin()"]);
        let partial = |values: &[f64], first: usize| {
            let mut partial = stage.empty_partial();
            let places: Vec<i64> = (first as i64..).take(values.len()).collect();
            for (number, gather) in stage.gathers().iter().enumerate() {
                let accumulator = partial.accumulator(number, gather, 0);
                accumulator.add(Isa::detect(), 0, 0, Values::Real(values), Some(&places));
            }
            partial
        };
        let cut = cut.min(values.len());
        let (left, right) = values.split_at(cut);
        let (mut forwards, mut backwards) = (partial(left, 0), partial(right, cut));
        forwards.combine(partial(right, cut)).unwrap();
        backwards.combine(partial(left, 0)).unwrap();
        prop_assert_eq!(&forwards, &backwards);
        prop_assert_eq!(forwards, partial(&values, 0));
    }
}
