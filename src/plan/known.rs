//! What is known when a stage begins: what earlier stages have made, and every number that follows from it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::array::{Binary, DType, Data, Scalar, Unary};
use crate::kernel::program::Register;
use crate::plan::emit::{self, Operand};
use crate::plan::finish::Cell;
use crate::plan::graph::{Entry, Id, Made, Node};
use crate::plan::partial::room;
use crate::plan::quantile::{self, Search};

/// What stages have made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// How many stages.
    pub(super) stages: usize,
    /// The elements of nodes, in C order.
    pub(super) arrays: BTreeMap<Id, Data>,
    pub(super) searches: BTreeMap<Id, Search>,
}

impl Finished {
    /// How many stages.
    pub fn stages(&self) -> usize {
        self.stages
    }
}

/// The nodes with what is known of them: all that earlier stages make, or nothing at all, for a trial.
pub(super) struct Known<'a> {
    graph: &'a [Entry],
    finished: Option<&'a Finished>,
    numbers: RefCell<BTreeMap<Id, Cell>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(graph: &'a [Entry], finished: &'a Finished) -> Self {
        Known { graph, finished: Some(finished), numbers: RefCell::default() }
    }

    /// Every number is NaN or 0, every array of zeros.
    pub(super) fn trial(graph: &'a [Entry]) -> Self {
        Known { graph, finished: None, numbers: RefCell::default() }
    }

    pub(super) fn graph(&self) -> &'a [Entry] {
        self.graph
    }

    pub(super) fn is_complete(&self) -> bool {
        self.finished.is_some()
    }

    /// How far a quantile is when a stage begins; in a trial, as far as it usually is.
    pub(super) fn search(&self, id: Id, stage: usize) -> Search {
        match self.finished {
            None => Search::usual(stage + quantile::STAGES - self.graph[id].after),
            Some(finished) => finished.searches.get(&id).copied().unwrap_or(Search::Sample),
        }
    }

    /// The elements of a node that an earlier stage has made.
    pub(super) fn array(&self, id: Id) -> Data {
        let entry = &self.graph[id];
        let made = self.finished.and_then(|finished| finished.arrays.get(&id));
        made.cloned().unwrap_or_else(|| room(entry.dtype.is_real(), entry.shape.size()))
    }

    /// A number that follows from what is known. The recursion is as deep as the expression.
    pub(super) fn number(&self, id: Id) -> Cell {
        if let Some(&cell) = self.numbers.borrow().get(&id) {
            return cell;
        }
        let cell = self.evaluated(id);
        self.numbers.borrow_mut().insert(id, cell);
        cell
    }

    fn evaluated(&self, id: Id) -> Cell {
        let entry = &self.graph[id];
        match &entry.node {
            Node::Scalar(scalar) | Node::Full(scalar) => constant(*scalar, entry.dtype),
            _ if entry.made == Made::ByStage => match self.finished.and_then(|made| made.arrays.get(&id)) {
                Some(Data::Real(values)) => Cell::Real(values[0]),
                Some(Data::Integer(values)) => Cell::Integer(values[0]),
                None if entry.dtype.is_real() => Cell::Real(f64::NAN),
                None => Cell::Integer(0),
            },
            Node::View(_, operand) => self.number(*operand),
            Node::Unary(operation, operand) => {
                unary(*operation, self.graph[*operand].dtype, self.number(*operand))
            }
            Node::Cast(operand) => cast(self.graph[*operand].dtype, entry.dtype, self.number(*operand)),
            Node::Binary(operation, left, right) => {
                let dtype = self.graph[*left].dtype;
                binary(*operation, dtype, self.number(*left), self.number(*right))
            }
            Node::Where(condition, left, right) => match self.number(*condition) {
                Cell::Integer(0) => self.number(*right),
                _ => self.number(*left),
            },
            _ => unreachable!("`array` makes numbers of numbers by elementwise work alone"),
        }
    }
}

fn constant(scalar: Scalar, dtype: DType) -> Cell {
    let constant = crate::plan::lower::Constant::new(scalar, dtype);
    if dtype.is_real() { Cell::Real(constant.real()) } else { Cell::Integer(constant.integer()) }
}

fn register(cell: Cell, number: u32) -> Register {
    match cell {
        Cell::Real(_) => Register::Real(number),
        Cell::Integer(_) => Register::Integer(number),
    }
}

fn unary(operation: Unary, dtype: DType, operand: Cell) -> Cell {
    if let Some(operation) = emit::test(operation) {
        let step = crate::kernel::program::Step::RealTest { operation, from: 0, into: 1 };
        return emit::evaluate(&[operand], Register::Integer(1), &[step]);
    }
    let own = register(operand, 0);
    emit::evaluate(&[operand], own, &emit::unary(operation, dtype, own))
}

fn cast(from: DType, to: DType, operand: Cell) -> Cell {
    let source = register(operand, 0);
    let into = match (from.is_real() == to.is_real(), to.is_real()) {
        (true, _) => source,
        (false, true) => Register::Real(1),
        (false, false) => Register::Integer(1),
    };
    emit::evaluate(&[operand], into, &emit::cast(from, to, source, into))
}

fn binary(operation: Binary, dtype: DType, left: Cell, right: Cell) -> Cell {
    let (first, second) = (register(left, 0), register(right, 1));
    let compared = emit::comparison(operation).is_some() && dtype.is_real();
    let into = if compared { Register::Integer(2) } else { first };
    let steps = emit::binary(operation, dtype, Operand::Register(first), Operand::Register(second), into);
    emit::evaluate(&[left, right], into, &steps)
}
