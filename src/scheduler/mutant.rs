//! A scheduler with a deliberate defect, put between the simulator and the real one: what the checker does not see
//! in one of these it would not see in the scheduler.

use crate::event::Timestamp;
use crate::scheduler::{Effect, Event, LeaseId, Scheduler, WorkerId};
use std::collections::BTreeMap;
use std::ops::Range;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    ForgetsToRequeue,
    AcceptsDeadIds,
    CountsTwice,
    LeasesAfterClose,
    NeverTwins,
    NeverDismisses,
}

pub(super) const DEFECTS: [Defect; 6] = [
    Defect::ForgetsToRequeue,
    Defect::AcceptsDeadIds,
    Defect::CountsTwice,
    Defect::LeasesAfterClose,
    Defect::NeverTwins,
    Defect::NeverDismisses,
];

/// The scheduler, with a defect or without.
pub(super) struct Mutant {
    scheduler: Scheduler,
    defect: Option<Defect>,
    /// Every lease of the stage: whose it was, and which tasks.
    given: BTreeMap<LeaseId, (WorkerId, Range<u64>)>,
    /// Those of them that may still count.
    live: BTreeMap<LeaseId, (WorkerId, Range<u64>)>,
}

impl Mutant {
    pub(super) fn new(minimum_workers: u32, defect: Option<Defect>) -> Mutant {
        let scheduler = Scheduler::new(minimum_workers);
        Mutant { scheduler, defect, given: BTreeMap::new(), live: BTreeMap::new() }
    }

    pub(super) fn handle(&mut self, now: Timestamp, event: Event, effects: &mut Vec<Effect>) {
        let finished = if let Event::Answered { finished, .. } = event { finished } else { 0 };
        match event {
            Event::Lost { .. } if self.defect == Some(Defect::ForgetsToRequeue) => return,
            Event::Lost { worker } => self.live.retain(|_, (holder, _)| *holder != worker),
            Event::Begin { .. } => {
                self.given.clear();
                self.live.clear();
            }
            _ => {}
        }
        let closes = event == Event::Close;
        let mut wanted = Vec::new();
        self.scheduler.handle(now, event, &mut wanted);
        for effect in wanted {
            self.pass(effect, finished, effects);
        }
        if closes && self.defect == Some(Defect::LeasesAfterClose) {
            let again = |(lease, (worker, tasks)): (&LeaseId, &(WorkerId, Range<u64>))| Effect::Lease {
                worker: *worker,
                lease: LeaseId(lease.0 + (1 << 32)),
                tasks: tasks.clone(),
            };
            effects.extend(self.live.iter().map(again));
        }
    }

    fn pass(&mut self, effect: Effect, finished: u64, effects: &mut Vec<Effect>) {
        match (&effect, self.defect) {
            (Effect::Lease { worker, lease, tasks }, defect) => {
                let twin = self.live.values().any(|(_, held)| held == tasks);
                self.given.insert(*lease, (*worker, tasks.clone()));
                self.live.insert(*lease, (*worker, tasks.clone()));
                if twin && defect == Some(Defect::NeverTwins) {
                    return;
                }
            }
            (Effect::Drop { lease }, Some(Defect::AcceptsDeadIds)) => {
                if let Some((_, tasks)) = self.given.get(lease) {
                    let tasks = tasks.start..tasks.start + finished;
                    effects.push(Effect::Accept { lease: *lease, tasks });
                    return;
                }
            }
            (Effect::Accept { lease, .. }, defect) => {
                if let Some((_, tasks)) = self.live.remove(lease) {
                    self.live.retain(|_, (_, held)| *held != tasks);
                }
                if defect == Some(Defect::CountsTwice) {
                    effects.push(effect.clone());
                }
            }
            (Effect::Dismiss { .. }, Some(Defect::NeverDismisses)) => return,
            _ => {}
        }
        effects.push(effect);
    }

    pub(super) fn check_invariants(&self) {
        self.scheduler.check_invariants();
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.scheduler.next_deadline()
    }
}
