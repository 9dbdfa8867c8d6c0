//! Hosts on a network of their own: a namespace for the driver, one for each of two workers, a link between the driver
//! and each worker; and commands named like Slurm's that start the workers' jobs there (`tests/fake_slurm`).

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::support::Place;
use crate::support::running::Running;
use crate::{EXPRESSION, command, run};

pub(crate) const WORKERS: usize = 2;
const PREFIX: &str = "squall-test-";
static SPACES: AtomicUsize = AtomicUsize::new(0);

/// The hosts. Dropped, they are removed with all that runs on them.
pub(crate) struct Space {
    /// The names of the namespaces: the driver's, and the workers'.
    driver: String,
    workers: Vec<String>,
    directory: TempDir,
}

/// Whether namespaces can be made and linked here.
pub(crate) fn possible() -> Result<(), String> {
    let name = format!("{PREFIX}{}-probe", std::process::id());
    let made = command(&["ip", "netns", "add", &name]).and_then(|_| {
        command(&["ip", "-n", &name, "link", "add", "name", "near", "type", "veth", "peer", "name", "far"])
    });
    let _ = command(&["ip", "netns", "delete", &name]);
    made.map(|_| ())
}

/// Removes what test processes left that were killed.
pub(crate) fn remove_leftovers() {
    let names = command(&["ip", "netns", "list"]).unwrap_or_default();
    for name in names.lines().filter_map(|line| line.split(' ').next()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !fs::exists(format!("/proc/{process}")).unwrap_or(true)) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    for process in processes(name) {
        let _ = command(&["kill", "-KILL", &process]);
    }
    let _ = command(&["ip", "netns", "delete", name]);
}

fn processes(name: &str) -> Vec<String> {
    let listed = command(&["ip", "netns", "pids", name]).unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

impl Space {
    pub(crate) fn new() -> Space {
        let number = SPACES.fetch_add(1, Ordering::Relaxed);
        let name = |host: &str| format!("{PREFIX}{}-{number}-{host}", std::process::id());
        let directory = tempfile::tempdir().expect("a directory can be made");
        let workers = (0..WORKERS).map(|worker| name(&format!("w{worker}"))).collect();
        // Made first, so that what is made is removed even if the rest fails.
        let space = Space { driver: name("d"), workers, directory };
        for host in space.hosts() {
            run(&["ip", "netns", "add", host]);
            run(&["ip", "-n", host, "link", "set", "dev", "lo", "up"]);
        }
        for (worker, host) in space.workers.iter().enumerate() {
            let (link, driver) = (format!("to{worker}"), &space.driver);
            run(&[
                "ip", "link", "add", "name", &link, "netns", driver, "type", "veth", "peer", "name",
                "uplink", "netns", host,
            ]);
            let address = |end: u8| format!("10.77.{worker}.{end}/24");
            run(&["ip", "-n", driver, "address", "add", &address(1), "dev", &link]);
            run(&["ip", "-n", host, "address", "add", &address(2), "dev", "uplink"]);
            run(&["ip", "-n", driver, "link", "set", "dev", &link, "up"]);
            run(&["ip", "-n", host, "link", "set", "dev", "uplink", "up"]);
        }
        let here = space.directory.path();
        for directory in ["here", "home", "fake"] {
            fs::create_dir(here.join(directory)).expect("it takes another one");
        }
        for (name, answer) in space.answers() {
            fs::write(here.join("fake").join(name), answer).expect("a file can be written");
        }
        space
    }

    /// What Slurm's commands do: each element of an array runs on the worker's host of its number, a job that is none on
    /// the first one. No id is given twice.
    fn answers(&self) -> [(&'static str, String); 4] {
        let hosts = self.workers[0].strip_suffix('0').expect("a number").to_owned();
        let sbatch = format!(
            "for script; do :; done\n\
             id=57; while [ -e \"$FAKE_SLURM/name.$id\" ]; do id=$((id + 2)); done\n\
             unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID; elements=0\n\
             for word; do case $word in\n\
             --job-name=*) echo \"${{word#*=}}\" > \"$FAKE_SLURM/name.$id\";;\n\
             --array=0-1) elements='0 1'; export SLURM_ARRAY_JOB_ID=$id; echo > \"$FAKE_SLURM/array.$id\";;\n\
             --array=*) echo \"no array of this test: $word\" >&2; exit 1;;\n\
             esac; done\n\
             for index in $elements; do\n\
             [ -z \"$SLURM_ARRAY_JOB_ID\" ] || export SLURM_ARRAY_TASK_ID=$index\n\
             job=$((id + index))\n\
             SLURM_JOB_ID=$job SLURMD_NODENAME=w$index FAKE_JOB=\"$FAKE_SLURM/job.$job\" \\\n\
             setsid nsenter --net=/run/netns/{hosts}$index sh -c 'echo $$ > \"$FAKE_JOB\"; exec bash \"$0\"' \\\n\
             \"$script\" > \"$FAKE_SLURM/log.$job\" 2>&1 < /dev/null &\n\
             done\n\
             for index in $elements; do until [ -s \"$FAKE_SLURM/job.$((id + index))\" ]; do :; done; done\n\
             echo \"$id\"\n"
        );
        let squeue = "for name in \"$FAKE_SLURM\"/name.*; do\n\
             id=${name##*.}; elements=0; [ -e \"$FAKE_SLURM/array.$id\" ] && elements='0 1'\n\
             for index in $elements; do\n\
             job=$((id + index)); [ -e \"$FAKE_SLURM/array.$id\" ] || index=N/A\n\
             state='FAILED|w|N/A|NonZeroExitCode'\n\
             grep -qs . \"/proc/$(cat \"$FAKE_SLURM/job.$job\")/cmdline\" && state='RUNNING|w|N/A|None'\n\
             echo \"$job|$id|$index|$state|$(cat \"$name\")\"\n\
             done; done\n";
        let scancel = "case \"$*\" in *--state=PENDING*) exit 0;; esac\n\
             for job in \"$FAKE_SLURM\"/job.*; do kill -TERM \"$(cat \"$job\")\" 2>/dev/null; done\n\
             true\n";
        let scontrol = "echo 'MaxArraySize = 1001'\n";
        [
            ("sbatch", sbatch),
            ("squeue", squeue.to_owned()),
            ("scancel", scancel.to_owned()),
            ("scontrol", scontrol.to_owned()),
        ]
    }

    /// Starts a run of the usual expression on both workers.
    pub(crate) fn start(&self, flags: &[&str]) -> Running {
        let here = self.directory.path().to_owned();
        let driver = self.driver.clone();
        let program = move || {
            let mut command = Command::new("/usr/bin/nsenter");
            command
                .arg(format!("--net=/run/netns/{driver}"))
                .args(["/usr/bin/env", "--default-signal=HUP", env!("CARGO_BIN_EXE_squall")])
                .env_clear()
                .env("PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_slurm:/usr/bin:/bin"))
                .env("HOME", here.join("home"))
                .env("FAKE_SLURM", here.join("fake"));
            command
        };
        let place = Place::elsewhere(self.here(), program);
        let words = ["run", "-e", EXPRESSION, "--seed=1", "--cluster=slurm", "--workers=2"];
        place.start(words.iter().chain(&["--set=cluster.minimum_workers=2"]).chain(flags))
    }

    /// The current directory of the driver.
    pub(crate) fn here(&self) -> PathBuf {
        self.directory.path().join("here")
    }

    /// Cuts the link of a worker, at the driver's end.
    pub(crate) fn cut(&self, worker: usize) {
        run(&["ip", "-n", &self.driver, "link", "set", "dev", &format!("to{worker}"), "down"]);
        assert!(!self.is_up(worker), "the link is not down");
    }

    /// Joins it again.
    pub(crate) fn join(&self, worker: usize) {
        run(&["ip", "-n", &self.driver, "link", "set", "dev", &format!("to{worker}"), "up"]);
        assert!(self.is_up(worker), "the link is not up");
    }

    /// Whether something sent would arrive, as the worker's end sees it.
    pub(crate) fn is_up(&self, worker: usize) -> bool {
        run(&["ip", "-n", &self.workers[worker], "-oneline", "link", "show", "dev", "uplink"])
            .contains("LOWER_UP")
    }

    /// The connections of a worker: its end and the driver's.
    pub(crate) fn connections(&self, worker: usize) -> Vec<String> {
        let listed = self.sockets(worker, &[]);
        let ends = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
        listed.lines().map(ends).collect()
    }

    /// Resets every connection of a worker, as a host does that has forgotten it.
    pub(crate) fn reset(&self, worker: usize) {
        self.sockets(worker, &["--kill"]);
    }

    /// From now on every host loses one of so many packets that reach it: not at random, so that it surely loses some.
    pub(crate) fn lose_one_in(&self, packets: u32) {
        let every = packets.to_string();
        let rule =
            ["--match", "statistic", "--mode", "nth", "--every", &every, "--packet", "0", "--jump", "DROP"];
        for host in self.hosts() {
            let words = ["ip", "netns", "exec", host, "iptables", "--append", "INPUT", "--protocol", "tcp"];
            run(&words.iter().chain(&rule).copied().collect::<Vec<_>>());
        }
    }

    /// How many packets each host lost so, the driver's first.
    pub(crate) fn packets_lost(&self) -> Vec<u64> {
        let words = ["iptables", "--list", "INPUT", "--verbose", "--numeric", "--exact"];
        let listed = |host: &String| {
            run(&["ip", "netns", "exec", host].iter().chain(&words).copied().collect::<Vec<_>>())
        };
        let count = |listed: String| {
            let rule = listed.lines().find(|line| line.contains("DROP")).expect("packets are lost");
            rule.split_whitespace().next().and_then(|count| count.parse().ok()).expect("a count")
        };
        self.hosts().map(listed).map(count).collect()
    }

    fn hosts(&self) -> impl Iterator<Item = &String> {
        [&self.driver].into_iter().chain(&self.workers)
    }

    fn sockets(&self, worker: usize, flags: &[&str]) -> String {
        let host = format!("--net=/run/netns/{}", self.workers[worker]);
        let words = ["nsenter", &host, "ss", "--no-header", "--numeric", "--tcp"];
        run(&words.iter().chain(flags).chain(&["state", "established"]).copied().collect::<Vec<_>>())
    }

    /// What runs on a worker's host.
    pub(crate) fn processes(&self, worker: usize) -> Vec<String> {
        processes(&self.workers[worker])
    }

    /// The worker's host, as a file to enter it by.
    pub(crate) fn host(&self, worker: usize) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.workers[worker])
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.hosts().for_each(|host| remove(host));
    }
}
