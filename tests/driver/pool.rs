//! Workers that are replaced, put off, asked for and sent away.

use crate::world::{World, broken, computed, ended, mean, registration};
use squall::driver::ConnectionId;
use squall::driver::cause::Disconnect;
use squall::driver::core::{Input, Output};
use squall::error::{Error, ErrorKind};
use squall::event::RunEvent;
use squall::launch::{Exit, Key, Order, PoolId};
use squall::protocol::{FromWorker, Registration, ToWorker};
use std::time::Duration;

const CRASH: Option<Exit> = Some(Exit::Signal(11));

/// How many workers were asked for.
pub(crate) fn started(outputs: &[Output]) -> u32 {
    let workers = |output: &Output| match output {
        Output::Order(Order::Start { workers, .. }) => *workers,
        _ => 0,
    };
    outputs.iter().map(workers).sum()
}

pub(crate) fn notices(outputs: &[Output]) -> Vec<&str> {
    let text = |output| match output {
        &Output::Tell(RunEvent::Notice { ref text }) => Some(text.as_str()),
        _ => None,
    };
    outputs.iter().filter_map(text).collect()
}

/// The workers that are to be ended, if any.
pub(crate) fn withdrawn(outputs: &[Output]) -> Option<Vec<&str>> {
    outputs.iter().find_map(|output| match output {
        Output::Order(Order::Withdraw { keys }) => Some(keys.iter().map(|key| key.0.as_str()).collect()),
        _ => None,
    })
}

fn dismissed(outputs: &[Output]) -> Vec<u64> {
    let connection = |output: &Output| match output {
        Output::Send(ConnectionId(connection), ToWorker::Dismiss) => Some(*connection),
        _ => None,
    };
    outputs.iter().filter_map(connection).collect()
}

/// So many workers at work on much, which the launcher knows by the jobs 100, 101 and so on.
pub(crate) fn at_work(workers: u32, replacements: u32) -> World {
    let mut world = World::replacing(workers, replacements);
    let jobs = 100..100 + u64::from(workers);
    world.tell(Input::Started(
        PoolId(0),
        "job 100".to_owned(),
        jobs.clone().map(|job| Key(job.to_string())).collect(),
    ));
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    for (connection, job) in jobs.enumerate() {
        comes(&mut world, connection as u64, registration(job, 0, &[]));
    }
    world
}

/// A worker registers, and does its first lease.
pub(crate) fn comes(world: &mut World, connection: u64, registration: Registration) -> Vec<Output> {
    let mut outputs = world.tell(Input::Registered(ConnectionId(connection), registration));
    let first = world.answers(&outputs).into_iter().next().expect("there is work for it");
    outputs.extend(world.tell(first));
    outputs
}

/// What follows when the time has come.
pub(crate) fn at_the_deadline(world: &mut World) -> Vec<Output> {
    world.now = world.core.next_deadline().expect("something is due");
    world.tell(Input::Tick)
}

/// Lets time pass until workers are asked for, a minute at most.
pub(crate) fn until_started(world: &mut World) -> u32 {
    let end = world.now + Duration::from_secs(60);
    while world.core.next_deadline().is_some_and(|next| next < end) {
        let workers = started(&at_the_deadline(world));
        if workers > 0 {
            return workers;
        }
    }
    0
}

fn crashes(world: &mut World, worker: u64) -> Vec<Output> {
    let mut outputs = world.tell(Input::Disconnected(ConnectionId(worker), broken()));
    outputs.extend(world.tell(ended(100 + worker, "FAILED", CRASH)));
    outputs
}

#[test]
fn lost_worker_is_replaced_while_there_is_work_and_as_often_as_is_allowed() {
    let mut world = at_work(3, 1);
    assert_eq!(started(&crashes(&mut world, 0)), 0, "not before a pause");
    assert_eq!(until_started(&mut world), 1);
    crashes(&mut world, 1);
    assert_eq!(until_started(&mut world), 0, "one was allowed");
}

#[test]
fn run_whose_workers_are_all_lost_goes_on_with_those_that_replace_them() {
    let mut world = at_work(1, 1);
    assert!(computed(&crashes(&mut world, 0)).is_none(), "another one is to come");
    assert_eq!(until_started(&mut world), 1);
    world.tell(Input::Started(PoolId(0), "job 200".to_owned(), vec![Key("200".to_owned())]));
    let outputs = world.tell(Input::Registered(ConnectionId(7), registration(200, 0, &[])));
    let leases = |output: &&Output| matches!(output, Output::Send(ConnectionId(7), ToWorker::Lease { .. }));
    assert_eq!(outputs.iter().filter(leases).count(), 2);
    world.tell(Input::Disconnected(ConnectionId(7), broken()));
    let outputs = world.tell(ended(200, "FAILED", CRASH));
    assert!(computed(&outputs).is_some_and(Result::is_err), "none is left, and none is to come");
}

#[test]
fn worker_whose_time_was_up_is_replaced_and_one_that_somebody_cancelled_is_not() {
    for (word, replaced) in [("TIMEOUT", 1), ("PREEMPTED", 1), ("CANCELLED", 0)] {
        let mut world = at_work(2, 0);
        world.tell(Input::Disconnected(ConnectionId(0), broken()));
        world.tell(ended(100, word, None));
        assert_eq!(until_started(&mut world), replaced, "{word}");
    }
}

#[test]
fn cancelled_worker_that_handed_in_before_it_left_is_not_replaced() {
    let mut world = at_work(2, 5);
    world.tell(Input::Said(ConnectionId(0), FromWorker::Drain { cause: "signal TERM".to_owned() }));
    world.tell(Input::Said(ConnectionId(0), FromWorker::Leave));
    world.tell(Input::Disconnected(ConnectionId(0), Disconnect::Closed));
    world.tell(ended(100, "CANCELLED", None));
    assert_eq!(until_started(&mut world), 0);
}

#[test]
fn nobody_is_replaced_where_nothing_waits() {
    let mut world = World::replacing(2, 5);
    world.tell(Input::Started(
        PoolId(0),
        "job 100".to_owned(),
        ["100", "101"].map(|key| Key(key.to_owned())).into(),
    ));
    world.tell(Input::Registered(ConnectionId(0), registration(100, 0, &[])));
    world.tell(Input::Registered(ConnectionId(1), registration(101, 0, &[])));
    crashes(&mut world, 0);
    assert_eq!(until_started(&mut world), 0, "nothing is computed");
    assert_eq!(started(&world.tell(Input::Compute(mean(1_000_000_000_000), None))), 1);
}

#[test]
fn what_a_limit_puts_off_is_tried_again_ever_more_rarely() {
    let mut world = World::replacing(8, 0);
    let keys = (100..104).map(|job| Key(format!("{job}"))).collect();
    world.tell(Input::Started(PoolId(0), "job 100".to_owned(), keys));
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let limit = || Error::new(ErrorKind::Slurm, "Slurm refused the job").cause("QOSMaxSubmitJobPerUserLimit");
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let outputs = world.tell(Input::PutOff(PoolId(0), 4, limit()));
        assert!(computed(&outputs).is_none());
        let notice = notices(&outputs)[0].to_owned();
        assert!(
            notice.starts_with("4 workers cannot be started yet") && notice.contains("QOSMaxSubmit"),
            "{notice}"
        );
        let before = world.now;
        assert_eq!(until_started(&mut world), 4);
        pauses.push((world.now - before).as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8]);
}

#[test]
fn refusal_fails_a_run_only_where_nobody_is_there() {
    let refusal = || Error::new(ErrorKind::Slurm, "Slurm refused the job").cause("Invalid partition");
    let mut world = at_work(2, 2);
    crashes(&mut world, 0);
    assert_eq!(until_started(&mut world), 1);
    let outputs = world.tell(Input::Failed(PoolId(0), 1, refusal()));
    assert!(computed(&outputs).is_none());
    assert!(notices(&outputs)[0].contains("Invalid partition"), "{:?}", notices(&outputs));
    assert_eq!(until_started(&mut world), 0, "what is refused is not asked for again");

    let mut world = World::replacing(2, 2);
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let outputs = world.tell(Input::Failed(PoolId(0), 2, refusal()));
    assert_eq!(
        computed(&outputs).expect("it ends").as_ref().expect_err("no worker").kind(),
        ErrorKind::Slurm
    );
}

#[test]
fn scaling_up_starts_workers_at_once_also_where_nothing_is_computed() {
    let mut world = World::replacing(2, 0);
    assert_eq!(started(&world.tell(Input::Scale(5))), 3);
    assert_eq!(started(&world.tell(Input::Scale(5))), 0);
    assert_eq!(started(&world.tell(Input::Scale(6))), 1);
}

#[test]
fn scaling_down_withdraws_those_that_wait_and_then_drains_without_losing_what_is_done() {
    let mut world = at_work(3, 0);
    world.tell(Input::Scale(5));
    world.tell(Input::Started(
        PoolId(0),
        "job 200".to_owned(),
        ["200", "201"].map(|key| Key(key.to_owned())).into(),
    ));
    let outputs = world.tell(Input::Scale(2));
    assert_eq!(withdrawn(&outputs).expect("they wait"), ["200", "201"]);
    let yields = outputs.iter().filter_map(|output| match output {
        Output::Send(ConnectionId(connection), ToWorker::Yield { lease }) => Some((*connection, *lease)),
        _ => None,
    });
    let yields: Vec<(u64, u64)> = yields.collect();
    assert_eq!(yields.len(), 2, "one worker hands in both of its leases");
    let stage = world.stage.clone().expect("it was sent");
    let mut last = Vec::new();
    for (connection, lease) in yields {
        let partial = stage.empty_partial();
        let answer = FromWorker::Answer { lease, finished: 0, microseconds: 0, partial, peak_memory: 1 };
        last = world.tell(Input::Said(ConnectionId(connection), answer));
    }
    assert_eq!(dismissed(&last).len(), 1);
    world.tell(Input::Said(ConnectionId(dismissed(&last)[0]), FromWorker::Leave));
    let outputs =
        [ended(200, "CANCELLED", None), ended(201, "CANCELLED", None)].map(|input| world.tell(input));
    assert!(outputs.iter().all(|outputs| started(outputs) == 0 && computed(outputs).is_none()));
    assert_eq!(until_started(&mut world), 0, "two are wanted, and two are there");
}

#[test]
fn idle_workers_leave_at_once() {
    let mut world = World::replacing(50, 0);
    let keys = (100..150).map(|job| Key(job.to_string())).collect();
    world.tell(Input::Started(PoolId(0), "job 100".to_owned(), keys));
    for connection in 0..50 {
        world.tell(Input::Registered(ConnectionId(connection), registration(100 + connection, 0, &[])));
    }
    let outputs = world.tell(Input::Scale(1));
    assert_eq!(
        dismissed(&outputs),
        (1..50).rev().collect::<Vec<_>>(),
        "the one that has been there longest stays"
    );
}
