//! What goes on in the testbed: jobs as Slurm sees them, processes as the machine sees them, and waiting for
//! either.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::support::{Testbed, is_root};

/// A job, or an element of an array, of the ordinary user's; ended ones are known for about 40 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its own id; a pending element shows its array's.
    pub(crate) id: u64,
    /// The array's id; for a plain job its own.
    pub(crate) array: u64,
    /// The element's index; none for a plain job, and for the record of an array's cancelled rest.
    pub(crate) index: Option<u32>,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) memory: String,
    pub(crate) cores: u32,
    pub(crate) node: String,
    pub(crate) name: String,
}

/// A process of a job or of the ordinary user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) command: String,
    /// The id of the job that it says it belongs to.
    pub(crate) job: Option<u64>,
}

impl Testbed {
    /// `squeue` of all the user's jobs and elements, ended ones included: a line each, in this format.
    pub(crate) fn squeue(&self, format: &str) -> Vec<String> {
        let arguments = ["--noheader", "--array", "--states=all", "--user", &self.user, "--format", format];
        let output = self.command("squeue").args(arguments).output().expect("squeue starts");
        assert!(output.status.success(), "squeue: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// All jobs and elements of the user's, ended ones included.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let lines = self.squeue("%A|%F|%K|%T|%r|%m|%C|%N|%j");
        lines.iter().map(|line| Job::parse(line).unwrap_or_else(|| panic!("squeue wrote {line:?}"))).collect()
    }

    /// Whether none of the user's jobs is pending, running or completing.
    pub(crate) fn no_job_left(&self) -> bool {
        self.jobs().iter().all(Job::has_ended)
    }

    /// The processes of the ordinary user: of jobs, and of drivers started by `command`. Where whoever runs
    /// the tests is that user, the processes of the jobs alone.
    pub(crate) fn processes_of_user(&self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(|number| self.process(number)).collect()
    }

    /// Waits until the condition holds, or fails with the state of everything.
    pub(crate) fn wait_until(&self, what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            if start.elapsed() > timeout {
                panic!("waited {timeout:?} in vain until {what}\n{}", self.describe());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Jobs, nodes, processes and the last lines of the daemons' logs.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for (program, arguments) in [("squeue", vec!["--array", "--states=all"]), ("sinfo", vec!["--Node"])] {
            let output =
                self.admin_command(program).args(arguments).output().expect("Slurm's commands start");
            let words = [output.stdout, output.stderr].concat();
            let _ = write!(text, "---- {program}\n{}", String::from_utf8_lossy(&words));
        }
        let _ = writeln!(text, "---- processes");
        for process in self.processes_of_user() {
            let _ = writeln!(text, "{} {} (job {:?})", process.pid, process.command, process.job);
        }
        for name in self.nodes.iter().map(String::as_str).chain(["slurmctld"]) {
            let path = self.directory.join(format!("log/{name}.log"));
            let log = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n");
            let _ = writeln!(text, "---- the last lines of {}\n{tail}", path.display());
        }
        text
    }

    fn process(&self, number: i32) -> Option<Process> {
        let read = |name: &str| fs::read(format!("/proc/{number}/{name}")).ok();
        let status = String::from_utf8(read("status")?).ok()?;
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        if field("State:") == Some("Z") || field("Uid:") != Some(&self.uid.to_string()) {
            return None;
        }
        let environment = String::from_utf8_lossy(&read("environ")?).into_owned();
        let variable = |name: &str| environment.split('\0').find_map(|pair| pair.strip_prefix(name));
        let job = variable("SLURM_JOB_ID=").and_then(|id| id.parse().ok());
        let is_here = variable("SLURM_CONF=") == self.conf().to_str();
        if !is_root() && (job.is_none() || !is_here) {
            return None;
        }
        let command = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ").trim_end().to_owned();
        Some(Process { pid: Pid::from_raw(number), command, job })
    }
}

impl Job {
    fn parse(line: &str) -> Option<Job> {
        let mut fields = line.splitn(9, '|');
        let mut next = || fields.next();
        Some(Job {
            id: next()?.parse().ok()?,
            array: next()?.parse().ok()?,
            index: next()?.parse().ok(),
            state: next()?.to_owned(),
            reason: next()?.to_owned(),
            memory: next()?.to_owned(),
            cores: next()?.parse().ok()?,
            node: next()?.to_owned(),
            name: next()?.to_owned(),
        })
    }

    /// Whether it will never do anything any more.
    pub(crate) fn has_ended(&self) -> bool {
        const ENDS: [&str; 9] = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "TIMEOUT",
        ];
        ENDS.contains(&self.state.as_str())
    }
}
