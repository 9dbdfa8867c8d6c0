//! What each refusal says, its exit code, and that nothing was started, or everything ended, before it was said.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::fake::Fake;
use crate::processes::assert_no_process_of;
use crate::support::Place;
use crate::support::running::{Outcome, Running};

const SMALL: &str = "random.random(size=1e6).mean()";
/// Work for several workers.
const SEVERAL: &str = "random.random(size=1e7).mean()";
/// What a site without further ado answers.
const SITE: &[(&str, &str)] =
    &[("scontrol", "echo 'MaxArraySize = 1001'"), ("squeue", ":"), ("scancel", ":")];

/// The name of a run directory.
fn run_id(run: &Path) -> &str {
    run.file_name().and_then(|name| name.to_str()).expect("run ids are ASCII")
}

/// A refusal as it reads: exit code and words, without what differs from run to run.
fn refusal(place: &Place, outcome: &Outcome) -> String {
    assert_eq!(outcome.stdout, "");
    assert_no_process_of(place);
    let mut text = outcome.stderr.replace(place.directory().to_str().expect("ASCII"), "[HERE]");
    for run in place.runs() {
        text = text.replace(run_id(&run), "[RUN]");
    }
    format!("exit code {}\n{text}", outcome.code())
}

/// Runs with a Slurm that would take anything, and proves that it was not asked to.
pub(crate) fn refused_before_slurm(prepare: impl Fn(&Place), arguments: &[&str]) -> String {
    let fake = Fake::new(&[&[("sbatch", "echo 57")], SITE].concat());
    prepare(&fake.place);
    let flags = ["--quiet", "--cluster=slurm"];
    let flags = flags.iter().filter(|flag| !arguments.contains(flag) || **flag == "--quiet");
    let outcome = fake.place.run(["run"].iter().chain(flags).chain(arguments));
    assert_eq!(fake.calls("sbatch"), [""; 0]);
    refusal(&fake.place, &outcome)
}

pub(crate) fn refused(arguments: &[&str]) -> String {
    refused_before_slurm(|_| {}, arguments)
}

#[test]
fn unknown_key_is_shown_in_its_line_with_the_nearest_one() {
    let prepare = |place: &Place| drop(place.write("run.toml", "[cluster]\nworkers = 4\nwaltime = \"5\"\n"));
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @r#"
    exit code 2
    error: unknown key `waltime` in [cluster]
    cause: run.toml:3:1
             |
           3 | waltime = "5"
             | ^^^^^^^
    hint: did you mean `walltime`?
    "#);
}

#[test]
fn bad_unit_is_refused_with_those_there_are() {
    insta::assert_snapshot!(refused(&["-e", SMALL, "--memory", "2Q"]), @"
    exit code 2
    error: invalid cluster.memory
    cause: invalid memory `2Q`: unknown unit `Q`
    cause: set by --memory 2Q
    hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
    ");
}

#[test]
fn bad_expression_is_shown_with_a_caret() {
    insta::assert_snapshot!(refused(&["-e", "random.normal(0, 0.1 size=8e8).mean()"]), @"
    exit code 2
    error: unexpected `size`
    cause: result = random.normal(0, 0.1 size=8e8).mean()
                                         ^^^^
    hint: `)` is missing here
    ");
}

#[test]
fn unknown_function_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(refused(&["-e", "da.random.norml(0, 0.1, size=8e8).mean()"]), @"
    exit code 2
    error: `random` has no `norml`
    cause: result = da.random.norml(0, 0.1, size=8e8).mean()
                              ^^^^^
    hint: did you mean `normal`?
    ");
}

#[test]
fn expression_of_a_run_file_is_shown_by_its_name() {
    let prepare = |place: &Place| {
        drop(place.write("run.toml", "arrays.x = 'random.random(sise=5)'\nresults.m = 'x.mean()'\n"))
    };
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @"
    exit code 2
    error: `random` has no argument `sise`
    cause: x = random.random(sise=5)
                             ^^^^
    hint: did you mean `size`?
    ");
}

#[test]
fn zero_workers_are_refused() {
    insta::assert_snapshot!(refused(&["-e", SMALL, "--workers", "0"]), @"
    exit code 2
    error: cluster.workers is 0
    cause: set by --workers
    hint: ask for at least one worker, for example --workers 4
    ");
}

#[test]
fn overflowing_sizes_are_refused() {
    insta::assert_snapshot!(refused(&["-e", "random.random(size=1e30).mean()"]), @"
    exit code 2
    error: a size of more than 2^63 elements
    cause: result = random.random(size=1e30).mean()
                                       ^^^^
    ");
    insta::assert_snapshot!(refused(&["-e", "random.random(size=(1e12, 1e12)).mean()"]), @"
    exit code 2
    error: an array of shape (1000000000000, 1000000000000) has too many elements
    cause: result = random.random(size=(1e12, 1e12)).mean()
                                       ^^^^^^^^^^^^
    hint: an array has at most 2^63 elements
    ");
    insta::assert_snapshot!(refused(&["-e", SMALL, "--workers", "99999999999"]), @"
    exit code 2
    error: invalid cluster.workers
    cause: invalid value: integer `99999999999`, expected a whole number from 0 to 4294967295
    cause: set by --workers 99999999999
    ");
    insta::assert_snapshot!(refused(&["-e", SMALL, "--memory", "99999999999999T"]), @"
    exit code 2
    error: invalid cluster.memory
    cause: invalid memory `99999999999999T`: it is more than 64 bits can count in bytes
    cause: set by --memory 99999999999999T
    hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)
    ");
}

#[test]
fn zero_chunks_are_refused() {
    insta::assert_snapshot!(refused(&["-e", "random.random(size=1e6, chunks=0).mean()"]), @"
    exit code 2
    error: chunks of 0 elements
    cause: result = random.random(size=1e6, chunks=0).mean()
                                                   ^
    hint: a chunk has at least one element; -1 is the whole axis
    ");
}

#[test]
fn memory_too_small_for_the_plan_is_refused_with_both_figures() {
    insta::assert_snapshot!(refused(&["-e", SMALL, "--memory", "1M"]), @r#"
    exit code 2
    error: a worker of 1 thread needs 35M, and cluster.memory is 1M
    cause: 32.0M for the process, and 2.0M for each thread
    cause: most of it for `result`: mean(random(size=(1000000,), stream="result"))
    hint: set cluster.memory to 35M or more, or to "auto"
    "#);
}

#[test]
fn nothing_to_compute_is_refused() {
    insta::assert_snapshot!(refused(&[]), @"
    exit code 2
    error: there is nothing to compute
    hint: name a run file, or give an expression: squall run -e 'random.random(size=1e9).mean()'
    ");
    let prepare = |place: &Place| drop(place.write("run.toml", "[cluster]\nworkers = 4\n"));
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @r#"
    exit code 2
    error: nothing to compute in run.toml
    cause: it names no results
    hint: name what to compute:
          [arrays]
          x = "random.normal(0.0, 0.1, size=800_000_000)"
          [results]
          mean = "x.mean()"
    "#);
    insta::assert_snapshot!(refused(&["-e", ""]), @"
    exit code 2
    error: `result` has no expression
    ");
}

#[test]
fn missing_run_file_is_named() {
    insta::assert_snapshot!(refused(&["lesson.toml"]), @"
    exit code 5
    error: cannot read lesson.toml
    cause: No such file or directory (os error 2)
    hint: give the path of a run file, or compute one expression by `squall run -e EXPR`
    ");
}

#[test]
fn bad_flag_is_named() {
    insta::assert_snapshot!(refused(&["-e", SMALL, "--worker", "4"]), @"
    exit code 2
    error: unexpected argument '--worker' found
    hint: a similar argument exists: '--workers'
    hint: --help shows every command and flag
    ");
    insta::assert_snapshot!(refused(&["-e", SMALL, "--output", "yaml"]), @"
    exit code 2
    error: invalid value 'yaml' for '--output <OUTPUT>'
    cause: possible values: text, json
    hint: --help shows every command and flag
    ");
}

#[test]
fn no_command_at_all_prints_the_help_as_a_refusal() {
    let outcome = Place::new().run([""; 0]);
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.contains("Usage: squall <COMMAND>"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("error:"), "{}", outcome.stderr);
}

#[test]
fn several_drivers_of_one_srun_are_refused() {
    let fake = Fake::new(&[&[("sbatch", "echo 57")], SITE].concat());
    let mut command = fake.place.command(["run", "--quiet", "--cluster=slurm", "-e", SMALL]);
    command.envs([("SLURM_JOB_ID", "7"), ("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "4")]);
    let outcome = Running::start(command, fake.place.directory()).wait();
    assert_eq!(fake.calls("sbatch"), [""; 0]);
    insta::assert_snapshot!(refusal(&fake.place, &outcome), @"
    exit code 2
    error: srun started more than one driver
    cause: each of the 4 tasks of this step would compute everything
    hint: start one driver, and ask for workers in its settings: srun -n 1 squall run --workers 4 ...
    ");
}

#[test]
fn directive_after_the_first_command_of_a_template_is_refused() {
    let template = "#!/bin/bash\n#SBATCH --job-name={{ name | directive }}\nmodule load gcc\n#SBATCH --mem=2G\nexec {{ command }}\n";
    let prepare = |place: &Place| drop(place.write("worker.sh", template));
    let arguments = ["-e", SMALL, "--set=slurm.template=worker.sh"];
    insta::assert_snapshot!(refused_before_slurm(prepare, &arguments), @"
    exit code 2
    error: line 4 of the job script is ignored: `#SBATCH --mem=2G`
    cause: it comes after the first command, `module load gcc`
    hint: move the directive up in the file of slurm.template, or from slurm.prologue to slurm.directives
    ");
}

#[test]
fn placeholder_of_somebody_elses_template_is_refused() {
    let template = "#!/bin/bash\n#SBATCH --job-name={{ job_name }}\nexec {{ command }}\n";
    let prepare = |place: &Place| drop(place.write("worker.sh", template));
    let arguments = ["-e", SMALL, "--set=slurm.template=worker.sh"];
    insta::assert_snapshot!(refused_before_slurm(prepare, &arguments), @"
    exit code 2
    error: unknown placeholder `job_name` in the job script template
    hint: known are account, array, command, comments, constraint, cores, directives, epilogue, log_directory, mem, mem_per_cpu, memory, name, output, partition, program, prologue, qos, requeue, reservation, run_directory, walltime, workers
    hint: correct the file of slurm.template
    ");
}

#[test]
fn worker_in_the_foreground_of_a_template_is_refused() {
    let template = "#!/bin/bash\n{{ command }}\necho done\n";
    let prepare = |place: &Place| drop(place.write("worker.sh", template));
    let arguments = ["-e", SMALL, "--set=slurm.template=worker.sh"];
    insta::assert_snapshot!(refused_before_slurm(prepare, &arguments), @"
    exit code 2
    error: the job script runs the worker as a plain foreground line
    cause: Slurm's signals end the shell and never reach `[HERE]/.squall/[RUN]/squall worker [HERE]/.squall/[RUN]`
    hint: write `exec {{ command }}` in the file of slurm.template; to run something afterwards, use slurm.epilogue
    ");
}

#[test]
fn port_that_is_taken_is_named_before_anything_is_submitted() {
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let set = format!("--set=cluster.port={port}");
    let text = refused(&["-e", SMALL, &set]).replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(text, @"
    exit code 5
    error: cannot listen on port [PORT]
    cause: Address already in use (os error 98)
    hint: set cluster.port to a free port, or to 0 for any
    ");
}

#[test]
fn run_directory_that_cannot_be_written_is_named_before_anything_is_submitted() {
    // A file where the directory should be: refused to root as well.
    let prepare = |place: &Place| drop(place.write("file", ""));
    let arguments = ["-e", SMALL, "--set=run.directory=file/runs"];
    insta::assert_snapshot!(refused_before_slurm(prepare, &arguments), @"
    exit code 5
    error: cannot write `[HERE]/file/runs`
    cause: Not a directory (os error 20)
    hint: set run.directory to a place that can be written, and that workers can read
    ");
}

#[test]
fn machine_without_sbatch_is_refused() {
    let place = Place::new();
    let outcome = place.run(["run", "--quiet", "--cluster=slurm", "-e", SMALL]);
    insta::assert_snapshot!(refusal(&place, &outcome), @r#"
    exit code 3
    error: no `sbatch` on this machine
    cause: cluster.kind is "slurm", and PATH has no such command
    hint: start squall where Slurm's commands are, or use --cluster threads
    "#);
}

#[test]
fn unknown_partition_is_refused_in_slurms_words_and_nothing_is_left() {
    let sbatch = "echo 'sbatch: error: invalid partition specified: nope' >&2\n\
                  echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1";
    let fake = Fake::new(&[&[("sbatch", sbatch)], SITE].concat());
    let outcome =
        fake.place.run(["run", "--quiet", "--cluster=slurm", "-e", SMALL, "--set=slurm.partition=nope"]);
    insta::assert_snapshot!(refusal(&fake.place, &outcome), @"
    exit code 3
    error: Slurm refused the job
    cause: sbatch: error: invalid partition specified: nope
           sbatch: error: Batch job submission failed: Invalid partition name specified
    hint: set slurm.partition to one that `sinfo` lists
    hint: the job script is [HERE]/.squall/[RUN]/job-0.sh
    ");
    assert_eq!(fake.calls("sbatch").len(), 1);
    let call = &fake.calls("sbatch")[0];
    assert!(call.contains("--partition=nope") && call.contains("--parsable"), "{call}");
}

#[test]
fn pending_jobs_are_cancelled_by_id_and_by_name_when_the_driver_is_told_to_end() {
    let queue = "for index in 0 1; do echo \"58|57|$index|PENDING||N/A|Priority|sq\"; done";
    let fake = Fake::new(&[
        ("sbatch", "echo 57"),
        ("squeue", queue),
        ("scontrol", "echo 'MaxArraySize = 1001'"),
        ("scancel", ":"),
    ]);
    let mut running = fake.place.start(["run", "--cluster=slurm", "--workers=2", "-e", SEVERAL]);
    running.until("the jobs are seen to wait", |running| {
        running.stderr().contains("jobs: 2 PENDING (Priority)").then_some(())
    });
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    let cancelled = fake.calls("scancel").join("\n");
    let run = fake.place.runs().remove(0);
    let name = format!("--name=sq-{}-0", run_id(&run));
    assert!(cancelled.lines().any(|call| call.split(' ').any(|word| word == "57")), "{cancelled}");
    assert!(cancelled.lines().any(|call| call.split(' ').any(|word| word == name)), "{cancelled}");
}

#[test]
fn controller_that_is_down_at_the_end_leaves_the_line_to_type() {
    let down = "echo 'scancel: error: Unable to contact slurm controller (connect failure)' >&2; exit 1";
    let queue = "for index in 0 1; do echo \"58|57|$index|PENDING||N/A|Priority|sq\"; done";
    let fake = Fake::new(&[
        ("sbatch", "echo 57"),
        ("squeue", queue),
        ("scontrol", "echo 'MaxArraySize = 1001'"),
        ("scancel", down),
    ]);
    let mut running = fake.place.start(["run", "--cluster=slurm", "--workers=2", "-e", SEVERAL]);
    running.until("the jobs are seen to wait", |running| {
        running.stderr().contains("jobs: 2 PENDING (Priority)").then_some(())
    });
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    let run = fake.place.runs().remove(0);
    let line = format!("type `scancel --me --name sq-{}-0`", run_id(&run));
    assert!(outcome.stderr.contains(&line), "{line}\n{}", outcome.stderr);
}

#[test]
fn result_that_cannot_be_written_is_a_failure() {
    let place = Place::new();
    let mut command = Command::new("/bin/sh");
    let script = format!("exec {} run --quiet -e '{SMALL}' >/dev/full", env!("CARGO_BIN_EXE_squall"));
    command.env_clear().env("HOME", place.directory()).current_dir(place.directory()).args(["-c", &script]);
    let outcome = Running::start(command, place.directory()).wait();
    insta::assert_snapshot!(refusal(&place, &outcome), @"
    exit code 5
    error: cannot write to standard output
    cause: No space left on device (os error 28)
    ");
}

#[test]
fn worker_program_that_does_not_start_is_named() {
    let place = Place::new();
    let flags = ["--cluster=processes", "--set=cluster.program=/nonexistent/squall"];
    let outcome = place.run(["run", "--quiet", "-e", SMALL].iter().chain(&flags));
    insta::assert_snapshot!(refusal(&place, &outcome), @"
    exit code 5
    error: cannot start the worker program `/nonexistent/squall`
    cause: No such file or directory (os error 2)
    hint: set cluster.program to a program of squall's that can be run here
    ");
}

#[test]
fn workers_that_end_at_once_are_quoted() {
    let place = Place::new();
    let program = place
        .write("broken", "#!/bin/sh\necho 'libcuda.so.1: cannot open shared object file' >&2; exit 127\n");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("it is ours");
    let set = format!("--set=cluster.program={}", program.display());
    let outcome = place.run(["run", "--quiet", "--cluster=processes", &set, "-e", SMALL]);
    let text = refusal(&place, &outcome);
    // The process's number differs from run to run.
    let (before, after) = text.split_once("cause: worker ").expect("it says which worker");
    insta::assert_snapshot!(format!("{before}cause: worker [PID]{}", after.trim_start_matches(char::is_numeric)), @"
    exit code 4
    error: no worker came
    cause: worker [PID] ended: exit status: 127
           [HERE]/.squall/[RUN]/logs/worker-0.log ends:
           libcuda.so.1: cannot open shared object file
    ");
}
