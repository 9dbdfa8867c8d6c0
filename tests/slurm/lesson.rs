//! The lesson's case on a real Slurm: four small jobs beside a driver of 256 MB, and nothing left at the end.

use crate::drive::{Driver, Starter};
use crate::support::Testbed;
use crate::support::harness::cases;
use std::time::{Duration, Instant};

cases![
    lesson_runs_on_four_jobs_and_leaves_none,
    workers_that_left_in_order_are_completed,
    unknown_partition_is_refused_with_those_that_there_are,
    jobs_of_their_own_instead_of_an_array,
    array_larger_than_the_site_allows_is_split,
    driver_submitted_as_a_job_runs_the_lesson,
    submitted_driver_that_lives_is_not_reaped,
];

const LESSON: &str = r#"
[arrays]
x = "random.normal(0.0, 0.1, size=8_000_000_000, chunks=500_000_000)"
[results]
mean = "x.mean()"
[cluster]
kind = "slurm"
workers = 4
cores = 1
memory = "2G"
walltime = "00:05:00"
minimum_workers = 4
"#;

/// A shorter one.
const SHORT: &str = r#"
[results]
mean = "random.normal(0.0, 0.1, size=200_000_000).mean()"
[random]
seed = 7
[cluster]
kind = "slurm"
workers = 2
memory = "500M"
walltime = "5"
"#;

fn lesson_runs_on_four_jobs_and_leaves_none(testbed: &Testbed) {
    let mut driver = Driver::start(testbed, Starter::Srun, LESSON);
    let running = |name: &str, memory: &str| {
        let jobs = testbed.jobs();
        let seen = jobs.iter().filter(|job| job.name.starts_with(name) && job.memory == memory);
        seen.filter(|job| job.state == "RUNNING").count()
    };
    testbed.wait_until("driver and four workers run at one moment", Duration::from_secs(30), || {
        running("driver", "256M") == 1 && running("sq-", "2G") == 4
    });
    let status = driver.wait(Duration::from_secs(120));
    let ended = Instant::now();
    assert!(status.success(), "{status}: {}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(5), || testbed.no_job_left());
    assert!(ended.elapsed() < Duration::from_secs(5));
    let mean = f64::from_bits(crate::drive::bits(&driver.stdout(), "mean"));
    let standard_error = 0.1 / 8e9_f64.sqrt();
    assert!(mean != 0.0 && mean.abs() < 5.0 * standard_error, "{mean}");
    let stderr = driver.stderr();
    for said in ["4 workers asked for", "4 of 4 workers registered", "% done", "time: submit", "seed 0x"] {
        assert!(stderr.contains(said), "{said:?} is not in\n{stderr}");
    }
}

fn workers_that_left_in_order_are_completed(testbed: &Testbed) {
    let mut driver = Driver::start(testbed, Starter::Shell, SHORT);
    assert!(driver.wait(Duration::from_secs(60)).success(), "{}", driver.stderr());
    testbed.wait_until("the jobs have ended", Duration::from_secs(5), || testbed.no_job_left());
    let events = driver.events();
    let submitted = events.iter().find(|event| crate::drive::is(event, "submitted")).expect("one array");
    let array = submitted["job"].as_str().and_then(|job| job.strip_prefix("job ")).expect("its id");
    let states: Vec<String> = testbed
        .jobs()
        .into_iter()
        .filter(|job| job.array.to_string() == array)
        .map(|job| job.state)
        .collect();
    assert_eq!(states, ["COMPLETED", "COMPLETED"]);
}

fn unknown_partition_is_refused_with_those_that_there_are(testbed: &Testbed) {
    let mut driver =
        Driver::start(testbed, Starter::Shell, &format!("{SHORT}[slurm]\npartition = 'nowhere'\n"));
    assert_eq!(driver.wait(Duration::from_secs(30)).code(), Some(2));
    let stderr = driver.stderr();
    assert!(stderr.contains("error: there is no partition `nowhere`\n"), "{stderr}");
    assert!(stderr.contains("hint: set slurm.partition to one of main, short, closed"), "{stderr}");
    assert_eq!(driver.stdout(), "");
    assert!(driver.worker_jobs().is_empty());
}

fn jobs_of_their_own_instead_of_an_array(testbed: &Testbed) {
    let text = format!("{SHORT}minimum_workers = 2\n[slurm]\nsubmit = 'jobs'\n");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert!(driver.wait(Duration::from_secs(60)).success(), "{}", driver.stderr());
    let events = driver.events();
    let submitted = events.iter().filter(|event| crate::drive::is(event, "submitted"));
    assert_eq!(submitted.filter(|event| event["workers"] == 1).count(), 2);
}

/// The testbed's MaxArraySize is 50.
fn array_larger_than_the_site_allows_is_split(testbed: &Testbed) {
    let text = SHORT.replace("workers = 2", "workers = 60").replace("500M", "100M");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert!(driver.wait(Duration::from_secs(60)).success(), "{}", driver.stderr());
    let events = driver.events();
    let submitted = events.iter().filter(|event| crate::drive::is(event, "submitted"));
    let workers: Vec<u64> = submitted.filter_map(|event| event["workers"].as_u64()).collect();
    assert_eq!(workers, [50, 10]);
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
}

fn driver_submitted_as_a_job_runs_the_lesson(testbed: &Testbed) {
    let directory = testbed.directory("submit");
    std::fs::write(directory.join("run.toml"), SHORT).expect("written");
    let mut command = testbed.command(testbed.program());
    let output = command.args(["submit", "run.toml"]).current_dir(&directory).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = said.lines().find_map(|line| line.strip_prefix("its log, with the results: "));
    let log = log.expect("it says where the log is").to_owned();
    testbed.wait_until("the log holds the result", Duration::from_secs(60), || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("mean = "))
    });
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

/// What is seen of a submitted run whose two workers run.
fn watch(squall: &impl Fn(&[&str]) -> String) {
    let queue = squall(&["queue"]);
    let ends = |end: &str| queue.lines().filter(|line| line.contains("sq-") && line.ends_with(end)).count();
    assert_eq!((ends(" driver"), ends("registered") + ends("busy") + ends("starting")), (1, 2), "{queue}");
    assert!(queue.contains(": running") && queue.contains(" of 2 workers here"), "{queue}");
    let runs: serde_json::Value = serde_json::from_str(&squall(&["runs", "--output=json"])).expect("JSON");
    assert_eq!((&runs[0]["state"], &runs[0]["cluster"]), (&"running".into(), &"slurm".into()), "{runs}");
    let shown = squall(&["show", runs[0]["run"].as_str().expect("an id")]);
    for said in
        ["submission 0: the driver: job ", "submission 1: 2 workers: job ", "    #SBATCH --mem=500M\n"]
    {
        assert!(shown.contains(said), "{said:?} is not in\n{shown}");
    }
}

fn submitted_driver_that_lives_is_not_reaped(testbed: &Testbed) {
    let directory = testbed.directory("submit");
    let squall = |arguments: &[&str]| {
        let mut command = testbed.command(testbed.program());
        let output = command.args(arguments).current_dir(&directory).output().expect("started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = SHORT.replace("size=200_000_000", "size=1e15");
    std::fs::write(directory.join("run.toml"), text).expect("written");
    squall(&["submit", "run.toml"]);
    let running = || testbed.jobs().iter().filter(|job| job.state == "RUNNING").count();
    testbed.wait_until("driver and workers run", Duration::from_secs(30), || running() == 3);
    assert!(squall(&["reap"]).contains("its driver lives"));
    assert_eq!(squall(&["queue"]).lines().filter(|line| line.contains("sq-")).count(), 3);
    assert_eq!(running(), 3);
    watch(&squall);
    let jobs = testbed.jobs();
    let driver =
        jobs.iter().find(|job| job.memory == "256M" && !job.has_ended()).map(|job| job.id.to_string());
    testbed.scancel(&[&driver.expect("it runs")]);
    testbed.wait_until("no job is left", Duration::from_secs(20), || testbed.no_job_left());
    assert!(squall(&["reap"]).contains("nothing to reap"));
}
