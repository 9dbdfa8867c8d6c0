//! Runs of several pools, before anything is submitted: against a fake of Slurm's commands.

use crate::fake::Fake;

const SCONTROL: &str = r#"case "$*" in
*config) echo "KillWait = 5 sec"; echo "SLURM_VERSION = 22.05.8";;
*) L="AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Hidden=NO RootOnly=NO TotalCPUs=6 TotalNodes=3"
echo "PartitionName=main $L Default=YES MaxNodes=UNLIMITED MaxTime=UNLIMITED State=UP"
echo "PartitionName=spare $L Default=NO MaxNodes=UNLIMITED MaxTime=00:02:00 State=UP";;
esac"#;

const FORECAST: &str = "echo 'sbatch: Job 43 to start at 2024-05-01T12:00:00 using 1 processors on nodes node-1 in partition main' >&2";

const POOLS: &str = r#"
[results]
mean = "random.random(size=9e6).mean()"
[random]
seed = 1
[cluster]
kind = "slurm"
workers = 5
walltime = "5"
[pool.spare]
partition = "spare"
walltime = "2"
memory = "300M"
maximum = 2
[pool.own]
constraint = "fast"
cores = 2
"#;

fn fake(text: &str) -> Fake {
    let fake = Fake::new(&[("scontrol", SCONTROL), ("sbatch", FORECAST), ("squeue", ":"), ("scancel", ":")]);
    fake.place.write("run.toml", text);
    fake
}

#[test]
fn dry_run_shows_what_each_pool_is_asked_for() {
    let fake = fake(POOLS);
    let shown = fake.place.run(["run", "--dry-run", "run.toml"]).ok().stdout;
    for part in [
        "a worker in pool spare needs ",
        "of the 300M that it is given",
        "submissions, pool spare:\n  an array of 2 jobs\n",
        "submissions, pool own:\n  an array of 3 jobs\n",
        "  #SBATCH --partition=spare\n",
        "  #SBATCH --constraint=fast\n",
        "  #SBATCH --cpus-per-task=2\n",
        "expected start, pool own:\n  2024-05-01T12:00:00",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
}

#[test]
fn script_shows_that_of_each_pool_with_its_name_for_the_worker() {
    let fake = fake(POOLS);
    let shown = fake.place.run(["script", "run.toml"]).ok().stdout;
    let execs: Vec<&str> = shown.lines().filter(|line| line.starts_with("exec ")).collect();
    assert_eq!(execs.len(), 2, "{shown}");
    assert!(execs[0].ends_with(" spare") && execs[1].ends_with(" own"), "{execs:?}");
    assert!(shown.contains("# submitted with, pool own:"), "{shown}");
}

#[test]
fn figure_that_a_pools_partition_does_not_give_is_refused_by_the_pools_own_key() {
    let fake = fake(&POOLS.replace("walltime = \"2\"", "walltime = \"9\""));
    let outcome = fake.place.run(["run", "--quiet", "run.toml"]);
    assert_eq!(outcome.code(), 2, "{}", outcome.stderr);
    let said = "a time limit of 00:09:00 is above the 00:02:00 of partition spare";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("hint: set pool.spare.walltime to 00:02:00 or less"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fake.calls("sbatch"), [""; 0], "{}", outcome.stderr);
}

#[test]
fn worker_of_a_pool_that_is_too_small_is_refused_by_name() {
    let fake = fake(&POOLS.replace("300M", "1M"));
    let stderr = fake.place.run(["run", "--quiet", "run.toml"]).stderr;
    assert!(stderr.contains("a worker in pool spare of 1 thread needs "), "{stderr}");
    assert!(stderr.contains("hint: set pool.spare.memory to "), "{stderr}");
}
