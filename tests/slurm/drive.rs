//! A driver under test: started as users start one, watched through its run's events.

use crate::support::{Job, Testbed};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// How users start a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// From a shell on a machine that may submit.
    Shell,
    /// `srun --mem=256M squall run`.
    Srun,
    /// A batch script whose last line is `exec squall run`.
    Sbatch,
}

/// A driver under test.
pub(crate) struct Driver<'a> {
    testbed: &'a Testbed,
    pub(crate) directory: PathBuf,
    /// The shell's or srun's process; for sbatch that of the submission.
    pub(crate) child: Child,
}

impl<'a> Driver<'a> {
    /// Starts `squall run FILE`, where FILE holds `text`.
    pub(crate) fn start(testbed: &'a Testbed, starter: Starter, text: &str) -> Driver<'a> {
        Driver::start_after(testbed, starter, text, |_| String::new())
    }

    /// The same after these shell lines, made for its directory.
    pub(crate) fn start_after(
        testbed: &'a Testbed,
        starter: Starter,
        text: &str,
        lines: impl Fn(&Path) -> String,
    ) -> Driver<'a> {
        let directory = testbed.directory("drive");
        fs::write(directory.join("run.toml"), text).expect("written");
        let program = testbed.program().display().to_string();
        // Whoever runs the tests may have HUP ignored, which the program respects.
        let line = format!(
            "#!/bin/bash\n{}\nexec /usr/bin/env --default-signal=HUP {program} run run.toml > stdout 2> stderr\n",
            lines(&directory)
        );
        fs::write(directory.join("driver.sh"), line).expect("written");
        let words: &[&str] = match starter {
            Starter::Shell => &["bash", "driver.sh"],
            Starter::Srun => &["srun", "--mem=256M", "--time=5", "--job-name=driver", "bash", "driver.sh"],
            Starter::Sbatch => &["sbatch", "--mem=256M", "--time=5", "--job-name=driver", "driver.sh"],
        };
        let log = File::create(directory.join("starter")).expect("created");
        let child = testbed
            .command(words[0])
            .args(&words[1..])
            .current_dir(&directory)
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("started");
        Driver { testbed, directory, child }
    }

    /// Starts `squall resume` in the place of a driver that has ended.
    pub(crate) fn resume(&mut self, arguments: &[&str]) {
        let file = |name: &str| File::create(self.directory.join(name)).expect("created");
        let mut command = self.testbed.command(self.testbed.program());
        command.arg("resume").args(arguments).current_dir(&self.directory);
        self.child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().expect("started");
    }

    /// Waits for the end of a driver that a shell or srun started.
    pub(crate) fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let mut status = None;
        let child = &mut self.child;
        self.testbed.wait_until("the driver has ended", timeout, || {
            status = child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.directory.join("stdout")).unwrap_or_default()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.directory.join("stderr")).unwrap_or_default()
    }

    /// The directory of its only run.
    pub(crate) fn run_directory(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.directory.join(".squall")).expect("a run").flatten();
        runs.next().expect("a run").path()
    }

    /// The process of the worker that registered with this event.
    pub(crate) fn worker_process(&self, registered: &Value) -> Pid {
        let job = registered["job"].as_str().expect("a job");
        let wanted = match job.split_once('_') {
            Some((array, index)) => {
                vec![format!("SLURM_ARRAY_JOB_ID={array}"), format!("SLURM_ARRAY_TASK_ID={index}")]
            }
            None => vec![format!("SLURM_JOB_ID={job}")],
        };
        let processes = self.testbed.processes_of_user();
        let process = processes.iter().find(|process| {
            let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
            let values = environment.split(|&byte| byte == 0);
            let has = |wanted: &String| values.clone().any(|value| value == wanted.as_bytes());
            process.command.contains(" worker ") && wanted.iter().all(has)
        });
        process.expect("the worker's process").pid
    }

    /// The run's events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let Ok(runs) = fs::read_dir(self.directory.join(".squall")) else { return Vec::new() };
        let logs = runs.flatten().filter_map(|run| fs::read_to_string(run.path().join("events.jsonl")).ok());
        // A last line may be half-written.
        logs.flat_map(|log| {
            log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<_>>()
        })
        .collect()
    }

    pub(crate) fn wait_until(&self, what: &str, timeout: Duration, condition: impl Fn(&[Value]) -> bool) {
        self.testbed.wait_until(what, timeout, || condition(&self.events()));
    }

    /// The jobs of its workers that have not ended.
    pub(crate) fn worker_jobs(&self) -> Vec<Job> {
        let jobs = self.testbed.jobs().into_iter();
        jobs.filter(|job| job.name.starts_with("sq-") && !job.has_ended()).collect()
    }

    /// The process of the driver itself.
    pub(crate) fn process(&self) -> Pid {
        let program = self.testbed.program().display().to_string();
        let own = |command: &str| command.starts_with(&format!("{program} run "));
        let processes = self.testbed.processes_of_user();
        processes.iter().find(|process| own(&process.command)).expect("the driver runs").pid
    }

    /// The job that a driver under srun or sbatch runs in.
    pub(crate) fn job(&self) -> Option<u64> {
        self.testbed.jobs().iter().find(|job| job.name == "driver" && !job.has_ended()).map(|job| job.id)
    }
}

/// Whether an event is of this kind.
pub(crate) fn is(event: &Value, kind: &str) -> bool {
    event["event"] == kind
}

/// The bits of the number that a result line holds.
pub(crate) fn bits(stdout: &str, name: &str) -> u64 {
    let line = stdout.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
    line.unwrap_or_else(|| panic!("no `{name}` in {stdout:?}")).parse::<f64>().expect("a number").to_bits()
}
