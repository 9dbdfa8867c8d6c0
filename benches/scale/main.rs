//! What many workers cost a driver: a real one, which workers reach over loopback with the messages and keys of any
//! cluster. The workers are simulated, many to a process: they compute nothing, and answer as if they had.
//!
//! `cargo bench --bench scale` prints a table of small cases, and the same as lines of JSON. `--workers 10,10000`,
//! `--tasks 1000,1000000` and `--speed 1,1000` choose others, in all combinations. The speed is what a worker says that
//! it does, in tasks a second, and so makes the leases: at 1 each has one task, at 1000 up to a second's work. Workers
//! answer at once, so that the driver never waits; with `--real-time` they take the time that they say.
//!
//! Each case has a driver in a process of its own (`driver.rs`), and one for all its workers (`workers.rs`).

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

mod driver;
mod workers;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::process::{Command, Stdio};

/// For how long drivers are watched whose workers say nothing new, in seconds.
const WATCHED: f64 = 5.0;
/// How many workers such a driver has.
const QUIET: u32 = 50;
/// Tasks a second of workers whose leases last for hours.
const SLOW: f64 = 1e-4;

/// What is measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    workers: u32,
    tasks: u64,
    /// Tasks a second, as each worker says.
    speed: f64,
    /// Whether workers take the time that they say.
    real_time: bool,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// All tasks are done, and the cluster closed.
    Work,
    /// Workers are there, and nothing is computed.
    Idle,
    /// Workers are there, and compute leases that last.
    Busy,
    /// All workers but one are sent away that have nothing to do.
    ScaleDown,
}

/// What has come of it: times in seconds, memory in bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// From the start of the driver until all workers have registered.
    register: f64,
    register_cpu: f64,
    compute: f64,
    compute_cpu: f64,
    close: f64,
    close_cpu: f64,
    leases: u64,
    peak_memory: u64,
    /// Where the driver was watched: its share of a core.
    share: f64,
    /// Where workers were sent away: until the last one was gone.
    scale_down: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["driver", case] => {
            raise_open_files();
            println!("{}", json(&driver::measure(&parsed(case))));
        }
        ["workers", directory, case] => {
            raise_open_files();
            workers::work(directory.as_ref(), &parsed(case));
        }
        _ => report(&arguments),
    }
}

/// As the program does: a connection is a descriptor on either side.
fn raise_open_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process knows its limits");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("a process may raise its soft limit");
}

fn report(arguments: &[String]) {
    let [mut workers, mut tasks, mut speeds] = [vec![10.0, 100.0], vec![1e3, 3e4], vec![1.0, 1000.0]];
    let (mut real_time, mut quiet) = (false, true);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let list = match argument.as_str() {
            "--workers" => &mut workers,
            "--tasks" => &mut tasks,
            "--speed" => &mut speeds,
            "--real-time" => {
                real_time = true;
                continue;
            }
            "--work-alone" => {
                quiet = false;
                continue;
            }
            other => panic!("`{other}` is none of --workers, --tasks, --speed, --real-time, --work-alone"),
        };
        *list = numbers(rest.next().expect("a list of numbers, with commas"));
    }
    let mut cases = Vec::new();
    for &workers in &workers {
        for &tasks in &tasks {
            for &speed in &speeds {
                let (workers, tasks) = (workers as u32, tasks as u64);
                cases.push(Case { workers, tasks, speed, real_time, what: What::Work });
            }
        }
    }
    print_work(&cases);
    if quiet {
        print_quiet();
    }
}

fn numbers(list: &str) -> Vec<f64> {
    list.split(',').map(|number| number.parse().expect("a number, such as 1000 or 1e6")).collect()
}

fn print_work(cases: &[Case]) {
    println!(
        "{:>8}{:>11}{:>8}{:>10} |{:>9}{:>7} |{:>9}{:>11}{:>8}{:>10}{:>9} |{:>8}{:>7} |{:>8}{:>8}",
        "workers",
        "tasks",
        "speed",
        "leases",
        "regist.",
        "CPU",
        "compute",
        "tasks/s",
        "CPU",
        "us/lease",
        "us/task",
        "close",
        "CPU",
        "all",
        "MiB"
    );
    let measured: Vec<Figures> = cases.iter().map(measured).collect();
    for (case, figures) in cases.iter().zip(&measured) {
        println!("{}", json(&(case, figures)));
    }
}

/// Measures a case in a process of its own, and prints its row.
fn measured(case: &Case) -> Figures {
    let figures = in_a_process(case);
    let Figures {
        register, register_cpu, compute, compute_cpu, close, close_cpu, leases, peak_memory, ..
    } = figures;
    println!(
        "{:>8}{:>11}{:>8}{leases:>10} |{register:>9.2}{register_cpu:>7.2} |{compute:>9.2}{:>11.0}{compute_cpu:>8.2}\
         {:>10.2}{:>9.3} |{close:>8.2}{close_cpu:>7.2} |{:>8.2}{:>8.0}",
        case.workers,
        case.tasks,
        case.speed,
        case.tasks as f64 / compute,
        compute_cpu * 1e6 / leases as f64,
        compute_cpu * 1e6 / case.tasks as f64,
        register + compute + close,
        peak_memory as f64 / f64::from(1 << 20),
    );
    figures
}

fn print_quiet() {
    let quiet = |what, tasks| Case { workers: QUIET, tasks, speed: SLOW, real_time: true, what };
    let share = |case: Case| (case.clone(), in_a_process(&case));
    let idle = share(quiet(What::Idle, 0));
    let busy = share(quiet(What::Busy, 100_000));
    let down = share(quiet(What::ScaleDown, 0));
    println!("driver of {QUIET} workers without work: {:.3} % of a core", 100.0 * idle.1.share);
    println!("driver of {QUIET} workers that compute long leases: {:.3} % of a core", 100.0 * busy.1.share);
    println!("{QUIET} workers without work scaled down to one: {:.3} s", down.1.scale_down);
    [idle, busy, down].iter().for_each(|measured| println!("{}", json(measured)));
}

fn in_a_process(case: &Case) -> Figures {
    let program = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(program).args(["driver", &json(case)]).stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be run again");
    assert!(output.status.success(), "no figures of {case:?}");
    parsed(&String::from_utf8(output.stdout).expect("figures are text"))
}

pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

fn parsed<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("what this program has written")
}
