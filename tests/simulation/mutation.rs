//! Deliberate defects of everything around the core, each of which the checkers have to see.

use squall::codec;
use squall::driver::checkpoint::Checkpoint;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A checkpoint has one task more than were counted.
    ClaimsOneMore,
    /// A driver does not look whether the run is still its own.
    TrustsItsNonce,
    /// A checkpoint is told to be kept before it is on the disk.
    NeverSynchronizes,
    /// What is left is not ended.
    EndsNothing,
    /// The core is not told of broken connections.
    MissesLosses,
    /// A worker computes the wrong task.
    ComputesAnotherTask,
}

pub(crate) const ALL: [Mutation; 6] = [
    Mutation::ClaimsOneMore,
    Mutation::TrustsItsNonce,
    Mutation::NeverSynchronizes,
    Mutation::EndsNothing,
    Mutation::MissesLosses,
    Mutation::ComputesAnotherTask,
];

/// The checkpoint with a task more in its last range.
pub(crate) fn one_more(content: &[u8]) -> Vec<u8> {
    let mut checkpoint = Checkpoint::decode(content).expect("whole");
    if let Some(last) = checkpoint.running.as_mut().and_then(|running| running.tasks.last_mut()) {
        last.end += 1;
    }
    codec::encode(&checkpoint, 1 << 24).expect("it is small")
}
