//! However a driver ends, its workers end too: those that run, and those that still wait.

use crate::drive::{Driver, Starter, is};
use crate::support::Testbed;
use crate::support::fault::signal;
use crate::support::harness::cases;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

cases![
    driver_of_a_shell_ended_by_term,
    driver_of_a_shell_ended_by_hup,
    driver_of_a_shell_ended_by_two_interrupts,
    driver_of_a_shell_killed,
    driver_of_srun_ended_by_term,
    driver_of_srun_ended_by_hup,
    driver_of_srun_ended_by_two_interrupts,
    driver_of_srun_killed,
    driver_of_srun_cancelled,
    driver_of_sbatch_ended_by_term,
    driver_of_sbatch_ended_by_hup,
    driver_of_sbatch_ended_by_two_interrupts,
    driver_of_sbatch_killed,
    driver_of_sbatch_cancelled,
    controller_that_hangs_does_not_hold_up_the_end,
    driver_inside_a_job_gives_its_workers_a_deadline,
];

/// More workers than the six CPUs, so that some wait; more work than will ever be done.
const ENDLESS: &str = r#"
[results]
mean = "random.normal(0.0, 0.1, size=1e15).mean()"
[cluster]
kind = "slurm"
workers = 9
cores = 1
memory = "300M"
walltime = "10"
death_timeout = 10
"#;
const DEATH_TIMEOUT: Duration = Duration::from_secs(10);
/// Once one that waited has started and found no driver, the others must not wait longer than this.
const NEXT_ONE: Duration = Duration::from_secs(10);

/// What ends the driver.
#[derive(Clone, Copy)]
enum End {
    /// Signals, one right after the other, to what the user has in hand: the shell's process, srun, or the
    /// batch job's process.
    Signals(&'static [Signal]),
    /// SIGKILL to the driver's own process.
    Kill,
    /// `scancel` of the driver's job.
    Cancel,
}

fn ends(testbed: &Testbed, starter: Starter, end: End) {
    let mut driver = Driver::start(testbed, starter, ENDLESS);
    driver.wait_until("a worker has answered", Duration::from_secs(60), |events| {
        events.iter().any(|event| is(event, "answered"))
    });
    let in_state = |state: &str| driver.worker_jobs().iter().filter(|job| job.state == state).count();
    testbed.wait_until("some workers run and some wait", Duration::from_secs(30), || {
        in_state("RUNNING") >= 2 && in_state("PENDING") >= 2
    });
    let own = match starter {
        Starter::Sbatch => driver.process(),
        Starter::Shell | Starter::Srun => Pid::from_raw(driver.child.id() as i32),
    };
    match end {
        End::Signals(&[first, second]) => {
            signal(own, first);
            // Signals that wait together are delivered once: the second one comes when the first was noticed.
            let (log, word) = match starter {
                Starter::Srun => ("starter", "one more within"),
                Starter::Shell | Starter::Sbatch => ("stderr", "ending: "),
            };
            testbed.wait_until("the first signal is noticed", Duration::from_secs(5), || {
                fs::read_to_string(driver.directory.join(log)).is_ok_and(|text| text.contains(word))
            });
            signal(own, second);
        }
        End::Signals(signals) => signals.iter().for_each(|&each| signal(own, each)),
        End::Kill => signal(driver.process(), Signal::SIGKILL),
        End::Cancel => testbed.scancel(&[&driver.job().expect("it runs in a job").to_string()]),
    }
    // Those that ran are gone after the death timeout; one of those that waited may start in their place, and
    // takes the rest with it.
    testbed
        .wait_until("no worker's job is left", DEATH_TIMEOUT + NEXT_ONE, || driver.worker_jobs().is_empty());
    testbed.wait_until("the driver is gone", Duration::from_secs(15), || {
        testbed.no_job_left() && driver.child.try_wait().expect("a child").is_some()
    });
}

/// In order: the workers that ran were asked to leave, so that Slurm calls them COMPLETED, and those that waited
/// were cancelled.
fn ends_in_order(testbed: &Testbed, starter: Starter, end: End) {
    let before: BTreeSet<u64> = testbed.jobs().iter().map(|job| job.array).collect();
    ends(testbed, starter, end);
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for job in testbed.jobs() {
        if job.name.starts_with("sq-") && !before.contains(&job.array) {
            *states.entry(job.state).or_default() += 1;
        }
    }
    assert!(states.get("COMPLETED") >= Some(&2), "{states:?}");
    assert!(states.keys().all(|state| state == "COMPLETED" || state == "CANCELLED"), "{states:?}");
}

const INTERRUPT: Signal = Signal::SIGINT;

fn driver_of_a_shell_ended_by_term(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Shell, End::Signals(&[Signal::SIGTERM]));
}

fn driver_of_a_shell_ended_by_hup(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Shell, End::Signals(&[Signal::SIGHUP]));
}

fn driver_of_a_shell_ended_by_two_interrupts(testbed: &Testbed) {
    ends(testbed, Starter::Shell, End::Signals(&[INTERRUPT, INTERRUPT]));
}

fn driver_of_a_shell_killed(testbed: &Testbed) {
    ends(testbed, Starter::Shell, End::Kill);
}

fn driver_of_srun_ended_by_term(testbed: &Testbed) {
    ends(testbed, Starter::Srun, End::Signals(&[Signal::SIGTERM]));
}

fn driver_of_srun_ended_by_hup(testbed: &Testbed) {
    ends(testbed, Starter::Srun, End::Signals(&[Signal::SIGHUP]));
}

fn driver_of_srun_ended_by_two_interrupts(testbed: &Testbed) {
    ends(testbed, Starter::Srun, End::Signals(&[INTERRUPT, INTERRUPT]));
}

fn driver_of_srun_killed(testbed: &Testbed) {
    ends(testbed, Starter::Srun, End::Kill);
}

fn driver_of_srun_cancelled(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Srun, End::Cancel);
}

fn driver_of_sbatch_ended_by_term(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Sbatch, End::Signals(&[Signal::SIGTERM]));
}

fn driver_of_sbatch_ended_by_hup(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Sbatch, End::Signals(&[Signal::SIGHUP]));
}

fn driver_of_sbatch_ended_by_two_interrupts(testbed: &Testbed) {
    ends(testbed, Starter::Sbatch, End::Signals(&[INTERRUPT, INTERRUPT]));
}

fn driver_of_sbatch_killed(testbed: &Testbed) {
    ends(testbed, Starter::Sbatch, End::Kill);
}

fn driver_of_sbatch_cancelled(testbed: &Testbed) {
    ends_in_order(testbed, Starter::Sbatch, End::Cancel);
}

fn controller_that_hangs_does_not_hold_up_the_end(testbed: &Testbed) {
    let mut driver = Driver::start(testbed, Starter::Shell, ENDLESS);
    driver.wait_until("a worker has answered", Duration::from_secs(60), |events| {
        events.iter().any(|event| is(event, "answered"))
    });
    testbed.stop_controller();
    signal(Pid::from_raw(driver.child.id() as i32), Signal::SIGTERM);
    let asked = Instant::now();
    let status = driver.wait(Duration::from_secs(20));
    let took = asked.elapsed();
    testbed.continue_controller();
    assert_eq!(status.code(), Some(143), "{}", driver.stderr());
    assert!(took < Duration::from_secs(12), "{took:?}");
    let stderr = driver.stderr();
    let line = stderr.lines().find_map(|line| line.split_once("type `")).expect("the line to type");
    let line = line.1.trim_end_matches('`');
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "scancel");
    testbed.scancel(&words[1..]);
    testbed
        .wait_until("no worker's job is left", DEATH_TIMEOUT + NEXT_ONE, || driver.worker_jobs().is_empty());
}

/// What waits is ended by Slurm itself where everything else fails. And the user is told meanwhile.
fn driver_inside_a_job_gives_its_workers_a_deadline(testbed: &Testbed) {
    let driver = Driver::start(testbed, Starter::Srun, ENDLESS);
    let waiting = || driver.worker_jobs().into_iter().filter(|job| job.state == "PENDING");
    testbed.wait_until("some workers wait", Duration::from_secs(60), || waiting().count() >= 2);
    let array = waiting().next().expect("just seen").array.to_string();
    let shown = testbed.scontrol(&["show", "job", &array]);
    let deadline = shown.split_whitespace().find_map(|word| word.strip_prefix("Deadline="));
    assert!(deadline.is_some_and(|deadline| deadline.starts_with("20")), "{shown}");
    testbed.wait_until("it says why some wait", Duration::from_secs(30), || {
        driver.stderr().contains("PENDING (Resources)")
    });
    let stderr = driver.stderr();
    let job = driver.job().expect("it runs in a job").to_string();
    assert!(
        stderr.contains(&format!("Ctrl-C twice kills at once; `scancel {job}` ends in order")),
        "{stderr}"
    );
    testbed.scancel(&[&job]);
    testbed.wait_until("no job is left", Duration::from_secs(20), || testbed.no_job_left());
}
