//! Workers of several pools on a real Slurm.

use crate::before::Partition;
use crate::drive::{Driver, Starter, is};
use crate::faults::{LONG, expected, finish, of, run, text};
use crate::support::fault::signal;
use crate::support::harness::cases;
use crate::support::{Job, Testbed};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

cases![
    workers_of_unequal_pools_give_the_bits_of_threads,
    lost_worker_of_a_pool_that_takes_no_more_is_replaced_in_the_next,
    preempted_workers_hand_in_what_they_have_and_are_replaced,
    pool_that_slurm_refuses_is_refused_before_jobs_of_others_are_submitted,
];

/// Work for three workers: two in a partition of the case's own, and one with two cores in `main`.
fn unequal(partition: &str) -> String {
    format!(
        "{}minimum_workers = 3\n\
         [pool.spare]\npartition = '{partition}'\nmemory = '300M'\nwalltime = '2'\nmaximum = 2\n\
         [pool.own]\ncores = 2\nmaximum = 2\n",
        text("1e10", "-1", "slurm", 3)
    )
}

fn registered(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| is(event, "registered")).collect()
}

/// The partitions of the run's worker jobs, and how many are in each.
fn partitions(testbed: &Testbed, driver: &Driver<'_>) -> BTreeMap<String, usize> {
    let mut partitions = BTreeMap::new();
    for job in driver.worker_jobs() {
        let output = testbed.command("scontrol").args(["show", "job", &job.id.to_string()]).output();
        let shown = String::from_utf8_lossy(&output.expect("scontrol starts").stdout).into_owned();
        let partition = shown.split_whitespace().find_map(|word| word.strip_prefix("Partition="));
        *partitions.entry(partition.expect("it has one").to_owned()).or_default() += 1;
    }
    partitions
}

fn workers_of_unequal_pools_give_the_bits_of_threads(testbed: &Testbed) {
    let expected = expected(testbed);
    let _spare = Partition::new(testbed, "spare", "MaxTime=3");
    let mut driver = Driver::start(testbed, Starter::Shell, &unequal("spare"));
    driver.wait_until("all are there", LONG, |events| registered(events).len() == 3);
    let threads = |events: &[Value]| {
        let mut threads: Vec<_> =
            registered(events).iter().filter_map(|event| event["threads"].as_u64()).collect();
        threads.sort_unstable();
        threads
    };
    assert_eq!(threads(&driver.events()), [1, 1, 2]);
    let stderr = driver.stderr();
    assert!(stderr.contains("pool spare: 2 at the most, 1 thread, 300M and 00:02:00 each\n"), "{stderr}");
    assert!(stderr.contains("pool own: 2 at the most, 2 threads, 500M and 00:10:00 each\n"), "{stderr}");
    let found = partitions(testbed, &driver);
    assert_eq!(found, [("main".to_owned(), 1), ("spare".to_owned(), 2)].into(), "{}", testbed.describe());
    assert_eq!(finish(&mut driver), expected);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn lost_worker_of_a_pool_that_takes_no_more_is_replaced_in_the_next(testbed: &Testbed) {
    let _spare = Partition::new(testbed, "spare", "MaxTime=3");
    // So much that it is not done before the other worker has come.
    let ample = unequal("spare").replace("1e10", "6e10");
    let mut driver = Driver::start(testbed, Starter::Shell, &ample);
    driver.wait_until("all are there", LONG, |events| registered(events).len() == 3);
    let events = driver.events();
    let of_spare = registered(&events).into_iter().find(|event| event["threads"] == 1).expect("two are");
    testbed.scontrol(&["update", "PartitionName=spare", "State=DRAIN"]);
    signal(driver.worker_process(of_spare), Signal::SIGKILL);
    driver.wait_until("another one is there", LONG, |events| registered(events).len() == 4);
    let stderr = driver.stderr();
    assert!(stderr.contains("1 workers cannot be started yet in pool spare"), "{stderr}");
    assert!(stderr.contains("partition spare takes no jobs: its state is DRAIN"), "{stderr}");
    assert!(stderr.contains("another worker is started in pool own"), "{stderr}");
    let events = driver.events();
    assert_eq!(registered(&events)[3]["threads"], 2);
    finish(&mut driver);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn preempted_workers_hand_in_what_they_have_and_are_replaced(testbed: &Testbed) {
    let size = "2e10";
    let expected = run(testbed, &text(size, "-1", "threads", 2));
    let _spare = Partition::new(testbed, "spare", "MaxTime=3 PriorityTier=1 PreemptMode=CANCEL");
    let _rush = Partition::new(testbed, "rush", "PriorityTier=10");
    let mut driver = Driver::start(testbed, Starter::Shell, &unequal("spare").replace("1e10", size));
    driver.wait_until("all are there", LONG, |events| registered(events).len() == 3);
    let events = driver.events();
    let of_spare = registered(&events).into_iter().find(|event| event["threads"] == 1).expect("two are");
    let job = of_spare["job"].as_str().expect("a job");
    let named = |one: &Job| one.index.is_some_and(|index| job == format!("{}_{index}", one.array));
    let seen = || testbed.jobs().into_iter().find(named).expect("Slurm knows it");
    // A stopped driver leases nothing: the run outlasts what happens to its workers.
    signal(driver.process(), Signal::SIGSTOP);
    let node = format!("--nodelist={}", seen().node);
    let more_urgent = ["--partition=rush", "--cpus-per-task=2", "--mem=100M", &node, "--wrap=sleep 600"];
    let directory = testbed.directory("rush");
    let mut sbatch = testbed.command("sbatch");
    let output =
        sbatch.arg("--parsable").args(more_urgent).current_dir(directory).output().expect("sbatch starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    testbed.wait_until("it is preempted", Duration::from_secs(60), || seen().state == "PREEMPTED");
    signal(driver.process(), Signal::SIGCONT);
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    assert_eq!(of(&events, "left", of_spare).count(), 1, "{}", driver.stderr());
    assert!(registered(&events).len() > 3, "nobody took its place: {}", driver.stderr());
    testbed.scancel(&[String::from_utf8_lossy(&output.stdout).trim()]);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn pool_that_slurm_refuses_is_refused_before_jobs_of_others_are_submitted(testbed: &Testbed) {
    let mut driver = Driver::start(testbed, Starter::Shell, &unequal("sparre"));
    assert_eq!(driver.wait(LONG).code(), Some(2), "{}", driver.stderr());
    let stderr = driver.stderr();
    assert!(stderr.contains("there is no partition `sparre`"), "{stderr}");
    assert!(stderr.contains("cause: pool.spare.partition names it"), "{stderr}");
    let name = format!("sq-{}-0", driver.run_directory().file_name().expect("an id").display());
    assert!(testbed.jobs().iter().all(|job| job.name != name), "{}", testbed.describe());
}
