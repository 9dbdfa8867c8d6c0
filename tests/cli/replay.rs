//! `squall replay` tells a scheduler again what that of a run was told, and it decides the same.

use crate::support::Place;
use crate::support::events::Events;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The leases of a replay as it prints them: id, tasks and worker.
fn leases(printed: &str) -> Vec<String> {
    let given = printed.lines().filter_map(|line| line.trim_start().strip_prefix("lease "));
    given.filter_map(|line| Some(line.split_once(", since ")?.0.to_owned())).collect()
}

fn recorded(events: &Events) -> Vec<String> {
    let given = events.all("leased").map(|lease| {
        format!(
            "{}: tasks {}..{} to worker {}",
            lease["lease"], lease["first"], lease["end"], lease["worker"]
        )
    });
    given.collect()
}

#[test]
fn replay_of_a_run_that_lost_a_worker_gives_the_leases_of_the_run() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];
    let expression = "random.normal(0, 0.1, size=1e10).mean()";
    let mut running = place.start(["run", "-e", expression].into_iter().chain(flags));
    let worker = running.until_events("a worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let process = running.events().expect("there are events").job(worker);
    kill(Pid::from_raw(process.parse().expect("a process")), Signal::SIGKILL).expect("it works");
    running.wait().ok();

    let events = Events::of(&run).expect("they stay");
    let replayed = place.run(["replay", run.file_name().and_then(|id| id.to_str()).expect("an id")]).ok();
    assert!(events.leases_lost(worker) >= Some(1), "no lease was lost");
    assert!(recorded(&events).len() > 10);
    assert_eq!(leases(&replayed.stdout), recorded(&events));
    let lost = format!("worker {worker} is lost, and its tasks may be why");
    assert!(replayed.stdout.contains(&lost), "{}", replayed.stdout);
    assert!(replayed.stdout.contains("these have failed once and are tried first"), "{}", replayed.stdout);

    let file = run.join("schedule-0");
    let answers = events.all("answered").count() as u64;
    let length = std::fs::metadata(&file).expect("it is there").len();
    assert!(length < 64 * (answers + 10), "{length} bytes for {answers} answers");
    // One file says it all, wherever it is.
    let sent = place.directory().join("sent");
    std::fs::rename(&file, &sent).expect("it can be moved");
    let again = place.run(["replay", sent.to_str().expect("text")]).ok();
    assert_eq!(leases(&again.stdout), recorded(&events));
}

#[test]
fn what_is_no_recording_is_refused() {
    let place = Place::new();
    let file = place.directory().join("file");
    std::fs::write(&file, "something else").expect("written");
    let outcome = place.run(["replay", file.to_str().expect("text")]);
    assert_eq!(outcome.code(), 5);
    assert!(outcome.stderr.contains("is no recording of this version"), "{}", outcome.stderr);
    let outcome = place.run(["replay", "bcdfghjk"]);
    assert_eq!(outcome.code(), 2);
    assert!(outcome.stderr.contains("no recording of `bcdfghjk` here"), "{}", outcome.stderr);
}
