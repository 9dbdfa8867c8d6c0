//! The expressions of all results as one graph in which nothing occurs twice.
//!
//! Operands have lower numbers than what uses them, so that one walk in order evaluates everything.

use std::collections::BTreeMap;

use crate::array::{Binary, Distribution, Expr, Operation, Random, Reduction, Shape};
use crate::error::{Error, Result};

/// The number of a node.
pub(super) type Id = usize;

/// What a node does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Random(Source),
    Negate(Id),
    Binary(Binary, Id, Id),
    Reduce(Reduction, Id),
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
    pub(super) chunks: Vec<u64>,
    /// Stages that must have finished before the node can be computed (an array) or is known (a number).
    pub(super) after: usize,
}

/// What makes two nodes the same. Chunks do not count: they are no part of a value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sameness {
    Number(u64),
    /// Seed, stream, and the distribution with its parameters to the last bit.
    Random(u128, String, String, Shape),
    Negate(Id),
    Binary(Binary, Id, Id),
    Reduce(Reduction, Id),
}

#[derive(Default)]
pub(super) struct Builder {
    entries: Vec<Entry>,
    same: BTreeMap<Sameness, Id>,
    /// By the identity of expressions, which all live while the graph is built.
    seen: BTreeMap<usize, Id>,
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
        let node = match expr.operation() {
            Operation::Number(value) => Node::Number(*value),
            Operation::Random(random) => Node::Random(self.source(random)?),
            Operation::Negate(operand) => Node::Negate(self.add(operand)?),
            Operation::Binary(operation, left, right) => {
                Node::Binary(*operation, self.add(left)?, self.add(right)?)
            }
            Operation::Reduce(reduction, operand) => Node::Reduce(*reduction, self.add(operand)?),
        };
        let id = self.enter(node, expr);
        self.seen.insert(expr.identity(), id);
        Ok(id)
    }

    pub(super) fn finish(self) -> Vec<Entry> {
        self.entries
    }

    fn source(&self, random: &Random) -> Result<Source> {
        let Some(stream) = random.stream.clone() else {
            return Err(Error::refused(format!("`random::{}` without a stream", random.distribution.name()))
                .hint("call .stream(\"x\") with a name of its own for each array"));
        };
        Ok(Source { seed: random.seed.unwrap_or(self.seed), stream, distribution: random.distribution })
    }

    fn enter(&mut self, node: Node, expr: &Expr) -> Id {
        let same = sameness(&node, expr.shape());
        if let Some(&id) = self.same.get(&same) {
            for (chunk, other) in self.entries[id].chunks.iter_mut().zip(expr.chunks()) {
                *chunk = (*chunk).min(*other);
            }
            return id;
        }
        let after = match node {
            Node::Number(_) | Node::Random(_) => 0,
            Node::Negate(operand) => self.entries[operand].after,
            Node::Binary(_, left, right) => self.entries[left].after.max(self.entries[right].after),
            Node::Reduce(_, operand) => self.entries[operand].after + 1,
        };
        let id = self.entries.len();
        let (shape, chunks) = (expr.shape().clone(), expr.chunks().to_vec());
        self.entries.push(Entry { node, shape, chunks, after });
        self.same.insert(same, id);
        id
    }
}

fn sameness(node: &Node, shape: &Shape) -> Sameness {
    match node {
        Node::Number(value) => Sameness::Number(value.to_bits()),
        Node::Random(source) => Sameness::Random(
            source.seed,
            source.stream.clone(),
            format!("{:?}", source.distribution),
            shape.clone(),
        ),
        Node::Negate(operand) => Sameness::Negate(*operand),
        Node::Binary(operation, left, right) => Sameness::Binary(*operation, *left, *right),
        Node::Reduce(reduction, operand) => Sameness::Reduce(*reduction, *operand),
    }
}

impl Entry {
    pub(super) fn is_number(&self) -> bool {
        self.shape.ndim() == 0
    }
}
