//! A driver and workers that live long, while clusters come and go and workers are killed: nothing grows.
//!
//! `SQUALL_SOAK_SECONDS=3600 cargo test --test soak -- --nocapture` takes an hour; without it a few seconds do.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::cluster::Builder;
use squall::event::{Monitor, RunEvent, Timestamp};
use squall::protocol::address::Candidate;
use squall::{Cluster, ProcessCluster, random};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long, if nobody says.
const SECONDS: u64 = 10;
/// Memory that an allocator may keep, in KiB: pages of threads that come and go.
const SLACK: u64 = 4096;

/// What must not grow, of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    resident: u64,
    descriptors: usize,
    threads: usize,
}

impl Size {
    fn of(process: u32) -> Size {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let resident = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        let entries = |what: &str| fs::read_dir(format!("/proc/{process}/{what}")).expect("it lives").count();
        Size { resident, descriptors: entries("fd"), threads: entries("task") }
    }
}

/// Passes on who has registered and who is lost.
struct Ears(Sender<RunEvent>);

impl Monitor for Ears {
    fn receive(&mut self, _: Timestamp, event: &RunEvent) {
        if matches!(event, RunEvent::Registered { .. } | RunEvent::Lost { .. }) {
            // Nobody listens any more at the end.
            let _ = self.0.send(event.clone());
        }
    }
}

/// A cluster of two processes, what it tells, and its workers.
fn start(runs: &Path) -> (Cluster, Receiver<RunEvent>, Vec<u32>) {
    let (tell, told) = channel();
    let builder: Builder = ProcessCluster::builder().workers(2).minimum_workers(2).cores(1).memory("200M");
    let builder = builder.seed(7).set("run.directory", runs.to_str().expect("ASCII"));
    let builder = builder.set("cluster.program", env!("CARGO_BIN_EXE_squall"));
    let cluster = builder.start_with(vec![Box::new(Ears(tell))]).expect("it starts");
    let worker = || match told.recv().expect("it tells of its workers") {
        RunEvent::Registered { job, .. } => job.parse().expect("a process"),
        other => panic!("{other:?}"),
    };
    let workers = vec![worker(), worker()];
    (cluster, told, workers)
}

fn mean(cluster: &Cluster) -> u64 {
    let x = random::normal(0.0, 1.0).size([5_000_000]).stream("x");
    let mean = cluster.compute(&x.mean()).expect("it fits").wait().expect("it is computed");
    mean.number().expect("a number").to_bits()
}

/// A stranger calls, says nothing that makes sense, and goes.
fn intrude(runs: &Path, cluster: &Cluster) {
    let addresses =
        fs::read_to_string(runs.join(cluster.id().as_str()).join("addresses")).expect("it listens");
    let first = addresses.lines().next().expect("an address").parse().expect("an address");
    let (Candidate::Address(_, port) | Candidate::Host(_, port)) = first;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    // It may have been shown out already.
    let _ = stream.write_all(&[22, 3, 1, 0, 9, 1, 2, 3]);
}

/// A cluster that loses one of its workers in the middle of its work, and is closed.
fn come_and_go(runs: &Path, expected: u64) {
    let (cluster, told, workers) = start(runs);
    let x = random::normal(0.0, 1.0).size([200_000_000]).stream("x");
    let long = cluster.compute(&x.mean()).expect("it fits");
    kill(Pid::from_raw(workers[0] as i32), Signal::SIGKILL).expect("it works");
    long.wait().expect("the other one does it");
    assert!(matches!(told.recv().expect("it tells"), RunEvent::Lost { .. }));
    assert_eq!(mean(&cluster), expected);
}

fn files(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("it is there").flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[test]
fn nothing_grows_while_a_driver_lives_long() {
    let seconds = std::env::var("SQUALL_SOAK_SECONDS");
    let seconds =
        seconds.map_or(SECONDS, |seconds| seconds.parse().expect("SQUALL_SOAK_SECONDS is a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let (lasting, passing) = (directory.path().join("lasting"), directory.path().join("passing"));
    let (cluster, _told, workers) = start(&lasting);
    let expected = mean(&cluster);
    let started = Instant::now();
    let (mut samples, mut computed) = (Vec::new(), 0);
    // The directories of the last twenty runs are kept, so what there is of files is there after so many.
    while started.elapsed() < Duration::from_secs(seconds) || samples.len() < 30 {
        come_and_go(&passing, expected);
        for _ in 0..5 {
            intrude(&lasting, &cluster);
            assert_eq!(mean(&cluster), expected);
            computed += 1;
        }
        let processes = std::iter::once(std::process::id()).chain(workers.iter().copied());
        let sizes: Vec<Size> = processes.map(Size::of).collect();
        samples.push((sizes, files(&lasting) + files(&passing)));
    }
    let rounds = samples.len();
    let most = |samples: &[(Vec<Size>, usize)]| {
        let of = |process: usize, what: fn(&Size) -> u64| {
            samples.iter().map(|(sizes, _)| what(&sizes[process])).max().expect("there are samples")
        };
        let sizes: [[u64; 3]; 3] = std::array::from_fn(|process| {
            [
                of(process, |size| size.resident),
                of(process, |size| size.descriptors as u64),
                of(process, |size| size.threads as u64),
            ]
        });
        (sizes, samples.iter().map(|&(_, files)| files).max().expect("there are samples"))
    };
    let (before, after) = (most(&samples[rounds / 3..rounds * 2 / 3]), most(&samples[rounds * 2 / 3..]));
    println!("{rounds} clusters came and went, {computed} computations on one that stayed, {seconds} s");
    println!("resident KiB, descriptors, threads of driver and workers; files: {before:?}, then {after:?}");
    for (before, after) in before.0.iter().zip(&after.0) {
        assert!(after[0] <= before[0] + SLACK, "memory grows from {} to {} KiB", before[0], after[0]);
        assert!(after[1] <= before[1], "descriptors grow from {} to {}", before[1], after[1]);
        assert!(after[2] <= before[2], "threads grow from {} to {}", before[2], after[2]);
    }
    assert!(after.1 <= before.1, "files grow from {} to {}", before.1, after.1);
}
