//! One task: its elements block by block through the instructions of its group.

use crate::kernel::elementwise::{binary, binary_scalar, scalar_binary, unary};
use crate::kernel::random::fill;
use crate::kernel::{BLOCK, Isa};
use crate::plan::{Group, Instruction, Partial, Stage};

/// The buffers of one thread. They are kept from task to task; nothing is allocated for a task.
#[derive(Debug, Default)]
pub(super) struct Buffers(Vec<Vec<f64>>);

impl Buffers {
    /// Computes a task of a stage and adds it to the partial.
    pub(super) fn task(&mut self, stage: &Stage, isa: Isa, task: u64, partial: &mut Partial) {
        let mut first_task = 0;
        for group in stage.groups() {
            let within = task - first_task;
            if within < group.tasks() {
                let start = within * group.extent;
                let end = group.elements.min(start.saturating_add(group.extent));
                return self.elements(group, isa, start, end, partial);
            }
            first_task += group.tasks();
        }
    }

    fn elements(&mut self, group: &Group, isa: Isa, start: u64, end: u64, partial: &mut Partial) {
        let missing = (group.buffers as usize).saturating_sub(self.0.len());
        self.0.extend((0..missing).map(|_| vec![0.0; BLOCK]));
        let mut first = start;
        while first < end {
            let length = (end - first).min(BLOCK as u64) as usize;
            for instruction in &group.instructions {
                self.step(instruction, isa, first, length, partial);
            }
            first += length as u64;
        }
    }

    /// One instruction on the block of `length` elements from `first` on.
    fn step(&mut self, step: &Instruction, isa: Isa, first: u64, length: usize, partial: &mut Partial) {
        match step {
            Instruction::Fill { key, distribution, into } => {
                fill(isa, key, *distribution, first, self.block(*into, length));
            }
            Instruction::Copy { from, into } => {
                let (into, from) = self.two(*into, *from, length);
                into.copy_from_slice(from);
            }
            Instruction::Unary { operation, left } => unary(isa, *operation, self.block(*left, length)),
            Instruction::Binary { operation, left, right } => {
                let (left, right) = self.two(*left, *right, length);
                binary(isa, *operation, left, right);
            }
            Instruction::BinaryScalar { operation, left, right } => {
                binary_scalar(isa, *operation, self.block(*left, length), *right);
            }
            Instruction::ScalarBinary { operation, left, right } => {
                scalar_binary(isa, *operation, *left, self.block(*right, length));
            }
            Instruction::Gather { from, accumulator } => {
                partial.add(*accumulator, isa, self.block(*from, length));
            }
        }
    }

    fn block(&mut self, buffer: u32, length: usize) -> &mut [f64] {
        &mut self.0[buffer as usize][..length]
    }

    /// Two different buffers, the first to be written.
    fn two(&mut self, written: u32, read: u32, length: usize) -> (&mut [f64], &[f64]) {
        let [written, read] = self
            .0
            .get_disjoint_mut([written as usize, read as usize])
            .expect("a stage names two different buffers that exist");
        (&mut written[..length], &read[..length])
    }
}
