//! A stage before its numbers are known: which arrays are gathered, in which groups, by how many tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::{Reduction, Shape};
use crate::error::{Error, Result};
use crate::kernel::BLOCK;
use crate::plan::compile::compile;
use crate::plan::graph::{Entry, Id, Node};
use crate::plan::partial::Gather;
use crate::plan::stage::{Group, Instruction, Stage, TASK};

/// Bytes of an accumulator with every limb in use, and of its copy while it is sent.
fn bytes(gather: Gather) -> u64 {
    match gather {
        Gather::Sum => 2 << 10,
        Gather::Moments => 8 << 10,
        Gather::Extrema => 64,
    }
}

/// One stage of a plan.
#[derive(Debug)]
pub(super) struct Pass {
    groups: Vec<Cut>,
    gathers: Vec<Gather>,
    /// The place of each accumulator among all of the stage.
    places: BTreeMap<(Id, Gather), usize>,
    /// Of the stage with any numbers: only they differ.
    buffers: u32,
    instructions: u64,
}

/// The arrays of one shape.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) shape: Shape,
    pub(super) extent: u64,
    pub(super) chunks: u64,
    pub(super) sources: u64,
    arrays: Vec<(Id, Vec<u32>)>,
}

impl Pass {
    /// The stage that computes every reduction that can be computed after `stage` others, and not before.
    pub(super) fn new(graph: &[Entry], stage: usize) -> Result<Self> {
        let mut pass = Pass {
            groups: Vec::new(),
            gathers: Vec::new(),
            places: BTreeMap::new(),
            buffers: 0,
            instructions: 0,
        };
        for (shape, wanted) in wanted(graph, stage) {
            let mut arrays = Vec::with_capacity(wanted.len());
            for (array, gathers) in wanted {
                let mut places = Vec::with_capacity(gathers.len());
                for gather in gathers {
                    let place = pass.gathers.len();
                    places.push(u32::try_from(place).map_err(|_| too_large())?);
                    pass.places.insert((array, gather), place);
                    pass.gathers.push(gather);
                }
                arrays.push((array, places));
            }
            pass.groups.push(Cut::new(graph, shape.clone(), arrays));
        }
        // With any numbers: this finds out whether the stage is sound, and how large it is.
        let trial = pass.stage(graph, &|_| f64::NAN)?;
        for (cut, group) in pass.groups.iter_mut().zip(trial.groups()) {
            let fills = group.instructions.iter().filter(|step| matches!(step, Instruction::Fill { .. }));
            cut.sources = fills.count() as u64;
            pass.buffers = pass.buffers.max(group.buffers);
            pass.instructions += group.instructions.len() as u64;
        }
        pass.random_numbers().ok_or_else(too_large)?;
        Ok(pass)
    }

    /// What workers are sent, `number` being the value of a number of an earlier stage.
    pub(super) fn stage(&self, graph: &[Entry], number: &dyn Fn(Id) -> f64) -> Result<Stage> {
        let group = |cut: &Cut| {
            let program = compile(graph, &cut.arrays, number)?;
            Ok(Group {
                elements: cut.shape.size(),
                extent: cut.extent,
                buffers: program.buffers,
                instructions: program.instructions,
            })
        };
        Stage::new(self.groups.iter().map(group).collect::<Result<_>>()?, self.gathers.clone())
    }

    pub(super) fn groups(&self) -> &[Cut] {
        &self.groups
    }

    pub(super) fn gathers(&self) -> &[Gather] {
        &self.gathers
    }

    /// Where the stage's partial holds what a reduction of an array needs.
    pub(super) fn place(&self, array: Id, reduction: Reduction) -> usize {
        let gather = gather(reduction);
        let place = |gather| self.places.get(&(array, gather)).copied();
        let found = if gather == Gather::Sum {
            place(Gather::Moments).or_else(|| place(gather))
        } else {
            place(gather)
        };
        found.expect("a pass gathers what every reduction of its stage needs")
    }

    pub(super) fn tasks(&self) -> u64 {
        self.groups.iter().map(Cut::tasks).sum()
    }

    pub(super) fn chunks(&self) -> u64 {
        self.groups.iter().fold(0, |chunks, cut| chunks.saturating_add(cut.chunks))
    }

    pub(super) fn elements(&self) -> u64 {
        self.random_numbers().expect("checked when the pass was made")
    }

    fn random_numbers(&self) -> Option<u64> {
        let count = |sum: u64, cut: &Cut| sum.checked_add(cut.shape.size().checked_mul(cut.sources)?);
        self.groups.iter().try_fold(0, count)
    }

    pub(super) fn buffer_bytes(&self) -> u64 {
        u64::from(self.buffers) * (BLOCK * size_of::<f64>()) as u64
    }

    pub(super) fn partial_bytes(&self) -> u64 {
        self.gathers.iter().copied().map(bytes).sum()
    }

    pub(super) fn stage_bytes(&self) -> u64 {
        self.instructions * size_of::<Instruction>() as u64
    }
}

/// What a stage gathers from which arrays, by shape.
type Wanted<'a> = BTreeMap<&'a Shape, BTreeMap<Id, BTreeSet<Gather>>>;

fn wanted(graph: &[Entry], stage: usize) -> Wanted<'_> {
    let mut wanted = Wanted::new();
    for entry in graph.iter().filter(|entry| entry.after == stage + 1) {
        if let Node::Reduce(reduction, array) = entry.node {
            let gathers = wanted.entry(&graph[array].shape).or_default().entry(array).or_default();
            gathers.insert(gather(reduction));
        }
    }
    for gathers in wanted.values_mut().flat_map(BTreeMap::values_mut) {
        // The moments hold the sum.
        if gathers.contains(&Gather::Moments) {
            gathers.remove(&Gather::Sum);
        }
    }
    wanted
}

fn gather(reduction: Reduction) -> Gather {
    match reduction {
        Reduction::Sum | Reduction::Mean => Gather::Sum,
        Reduction::Var { .. } | Reduction::Std { .. } => Gather::Moments,
        Reduction::Min | Reduction::Max => Gather::Extrema,
    }
}

fn too_large() -> Error {
    Error::refused("the results need more than 2^64 random numbers in one stage")
        .hint("compute some of the results in a run of their own")
}

impl Cut {
    fn new(graph: &[Entry], shape: Shape, arrays: Vec<(Id, Vec<u32>)>) -> Self {
        let mut chunk = shape.extents().to_vec();
        for (array, _) in &arrays {
            for (extent, other) in chunk.iter_mut().zip(&graph[*array].chunks) {
                *extent = (*extent).min(*other);
            }
        }
        // Neither product exceeds the size, or the number of elements: both fit.
        let chunks =
            shape.extents().iter().zip(&chunk).map(|(whole, chunk)| whole.div_ceil(*chunk)).product();
        let block = BLOCK as u64;
        let extent = chunk.iter().product::<u64>().min(TASK) / block * block;
        Cut { shape, extent: extent.max(block), chunks, sources: 0, arrays }
    }

    pub(super) fn tasks(&self) -> u64 {
        self.shape.size().div_ceil(self.extent)
    }
}
