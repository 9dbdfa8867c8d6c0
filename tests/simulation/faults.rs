//! What goes wrong, how often, and how often it did.

use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    WorkerStops,
    WorkerSlows,
    WorkerCrashes,
    WorkerFails,
    OutOfMemory,
    NodeFails,
    Preempted,
    CancelledBySomeone,
    ConnectionCut,
    HalfOpen,
    LinkStalls,
    AnswersAgain,
    DriverKilled,
    DriverNodeLost,
    DriverStops,
    SecondDriver,
    Interrupted,
    DiskFills,
    DiskFails,
    DiskHangs,
    WriteTorn,
    OwnerSeenLate,
    SubmissionRejected,
    JobsLimited,
    SubmissionUnknown,
    JobsPend,
    QueueUnreachable,
    JobForgotten,
    CancelFails,
    Walltime,
}

pub(crate) const ALL: [Fault; 30] = [
    Fault::WorkerStops,
    Fault::WorkerSlows,
    Fault::WorkerCrashes,
    Fault::WorkerFails,
    Fault::OutOfMemory,
    Fault::NodeFails,
    Fault::Preempted,
    Fault::CancelledBySomeone,
    Fault::ConnectionCut,
    Fault::HalfOpen,
    Fault::LinkStalls,
    Fault::AnswersAgain,
    Fault::DriverKilled,
    Fault::DriverNodeLost,
    Fault::DriverStops,
    Fault::SecondDriver,
    Fault::Interrupted,
    Fault::DiskFills,
    Fault::DiskFails,
    Fault::DiskHangs,
    Fault::WriteTorn,
    Fault::OwnerSeenLate,
    Fault::SubmissionRejected,
    Fault::JobsLimited,
    Fault::SubmissionUnknown,
    Fault::JobsPend,
    Fault::QueueUnreachable,
    Fault::JobForgotten,
    Fault::CancelFails,
    Fault::Walltime,
];

/// How often each fault happened.
pub(crate) type Counts = BTreeMap<Fault, u64>;

/// The faults of one world.
pub(crate) struct Faults {
    /// Every world has some kinds only: so some faults meet that would else be drowned by others.
    kinds: Vec<Fault>,
    /// Microseconds from one fault to the next, on average.
    pub(crate) every: u64,
    /// How likely one is where a thing may fail whenever it is done.
    likely: f64,
    pub(crate) healed: bool,
    pub(crate) counts: Counts,
}

impl Faults {
    pub(crate) fn new(rng: &mut StdRng) -> Faults {
        let share = [0.0, 0.2, 0.5, 0.9][rng.random_range(0..4)];
        let kinds = ALL.into_iter().filter(|_| rng.random_bool(share)).collect();
        let every = [1_000_000, 5_000_000, 20_000_000][rng.random_range(0..3)];
        let likely = [0.02, 0.2][rng.random_range(0..2)];
        Faults { kinds, every, likely, healed: false, counts: Counts::new() }
    }

    /// One that can happen now, if any can.
    pub(crate) fn any(&self, rng: &mut StdRng) -> Option<Fault> {
        if self.healed || self.kinds.is_empty() {
            return None;
        }
        Some(self.kinds[rng.random_range(0..self.kinds.len())])
    }

    /// Whether a thing that is being done fails in this way.
    pub(crate) fn strikes(&mut self, rng: &mut StdRng, fault: Fault) -> bool {
        let strikes = !self.healed && self.kinds.contains(&fault) && rng.random_bool(self.likely);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Whether something is done twice that seldom can be.
    pub(crate) fn repeats(&mut self, rng: &mut StdRng, fault: Fault) -> bool {
        let repeats = !self.healed && rng.random_bool(0.8);
        if repeats {
            self.count(fault);
        }
        repeats
    }

    pub(crate) fn count(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }
}
