//! What results come to while their stage is computed: the value of the elements that have been counted, and how far
//! it may be from that of all. Nothing of it enters a result.
//!
//! The standard error of a mean of n elements is s / sqrt(n), as if the elements were drawn independently. Where the
//! sum of their squares is gathered, s is their standard deviation; of truth values it follows from the mean.
//! Otherwise it is estimated from batches, the answers that were counted: see [`Batches`]. Tests are in `tests/driver`,
//! since tasks are computed for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::array::{DType, Data, Reduction, ReductionKind};
use crate::plan::finish::{Cell, Finish};
use crate::plan::graph::{Entry, Id, Made, Node};
use crate::plan::known::{Finished, Known};
use crate::plan::partial::{Accumulator, Partial};
use crate::plan::product::{How, Product};
use crate::plan::stage::Stage;

/// From so many batches on their scatter says something.
const BATCHES: u64 = 4;

/// A result while its stage is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct SoFar {
    /// The result's name.
    pub name: String,
    /// Its value, if the elements that were counted were all. It is finite.
    pub value: f64,
    /// Its standard error, where it is a mean or follows from one.
    pub error: Option<f64>,
    /// Elements that have been counted.
    pub elements: u64,
}

/// Means of parts of what is averaged. With n_j elements and the mean m_j in part j of k, n in all and the mean m, the
/// elements' variance is estimated as sum(n_j (m_j - m)^2) / (k - 1): for independent elements that is right on average,
/// however large the parts are.
#[derive(Debug, Clone, Default, PartialEq)]
struct Batches {
    number: u64,
    elements: f64,
    mean: f64,
    /// sum(n_j (m_j - m)^2) so far.
    scatter: f64,
}

impl Batches {
    fn add(&mut self, elements: u64, mean: f64) {
        if elements == 0 {
            return;
        }
        let (own, apart) = (elements as f64, mean - self.mean);
        let all = self.elements + own;
        self.scatter += apart * apart * own * self.elements / all;
        self.mean += apart * own / all;
        (self.number, self.elements) = (self.number + 1, all);
    }

    /// The standard error of the mean of all.
    fn error(&self) -> Option<f64> {
        let enough = self.number >= BATCHES;
        enough.then(|| (self.scatter / (self.number - 1) as f64 / self.elements).sqrt())
    }
}

/// A mean, a variance or a standard deviation that is computed.
#[derive(Debug)]
struct Watched {
    id: Id,
    finish: Finish,
    gathers: Vec<usize>,
    /// Where the same elements are gathered with their squares.
    squares: Option<Vec<usize>>,
    /// Whether the elements are truth values, as numbers.
    are_truths: bool,
    batches: Batches,
    /// Elements that have been counted.
    elements: u64,
}

/// A result that follows from what is watched.
#[derive(Debug)]
struct Wanted {
    name: String,
    id: Id,
    /// What it follows from, by number among what is watched.
    from: Vec<usize>,
}

/// What is watched of a stage.
#[derive(Debug, Default)]
pub(super) struct Watch {
    watched: Vec<Watched>,
    wanted: Vec<Wanted>,
    /// Numbers of earlier stages that results follow from as well.
    known: BTreeMap<Id, Data>,
}

impl Watch {
    /// What can be watched of a stage that makes these products.
    pub(super) fn new(
        graph: &[Entry],
        results: &[(String, Id)],
        finished: &Finished,
        stage: &Stage,
        products: &[Product],
    ) -> Watch {
        let mut watch = Watch::default();
        for product in products {
            let How::Reduce { finish, gathers } = &product.how else { continue };
            if graph[product.id].shape.size() == 1 {
                watch.watched.extend(Watched::new(graph, product.id, *finish, gathers, stage));
            }
        }
        let with_squares = |id: Id| {
            let same = watch.watched.iter().filter(|other| are_of_the_same(graph, id, other.id));
            same.filter(|other| other.finish.reduction.kind != ReductionKind::Mean)
                .map(|other| other.gathers.clone())
                .next()
        };
        let squares: Vec<_> = watch.watched.iter().map(|watched| with_squares(watched.id)).collect();
        for (watched, squares) in watch.watched.iter_mut().zip(squares) {
            watched.squares = squares;
        }
        for (name, id) in results.iter().filter(|(_, id)| graph[*id].is_number()) {
            let mut made = BTreeSet::new();
            made_by_stages(graph, *id, &mut made, &mut BTreeSet::new());
            let (mut from, mut is_complete) = (Vec::new(), true);
            for part in made {
                match (
                    watch.watched.iter().position(|watched| watched.id == part),
                    finished.arrays.get(&part),
                ) {
                    (Some(number), _) => from.push(number),
                    (None, Some(data)) => drop(watch.known.insert(part, data.clone())),
                    (None, None) => is_complete = false,
                }
            }
            if is_complete && !from.is_empty() {
                watch.wanted.push(Wanted { name: name.clone(), id: *id, from });
            }
        }
        watch
    }

    /// Takes note of what an earlier driver has gathered with these tasks, and runs that this one extends.
    pub(super) fn restored(&mut self, stage: &Stage, tasks: &[Range<u64>], partial: &Partial) {
        for watched in &mut self.watched {
            let counted: u64 = tasks.iter().map(|tasks| places(stage, watched.gathers[0], tasks)).sum();
            let left_out = watched.finish.count.saturating_sub(all_places(stage, watched.gathers[0]));
            watched.add(left_out + counted, partial);
        }
    }

    /// Takes note of the partial of tasks that were not counted before.
    pub(super) fn add(&mut self, stage: &Stage, tasks: &Range<u64>, partial: &Partial) {
        for watched in &mut self.watched {
            watched.add(places(stage, watched.gathers[0], tasks), partial);
        }
    }

    /// What results come to so far: those that are finite, and of means those with an error.
    pub(super) fn so_far(&self, graph: &[Entry], partial: &Partial) -> Vec<SoFar> {
        let values: Vec<Option<f64>> = self.watched.iter().map(|watched| watched.value(partial)).collect();
        let mut finished = Finished { arrays: self.known.clone(), ..Finished::default() };
        for (watched, value) in self.watched.iter().zip(&values) {
            finished.arrays.insert(watched.id, Data::Real(vec![value.unwrap_or(f64::NAN)]));
        }
        self.wanted.iter().filter_map(|wanted| self.result(graph, wanted, &mut finished, partial)).collect()
    }

    fn result(
        &self,
        graph: &[Entry],
        wanted: &Wanted,
        finished: &mut Finished,
        partial: &Partial,
    ) -> Option<SoFar> {
        let value = evaluated(graph, wanted.id, finished)?;
        let elements = wanted.from.iter().map(|&from| self.watched[from].elements).max()?;
        let mut error = None;
        if let [from] = wanted.from[..]
            && let watched = &self.watched[from]
            && watched.finish.reduction.kind == ReductionKind::Mean
        {
            let own = watched.error(partial).filter(|error| error.is_finite())?;
            error = Some(if watched.id == wanted.id {
                own
            } else {
                // Half of how the result differs between one error above the mean and one below.
                let mean = finished.arrays.remove(&watched.id)?;
                let Data::Real(values) = &mean else { return None };
                let ends = [values[0] + own, values[0] - own].map(|moved| {
                    finished.arrays.insert(watched.id, Data::Real(vec![moved]));
                    evaluated(graph, wanted.id, finished)
                });
                finished.arrays.insert(watched.id, mean);
                let [Some(above), Some(below)] = ends else { return None };
                (above - below).abs() / 2.0
            });
        }
        Some(SoFar { name: wanted.name.clone(), value, error, elements })
    }
}

impl Watched {
    fn new(graph: &[Entry], id: Id, finish: Finish, gathers: &[usize], stage: &Stage) -> Option<Watched> {
        use ReductionKind::{Mean, Std, Var};
        let is_watched = matches!(finish.reduction.kind, Mean | Var { .. } | Std { .. });
        // Where places are no elements, one by one, it is not known how many elements have been counted.
        let is_plain = stage.groups.iter().all(|group| {
            group.sample.is_none() || group.sinks.iter().all(|sink| sink.gather as usize != gathers[0])
        });
        let fits = finish.reduction.skip_nan || all_places(stage, gathers[0]) <= finish.count;
        (is_watched && is_plain && fits).then(|| Watched {
            id,
            finish,
            gathers: gathers.to_vec(),
            squares: None,
            are_truths: are_truths(graph, id),
            batches: Batches::default(),
            elements: 0,
        })
    }

    fn add(&mut self, places: u64, partial: &Partial) {
        let counts = self.gathers.get(1).and_then(|&gather| partial.gathered[gather].get(&0));
        let elements = match (self.finish.reduction.skip_nan, counts) {
            (true, Some(Accumulator::Counts(counts))) => counts.count(0),
            (true, _) => 0,
            (false, _) => places,
        };
        self.elements += elements;
        if let Some(mean) =
            self.of(partial, &self.gathers, ReductionKind::Mean, elements).filter(|_| elements > 0)
        {
            self.batches.add(elements, mean);
        }
    }

    fn value(&self, partial: &Partial) -> Option<f64> {
        let finish = Finish { count: self.elements, ..self.finish };
        output(partial, &self.gathers, &finish)
    }

    /// The standard error of a mean.
    fn error(&self, partial: &Partial) -> Option<f64> {
        let elements = self.elements as f64;
        if self.are_truths {
            let mean = self.value(partial)?;
            // As long as all are the same they do not say how rare the others are.
            let differ = mean > 0.0 && mean < 1.0;
            return differ.then(|| (mean * (1.0 - mean) / (elements - 1.0)).sqrt());
        }
        let Some(squares) = &self.squares else { return self.batches.error() };
        let deviation = self.of(partial, squares, ReductionKind::Std { ddof: 1 }, self.elements)?;
        Some(deviation / elements.sqrt())
    }

    /// What the elements of a partial come to in double precision.
    fn of(&self, partial: &Partial, gathers: &[usize], kind: ReductionKind, count: u64) -> Option<f64> {
        let Finish { reduction: Reduction { skip_nan, .. }, dtype, .. } = self.finish;
        let dtype = if dtype.is_real() { DType::F64 } else { dtype };
        output(partial, gathers, &Finish { reduction: Reduction { kind, skip_nan }, dtype, count })
    }
}

/// What the first output of gathers comes to.
fn output(partial: &Partial, gathers: &[usize], finish: &Finish) -> Option<f64> {
    let all = gathers.iter().map(|&gather| partial.gathered[gather].get(&0));
    match finish.output(&all.collect::<Option<Vec<_>>>()?, 0) {
        Ok(Cell::Real(value)) => Some(value),
        _ => None,
    }
}

/// Whether two reductions are of the same elements.
fn are_of_the_same(graph: &[Entry], one: Id, other: Id) -> bool {
    match (&graph[one].node, &graph[other].node) {
        (Node::Reduce(one, axes, of), Node::Reduce(other, other_axes, other_of)) => {
            (one.skip_nan, axes, of) == (other.skip_nan, other_axes, other_of)
        }
        _ => false,
    }
}

/// Whether a reduction is of truth values that were made numbers.
fn are_truths(graph: &[Entry], id: Id) -> bool {
    let Node::Reduce(_, _, operand) = graph[id].node else { return false };
    matches!(graph[operand].node, Node::Cast(from) if graph[from].dtype == DType::Bool)
}

/// A number that follows from what stages have made, where it is finite.
fn evaluated(graph: &[Entry], id: Id, finished: &Finished) -> Option<f64> {
    match Known::new(graph, finished).number(id) {
        Cell::Real(value) if value.is_finite() => Some(value),
        _ => None,
    }
}

/// What a number follows from that stages make. The recursion is as deep as the expression.
fn made_by_stages(graph: &[Entry], id: Id, made: &mut BTreeSet<Id>, seen: &mut BTreeSet<Id>) {
    if !seen.insert(id) {
        return;
    }
    if graph[id].made == Made::ByStage {
        made.insert(id);
        return;
    }
    match &graph[id].node {
        Node::Unary(_, operand) | Node::Cast(operand) | Node::View(_, operand) => {
            made_by_stages(graph, *operand, made, seen);
        }
        Node::Binary(_, left, right) => {
            [left, right].into_iter().for_each(|&operand| made_by_stages(graph, operand, made, seen));
        }
        Node::Where(condition, left, right) => {
            let operands = [condition, left, right];
            operands.into_iter().for_each(|&operand| made_by_stages(graph, operand, made, seen));
        }
        _ => {}
    }
}

/// How many places of these tasks give to a gather.
fn places(stage: &Stage, gather: usize, tasks: &Range<u64>) -> u64 {
    let (mut first, mut places) = (0, 0);
    for group in &stage.groups {
        let own = first..first + group.tasks();
        first = own.end;
        let gives = group.sinks.iter().filter(|sink| sink.gather as usize == gather).count() as u64;
        if gives > 0 {
            let tasks = tasks.start.max(own.start)..tasks.end.min(own.end);
            places += gives * tasks.map(|task| group.task(task - own.start).length).sum::<u64>();
        }
    }
    places
}

/// How many places of all tasks give to a gather.
fn all_places(stage: &Stage, gather: usize) -> u64 {
    let of = |group: &super::Group| {
        let gives = group.sinks.iter().filter(|sink| sink.gather as usize == gather).count() as u64;
        gives * group.extents.iter().product::<u64>()
    };
    stage.groups.iter().map(of).sum()
}
