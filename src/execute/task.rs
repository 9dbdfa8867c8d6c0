//! One task: its places block by block through the program of its group, and on to the sinks.

use crate::error::Result;
use crate::execute::files::Files;
use crate::execute::source::{Bound, Fetch, Fetcher};
use crate::execute::walk::Walk;
use crate::kernel::program::{Register, Registers};
use crate::kernel::{BLOCK, Isa};
use crate::plan::{
    Accumulator, Gather, GatherKind, Group, Instruction, Partial, Program, Sink, Source, Stage, Task, Values,
};

/// What one thread computes with. The registers are kept from run to run, files only for one.
pub(super) struct Computing<'a> {
    pub(super) stage: &'a Stage,
    pub(super) isa: Isa,
    pub(super) registers: &'a mut Registers,
    pub(super) files: Files<'a>,
}

/// The places of a task, or a range of them in C order.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) start: &'a [u64],
    pub(super) extents: &'a [u64],
    pub(super) first: u64,
    pub(super) length: u64,
}

/// Elements of a block that go to a sink.
pub(super) struct Given<'a> {
    pub(super) sink: usize,
    pub(super) values: Values<'a>,
    pub(super) places: Option<&'a [i64]>,
    /// The block's first place.
    pub(super) first: u64,
}

impl<'a> Computing<'a> {
    /// Computes a task and adds it to the partial.
    pub(super) fn task(&mut self, task: u64, partial: &mut Partial) -> Result<()> {
        let stage = self.stage;
        let mut first_task = 0;
        for group in stage.groups() {
            let within = task - first_task;
            if within < group.tasks() {
                return self.group_task(group, within, partial);
            }
            first_task += group.tasks();
        }
        Ok(())
    }

    fn group_task(&mut self, group: &'a Group, task: u64, partial: &mut Partial) -> Result<()> {
        let task = group.task(task);
        if group.range.is_some() && group.program.leaves.iter().any(|leaf| leaf.gathered) {
            return task.boxes().iter().try_for_each(|part| self.part(group, part, partial));
        }
        self.part(group, &task, partial)
    }

    /// A task, or a box of it.
    fn part(&mut self, group: &'a Group, task: &Task, partial: &mut Partial) -> Result<()> {
        let Task { start, extents, first, length } = task;
        let places = Places { start, extents, first: *first, length: *length };
        let sinks: Vec<(u64, Walk)> = group
            .sinks
            .iter()
            .map(|sink| {
                let (panel, output) = sink.panel(group, start);
                (panel, Walk::new(output, &sink.strides, &vec![0; extents.len()], extents))
            })
            .collect();
        let sources = self.bound(&group.program, places)?;
        let (stage, isa) = (self.stage, self.isa);
        self.blocks(&group.program, &sources, places, BLOCK as u64, |files, given| {
            let Sink { gather: number, .. } = group.sinks[given.sink];
            let gather = &stage.gathers()[number as usize];
            let (panel, walk) = &sinks[given.sink];
            if let GatherKind::Save { target, .. } = gather.kind {
                return walk.runs(given.first, given.values.len(), |at, run| {
                    let values = given.values.part(at, run.count);
                    files.write(target, stage.targets(), run.first as u64, run.step, values)
                });
            }
            give(isa, partial.accumulator(number as usize, gather, *panel), gather, walk, &given);
            Ok(())
        })
    }

    /// The leaves of a program over some places, with what has to be made or gathered before.
    pub(super) fn bound(&mut self, program: &'a Program, places: Places<'_>) -> Result<Vec<Bound<'a>>> {
        let stage = self.stage;
        let mut bound = Vec::with_capacity(program.leaves.len());
        for leaf in &program.leaves {
            let walk = Walk::new(leaf.offset, &leaf.strides, places.start, places.extents);
            let fetch = match &leaf.source {
                Source::Inner(number) => {
                    let (low, high) = walk.reach(places.first, places.length);
                    let (base, data) =
                        self.make(&stage.inner()[*number as usize], low as u64, high as u64 + 1)?;
                    Fetch::Held { base: base as i64, data }
                }
                _ if leaf.gathered => {
                    let mut fetcher = Fetcher { stage, isa: self.isa, files: &mut self.files };
                    Fetch::InOrder(fetcher.gathered(leaf, places.start, places.extents)?)
                }
                _ => Fetch::Source(leaf),
            };
            bound.push(Bound::new(fetch, walk));
        }
        Ok(bound)
    }

    /// Runs a program over places in blocks of at most `size`, and hands on what it gives.
    pub(super) fn blocks(
        &mut self,
        program: &Program,
        sources: &[Bound<'a>],
        places: Places<'_>,
        size: u64,
        mut give: impl FnMut(&mut Files<'a>, Given<'_>) -> Result<()>,
    ) -> Result<()> {
        self.registers.provide(program.sizes);
        // Blocks of the task are blocks of the random array, where they can be.
        let lead = sources.iter().find_map(Bound::lead).filter(|_| size == BLOCK as u64);
        let end = places.first + places.length;
        let mut first = places.first;
        let mut length =
            lead.map_or(size, |lead| (lead + (BLOCK as u64 - first % BLOCK as u64)) % BLOCK as u64);
        if length == 0 {
            length = size;
        }
        while first < end {
            let count = length.min(end - first) as usize;
            self.block(program, sources, first, count, &mut give)?;
            first += count as u64;
            length = size;
        }
        Ok(())
    }

    fn block(
        &mut self,
        program: &Program,
        sources: &[Bound<'a>],
        first: u64,
        count: usize,
        give: &mut impl FnMut(&mut Files<'a>, Given<'_>) -> Result<()>,
    ) -> Result<()> {
        for instruction in &program.instructions {
            match *instruction {
                Instruction::Load { leaf, into } => {
                    let mut fetcher = Fetcher { stage: self.stage, isa: self.isa, files: &mut self.files };
                    let source = &sources[leaf as usize];
                    match into {
                        Register::Real(into) => {
                            source.reals(&mut fetcher, first, self.registers.real(into, count))?;
                        }
                        Register::Integer(into) => {
                            source.integers(&mut fetcher, first, self.registers.integer(into, count))?;
                        }
                    }
                }
                Instruction::Step(ref step) => self.registers.step(self.isa, step, count),
                Instruction::Give { sink, from, places } => {
                    let (values, places) = self.registers.read(from, places, count);
                    give(&mut self.files, Given { sink: sink as usize, values, places, first })?;
                }
            }
        }
        Ok(())
    }
}

/// Adds a block to an accumulator.
fn give(isa: Isa, accumulator: &mut Accumulator, gather: &Gather, walk: &Walk, given: &Given<'_>) {
    let length = given.values.len();
    let part = |at: usize, count: usize| {
        (given.values.part(at, count), given.places.map(|places| &places[at..at + count]))
    };
    match (&gather.kind, walk.repeated()) {
        (GatherKind::Collect { .. }, _) => {
            let _ = walk.runs(given.first, length, |at, run| -> Result<()> {
                accumulator.collect(run.first as u64, run.step, part(at, run.count).0);
                Ok(())
            });
        }
        // The same few outputs in every row.
        (_, Some((row, 1))) if row < BLOCK as u64 / 2 && length as u64 > 2 * row => {
            let _ = walk.runs(given.first, length, |at, run| -> Result<()> {
                let (first, width) = (run.first as usize, row as usize);
                if at == 0 && run.count < width {
                    let (values, places) = part(at, run.count);
                    accumulator.add(isa, first, run.count, values, places);
                } else if at < width {
                    let (values, places) = part(at, length - at);
                    accumulator.add(isa, first, width, values, places);
                }
                Ok(())
            });
        }
        _ => {
            let _ = walk.runs(given.first, length, |at, run| -> Result<()> {
                let (values, places) = part(at, run.count);
                match run.step {
                    0 => accumulator.add(isa, run.first as usize, 0, values, places),
                    1 => accumulator.add(isa, run.first as usize, run.count, values, places),
                    step => {
                        for k in 0..run.count {
                            let (values, places) = part(at + k, 1);
                            let output = (run.first + step * k as i64) as usize;
                            accumulator.add(isa, output, 0, values, places);
                        }
                    }
                }
                Ok(())
            });
        }
    }
}
