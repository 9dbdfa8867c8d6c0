//! Walltimes that come to their end: workers', and the driver's own.

use crate::world::{World, answer, computed, core, ended, mean, registration};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::core::{Input, Output};
use squall::error::ErrorKind;
use squall::event::{RunEvent, Timestamp};
use squall::launch::{Key, PoolId};
use squall::protocol::{FromWorker, ToWorker};
use squall::run::Written;
use std::collections::VecDeque;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn lengths(outputs: &[Output]) -> Vec<u64> {
    let length = |output: &Output| match output {
        Output::Send(_, ToWorker::Lease { first, end, .. }) => Some(end - first),
        _ => None,
    };
    outputs.iter().filter_map(length).collect()
}

fn sent(outputs: &[Output], message: &ToWorker) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Send(_, sent) if sent == message))
}

#[test]
fn worker_is_leased_what_it_can_do_before_its_walltime_and_leaves_in_order() {
    let mut world = World::new(1, 1);
    world.tell(Input::Started(PoolId(0), "job 12".to_owned(), vec![Key("12".to_owned())]));
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let mut worker = registration(12, 0, &[]);
    worker.milliseconds_left = Some(5000);
    let outputs = world.tell(Input::Registered(ConnectionId(0), worker));
    let (mut given, mut answers) = (lengths(&outputs), VecDeque::from(world.answers(&outputs)));
    for _ in 0..4 {
        // Four tasks in each second, as its answers say.
        world.now = world.now + SECOND;
        let outputs = world.tell(answers.pop_front().expect("it always holds a lease"));
        given.extend(lengths(&outputs));
        answers.extend(world.answers(&outputs));
    }
    assert_eq!(given, [4, 4, 4, 4, 3], "in the last second it can do no more than it holds");
    world.now = world.now + SECOND;
    let outputs = world.tell(Input::Tick);
    assert!(sent(&outputs, &ToWorker::Yield { lease: 4 }), "{outputs:?}");
    let said = |output: &Output| matches!(output, Output::Tell(RunEvent::Notice { text }) if text == "worker 0 is to leave: its walltime is near");
    assert!(outputs.iter().any(said), "{outputs:?}");
    let nothing = world.stage.as_ref().expect("it was sent").empty_partial();
    let outputs = world.tell(Input::Said(ConnectionId(0), answer(4, 0, nothing)));
    assert!(sent(&outputs, &ToWorker::Dismiss), "{outputs:?}");
    world.tell(Input::Said(ConnectionId(0), FromWorker::Leave));
    let outputs = world.tell(Input::Disconnected(ConnectionId(0), Disconnect::Closed));
    let left = |output: &Output| matches!(output, Output::Tell(RunEvent::Left { cause, .. }) if cause == "its walltime is near, and it left in order");
    assert!(outputs.iter().any(left), "{outputs:?}");
    let outputs = world.tell(ended(12, "COMPLETED", None));
    assert!(computed(&outputs).is_none(), "another one is to come");
}

#[test]
fn worker_that_comes_when_its_time_is_over_is_dismissed_at_once() {
    let mut world = World::new(2, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    for (connection, left) in [(0, 0), (1, u64::MAX)] {
        let mut worker = registration(12 + connection, 0, &[]);
        worker.milliseconds_left = Some(left);
        let outputs = world.tell(Input::Registered(ConnectionId(connection), worker));
        assert_eq!(sent(&outputs, &ToWorker::Dismiss), left == 0, "{outputs:?}");
        assert_eq!(lengths(&outputs).is_empty(), left == 0, "{outputs:?}");
    }
}

#[test]
fn driver_closes_in_order_before_its_own_walltime() {
    let mut world = World::new(1, 1);
    world.core = core(1, 1, Some(Timestamp::default()));
    world.register(0, 12);
    let outputs = world.tell(Input::Compute(mean(50_000_000), None));
    let answers = world.answers(&outputs);
    world.tell(Input::Ends(60 * SECOND));
    let told = world.now;
    world.now = told + 49 * SECOND;
    for answer in answers {
        let outputs = world.tell(answer);
        assert!(computed(&outputs).is_none());
        if outputs.iter().any(|output| matches!(output, Output::Checkpoint(_))) {
            world.tell(Input::Checkpointed(Ok(Written::Kept)));
        }
    }
    assert!(world.core.next_deadline().expect("it ends") <= told + 50 * SECOND);
    world.now = told + 50 * SECOND;
    let outputs = world.tell(Input::Tick);
    let error = computed(&outputs).expect("it ends").as_ref().expect_err("not all is done");
    assert_eq!(error.kind(), ErrorKind::Workers);
    insta::assert_snapshot!(error, @r"
    error: the walltime of the driver's own job is near
    cause: it closed in order before Slurm would have ended it
    hint: give the job of the driver more time, with --time of sbatch, salloc or srun, or its settings
    ");
    assert!(outputs.iter().any(|output| matches!(output, Output::Checkpoint(_))), "{outputs:?}");
    assert!(sent(&outputs, &ToWorker::Dismiss), "{outputs:?}");
    let outputs = world.tell(Input::Compute(mean(1000), None));
    let error = computed(&outputs).expect("answered").as_ref().expect_err("it is too late");
    assert!(error.what().contains("walltime"), "{error}");
}
