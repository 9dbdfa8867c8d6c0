//! Faults for real: a controller that hangs or dies, a node's daemon that dies, a third party that cancels or
//! kills. The harness repairs the daemons after each case.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Testbed, script};

const PATIENCE: Duration = Duration::from_secs(30);

impl Testbed {
    /// `scancel` by the user, of anything that it takes: `17`, `17_3`, `--name=x`.
    pub(crate) fn scancel(&self, arguments: &[&str]) {
        let output = self.command("scancel").args(arguments).output().expect("scancel starts");
        assert!(output.status.success(), "scancel: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `scontrol` by the administrator; returns what it wrote.
    pub(crate) fn scontrol(&self, arguments: &[&str]) -> String {
        let output = self.admin_command("scontrol").args(arguments).output().expect("scontrol starts");
        assert!(output.status.success(), "scontrol: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The controller hangs: it accepts connections and answers none.
    pub(crate) fn stop_controller(&self) {
        self.signal_daemon("slurmctld", Signal::SIGSTOP);
    }

    /// The controller goes on after it was stopped.
    pub(crate) fn continue_controller(&self) {
        self.signal_daemon("slurmctld", Signal::SIGCONT);
    }

    /// The controller is gone. What it learnt in the last seconds may be lost with it.
    pub(crate) fn kill_controller(&self) {
        self.kill_daemon("slurmctld");
    }

    /// Starts the controller again and waits until it answers.
    pub(crate) fn start_controller(&self) {
        script(self.kind, "start", &["controller"]).expect("the controller starts");
        self.wait_until("the controller answers", PATIENCE, || self.node_states().is_some());
    }

    /// The node's daemon is gone; its jobs live on and keep their connections.
    pub(crate) fn kill_node(&self, node: &str) {
        self.kill_daemon(node);
    }

    /// Starts the node's daemon again.
    pub(crate) fn start_node(&self, node: &str) {
        script(self.kind, "start", &[node]).expect("the node starts");
        self.wait_until("the node runs", PATIENCE, || self.daemon(node).is_some());
    }

    /// Everything as it was after `up`: daemons run, nodes are up, nothing of the user's is left. Returns
    /// what was.
    pub(super) fn repair(&self) -> Vec<String> {
        self.continue_controller();
        if self.daemon("slurmctld").is_none() {
            self.start_controller();
        }
        for node in self.nodes.iter().filter(|node| self.daemon(node).is_none()) {
            self.start_node(node);
        }
        for node in &self.nodes {
            // Refused for a node that is up.
            let _ = self
                .admin_command("scontrol")
                .args(["update", "state=resume"])
                .arg(format!("nodename={node}"))
                .output();
        }
        let leftovers = self.leftovers();
        if !leftovers.is_empty() {
            self.scancel(&["--user", &self.user]);
            let processes = self.processes_of_user();
            processes.iter().for_each(|process| signal(process.pid, Signal::SIGKILL));
        }
        let clean = || self.no_job_left() && self.processes_of_user().is_empty() && self.all_nodes_up();
        self.wait_until("the testbed is clean", PATIENCE, clean);
        leftovers
    }

    /// Jobs and processes that are there although a case has ended; those about to end get a moment.
    fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        for _ in 0..50 {
            let jobs = self.jobs().into_iter().filter(|job| !job.has_ended()).map(|job| format!("{job:?}"));
            let processes = self.processes_of_user().into_iter().map(|process| format!("{process:?}"));
            left = jobs.chain(processes).collect();
            if left.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        left
    }

    fn all_nodes_up(&self) -> bool {
        let up = |state: &&str| matches!(*state, "idle" | "mixed" | "allocated" | "completing");
        self.node_states().is_some_and(|states| states.lines().filter(up).count() == self.nodes.len())
    }

    /// A line each, if the controller answers.
    fn node_states(&self) -> Option<String> {
        let arguments = ["--noheader", "--Node", "--partition=main", "--format=%T"];
        let output = self.admin_command("sinfo").args(arguments).output().expect("sinfo starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn kill_daemon(&self, name: &str) {
        self.signal_daemon(name, Signal::SIGKILL);
        self.wait_until("the daemon is dead", PATIENCE, || self.daemon(name).is_none());
    }

    fn signal_daemon(&self, name: &str, signal: Signal) {
        if let Some(pid) = self.daemon(name) {
            // A daemon that dies between the two lines needs no signal.
            let _ = kill(pid, signal);
        }
    }

    /// The daemon's process if it lives: `slurmctld`, or a node's `slurmd` by the name of the node.
    fn daemon(&self, name: &str) -> Option<Pid> {
        let pid =
            fs::read_to_string(self.directory.join(format!("run/{name}.pid"))).ok()?.trim().parse().ok()?;
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        command.contains(self.conf().to_str()?).then_some(Pid::from_raw(pid))
    }
}

/// Sends a signal to a process of the user's, which may have ended already.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}
