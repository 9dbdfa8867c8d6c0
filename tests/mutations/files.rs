//! Files that others may have written, or torn: `.npy` headers, checkpoints, and what else is in a run directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use squall::event::Timestamp;
use squall::protocol::address::{Candidate, Interface, order};
use squall::protocol::tls::{Keys, connector};
use squall::run::{Owner, RunDirectory, RunId, Submission};
use squall::scheduler::record::{Recorded, Recording};
use squall::scheduler::{Event, LeaseId, Scheduler, WorkerId};
use squall::store::load;
use tempfile::TempDir;

use crate::{Decoder, judged};

const KIBIBYTE: usize = 1 << 10;

const NUMPY: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "'descr': ",
    "'<f8'",
    "'|O'",
    "'fortran_order': ",
    "True",
    "'shape': ",
    "4611686018427387904, ",
    "L",
    "\u{93}NUMPY",
    "'>c16'",
    "[('a', '<f8')]",
    ",",
    " ",
    "\n",
    "1, ",
];

#[test]
fn changed_npy_files_are_opened_or_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x.npy");
    let name = path.to_str().expect("ASCII").to_owned();
    let (good, bad) = judged("npy", &["lying", "long", "objects"]);
    let mut decode = |input: &[u8]| {
        std::fs::write(&path, input).expect("written");
        load(&name).is_ok()
    };
    Decoder {
        name: "npy headers",
        good,
        bad,
        words: NUMPY,
        bytes: 64 * KIBIBYTE,
        for_each_byte: 256,
        one_in: 2,
        decode: &mut decode,
    }
    .hold();
}

fn run() -> (TempDir, RunDirectory) {
    let base = tempfile::tempdir().expect("a directory");
    let run = RunDirectory::create(&base.path().join("runs"), RunId::generate()).expect("created");
    (base, run)
}

/// A decoder of a file of the run directory.
fn of_run(
    name: &str,
    file: &str,
    words: &[&str],
    good: Vec<Vec<u8>>,
    bad: Vec<Vec<u8>>,
    mut accepted: impl FnMut(&RunDirectory) -> bool,
) {
    let (_base, run) = run();
    let path: PathBuf = run.path().join(file);
    let mut decode = |input: &[u8]| {
        std::fs::write(&path, input).expect("written");
        accepted(&run)
    };
    Decoder {
        name,
        good,
        bad,
        words,
        bytes: 64 * KIBIBYTE,
        for_each_byte: 64,
        one_in: 4,
        decode: &mut decode,
    }
    .hold();
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "[[",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "-1",
    "1e400",
    "\\u0000",
    "\\ud800",
    "\"nonce\":",
    "\"job\":7",
];

#[test]
fn changed_owners_facts_and_submissions_are_read_or_refused() {
    let (good, bad) = judged("owner", &[]);
    of_run("owner", "owner.json", JSON, good, bad, |run| {
        let owner: Result<Owner, _> = run.owner();
        owner.is_ok_and(|owner| owner.process.is_alive() != Some(true))
    });
    let (good, bad) = judged("worker", &[]);
    of_run("worker", "worker.json", JSON, good, bad, |run| run.worker(None).is_ok());
    let (good, bad) = judged("submission", &[]);
    of_run("submission", "submission-0.json", JSON, good, bad, |run| {
        let submissions: Vec<Submission> = run.submissions();
        submissions.len() == 1
    });
}

#[test]
fn changed_addresses_are_read_or_refused() {
    let (good, bad) = judged("addresses", &["odd"]);
    let own = [("eth0".to_owned(), Interface { ip: "10.4.0.9".parse().expect("an address"), prefix: 16 })];
    of_run("addresses", "addresses", &["/", " ", ".", "::", "\n", "65536", "0"], good, bad, |run| {
        let Ok(lines) = run.addresses() else { return false };
        let read: Result<Vec<Candidate>, String> = lines.iter().map(|line| line.parse()).collect();
        read.is_ok_and(|candidates| {
            let count = candidates.len();
            order(candidates, &own).len() == count && count > 0
        })
    });
}

#[test]
fn changed_key_files_are_read_or_refused() {
    let good = vec![Keys::generate().expect("keys").worker.into_bytes()];
    let words =
        ["-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "PRIVATE KEY", "MIIB", "=", "\n"];
    of_run("key", "key.pem", &words, good, Vec::new(), |run| {
        run.key().is_ok_and(|key| connector(&key).is_ok())
    });
}

#[test]
fn changed_checkpoint_files_are_whole_or_passed_over() {
    let (_base, written) = run();
    let owner = Owner::this(None);
    written.write_owner(&owner).expect("written");
    let write = |content: &[u8]| {
        written.write_checkpoint(owner.nonce, content).expect("written");
        let file = |name: &str| std::fs::read(written.path().join(name)).ok();
        [file("checkpoint-0"), file("checkpoint-1")].into_iter().flatten().collect::<Vec<_>>()
    };
    write(b"");
    let good = write(&[7; 300]);
    let (bad, none) = judged("checkpoint", &[]);
    assert!(none.is_empty());
    of_run(
        "checkpoint",
        "checkpoint-1",
        &["squall checkpoint 1\n", "squall checkpoint 2\n"],
        good,
        bad,
        |run| run.checkpoint().is_some(),
    );
}

#[test]
fn changed_names_of_runs_are_read_or_refused() {
    let (good, bad) = judged("run-id", &[]);
    let mut decode = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let id = RunId::parse(&text).ok().or_else(|| RunId::of_job_name(&text));
        id.is_some_and(|id| {
            let plain =
                id.as_str().len() == 8 && id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(plain, "{id}");
            Path::new(id.as_str()).components().count() == 1
        })
    };
    let words = &["sq-", "-", "/", "..", "\0", "bcdfghjk"];
    Decoder {
        name: "run ids",
        good,
        bad,
        words,
        bytes: 8 * KIBIBYTE,
        for_each_byte: 16,
        one_in: 1,
        decode: &mut decode,
    }
    .hold();
}

#[test]
fn changed_recordings_are_read_as_far_as_they_are_whole() {
    let (worker, lease) = (WorkerId(3), LeaseId(300));
    let events = [
        Event::Registered { worker, threads: 4, left: Some(Duration::from_secs(270)) },
        Event::Begin { tasks: 1 << 40, most: 70_000, done: vec![0..7, 9..10] },
        Event::Answered { worker, lease, finished: 12, took: Duration::from_millis(900) },
        Event::Away { worker },
        Event::Returned { worker, holds: vec![lease] },
        Event::Lost { worker, blamed: true },
        Event::Tick,
        Event::Close,
    ];
    let mut recording = Recording::default();
    let mut bytes = Recording::beginning(2);
    for (second, event) in events.iter().enumerate() {
        let at = Timestamp(Duration::from_secs(second as u64));
        bytes.extend(recording.record(at, event).expect("small"));
    }
    let mut decode = |input: &[u8]| {
        let Some(recorded) = Recorded::read(input) else { return false };
        let mut scheduler = Scheduler::new(recorded.minimum_workers);
        let mut tell = |(now, event): (Timestamp, Event)| {
            let can = scheduler.can_be_told(&event);
            if can {
                scheduler.handle(now, event, &mut Vec::new());
                scheduler.check_invariants();
            }
            can
        };
        recorded.events.into_iter().all(&mut tell) && recorded.cut == 0
    };
    Decoder {
        name: "recordings",
        good: vec![bytes, Recording::beginning(0)],
        bad: vec![Vec::new(), b"squall".to_vec()],
        words: &[],
        bytes: 4096 * KIBIBYTE,
        for_each_byte: 64,
        one_in: 1,
        decode: &mut decode,
    }
    .hold();
}
