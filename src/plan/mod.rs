//! From expressions to stages and tasks, and from partials back to results.
//!
//! A stage is one pass over arrays, block by block; what a stage needs of earlier ones are a few numbers.
//! Random arrays are made again in a later stage, never stored. Carrying tasks out is `execute`'s business,
//! giving them out is `scheduler`'s.

mod compile;
mod describe;
mod graph;
mod partial;
mod pass;
mod stage;
#[cfg(test)]
mod tests;

use crate::array::{Expr, Reduction, Value};
use crate::error::{Error, ErrorKind, Result};
use graph::{Builder, Entry, Id, Node};
use partial::Accumulator;
pub use partial::{Gather, Partial};
use pass::Pass;
pub use stage::{Group, Instruction, Stage};

/// What a process needs besides buffers and partials: program, libraries, connections, logs.
const PROCESS: u64 = 32 << 20;
/// What a thread needs besides buffers and partials: its stack.
const THREAD: u64 = 2 << 20;
/// Partials that are in memory at a time besides one for each thread: folded, received, being sent or kept.
const PARTIALS: u64 = 4;

/// How results are computed: stages, one after the other, each cut into tasks.
#[derive(Debug)]
pub struct Plan {
    seed: u128,
    graph: Vec<Entry>,
    results: Vec<(String, Id)>,
    passes: Vec<Pass>,
}

/// Plans the computation of all results together. Every result is a number as yet.
pub fn plan(results: &[(String, Expr)], seed: u128) -> Result<Plan> {
    let mut builder = Builder::new(seed);
    let mut ids = Vec::with_capacity(results.len());
    for (name, expr) in results {
        expr.check_result(name)?;
        ids.push((name.clone(), builder.add(expr)?));
    }
    let graph = builder.finish();
    let stages = graph.iter().map(|entry| entry.after).max().unwrap_or(0);
    let passes = (0..stages).map(|stage| Pass::new(&graph, stage)).collect::<Result<_>>()?;
    Ok(Plan { seed, graph, results: ids, passes })
}

impl Plan {
    /// The number of stages; none where every result is known already.
    pub fn stages(&self) -> usize {
        self.passes.len()
    }

    /// The number of tasks of a stage.
    ///
    /// # Panics
    /// This and the other questions about a stage: when there is no such stage.
    pub fn tasks(&self, stage: usize) -> u64 {
        self.passes[stage].tasks()
    }

    /// The number of the user's chunks in a stage, for progress.
    pub fn chunks(&self, stage: usize) -> u64 {
        self.passes[stage].chunks()
    }

    /// The number of random numbers that a stage makes, for the rate.
    pub fn elements(&self, stage: usize) -> u64 {
        self.passes[stage].elements()
    }

    /// The seed of arrays without a generator of their own.
    pub fn seed(&self) -> u128 {
        self.seed
    }

    /// What workers are sent, given the partials of all stages before it.
    pub fn stage(&self, stage: usize, finished: &[Partial]) -> Result<Stage> {
        if finished.len() < stage {
            return Err(Error::new(
                ErrorKind::Internal,
                "a stage is begun before those it needs are finished",
            ));
        }
        let numbers = self.numbers(&finished[..stage])?;
        self.passes[stage].stage(&self.graph, &|id| numbers[id])
    }

    /// The results, given the partials of all stages.
    pub fn finish(&self, partials: &[Partial]) -> Result<Vec<(String, Value)>> {
        if partials.len() != self.stages() {
            return Err(Error::new(
                ErrorKind::Internal,
                "the results are asked for before all stages are finished",
            ));
        }
        let numbers = self.numbers(partials)?;
        Ok(self.results.iter().map(|(name, id)| (name.clone(), Value::Number(numbers[*id]))).collect())
    }

    /// A bound for the memory of a worker with this many compute threads, in bytes.
    pub fn worker_memory(&self, cores: u32) -> u64 {
        let pass = |pass: &Pass| {
            let thread = THREAD + pass.buffer_bytes() + pass.partial_bytes();
            u64::from(cores) * thread + PARTIALS * pass.partial_bytes() + pass.stage_bytes()
        };
        PROCESS + self.passes.iter().map(pass).max().unwrap_or(0)
    }

    /// A bound for the memory of the driver, in bytes, the connections to workers aside.
    pub fn driver_memory(&self) -> u64 {
        let finished: u64 = self.passes.iter().map(Pass::partial_bytes).sum();
        let pass = |pass: &Pass| PARTIALS * pass.partial_bytes() + 2 * pass.stage_bytes();
        PROCESS + finished + self.passes.iter().map(pass).max().unwrap_or(0)
    }

    /// The values of all numbers that these stages determine; NaN for every other node.
    fn numbers(&self, finished: &[Partial]) -> Result<Vec<f64>> {
        for (pass, partial) in self.passes.iter().zip(finished) {
            partial.check(pass.gathers())?;
        }
        let mut numbers = vec![f64::NAN; self.graph.len()];
        for (id, entry) in self.graph.iter().enumerate() {
            if !entry.is_number() || entry.after > finished.len() {
                continue;
            }
            numbers[id] = match &entry.node {
                Node::Number(value) => *value,
                Node::Negate(operand) => -numbers[*operand],
                Node::Binary(operation, left, right) => operation.apply(numbers[*left], numbers[*right]),
                Node::Reduce(reduction, operand) => {
                    let stage = entry.after - 1;
                    let place = self.passes[stage].place(*operand, *reduction);
                    let count = self.graph[*operand].shape.size();
                    reduce(*reduction, finished[stage].accumulator(place), count)?
                }
                Node::Random(_) => f64::NAN,
            };
        }
        Ok(numbers)
    }
}

/// The number that a reduction over `count` elements comes to.
fn reduce(reduction: Reduction, accumulator: &Accumulator, count: u64) -> Result<f64> {
    let value = match (reduction, accumulator) {
        (Reduction::Sum, Accumulator::Sum(sum)) => Some(sum.round()),
        (Reduction::Sum, Accumulator::Moments(moments)) => Some(moments.sum().round()),
        (Reduction::Mean, Accumulator::Sum(sum)) => Some(sum.mean(count)),
        (Reduction::Mean, Accumulator::Moments(moments)) => Some(moments.mean(count)),
        (Reduction::Var { ddof }, Accumulator::Moments(moments)) => Some(moments.variance(count, ddof)),
        (Reduction::Std { ddof }, Accumulator::Moments(moments)) => {
            Some(moments.standard_deviation(count, ddof))
        }
        (Reduction::Min, Accumulator::Extrema(extrema)) => extrema.minimum(),
        (Reduction::Max, Accumulator::Extrema(extrema)) => extrema.maximum(),
        _ => None,
    };
    value.ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("a partial does not hold what `{}` needs", reduction.name()))
    })
}
