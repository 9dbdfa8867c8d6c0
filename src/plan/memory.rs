//! The memory proof: what a worker and the driver need at most, from the plan alone.

use crate::error::{Error, Result};
use crate::kernel::BLOCK;
use crate::kernel::program::Sizes;
use crate::kernel::quantile::Bins;
use crate::plan::inner::Inners;
use crate::plan::needs::output_bytes;
use crate::plan::partial::{Gather, GatherKind};
use crate::plan::quantile::SAMPLES;
use crate::plan::space::Map;
use crate::plan::stage::{Group, Inner, Leaf, Program, Source, Stage};

/// What a process needs besides: program, libraries, connections, logs.
pub(super) const PROCESS: u64 = 32 << 20;
/// What a thread needs besides: its stack.
pub(super) const THREAD: u64 = 2 << 20;
/// Partials that are in memory at a time besides one for each thread: folded, received, being sent or kept.
pub(super) const PARTIALS: u64 = 4;
/// Bytes of an answer at most, and thus of the partial of a lease.
const ANSWER: u64 = 3 << 20;
/// Bytes of a stage as it is sent at most.
const STAGE: u64 = 7 << 19;
/// Bytes of a file's reader or writer.
const FILE: u64 = 512 << 10;
/// Places of rows that are computed at a time for what is made inside tasks.
pub const ROWS: u64 = 1 << 14;

/// What a stage needs in memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Of each compute thread, its partial aside.
    pub(super) thread: u64,
    /// Of a partial of a lease.
    pub(super) partial: u64,
    /// Of the partial of the whole stage, in the driver.
    pub(super) gathered: u64,
    /// Of the stage as it is sent.
    pub(super) stage: u64,
}

impl Footprint {
    pub(super) fn group(&mut self, group: &Group, inners: &Inners<'_>) {
        let own = program_bytes(&group.program, &group.tile, inners);
        self.thread = self.thread.max(own);
    }

    /// Refuses a stage that is too large to be sent.
    pub(super) fn stage(&mut self, stage: &Stage) -> Result<()> {
        let programs = || {
            let groups = stage.groups.iter().map(|group| &group.program);
            groups.chain(stage.inner.iter().map(|inner| &inner.program))
        };
        // Each leaf reads with a reader of its own.
        let leaves = programs().flat_map(|program| &program.leaves);
        let readers = leaves.filter(|leaf| matches!(leaf.source, Source::Stored(_))).count();
        self.thread += (readers + stage.targets.len()) as u64 * FILE;
        let leases = stage.groups.iter().map(|group| gathered(stage, group, stage.lease_tasks));
        self.partial = leases.max().unwrap_or(0);
        self.gathered = stage.groups.iter().map(|group| in_driver(stage, group)).sum();
        let instructions: usize =
            programs().map(|program| program.instructions.len() * 64 + program.leaves.len() * 256).sum();
        let inputs: usize = stage.inputs.iter().map(|input| input.len() * 8).sum();
        let names: usize = stage.stored.iter().map(|stored| stored.parts.len() * 256).sum();
        self.stage = (instructions + 2 * inputs + names) as u64;
        let parts = stage.stored.iter().flat_map(|stored| &stored.parts);
        let paths: usize = parts.map(|part| part.path.len() + 48).sum();
        if (instructions + inputs + paths) as u64 > STAGE {
            return Err(Error::refused("what one stage needs is too large to be sent to workers")
                .cause(format!(
                    "{instructions} bytes of instructions, {inputs} of small arrays, {paths} of file names"
                ))
                .hint(
                    "compute some of the results in a run of their own, or put the elements into fewer files",
                ));
        }
        Ok(())
    }
}

fn program_bytes(program: &Program, tile: &[u64], inners: &Inners<'_>) -> u64 {
    let Sizes { real, integer } = program.sizes;
    let registers = u64::from(real + integer) * (BLOCK * 8) as u64;
    let held: u64 = program.leaves.iter().map(|leaf| leaf_bytes(leaf, tile, inners)).sum();
    registers + held
}

fn leaf_bytes(leaf: &Leaf, tile: &[u64], inners: &Inners<'_>) -> u64 {
    if leaf.gathered {
        return tile.iter().product::<u64>().saturating_mul(8);
    }
    let Some(inner) = inners.of(leaf) else { return (2 * BLOCK * 8) as u64 };
    let map = Map { offset: leaf.offset, strides: leaf.strides.clone() };
    let (low, high) = map.reach(tile);
    let mut image = low.abs_diff(high).saturating_add(1);
    if inner.is_scan() {
        image = image.saturating_add(2 * inner.row());
    }
    image.saturating_mul(8).saturating_add(inner_bytes(inner, inners))
}

/// What is needed while an array is made inside a task.
fn inner_bytes(inner: &Inner, inners: &Inners<'_>) -> u64 {
    let mut tile = vec![1; inner.extents.len()];
    let mut room = ROWS;
    for axis in (0..tile.len()).rev() {
        tile[axis] = inner.extents[axis].min(room);
        room = (room / tile[axis]).max(1);
    }
    let accumulators = match &inner.making {
        crate::plan::stage::Making::Reduce { gathers, .. } => {
            gathers.iter().map(|gather| output_bytes(&gather.kind).1 * ROWS).sum()
        }
        // The elements of a row, and their keys.
        crate::plan::stage::Making::Quantile { .. } => 16 * inner.row(),
        crate::plan::stage::Making::Scan { .. } => 0,
    };
    program_bytes(&inner.program, &tile, inners) + accumulators
}

/// Bytes in memory of what so many tasks of a group gather.
fn gathered(stage: &Stage, group: &Group, tasks: u64) -> u64 {
    let sinks = group.sinks.iter().map(|sink| {
        let gather = &stage.gathers[sink.gather as usize];
        let (_, memory) = output_bytes(&gather.kind);
        match gather.kind {
            GatherKind::Collect { .. } => 16 * tasks.min(group.tasks()) * task_size(group),
            GatherKind::Save { .. } => 0,
            GatherKind::Between { .. } => 2 * ANSWER,
            GatherKind::KeyBins { .. } => Bins::BYTES,
            _ => panels_of(group, sink.widths.as_slice(), tasks) * gather.outputs * memory,
        }
    });
    sinks.sum()
}

/// How many panels so many tasks in a row may give to.
fn panels_of(group: &Group, widths: &[u64], tasks: u64) -> u64 {
    let panels: u64 = (widths.iter().zip(&group.extents))
        .filter(|(width, _)| **width > 0)
        .map(|(width, extent)| extent.div_ceil(*width))
        .product();
    let per_panel = (group.tasks() / panels).max(1);
    (tasks / per_panel).saturating_add(2).min(panels)
}

/// What the driver holds of a stage: two panels of each gather, and the finished elements.
fn in_driver(stage: &Stage, group: &Group) -> u64 {
    let sinks = group.sinks.iter().map(|sink| {
        let gather = &stage.gathers[sink.gather as usize];
        let (_, memory) = output_bytes(&gather.kind);
        let panels = panels_of(group, &sink.widths, group.tasks());
        match gather.kind {
            GatherKind::Collect { .. } if group.sample.is_some() => 16 * SAMPLES * BLOCK as u64,
            // As they came, in their order, and in the result: what is freed may not be given back.
            GatherKind::Collect { .. } => 24 * group.extents.iter().product::<u64>(),
            GatherKind::Save { .. } => 0,
            GatherKind::Between { .. } => 2 * ANSWER,
            GatherKind::KeyBins { .. } => Bins::BYTES,
            _ => panels.min(4) * gather.outputs * memory + panels * gather.outputs * 8,
        }
    });
    sinks.sum()
}

fn task_size(group: &Group) -> u64 {
    group.tile.iter().product()
}

/// Tasks of a lease at most, so that the answer stays within its limit.
pub(super) fn lease_tasks(stage: &Stage) -> Result<u64> {
    let mut most = u64::MAX;
    for group in &stage.groups {
        let wire = |gather: &Gather, tasks: u64, widths: &[u64]| match gather.kind {
            GatherKind::Collect { .. } => 10 * tasks * task_size(group) + 64 * tasks,
            GatherKind::Save { .. } => 0,
            GatherKind::Between { .. } => ANSWER / 2,
            _ => panels_of(group, widths, tasks) * gather.outputs * output_bytes(&gather.kind).0,
        };
        let answer = |tasks: u64| -> u64 {
            let sinks = group.sinks.iter();
            sinks.map(|sink| wire(&stage.gathers[sink.gather as usize], tasks, &sink.widths)).sum()
        };
        if answer(1) > ANSWER {
            return Err(Error::refused("the results of one task are too large to be sent")
                .cause(format!("{} bytes; an answer has at most {ANSWER}", answer(1)))
                .hint("compute some of the results in a run of their own"));
        }
        let (mut low, mut high) = (1, group.tasks().max(1));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if answer(middle) <= ANSWER { low = middle } else { high = middle - 1 }
        }
        if low < group.tasks() {
            most = most.min(low);
        }
    }
    Ok(most)
}
