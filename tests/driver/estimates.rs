//! What is said of results while they are computed, against what is known of random arrays.

use squall::array::{Definitions, parse};
use squall::execute::Executor;
use squall::plan::{Finished, Plan, Running, SoFar, plan};
use squall::store::LocalFiles;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn planned(results: &[&str], seed: u128) -> Plan {
    let named = |(number, text): (usize, &&str)| (format!("r{number}"), (*text).to_owned());
    let results = results.iter().enumerate().map(named).collect();
    plan(
        &parse(&Definitions { results, ..Definitions::default() }, &LocalFiles).expect("it works").results,
        &[],
        seed,
    )
    .expect("it works")
}

/// Counts these tasks, so many at a time.
fn count(plan: &Plan, running: &mut Running, tasks: Range<u64>, piece: u64) {
    let executor = Executor::detect(1).expect("it works");
    let stage = Arc::new(running.stage().clone());
    for start in tasks.clone().step_by(piece as usize) {
        let range = start..tasks.end.min(start + piece);
        let done =
            executor.run(stage.clone(), range.clone(), Arc::new(AtomicBool::new(false))).expect("it works");
        running.combine(plan, range, done.partial).expect("it works");
    }
}

/// What the first half of all tasks comes to, counted in pieces.
fn half(results: &[&str], seed: u128, piece: u64) -> Vec<SoFar> {
    let plan = planned(results, seed);
    let mut running = plan.begin(&Finished::default()).expect("it works");
    let tasks = running.stage().tasks();
    count(&plan, &mut running, 0..tasks / 2, piece);
    running.so_far(&plan)
}

const NORMAL: &str = "random.normal(3, 2, size=131_072, chunks=2048, stream=\"x\")";

#[test]
fn batches_estimate_the_error_of_independent_elements() {
    // Of 32 batches, the estimate has a relative standard deviation of about 1 in 8.
    let expected = 2.0 / f64::from(65_536).sqrt();
    let (mut covered, mut squares) = (0, 0.0);
    for seed in 0..200 {
        let so_far = half(&[&format!("{NORMAL}.mean()")], seed, 1);
        let [SoFar { value, error: Some(error), elements: 65_536, .. }] = so_far[..] else {
            panic!("{so_far:?}")
        };
        assert!((error / expected - 1.0).abs() < 0.6, "seed {seed}: {error} instead of {expected}");
        covered += u32::from((value - 3.0).abs() < 1.96 * error);
        squares += error * error;
    }
    assert!((180..=198).contains(&covered), "{covered} of 200 intervals of 95 % hold the mean");
    let ratio = squares / 200.0 / (expected * expected);
    assert!((ratio - 1.0).abs() < 0.06, "on average the variance is {ratio} of what it is");
}

#[test]
fn batches_of_any_sizes_are_weighted_by_their_elements() {
    let expected = 2.0 / f64::from(65_536).sqrt();
    let mut squares = 0.0;
    for seed in 0..100 {
        let plan = planned(&[&format!("{NORMAL}.mean()")], seed);
        let mut running = plan.begin(&Finished::default()).expect("it works");
        for (tasks, piece) in [(0..16, 16), (16..24, 1), (24..28, 4), (28..32, 2)] {
            count(&plan, &mut running, tasks, piece);
        }
        squares += running.so_far(&plan)[0].error.expect("it works").powi(2);
    }
    let ratio = squares / 100.0 / (expected * expected);
    assert!((ratio - 1.0).abs() < 0.15, "on average the variance is {ratio} of what it is");
}

#[test]
fn squares_that_are_gathered_give_the_error_at_once_and_exactly() {
    let (deviation, mean) = (format!("{NORMAL}.std(ddof=1)"), format!("{NORMAL}.mean()"));
    for (results, which) in [([&deviation, &mean], [0, 1]), ([&mean, &deviation], [1, 0])] {
        let so_far = half(&results.map(String::as_str), 1, 32);
        assert_eq!(so_far.len(), 2, "{so_far:?}");
        let [deviation, mean] = which.map(|number: usize| &so_far[number]);
        assert_eq!((deviation.error, mean.elements), (None, 65_536));
        assert_eq!(mean.error, Some(deviation.value / f64::from(65_536).sqrt()));
        assert!((deviation.value - 2.0).abs() < 0.03, "{deviation:?}");
    }
}

#[test]
fn mean_alone_has_an_error_from_the_fourth_batch_on() {
    let mean = format!("{NORMAL}.mean()");
    assert_eq!(half(&[&mean], 1, 11), []);
    assert_eq!(half(&[&mean], 1, 8).len(), 1);
}

#[test]
fn what_follows_from_one_mean_has_its_error_and_truth_values_need_no_batches() {
    let inside = "(random.random(size=131_072, chunks=2048, stream=\"a\") < 0.25)";
    let so_far = half(&[&format!("{inside}.mean()"), &format!("4 * {inside}.mean() + 1")], 1, 32);
    let [share, scaled] = &so_far[..] else { panic!("{so_far:?}") };
    let (error, expected) = (share.error.expect("it works"), (0.25 * 0.75 / 65_536.0_f64).sqrt());
    assert!((error / expected - 1.0).abs() < 0.02, "{error} instead of {expected}");
    assert!((scaled.value - 4.0 * share.value - 1.0).abs() < 1e-12, "{so_far:?}");
    assert!((scaled.error.expect("it works") / error - 4.0).abs() < 1e-9, "{so_far:?}");
    assert_eq!(half(&[&format!("({NORMAL} < 1e9).mean()")], 1, 1), [], "all are the same so far");
}

#[test]
fn nothing_is_said_of_what_is_not_known_yet() {
    for result in [
        format!("{NORMAL}.sum()"),
        format!("{NORMAL}.max() * {NORMAL}.mean()"),
        format!("({NORMAL} > 0).sum() / 7 + {NORMAL}.mean()"),
        format!("({NORMAL} - {NORMAL}.mean()).sum()"),
        "random.normal(size=(2, 65_536), chunks=(1, 2048)).mean(axis=1)".to_owned(),
        format!("sqrt(0 - {NORMAL}.mean())"),
    ] {
        assert_eq!(half(&[&result], 1, 1), [], "{result}");
    }
}

#[test]
fn elements_that_are_left_out_do_not_count() {
    let gap = format!("nanmean(where({NORMAL} > 3, np.nan, {NORMAL}))");
    let so_far = half(&[&gap], 1, 1);
    let [mean] = &so_far[..] else { panic!("{so_far:?}") };
    assert!((30_000..35_500).contains(&mean.elements) && mean.error.is_some(), "{mean:?}");
    assert!((mean.value - (3.0 - 2.0 * (2.0 / std::f64::consts::PI).sqrt())).abs() < 0.05, "{mean:?}");
}

#[test]
fn resumed_stage_goes_on_from_all_that_was_counted() {
    let plan = planned(&[&format!("{NORMAL}.mean()")], 1);
    let begin = || plan.begin(&Finished::default()).expect("it works");
    let (mut first, mut whole) = (begin(), begin());
    count(&plan, &mut first, 0..8, 8);
    let bytes = squall::codec::encode(&first.gathered(), 1 << 20).expect("it works");
    let gathered = squall::codec::decode(&bytes, 1 << 20).expect("it works");
    let mut resumed =
        plan.resume(&Finished::default(), std::slice::from_ref(&(0..8)), gathered).expect("it works");
    count(&plan, &mut whole, 0..8, 8);
    for running in [&mut resumed, &mut whole] {
        count(&plan, running, 8..32, 2);
    }
    assert_eq!(resumed.so_far(&plan), whole.so_far(&plan));
    assert_eq!(resumed.so_far(&plan)[0].elements, 65_536);
}
