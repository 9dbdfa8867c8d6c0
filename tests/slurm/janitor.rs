//! The job that cancels the waiting workers of a driver that was killed in its own job, where nobody else does.

use crate::drive::{Driver, Starter};
use crate::faults::{LONG, finish, run, text};
use crate::support::fault::signal;
use crate::support::harness::cases;
use crate::support::{Job, Testbed};
use nix::sys::signal::Signal;
use std::time::Duration;

cases![janitor_cancels_what_a_killed_driver_left_waiting, run_that_ends_in_order_leaves_no_janitor];

/// One CPU for the driver is all that is free, and workers want two: none starts, also not in the driver's place.
fn full_cluster(testbed: &Testbed) -> String {
    let mut sbatch = testbed.command("sbatch");
    sbatch.args([
        "--parsable",
        "--array=0-4",
        "--mem=50M",
        "--time=10",
        "--job-name=others",
        "--wrap",
        "exec sleep 600",
    ]);
    let output = sbatch.output().expect("sbatch starts");
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let running =
        || testbed.jobs().iter().filter(|job| job.array.to_string() == id && job.state == "RUNNING").count();
    testbed.wait_until("the others run", Duration::from_secs(15), || running() == 5);
    id
}

fn waiting_driver<'a>(testbed: &'a Testbed, size: &str) -> (Driver<'a>, Job) {
    let text = text(size, "-1", "slurm", 4).replace("cores = 1", "cores = 2") + "[slurm]\njanitor = 1\n";
    let driver = Driver::start(testbed, Starter::Srun, &text);
    let mut janitor = None;
    testbed.wait_until("there is a janitor", Duration::from_secs(30), || {
        janitor = driver.worker_jobs().into_iter().find(|job| job.name.ends_with("-janitor"));
        janitor.as_ref().is_some_and(|janitor| janitor.reason == "Dependency")
    });
    let janitor = janitor.expect("just seen");
    assert_eq!((janitor.state.as_str(), janitor.memory.as_str(), janitor.cores), ("PENDING", "50M", 1));
    let workers: Vec<Job> = driver.worker_jobs().into_iter().filter(|job| job.name != janitor.name).collect();
    assert!(workers.len() == 4 && workers.iter().all(|worker| worker.state == "PENDING"), "{workers:?}");
    let stderr = driver.stderr();
    assert!(stderr.contains(&format!("workers wait: job {} cancels those", janitor.id)), "{stderr}");
    (driver, janitor)
}

fn state(testbed: &Testbed, id: u64) -> String {
    testbed.jobs().into_iter().find(|job| job.id == id).expect("Slurm knows it").state
}

fn janitor_cancels_what_a_killed_driver_left_waiting(testbed: &Testbed) {
    let others = full_cluster(testbed);
    let (driver, janitor) = waiting_driver(testbed, "1e15");
    let array = driver.worker_jobs().iter().find(|job| job.name != janitor.name).expect("they wait").array;
    signal(driver.process(), Signal::SIGKILL);
    testbed.wait_until("no worker waits", Duration::from_secs(15), || driver.worker_jobs().is_empty());
    assert_eq!(state(testbed, janitor.id), "COMPLETED");
    let workers: Vec<Job> = testbed.jobs().into_iter().filter(|job| job.array == array).collect();
    assert!(
        workers.iter().all(|worker| worker.state == "CANCELLED" && worker.node.is_empty()),
        "{workers:?}"
    );
    assert!(
        testbed.jobs().iter().any(|job| job.name == "others" && job.state == "RUNNING"),
        "others were hit"
    );
    testbed.scancel(&[&others]);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn run_that_ends_in_order_leaves_no_janitor(testbed: &Testbed) {
    let expected = run(testbed, &text("1e9", "-1", "threads", 2));
    let others = full_cluster(testbed);
    let (mut driver, janitor) = waiting_driver(testbed, "1e9");
    testbed.scancel(&[&others]);
    assert_eq!(finish(&mut driver), expected);
    testbed.wait_until("no job is left", LONG, || testbed.no_job_left());
    assert_eq!(state(testbed, janitor.id), "CANCELLED");
}
