//! The expressions of all results as one graph, and which of its operations are done together.
//!
//! Elementwise operations and views are fused with what feeds them, unless that feeds something else too. A
//! stage is one pass over the arrays: what needs a finished reduction comes in a later one, and arrays that
//! are used there again are made there again.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::{Bins, Expr, Operation, View};
use crate::draw::area::{Area, needs};

/// The number of an item; operands have lower ones than what uses them.
pub(super) type Id = usize;

/// An operation in a stage.
pub(super) struct Item {
    pub(super) expr: Expr,
    pub(super) stage: u64,
    /// In the order of the expression's; none for known numbers.
    pub(super) operands: Vec<Option<Id>>,
    /// The item with which it is fused; itself, if that is the last of them.
    pub(super) home: Id,
    users: Vec<Id>,
    /// Whether it is made of sources without a reduction in between.
    chunked: bool,
    result: bool,
}

/// The items, and the item of each result; none where it is a known number.
pub(super) struct Graph {
    pub(super) items: Vec<Item>,
    pub(super) results: Vec<Option<Id>>,
}

impl Graph {
    pub(super) fn of(results: &[(String, Expr)]) -> Self {
        let mut builder = Builder::default();
        let results: Vec<Option<Id>> = results.iter().map(|(_, expr)| builder.add(expr, 0)).collect();
        let mut graph = Graph { items: builder.items, results };
        for &result in graph.results.iter().flatten() {
            graph.items[result].result = true;
        }
        // Those who use an item come after it, so they are settled first.
        for id in (0..graph.items.len()).rev() {
            graph.items[id].home = graph.home(id);
        }
        graph
    }

    /// The reduction that a group of fused items, named by its last one, ends with.
    pub(super) fn reduction(&self, root: Id) -> Option<Id> {
        if is_reduction(&self.items[root].expr) {
            return Some(root);
        }
        let operand = self.items[root].operands.first().copied().flatten()?;
        (self.items[operand].home == root && is_reduction(&self.items[operand].expr)).then_some(operand)
    }

    /// What an area of an item is made of that is not fused with it.
    pub(super) fn made_of(&self, id: Id, area: Area) -> BTreeSet<(Id, Area)> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(id, area)];
        while let Some((id, area)) = waiting.pop() {
            let item = &self.items[id];
            for (operand, area) in item.operands.iter().zip(needs(&item.expr, &area)) {
                let (&Some(operand), Some(area)) = (operand, area) else { continue };
                if self.items[operand].home != item.home {
                    found.insert((operand, area));
                } else if seen.insert((operand, area.clone())) {
                    waiting.push((operand, area));
                }
            }
        }
        found
    }

    fn home(&self, id: Id) -> Id {
        let item = &self.items[id];
        if item.result || self.keeps_axes(id) {
            return id;
        }
        let mut homes = item.users.iter().map(|&user| self.items[user].home);
        let Some(home) = homes.next().filter(|&home| homes.all(|other| other == home)) else { return id };
        let joins = if is_reduction(&item.expr) {
            item.users.len() == 1 && self.keeps_axes(home)
        } else {
            !is_reduction(&self.items[home].expr) && !self.keeps_axes(home) && self.fits(item, home)
        };
        if joins { home } else { id }
    }

    /// Whether it gives the axes back to a reduction that has lost them, and is part of it.
    fn keeps_axes(&self, id: Id) -> bool {
        let item = &self.items[id];
        let alone = |operand: &Id| {
            let operand = &self.items[*operand];
            is_reduction(&operand.expr) && operand.users.len() == 1 && !operand.result
        };
        matches!(item.expr.operation(), Operation::View(View::Reshape, _))
            && item.operands.iter().flatten().any(alone)
    }

    /// Whether both are done in the same pass; casts and repetitions happen wherever they are needed.
    fn fits(&self, item: &Item, home: Id) -> bool {
        let home = &self.items[home];
        matches!(item.expr.operation(), Operation::View(View::Broadcast, _) | Operation::Cast(_))
            || (item.stage, item.chunked) == (home.stage, home.chunked)
    }
}

fn is_reduction(expr: &Expr) -> bool {
    matches!(
        expr.operation(),
        Operation::Reduce(..)
            | Operation::Quantile(..)
            | Operation::QuantileAlong(..)
            | Operation::Histogram(..)
    )
}

#[derive(Default)]
struct Builder {
    items: Vec<Item>,
    /// By the expression's number and the stage.
    placed: BTreeMap<(usize, u64), Id>,
    natures: BTreeMap<usize, Nature>,
    /// Numbers that are the same for the same computation, by the identity of the expression.
    numbers: BTreeMap<usize, usize>,
    same: BTreeMap<Sameness, usize>,
}

/// What makes two expressions the same: the operation without its operands, their numbers, and what is known
/// of the result.
type Sameness = (String, Vec<usize>, String);

/// Whether an expression is an array of chunks or finished, and in which stage it can be had first.
#[derive(Clone, Copy)]
struct Nature {
    chunked: bool,
    stage: u64,
}

impl Builder {
    /// The item of an expression that a stage uses. The recursion is as deep as the expression, which is
    /// bounded.
    fn add(&mut self, expr: &Expr, stage: u64) -> Option<Id> {
        if matches!(expr.operation(), Operation::Scalar(_)) {
            return None;
        }
        let nature = self.nature(expr);
        let stage = if nature.chunked { nature.stage.max(stage) } else { nature.stage };
        let key = (self.number(expr), stage);
        if let Some(&id) = self.placed.get(&key) {
            return Some(id);
        }
        let operands: Vec<_> = expr.operands().into_iter().map(|operand| self.add(operand, stage)).collect();
        let id = self.items.len();
        for &operand in operands.iter().flatten() {
            self.items[operand].users.push(id);
        }
        let (chunked, users) = (nature.chunked, Vec::new());
        self.items.push(Item {
            expr: expr.clone(),
            stage,
            operands,
            home: id,
            users,
            chunked,
            result: false,
        });
        self.placed.insert(key, id);
        Some(id)
    }

    fn nature(&mut self, expr: &Expr) -> Nature {
        let number = self.number(expr);
        if let Some(&nature) = self.natures.get(&number) {
            return nature;
        }
        let operands: Vec<Nature> = expr.operands().into_iter().map(|operand| self.nature(operand)).collect();
        let known = matches!(expr.operation(), Operation::Scalar(_));
        let nature = if operands.is_empty() {
            Nature { chunked: !known, stage: u64::from(!known) }
        } else {
            let passes = operands.iter().any(|operand| operand.chunked);
            // A pass begins when everything finished that it needs is there.
            let after = |operand: &Nature| {
                let waits = passes && !operand.chunked && operand.stage > 0;
                operand.stage + u64::from(waits)
            };
            let stage = operands.iter().map(after).max().unwrap_or(1);
            Nature { chunked: passes && !is_reduction(expr), stage }
        };
        self.natures.insert(number, nature);
        nature
    }

    /// A formula that is written twice is computed once.
    fn number(&mut self, expr: &Expr) -> usize {
        if let Some(&number) = self.numbers.get(&expr.identity()) {
            return number;
        }
        let operands = expr.operands().into_iter().map(|operand| self.number(operand)).collect();
        let value = format!("{} {:?} {:?}", expr.shape(), expr.dtype(), expr.chunks());
        let next = self.same.len();
        let number = *self.same.entry((alone(expr.operation()), operands, value)).or_insert(next);
        self.numbers.insert(expr.identity(), number);
        number
    }
}

/// An operation without its operands.
fn alone(operation: &Operation) -> String {
    match operation {
        Operation::Unary(unary, _) => format!("{unary:?}"),
        Operation::Binary(binary, ..) => format!("{binary:?}"),
        Operation::Where(..) => "Where".into(),
        Operation::Cast(_) => "Cast".into(),
        Operation::View(view, _) => format!("{view:?}"),
        Operation::Concatenate(axis, _) => format!("Concatenate {axis}"),
        Operation::Scan(scan, axis, _) => format!("Scan {scan:?} {axis}"),
        Operation::Reduce(reduction, axes, _) => format!("{reduction:?} {axes:?}"),
        Operation::Quantile(q, _) => format!("Quantile {q:?}"),
        Operation::QuantileAlong(q, axes, _) => format!("Quantile {q:?} {axes:?}"),
        Operation::Histogram(Bins::Even { count, .. }, _) => format!("Histogram {count}"),
        Operation::Histogram(Bins::Edges(edges), _) => format!("Histogram {edges:?}"),
        source => format!("{source:?}"),
    }
}
