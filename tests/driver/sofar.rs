//! What results come to while they are computed, as it is told.

use crate::world::{World, mean};
use squall::driver::core::{Input, Output};
use squall::event::{ResultSoFar, RunEvent};
use std::time::Duration;

fn told(outputs: &[Output]) -> Option<&[ResultSoFar]> {
    outputs.iter().find_map(|output| match output {
        Output::Tell(RunEvent::ResultsSoFar { stage: 0, results }) => Some(&results[..]),
        _ => None,
    })
}

#[test]
fn mean_and_its_error_are_told_when_the_first_worker_works_and_others_have_not_come() {
    let mut world = World::new(8, 1);
    world.tell(Input::Compute(mean(60_000_000), None));
    let mut waiting = world.register(0, 12);
    let (mut answers, mut results) = (0, Vec::new());
    while waiting.iter().all(|output| !matches!(output, Output::Computed(_))) {
        let next = world.answers(&waiting);
        assert!(!next.is_empty(), "nothing is computed any more");
        waiting.clear();
        for answer in next {
            answers += 1;
            world.now = world.now + Duration::from_secs(1);
            let outputs = world.tell(answer);
            if let Some([result]) = told(&outputs) {
                results.push((answers, result.clone()));
            }
            waiting.extend(outputs);
        }
    }
    let numbers: Vec<u64> = results.iter().map(|(answers, _)| *answers).collect();
    assert_eq!(numbers, (4..=answers).collect::<Vec<_>>(), "from the fourth answer on, with every one");
    for (_, ResultSoFar { name, value, error, elements }) in &results {
        let (error, expected) = (error.expect("a mean has one"), 1.0 / (*elements as f64).sqrt());
        assert_eq!(name, "mean");
        assert!(value.abs() < 5.0 * expected, "{value} of {elements}");
        assert!((0.1..4.0).contains(&(error / expected)), "{error} instead of {expected}");
    }
    assert!(results.windows(2).all(|pair| pair[0].1.elements < pair[1].1.elements), "{results:?}");
    assert_eq!(results.last().map(|(_, result)| result.elements), Some(60_000_000));
}

#[test]
fn results_so_far_are_told_five_times_a_second_at_the_most() {
    let mut world = World::new(1, 1);
    let outputs = world.tell(Input::Compute(mean(300_000_000), None));
    assert!(outputs.iter().all(|output| !matches!(output, Output::Send(..))));
    let mut waiting = world.register(0, 12);
    let (mut moments, mut answers) = (Vec::new(), 0);
    for _ in 0..12 {
        let next = world.answers(&waiting);
        waiting.clear();
        for answer in next {
            answers += 1;
            world.now = world.now + Duration::from_millis(59);
            let outputs = world.tell(answer);
            moments.extend(told(&outputs).map(|_| answers));
            waiting.extend(outputs);
        }
    }
    assert_eq!(moments[..3], [4, 8, 12], "answers come every 60 ms");
}
