//! Limits of accounts and of QOS, people who hold, suspend and cancel jobs, and jobs that the queue has forgotten: on a
//! Slurm with accounting. What is refused is said in Slurm's words, what can be waited out is waited out.

use crate::drive::{Driver, Starter, is};
use crate::faults::{LONG, expected, finish, of, text, worker_at_work};
use crate::program::events::Events;
use crate::support::Testbed;
use crate::support::fault::signal;
use crate::support::harness::cases;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

cases![
    workers_that_a_qos_does_not_take_follow_when_it_does,
    walltime_above_that_of_the_qos_ends_the_run_rather_than_waiting_for_ever,
    walltime_that_the_qos_denies_is_refused_in_slurms_words,
    limit_of_the_account_is_shown_and_waited_out,
    job_that_is_held_waits_until_somebody_releases_it,
    worker_suspended_by_slurm_changes_no_bit,
    worker_cancelled_by_an_administrator_changes_no_bit,
    end_of_a_job_that_left_the_queue_is_told_by_accounting,
    partition_that_drains_under_a_run_puts_off_its_replacements,
];

const SOON: Duration = Duration::from_secs(60);

/// A run with the tight QOS, whose walltime is as long as that allows.
fn tight(workers: u32) -> String {
    format!("{}[slurm]\nqos = 'tight'\n", ample(workers).replace("walltime = '10'", "walltime = '5'"))
}

fn ample(workers: u32) -> String {
    text("1e10", "-1", "slurm", workers)
}

/// What an administrator has changed with `sacctmgr`, until the case is over.
struct Changed<'a> {
    testbed: &'a Testbed,
    what: [&'static str; 2],
    back: &'static str,
}

impl<'a> Changed<'a> {
    fn new(testbed: &'a Testbed, what: [&'static str; 2], to: &str, back: &'static str) -> Changed<'a> {
        sacctmgr(testbed, what, to);
        Changed { testbed, what, back }
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        sacctmgr(self.testbed, self.what, self.back);
    }
}

fn sacctmgr(testbed: &Testbed, [kind, name]: [&str; 2], change: &str) {
    let mut command = testbed.admin_command("sacctmgr");
    let output = command.args(["--immediate", "modify", kind, name, "set", change]).output();
    let output = output.expect("sacctmgr starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The account may have one CPU at a time.
fn one_cpu(testbed: &Testbed) -> Changed<'_> {
    Changed::new(testbed, ["account", "lessons"], "GrpTRES=cpu=1", "GrpTRES=cpu=-1")
}

fn registered(driver: &Driver<'_>) -> usize {
    driver.events().iter().filter(|event| is(event, "registered")).count()
}

/// The end of a run that nothing is left of.
fn finish_with(testbed: &Testbed, driver: &mut Driver<'_>, expected: (u64, u64)) {
    assert_eq!(finish(driver), expected);
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn workers_that_a_qos_does_not_take_follow_when_it_does(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &tight(4));
    testbed.wait_until("it says what does not fit", SOON, || {
        driver.stderr().contains("2 workers cannot be started yet, next try in ")
    });
    let stderr = driver.stderr();
    let words = ["QOSMaxSubmitJobPerUserLimit", "Job violates accounting/QOS policy (job submit limit"];
    assert!(words.iter().all(|words| stderr.contains(words)), "{stderr}");
    driver.wait_until("those that fit are at work", SOON, |events| {
        events.iter().any(|event| is(event, "answered"))
    });
    assert_eq!(driver.worker_jobs().len(), 2, "{}", testbed.describe());
    let _more = Changed::new(testbed, ["qos", "tight"], "MaxSubmitJobsPerUser=8", "MaxSubmitJobsPerUser=2");
    testbed.wait_until("the others have come", SOON, || registered(&driver) == 4);
    finish_with(testbed, &mut driver, expected);
}

fn walltime_above_that_of_the_qos_ends_the_run_rather_than_waiting_for_ever(testbed: &Testbed) {
    let text = tight(2).replace("walltime = '5'", "walltime = '10'");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert_eq!(driver.wait(SOON).code(), Some(4), "{}", driver.stderr());
    let stderr = driver.stderr();
    for words in [
        "error: no worker came",
        "would wait for ever: PENDING (QOSMaxWallDurationPerJobLimit)",
        "hint: lower cluster.walltime, or name another slurm.qos",
    ] {
        assert!(stderr.contains(words), "no `{words}` in {stderr}");
    }
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

fn walltime_that_the_qos_denies_is_refused_in_slurms_words(testbed: &Testbed) {
    let _deny = Changed::new(testbed, ["qos", "tight"], "Flags=DenyOnLimit", "Flags-=DenyOnLimit");
    let text = tight(2).replace("walltime = '5'", "walltime = '10'");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert!(!driver.wait(SOON).success());
    let stderr = driver.stderr();
    for words in [
        "error: Slurm refused the job",
        "QOSMaxWallDurationPerJobLimit",
        "Job violates accounting/QOS policy",
        "cluster.walltime",
    ] {
        assert!(stderr.contains(words), "no `{words}` in {stderr}");
    }
    assert!(!driver.events().iter().any(|event| is(event, "submitted")));
    assert!(testbed.no_job_left());
}

fn limit_of_the_account_is_shown_and_waited_out(testbed: &Testbed) {
    let expected = expected(testbed);
    let limit = one_cpu(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &ample(2));
    testbed
        .wait_until("it says why one waits", SOON, || driver.stderr().contains("PENDING (AssocGrpCpuLimit)"));
    assert_eq!(registered(&driver), 1, "{}", driver.stderr());
    drop(limit);
    testbed.wait_until("the other one has come", SOON, || registered(&driver) == 2);
    finish_with(testbed, &mut driver, expected);
}

fn job_that_is_held_waits_until_somebody_releases_it(testbed: &Testbed) {
    let expected = expected(testbed);
    let limit = one_cpu(testbed);
    // Nothing is begun without both, however quick the machine is.
    let mut driver = Driver::start(testbed, Starter::Shell, &format!("{}minimum_workers = 2\n", ample(2)));
    let waiting = || driver.worker_jobs().into_iter().find(|job| job.state == "PENDING");
    testbed.wait_until("one waits", SOON, || registered(&driver) == 1 && waiting().is_some());
    let job = waiting().expect("just seen");
    let name = format!("{}_{}", job.array, job.index.expect("an element"));
    let scontrol = |what: &str| {
        let output = testbed.command("scontrol").args([what, &name]).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    scontrol("hold");
    drop(limit);
    testbed.wait_until("it says who has to act", SOON, || {
        driver.stderr().contains("JobHeldUser: the job is held: `scontrol release JOBID` lets it go")
    });
    assert_eq!(waiting().map(|job| job.reason).as_deref(), Some("JobHeldUser"));
    assert_eq!(registered(&driver), 1);
    scontrol("release");
    finish_with(testbed, &mut driver, expected);
    assert_eq!(registered(&driver), 2);
}

fn worker_suspended_by_slurm_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &ample(3));
    let worker = worker_at_work(&driver);
    let (job, number) =
        (worker["job"].as_str().expect("a job"), worker["worker"].as_u64().expect("a number"));
    testbed.scontrol(&["suspend", job]);
    let run = driver.run_directory();
    let twins = || Events::of(&run).expect("there are events").twins();
    let replaced = || twins().iter().any(|(first, second)| first.worker == number && second.worker != number);
    testbed.wait_until("its lease is given again", LONG, replaced);
    assert!(testbed.jobs().iter().any(|job| job.state == "SUSPENDED"), "{}", testbed.describe());
    testbed.scontrol(&["resume", job]);
    finish_with(testbed, &mut driver, expected);
}

/// What accounting says of a job, as its user is told.
fn accounted(testbed: &Testbed, job: &str) -> String {
    let arguments = ["--noheader", "--parsable2", "--allocations", "--format=State", "--jobs", job];
    let output = testbed.command("sacct").args(arguments).output().expect("sacct starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn worker_cancelled_by_an_administrator_changes_no_bit(testbed: &Testbed) {
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &ample(3));
    let worker = worker_at_work(&driver);
    let job = worker["job"].as_str().expect("a job");
    let status = testbed.admin_command("scancel").arg(job).status().expect("scancel starts");
    assert!(status.success());
    assert_eq!(finish(&mut driver), expected);
    let events = driver.events();
    let parted: Vec<&Value> = of(&events, "left", &worker).chain(of(&events, "lost", &worker)).collect();
    assert_eq!(parted.len(), 1, "{}", driver.stderr());
    testbed.wait_until("accounting knows who it was", SOON, || {
        accounted(testbed, job).starts_with("CANCELLED by ")
    });
    testbed.wait_until("no job is left", Duration::from_secs(15), || testbed.no_job_left());
}

/// Before the driver: a `squeue` that fails while there is a file `blind`, and notes that it did.
fn failing_squeue(directory: &Path) -> String {
    let (bin, here) = (directory.join("bin"), directory.display());
    fs::create_dir(&bin).expect("it takes another one");
    let script = format!(
        "#!/bin/bash\nif [ -e {here}/blind ]; then echo blind >> {here}/looks; \
         echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1; fi\n\
         exec /usr/bin/squeue \"$@\"\n"
    );
    fs::write(bin.join("squeue"), script).expect("written");
    fs::set_permissions(bin.join("squeue"), fs::Permissions::from_mode(0o755)).expect("one's own file");
    format!("export PATH={}:$PATH", bin.display())
}

fn end_of_a_job_that_left_the_queue_is_told_by_accounting(testbed: &Testbed) {
    let text = text("1e15", "-1", "slurm", 1) + "replacements = 0\n";
    let mut driver = Driver::start_after(testbed, Starter::Shell, &text, failing_squeue);
    driver
        .wait_until("the worker is at work", SOON, |events| events.iter().any(|event| is(event, "answered")));
    let worker = driver.events().into_iter().find(|event| is(event, "registered")).expect("it works");
    fs::write(driver.directory.join("blind"), "").expect("written");
    signal(driver.worker_process(&worker), Signal::SIGKILL);
    let looked = || fs::read_to_string(driver.directory.join("looks")).is_ok();
    let name = format!("sq-{}-0", driver.run_directory().file_name().expect("an id").display());
    testbed.wait_until("the queue has forgotten the job, and nobody saw its end", SOON, || {
        looked() && testbed.jobs().iter().all(|job| job.name != name)
    });
    fs::remove_file(driver.directory.join("blind")).expect("removed");
    assert_eq!(driver.wait(LONG).code(), Some(4), "{}", driver.stderr());
    let stderr = driver.stderr();
    let said = format!("worker {} ended: FAILED", worker["job"].as_str().expect("a job"));
    assert!(stderr.contains(&said) && !stderr.contains("UNKNOWN"), "{stderr}");
    assert!(testbed.no_job_left());
}

fn partition_that_drains_under_a_run_puts_off_its_replacements(testbed: &Testbed) {
    struct Up<'a>(&'a Testbed);
    impl Drop for Up<'_> {
        fn drop(&mut self) {
            self.0.scontrol(&["update", "PartitionName=main", "State=UP"]);
        }
    }
    let expected = expected(testbed);
    let mut driver = Driver::start(testbed, Starter::Shell, &ample(2));
    let worker = worker_at_work(&driver);
    testbed.scontrol(&["update", "PartitionName=main", "State=DRAIN"]);
    let up = Up(testbed);
    signal(driver.worker_process(&worker), Signal::SIGKILL);
    driver.wait_until("it says why no other one is started", SOON, |_| {
        let stderr = driver.stderr();
        stderr.contains("1 workers cannot be started yet")
            && stderr.contains("partition main takes no jobs: its state is DRAIN")
    });
    drop(up);
    finish_with(testbed, &mut driver, expected);
}
