//! One pass over arrays as it is sent to workers: which places, where their elements come from, what is done
//! with a block of them, and where it goes.
//!
//! A [`Stage`] that exists is sound: decoding checks every size, register and source it names
//! (`validate.rs`), so that `execute` need not.

use serde::{Deserialize, Serialize};

use crate::array::{Data, Stored, Target};
use crate::error::{Error, Result};
use crate::kernel::program::{Register, Sizes, Step};
use crate::kernel::{Distribution, Key};
use crate::plan::intask::Inner;
use crate::plan::partial::{Gather, Partial};

/// One pass over arrays. Its tasks run through its groups, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Stage {
    pub(super) groups: Vec<Group>,
    pub(super) gathers: Vec<Gather>,
    /// Arrays that earlier stages have made.
    pub(super) inputs: Vec<Data>,
    /// Arrays in files.
    pub(super) stored: Vec<Stored>,
    /// Files that are written.
    pub(super) targets: Vec<Target>,
    /// What is made inside tasks; each uses only those before it.
    pub(super) inner: Vec<Inner>,
    /// Tasks of a lease at most, so that its answer is not too large.
    pub(super) lease_tasks: u64,
}

/// A stage as it is decoded.
#[derive(Deserialize)]
struct Unchecked {
    groups: Vec<Group>,
    gathers: Vec<Gather>,
    inputs: Vec<Data>,
    stored: Vec<Stored>,
    targets: Vec<Target>,
    inner: Vec<Inner>,
    lease_tasks: u64,
}

/// Arrays over one space of places, computed together, block by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The places: a box, its last axis fastest.
    pub extents: Vec<u64>,
    /// The places of a task along each axis, fewer at the far end; for ranges, of a box that holds any of them.
    pub tile: Vec<u64>,
    /// The axes in the order in which tasks are numbered, the last one fastest.
    pub order: Vec<u32>,
    /// Where tasks are not boxes, but ranges of places in C order: how many each.
    pub range: Option<u64>,
    /// Where only some tasks are wanted, evenly spaced: how many.
    pub sample: Option<u64>,
    /// What is done with each block.
    pub program: Program,
    /// Where it goes.
    pub sinks: Vec<Sink>,
}

/// The places of a task: those of a box, from the `first` in C order on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The index of the box's first place.
    pub start: Vec<u64>,
    /// Places of the box along each axis.
    pub extents: Vec<u64>,
    /// The first place of the task among those of the box.
    pub first: u64,
    /// How many places.
    pub length: u64,
}

/// What is done with a block of places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Where elements come from.
    pub leaves: Vec<Leaf>,
    /// What is done with them, in order.
    pub instructions: Vec<Instruction>,
    /// How many registers that takes.
    pub sizes: Sizes,
}

/// A step in the computation of a block.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Instruction {
    /// Elements of a leaf.
    Load {
        /// The leaf.
        leaf: u32,
        /// Where to; of the kind of the leaf's elements.
        into: Register,
    },
    /// Elementwise work.
    Step(Step),
    /// Elements go to a sink.
    Give {
        /// The sink, of the group or of what is made inside tasks.
        sink: u32,
        /// The elements.
        from: Register,
        /// For argmin and argmax, where they are: an integer register.
        places: Option<u32>,
    },
}

/// Elements of a source: for each place, `offset + sum of index[axis] * stride[axis]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaf {
    /// The source.
    pub source: Source,
    /// Where the first place's element is.
    pub offset: i64,
    /// How far it is to the next along each axis.
    pub strides: Vec<i64>,
    /// Whether a task's elements are all fetched before its first block, in the order of the source.
    pub gathered: bool,
}

/// Numbered elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// Of a random array.
    Random {
        /// Seed and stream.
        key: Key,
        /// The distribution of every element.
        distribution: Distribution,
    },
    /// `start + i * step`, but the element `last` is given.
    Arange {
        /// Element 0.
        start: f64,
        /// The difference of neighbours.
        step: f64,
        /// The number and value of the last one.
        last: Option<(u64, f64)>,
    },
    /// `start + i * step`, of integers.
    Count {
        /// Element 0.
        start: i64,
        /// The difference of neighbours.
        step: i64,
    },
    /// An array that an earlier stage has made.
    Input(u32),
    /// An array in files.
    Stored(u32),
    /// What is made inside tasks.
    Inner(u32),
}

/// Where elements go: for each place, an output of a panel of the gather.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    /// The gather of the stage.
    pub gather: u32,
    /// Places of a panel along each axis, a multiple of the tile; 0 where panels do not divide the axis.
    pub widths: Vec<u64>,
    /// The output of the panel's first place.
    pub offset: i64,
    /// How far it is to the next output along each axis.
    pub strides: Vec<i64>,
}

impl Stage {
    /// The number of tasks.
    pub fn tasks(&self) -> u64 {
        self.groups.iter().map(Group::tasks).sum()
    }

    /// Tasks of a lease at most.
    pub fn lease_tasks(&self) -> u64 {
        self.lease_tasks
    }

    /// The groups, in the order of their tasks.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What is gathered.
    pub fn gathers(&self) -> &[Gather] {
        &self.gathers
    }

    /// Arrays that earlier stages have made.
    pub fn inputs(&self) -> &[Data] {
        &self.inputs
    }

    /// Arrays in files.
    pub fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// Files that are written.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What is made inside tasks.
    pub fn inner(&self) -> &[Inner] {
        &self.inner
    }

    /// The summary of no task.
    pub fn empty_partial(&self) -> Partial {
        Partial::empty(self.gathers.len())
    }
}

impl TryFrom<Unchecked> for Stage {
    type Error = Error;

    fn try_from(unchecked: Unchecked) -> Result<Self> {
        let Unchecked { groups, gathers, inputs, stored, targets, inner, lease_tasks } = unchecked;
        let stage = Stage { groups, gathers, inputs, stored, targets, inner, lease_tasks };
        stage.validate()?;
        Ok(stage)
    }
}

impl Group {
    /// The number of tasks.
    pub fn tasks(&self) -> u64 {
        self.sample.unwrap_or_else(|| self.all_tasks())
    }

    /// The number of tasks if all are wanted.
    fn all_tasks(&self) -> u64 {
        if let Some(range) = self.range {
            return self.extents.iter().product::<u64>().div_ceil(range);
        }
        self.extents.iter().zip(&self.tile).map(|(extent, tile)| extent.div_ceil(*tile)).product()
    }

    /// The places of a task.
    pub fn task(&self, number: u64) -> Task {
        if let Some(range) = self.range {
            let all: u64 = self.extents.iter().product();
            let first = number * range;
            let start = vec![0; self.extents.len()];
            return Task { start, extents: self.extents.clone(), first, length: range.min(all - first) };
        }
        let mut rest = match self.sample {
            Some(wanted) => (u128::from(number) * u128::from(self.all_tasks()) / u128::from(wanted)) as u64,
            None => number,
        };
        let mut start = vec![0; self.extents.len()];
        let mut extents = start.clone();
        for &axis in self.order.iter().rev() {
            let axis = axis as usize;
            let cuts = self.extents[axis].div_ceil(self.tile[axis]);
            start[axis] = rest % cuts * self.tile[axis];
            extents[axis] = self.tile[axis].min(self.extents[axis] - start[axis]);
            rest /= cuts;
        }
        let length = extents.iter().product();
        Task { start, extents, first: 0, length }
    }
}

impl Task {
    /// The same places as boxes, one after the other.
    pub fn boxes(&self) -> Vec<Task> {
        let mut boxes = Vec::new();
        self.split(0, self.start.clone(), self.first, self.length, &mut boxes);
        boxes
    }

    /// Splits `length` places from `first` on, of those along `axis` and the later ones that begin at `start`.
    fn split(&self, axis: usize, mut start: Vec<u64>, first: u64, length: u64, boxes: &mut Vec<Task>) {
        let lines = &self.extents[axis + 1..];
        let line: u64 = lines.iter().product();
        let whole = |mut start: Vec<u64>, from: u64, count: u64| {
            start[axis] += from;
            let mut extents = vec![1; axis];
            extents.push(count);
            extents.extend(lines);
            Task { start, extents, first: 0, length: count * line }
        };
        // The rest of a line, whole lines, and the beginning of another one.
        let (from, within) = (first / line, first % line);
        let head = if within > 0 { (line - within).min(length) } else { 0 };
        if head > 0 {
            let mut start = start.clone();
            start[axis] += from;
            self.split(axis + 1, start, within, head, boxes);
        }
        let from = from + u64::from(head > 0);
        let (count, tail) = ((length - head) / line, (length - head) % line);
        if count > 0 {
            boxes.push(whole(start.clone(), from, count));
        }
        if tail > 0 {
            start[axis] += from + count;
            self.split(axis + 1, start, 0, tail, boxes);
        }
    }
}

impl Sink {
    /// The panel of a task that begins at `start`, and the output of its first place there.
    pub fn panel(&self, group: &Group, start: &[u64]) -> (u64, i64) {
        let (mut panel, mut output) = (0, self.offset);
        for (axis, &width) in self.widths.iter().enumerate() {
            let mut at = start[axis];
            if width > 0 {
                panel = panel * group.extents[axis].div_ceil(width) + at / width;
                at %= width;
            }
            output += self.strides[axis] * at as i64;
        }
        (panel, output)
    }
}
