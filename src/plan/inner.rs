//! The sources of a stage: random arrays, files, arrays of earlier stages, and what is made inside tasks.

use std::collections::BTreeMap;

use crate::array::{DType, Data, Scan, Stored};
use crate::error::{Error, Result};
use crate::kernel::Key;
use crate::plan::cluster::leaves;
use crate::plan::compile::{Give, compile};
use crate::plan::finish::Finish;
use crate::plan::graph::{Id, Node};
use crate::plan::group::{TASK, fastest, whole_axis_too_long};
use crate::plan::intask::{Inner, Joined, Making, Piece, Rows};
use crate::plan::known::Known;
use crate::plan::lower::{Element, ElementId, Lowering, Origin};
use crate::plan::needs::{self, needs};
use crate::plan::partial::Gather;
use crate::plan::pass::{INPUT_BYTES, input, natural};
use crate::plan::space::Map;
use crate::plan::stage::{Group, Leaf, Program, Source};
use crate::plan::strided::Strided;
use crate::plan::too_large;

/// Rows that are visited side by side make a task smaller at most so many times.
const SIDE_BY_SIDE: u64 = 4;
/// A source is read across the grain if it goes in larger steps than this.
const STEP: u64 = 8;

/// The sources that a stage has met, each once.
pub(super) struct Inners<'a> {
    known: &'a Known<'a>,
    inputs: Vec<Data>,
    input_ids: BTreeMap<Id, u32>,
    stored: Vec<Stored>,
    stored_ids: BTreeMap<Id, u32>,
    inner: Vec<Inner>,
    inner_ids: BTreeMap<Id, u32>,
}

impl<'a> Inners<'a> {
    pub(super) fn new(known: &'a Known<'a>) -> Self {
        Inners {
            known,
            inputs: Vec::new(),
            input_ids: BTreeMap::new(),
            stored: Vec::new(),
            stored_ids: BTreeMap::new(),
            inner: Vec::new(),
            inner_ids: BTreeMap::new(),
        }
    }

    pub(super) fn take(self) -> (Vec<Data>, Vec<Stored>, Vec<Inner>) {
        (self.inputs, self.stored, self.inner)
    }

    /// A source over the places of these extents.
    pub(super) fn leaf(
        &mut self,
        lowering: &mut Lowering<'_>,
        origin: Origin,
        map: &Map,
        extents: &[u64],
    ) -> Result<Leaf> {
        let source = match origin {
            Origin::Place => Source::Count { start: 0, step: 1 },
            Origin::Node(id) => self.source(id),
            Origin::Finished(id) => Source::Input(self.input(id)?),
            Origin::InTask(id) => Source::Inner(self.inner(lowering, id)?),
        };
        let last = map.strides.last().map_or(1, |stride| stride.unsigned_abs());
        let fast = fastest(&map.strides, extents);
        let crossed = last > STEP && map.strides[fast].unsigned_abs() < last;
        let gathered = crossed && matches!(source, Source::Random { .. } | Source::Stored(_));
        Ok(Leaf { source, offset: map.offset, strides: map.strides.clone(), gathered })
    }

    fn source(&mut self, id: Id) -> Source {
        let entry = &self.known.graph()[id];
        match &entry.node {
            Node::Random(source) => Source::Random {
                key: Key::new(source.seed, &source.stream),
                distribution: source.distribution,
            },
            Node::Arange { start, step, last: None } if entry.dtype == DType::I64 => {
                Source::Count { start: start.to_i64(), step: step.to_i64() }
            }
            Node::Arange { start, step, last } => {
                let last = last.map(|last| (entry.shape.size() - 1, last));
                Source::Arange { start: start.to_f64(), step: step.to_f64(), last }
            }
            Node::Stored(stored) => {
                let number = *self.stored_ids.entry(id).or_insert_with(|| {
                    self.stored.push((**stored).clone());
                    self.stored.len() as u32 - 1
                });
                Source::Stored(number)
            }
            _ => unreachable!("every other node is no source"),
        }
    }

    fn input(&mut self, id: Id) -> Result<u32> {
        if let Some(&number) = self.input_ids.get(&id) {
            return Ok(number);
        }
        self.inputs.push(input(self.known, id)?);
        let elements: u64 = self.inputs.iter().map(|input| input.len() as u64).sum();
        if elements * 8 > INPUT_BYTES {
            return Err(too_large(elements, INPUT_BYTES / 8));
        }
        let number = self.inputs.len() as u32 - 1;
        self.input_ids.insert(id, number);
        Ok(number)
    }

    fn inner(&mut self, lowering: &mut Lowering<'_>, id: Id) -> Result<u32> {
        if let Some(&number) = self.inner_ids.get(&id) {
            return Ok(number);
        }
        let inner = match &self.known.graph()[id].node {
            Node::Reduce(reduction, axes, operand) => {
                let entry = &self.known.graph()[*operand];
                let count = axes.iter().map(|&axis| entry.shape.extents()[axis]).product();
                let finish = needs::finish(*reduction, entry.dtype, count);
                Inner::Rows(self.reduction(lowering, *operand, axes, finish)?)
            }
            Node::QuantileAlong(q, axes, operand) => {
                Inner::Rows(self.quantile(lowering, *operand, axes, *q)?)
            }
            Node::Scan(scan, axis, operand) => Inner::Rows(self.scan(lowering, *operand, *axis, *scan)?),
            _ => Inner::Joined(self.joined(lowering, id)?),
        };
        self.inner.push(inner);
        let number = self.inner.len() as u32 - 1;
        self.inner_ids.insert(id, number);
        Ok(number)
    }

    fn reduction(
        &mut self,
        lowering: &mut Lowering<'_>,
        operand: Id,
        axes: &[usize],
        finish: Finish,
    ) -> Result<Rows> {
        let extents = self.known.graph()[operand].shape.extents();
        let root = self.whole(lowering, operand)?;
        let order: Vec<usize> =
            (0..extents.len()).filter(|axis| !axes.contains(axis)).chain(axes.iter().copied()).collect();
        let kept = extents.len() - axes.len();
        let mut places = vec![0; extents.len()];
        let mut stride = 1;
        for &axis in axes.iter().rev() {
            places[axis] = stride;
            stride *= extents[axis] as i64;
        }
        let places = Strided::with(0, extents.to_vec(), places);
        let needed = needs(lowering, &finish, root, &places);
        let gathers: Vec<Gather> =
            needed.iter().map(|need| Gather { kind: need.kind.clone(), outputs: 1 }).collect();
        let gives: Vec<Give> = (0_u32..)
            .zip(&needed)
            .map(|(sink, need)| Give { sink, from: need.from, places: need.places })
            .collect();
        let (extents, mut program) = self.program(lowering, extents, &order, &gives)?;
        let side_by_side = side_by_side(&mut program, kept);
        let making = Making::Reduce { gathers, finish, side_by_side };
        Ok(Rows { extents, kept: kept as u32, program, making })
    }

    fn quantile(&mut self, lowering: &mut Lowering<'_>, operand: Id, axes: &[usize], q: f64) -> Result<Rows> {
        let entry = &self.known.graph()[operand];
        let extents = entry.shape.extents();
        let row: u64 = axes.iter().map(|&axis| extents[axis]).product();
        if row > TASK {
            return Err(Error::refused(format!("a quantile of rows of {row} elements"))
                .cause(format!("a row has to lie whole in a task, of at most {TASK} elements"))
                .hint("take the quantile over all axes, which has no such limit, or of fewer elements"));
        }
        let root = self.whole(lowering, operand)?;
        let kept: Vec<usize> = (0..extents.len()).filter(|axis| !axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
        let give = Give { sink: 0, from: root, places: None };
        let (extents, program) = self.program(lowering, extents, &order, &[give])?;
        let making = Making::Quantile { q, single: entry.dtype == DType::F32 };
        Ok(Rows { extents, kept: kept.len() as u32, program, making })
    }

    fn scan(&mut self, lowering: &mut Lowering<'_>, operand: Id, axis: usize, scan: Scan) -> Result<Rows> {
        let entry = &self.known.graph()[operand];
        let extents = entry.shape.extents();
        if extents[axis] > TASK {
            return Err(whole_axis_too_long(extents[axis]));
        }
        let root = self.whole(lowering, operand)?;
        let mut order: Vec<usize> = (0..extents.len()).filter(|&other| other != axis).collect();
        order.push(axis);
        let give = Give { sink: 0, from: root, places: None };
        let (extents, mut program) = self.program(lowering, extents, &order, &[give])?;
        let (single, real) = (entry.dtype == DType::F32, entry.dtype.is_real());
        let kept = extents.len() - 1;
        let side_by_side = side_by_side(&mut program, kept);
        let making = Making::Scan { scan, single, real, side_by_side };
        Ok(Rows { extents, kept: kept as u32, program, making })
    }

    /// The element of an array in one piece.
    fn whole(&self, lowering: &mut Lowering<'_>, operand: Id) -> Result<ElementId> {
        Ok(lowering.whole(operand)?.pieces[0].root)
    }

    /// An array of several pieces.
    fn joined(&mut self, lowering: &mut Lowering<'_>, id: Id) -> Result<Joined> {
        let entry = &self.known.graph()[id];
        let mut pieces = Vec::new();
        for piece in lowering.array(id)?.pieces {
            let numbers = natural(entry.shape.extents(), &[], (&piece.start, &piece.extents));
            let order: Vec<usize> = (0..piece.extents.len()).collect();
            let give = Give { sink: 0, from: piece.root, places: None };
            let (extents, program) = self.program(lowering, &piece.extents, &order, &[give])?;
            let (offset, strides) = (numbers.offset(), numbers.strides().to_vec());
            pieces.push(Piece { extents, offset, strides, program });
        }
        Ok(Joined { elements: entry.shape.size(), real: entry.dtype.is_real(), pieces })
    }

    /// The program over an array's axes in another order.
    fn program(
        &mut self,
        lowering: &mut Lowering<'_>,
        extents: &[u64],
        order: &[usize],
        gives: &[Give],
    ) -> Result<(Vec<u64>, Program)> {
        let extents: Vec<u64> = order.iter().map(|&axis| extents[axis]).collect();
        let roots = gives.iter().flat_map(|give| [Some(give.from), give.places]).flatten();
        let sources: Vec<ElementId> = leaves(lowering, roots).into_iter().collect();
        let mut made = Vec::with_capacity(sources.len());
        for &id in &sources {
            let Element::Leaf(leaf) = lowering.element(id).clone() else {
                unreachable!("sources are leaves")
            };
            let strides = order.iter().map(|&axis| leaf.places.strides()[axis]).collect();
            let map = Map { offset: leaf.places.offset(), strides };
            made.push(self.leaf(lowering, leaf.origin, &map, &extents)?);
        }
        let number = sources.iter().zip(0_u32..).map(|(&id, number)| (id, number)).collect();
        let known = self.known;
        let (instructions, sizes) = compile(lowering, gives, &number, &|id| known.number(id))?;
        Ok((extents, Program { leaves: made, instructions, sizes }))
    }

    /// The array that a source makes inside tasks.
    pub(super) fn of(&self, leaf: &Leaf) -> Option<&Inner> {
        match leaf.source {
            Source::Inner(number) => Some(&self.inner[number as usize]),
            _ => None,
        }
    }

    /// Places that are computed for each place of a group, about.
    pub(super) fn weight(&self, leaves: &[Leaf]) -> u64 {
        let inner = leaves.iter().filter_map(|leaf| {
            let inner = self.of(leaf)?;
            let own = match inner {
                Inner::Rows(rows) => rows_weight(leaf, rows),
                Inner::Joined(_) => 1,
            };
            let weights = inner.programs().map(|program| self.weight(&program.leaves));
            Some(own.saturating_mul(weights.max().unwrap_or(1)))
        });
        inner.max().unwrap_or(1).max(1)
    }

    /// Whether a source is read across the grain on the way to what a leaf makes inside tasks.
    pub(super) fn crosses(&self, leaf: &Leaf) -> bool {
        let mut programs = self.of(leaf).into_iter().flat_map(Inner::programs);
        programs.any(|program| program.leaves.iter().any(|leaf| leaf.gathered || self.crosses(leaf)))
    }

    /// The axes along which rows of running sums go, and how long these are.
    pub(super) fn rows(&self, leaves: &[Leaf], extents: &[u64]) -> Vec<(usize, u64)> {
        let mut rows = Vec::new();
        for leaf in leaves {
            let Some(scanned) = self.of(leaf).and_then(Inner::scanned) else { continue };
            let row = scanned.row();
            for (axis, &stride) in leaf.strides.iter().enumerate() {
                if stride != 0 && stride.unsigned_abs() < row {
                    rows.push((axis, row.min(extents[axis])));
                }
            }
        }
        rows
    }

    /// Elements of random arrays and files that a group reads; its places where it reads none.
    pub(super) fn elements(&self, group: &Group) -> u128 {
        let places: u128 = group.extents.iter().map(|&extent| u128::from(extent)).product();
        match self.read(&group.program.leaves, &group.extents, places) {
            0 => places,
            read => read,
        }
    }

    fn read(&self, leaves: &[Leaf], extents: &[u64], places: u128) -> u128 {
        let moving = |leaf: &Leaf| -> u128 {
            let axes = leaf.strides.iter().zip(extents).filter(|(stride, _)| **stride != 0);
            axes.map(|(_, &extent)| u128::from(extent)).product::<u128>().min(places)
        };
        let elements = leaves.iter().map(|leaf| match leaf.source {
            Source::Random { .. } | Source::Stored(_) => moving(leaf),
            Source::Inner(number) => {
                let size = |extents: &[u64]| extents.iter().map(|&extent| u128::from(extent)).product();
                match &self.inner[number as usize] {
                    Inner::Rows(rows) => {
                        let row = if rows.is_scan() { 1 } else { u128::from(rows.row()) };
                        let made = self.read(&rows.program.leaves, &rows.extents, size(&rows.extents));
                        made.min(moving(leaf) * row)
                    }
                    Inner::Joined(joined) => {
                        let piece = |piece: &Piece| {
                            self.read(&piece.program.leaves, &piece.extents, size(&piece.extents))
                        };
                        joined.pieces.iter().map(piece).sum()
                    }
                }
            }
            _ => 0,
        });
        elements.sum()
    }
}

/// Places that are computed for each element of rows.
fn rows_weight(leaf: &Leaf, rows: &Rows) -> u64 {
    let still = leaf.strides.iter().all(|&stride| stride != 0);
    match &rows.making {
        Making::Scan { .. } => 1,
        _ if !still => 1,
        // Rows that are visited side by side want many neighbours.
        Making::Reduce { side_by_side: true, .. } => rows.row().min(SIDE_BY_SIDE),
        _ => rows.row(),
    }
}

/// Whether rows are visited side by side. They are where fewer sources are crossed if neighbours lie along the first
/// axes than if they lie along the others; where as many are, if they are nearer to each other.
fn side_by_side(program: &mut Program, kept: usize) -> bool {
    let sources = || program.leaves.iter().filter(|leaf| !matches!(leaf.source, Source::Count { .. }));
    let ndim = sources().next().map_or(0, |leaf| leaf.strides.len());
    if kept == 0 || kept >= ndim {
        return false;
    }
    let crossed = |axis: usize| sources().filter(|leaf| leaf.strides[axis].unsigned_abs() > 1).count();
    let smallest = |axes: std::ops::Range<usize>| {
        let strides = sources().flat_map(|leaf| axes.clone().map(|axis| leaf.strides[axis].unsigned_abs()));
        strides.filter(|&stride| stride > 0).min().unwrap_or(u64::MAX)
    };
    let (beside, along) = (crossed(kept - 1), crossed(ndim - 1));
    let chosen = beside < along || (beside == along && smallest(0..kept) < smallest(kept..ndim));
    if chosen {
        // Nothing has to be fetched beforehand.
        program.leaves.iter_mut().for_each(|leaf| leaf.gathered = false);
    }
    chosen
}
