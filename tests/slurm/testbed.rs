//! The testbed itself is what a site is: ordinary users, limits that kill, arrays, nested submission, faults.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::Testbed;
use crate::support::fault::signal;
use crate::support::harness::cases;

cases![
    job_runs_as_the_ordinary_user_within_its_limits,
    program_under_test_can_be_run_by_the_user,
    job_over_its_memory_is_killed,
    array_of_four_workers_runs_beside_a_driver,
    sbatch_inside_srun_submits,
    pending_jobs_say_why,
    stopped_controller_fails_a_submission_that_is_queued_all_the_same,
    jobs_outlive_the_daemon_of_their_node,
    restarted_controller_knows_its_jobs,
    killed_job_and_its_processes_are_seen,
];

const SOON: Duration = Duration::from_secs(15);

fn job_runs_as_the_ordinary_user_within_its_limits(testbed: &Testbed) {
    let script = "id -un; grep Cpus_allowed_list /proc/self/status; cat /proc/self/cgroup";
    let output = run(testbed, "srun", &["--mem=256M", "--cpus-per-task=1", "bash", "-c", script]);
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(testbed.user.as_str()));
    let cpus = lines.next().expect("a second line").trim_start_matches("Cpus_allowed_list:").trim();
    if testbed.confined {
        assert!(cpus.parse::<u32>().is_ok(), "one core was asked for, CPUs {cpus} are allowed");
        assert!(testbed.nodes.iter().any(|node| text.contains(node)), "not in a cgroup of a node: {text}");
    }
}

fn program_under_test_can_be_run_by_the_user(testbed: &Testbed) {
    let program = testbed.program();
    run(
        testbed,
        "srun",
        &["--mem=64M", program.to_str().expect("the testbed's paths are ASCII"), "--version"],
    );
}

fn job_over_its_memory_is_killed(testbed: &Testbed) {
    let grow = "x=$(head -c 500M /dev/zero | tr '\\0' x); sleep 60; echo lived";
    let directory = testbed.directory("memory");
    let id = submit(testbed, &directory, &["--mem=100M", "--wrap", grow]);
    testbed.wait_until("the job has ended", Duration::from_secs(30), || {
        state(testbed, id) != "RUNNING" && testbed.no_job_left()
    });
    let expected = if testbed.confined { "OUT_OF_MEMORY" } else { "FAILED" };
    assert_eq!(state(testbed, id), expected, "{}", testbed.describe());
}

fn array_of_four_workers_runs_beside_a_driver(testbed: &Testbed) {
    let directory = testbed.directory("array");
    let driver =
        submit(testbed, &directory, &["--mem=256M", "--job-name=driver", "--wrap", "exec sleep 600"]);
    let arguments =
        ["--array=0-3", "--mem=2G", "--cpus-per-task=1", "--job-name=four", "--wrap", "exec sleep 600"];
    let array = submit(testbed, &directory, &arguments);
    testbed
        .wait_until("all five run", SOON, || running(testbed, array) == 4 && running(testbed, driver) == 1);
    let jobs = testbed.jobs();
    let mut elements: Vec<_> = jobs.iter().filter(|job| job.array == array).collect();
    elements.sort_by_key(|job| job.index);
    assert_eq!(
        elements.iter().map(|job| job.index).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2), Some(3)]
    );
    for job in elements {
        assert_eq!((job.memory.as_str(), job.cores, job.name.as_str()), ("2G", 1, "four"));
        assert!(testbed.nodes.contains(&job.node), "{job:?}");
    }
    testbed.scancel(&[&array.to_string(), &driver.to_string()]);
    testbed.wait_until("all are cancelled", SOON, || testbed.no_job_left());
}

fn sbatch_inside_srun_submits(testbed: &Testbed) {
    let directory = testbed.directory("nested");
    let inner = format!("sbatch --parsable --chdir={} --mem=64M --wrap 'id -un > who'", directory.display());
    let output = run(testbed, "srun", &["--mem=256M", "bash", "-c", &inner]);
    let id: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("sbatch wrote a job id");
    testbed.wait_until("the inner job has completed", SOON, || state(testbed, id) == "COMPLETED");
    let who = fs::read_to_string(directory.join("who")).expect("the inner job wrote a file");
    assert_eq!(who.trim(), testbed.user);
}

fn pending_jobs_say_why(testbed: &Testbed) {
    let directory = testbed.directory("pending");
    let closed = submit(testbed, &directory, &["--partition=closed", "--wrap", "true"]);
    let long = submit(testbed, &directory, &["--partition=short", "--time=60", "--wrap", "true"]);
    let reason = |id| testbed.jobs().into_iter().find(|job| job.id == id).map(|job| job.reason);
    testbed.wait_until("both reasons are known", SOON, || {
        reason(closed).as_deref() == Some("PartitionDown")
            && reason(long).as_deref() == Some("PartitionTimeLimit")
    });
    testbed.scancel(&["--state=PENDING", "--user", &testbed.user]);
    testbed.wait_until("both are cancelled", SOON, || testbed.no_job_left());
}

fn stopped_controller_fails_a_submission_that_is_queued_all_the_same(testbed: &Testbed) {
    testbed.stop_controller();
    let mut sbatch = testbed.command("sbatch");
    let output = sbatch.args(["--job-name=doubtful", "--wrap", "true"]).output().expect("sbatch starts");
    testbed.continue_controller();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("Socket timed out on send/recv operation"), "{words}");
    testbed.wait_until("the job appears", SOON, || testbed.jobs().iter().any(|job| job.name == "doubtful"));
    testbed.wait_until("the job has ended", SOON, || testbed.no_job_left());
}

fn jobs_outlive_the_daemon_of_their_node(testbed: &Testbed) {
    let directory = testbed.directory("node");
    let node = &testbed.nodes[0];
    let id = submit(testbed, &directory, &["--nodelist", node, "--wrap", "exec sleep 600"]);
    testbed.wait_until("the job runs", SOON, || processes(testbed, id) > 0);
    testbed.kill_node(node);
    assert!(processes(testbed, id) > 0);
    testbed.start_node(node);
    testbed.scancel(&[&id.to_string()]);
    testbed.wait_until("the job is cancelled", SOON, || testbed.no_job_left());
    assert_eq!(state(testbed, id), "CANCELLED");
}

fn restarted_controller_knows_its_jobs(testbed: &Testbed) {
    let directory = testbed.directory("controller");
    let id = submit(testbed, &directory, &["--hold", "--job-name=remembered", "--wrap", "true"]);
    let saved = testbed.conf().with_file_name("state").join("job_state");
    testbed.wait_until("the state is on disk", SOON, || {
        String::from_utf8_lossy(&fs::read(&saved).unwrap_or_default()).contains("remembered")
    });
    testbed.kill_controller();
    testbed.start_controller();
    assert_eq!(state(testbed, id), "PENDING");
    testbed.scontrol(&["release", &id.to_string()]);
    testbed.wait_until("the job has completed", SOON, || state(testbed, id) == "COMPLETED");
}

fn killed_job_and_its_processes_are_seen(testbed: &Testbed) {
    let directory = testbed.directory("kill");
    let id = submit(testbed, &directory, &["--wrap", "exec sleep 600"]);
    testbed.wait_until("the job runs", SOON, || processes(testbed, id) > 0);
    let all = testbed.processes_of_user();
    let process =
        all.iter().find(|process| process.command.starts_with("sleep")).expect("exec replaced the shell");
    signal(process.pid, Signal::SIGKILL);
    testbed.wait_until("the job has ended", SOON, || testbed.no_job_left());
    assert_eq!(state(testbed, id), "FAILED");
    assert_eq!(processes(testbed, id), 0);
}

fn run(testbed: &Testbed, program: &str, arguments: &[&str]) -> Output {
    let output = testbed.command(program).args(arguments).output().expect("Slurm's commands start");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn submit(testbed: &Testbed, directory: &Path, arguments: &[&str]) -> u64 {
    let directory = directory.to_str().expect("the testbed's paths are ASCII");
    let output = run(testbed, "sbatch", &[&["--parsable", "--chdir", directory], arguments].concat());
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("sbatch wrote a job id")
}

fn state(testbed: &Testbed, id: u64) -> String {
    testbed.jobs().into_iter().find(|job| job.id == id).expect("Slurm knows the job").state
}

fn running(testbed: &Testbed, array: u64) -> usize {
    testbed.jobs().iter().filter(|job| job.array == array && job.state == "RUNNING").count()
}

fn processes(testbed: &Testbed, job: u64) -> usize {
    testbed.processes_of_user().iter().filter(|process| process.job == Some(job)).count()
}
