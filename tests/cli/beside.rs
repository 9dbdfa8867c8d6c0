//! A driver that computes itself while its jobs wait, and beside them.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use crate::fake::Fake;
use crate::support::Place;
use crate::support::events::Events;

/// A queue in which job 57 waits for ever.
const WAITS: &str = "name=$(sed -n 's/.*--job-name=\\(sq-[^ ]*\\).*/\\1/p' \"$FAKE_SLURM/sbatch.calls\")\n\
                     echo \"57|57|N/A|PENDING||N/A|Priority|$name\"";
const FLAGS: [&str; 6] = [
    "--seed=1",
    "--cluster=slurm",
    "--workers=1",
    "--memory=500M",
    "--walltime=5",
    "--set=cluster.driver_threads=1",
];

/// The worker with this host, or with another one.
fn worker(events: &Events, is_own: bool) -> Option<u64> {
    let mut registered = events.all("registered");
    let of = registered.find(|event| (event["host"] == "the driver") == is_own)?;
    of["worker"].as_u64()
}

/// How nice each compute thread of a process is.
fn niceness(process: Pid) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it lives");
    let texts = threads.map(|thread| std::fs::read_to_string(thread.expect("listed").path().join("stat")));
    let texts: Vec<String> = texts.map(|text| text.expect("readable")).collect();
    let computes = texts.iter().filter(|text| text.contains("(compute "));
    // Field 19 of proc(5), of which the second may hold spaces.
    let nice = |text: &String| {
        let (_, fields) = text.rsplit_once(") ").expect("a name");
        fields.split(' ').nth(16).expect("field 19").to_owned()
    };
    computes.map(nice).collect()
}

#[test]
fn driver_finishes_the_run_while_its_job_waits_and_takes_the_job_back() {
    let expression = "random.normal(0, 1, size=3e8).mean()";
    let fake = Fake::new(&[("sbatch", "echo 57"), ("squeue", WAITS), ("scancel", ":")]);
    let outcome = fake.place.run(["run", "-e", expression].iter().chain(&FLAGS)).ok();
    let undisturbed = Place::new().run(["run", "-e", expression, "--seed=1", "--cluster=threads"]).ok();
    assert_eq!(outcome.bits(), undisturbed.bits());
    let stderr = &outcome.stderr;
    assert!(stderr.contains("the driver computes too: worker 0 of 1 thread ("), "{stderr}");
    assert!(stderr.contains("; result ") && stderr.contains(" ± "), "{stderr}");
    let cancelled = fake.calls("scancel");
    assert!(cancelled.iter().any(|call| call.split(' ').any(|word| word == "57")), "{cancelled:?}");
    let events = Events::of(&fake.place.runs()[0]).expect("there are");
    assert_eq!((worker(&events, true), worker(&events, false)), (Some(0), None));
    let receipt: &Value = events.all("closed").next().expect("it is over");
    assert_eq!((&receipt["workers"], &receipt["queue_seconds"]), (&1.into(), &0.0.into()));
}

#[test]
fn driver_and_job_share_the_work() {
    // The job starts at once: the last argument is its script.
    let starts = "for script; do :; done\n\
                  SLURM_JOB_ID=57 setsid bash \"$script\" >/dev/null 2>&1 </dev/null &\n\
                  echo 57";
    let fake = Fake::new(&[("sbatch", starts), ("squeue", WAITS), ("scancel", ":")]);
    let expression = "random.normal(0, 1, size=1e13).mean()";
    let mut running = fake.place.start(["run", "-e", expression].iter().chain(&FLAGS));
    let both = |events: &Events| {
        let (own, other) = (worker(events, true)?, worker(events, false)?);
        (events.counted_answers(own) >= 2 && events.counted_answers(other) >= 2).then_some(())
    };
    running.until_events("both have answered", both);
    assert_eq!(niceness(running.pid()), ["19"], "it gives way to everybody");
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert!(outcome.stderr.contains("1 of 1 worker registered"), "{}", outcome.stderr);
    let events = Events::of(&fake.place.runs()[0]).expect("there are");
    assert_eq!(events.all("left").count(), 2, "both left in order");
}

#[test]
fn driver_threads_are_refused_where_the_driver_has_no_memory_for_them_and_left_out_without_jobs() {
    let place = Place::new();
    let outcome =
        place.run(["run", "-e", "random.normal(size=1e6).mean()", "--set=cluster.driver_threads=2"]).ok();
    assert!(
        outcome.stderr.contains("cluster.driver_threads is for Slurm alone, and left out"),
        "{}",
        outcome.stderr
    );
    let fake = Fake::new(&[("sbatch", "echo 57"), ("squeue", WAITS), ("scancel", ":")]);
    let many = "--set=cluster.driver_threads=4000000000";
    let arguments = ["run", "-e", "random.normal(size=1e6).mean()"];
    let outcome = fake.place.run(arguments.iter().chain(&FLAGS[..5]).chain(&[many]));
    assert_eq!(outcome.code(), 2, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("the driver with 4000000000 compute threads needs "),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: or set cluster.driver_threads to fewer"), "{}", outcome.stderr);
    assert!(fake.calls("sbatch").is_empty(), "it is refused before anything is submitted");
}
