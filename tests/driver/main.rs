//! The driver's decisions, told as values: no runtime, no clock, no workers.

mod beside;
mod elastic;
mod ends;
mod estimates;
mod losses;
mod makespan;
mod pool;
mod pools;
mod sofar;
mod world;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use squall::array::{Definitions, parse};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::checkpoint::Checkpoint;
use squall::driver::core::{Input, Output, Stop};
use squall::error::{Error, ErrorKind};
use squall::event::{RunEvent, Timestamp};
use squall::launch::{Exit, Key, Phase, PoolId, State};
use squall::plan::{Finished, Plan, plan};
use squall::protocol::{FromWorker, ToWorker};
use squall::run::Written;
use squall::store::LocalFiles;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{World, answer, broken, computed, core, ended, mean, orders_end};
#[test]
fn two_computations_follow_each_other_on_the_same_workers() {
    let mut world = World::new(1, 1);
    world.register(0, 12);
    for size in [5_000_000, 3_000_000] {
        let plan = mean(size);
        let outputs = world.tell(Input::Compute(plan.clone(), None));
        let finished = world.compute(outputs).expect("computed");
        let results = plan.finish(&finished).expect("all stages are finished");
        assert!(results[0].1.number().expect("a mean").abs() < 0.01, "{results:?}");
    }
}

#[test]
fn work_begins_when_enough_workers_are_there() {
    let mut world = World::new(2, 2);
    world.tell(Input::Compute(mean(5_000_000), None));
    let leases = |outputs: &[Output]| {
        outputs.iter().filter(|output| matches!(output, Output::Send(_, ToWorker::Lease { .. }))).count()
    };
    assert_eq!(leases(&world.register(0, 12)), 0);
    assert_eq!(leases(&world.register(1, 13)), 2);
}

#[test]
fn worker_that_registers_before_sbatch_has_answered_is_one_worker() {
    let mut world = World::new(1, 1);
    world.register(0, 12);
    world.tell(Input::Started(PoolId(0), "job 12".to_owned(), vec![Key("12".to_owned())]));
    world.tell(Input::Compute(mean(5_000_000), None));
    world.tell(Input::Disconnected(ConnectionId(0), broken()));
    let error = world.tell(ended(12, "NODE_FAIL", None));
    let error = computed(&error).expect("nothing can be computed any more").as_ref().expect_err("no worker");
    assert_eq!(error.kind(), ErrorKind::Workers);
    assert!(error.to_string().contains("worker 12 ended: NODE_FAIL"), "{error}");
}

#[test]
fn answer_that_comes_after_its_worker_was_lost_does_not_count() {
    let mut world = World::new(2, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let outputs = world.register(0, 12);
    let late = world.answers(&outputs);
    world.tell(Input::Disconnected(ConnectionId(0), broken()));
    for answer in late {
        let told = world.tell(answer);
        let counted = told
            .iter()
            .any(|output| matches!(output, Output::Tell(RunEvent::Answered { counted: true, .. })));
        assert!(!counted);
    }
    let outputs = world.register(1, 13);
    world.compute(outputs).expect("the other worker does it all");
}

#[test]
fn jobs_that_end_before_enough_workers_came_end_the_wait() {
    let mut world = World::new(2, 2);
    let keys = ["12_0", "12_1"].map(|key| Key(key.to_owned()));
    world.tell(Input::Started(PoolId(0), "job 12".to_owned(), keys.to_vec()));
    world.tell(Input::Compute(mean(5_000_000), None));
    let state = State {
        key: keys[1].clone(),
        phase: Phase::Ended,
        word: "FAILED".to_owned(),
        reason: "NonZeroExitCode".to_owned(),
        exit: Some(Exit::Code(127)),
        log: "worker.log ends:\nno such library".to_owned(),
    };
    let outputs = world.tell(Input::States(vec![state]));
    let error = computed(&outputs).expect("it cannot go on").as_ref().expect_err("one is missing");
    insta::assert_snapshot!(error, @r"
    error: only 1 of the 2 workers needed can still come
    cause: worker 12_1 ended: FAILED (NonZeroExitCode)
           worker.log ends:
           no such library
    ");
}

#[test]
fn end_waits_for_workers_that_leave_and_no_longer_the_second_time() {
    let mut world = World::new(1, 1);
    world.register(0, 12);
    let interrupted = || Input::Stop(Stop::Interrupted(Error::new(ErrorKind::Interrupted(2), "interrupted")));
    assert_eq!(orders_end(&world.tell(interrupted())), None);
    assert_eq!(orders_end(&world.tell(Input::Stop(Stop::Close))), None);
    assert_eq!(orders_end(&world.tell(interrupted())), Some(true));
    let over = world.tell(Input::Gone(None));
    assert!(over.iter().any(|output| matches!(output, Output::Over(None))));
}

#[test]
fn end_comes_at_once_where_every_worker_has_left() {
    let mut world = World::new(1, 1);
    world.register(0, 12);
    assert_eq!(orders_end(&world.tell(Input::Stop(Stop::Close))), None);
    world.tell(Input::Said(ConnectionId(0), FromWorker::Leave));
    let outputs = world.tell(Input::Disconnected(ConnectionId(0), Disconnect::Closed));
    assert_eq!(orders_end(&outputs), Some(false));
}

#[test]
fn nothing_is_computed_after_the_end_has_begun() {
    let mut world = World::new(1, 1);
    world.tell(Input::Stop(Stop::Close));
    let outputs = world.tell(Input::Compute(mean(1000), None));
    assert!(computed(&outputs).expect("answered").is_err());
    let dismissed = world.register(0, 12);
    assert!(dismissed.iter().any(|output| matches!(output, Output::Send(_, ToWorker::Dismiss))));
}

/// A computation of several stages: an array, a number, panels, and elements that are collected.
fn stages() -> Arc<Plan> {
    let arrays = vec![
        ("x".to_owned(), "random.normal(size=(3000, 1000), chunks=100_000)".to_owned()),
        ("z".to_owned(), "(x - x.mean(axis=0)) / x.std()".to_owned()),
    ];
    let texts = ["z.max()", "median(z)", "x.reshape(100, 30000).mean(axis=0)", "z[::500, 0]"];
    let results = texts.iter().enumerate().map(|(number, text)| (format!("r{number}"), (*text).to_owned()));
    let definitions = Definitions { arrays, results: results.collect(), ..Definitions::default() };
    Arc::new(plan(&parse(&definitions, &LocalFiles).expect("it parses").results, &[], 7).expect("planned"))
}

fn words(plan: &Plan, finished: &Finished) -> String {
    format!("{:?}", plan.finish(finished).expect("all stages are finished"))
}

#[test]
fn drivers_that_die_at_any_moment_come_to_the_same_bits_together() {
    let plan = stages();
    let mut world = World::new(1, 1);
    world.register(0, 1);
    let outputs = world.tell(Input::Compute(plan.clone(), None));
    let undisturbed = words(&plan, &world.compute(outputs).expect("computed"));
    let seed: u64 =
        std::env::var("SQUALL_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("SQUALL_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut kept: Option<Vec<u8>> = None;
    let (mut drivers, mut lost) = (0, 0);
    loop {
        drivers += 1;
        // Every driver is another one: nothing but the bytes goes from one to the next.
        let mut world = World::new(1, 1);
        world.core = core(1, 1, Some(Timestamp::default()));
        world.register(0, drivers);
        let from = kept.as_deref().map(|bytes| Box::new(Checkpoint::decode(bytes).expect("whole")));
        let mut waiting = world.tell(Input::Compute(plan.clone(), from));
        let dies_after = rng.random_range(1..5);
        let mut unkept = 0;
        for _ in 0..dies_after {
            if let Some(result) = computed(&waiting) {
                assert_eq!(words(&plan, result.as_ref().expect("computed")), undisturbed);
                assert!(drivers > 1 && lost > 0, "{drivers} drivers, {lost} answers lost: nothing was tried");
                return;
            }
            let mut next = Vec::new();
            for answer in world.answers(&waiting) {
                next.extend(world.tell(answer));
                unkept += 1;
            }
            let position = next.iter().position(|output| matches!(output, Output::Checkpoint(_)));
            if let Some(position) = position {
                let Output::Checkpoint(content) = next.swap_remove(position) else { unreachable!() };
                kept = Some(content);
                unkept = 0;
                world.now = world.now + Duration::from_secs(2);
                next.extend(world.tell(Input::Checkpointed(Ok(Written::Kept))));
            }
            waiting = next;
        }
        lost += unkept;
    }
}

#[test]
fn checkpoint_of_another_plan_is_refused() {
    let mut world = World::new(1, 1);
    world.core = core(1, 1, Some(Timestamp::default()));
    world.register(0, 1);
    let outputs = world.tell(Input::Compute(mean(50_000_000), None));
    let answers = world.answers(&outputs);
    let outputs: Vec<Output> = answers.into_iter().flat_map(|answer| world.tell(answer)).collect();
    let checkpoint = outputs.into_iter().find_map(|output| match output {
        Output::Checkpoint(content) => Some(Box::new(Checkpoint::decode(&content).expect("whole"))),
        _ => None,
    });
    let mut other = World::new(1, 1);
    let outputs = other.tell(Input::Compute(mean(50_000_001), checkpoint));
    let error = computed(&outputs).expect("it ends").as_ref().expect_err("another plan");
    insta::assert_snapshot!(error, @r"
    error: the plan has changed
    cause: this program cuts other tasks, or computes something else, than the one that began
    hint: begin anew with `squall run`
    ");
}

#[test]
fn disk_that_is_full_is_told_of_and_another_driver_ends_this_one() {
    let mut world = World::new(1, 1);
    world.core = core(1, 1, Some(Timestamp::default()));
    world.register(0, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let full = Error::new(ErrorKind::System, "cannot write the checkpoint").cause("No space left on device");
    let outputs = world.tell(Input::Checkpointed(Err(full)));
    let told = outputs.iter().any(|output| {
        matches!(output, Output::Tell(RunEvent::Notice { text }) if text.contains("No space left on device"))
    });
    assert!(told && computed(&outputs).is_none(), "{outputs:?}");
    let outputs = world.tell(Input::Checkpointed(Ok(Written::Superseded("process 7 on node-1".to_owned()))));
    assert!(computed(&outputs).expect("it ends").is_err());
}

#[test]
fn nothing_is_due_once_all_is_computed_though_a_checkpoint_was() {
    let mut world = World::new(1, 1);
    world.core = core(1, 1, Some(Timestamp(Duration::from_secs(60))));
    world.register(0, 1);
    let outputs = world.tell(Input::Compute(mean(5_000_000), None));
    world.compute(outputs).expect("computed");
    assert_eq!(
        world.core.next_deadline(),
        None,
        "a driver that waits for its next computation does not spin"
    );
}

#[test]
fn answer_that_comes_after_the_run_has_failed_does_not_count() {
    let mut world = World::new(2, 1);
    world.tell(Input::Compute(mean(50_000_000), None));
    let outputs = world.register(0, 12);
    let late = world.answers(&outputs);
    world.register(1, 13);
    let failed = FromWorker::Failed { lease: None, cause: "the file has changed".to_owned(), defect: false };
    let outputs = world.tell(Input::Said(ConnectionId(1), failed));
    assert!(computed(&outputs).expect("it ends").is_err());
    let dismissed = |output: &Output| matches!(output, Output::Send(_, ToWorker::Dismiss));
    assert_eq!(outputs.iter().filter(|output| dismissed(output)).count(), 2, "{outputs:?}");
    for answer in late {
        let outputs = world.tell(answer);
        assert!(computed(&outputs).is_none());
        assert!(!outputs.iter().any(|output| matches!(output, Output::Send(_, ToWorker::Lease { .. }))));
    }
}

#[test]
fn workers_that_answer_nothing_for_half_an_hour_end_the_run() {
    let mut world = World::new(2, 1);
    world.register(0, 12);
    world.tell(Input::Compute(mean(50_000_000), None));
    for minute in 1..=30 {
        assert!(world.core.next_deadline().expect("it looks again") <= Timestamp(Duration::from_secs(1801)));
        world.now = world.now + Duration::from_secs(60);
        let heartbeat = FromWorker::Heartbeat { peak_memory: 1 };
        let outputs = world.tell(Input::Said(ConnectionId(0), heartbeat));
        if minute < 30 {
            assert!(computed(&outputs).is_none(), "given up after {minute} minutes");
            continue;
        }
        let error = computed(&outputs).expect("it ends").as_ref().expect_err("nothing was done");
        insta::assert_snapshot!(error, @r"
        error: nothing has been finished for half an hour
        cause: workers are there, and answer nothing of what they hold: 0
        ");
    }
}

#[test]
fn answers_that_come_at_once_after_a_stop_make_no_worker_faster() {
    let mut world = World::new(2, 2);
    world.register(0, 12);
    world.register(1, 13);
    let mut outputs = world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let mut longest = 0;
    for _ in 0..10 {
        // All of them at the same time of the driver's clock; each says that it took a second.
        let answers = world.answers(&outputs);
        outputs = answers.into_iter().flat_map(|answer| world.tell(answer)).collect();
        let lengths = outputs.iter().filter_map(|output| match output {
            Output::Send(_, ToWorker::Lease { first, end, .. }) => Some(end - first),
            _ => None,
        });
        longest = lengths.fold(longest, u64::max);
    }
    assert_eq!(longest, 4, "a second's work of one who does four tasks in a second");
}

#[test]
fn lease_given_back_undone_counts_only_where_it_was_called_in() {
    let empty = |world: &World, lease| {
        let partial = world.stage.as_ref().expect("it was sent").empty_partial();
        Input::Said(ConnectionId(0), answer(lease, 0, partial))
    };
    let mut world = World::new(1, 1);
    world.register(0, 12);
    world.tell(Input::Compute(mean(50_000_000), None));
    world.tell(Input::Said(ConnectionId(0), FromWorker::Drain { cause: "signal TERM".to_owned() }));
    for lease in [0, 1] {
        let answer = empty(&world, lease);
        assert!(computed(&world.tell(answer)).is_none());
    }
    let mut world = World::new(1, 1);
    world.register(0, 12);
    world.tell(Input::Compute(mean(50_000_000), None));
    let answer = empty(&world, 0);
    let outputs = world.tell(answer);
    let error = computed(&outputs).expect("it ends").as_ref().expect_err("nothing was done");
    assert!(error.to_string().contains("worker 0 gives back undone"), "{error}");
}

#[test]
fn more_than_tasks_can_have_gathered_fails_the_run() {
    let texts = ["x[::500, 0]", "x.mean(axis=0)"];
    let arrays = vec![("x".to_owned(), "random.normal(size=(4000, 1000))".to_owned())];
    for text in texts {
        let results = vec![("r".to_owned(), text.to_owned())];
        let definitions = Definitions { arrays: arrays.clone(), results, ..Definitions::default() };
        let planned = plan(&parse(&definitions, &LocalFiles).expect("it parses").results, &[], 7);
        let mut world = World::new(1, 1);
        world.register(0, 12);
        let outputs = world.tell(Input::Compute(Arc::new(planned.expect("planned")), None));
        let Some(Input::Said(worker, FromWorker::Answer { lease, finished, partial, .. })) =
            world.answers(&outputs).into_iter().next()
        else {
            panic!("no answer")
        };
        // The same once more, and once more, in one answer.
        let mut twice = partial.clone();
        for _ in 0..1000 {
            twice.combine(partial.clone()).expect("of the same stage");
        }
        let collects = text.contains("::");
        let partial = if collects { twice } else { partial };
        let outputs = world.tell(Input::Said(worker, answer(lease, finished, partial)));
        let failed = computed(&outputs).is_some_and(Result::is_err);
        assert_eq!(failed, collects, "{text}: {outputs:?}");
    }
}
