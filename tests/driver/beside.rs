//! A driver that computes itself, beside workers that it waits for.

use crate::world::{World, broken, computed, ended, mean, registration};
use squall::driver::ConnectionId;
use squall::driver::core::{Input, Output};
use squall::error::{Error, ErrorKind};
use squall::event::RunEvent;
use squall::launch::{Key, OWN_HOST, Order, PoolId};
use squall::protocol::{Registration, ToWorker};

/// The connection of the worker inside the driver.
const OWN: ConnectionId = ConnectionId(100);

/// A world of so many jobs that wait, numbered from 12 on, whose driver computes.
fn waiting(jobs: u32, size: u64) -> (World, Vec<Output>) {
    let mut world = World::new(jobs, 1);
    world.tell(Input::Compute(mean(size), None));
    let keys = (0..jobs).map(|job| Key((12 + job).to_string())).collect();
    world.tell(Input::Started(PoolId(0), "job 12".to_owned(), keys));
    // The process has the number of one of the jobs.
    let own = Registration { host: OWN_HOST.to_owned(), process: 12, job: None, ..registration(0, 0, &[]) };
    let outputs = world.tell(Input::Registered(OWN, own));
    (world, outputs)
}

fn leases(outputs: &[Output], connection: ConnectionId) -> usize {
    let own =
        |output: &&Output| matches!(output, Output::Send(to, ToWorker::Lease { .. }) if *to == connection);
    outputs.iter().filter(own).count()
}

#[test]
fn driver_computes_alone_while_its_jobs_wait() {
    let (mut world, outputs) = waiting(3, 30_000_000);
    assert_eq!(leases(&outputs, OWN), 2);
    world.compute(outputs).expect("it does all of it");
}

#[test]
fn jobs_that_come_share_the_work_with_the_driver() {
    let (mut world, mut outputs) = waiting(1, 60_000_000);
    outputs.extend(world.register(1, 12));
    assert_eq!((leases(&outputs, OWN), leases(&outputs, ConnectionId(1))), (2, 2));
    let told = |output: &&Output| matches!(output, Output::Tell(RunEvent::Registered { .. }));
    assert_eq!(outputs.iter().filter(told).count(), 2, "the job is no second connection of the driver's own");
    world.compute(outputs).expect("they do it together");
}

#[test]
fn jobs_that_can_never_start_fail_the_run_although_the_driver_computes() {
    let (mut world, _) = waiting(2, 3_000_000_000);
    let outputs =
        world.tell(Input::Failed(PoolId(0), 1, Error::new(ErrorKind::Slurm, "sbatch refused the jobs")));
    assert!(computed(&outputs).is_none(), "those that were started can still come");
    let mut world = World::new(2, 1);
    world.tell(Input::Compute(mean(3_000_000_000), None));
    let own = Registration { host: OWN_HOST.to_owned(), job: None, ..registration(0, 0, &[]) };
    world.tell(Input::Registered(OWN, own));
    let outputs =
        world.tell(Input::Failed(PoolId(0), 2, Error::new(ErrorKind::Slurm, "sbatch refused the jobs")));
    let error = computed(&outputs).expect("nobody can come").as_ref().expect_err("a failure");
    assert_eq!(error.what(), "sbatch refused the jobs");
}

#[test]
fn driver_goes_on_alone_when_the_jobs_that_came_are_lost() {
    let (mut world, mut outputs) = waiting(1, 30_000_000);
    world.register(1, 12);
    world.tell(ended(12, "NODE_FAIL", None));
    let lost = world.tell(Input::Disconnected(ConnectionId(1), broken()));
    assert!(computed(&lost).is_none(), "the driver is still there");
    outputs.extend(lost);
    world.compute(outputs).expect("the driver does the rest");
}

#[test]
fn fewer_workers_are_fewer_jobs_and_the_driver_stays() {
    let (mut world, _) = waiting(3, 3_000_000_000);
    let outputs = world.tell(Input::Scale(1));
    let withdrawn = outputs.iter().find_map(|output| match output {
        Output::Order(Order::Withdraw { keys }) => Some(keys.len()),
        _ => None,
    });
    assert_eq!(withdrawn, Some(2));
    let outputs = world.register(1, 12);
    assert_eq!(leases(&outputs, ConnectionId(1)), 2);
    let outputs = world.tell(Input::Scale(1));
    let sent =
        |output: &&Output| matches!(output, Output::Send(_, ToWorker::Dismiss | ToWorker::Yield { .. }));
    assert_eq!(outputs.iter().filter(sent).count(), 0, "nobody has to go");
}
