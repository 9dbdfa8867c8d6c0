//! Workers that are to come, that end early, and whose number follows the work.

use crate::pool::{at_the_deadline, at_work, comes, notices, started, until_started, withdrawn};
use crate::world::{START_TIMEOUT, World, computed, ended, mean, registration, seen};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::core::{Input, Output};
use squall::launch::{Key, Phase, PoolId};
use squall::protocol::{FromWorker, Registration, ToWorker};
use std::time::Duration;

const MUCH: u64 = 1_000_000_000_000;

/// A registration of a worker that may stay for so many seconds.
fn staying(job: u64, seconds: u64) -> Registration {
    Registration { milliseconds_left: Some(seconds * 1000), ..registration(job, 0, &[]) }
}

fn named(world: &mut World, jobs: std::ops::Range<u64>) -> Vec<Output> {
    let keys = jobs.map(|job| Key(job.to_string())).collect();
    world.tell(Input::Started(PoolId(0), "a job".to_owned(), keys))
}

#[test]
fn worker_whose_walltime_ends_is_replaced_before_it_leaves_as_early_as_the_last_one_waited() {
    let mut world = World::replacing(1, 0);
    named(&mut world, 100..101);
    world.tell(Input::Compute(mean(MUCH), None));
    world.now = world.now + Duration::from_secs(90);
    comes(&mut world, 0, staying(100, 600));
    let end = world.now + Duration::from_secs(600);
    while world.core.next_deadline().is_some_and(|next| next < end) {
        if started(&at_the_deadline(&mut world)) == 1 {
            let before = (end - world.now).as_secs_f64();
            assert!((89.0..=91.0).contains(&before), "{before} s before its end");
            return;
        }
    }
    panic!("nobody follows it");
}

#[test]
fn worker_that_stays_until_the_work_is_done_is_not_replaced() {
    let mut world = World::replacing(1, 0);
    named(&mut world, 100..101);
    world.tell(Input::Compute(mean(50_000_000), None));
    world.now = world.now + Duration::from_secs(90);
    comes(&mut world, 0, staying(100, 600));
    // Of what is left a lease takes a second, and the time to think of another worker is 90 s before the end.
    while let Some(next) = world.core.next_deadline().filter(|next| next.0 < Duration::from_secs(680)) {
        world.now = next;
        assert_eq!(started(&world.tell(Input::Tick)), 0);
    }
}

#[test]
fn no_more_wait_to_be_started_than_may() {
    let mut world = World::pending(5, 1, 2);
    world.tell(Input::Compute(mean(MUCH), None));
    let mut asked = 2;
    named(&mut world, 100..102);
    for (connection, job) in (100..103).enumerate() {
        let outputs = comes(&mut world, connection as u64, registration(job, 0, &[]));
        assert_eq!(started(&outputs), 1, "one has come, so one more may wait");
        asked += 1;
        named(&mut world, job + 2..job + 3);
    }
    assert_eq!(asked, 5);
    let last = comes(&mut world, 3, registration(103, 0, &[]));
    assert_eq!(started(&last), 0, "there are to be five");
}

#[test]
fn as_many_are_started_as_must_be_there_though_there_are_fewer_tasks() {
    let mut world = World::pending(3, 3, 2);
    world.tell(Input::Compute(mean(1000), None));
    named(&mut world, 100..102);
    let outputs = world.tell(Input::Registered(ConnectionId(0), registration(100, 0, &[])));
    assert_eq!(started(&outputs), 1);
}

#[test]
fn worker_that_runs_and_does_not_register_is_given_up_and_replaced() {
    let mut world = at_work(1, 1);
    assert_eq!(started(&world.tell(Input::Scale(2))), 1);
    named(&mut world, 200..201);
    world.tell(seen(200, Phase::Running, "RUNNING", ""));
    let began = world.now;
    let outputs = loop {
        let outputs = at_the_deadline(&mut world);
        if withdrawn(&outputs).is_some() {
            break outputs;
        }
    };
    assert_eq!((world.now - began).as_secs(), START_TIMEOUT.as_secs());
    assert_eq!(withdrawn(&outputs).expect("seen above"), ["200"]);
    assert!(notices(&outputs)[0].starts_with("worker 200 is given up: "), "{:?}", notices(&outputs));
    world.tell(ended(200, "CANCELLED", None));
    assert_eq!(until_started(&mut world), 1, "though it was cancelled");
    named(&mut world, 201..202);
    world.tell(seen(201, Phase::Running, "RUNNING", ""));
    world.tell(ended(201, "FAILED", None));
    assert_eq!(until_started(&mut world), 0, "one was allowed");
}

#[test]
fn workers_that_come_before_they_are_named_are_not_sent_away_for_those_that_do_not() {
    let mut world = World::replacing(3, 0);
    world.tell(Input::Compute(mean(MUCH), None));
    comes(&mut world, 0, registration(100, 0, &[]));
    comes(&mut world, 1, registration(101, 0, &[]));
    let yields =
        |output: &Output| matches!(output, Output::Send(_, ToWorker::Yield { .. } | ToWorker::Dismiss));
    let outputs = world.tell(Input::Scale(2));
    assert!(withdrawn(&outputs).is_none(), "none has a name");
    assert!(!outputs.iter().any(yields), "two are there, and two are wanted");
    let outputs = named(&mut world, 100..103);
    assert_eq!(withdrawn(&outputs).expect("the third waits"), ["102"]);
    assert!(!outputs.iter().any(yields));
    let outputs = world.tell(Input::Scale(1));
    assert_eq!(outputs.iter().filter(|output| yields(output)).count(), 2, "one of two hands in both leases");
}

#[test]
fn worker_that_registers_in_time_is_not_given_up() {
    let mut world = at_work(1, 1);
    world.tell(seen(100, Phase::Running, "RUNNING", ""));
    world.now = world.now + START_TIMEOUT;
    assert_eq!(withdrawn(&world.tell(Input::Tick)), None);
}

#[test]
fn jobs_that_would_wait_for_ever_fail_a_run_that_nobody_else_can_do() {
    let never = |world: &mut World, job| world.tell(seen(job, Phase::Stuck, "PENDING", "PartitionTimeLimit"));
    let mut world = World::replacing(2, 2);
    world.tell(Input::Compute(mean(MUCH), None));
    named(&mut world, 100..102);
    assert!(computed(&never(&mut world, 100)).is_none(), "the other one may come");
    let outputs = never(&mut world, 101);
    let error = computed(&outputs).expect("nobody can come").as_ref().expect_err("nothing is computed");
    assert!(error.to_string().contains("would wait for ever: PENDING (PartitionTimeLimit)"), "{error}");

    let mut world = at_work(1, 0);
    world.tell(Input::Scale(2));
    named(&mut world, 200..201);
    assert!(computed(&never(&mut world, 200)).is_none(), "one is there");
    assert_eq!(until_started(&mut world), 0, "another one would wait as well");
}

#[test]
fn job_of_which_slurm_thinks_again_is_waited_for() {
    let mut world = World::replacing(1, 0);
    named(&mut world, 100..101);
    world.tell(seen(100, Phase::Stuck, "PENDING", "PartitionTimeLimit"));
    world.tell(seen(100, Phase::Waiting, "PENDING", "Priority"));
    let outputs = world.tell(Input::Compute(mean(MUCH), None));
    assert!(computed(&outputs).is_none());
}

#[test]
fn workers_that_come_and_go_without_doing_anything_use_up_what_is_replaced() {
    let mut world = at_work(1, 2);
    world.tell(Input::Scale(2));
    let mut job = 200;
    named(&mut world, job..job + 1);
    for allowed in [1, 1, 0] {
        let connection = ConnectionId(job);
        world.tell(Input::Registered(connection, registration(job, 0, &[])));
        world.tell(Input::Said(connection, FromWorker::Leave));
        world.tell(Input::Disconnected(connection, Disconnect::Closed));
        world.tell(ended(job, "COMPLETED", None));
        assert_eq!(until_started(&mut world), allowed);
        job += 1;
        named(&mut world, job..job + u64::from(allowed));
    }
}

/// Whether so many are there, or will not be; none as long as they are waited for.
fn awaited(world: &World, workers: u32) -> Option<bool> {
    world.core.waits_for(workers).map(|there| there.is_ok())
}

#[test]
fn workers_are_waited_for_until_they_are_there_or_cannot_come() {
    let mut world = World::replacing(3, 0);
    named(&mut world, 100..103);
    world.tell(Input::Registered(ConnectionId(0), registration(100, 0, &[])));
    assert_eq!([1, 2, 3, 4].map(|workers| awaited(&world, workers)), [Some(true), None, None, Some(false)]);
    world.tell(ended(101, "FAILED", None));
    let error = world.core.waits_for(3).expect("one cannot come").expect_err("it is told");
    assert!(error.to_string().contains("worker 101 ended: FAILED"), "{error}");
    assert_eq!(awaited(&world, 2), None);
    world.tell(Input::Registered(ConnectionId(2), registration(102, 0, &[])));
    assert_eq!(awaited(&world, 2), Some(true));
}

#[test]
fn number_of_workers_follows_the_work() {
    let mut world = World::replacing(1, 0);
    world.tell(Input::Adapt(1, 4));
    named(&mut world, 100..101);
    world.tell(Input::Compute(mean(MUCH), None));
    comes(&mut world, 0, registration(100, 0, &[]));
    assert_eq!(until_started(&mut world), 3, "one was measured, and there is work for all");
}

#[test]
fn workers_that_have_nothing_to_do_stay_for_a_while_and_then_leave() {
    let mut world = World::replacing(4, 0);
    named(&mut world, 100..104);
    for job in 100..104 {
        world.tell(Input::Registered(ConnectionId(job), registration(job, 0, &[])));
    }
    world.tell(Input::Adapt(1, 4));
    let (begin, mut dismissed) = (world.now, 0);
    while dismissed < 3 {
        let outputs = at_the_deadline(&mut world);
        let leaves = |output: &&Output| matches!(output, Output::Send(_, ToWorker::Dismiss));
        dismissed += outputs.iter().filter(leaves).count();
        assert!(world.now - begin < Duration::from_secs(60), "{dismissed} left");
    }
    assert_eq!((world.now - begin).as_secs(), 10);
}
