//! Workers of several pools.

use crate::pool::notices;
use crate::world::{World, computed, ended, mean, registration};
use squall::driver::ConnectionId;
use squall::driver::core::{Input, Output};
use squall::error::{Error, ErrorKind};
use squall::launch::{Exit, Key, Order, PoolId};
use std::time::Duration;

const FIRST: PoolId = PoolId(0);
const SECOND: PoolId = PoolId(1);

/// In which pools how many workers were asked for.
fn asked(outputs: &[Output]) -> Vec<(PoolId, u32)> {
    let asked = |output: &Output| match output {
        Output::Order(Order::Start { pool, workers }) => Some((*pool, *workers)),
        _ => None,
    };
    outputs.iter().filter_map(asked).collect()
}

fn refusal() -> Error {
    Error::new(ErrorKind::Slurm, "Slurm refused the job").cause("Invalid partition")
}

/// Names so many jobs of a pool, from a number on.
fn named(world: &mut World, pool: PoolId, jobs: std::ops::Range<u64>) {
    let keys = jobs.map(|job| Key(job.to_string())).collect();
    world.tell(Input::Started(pool, "a job".to_owned(), keys));
}

#[test]
fn pool_that_is_refused_leaves_its_workers_to_the_next() {
    let mut world = World::pools(4, 0, &[3, 4]);
    named(&mut world, SECOND, 200..201);
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let outputs = world.tell(Input::Failed(FIRST, 3, refusal()));
    assert!(computed(&outputs).is_none());
    assert_eq!(
        notices(&outputs)[0],
        "no more workers can be started in pool a: Slurm refused the job: Invalid partition"
    );
    assert_eq!(asked(&outputs), [(SECOND, 3)]);
    let outputs = world.tell(Input::Failed(SECOND, 3, refusal()));
    assert!(computed(&outputs).is_none(), "one can still come");
    let outputs = world.tell(ended(200, "FAILED", Some(Exit::Code(1))));
    assert!(computed(&outputs).expect("nobody can come").is_err());
}

#[test]
fn run_fails_when_the_last_pool_is_refused() {
    let mut world = World::pools(4, 0, &[2, 2]);
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    assert!(computed(&world.tell(Input::Failed(FIRST, 2, refusal()))).is_none());
    let outputs = world.tell(Input::Failed(SECOND, 2, refusal()));
    let error = computed(&outputs).expect("it ends").as_ref().expect_err("no worker");
    assert_eq!(error.what(), "Slurm refused the job");
}

#[test]
fn what_a_pool_puts_off_another_takes_at_once_and_the_rest_waits() {
    let mut world = World::pools(5, 0, &[4, 2]);
    named(&mut world, SECOND, 200..201);
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    let limit = Error::new(ErrorKind::Slurm, "Slurm refused the job").cause("QOSMaxSubmitJobPerUserLimit");
    let outputs = world.tell(Input::PutOff(FIRST, 4, limit));
    assert!(notices(&outputs)[0].starts_with("4 workers cannot be started yet in pool a, next try in 1 s"));
    assert_eq!(asked(&outputs), [(SECOND, 1)]);
    let next = world.core.next_deadline().expect("it tries again");
    world.now = next;
    assert_eq!(asked(&world.tell(Input::Tick)), [(FIRST, 3)]);
}

#[test]
fn lost_worker_is_replaced_in_the_first_pool_that_has_room() {
    let mut world = World::pools(3, 3, &[1, 4]);
    named(&mut world, FIRST, 100..101);
    named(&mut world, SECOND, 200..202);
    world.tell(Input::Compute(mean(1_000_000_000_000), None));
    for (connection, job) in [100, 200, 201].into_iter().enumerate() {
        world.tell(Input::Registered(ConnectionId(connection as u64), registration(job, 0, &[])));
    }
    let crash = |job| ended(job, "FAILED", Some(Exit::Signal(11)));
    for (connection, job, pool) in [(0, 100, FIRST), (1, 200, SECOND)] {
        world.tell(crash(job));
        world.tell(Input::Disconnected(ConnectionId(connection), crate::world::broken()));
        world.now = world.now + Duration::from_secs(60);
        assert_eq!(asked(&world.tell(Input::Tick)), [(pool, 1)], "job {job}");
    }
}
