//! Settings end to end: which layer wins, what `config`, `script` and `reap` print, and what they leave alone.

use std::fs;

use nix::sys::signal::Signal;

use crate::fake::Fake;
use crate::processes::{assert_no_process_of, processes_of};
use crate::support::Place;
use crate::support::running::Outcome;

/// The line of a key in what `config --origin` prints: the value and the origin.
fn line(outcome: &Outcome, key: &str) -> (String, String) {
    let lines = outcome.stdout.lines();
    let line = lines.filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix("= ")).next();
    let (value, origin) = line
        .unwrap_or_else(|| panic!("no {key} in\n{}", outcome.stdout))
        .split_once(" # ")
        .expect("an origin");
    (value.trim().to_owned(), origin.trim().to_owned())
}

#[test]
fn layers_win_in_their_order_and_config_says_which_did() {
    let place = Place::new();
    let config = |run_file: bool, variable: bool, flag: bool| {
        let mut words = vec!["config", "--origin"];
        words.extend(run_file.then_some("run.toml"));
        words.extend(flag.then_some("--workers=6"));
        let mut command = place.command(words);
        if variable {
            command.env("SQUALL_CLUSTER__WORKERS", "5");
        }
        let outcome = crate::support::running::Running::start(command, place.directory()).wait().ok();
        let (value, origin) = line(&outcome, "workers");
        (value, origin.replace(place.directory().parent().unwrap().to_str().unwrap(), ""))
    };
    let mut seen = vec![config(false, false, false)];
    place.write("../home/xdg/squall/squall.toml", "[cluster]\nworkers = 2\n");
    seen.push(config(false, false, false));
    place.write("squall.toml", "[cluster]\n\nworkers = 3\n");
    seen.push(config(false, false, false));
    place.write("run.toml", "[cluster]\n\n\nworkers = 4\n\n[results]\nm = '1.0'\n");
    seen.push(config(true, false, false));
    seen.push(config(true, true, false));
    seen.push(config(true, true, true));
    let seen: Vec<String> = seen.into_iter().map(|(value, origin)| format!("{value} {origin}")).collect();
    insta::assert_snapshot!(seen.join("\n"), @"
    1 built in
    2 /home/xdg/squall/squall.toml:2
    3 squall.toml:3
    4 run.toml:4
    5 SQUALL_CLUSTER__WORKERS
    6 --workers
    ");
}

#[test]
fn config_can_be_given_back() {
    let place = Place::new();
    let first = place.run(["config", "--workers=3", "--seed=7", "--set=slurm.partition=gpu"]).ok();
    place.write("squall.toml", &first.stdout);
    assert_eq!(place.run(["config"]).ok().stdout, first.stdout);
}

#[test]
fn script_prints_the_job_script_and_its_submission_and_writes_nothing() {
    let fake = Fake::new(&[]);
    let flags = ["--workers=4", "--memory=2G", "--walltime=00:05:00", "--set=slurm.partition=short"];
    let outcome = fake.place.run(["script", "--cluster=slurm"].iter().chain(&flags)).ok();
    assert_eq!(outcome.stderr, "");
    let text = &outcome.stdout;
    assert!(text.starts_with("#!/bin/bash\n"), "{text}");
    for directive in ["--array=0-3", "--mem=2G", "--time=00:05:00", "--partition=short", "--cpus-per-task=1"]
    {
        assert!(text.contains(&format!("\n#SBATCH {directive}\n")), "no {directive} in\n{text}");
    }
    let submission = text.lines().last().expect("lines");
    assert!(submission.starts_with("# sbatch --parsable "), "{submission}");
    for word in ["--no-requeue", "--propagate=NONE", "--open-mode=append", "--array=0-3", "--mem=2G"] {
        assert!(submission.split(' ').any(|other| other == word), "no {word} in {submission}");
    }
    assert_eq!(fake.calls("sbatch"), [""; 0]);
    assert_eq!(fs::read_dir(fake.place.directory()).expect("it is there").count(), 0);
}

#[test]
fn script_of_the_lesson_is_that_of_its_run() {
    let fake = Fake::new(&[]);
    let lesson = concat!(env!("CARGO_MANIFEST_DIR"), "/config/lesson.toml");
    let text = fake.place.run(["script", lesson]).ok().stdout;
    for directive in ["--array=0-3", "--mem=2G", "--time=00:05:00", "--cpus-per-task=1"] {
        assert!(text.contains(&format!("\n#SBATCH {directive}\n")), "no {directive} in\n{text}");
    }
}

/// A place in which a driver was killed while its jobs waited.
fn killed_while_pending(fake: &Fake) -> String {
    let arguments = ["run", "--cluster=slurm", "--workers=2", "-e", "random.random(size=1e7).mean()"];
    let mut running = fake.place.start(arguments);
    running.until("the jobs are seen to wait", |running| {
        running.stderr().contains("jobs: 2 PENDING (Priority)").then_some(())
    });
    running.signal(Signal::SIGKILL);
    let run = running.run_directory().expect("it ran");
    running.wait();
    run.file_name().expect("a run has a name").to_str().expect("ASCII").to_owned()
}

#[test]
fn reap_cancels_the_jobs_of_a_dead_driver_and_nothing_else() {
    // Two elements of the run's array, one of them ended, and a job of somebody's own.
    let queue = "\
        name=$(sed -n 's/.*--job-name=\\(sq-[^ ]*\\).*/\\1/p' \"$FAKE_SLURM/sbatch.calls\")\n\
        echo \"58|57|0|PENDING||N/A|Priority|$name\"; echo \"58|57|1|PENDING||N/A|Priority|$name\"\n\
        echo '60|60|N/A|RUNNING|node|N/A|None|mine'";
    let fake = Fake::new(&[
        ("sbatch", "echo 57"),
        ("squeue", queue),
        ("scontrol", "echo 'MaxArraySize = 1001'"),
        ("scancel", ":"),
    ]);
    let run = killed_while_pending(&fake);
    assert_eq!(fake.calls("scancel"), [""; 0]);
    let reaped = fake.place.run(["reap"]).ok();
    assert!(
        reaped.stdout.starts_with(&format!("{run}: its driver is dead; cancelled ")),
        "{}",
        reaped.stdout
    );
    let cancelled = fake.calls("scancel");
    let words: Vec<&str> = cancelled.iter().flat_map(|call| call.split(' ')).collect();
    let name = format!("--name=sq-{run}-0");
    assert!(
        words.contains(&"57_0") && words.contains(&"57_1") && words.contains(&name.as_str()),
        "{words:?}"
    );
    assert!(!words.contains(&"60"), "{words:?}");
    let again = fake.place.run(["reap"]).ok();
    assert_eq!(again.stdout, "nothing to reap: every run of this directory has ended\n");
}

#[test]
fn reap_leaves_the_run_of_a_living_driver_alone() {
    let place = Place::new();
    let flags = ["--cluster=processes", "--workers=1"];
    let mut running =
        place.start(["run", "-e", "random.normal(0, 1, size=1e13).mean()"].iter().chain(&flags));
    running.until_events("a worker registered", |events| events.all("registered").next().map(drop));
    let reaped = place.run(["reap"]).ok();
    assert!(reaped.stdout.ends_with(": its driver lives\n"), "{}", reaped.stdout);
    assert_eq!(processes_of(&place).len(), 1);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), 143);
    assert_no_process_of(&place);
    assert_eq!(place.run(["reap"]).ok().stdout, "nothing to reap: every run of this directory has ended\n");
}
