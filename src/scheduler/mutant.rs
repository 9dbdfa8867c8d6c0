//! A scheduler with a deliberate defect, put between the simulator and the real one: what the simulator's judges do
//! not see in one of these they would not see in the scheduler.

use crate::event::Timestamp;
use crate::scheduler::{Effect, Event, LeaseId, Scheduler, Why, WorkerId};
use std::collections::BTreeMap;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    ForgetsToRequeue,
    AcceptsDeadIds,
    CountsTwice,
    LeasesAfterClose,
    NeverTwins,
    NeverDismisses,
    MissesEnds,
    OverratesSpeed,
}

pub(super) const DEFECTS: [Defect; 8] = [
    Defect::ForgetsToRequeue,
    Defect::AcceptsDeadIds,
    Defect::CountsTwice,
    Defect::LeasesAfterClose,
    Defect::NeverTwins,
    Defect::NeverDismisses,
    Defect::MissesEnds,
    Defect::OverratesSpeed,
];

/// The scheduler, with a defect or without.
pub(super) struct Mutant {
    scheduler: Scheduler,
    defect: Option<Defect>,
    /// Every lease of the stage, as it was given.
    given: BTreeMap<LeaseId, Effect>,
}

impl Mutant {
    pub(super) fn new(minimum_workers: u32, defect: Option<Defect>) -> Mutant {
        Mutant { scheduler: Scheduler::new(minimum_workers), defect, given: BTreeMap::new() }
    }

    pub(super) fn handle(&mut self, now: Timestamp, event: Event, effects: &mut Vec<Effect>) {
        let finished = if let Event::Answered { finished, .. } = event { finished } else { 0 };
        match event {
            Event::Lost { .. } if self.defect == Some(Defect::ForgetsToRequeue) => return,
            Event::Close if self.defect == Some(Defect::LeasesAfterClose) => {
                effects.extend(self.given.values().next().cloned().map(again));
            }
            Event::Begin { .. } => self.given.clear(),
            _ => {}
        }
        let mut wanted = Vec::new();
        self.scheduler.handle(now, self.misheard(event), &mut wanted);
        for effect in wanted {
            self.pass(effect, finished, effects);
        }
    }

    fn misheard(&self, event: Event) -> Event {
        match (event, self.defect) {
            (Event::Registered { worker, threads, .. }, Some(Defect::MissesEnds)) => {
                Event::Registered { worker, threads, left: None }
            }
            (Event::Answered { worker, lease, finished, took }, Some(Defect::OverratesSpeed)) => {
                Event::Answered { worker, lease, finished, took: took / 2 }
            }
            (event, _) => event,
        }
    }

    fn pass(&mut self, effect: Effect, finished: u64, effects: &mut Vec<Effect>) {
        match (&effect, self.defect) {
            (Effect::Lease { why: Why::Twin(_), .. }, Some(Defect::NeverTwins)) => return,
            (Effect::Lease { lease, .. }, _) => drop(self.given.insert(*lease, effect.clone())),
            (Effect::Drop { lease }, Some(Defect::AcceptsDeadIds)) => {
                if let Some(Effect::Lease { tasks, .. }) = self.given.get(lease) {
                    let tasks = tasks.start..tasks.start + finished;
                    return effects.push(Effect::Accept { lease: *lease, tasks });
                }
            }
            (Effect::Accept { .. }, Some(Defect::CountsTwice)) => effects.push(effect.clone()),
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

    pub(super) fn leases(&self, worker: WorkerId) -> Vec<LeaseId> {
        self.scheduler.leases(worker)
    }
}

/// The same lease under another id.
fn again(effect: Effect) -> Effect {
    match effect {
        Effect::Lease { worker, lease, tasks, why } => {
            Effect::Lease { worker, lease: LeaseId(lease.0 + (1 << 32)), tasks, why }
        }
        other => other,
    }
}
