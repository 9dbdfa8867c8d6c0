//! What is written for people, line by line.

use super::*;
use crate::event::ResultSoFar;

fn lines(events: &[(u64, RunEvent)]) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, Style::Lines);
    for (milliseconds, event) in events {
        terminal.receive(Timestamp(Duration::from_millis(*milliseconds)), event);
    }
    String::from_utf8(out).expect("text")
}

fn job(job: &str, state: &str, reason: &str) -> JobNews {
    JobNews { job: job.to_owned(), state: state.to_owned(), reason: reason.to_owned() }
}

#[test]
fn a_run_is_told_in_one_line_for_each_change() {
    let opened = RunEvent::Opened {
        run: "bcdfghjk".to_owned(),
        cluster: "slurm".to_owned(),
        workers: 2,
        cores: Some(1),
        limits: "2G and 00:05:00".to_owned(),
        seed: "0x2a".to_owned(),
        directory: Some("/home/me/.squall/bcdfghjk".to_owned()),
    };
    let registered = RunEvent::Registered {
        worker: 0,
        job: "12_0".to_owned(),
        host: "node-1".to_owned(),
        threads: 1,
        kernel: "avx2".to_owned(),
        start_seconds: 0.02,
    };
    let leased = RunEvent::Leased { lease: 0, worker: 0, first: 0, end: 8 };
    let progress = |done| RunEvent::Progress { stage: 0, done, tasks: 800, elements: done * 1_000_000 };
    let waits = vec![job("12_0", "PENDING", "Priority"), job("12_1", "PENDING", "Priority")];
    let receipt = Receipt {
        submit_seconds: 0.1,
        queue_seconds: 70.0,
        compute_seconds: 2.0,
        wall_seconds: 72.5,
        elements: 800_000_000,
        worker_peak_bytes: (7 << 20) + 100_000,
        worker_bound_bytes: 41 << 20,
        worker_allowed_bytes: Some(2 << 30),
        driver_peak_bytes: 10_276_045,
        driver_bound_bytes: 40 << 20,
        workers: 1,
        lost: 1,
        ..Receipt::default()
    };
    let text = lines(&[
        (0, opened),
        (100, RunEvent::Submitted { job: "job 12".to_owned(), workers: 2 }),
        (2000, RunEvent::Jobs { jobs: waits.clone() }),
        (7000, RunEvent::Jobs { jobs: waits }),
        (70_000, registered),
        (70_000, RunEvent::Stage { stage: 0, tasks: 800, chunks: 16, elements: 800_000_000, done: 0 }),
        (70_500, leased),
        (70_600, progress(40)),
        (71_000, progress(200)),
        (71_100, progress(240)),
        (71_200, RunEvent::Lost { worker: 0, cause: "it closed the connection".to_owned(), leases: 2 }),
        (72_500, progress(800)),
        (72_500, RunEvent::Closing { cause: "done".to_owned() }),
        (72_500, RunEvent::Closed(receipt)),
    ]);
    insta::assert_snapshot!(text, @"
    run bcdfghjk on slurm: 2 workers of 1 thread, 2G and 00:05:00 each in /home/me/.squall/bcdfghjk
    seed 0x2a
    job 12: 2 workers asked for
    jobs: 2 PENDING (Priority)
    1 of 2 workers registered: worker 0 is job 12_0 on node-1 (avx2, up in 0.02 s)
     25 % done, 400 million numbers a second, 1.5 s left
    worker 0 is lost: it closed the connection, and what it held waits again
    time: submit 0.10 s, queue 70.0 s, start 0.00 s, compute 2.0 s, close 0.00 s, wall 72.5 s
    work: 800 million numbers, 400 million a second, by 1 worker, 1 lost; seed 0x2a
    memory: worker 7.1M of 41M bounded, 2G allowed; driver 9.8M of 40M
    ");
}

#[test]
fn results_so_far_are_told_at_once_and_then_ever_more_seldom() {
    let stage = RunEvent::Stage { stage: 0, tasks: 1000, chunks: 16, elements: 1_000_000_000, done: 0 };
    let mut events = vec![(0, stage), (0, RunEvent::Leased { lease: 0, worker: 0, first: 0, end: 8 })];
    for second in 1..=20_u64 {
        let elements = second * 1_000_000;
        if second > 2 {
            let result = |name: &str, value: f64, error: Option<f64>| ResultSoFar {
                name: name.to_owned(),
                value,
                error,
                elements,
            };
            let mean = result("mean", 1.2345e-5, Some(0.1 / (elements as f64).sqrt()));
            let results = vec![mean, result("std", 0.100_01, None)];
            events.push((1000 * second, RunEvent::ResultsSoFar { stage: 0, results }));
        }
        let progress = RunEvent::Progress { stage: 0, done: second, tasks: 1000, elements };
        events.push((1000 * second, progress));
    }
    insta::assert_snapshot!(lines(&events), @"
      0 % done, 1 million numbers a second, 0:16:37 left; mean 1.2e-5 ± 5.8e-5 of 3 million; std 0.1 of 3 million
      0 % done, 1 million numbers a second, 0:16:35 left; mean 1.2e-5 ± 4.5e-5 of 5 million; std 0.1 of 5 million
      1 % done, 1 million numbers a second, 0:16:31 left; mean 1.2e-5 ± 3.3e-5 of 9 million; std 0.1 of 9 million
      2 % done, 1 million numbers a second, 0:16:23 left; mean 1.2e-5 ± 2.4e-5 of 17 million; std 0.1 of 17 million
    ");
}

#[test]
fn live_line_is_one_line_and_shows_no_control_characters_of_a_name() {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, Style::Live);
    let result = ResultSoFar { name: "a\u{1b}[2J\nb".to_owned(), value: 0.5, error: None, elements: 7 };
    let results = RunEvent::ResultsSoFar { stage: 0, results: vec![result] };
    let progress = |done| RunEvent::Progress { stage: 0, done, tasks: 1000, elements: done };
    for (at, event) in [(0, results), (0, progress(1)), (1000, progress(2))] {
        terminal.receive(Timestamp(Duration::from_millis(at)), &event);
    }
    let text = String::from_utf8(out).expect("text");
    let (_, live) = text.rsplit_once('\n').expect("the first one is a line of its own");
    let shown = live.strip_prefix("\r\u{1b}[K\u{1b}[?7l").and_then(|live| live.strip_suffix("\u{1b}[?7h"));
    let shown = shown.expect("it is drawn without wrapping");
    assert!(shown.ends_with(" b 0.5 of 7") && !shown.contains('\u{1b}'), "{shown:?}");
}
