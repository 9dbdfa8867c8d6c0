//! What a real Slurm would let wait for ever is refused before it is submitted, and what it does without a word is
//! foretold.

use crate::drive::{Driver, Starter};
use crate::support::Testbed;
use crate::support::harness::cases;
use std::process::Output;
use std::time::Duration;

cases![
    time_limit_above_the_partitions_is_refused_before_any_job,
    closed_partition_is_waited_for_until_somebody_opens_it,
    memory_above_that_of_a_cpu_is_billed_as_foretold,
    dry_run_shows_the_expected_start_and_leaves_nothing,
];

const RUN: &str = r#"
[results]
mean = "random.normal(0.0, 0.1, size=200_000_000).mean()"
[cluster]
kind = "slurm"
workers = 2
memory = "1000M"
walltime = "5"
"#;

/// A partition of a case's own, which ends with it.
pub(crate) struct Partition<'a>(&'a Testbed, &'static str);

impl<'a> Partition<'a> {
    pub(crate) fn new(testbed: &'a Testbed, name: &'static str, properties: &str) -> Partition<'a> {
        let named = format!("PartitionName={name}");
        let all = ["create", &named, "Nodes=ALL"].into_iter().chain(properties.split_whitespace());
        admin(testbed, &all.collect::<Vec<_>>());
        Partition(testbed, name)
    }
}

impl Drop for Partition<'_> {
    fn drop(&mut self) {
        let mut command = self.0.admin_command("scontrol");
        let _ = command.args(["delete", &format!("PartitionName={}", self.1)]).status();
    }
}

fn admin(testbed: &Testbed, arguments: &[&str]) {
    let output = testbed.admin_command("scontrol").args(arguments).output().expect("scontrol starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn time_limit_above_the_partitions_is_refused_before_any_job(testbed: &Testbed) {
    let text = format!("{RUN}[slurm]\npartition = 'short'\n");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert_eq!(driver.wait(Duration::from_secs(30)).code(), Some(2));
    let stderr = driver.stderr();
    assert!(stderr.contains("a time limit of 00:05:00 is above the 00:02:00 of partition short"), "{stderr}");
    assert!(stderr.contains("slurm.partition to one that can run it: main"), "{stderr}");
    let name = format!("sq-{}-0", driver.run_directory().file_name().expect("an id").display());
    assert!(testbed.jobs().iter().all(|job| job.name != name), "{}", testbed.describe());
}

fn closed_partition_is_waited_for_until_somebody_opens_it(testbed: &Testbed) {
    let _night = Partition::new(testbed, "night", "State=DOWN");
    let text = format!("{RUN}[slurm]\npartition = 'night'\n");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    testbed.wait_until("it is said", Duration::from_secs(15), || {
        driver.stderr().contains("partition night is DOWN: it takes jobs") && driver.worker_jobs().len() == 2
    });
    admin(testbed, &["update", "PartitionName=night", "State=UP"]);
    assert!(driver.wait(Duration::from_secs(60)).success(), "{}", driver.stderr());
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
}

fn memory_above_that_of_a_cpu_is_billed_as_foretold(testbed: &Testbed) {
    let _bound = Partition::new(testbed, "bound", "MaxMemPerCPU=512");
    let text = format!("{RUN}[slurm]\npartition = 'bound'\n");
    let mut driver = Driver::start(testbed, Starter::Shell, &text);
    assert!(driver.wait(Duration::from_secs(60)).success(), "{}", driver.stderr());
    let said = "2 CPUs billed for 1000M: partition bound gives 512M for each CPU";
    assert!(driver.stderr().contains(said), "{}", driver.stderr());
    let name = format!("sq-{}-0", driver.run_directory().file_name().expect("an id").display());
    let jobs = testbed.jobs();
    let cores: Vec<u32> = jobs.iter().filter(|job| job.name == name).map(|job| job.cores).collect();
    assert_eq!(cores, [2, 2]);
    testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
}

fn dry_run_shows_the_expected_start_and_leaves_nothing(testbed: &Testbed) {
    let known = testbed.jobs().len();
    let output = dry_run(testbed, RUN);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "an array of 2 jobs",
        "1 CPU on node",
        "of partition main, says sbatch --test-only",
        " core-seconds of work",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    assert!(testbed.jobs().len() <= known, "{}", testbed.describe());
    let drained = Partition::new(testbed, "drained", "State=DRAIN");
    let output = dry_run(testbed, &format!("{RUN}[slurm]\npartition = 'drained'\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error: partition drained takes no jobs\ncause: its state is DRAIN"), "{said}");
    drop(drained);
}

fn dry_run(testbed: &Testbed, text: &str) -> Output {
    let directory = testbed.directory("dry");
    std::fs::write(directory.join("run.toml"), text).expect("written");
    let mut command = testbed.command(testbed.program());
    let output = command.args(["run", "--dry-run", "run.toml"]).current_dir(&directory).output();
    assert!(!directory.join(".squall").exists(), "a run directory was made");
    output.expect("started")
}
