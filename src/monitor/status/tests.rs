//! What logs come to: whole ones, those of several drivers, and those that are damaged.

use super::*;
use std::path::PathBuf;

/// The status of a log of these lines, each without its braces and its time.
fn status(lines: &[&str]) -> Status {
    let text: String = lines.iter().map(|line| format!("{{\"at\":1.5,{line}}}\n")).collect();
    read(text.as_bytes()).expect("readable")
}

fn read(bytes: &[u8]) -> Result<Status> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.jsonl");
    fs::write(&path, bytes).expect("written");
    Status::read(&path)
}

const OPENED: &str = r#""event":"opened","run":"bcdfghjk","cluster":"slurm","workers":2,"cores":1,"limits":"","seed":"0x1","directory":null"#;
const STAGE: &str = r#""event":"stage","stage":0,"tasks":10,"chunks":1,"elements":100,"done":20"#;
const CLOSED: &str = r#""event":"closed","submit_seconds":0,"queue_seconds":0,"start_seconds":0,"compute_seconds":0,"close_seconds":0,"wall_seconds":0,"elements":0,"worker_peak_bytes":0,"worker_bound_bytes":0,"worker_allowed_bytes":null,"driver_peak_bytes":0,"driver_bound_bytes":0,"workers":0,"lost":0"#;

fn registered(worker: u64, job: &str) -> String {
    format!(
        r#""event":"registered","worker":{worker},"job":"{job}","host":"n","threads":1,"kernel":"avx2","start_seconds":0.1"#
    )
}

fn leased(lease: u64, worker: u64) -> String {
    format!(r#""event":"leased","lease":{lease},"worker":{worker},"first":0,"end":3"#)
}

fn answered(lease: u64, worker: u64, counted: bool) -> String {
    format!(r#""event":"answered","lease":{lease},"worker":{worker},"finished":3,"counted":{counted}"#)
}

fn states(status: &Status) -> Vec<&str> {
    status.workers.values().map(|worker| worker.state.as_str()).collect()
}

#[test]
fn worker_is_what_it_was_last_said_to_do() {
    let (zero, one) = (registered(0, "57_0"), registered(1, "57_1"));
    let (lease, answer) = (leased(0, 0), answered(0, 0, true));
    let draining = r#""event":"draining","worker":1,"cause":"signal TERM""#;
    let lost = r#""event":"lost","worker":1,"cause":"its node failed","leases":1"#;
    let all = [OPENED, &zero, &one, STAGE, &lease, draining, &answer, lost];
    let seen: Vec<Vec<String>> = (3..=all.len())
        .map(|end| states(&status(&all[..end])).into_iter().map(str::to_owned).collect())
        .collect();
    let expected = [
        ["registered", "registered"],
        ["registered", "registered"],
        ["busy", "registered"],
        ["busy", "draining"],
        ["registered", "draining"],
        ["registered", "lost"],
    ];
    assert_eq!(seen, expected);
    let status = status(&all);
    let (number, worker) = status.worker_of("57_1").expect("it came");
    assert_eq!((number, worker.cause.as_deref()), (1, Some("its node failed")));
    assert_eq!(status.came(), (2, 1));
    assert_eq!(status.share_of(&status.workers[&0]), Some(0.3));
    assert_eq!(status.share(&[]), Some(0.5), "two tasks were done before");
    assert_eq!(status.share(&[100, 300]), Some(0.125));
}

#[test]
fn answers_that_do_not_count_are_no_work_done() {
    let (worker, lease, answer) = (registered(0, "9"), leased(4, 0), answered(4, 0, false));
    let status = status(&[OPENED, &worker, STAGE, &lease, &answer]);
    assert_eq!((status.workers[&0].tasks, status.share(&[])), (0, Some(0.2)));
}

#[test]
fn leases_that_were_taken_back_do_not_keep_a_worker_busy_beyond_its_stage() {
    let worker = registered(0, "9");
    let leases: Vec<String> = (0..9).map(|lease| leased(lease, 0)).collect();
    let mut lines = vec![OPENED, &worker, STAGE];
    lines.extend(leases.iter().map(String::as_str));
    assert_eq!(states(&status(&lines)), ["busy"]);
    lines.push(r#""event":"stage_done","stage":0"#);
    let status = status(&lines);
    assert_eq!((states(&status), status.share(&[])), (vec!["registered"], Some(1.0)));
}

#[test]
fn next_driver_begins_anew_and_the_end_of_the_former_is_not_its_own() {
    let (worker, other) = (registered(0, "57_0"), registered(0, "60_0"));
    let superseded = r#""event":"failed","error":"error: another driver has taken over the run\ncause: it is process 7 on a""#;
    let closing = r#""event":"closing","cause":"done""#;
    let first = [OPENED, &worker, superseded, closing, CLOSED];
    let alone = status(&first);
    assert_eq!((alone.drivers, alone.superseded, alone.failed.is_some()), (1, 1, true));
    let both = status(&[OPENED, &worker, OPENED, superseded, closing, CLOSED, &other]);
    assert_eq!((both.drivers, both.superseded, both.workers.len()), (2, 1, 1));
    assert!(both.failed.is_none() && both.closing.is_none() && both.closed.is_none());
    assert_eq!(both.workers[&0].job, "60_0");
}

#[test]
fn long_log_tells_progress_without_leases() {
    let worker = registered(0, "57_0");
    let progress = r#""event":"progress","stage":0,"done":7,"tasks":10,"elements":70"#;
    let status = status(&[OPENED, &worker, STAGE, progress]);
    assert_eq!((status.share(&[]), status.share_of(&status.workers[&0])), (Some(0.7), None));
}

#[test]
fn results_so_far_are_those_of_the_present_stage() {
    let told = |stage: u64, value: f64| {
        format!(
            r#""event":"results_so_far","stage":{stage},"results":[{{"name":"a","value":{value},"error":0.25,"elements":20}}]"#
        )
    };
    let (one, two) = (told(0, 1.5), told(0, 2.5));
    let values =
        |lines: &[&str]| -> Vec<f64> { status(lines).results.iter().map(|result| result.value).collect() };
    assert_eq!(values(&[OPENED, STAGE, &one, &two]), [2.5]);
    assert_eq!(values(&[OPENED, STAGE, &one, STAGE]), [0.0; 0]);
    assert_eq!(values(&[OPENED, STAGE, &one, r#""event":"stage_done","stage":0"#]), [0.0; 0]);
}

#[test]
fn damaged_log_says_what_it_still_says() {
    let whole = format!("{{\"at\":1,{OPENED}}}\n");
    let damaged = [
        whole.as_bytes(),
        b"\xff\x00garbage\n{}\n{\"at\":-1,\"event\":\"returned\",\"worker\":1}\n",
        b"{\"at\":1e300,\"event\":\"returned\",\"worker\":1}\n{\"at\":2,\"event\":\"of_the_future\"}\n",
        format!("{{\"at\":1,{STAGE}}}\n").as_bytes(),
        b"{\"at\":3,\"event\":\"stag",
    ]
    .concat();
    let status = read(&damaged).expect("readable");
    assert_eq!((status.asked, status.unreadable), (2, 5), "a line that is being written is no damage");
    assert_eq!(status.stage.map(|stage| stage.done), Some(2));
    for cut in 0..damaged.len() {
        read(&damaged[..cut]).expect("readable");
    }
}

#[test]
fn figures_without_sense_are_no_panic() {
    let worker = registered(u64::MAX, "9");
    let stage = r#""event":"stage","stage":18446744073709551615,"tasks":18446744073709551615,"chunks":0,"elements":0,"done":18446744073709551615"#;
    let answer = r#""event":"answered","lease":1,"worker":18446744073709551615,"finished":18446744073709551615,"counted":true"#;
    let status = status(&[OPENED, &worker, stage, answer, answer]);
    assert_eq!(status.share(&[1, 2]), Some(1.0));
    assert_eq!(status.share(&[0]), Some(1.0));
}

#[test]
fn log_that_is_no_file_is_refused_without_waiting() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
    for path in [pipe, directory.path().to_owned(), PathBuf::from("/dev/zero")] {
        let error = Status::read(&path).expect_err("no log").to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}
