//! A worker as the launcher knows it: what became of its process or job, and what its end means.

use crate::driver::cause::{Cause, MemoryUse};
use crate::event::Timestamp;
use crate::launch::{Phase, PoolId, State};
use crate::scheduler::WorkerId;
use crate::scheduler::pool;

/// What the launcher was asked for in a pool.
pub(super) struct Ordered {
    /// How many workers, but for those that it could not start.
    pub(super) workers: u32,
    /// The memory that each is allowed, in bytes.
    pub(super) memory: Option<u64>,
}

/// A worker as the launcher knows it.
#[derive(Default)]
pub(super) struct Launched {
    pub(super) worker: Option<WorkerId>,
    /// Where it was asked for.
    pub(super) pool: PoolId,
    /// It computes inside the driver, beside those that are counted.
    pub(super) beside: bool,
    /// Whether the launcher knows it.
    pub(super) known: bool,
    /// Whether it has ever registered.
    pub(super) came: bool,
    /// It was asked to end, because there are to be fewer.
    pub(super) unwanted: bool,
    pub(super) state: Option<State>,
    /// It said that it leaves.
    pub(super) left: bool,
    /// It was drained because its walltime was near.
    pub(super) retired: bool,
    /// It has done something.
    pub(super) useful: bool,
    /// When the launcher started it.
    pub(super) since: Option<Timestamp>,
    /// When its time is over, if that is known.
    pub(super) end: Option<Timestamp>,
    /// It has run for long, and had not come.
    pub(super) overdue: bool,
    /// It is there, but another one is to take its place soon.
    pub(super) expiring: bool,
    /// The most memory that it said it had used, in bytes.
    pub(super) peak_memory: u64,
}

/// What a new state of a launched worker means.
pub(super) enum Turn {
    /// It runs, and did not before.
    Runs,
    /// It has ended, in its pool.
    Ended(PoolId, pool::Ended),
    None,
}

impl Launched {
    /// One that has left has not ended before the launcher says so, and why.
    pub(super) fn has_ended(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.phase == Phase::Ended)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.worker.is_none() && self.has_ended()
    }

    /// Whether it waits to be started, as far as is known.
    pub(super) fn is_waiting(&self) -> bool {
        let waits = |state: &State| matches!(state.phase, Phase::Waiting | Phase::Stuck);
        !self.came && self.state.as_ref().is_none_or(waits)
    }

    /// Whether it is not there, and does not come unless somebody changes something.
    pub(super) fn is_stuck(&self) -> bool {
        self.worker.is_none() && self.state.as_ref().is_some_and(|state| state.phase == Phase::Stuck)
    }

    /// Whether it is there or can still come, and stays.
    pub(super) fn is_possible(&self) -> bool {
        !self.unwanted && !self.is_gone() && !self.is_stuck()
    }

    /// Whether it is not about to go, nor to be replaced.
    pub(super) fn stays(&self) -> bool {
        !self.unwanted && !self.expiring
    }

    /// Whether it is there or on its way, and stays.
    pub(super) fn lasts(&self) -> bool {
        self.stays() && !self.is_gone()
    }

    /// Whether it runs and is not there yet.
    pub(super) fn is_starting(&self) -> bool {
        !self.came && self.state.as_ref().is_some_and(|state| state.phase == Phase::Running)
    }

    /// Takes note of a new state; returns what it means.
    pub(super) fn turn(&mut self, state: State, pools: &[Ordered]) -> Turn {
        let before = self.state.as_ref().map_or(Phase::Waiting, |before| before.phase);
        let phase = state.phase;
        (self.state, self.known) = (Some(state), true);
        match (before, phase) {
            (Phase::Waiting | Phase::Stuck, Phase::Running) => Turn::Runs,
            (Phase::Waiting | Phase::Stuck | Phase::Running, Phase::Ended) => {
                Turn::Ended(self.pool, self.ended(pools))
            }
            _ => Turn::None,
        }
    }

    /// What its end means for whether another one takes its place.
    fn ended(&self, pools: &[Ordered]) -> pool::Ended {
        match self.cause(pools) {
            _ if self.unwanted => pool::Ended::InOrder,
            Some(Cause::NotRegistered) => pool::Ended::Fruitless,
            Some(Cause::Cancelled) => pool::Ended::Cancelled,
            // Who comes and goes without having done anything is no use again and again.
            _ if self.came && !self.useful => pool::Ended::Lost,
            Some(Cause::Walltime | Cause::Preempted) => pool::Ended::InOrder,
            _ if self.left => pool::Ended::InOrder,
            _ if self.came => pool::Ended::Lost,
            _ => pool::Ended::Fruitless,
        }
    }

    /// Why it has ended, if it has.
    pub(super) fn cause(&self, pools: &[Ordered]) -> Option<Cause> {
        let state = self.state.as_ref().filter(|state| state.phase == Phase::Ended)?;
        if self.left && self.retired {
            return Some(Cause::WalltimeIsNear);
        }
        if self.overdue && !self.came {
            return Some(Cause::NotRegistered);
        }
        let allowed = pools[self.pool.0].memory;
        Some(Cause::of(state, MemoryUse { peak: self.peak_memory, allowed }))
    }
}

pub(super) fn describe(state: &State) -> String {
    let reason = if state.reason.is_empty() { String::new() } else { format!(" ({})", state.reason) };
    if state.phase == Phase::Stuck {
        return format!("worker {} would wait for ever: {}{reason}", state.key, state.word);
    }
    let log = if state.log.is_empty() { String::new() } else { format!("\n{}", state.log) };
    format!("worker {} ended: {}{reason}{log}", state.key, state.word)
}
