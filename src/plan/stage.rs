//! One pass over arrays as it is sent to workers: which elements, and what to do with a block of them.
//!
//! A [`Stage`] that exists is sound: decoding checks every size, buffer and accumulator it names, so that
//! `execute` need not.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::elementwise::{Binary, Unary};
use crate::kernel::{BLOCK, Distribution, Key};
use crate::plan::partial::{Gather, Partial};

/// Elements of a task at most.
pub(super) const TASK: u64 = 1 << 20;
/// Buffers of a thread at most: 8 MiB.
pub(super) const BUFFERS: u32 = 1024;
/// Instructions of a stage at most; bounds the time that checking one takes.
pub(super) const INSTRUCTIONS: usize = 1 << 20;
/// Elements of an array at most.
const ELEMENTS: u64 = 1 << 63;

/// One pass over arrays. Its tasks run through its groups, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Stage {
    groups: Vec<Group>,
    gathers: Vec<Gather>,
}

/// A stage as it is decoded.
#[derive(Deserialize)]
struct Unchecked {
    groups: Vec<Group>,
    gathers: Vec<Gather>,
}

/// Arrays of one shape, computed together, block by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Elements of each array.
    pub elements: u64,
    /// Elements of a task, a multiple of [`BLOCK`]; the last task may have fewer.
    pub extent: u64,
    /// Buffers of [`BLOCK`] elements that the instructions use.
    pub buffers: u32,
    /// What is done with each block.
    pub instructions: Vec<Instruction>,
}

/// A step in the computation of a block. Numbers name buffers and accumulators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Instruction {
    /// Makes the block's elements of a random array.
    Fill {
        /// Seed and stream.
        key: Key,
        /// The distribution of every element.
        distribution: Distribution,
        /// The buffer that is filled.
        into: u32,
    },
    /// Copies a buffer.
    Copy {
        /// The buffer that is read.
        from: u32,
        /// The buffer that is filled, another one.
        into: u32,
    },
    /// `left = operation left`.
    Unary {
        /// What is done.
        operation: Unary,
        /// The operand and the result.
        left: u32,
    },
    /// `left = left operation right`.
    Binary {
        /// What is done.
        operation: Binary,
        /// The first operand and the result.
        left: u32,
        /// The second operand, in another buffer.
        right: u32,
    },
    /// `left = left operation right` with a number on the right.
    BinaryScalar {
        /// What is done.
        operation: Binary,
        /// The first operand and the result.
        left: u32,
        /// The second operand.
        right: f64,
    },
    /// `right = left operation right` with a number on the left.
    ScalarBinary {
        /// What is done.
        operation: Binary,
        /// The first operand.
        left: f64,
        /// The second operand and the result.
        right: u32,
    },
    /// Adds the elements to an accumulator.
    Gather {
        /// The buffer that is read.
        from: u32,
        /// The accumulator.
        accumulator: u32,
    },
}

impl Stage {
    pub(super) fn new(groups: Vec<Group>, gathers: Vec<Gather>) -> Result<Self> {
        let stage = Stage { groups, gathers };
        stage.validate()?;
        Ok(stage)
    }

    /// The number of tasks.
    pub fn tasks(&self) -> u64 {
        self.groups.iter().map(Group::tasks).sum()
    }

    /// The groups, in the order of their tasks.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The summary of no task.
    pub fn empty_partial(&self) -> Partial {
        Partial::empty(&self.gathers)
    }

    /// Whether everything it names exists and every size is in range. Decoding asks this.
    pub fn validate(&self) -> Result<()> {
        let instructions = self.groups.iter().map(|group| group.instructions.len());
        let tasks = self.groups.iter().try_fold(0_u64, |tasks, group| {
            group.validate(self.gathers.len())?;
            tasks.checked_add(group.tasks()).ok_or_else(|| unsound("too many tasks"))
        });
        tasks?;
        if instructions.sum::<usize>() > INSTRUCTIONS || self.gathers.len() > INSTRUCTIONS {
            return Err(unsound("too many instructions"));
        }
        Ok(())
    }
}

impl TryFrom<Unchecked> for Stage {
    type Error = Error;

    fn try_from(unchecked: Unchecked) -> Result<Self> {
        Stage::new(unchecked.groups, unchecked.gathers)
    }
}

impl Group {
    /// The number of tasks.
    pub fn tasks(&self) -> u64 {
        self.elements.div_ceil(self.extent)
    }

    fn validate(&self, accumulators: usize) -> Result<()> {
        let block = BLOCK as u64;
        if !(1..=ELEMENTS).contains(&self.elements) {
            return Err(unsound("a size out of range"));
        }
        if !(block..=TASK).contains(&self.extent) || !self.extent.is_multiple_of(block) {
            return Err(unsound("a task that is not made of whole blocks"));
        }
        if self.buffers > BUFFERS {
            return Err(unsound("too many buffers"));
        }
        let mut filled = vec![false; self.buffers as usize];
        for instruction in &self.instructions {
            instruction.validate(&mut filled, accumulators)?;
        }
        Ok(())
    }
}

impl Instruction {
    /// Buffers exist, hold something before they are read, and are not read and written at once.
    fn validate(&self, filled: &mut [bool], accumulators: usize) -> Result<()> {
        let is_filled = |buffer: u32| filled.get(buffer as usize) == Some(&true);
        let sound = match *self {
            Instruction::Fill { .. } => true,
            Instruction::Copy { from, into } => is_filled(from) && from != into,
            Instruction::Unary { left: own, .. }
            | Instruction::BinaryScalar { left: own, .. }
            | Instruction::ScalarBinary { right: own, .. } => is_filled(own),
            Instruction::Binary { left, right, .. } => is_filled(left) && is_filled(right) && left != right,
            Instruction::Gather { from, accumulator } => {
                is_filled(from) && (accumulator as usize) < accumulators
            }
        };
        if !sound {
            return Err(unsound("an instruction without its operands"));
        }
        if let Instruction::Fill { into, .. } | Instruction::Copy { into, .. } = *self {
            *filled.get_mut(into as usize).ok_or_else(|| unsound("a buffer that does not exist"))? = true;
        }
        Ok(())
    }
}

fn unsound(cause: &str) -> Error {
    Error::new(ErrorKind::Internal, "the stage is not sound").cause(cause)
}
