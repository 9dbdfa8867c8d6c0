//! The memory proof under Slurm's own limit: plans run with exactly what was computed for them, none is killed,
//! and what was measured stays below the bound.

use crate::drive::{Driver, Starter, is};
use crate::support::Testbed;
use crate::support::harness::cases;
use serde_json::Value;
use std::time::Duration;

cases![
    mean_of_many_numbers_runs_within_its_bound,
    reductions_of_wide_arrays_run_within_their_bounds,
    pi_of_short_rows_runs_within_its_bound,
    collected_array_runs_within_its_bound,
    median_runs_within_its_bound,
    worker_that_cannot_fit_is_refused_before_any_job,
    driver_in_a_job_is_bound_by_the_memory_of_the_job,
];

const LIMIT: Duration = Duration::from_secs(180);

/// Two workers with exactly the memory that was computed for them.
fn run(testbed: &Testbed, expression: &str) {
    let text = format!(
        "[results]\nvalue = \"{expression}\"\n[random]\nseed = 7\n\
         [cluster]\nkind = 'slurm'\nworkers = 2\nmemory = 'auto'\nwalltime = 'auto'\nminimum_workers = 2\n"
    );
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    let status = driver.wait(LIMIT);
    assert!(status.success(), "{expression}: {status}: {}", driver.stderr());
    let events = driver.events();
    assert!(!events.iter().any(|event| is(event, "lost")), "{expression}: {}", driver.stderr());
    let receipt = events.iter().find(|event| is(event, "closed")).expect("the run has ended");
    let bytes = |field: &str| receipt.get(field).and_then(Value::as_u64).expect("a number of bytes");
    let asked = bytes("worker_allowed_bytes");
    let (worker, bound) = (bytes("worker_peak_bytes"), bytes("worker_bound_bytes"));
    assert!(asked >= bound && asked - bound < 1 << 20, "{expression}: {asked} for {bound}");
    assert!(0 < worker && worker <= bound, "{expression}: a worker took {worker} of {bound}");
    let (peak, bound) = (bytes("driver_peak_bytes"), bytes("driver_bound_bytes"));
    assert!(0 < peak && peak <= bound, "{expression}: the driver took {peak} of {bound}");
    let memory = format!("{}M", asked >> 20);
    let jobs = testbed.jobs().into_iter().filter(|job| job.name.starts_with("sq-") && job.memory == memory);
    assert!(jobs.count() >= 2, "{expression}: {}", testbed.describe());
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
    let stderr = driver.stderr();
    for said in [format!("memory {memory}: "), "walltime 00:".to_owned(), " bounded, ".to_owned()] {
        assert!(stderr.contains(&said), "{said:?} is not in\n{stderr}");
    }
}

fn mean_of_many_numbers_runs_within_its_bound(testbed: &Testbed) {
    run(testbed, "random.normal(0, 1, size=1_000_000_000).mean()");
}

fn reductions_of_wide_arrays_run_within_their_bounds(testbed: &Testbed) {
    let x = "random.normal(10, 0.1, size=(20_000, 20_000))";
    run(testbed, &format!("{x}.mean(axis=0)"));
    run(testbed, &format!("{x}.std(axis=0)"));
}

fn pi_of_short_rows_runs_within_its_bound(testbed: &Testbed) {
    run(testbed, "((random.random((100_000_000, 2))**2).sum(axis=1) < 1).mean() * 4");
}

fn collected_array_runs_within_its_bound(testbed: &Testbed) {
    run(testbed, "random.random(300_000) * 2");
}

fn median_runs_within_its_bound(testbed: &Testbed) {
    run(testbed, "median(random.normal(0, 1, size=100_000_000))");
}

fn worker_that_cannot_fit_is_refused_before_any_job(testbed: &Testbed) {
    let text = "[results]\nvalue = \"random.normal(0, 1, size=1e9).mean()\"\n\
                [cluster]\nkind = 'slurm'\ncores = 2\nmemory = '8M'\n";
    let mut driver = Driver::start(testbed, Starter::Shell, text);
    assert_eq!(driver.wait(Duration::from_secs(30)).code(), Some(2));
    let stderr = driver.stderr();
    assert!(stderr.starts_with("error: a worker of 2 threads needs "), "{stderr}");
    assert!(stderr.contains("most of it for `value`: mean("), "{stderr}");
    assert!(driver.worker_jobs().is_empty());
}

/// `srun` gives the driver 256M. What it cannot hold is refused; saved, the same array is computed beside it.
fn driver_in_a_job_is_bound_by_the_memory_of_the_job(testbed: &Testbed) {
    let text = |wanted: &str| {
        format!(
            "arrays.x = 'random.random(30_000_000)'\n{wanted}\n[random]\nseed = 7\n\
             [cluster]\nkind = 'slurm'\nworkers = 2\nmemory = 'auto'\nwalltime = 'auto'\n"
        )
    };
    let mut driver = Driver::start(testbed, Starter::Srun, &text("results.all = 'x * 2'"));
    assert_eq!(driver.wait(Duration::from_secs(60)).code(), Some(2), "{}", driver.stderr());
    let stderr = driver.stderr();
    for said in [
        "error: the driver with 1 compute thread needs ",
        ", and it has 256M",
        "that of the Slurm job it runs in",
        "`all` gathers 30000000 elements",
    ] {
        assert!(stderr.contains(said), "{said:?} is not in\n{stderr}");
    }
    assert_eq!(driver.stdout(), "");
    assert!(driver.events().is_empty() && driver.worker_jobs().is_empty());
    let mut driver = Driver::start(testbed, Starter::Srun, &text("save.x = 'x.npy'"));
    assert!(driver.wait(LIMIT).success(), "{}", driver.stderr());
    let saved = std::fs::metadata(driver.directory.join("x.npy")).expect("it is saved").len();
    assert!((240_000_000..240_010_000).contains(&saved), "{saved}");
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
}
