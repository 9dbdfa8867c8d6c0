//! From expressions to stages and tasks, and from partials back to results.
//!
//! `graph` holds every node once and decides which stage makes it, `lower` moves views down to the sources,
//! `pass` finds what a stage has to gather, `group` cuts its places into tasks, `compile` writes their
//! instructions, `product` says what the gathered things come to. Random arrays and files are read again in a
//! later stage, never stored. Carrying tasks out is `execute`'s business, giving them out is `scheduler`'s.

mod cluster;
mod compile;
mod describe;
mod emit;
mod extend;
mod finish;
mod graph;
mod group;
mod inner;
mod intask;
mod known;
mod lower;
mod memory;
mod needs;
mod partial;
mod pass;
mod product;
mod progress;
mod proof;
mod push;
mod quantile;
mod sofar;
mod space;
mod stage;
mod strided;
#[cfg(test)]
mod tests;
mod validate;

use crate::array::{Data, Expr, Shape, Target, Value};
use crate::error::{Error, ErrorKind, Result};
pub use extend::Extent;
use extend::LeftOut;
pub use finish::{Cell, Finish};
use graph::{Builder, Entry, Id, Made};
pub use group::fastest;
pub use intask::{Inner, Joined, Making, Rows};
pub use known::Finished;
use known::Known;
pub use memory::{BATCH, ROWS};
use memory::{PARTIALS, PROCESS};
pub use partial::{Accumulator, Gather, GatherKind, Partial, Values};
use pass::Pass;
pub use product::Running;
pub use progress::{Gathered, Identity};
pub use proof::{Wanted, WorkerNeed};
pub use quantile::of_row as quantile_of_row;
pub use sofar::SoFar;
use sofar::Watch;
pub use stage::{Group, Instruction, Leaf, Program, Sink, Source, Stage, Task};

/// How results are computed: stages, one after the other, each cut into tasks.
#[derive(Debug)]
pub struct Plan {
    seed: u128,
    graph: Vec<Entry>,
    results: Vec<(String, Id)>,
    ends: Ends,
    /// Each stage as it would be if every number were known.
    trials: Vec<Pass>,
    /// What earlier runs have counted already.
    left_out: Option<LeftOut>,
}

/// What a plan is for, besides numbers.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Arrays whose elements are sent to the driver.
    collected: Vec<Id>,
    /// Arrays that workers write, with the name of each file.
    saved: Vec<(String, Id)>,
    targets: Vec<Target>,
}

/// Parts of an expression that are looked at for the place of an error: one in another, and side by side.
const DEPTH: usize = 50;
const WIDTH: usize = 50;

/// Plans the computation of all results together, and the files that arrays are saved to.
pub fn plan(results: &[(String, Expr)], saves: &[(Target, Expr)], seed: u128) -> Result<Plan> {
    together(results, saves, seed).map_err(|error| {
        // Whose fault it is shows when each is planned by itself.
        let alone = |(name, expr): &(String, Expr)| {
            let error = by_itself(expr, seed).err()?;
            let place = place(expr, &error, seed).unwrap_or_else(|| format!("in `{name}`"));
            Some(error.cause(place))
        };
        let saved = |(target, expr): &(Target, Expr)| {
            let saves = [(target.clone(), expr.clone())];
            let error = together(&[], &saves, seed).err()?;
            let place = place(expr, &error, seed);
            let error = place.into_iter().fold(error, |error, place| error.cause(place));
            Some(error.cause(format!("in {}", target.path)))
        };
        results.iter().find_map(alone).or_else(|| saves.iter().find_map(saved)).unwrap_or(error)
    })
}

fn by_itself(expr: &Expr, seed: u128) -> Result<Plan> {
    together(&[(String::new(), expr.clone())], &[], seed)
}

/// Where the innermost part of an expression is written that has this error by itself.
fn place(expr: &Expr, error: &Error, seed: u128) -> Option<String> {
    let (mut part, mut place) = (expr, expr.place());
    // Each part is planned, so that no more than a few are looked at.
    for _ in 0..DEPTH {
        let at_fault = |operand: &&Expr| by_itself(operand, seed).is_err_and(|other| other == *error);
        let Some(inner) = part.operands().into_iter().take(WIDTH).find(at_fault) else { break };
        (part, place) = (inner, inner.place().or(place));
    }
    place.map(str::to_owned)
}

fn together(results: &[(String, Expr)], saves: &[(Target, Expr)], seed: u128) -> Result<Plan> {
    let mut builder = Builder::new(seed);
    let ids = |builder: &mut Builder| -> Result<Vec<(String, Id)>> {
        results.iter().map(|(name, expr)| Ok((name.clone(), builder.add(expr)?))).collect()
    };
    let results = ids(&mut builder)?;
    let mut ends = Ends::default();
    for (target, expr) in saves {
        if expr.is_number() {
            return Err(Error::refused(format!("`{}` would hold a single number", target.path))
                .hint("save an array; a number is a result"));
        }
        ends.saved.push((target.path.clone(), builder.add(expr)?));
        ends.targets.push(target.clone());
    }
    let graph = builder.finish();
    for (_, id) in &results {
        let entry = &graph[*id];
        let collected = !entry.is_number() && entry.made != Made::ByStage && entry.shape.size() > 0;
        if collected && !ends.collected.contains(id) {
            ends.collected.push(*id);
        }
    }
    let made = graph.iter().filter(|entry| entry.made == Made::ByStage).map(|entry| entry.after).max();
    let ended = ends.collected.iter().chain(ends.saved.iter().map(|(_, id)| id));
    let stages = made.unwrap_or(0).max(ended.map(|&id| graph[id].after + 1).max().unwrap_or(0));
    let known = Known::trial(&graph);
    let trials = (0..stages).map(|stage| Pass::new(&known, &ends, stage)).collect::<Result<_>>()?;
    drop(known);
    Ok(Plan { seed, graph, results, ends, trials, left_out: None })
}

impl Plan {
    /// The number of stages at most; none where every result is known already.
    pub fn stages(&self) -> usize {
        self.trials.len()
    }

    /// The number of tasks of a stage; a stage that turns out not to be needed has none.
    ///
    /// # Panics
    /// This and the other questions about a stage: when there is no such stage.
    pub fn tasks(&self, stage: usize) -> u64 {
        self.trials[stage].stage.tasks()
    }

    /// The number of the user's chunks in a stage, for progress.
    pub fn chunks(&self, stage: usize) -> u64 {
        self.trials[stage].chunks
    }

    /// The number of elements that a stage makes or reads, for the rate.
    pub fn elements(&self, stage: usize) -> u64 {
        self.trials[stage].elements
    }

    /// The seed of arrays without a generator of their own.
    pub fn seed(&self) -> u128 {
        self.seed
    }

    /// The files that are written.
    pub fn targets(&self) -> &[Target] {
        &self.ends.targets
    }

    /// Begins the next stage, given all that stages before it have made.
    pub fn begin(&self, finished: &Finished) -> Result<Running> {
        let known = Known::new(&self.graph, finished);
        let mut pass = Pass::new(&known, &self.ends, finished.stages)?;
        self.left_out.iter().for_each(|left_out| left_out.apply(&mut pass));
        let watch = Watch::new(&self.graph, &self.results, finished, &pass.stage, &pass.products);
        Ok(Running::new(pass.stage, pass.products, pass.layouts, watch))
    }

    /// The results, given all that stages have made.
    pub fn finish(&self, finished: &Finished) -> Result<Vec<(String, Value)>> {
        if finished.stages != self.stages() {
            return Err(Error::new(
                ErrorKind::Internal,
                "the results are asked for before all stages are finished",
            ));
        }
        let known = Known::new(&self.graph, finished);
        Ok(self.results.iter().map(|(name, id)| (name.clone(), self.value(&known, *id))).collect())
    }

    fn value(&self, known: &Known<'_>, id: Id) -> Value {
        let entry = &self.graph[id];
        let mut data = if entry.is_number() {
            match known.number(id) {
                Cell::Real(value) => Data::Real(vec![value]),
                Cell::Integer(value) => Data::Integer(vec![value]),
            }
        } else {
            known.array(id)
        };
        // Sign and payload of a NaN depend on the CPU: one NaN leaves for all of them.
        if let Data::Real(values) = &mut data {
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = f64::NAN);
        }
        let shape = if entry.is_number() { Shape::number() } else { entry.shape.clone() };
        Value::array(shape, entry.dtype, data)
    }

    /// A bound for the memory of a worker with this many compute threads, in bytes.
    pub fn worker_memory(&self, cores: u32) -> u64 {
        self.worker_need(cores).with(cores)
    }

    /// A bound for the memory of the driver, in bytes, the connections to workers aside.
    pub fn driver_memory(&self) -> u64 {
        let made = self.graph.iter().filter(|entry| entry.made == Made::ByStage);
        let finished =
            made.fold(0_u64, |sum, entry| sum.saturating_add(entry.shape.size().saturating_mul(8)));
        let pass = |pass: &Pass| {
            let own = &pass.footprint;
            own.gathered.saturating_add(PARTIALS * own.partial + 2 * own.stage)
        };
        let stages = self.trials.iter().map(pass).max().unwrap_or(0);
        let kept = self.trials.iter().map(|pass| pass.footprint.kept).max().unwrap_or(0);
        // A checkpoint is a copy of what is finished and gathered.
        let checkpoint = finished.saturating_add(kept);
        PROCESS.saturating_add(finished).saturating_add(stages).saturating_add(checkpoint)
    }
}

/// An array of an earlier stage that is too large to be sent to workers.
fn too_large(elements: u64, most: u64) -> Error {
    Error::refused(format!("an array of {elements} elements would have to be sent to every worker"))
        .cause(format!("what one pass computes is kept for the next one up to {most} elements"))
        .hint("reduce it further, or save it with [save] and load it in a second run")
}
