//! The memory proof: what a worker and the driver need at most, from the plan alone.

use crate::error::{Error, Result};
use crate::kernel::BLOCK;
use crate::kernel::program::Sizes;
use crate::plan::inner::Inners;
use crate::plan::intask::{Inner, Making, Piece, Rows};
use crate::plan::needs::{memory_bytes, wire_bytes};
use crate::plan::partial::GatherKind;
use crate::plan::quantile::SAMPLES;
use crate::plan::space::{Map, hull};
use crate::plan::stage::{Group, Leaf, Program, Sink, Source, Stage};

/// What a process needs besides: program, libraries, connections, logs.
pub(super) const PROCESS: u64 = 32 << 20;
/// What a thread needs besides: its stack.
pub(super) const THREAD: u64 = 2 << 20;
/// Partials that are in memory at a time besides one for each thread: folded, received, being sent or kept.
pub(super) const PARTIALS: u64 = 4;
/// Bytes of an answer at most, and thus of the partial of a lease.
pub(super) const ANSWER: u64 = 3 << 20;
/// Bytes of a stage as it is sent at most.
const STAGE: u64 = 7 << 19;
/// Panels of a gather that the driver holds at a time, while tasks are done about in order.
const OPEN: u64 = 4;
/// Bytes of an element that is collected: as it came, in its place, and in the result, since what is freed may not be
/// given back.
const COLLECTED_BYTES: u64 = 24;
/// Bytes of such an element as it is sent, or kept.
pub(super) const SENT_BYTES: u64 = 10;
/// Bytes of a file's reader or writer.
const FILE: u64 = 512 << 10;
/// Places of rows that are computed at a time for what is made inside tasks.
pub const ROWS: u64 = 1 << 14;
/// Elements of rows of which quantiles are found at a time, if each has no more.
pub const BATCH: u64 = 1 << 20;

/// What a stage needs in memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Of each compute thread, its partial aside.
    pub(super) thread: u64,
    /// Of a partial of a lease.
    pub(super) partial: u64,
    /// Of the partial of the whole stage, in the driver.
    pub(super) gathered: u64,
    /// Of that in a checkpoint.
    pub(super) kept: u64,
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
            groups.chain(stage.inner.iter().flat_map(Inner::programs))
        };
        // Each leaf reads with a reader of its own.
        let leaves = programs().flat_map(|program| &program.leaves);
        let readers = leaves.filter(|leaf| matches!(leaf.source, Source::Stored(_))).count();
        self.thread += (readers + stage.targets.len()) as u64 * FILE;
        self.partial =
            largest(&stage.groups, stage.lease_tasks, |group, tasks| gathered(stage, group, tasks));
        self.gathered = stage.groups.iter().map(|group| in_driver(stage, group, COLLECTED_BYTES)).sum();
        self.kept = stage.groups.iter().map(|group| in_driver(stage, group, SENT_BYTES)).sum();
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
    if let Some(scanned) = inner.scanned() {
        image = image.saturating_add(2 * scanned.row());
    }
    let making = match inner {
        Inner::Rows(rows) => rows_bytes(rows, image, inners),
        Inner::Joined(joined) => {
            let piece = |piece: &Piece| program_bytes(&piece.program, &hull(&piece.extents, image), inners);
            joined.pieces.iter().map(piece).max().unwrap_or(0)
        }
    };
    image.saturating_mul(8).saturating_add(making)
}

/// What is needed while so many elements are made of rows.
fn rows_bytes(rows: &Rows, elements: u64, inners: &Inners<'_>) -> u64 {
    let row = rows.row();
    let (places, held) = match &rows.making {
        Making::Reduce { gathers, side_by_side, .. } => {
            let count = if *side_by_side { ROWS } else { (ROWS / row).max(1) };
            (count * row, gathers.iter().map(|gather| memory_bytes(&gather.kind, count)).sum())
        }
        Making::Quantile { .. } => {
            let batch = elements.saturating_mul(row).min(BATCH.max(row));
            // And the keys of a row.
            (batch, 8 * (batch + row))
        }
        Making::Scan { .. } => (elements, 0),
    };
    let tile = if rows.side_by_side() {
        // One place of each row at a time.
        let mut tile = hull(&rows.extents[..rows.kept as usize], places.div_ceil(row));
        tile.resize(rows.extents.len(), 1);
        tile
    } else {
        hull(&rows.extents, places)
    };
    program_bytes(&rows.program, &tile, inners).saturating_add(held)
}

/// Bytes in memory of what so many tasks of a group gather.
fn gathered(stage: &Stage, group: &Group, tasks: u64) -> u64 {
    let sinks = group.sinks.iter().map(|sink| {
        let gather = &stage.gathers[sink.gather as usize];
        match gather.kind {
            GatherKind::Collect { .. } => 16 * tasks.min(group.tasks()) * task_size(group),
            _ => panels_of(group, &sink.widths, tasks) * memory_bytes(&gather.kind, gather.outputs),
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
    // Tasks in a row give to one panel until the fastest axis that panels divide goes on to the next one.
    let mut least = 1_u64;
    for &axis in group.order.iter().rev() {
        let axis = axis as usize;
        let (extent, tile, width) = (group.extents[axis], group.tile[axis], widths[axis]);
        let last = (extent - 1).checked_rem(width).map_or(extent, |last| last + 1);
        least = least.saturating_mul(last.div_ceil(tile));
        if width > 0 {
            break;
        }
    }
    (tasks.saturating_sub(1).div_ceil(least)).saturating_add(1).min(panels)
}

/// What the driver holds of a stage: a few panels of each gather, and the finished elements; `collected` bytes for
/// each element that is collected.
fn in_driver(stage: &Stage, group: &Group, collected: u64) -> u64 {
    let sinks = group.sinks.iter().map(|sink| {
        let gather = &stage.gathers[sink.gather as usize];
        let panels = panels_of(group, &sink.widths, group.tasks());
        match gather.kind {
            GatherKind::Collect { .. } if group.sample.is_some() => 16 * SAMPLES * BLOCK as u64,
            GatherKind::Collect { .. } => collected * group.extents.iter().product::<u64>(),
            GatherKind::Save { .. } => 0,
            _ => {
                let held = panels.min(OPEN) * memory_bytes(&gather.kind, gather.outputs);
                held + panels * gather.outputs * 8
            }
        }
    });
    sinks.sum()
}

fn task_size(group: &Group) -> u64 {
    group.tile.iter().product()
}

/// Tasks of a lease at most, so that the answer stays within its limit.
pub(super) fn lease_tasks(stage: &Stage) -> Result<u64> {
    let groups = &stage.groups;
    if let Some(most) = groups.iter().map(|group| answer(stage, group, 1)).max().filter(|most| *most > ANSWER)
    {
        return Err(Error::refused("the results of one task are too large to be sent")
            .cause(format!("{most} bytes; an answer has at most {ANSWER}"))
            .hint(
                "compute some of the results in a run of their own, or reduce arrays before they are joined",
            ));
    }
    let tasks = stage.tasks();
    let (mut low, mut high) = (1, tasks.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if largest(groups, middle, |group, tasks| answer(stage, group, tasks)) <= ANSWER {
            low = middle
        } else {
            high = middle - 1
        }
    }
    Ok(if low < tasks { low } else { u64::MAX })
}

/// The most that so many tasks in a row take, wherever in the stage they begin; `bytes` is what tasks of one
/// group take, which has as many.
fn largest(groups: &[Group], tasks: u64, bytes: impl Fn(&Group, u64) -> u64) -> u64 {
    let answers: Vec<u64> = groups.iter().map(|group| bytes(group, tasks.min(group.tasks()))).collect();
    let (mut largest, mut sum, mut end, mut within) = (0, 0_u64, 0, 0_u64);
    for first in 0..groups.len() {
        // At least one task of the first group and of the last one, and all of those between them.
        while end < groups.len() && (end == first || within.saturating_add(2) <= tasks) {
            sum = sum.saturating_add(answers[end]);
            within += if end > first { groups[end].tasks() } else { 0 };
            end += 1;
        }
        largest = largest.max(sum);
        sum = sum.saturating_sub(answers[first]);
        within -= if first + 1 < end { groups[first + 1].tasks() } else { 0 };
    }
    largest
}

/// Bytes of the answer of so many tasks of a group, which has as many.
fn answer(stage: &Stage, group: &Group, tasks: u64) -> u64 {
    let wire = |sink: &Sink| {
        let gather = &stage.gathers[sink.gather as usize];
        match gather.kind {
            GatherKind::Collect { .. } => {
                let elements = tasks.saturating_mul(task_size(group));
                elements.saturating_mul(SENT_BYTES).saturating_add(64 * tasks)
            }
            _ => panels_of(group, &sink.widths, tasks) * gather.outputs * wire_bytes(&gather.kind),
        }
    };
    group.sinks.iter().map(wire).fold(0, u64::saturating_add)
}
