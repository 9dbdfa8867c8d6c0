//! A recording as a test: it is told to a scheduler again under the eyes of the checker.
//!
//! `SQUALL_RECORDING=FILE cargo test --lib recorded` does so with a `schedule` file of a run, instead of that of the
//! tests' own.

use crate::scheduler::checker::Checker;
use crate::scheduler::record::Recorded;
use crate::scheduler::{Effect, Event, Scheduler};

/// Tells everything; returns what was decided.
pub(super) fn judge(recorded: &Recorded) -> Vec<Effect> {
    let mut scheduler = Scheduler::new(recorded.minimum_workers);
    let mut checker = Checker::default();
    let mut decided = Vec::new();
    for (now, event) in &recorded.events {
        let finished = hear(&mut checker, &scheduler, event);
        let mut effects = Vec::new();
        scheduler.handle(*now, event.clone(), &mut effects);
        scheduler.check_invariants();
        for effect in &effects {
            match effect {
                Effect::Lease { lease, tasks, .. } => checker.leased(*lease, tasks),
                Effect::Accept { lease, .. } => checker.accepted(*lease, finished),
                Effect::GiveUp { tasks, faults } => checker.given_up(tasks, *faults),
                Effect::Done => checker.done(),
                Effect::Drop { .. }
                | Effect::Yield { .. }
                | Effect::Retire { .. }
                | Effect::Dismiss { .. } => {}
            }
        }
        decided.extend(effects);
    }
    decided
}

/// Tells the checker what the scheduler is about to be told; returns how many tasks it says are finished.
fn hear(checker: &mut Checker, scheduler: &Scheduler, event: &Event) -> u64 {
    match event {
        Event::Begin { tasks, done, .. } => {
            checker.begin(*tasks);
            for range in done {
                checker.counted[range.start as usize..range.end as usize].fill(true);
            }
        }
        Event::Answered { finished, .. } => return *finished,
        Event::Failed { lease, .. } => checker.failed(*lease),
        Event::Lost { worker, blamed: true } => {
            scheduler.leases(*worker).into_iter().take(1).for_each(|lease| checker.failed(lease));
        }
        Event::Close => checker.closed = true,
        _ => {}
    }
    0
}

/// A worker was killed while this was recorded.
const LOST_WORKER: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/recordings/lost-worker"));

#[test]
fn recorded_run_keeps_every_promise() {
    let file = std::env::var("SQUALL_RECORDING").ok();
    let bytes = file.map_or(LOST_WORKER.to_vec(), |path| std::fs::read(&path).expect("it can be read"));
    let recorded = Recorded::read(&bytes).expect("it is a recording");
    let decided = judge(&recorded);
    println!("{} events, {} decisions, {} bytes cut", recorded.events.len(), decided.len(), recorded.cut);
    assert!(decided.iter().any(|effect| matches!(effect, Effect::Lease { .. })), "nothing was leased");
}
