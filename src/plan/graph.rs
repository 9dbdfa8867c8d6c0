//! The expressions of all results as one graph in which nothing occurs twice.
//!
//! Operands have lower numbers than what uses them, so that one walk in order evaluates everything. Here it is
//! decided which stage computes a node, and which reductions are made inside the tasks that need them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::array::{
    AxisChunks, Binary, Bins, DType, Expr, Operation, Random, Reduction, Scalar, Scan, Shape, Stored, Unary,
    View,
};
use crate::error::{Error, Result};
use crate::kernel::Distribution;
use crate::plan::push::pushed;
use crate::plan::quantile;

/// The number of a node.
pub(super) type Id = usize;

/// Reductions over trailing axes to more outputs than this are made inside tasks ..
const MANY_OUTPUTS: u64 = 1 << 12;
/// .. if each takes at most so many elements.
const INNER: u64 = 1 << 16;
/// Reductions over other axes to more outputs than this are made inside tasks ..
const VERY_MANY_OUTPUTS: u64 = 1 << 17;
/// .. if each takes at most so many elements.
const OUTER: u64 = 1 << 12;

/// What a node does.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Scalar(Scalar),
    Full(Scalar),
    Random(Source),
    Arange { start: Scalar, step: Scalar, last: Option<f64> },
    Stored(Arc<Stored>),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    Where(Id, Id, Id),
    Cast(Id),
    View(View, Id),
    Concatenate(usize, Vec<Id>),
    Scan(Scan, usize, Id),
    Reduce(Reduction, Vec<usize>, Id),
    Quantile(f64, Id),
    QuantileAlong(f64, Vec<usize>, Id),
    Histogram(Edges, Id),
}

/// The bins of a histogram, with numbers as nodes.
#[derive(Debug, Clone)]
pub(super) enum Edges {
    Even { count: u64, low: Id, high: Id },
    Given(Vec<f64>),
}

/// A random array's seed and stream, with the run's seed where it had none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) seed: u128,
    pub(super) stream: String,
    pub(super) distribution: Distribution,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) node: Node,
    pub(super) shape: Shape,
    pub(super) dtype: DType,
    pub(super) chunks: Vec<AxisChunks>,
    /// Stages that must have finished before the node can be computed (an array) or is known (a number, and
    /// what a stage makes).
    pub(super) after: usize,
    /// How a node that is not elementwise is made.
    pub(super) made: Made,
}

/// When and where a node's elements are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// With the elements that use it, one for one.
    Elementwise,
    /// Inside each task that needs some of it.
    InTask,
    /// By a stage of its own, before those that need it.
    ByStage,
}

#[derive(Default)]
pub(super) struct Builder {
    entries: Vec<Entry>,
    /// By what makes two nodes the same. Chunks do not count: they are no part of a value.
    same: BTreeMap<String, Id>,
    /// By the identity of expressions, which are kept alive by `kept`.
    seen: BTreeMap<usize, Id>,
    kept: Vec<Expr>,
    seed: u128,
}

impl Builder {
    pub(super) fn new(seed: u128) -> Self {
        Builder { seed, ..Builder::default() }
    }

    /// The node of an expression. The recursion is as deep as the expression, which `array` bounds.
    pub(super) fn add(&mut self, expr: &Expr) -> Result<Id> {
        if let Some(&id) = self.seen.get(&expr.identity()) {
            return Ok(id);
        }
        let id = match pushed(expr)? {
            Some(simpler) => self.add(&simpler)?,
            None => {
                let node = self.node(expr)?;
                self.enter(node, expr)
            }
        };
        self.seen.insert(expr.identity(), id);
        self.kept.push(expr.clone());
        Ok(id)
    }

    pub(super) fn finish(self) -> Vec<Entry> {
        self.entries
    }

    fn node(&mut self, expr: &Expr) -> Result<Node> {
        Ok(match expr.operation() {
            Operation::Scalar(scalar) => Node::Scalar(*scalar),
            Operation::Full(scalar) => Node::Full(*scalar),
            Operation::Random(random) => Node::Random(self.source(random)?),
            Operation::Arange { start, step, last } => {
                Node::Arange { start: *start, step: *step, last: *last }
            }
            Operation::Stored(stored) => Node::Stored(Arc::clone(stored)),
            Operation::Unary(operation, operand) => Node::Unary(*operation, self.add(operand)?),
            Operation::Binary(operation, left, right) => {
                Node::Binary(*operation, self.add(left)?, self.add(right)?)
            }
            Operation::Where(condition, left, right) => {
                Node::Where(self.add(condition)?, self.add(left)?, self.add(right)?)
            }
            Operation::Cast(operand) => Node::Cast(self.add(operand)?),
            Operation::View(view, operand) => Node::View(view.clone(), self.add(operand)?),
            Operation::Concatenate(axis, parts) => {
                Node::Concatenate(*axis, parts.iter().map(|part| self.add(part)).collect::<Result<_>>()?)
            }
            Operation::Scan(scan, axis, operand) => Node::Scan(*scan, *axis, self.add(operand)?),
            Operation::Reduce(reduction, axes, operand) => {
                Node::Reduce(*reduction, axes.clone(), self.add(operand)?)
            }
            Operation::Quantile(q, operand) => Node::Quantile(*q, self.add(operand)?),
            Operation::QuantileAlong(q, axes, operand) => {
                Node::QuantileAlong(*q, axes.clone(), self.add(operand)?)
            }
            Operation::Histogram(Bins::Edges(edges), operand) => {
                Node::Histogram(Edges::Given(edges.clone()), self.add(operand)?)
            }
            Operation::Histogram(Bins::Even { count, low, high }, operand) => {
                let edges = Edges::Even { count: *count, low: self.add(low)?, high: self.add(high)? };
                Node::Histogram(edges, self.add(operand)?)
            }
        })
    }

    fn source(&self, random: &Random) -> Result<Source> {
        let Some(stream) = random.stream.clone() else {
            return Err(Error::refused(format!("`random::{}` without a stream", random.distribution.name()))
                .hint("call .stream(\"x\") with a name of its own for each array"));
        };
        let distribution = kernel_distribution(random.distribution);
        Ok(Source { seed: random.seed.unwrap_or(self.seed), stream, distribution })
    }

    fn enter(&mut self, node: Node, expr: &Expr) -> Id {
        let (shape, dtype) = (expr.shape().clone(), expr.dtype());
        let same = format!("{node:?} {shape} {dtype}");
        if let Some(&id) = self.same.get(&same) {
            return id;
        }
        let made = self.made(&node, &shape);
        let after = self.after(&node, made);
        let id = self.entries.len();
        self.entries.push(Entry { node, shape, dtype, chunks: expr.chunks().to_vec(), after, made });
        self.same.insert(same, id);
        id
    }

    fn made(&self, node: &Node, shape: &Shape) -> Made {
        match node {
            Node::Reduce(_, axes, operand) => {
                let extents = self.entries[*operand].shape.extents();
                let reduced: u64 = axes.iter().map(|&axis| extents[axis]).product();
                let trailing = axes.iter().rev().enumerate().all(|(k, &axis)| axis + k + 1 == extents.len());
                let (many, few) = if trailing { (MANY_OUTPUTS, INNER) } else { (VERY_MANY_OUTPUTS, OUTER) };
                let inside = shape.size() > many && reduced <= few;
                if inside { Made::InTask } else { Made::ByStage }
            }
            Node::Scan(..) | Node::QuantileAlong(..) => Made::InTask,
            Node::Quantile(..) | Node::Histogram(..) => Made::ByStage,
            // A number that is taken out of an array or a source.
            Node::View(_, operand) if shape.ndim() == 0 && self.entries[*operand].shape.ndim() > 0 => {
                Made::ByStage
            }
            Node::Stored(_) | Node::Random(_) if shape.ndim() == 0 => Made::ByStage,
            _ => Made::Elementwise,
        }
    }

    fn after(&self, node: &Node, made: Made) -> usize {
        let ready = operands(node).iter().map(|&id| self.entries[id].after).max().unwrap_or(0);
        match (node, made) {
            (Node::Quantile(..), _) => ready + quantile::STAGES,
            (_, Made::ByStage) => ready + 1,
            _ => ready,
        }
    }
}

/// The nodes that a node is made of.
pub(super) fn operands(node: &Node) -> Vec<Id> {
    match node {
        Node::Scalar(_) | Node::Full(_) | Node::Random(_) | Node::Arange { .. } | Node::Stored(_) => vec![],
        Node::Unary(_, operand)
        | Node::Cast(operand)
        | Node::View(_, operand)
        | Node::Scan(_, _, operand)
        | Node::Reduce(_, _, operand)
        | Node::Quantile(_, operand)
        | Node::QuantileAlong(_, _, operand)
        | Node::Histogram(Edges::Given(_), operand) => vec![*operand],
        Node::Histogram(Edges::Even { low, high, .. }, operand) => vec![*operand, *low, *high],
        Node::Binary(_, left, right) => vec![*left, *right],
        Node::Where(condition, left, right) => vec![*condition, *left, *right],
        Node::Concatenate(_, parts) => parts.clone(),
    }
}

impl Entry {
    pub(super) fn is_number(&self) -> bool {
        self.shape.ndim() == 0
    }
}

fn kernel_distribution(distribution: crate::array::Distribution) -> Distribution {
    use crate::array::Distribution as D;
    match distribution {
        D::Random => Distribution::Random,
        D::Uniform { low, high } => Distribution::Uniform { low, high },
        D::Normal { loc, scale } => Distribution::Normal { loc, scale },
    }
}
