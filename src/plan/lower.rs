//! Arrays as elementwise work on strided sources: every view has been moved down to the sources, where it is
//! a matter of strides, and every concatenation up to the whole, where it is a matter of pieces.

use std::collections::BTreeMap;

use crate::array::{AxisIndex, Binary, DType, Scalar, Shape, Unary, View};
use crate::error::{Error, Result};
use crate::plan::emit;
use crate::plan::graph::{Entry, Id, Made, Node};
use crate::plan::strided::Strided;

/// Pieces of one array at most.
const PIECES: usize = 4096;

/// The number of an [`Element`].
pub(super) type ElementId = usize;

/// How one element comes about; its operands are elements at the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// Of a source.
    Leaf(Leaf),
    /// A number that is known when the stage begins.
    Number(Id),
    /// A constant.
    Constant(Constant),
    /// The dtype is the operands'.
    Unary(Unary, DType, ElementId),
    Binary(Binary, DType, ElementId, ElementId),
    Where(DType, ElementId, ElementId, ElementId),
    Cast {
        from: DType,
        to: DType,
        operand: ElementId,
    },
}

/// A constant of a dtype, as bits, which can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constant {
    pub(super) dtype: DType,
    bits: u64,
}

/// An element of a source: where it is, for each place of the piece.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leaf {
    pub(super) origin: Origin,
    pub(super) places: Strided,
}

/// A source of elements that are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A random array, a range or stored array; C order, or the order of the file.
    Node(Id),
    /// What an earlier stage has made, in C order.
    Finished(Id),
    /// What is made inside tasks, or put together of pieces; in C order, the scanned axis of a scan last.
    InTask(Id),
    /// The number itself.
    Place,
}

/// An array as pieces that cover it.
#[derive(Debug, Clone)]
pub(super) struct Lowered {
    pub(super) pieces: Vec<Piece>,
}

/// A box of an array and how its elements come about.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) start: Vec<u64>,
    pub(super) extents: Vec<u64>,
    pub(super) root: ElementId,
}

impl Element {
    /// The elements it is made of.
    pub(super) fn operands(&self) -> Vec<ElementId> {
        match *self {
            Element::Leaf(_) | Element::Number(_) | Element::Constant(_) => vec![],
            Element::Unary(_, _, operand) | Element::Cast { operand, .. } => vec![operand],
            Element::Binary(_, _, left, right) => vec![left, right],
            Element::Where(_, condition, left, right) => vec![condition, left, right],
        }
    }
}

impl Constant {
    pub(super) fn new(scalar: Scalar, dtype: DType) -> Self {
        let bits = match dtype {
            DType::F64 => scalar.to_f64().to_bits(),
            DType::F32 => f64::from(scalar.to_f64() as f32).to_bits(),
            DType::I64 => scalar.to_i64() as u64,
            DType::Bool => u64::from(scalar.to_f64() != 0.0),
        };
        Constant { dtype, bits }
    }

    pub(super) fn real(self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(super) fn integer(self) -> i64 {
        self.bits as i64
    }
}

/// All elements that were met, each once.
pub(super) struct Lowering<'a> {
    graph: &'a [Entry],
    elements: Vec<Element>,
    same: BTreeMap<Element, ElementId>,
    arrays: BTreeMap<Id, Lowered>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(graph: &'a [Entry]) -> Self {
        Lowering { graph, elements: Vec::new(), same: BTreeMap::new(), arrays: BTreeMap::new() }
    }

    pub(super) fn element(&self, id: ElementId) -> &Element {
        &self.elements[id]
    }

    pub(super) fn enter(&mut self, element: Element) -> ElementId {
        if let Some(&id) = self.same.get(&element) {
            return id;
        }
        let id = self.elements.len();
        self.elements.push(element.clone());
        self.same.insert(element, id);
        id
    }

    /// The dtype of an element.
    pub(super) fn dtype(&self, id: ElementId) -> DType {
        match &self.elements[id] {
            Element::Leaf(Leaf { origin: Origin::Place, .. }) => DType::I64,
            Element::Leaf(Leaf { origin, .. }) => match *origin {
                Origin::Node(id) | Origin::Finished(id) | Origin::InTask(id) => self.graph[id].dtype,
                Origin::Place => DType::I64,
            },
            Element::Number(id) => self.graph[*id].dtype,
            Element::Constant(constant) => constant.dtype,
            Element::Unary(operation, dtype, _) if emit::test(*operation).is_none() => *dtype,
            Element::Binary(operation, dtype, ..) if emit::comparison(*operation).is_none() => *dtype,
            Element::Unary(..) | Element::Binary(..) => DType::Bool,
            Element::Where(dtype, ..) => *dtype,
            Element::Cast { to, .. } => *to,
        }
    }

    /// The pieces of an array. The recursion is as deep as the expression, which `array` bounds.
    pub(super) fn array(&mut self, id: Id) -> Result<Lowered> {
        if let Some(lowered) = self.arrays.get(&id) {
            return Ok(lowered.clone());
        }
        let lowered = self.lower(id)?;
        if lowered.pieces.len() > PIECES {
            return Err(Error::refused(format!("an array of {} pieces", lowered.pieces.len()))
                .hint(format!("concatenations of at most {PIECES} pieces can be computed")));
        }
        self.arrays.insert(id, lowered.clone());
        Ok(lowered)
    }

    /// An array in one piece: one of several is put together inside tasks.
    pub(super) fn whole(&mut self, id: Id) -> Result<Lowered> {
        let lowered = self.array(id)?;
        if lowered.pieces.len() == 1 {
            return Ok(lowered);
        }
        let extents = self.graph[id].shape.extents();
        Ok(self.source(Origin::InTask(id), Strided::c_order(extents)))
    }

    fn lower(&mut self, id: Id) -> Result<Lowered> {
        let graph = self.graph;
        let entry = &graph[id];
        if entry.is_number() {
            let root = match entry.node {
                Node::Scalar(scalar) => self.enter(Element::Constant(Constant::new(scalar, entry.dtype))),
                _ => self.enter(Element::Number(id)),
            };
            return Ok(Lowered::whole(&[], root));
        }
        let extents = entry.shape.extents();
        if entry.shape.size() == 0 {
            let nothing = self.enter(Element::Constant(Constant::new(Scalar::Int(0), entry.dtype)));
            return Ok(Lowered::whole(extents, nothing));
        }
        match (&entry.node, entry.made) {
            (_, Made::ByStage) => Ok(self.source(Origin::Finished(id), Strided::c_order(extents))),
            (Node::Scan(_, axis, _), _) => {
                let mut order: Vec<usize> = (0..extents.len()).filter(|other| other != axis).collect();
                order.push(*axis);
                Ok(self.source(Origin::InTask(id), Strided::in_order(extents, &order)))
            }
            (_, Made::InTask) => Ok(self.source(Origin::InTask(id), Strided::c_order(extents))),
            (Node::Stored(stored), _) if stored.fortran_order => {
                let order: Vec<usize> = (0..extents.len()).rev().collect();
                Ok(self.source(Origin::Node(id), Strided::in_order(extents, &order)))
            }
            (Node::Random(_) | Node::Arange { .. } | Node::Stored(_), _) => {
                Ok(self.source(Origin::Node(id), Strided::c_order(extents)))
            }
            (Node::Full(scalar), _) => {
                let root = self.enter(Element::Constant(Constant::new(*scalar, entry.dtype)));
                Ok(Lowered::whole(extents, root))
            }
            (Node::View(view, operand), _) => self.view(view, *operand, extents),
            (Node::Concatenate(axis, parts), _) => self.concatenate(*axis, parts),
            (node, _) => self.elementwise(node, entry.dtype, extents),
        }
    }

    /// A source without axes.
    pub(super) fn node(&mut self, id: Id) -> Lowered {
        self.source(Origin::Node(id), Strided::c_order(&[]))
    }

    fn source(&mut self, origin: Origin, places: Strided) -> Lowered {
        let extents = places.extents().to_vec();
        let root = self.enter(Element::Leaf(Leaf { origin, places }));
        Lowered::whole(&extents, root)
    }

    /// One element for each place, from operands at the same place.
    fn elementwise(&mut self, node: &Node, dtype: DType, extents: &[u64]) -> Result<Lowered> {
        let operands = crate::plan::graph::operands(node);
        let of = self.graph[*operands.last().expect("elementwise work has an operand")].dtype;
        let lowered = operands.iter().map(|&id| self.array(id)).collect::<Result<Vec<_>>>()?;
        let boxes = common_boxes(&lowered, extents);
        let mut pieces = Vec::with_capacity(boxes.len());
        for (start, extents) in boxes {
            let roots = lowered
                .iter()
                .map(|operand| self.within(operand, &start, &extents))
                .collect::<Result<Vec<_>>>()?;
            let element = match (node, roots.as_slice()) {
                (Node::Unary(operation, _), &[operand]) => Element::Unary(*operation, of, operand),
                (Node::Cast(_), &[operand]) if !emit::changes(of, dtype) => {
                    pieces.push(Piece { start, extents, root: operand });
                    continue;
                }
                (Node::Cast(_), &[operand]) => Element::Cast { from: of, to: dtype, operand },
                (Node::Binary(operation, ..), &[left, right]) => Element::Binary(*operation, of, left, right),
                (Node::Where(..), &[condition, left, right]) => Element::Where(of, condition, left, right),
                _ => unreachable!("every other node has been lowered"),
            };
            let root = self.enter(element);
            pieces.push(Piece { start, extents, root });
        }
        Ok(Lowered { pieces })
    }

    /// The element of an operand within a box that lies in one of its pieces.
    fn within(&mut self, operand: &Lowered, start: &[u64], extents: &[u64]) -> Result<ElementId> {
        let piece = operand.pieces.iter().find(|piece| piece.start.is_empty() || piece.covers(start));
        let piece = piece.expect("the pieces of an array cover it");
        if piece.start.is_empty() || (piece.start == start && piece.extents == extents) {
            return Ok(piece.root);
        }
        let offsets: Vec<u64> = start.iter().zip(&piece.start).map(|(start, piece)| start - piece).collect();
        self.transform(piece.root, &|places| {
            let axes: Vec<AxisIndex> = offsets
                .iter()
                .zip(extents)
                .map(|(&start, &count)| AxisIndex::Range { start, step: 1, count })
                .collect();
            Ok(places.slice(&axes))
        })
    }

    fn concatenate(&mut self, axis: usize, parts: &[Id]) -> Result<Lowered> {
        let mut pieces = Vec::new();
        let mut before = 0;
        for &part in parts {
            for mut piece in self.array(part)?.pieces {
                piece.start[axis] += before;
                pieces.push(piece);
            }
            before += self.graph[part].shape.extents()[axis];
        }
        if pieces.iter().any(|piece| !piece.extents.contains(&0)) {
            pieces.retain(|piece| !piece.extents.contains(&0));
        } else {
            pieces.truncate(1);
        }
        Ok(Lowered { pieces })
    }

    /// A view of an array that is no node's own.
    pub(super) fn viewed(&mut self, view: &View, operand: Id) -> Result<Lowered> {
        self.view(view, operand, &[])
    }

    fn view(&mut self, view: &View, operand: Id, extents: &[u64]) -> Result<Lowered> {
        let (graph, of) = (self.graph, operand);
        let old = graph[of].shape.extents();
        let operand = match view {
            // Lines of the new shape go from piece to piece.
            View::Reshape if long(old) != long(extents) => self.whole(operand)?,
            _ => self.array(operand)?,
        };
        let mut pieces = Vec::with_capacity(operand.pieces.len());
        let single = operand.pieces.len() == 1;
        for piece in operand.pieces {
            let viewed = match view {
                View::Slice(axes) => self.slice(&piece, axes)?,
                View::Transpose(order) => {
                    let root = self.transform(piece.root, &|places| Ok(places.transpose(order)))?;
                    let permuted = |values: &[u64]| order.iter().map(|&axis| values[axis]).collect();
                    Some(Piece { start: permuted(&piece.start), extents: permuted(&piece.extents), root })
                }
                View::Broadcast => Some(self.broadcast(&piece, old, extents)?),
                View::Reshape if single => {
                    let root = self.transform(piece.root, &|places| places.reshape(extents))?;
                    Some(Piece { start: vec![0; extents.len()], extents: extents.to_vec(), root })
                }
                View::Reshape => Some(self.respace(&piece, old, extents)?),
            };
            pieces.extend(viewed);
        }
        Ok(Lowered { pieces })
    }

    /// A piece of an array of which only axes of extent 1 come or go.
    fn respace(&mut self, piece: &Piece, old: &[u64], new: &[u64]) -> Result<Piece> {
        let (mut start, mut extents) = (vec![0; new.len()], vec![1; new.len()]);
        let kept = (0..old.len()).filter(|&axis| old[axis] != 1);
        for (to, from) in (0..new.len()).filter(|&axis| new[axis] != 1).zip(kept) {
            (start[to], extents[to]) = (piece.start[from], piece.extents[from]);
        }
        let root = self.transform(piece.root, &|places| places.reshape(&extents))?;
        Ok(Piece { start, extents, root })
    }

    /// What a slice leaves of a piece.
    fn slice(&mut self, piece: &Piece, axes: &[AxisIndex]) -> Result<Option<Piece>> {
        let (mut start, mut extents, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, index) in axes.iter().enumerate() {
            let (low, length) = (piece.start[axis], piece.extents[axis]);
            match *index {
                AxisIndex::Index(at) => {
                    let Some(at) = at.checked_sub(low).filter(|&at| at < length) else { return Ok(None) };
                    inner.push(AxisIndex::Index(at));
                }
                AxisIndex::Range { start: first, step, count } => {
                    let (from, to) = inside(first, step, count, low, length);
                    if from >= to && count > 0 {
                        return Ok(None);
                    }
                    let at =
                        (i128::from(first) + i128::from(step) * i128::from(from) - i128::from(low)) as u64;
                    start.push(from);
                    extents.push(to - from);
                    inner.push(AxisIndex::Range { start: at, step, count: to - from });
                }
            }
        }
        let root = self.transform(piece.root, &|places| Ok(places.slice(&inner)))?;
        Ok(Some(Piece { start, extents, root }))
    }

    fn broadcast(&mut self, piece: &Piece, from: &[u64], whole: &[u64]) -> Result<Piece> {
        let new = whole.len() - from.len();
        let (mut start, mut extents) = (vec![0; new], whole[..new].to_vec());
        for (axis, &extent) in whole[new..].iter().enumerate() {
            start.push(piece.start[axis]);
            extents.push(if from[axis] == extent { piece.extents[axis] } else { extent });
        }
        let root = self.transform(piece.root, &|places| Ok(places.broadcast(&extents)))?;
        Ok(Piece { start, extents, root })
    }

    /// The same element with the places of all its sources changed.
    pub(super) fn transform(
        &mut self,
        root: ElementId,
        change: &dyn Fn(&Strided) -> Result<Strided>,
    ) -> Result<ElementId> {
        let mut done = BTreeMap::new();
        self.transformed(root, change, &mut done)
    }

    fn transformed(
        &mut self,
        root: ElementId,
        change: &dyn Fn(&Strided) -> Result<Strided>,
        done: &mut BTreeMap<ElementId, ElementId>,
    ) -> Result<ElementId> {
        if let Some(&id) = done.get(&root) {
            return Ok(id);
        }
        let element = match self.elements[root].clone() {
            Element::Leaf(leaf) => Element::Leaf(Leaf { places: change(&leaf.places)?, origin: leaf.origin }),
            known @ (Element::Number(_) | Element::Constant(_)) => known,
            Element::Unary(operation, dtype, operand) => {
                Element::Unary(operation, dtype, self.transformed(operand, change, done)?)
            }
            Element::Cast { from, to, operand } => {
                Element::Cast { from, to, operand: self.transformed(operand, change, done)? }
            }
            Element::Binary(operation, dtype, left, right) => {
                let left = self.transformed(left, change, done)?;
                Element::Binary(operation, dtype, left, self.transformed(right, change, done)?)
            }
            Element::Where(dtype, condition, left, right) => {
                let condition = self.transformed(condition, change, done)?;
                let left = self.transformed(left, change, done)?;
                Element::Where(dtype, condition, left, self.transformed(right, change, done)?)
            }
        };
        let id = self.enter(element);
        done.insert(root, id);
        Ok(id)
    }
}

impl Lowered {
    fn whole(extents: &[u64], root: ElementId) -> Self {
        Lowered { pieces: vec![Piece { start: vec![0; extents.len()], extents: extents.to_vec(), root }] }
    }
}

impl Piece {
    fn covers(&self, place: &[u64]) -> bool {
        let mut axes = self.start.iter().zip(&self.extents).zip(place);
        axes.all(|((&start, &extent), &place)| {
            start <= place && (place < start + extent || (extent == 0 && place == start))
        })
    }
}

/// The extents of axes that are more than one place.
fn long(extents: &[u64]) -> Vec<u64> {
    extents.iter().copied().filter(|&extent| extent != 1).collect()
}

/// Boxes that cover the extents, each within one piece of every operand.
fn common_boxes(operands: &[Lowered], extents: &[u64]) -> Vec<(Vec<u64>, Vec<u64>)> {
    let mut boxes = vec![(vec![0; extents.len()], extents.to_vec())];
    for operand in operands.iter().filter(|operand| operand.pieces.len() > 1) {
        let mut finer = Vec::new();
        for (start, extents) in &boxes {
            finer.extend(operand.pieces.iter().filter_map(|piece| overlap(start, extents, piece)));
        }
        boxes = finer;
    }
    boxes
}

fn overlap(start: &[u64], extents: &[u64], piece: &Piece) -> Option<(Vec<u64>, Vec<u64>)> {
    let (mut common_start, mut common_extents) = (Vec::new(), Vec::new());
    for axis in 0..start.len() {
        let low = start[axis].max(piece.start[axis]);
        let high = (start[axis] + extents[axis]).min(piece.start[axis] + piece.extents[axis]);
        if low >= high {
            return None;
        }
        common_start.push(low);
        common_extents.push(high - low);
    }
    Some((common_start, common_extents))
}

/// Which k of `0..count` have `first + k * step` in `low..low + length`; they are neighbours.
fn inside(first: u64, step: i64, count: u64, low: u64, length: u64) -> (u64, u64) {
    let (first, step) = (i128::from(first), i128::from(step));
    let (low, high) = (i128::from(low), i128::from(low) + i128::from(length));
    let ceil = |a: i128, b: i128| -(-a).div_euclid(b);
    let (from, to) = if step > 0 {
        (ceil(low - first, step), ceil(high - first, step))
    } else {
        // first + k step < high, and >= low.
        (ceil(first - high + 1, -step), ceil(first - low + 1, -step))
    };
    let count = i128::from(count);
    (from.clamp(0, count) as u64, to.clamp(0, count) as u64)
}

pub(super) fn movement(extents: &[u64]) -> Error {
    let shape =
        Shape::new(extents.to_vec()).map_or_else(|_| format!("{extents:?}"), |shape| shape.to_string());
    Error::refused(format!("reshaping to {shape} would move elements"))
        .hint("an array is reshaped where its elements stay in order: before a transpose, a concatenation or a slice")
        .hint("a file in Fortran order is a transposed one: reshape its transpose")
}
