//! What is said, refused and counted before anything is submitted, against fakes of Slurm's commands that say what a
//! real Slurm said: `tests/slurm/before.rs` asks one.

use crate::fake::Fake;
use crate::support::Place;

/// Three tasks of about a million elements.
const THREE: &str = "random.random(size=3e6).mean()";

const SCONTROL: &str = r#"case "$*" in
*config) echo "KillWait = 5 sec"; echo "MaxArraySize = 50"; echo "SLURM_VERSION = 22.05.8";;
*) L="AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Hidden=NO RootOnly=NO TotalCPUs=6 TotalNodes=3"
echo "PartitionName=main $L Default=YES MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxMemPerNode=UNLIMITED State=UP"
echo "PartitionName=short $L Default=NO MaxNodes=UNLIMITED MaxTime=00:02:00 MaxMemPerNode=UNLIMITED State=UP"
echo "PartitionName=closed $L Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED State=DOWN"
echo "PartitionName=percpu $L Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxMemPerCPU=512 State=UP";;
esac"#;

const FORECAST: &str = "cat >$FAKE_SLURM/script; \
    echo 'sbatch: Job 43 to start at 2024-05-01T12:00:00 using 1 processors on nodes node-1 in partition main' >&2";

/// A Slurm of some partitions whose `sbatch` refuses every job that is really submitted.
fn refusing() -> Fake {
    Fake::new(&[
        ("scontrol", SCONTROL),
        ("sbatch", "echo 'sbatch: error: no' >&2; exit 1"),
        ("squeue", ":"),
        ("scancel", ":"),
    ])
}

/// What a run says that is refused before it is submitted.
fn refused(arguments: &[&str]) -> String {
    let fake = refusing();
    let line = ["run", "--quiet", "--cluster=slurm", "--walltime=5", "-e", THREE];
    let outcome = fake.place.run(line.iter().chain(arguments));
    assert_eq!(fake.calls("sbatch"), [""; 0], "{}", outcome.stderr);
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    outcome.stderr
}

#[test]
fn jobs_that_no_partition_could_start_are_refused_before_sbatch_is_called() {
    let long = refused(&["--set=slurm.partition=short"]);
    for part in [
        "error: a time limit of 00:05:00 is above the 00:02:00 of partition short\n",
        "cause: Slurm would let it wait for ever (PartitionTimeLimit)\n",
        "hint: set cluster.walltime to 00:02:00 or less\n",
        "hint: or set slurm.partition to one that can run it: main",
    ] {
        assert!(long.contains(part), "no `{part}` in\n{long}");
    }
    let wide = refused(&["--cores=7"]);
    assert!(wide.contains("error: no node of partition main can give 7 CPUs to one job\n"), "{wide}");
    assert!(wide.contains("cause: it has 6 CPUs on 3 nodes\n"), "{wide}");
    let unknown = refused(&["--set=slurm.partition=mian"]);
    assert!(unknown.contains("error: there is no partition `mian`\n"), "{unknown}");
    assert!(
        unknown.contains("hint: did you mean `main`? there are main, short, closed, percpu"),
        "{unknown}"
    );
}

/// What is said of a run whose submission then fails.
fn said(fake: &Fake, arguments: &[&str]) -> String {
    let line = ["run", "--cluster=slurm", "--walltime=5", "--memory=1000M", "-e", THREE];
    let outcome = fake.place.run(line.iter().chain(arguments));
    assert_eq!(fake.calls("sbatch").len(), 1, "{}", outcome.stderr);
    outcome.stderr
}

#[test]
fn closed_partitions_and_cpus_that_are_billed_for_memory_are_told_of() {
    let closed = said(&refusing(), &["--set=slurm.partition=closed"]);
    let down = "partition closed is DOWN: it takes jobs, and starts none until an administrator opens it; open are main";
    assert!(closed.contains(down), "{closed}");
    let billed = said(&refusing(), &["--set=slurm.partition=percpu"]);
    assert!(billed.contains("2 CPUs billed for 1000M: partition percpu gives 512M for each CPU"), "{billed}");
}

#[test]
fn nothing_is_refused_where_scontrol_cannot_be_asked_and_that_is_said_once() {
    let down = "echo 'slurm_load_partitions error: Unable to contact slurm controller (connect failure)' >&2; exit 1";
    let fake = Fake::new(&[("scontrol", down), ("sbatch", "exit 1"), ("squeue", ":"), ("scancel", ":")]);
    let said = said(&fake, &["--set=slurm.partition=short"]);
    let told = "the site's limits are not known and nothing is checked against them: ";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert!(said.contains("Unable to contact slurm controller"), "{said}");
}

#[test]
fn no_more_workers_are_submitted_than_can_be_at_work() {
    let fake = refusing();
    let told = said(&fake, &["--workers=50"]);
    assert!(told.contains("3 workers instead of 50: no stage has more than 3 tasks"), "{told}");
    assert!(
        told.contains(" core-seconds of work, by a trial on this machine, for 3 jobs of 1 core and 00:05:00"),
        "{told}"
    );
    assert!(fake.calls("sbatch")[0].contains("--array=0-2 "), "{:?}", fake.calls("sbatch"));
    let fake = refusing();
    let told = said(&fake, &["--workers=50", "--cores=2"]);
    assert!(told.contains("2 workers instead of 50"), "{told}");
}

#[test]
fn site_with_small_arrays_is_told_of_in_a_dry_run() {
    let fake = Fake::new(&[("scontrol", SCONTROL), ("sbatch", FORECAST)]);
    let large = "random.random(size=1e9).mean()";
    let shown =
        fake.place.run(["run", "--dry-run", "--cluster=slurm", "--workers=120", "-e", large]).ok().stdout;
    assert!(
        shown.contains("120 jobs in 3 arrays, since MaxArraySize is 50; the first one is shown"),
        "{shown}"
    );
}

#[test]
fn dry_run_shows_everything_and_submits_nothing() {
    let fake = Fake::new(&[("scontrol", SCONTROL), ("sbatch", FORECAST)]);
    let line = ["run", "--dry-run", "--cluster=slurm", "--workers=2", "--seed=1", "-e", THREE];
    let outcome = fake.place.run(line).ok();
    for part in [
        "plan:\n  seed 1\n  result result = mean(",
        "  stage 0: ",
        "memory:\n  a worker needs ",
        "  the driver needs ",
        "work:\n  about ",
        "submissions:\n  an array of 2 jobs\n",
        "job script:\n  #!/bin/bash",
        "submitted with:\n  sbatch --parsable ",
        "expected start:\n  2024-05-01T12:00:00, 1 CPU on node-1 of partition main, says sbatch --test-only\n",
    ] {
        assert!(outcome.stdout.contains(part), "no `{part}` in\n{}", outcome.stdout);
    }
    let [call] = &fake.calls("sbatch")[..] else { panic!("sbatch is asked once") };
    assert!(call.contains("--test-only") && call.contains("--array=0-1"), "{call}");
    assert_eq!(fake.place.runs(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn dry_run_says_what_slurm_would_refuse() {
    let drained =
        "echo 'allocation failure: Invalid account or account/partition combination specified' >&2; exit 1";
    let fake = Fake::new(&[("scontrol", SCONTROL), ("sbatch", drained)]);
    let outcome = fake.place.run(["run", "--dry-run", "--cluster=slurm", "-e", THREE]);
    assert_eq!(outcome.code(), 3, "{}", outcome.stderr);
    assert!(
        outcome.stdout.ends_with("expected start:\n  never: Slurm refuses the jobs\n"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stderr.contains("cause: Invalid account or account/partition"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: set slurm.account"), "{}", outcome.stderr);
}

#[test]
fn dry_run_on_threads_shows_plan_and_memory() {
    let place = Place::new();
    let shown = place.run(["run", "--dry-run", "--seed=1", "-e", THREE]).ok().stdout;
    assert!(
        shown.starts_with("plan:\n  seed 1\n") && shown.contains("\nmemory:\n  the driver needs "),
        "{shown}"
    );
    assert!(!shown.contains("sbatch"), "{shown}");
}

#[test]
fn driver_that_is_submitted_waits_no_longer_than_its_partition_lets_it() {
    let fake = Fake::new(&[("scontrol", SCONTROL), ("sbatch", "echo 57")]);
    let line = ["submit", "--cluster=slurm", "--walltime=2", "--set=slurm.partition=short", "-e", THREE];
    let said = fake.place.run(line).ok().stdout;
    assert!(said.contains("00:02:00 (--driver-walltime)"), "{said}");
    let longer = fake.place.run(line.iter().chain(&["--driver-walltime=60"]));
    assert_eq!(longer.code(), 2, "{}", longer.stderr);
    assert!(longer.stderr.contains("hint: set --driver-walltime to 00:02:00 or less"), "{}", longer.stderr);
    assert_eq!(fake.calls("sbatch").len(), 1);
}
