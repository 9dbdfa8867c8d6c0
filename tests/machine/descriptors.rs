//! Drivers that may open few files.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

use crate::support::Place;
use crate::support::events::Events;
use crate::support::running::Running;
use crate::{EXPRESSION, UNDISTURBED, cases};

cases![|| Ok(());
    workers_that_descriptors_do_not_reach_for_are_refused,
    strangers_take_no_descriptors_from_workers,
    soft_limit_is_raised_to_the_hard_one,
];

/// The program under these limits, as `soft:hard`.
fn limited(place: &Place, limits: &str, arguments: &[&str]) -> Running {
    let inner = place.command(arguments);
    let mut command = Command::new("/usr/bin/prlimit");
    command.arg(format!("--nofile={limits}")).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(place.directory());
    Running::start(command, place.directory())
}

const RUN: [&str; 5] = ["run", "-e", EXPRESSION, "--seed=1", "--cluster=processes"];

/// The soft and the hard limit of a running process.
fn limits_of(running: &Running) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid())).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("it is told");
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

fn workers_that_descriptors_do_not_reach_for_are_refused() {
    let place = Place::new();
    let words: Vec<&str> = RUN.into_iter().chain(["--workers=200"]).collect();
    let outcome = limited(&place, "256:256", &words).wait_for(Duration::from_secs(30));
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr,
        "error: 200 workers need 528 open files in the driver, and it may open 256\n\
         cause: the hard limit of this process (`ulimit -Hn`) is 256\n\
         hint: lower cluster.workers to 64, or start the driver where it may open more files\n"
    );
    assert!(place.runs().is_empty(), "something was started");
}

fn strangers_take_no_descriptors_from_workers() {
    let place = Place::new();
    let words: Vec<&str> = RUN.into_iter().chain(["--workers=2"]).collect();
    let mut running = limited(&place, "256:256", &words);
    let run = running.until("the driver listens", |running| {
        running.run_directory().filter(|run| run.join("addresses").exists())
    });
    let addresses = fs::read_to_string(run.join("addresses")).expect("just seen");
    let port = addresses.lines().next().and_then(|line| line.rsplit(' ').next()?.parse::<u16>().ok());
    let port = port.expect("a port");
    // More than the driver could hold, were it to hold them.
    let strangers: Vec<TcpStream> =
        (0..400).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    assert!(strangers.len() > 256, "only {} came", strangers.len());
    running
        .until_events("both workers are there", |events: &Events| (events.jobs().len() == 2).then_some(()));
    assert_eq!(limits_of(&running), ["256", "256"]);
    let open = fs::read_dir(format!("/proc/{}/fd", running.pid())).expect("it runs").count();
    assert!(open < 160, "{open} are open");
    let outcome = running.wait().ok();
    drop(strangers);
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
}

fn soft_limit_is_raised_to_the_hard_one() {
    let place = Place::new();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("it is told");
    let hard = hard.min(4096);
    let words: Vec<&str> = RUN.into_iter().chain(["--workers=1"]).collect();
    let mut running = limited(&place, &format!("64:{hard}"), &words);
    running.until("it runs", Running::run_directory);
    assert_eq!(limits_of(&running), [hard.to_string(), hard.to_string()]);
    running.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(running.wait().code(), 143);
}
