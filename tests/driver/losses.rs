//! Workers that part, come back, fail and are lost.

use crate::world::{World, broken, computed, ended, mean, registration};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::core::{Input, Output};
use squall::error::ErrorKind;
use squall::event::RunEvent;
use squall::protocol::{FromWorker, ToWorker};
use std::time::Duration;

fn leases(outputs: &[Output]) -> Vec<(u64, u64, u64)> {
    let lease = |output: &Output| match output {
        Output::Send(_, ToWorker::Lease { lease, first, end }) => Some((*lease, *first, *end)),
        _ => None,
    };
    outputs.iter().filter_map(lease).collect()
}

fn counted(outputs: &[Output]) -> usize {
    let counts = |output: &&Output| matches!(output, Output::Tell(RunEvent::Answered { counted: true, .. }));
    outputs.iter().filter(counts).count()
}

fn lost(outputs: &[Output]) -> Vec<&str> {
    let cause = |output| match output {
        &Output::Tell(RunEvent::Lost { ref cause, .. }) => Some(cause.as_str()),
        _ => None,
    };
    outputs.iter().filter_map(cause).collect()
}

#[test]
fn worker_that_comes_back_hands_in_what_it_holds() {
    let mut world = World::new(1, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let outputs = world.register(0, 12);
    let given = leases(&outputs);
    assert_eq!(given.len(), 2);
    let answers = world.answers(&outputs);
    let outputs = world.tell(Input::Disconnected(ConnectionId(0), broken()));
    assert!(lost(&outputs).is_empty(), "it may come back");
    // The answer of the second lease was lost on the way.
    let back = Input::Registered(ConnectionId(1), registration(12, 1, &[given[0].0]));
    let outputs = world.tell(back);
    assert!(outputs.iter().any(|output| matches!(output, Output::Tell(RunEvent::Returned { worker: 0 }))));
    let again = leases(&outputs);
    assert_eq!(
        again.iter().map(|lease| lease.1).collect::<Vec<_>>(),
        [given[1].1],
        "what was lost waits again"
    );
    let mut answers = answers.into_iter().map(|answer| match answer {
        Input::Said(_, message) => Input::Said(ConnectionId(1), message),
        other => other,
    });
    let first = world.tell(answers.next().expect("two answers"));
    assert_eq!(counted(&first), 1);
    let late = world.tell(answers.next().expect("two answers"));
    assert_eq!(counted(&late), 0, "its lease was given again");
    let waiting = outputs.into_iter().chain(first).chain(late).collect();
    world.compute(waiting).expect("it goes on");
}

#[test]
fn half_open_connection_is_closed_when_its_worker_comes_back_and_says_nothing_more() {
    let mut world = World::new(1, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let outputs = world.register(0, 12);
    let held: Vec<u64> = leases(&outputs).iter().map(|lease| lease.0).collect();
    let late = world.answers(&outputs);
    let outputs = world.tell(Input::Registered(ConnectionId(1), registration(12, 1, &held)));
    assert!(outputs.iter().any(|output| matches!(output, Output::Close(ConnectionId(0)))));
    for answer in late {
        assert_eq!(counted(&world.tell(answer)), 0, "it came over the old connection");
    }
    assert!(lost(&world.tell(Input::Disconnected(ConnectionId(0), broken()))).is_empty());
}

#[test]
fn worker_that_stays_away_is_lost_and_one_that_comes_too_late_is_another_one() {
    let mut world = World::new(1, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let held: Vec<u64> = leases(&world.register(0, 12)).iter().map(|lease| lease.0).collect();
    world.tell(Input::Disconnected(ConnectionId(0), broken()));
    let until = world.core.next_deadline().expect("it is not waited for without end");
    world.now = world.now + Duration::from_secs(60);
    assert!(until < world.now);
    assert_eq!(lost(&world.tell(Input::Tick)), ["its connection broke: connection reset"]);
    let outputs = world.tell(Input::Registered(ConnectionId(1), registration(12, 1, &held)));
    let yields = |output: &&Output| matches!(output, Output::Send(_, ToWorker::Yield { .. }));
    assert_eq!(outputs.iter().filter(yields).count(), held.len(), "what it holds is of no use");
    let new = |output: &Output| matches!(output, Output::Tell(RunEvent::Registered { worker: 1, .. }));
    assert!(outputs.iter().any(new));
    world.compute(outputs).expect("it does it all");
}

#[test]
fn silent_worker_is_lost_at_once() {
    let mut world = World::new(2, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    world.register(0, 12);
    let silent = Disconnect::Silent(Duration::from_secs(60));
    let outputs = world.tell(Input::Disconnected(ConnectionId(0), silent));
    assert_eq!(lost(&outputs), ["it has been silent for 60 s"]);
}

#[test]
fn tasks_that_cost_three_workers_their_lives_end_the_run_with_the_last_figures() {
    let mut world = World::new(9, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let mut lengths = Vec::new();
    for worker in 0..9 {
        let outputs = world.register(worker, 12 + worker);
        let given = leases(&outputs);
        lengths.push(given[0].2 - given[0].1);
        assert_eq!(given[0].1, 0, "what has failed is tried again first");
        let heartbeat = FromWorker::Heartbeat { peak_memory: 480 << 20 };
        world.tell(Input::Said(ConnectionId(worker), heartbeat));
        world.tell(Input::Disconnected(ConnectionId(worker), Disconnect::Closed));
        let outputs = world.tell(ended(12 + worker, "OUT_OF_MEMORY", None));
        assert_eq!(lost(&outputs).len(), 1);
        if let Some(result) = computed(&outputs) {
            assert_eq!((worker, lengths), (2, vec![4, 2, 1]));
            insta::assert_snapshot!(result.as_ref().expect_err("it cannot be done"), @"
            error: worker 2 was lost
            cause: it was killed for its memory: it last said that it had used 480M of the 500M allowed
            cause: it held tasks 0 to 0 of stage 0, which have failed 3 times
            hint: give each worker more with cluster.memory
            ");
            return;
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn losses_that_are_not_the_works_fault_never_end_the_run() {
    let mut world = World::new(20, 1);
    world.tell(Input::Compute(mean(5_000_000), None));
    for (worker, word) in ["NODE_FAIL", "PREEMPTED", "TIMEOUT", "CANCELLED"].repeat(2).iter().enumerate() {
        world.register(worker as u64, 12 + worker as u64);
        world.tell(Input::Disconnected(ConnectionId(worker as u64), Disconnect::Closed));
        let outputs = world.tell(ended(12 + worker as u64, word, None));
        assert!(lost(&outputs).len() == 1 && computed(&outputs).is_none());
    }
    let outputs = world.register(8, 99);
    assert_eq!(leases(&outputs)[0].1, 0);
    world.compute(outputs).expect("the last one does it all");
}

#[test]
fn tasks_that_a_worker_cannot_do_are_tried_again_in_halves_before_the_run_fails() {
    let mut world = World::new(1, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let mut outputs = world.register(0, 12);
    for length in [4, 2, 1] {
        let (lease, first, end) =
            leases(&outputs).into_iter().find(|lease| lease.1 == 0).expect("it is leased");
        assert_eq!((first, end), (0, length));
        let (lease, cause) =
            (Some(lease), "error: cannot read `x.npy`\ncause: Input/output error".to_owned());
        let failed = FromWorker::Failed { lease, cause, defect: false };
        outputs = world.tell(Input::Said(ConnectionId(0), failed));
    }
    let error = computed(&outputs).expect("it fails in the end").as_ref().expect_err("it cannot be done");
    insta::assert_snapshot!(error, @"
    error: worker 0 failed
    cause: cannot read `x.npy`
    cause: Input/output error
    cause: it held tasks 0 to 0 of stage 0, which have failed 3 times
    ");
    assert_eq!(error.kind(), ErrorKind::System);
}

#[test]
fn worker_that_talks_is_alive_whatever_slurm_says() {
    let mut world = World::new(1, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let outputs = world.register(0, 12);
    let told = world.tell(ended(12, "NODE_FAIL", None));
    assert!(lost(&told).is_empty() && computed(&told).is_none());
    world.compute(outputs).expect("it does it all");
}

#[test]
fn work_that_began_while_a_worker_was_away_goes_on_without_it() {
    let mut world = World::new(2, 2);
    world.register(0, 12);
    world.tell(Input::Disconnected(ConnectionId(0), broken()));
    world.tell(Input::Compute(mean(5_000_000), None));
    let outputs = world.register(1, 13);
    assert!(!world.answers(&outputs).is_empty(), "it begins with the one that may be back");
    let lost = world.tell(ended(12, "NODE_FAIL", None));
    assert!(computed(&lost).is_none(), "{lost:?}");
    world.compute(outputs).expect("the other one does it all");
}
