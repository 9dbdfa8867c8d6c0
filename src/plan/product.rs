//! What a stage's partial comes to, panel by panel as their tasks are done, and in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;

use crate::array::Data;
use crate::error::Result;
use crate::plan::finish::{Cell, Finish};
use crate::plan::graph::{Entry, Id, Node};
use crate::plan::known::Finished;
use crate::plan::partial::{Accumulator, Partial, foreign, room};
use crate::plan::progress::Gathered;
use crate::plan::quantile::{Rank, Search};
use crate::plan::sofar::{SoFar, Watch};
use crate::plan::space::Map;
use crate::plan::stage::{Sink, Stage};

/// What becomes of what was gathered.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) id: Id,
    pub(super) how: How,
}

#[derive(Debug, Clone)]
pub(super) enum How {
    Reduce { finish: Finish, gathers: Vec<usize> },
    Histogram { gather: usize },
    Quantile { gather: Option<usize> },
    Collect { gather: usize },
}

/// Which output in C order each output of a panel of a gather is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) gather: usize,
    /// For each axis that has outputs: its extent, the places of a panel, how far it is to the next output in
    /// the panel, and to the next in C order.
    axes: Vec<(u64, u64, u64, i64)>,
    offset: i64,
}

impl Layout {
    pub(super) fn new(gather: usize, sink: &Sink, map: &Map, extents: &[u64]) -> Self {
        let with_outputs = (0..extents.len()).filter(|&axis| map.strides[axis] != 0);
        let axes = with_outputs.map(|axis| {
            let width = if sink.widths[axis] > 0 { sink.widths[axis] } else { extents[axis] };
            (extents[axis], width, sink.strides[axis] as u64, map.strides[axis])
        });
        Layout { gather, axes: axes.collect(), offset: map.offset }
    }

    /// Calls with each output of a panel that exists, and its number in C order.
    fn outputs(&self, panel: u64, mut each: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        let mut rest = panel;
        let mut start = vec![0; self.axes.len()];
        for (start, (extent, width, ..)) in start.iter_mut().zip(&self.axes).rev() {
            let panels = extent.div_ceil(*width);
            *start = rest % panels * width;
            rest /= panels;
        }
        let count: u64 = self.axes.iter().map(|(_, width, ..)| width).product();
        'outputs: for local in 0..count {
            let mut at = self.offset;
            for (start, (extent, width, stride, natural)) in start.iter().zip(&self.axes) {
                let place = start + local / stride % width;
                if place >= *extent {
                    continue 'outputs;
                }
                at += natural * place as i64;
            }
            each(local as usize, usize::try_from(at).map_err(|_| foreign())?)?;
        }
        Ok(())
    }
}

/// A stage in progress: its partial, and the elements that are finished.
#[derive(Debug)]
pub struct Running {
    stage: Stage,
    products: Vec<Product>,
    layouts: Vec<Layout>,
    pub(super) partial: Partial,
    arrays: BTreeMap<Id, Data>,
    /// Tasks that each panel still waits for, once the first of them is done.
    open: BTreeMap<(u32, u64), u64>,
    /// What results come to meanwhile.
    watch: Watch,
}

impl Running {
    pub(super) fn new(stage: Stage, products: Vec<Product>, layouts: Vec<Layout>, watch: Watch) -> Self {
        let partial = stage.empty_partial();
        Running { stage, products, layouts, partial, arrays: BTreeMap::new(), open: BTreeMap::new(), watch }
    }

    /// What has been gathered and finished so far, to be written as a [`Gathered`].
    pub fn gathered(&self) -> impl Serialize {
        (&self.partial, &self.arrays, &self.open)
    }

    /// Goes on from what has been gathered with these tasks.
    pub(super) fn restore(&mut self, tasks: &[Range<u64>], gathered: Gathered) {
        Gathered { partial: self.partial, arrays: self.arrays, open: self.open } = gathered;
        self.watch.restored(&self.stage, tasks, &self.partial);
    }

    /// The stage as it is sent.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Adds the partial of tasks that were not counted before; panels that are complete are finished.
    pub fn combine(&mut self, graph: &super::Plan, tasks: Range<u64>, partial: Partial) -> Result<()> {
        partial.check(&self.stage.gathers)?;
        self.check_places(&tasks, &partial)?;
        self.watch.add(&self.stage, &tasks, &partial);
        self.partial.combine(partial)?;
        let completed = self.completed(tasks);
        self.finish_panels(&graph.graph, &completed)
    }

    /// What results that are numbers come to so far, where that says something.
    pub fn so_far(&self, plan: &super::Plan) -> Vec<SoFar> {
        self.watch.so_far(&plan.graph, &self.partial)
    }

    /// Refuses what these tasks cannot have gathered: panels that they do not give to, and more elements than they
    /// have. So what is gathered is bounded by the plan, whatever is sent.
    fn check_places(&self, tasks: &Range<u64>, partial: &Partial) -> Result<()> {
        let mut allowed: Vec<(BTreeSet<u64>, u64)> = vec![Default::default(); self.stage.gathers.len()];
        let mut first = 0;
        for group in &self.stage.groups {
            let own = first..first + group.tasks();
            first = own.end;
            let tasks = tasks.start.max(own.start)..tasks.end.min(own.end);
            let tile = group.tile.iter().zip(&group.extents).map(|(tile, extent)| tile.min(extent));
            let of_a_task = group.range.unwrap_or_else(|| tile.product());
            for sink in group.sinks.iter().filter(|_| !tasks.is_empty()) {
                let (panels, elements) = &mut allowed[sink.gather as usize];
                // What is saved stays with the worker.
                if !self.stage.gathers[sink.gather as usize].kind.is_saved() {
                    *elements = elements.saturating_add(of_a_task.saturating_mul(tasks.end - tasks.start));
                }
                if sink.widths.iter().all(|&width| width == 0) {
                    panels.insert(0);
                    continue;
                }
                let panel = |task| sink.panel(group, &group.task(task - own.start).start).0;
                panels.extend(tasks.clone().map(panel));
            }
        }
        let fits = |(gather, (panels, most)): (usize, (BTreeSet<u64>, u64))| {
            let given: Vec<(u64, u64)> = partial.panels(gather).collect();
            let elements: u64 = given.iter().map(|(_, elements)| elements).sum();
            elements <= most && given.iter().all(|(panel, _)| panels.contains(panel))
        };
        if allowed.into_iter().enumerate().all(fits) { Ok(()) } else { Err(foreign()) }
    }

    /// Panels whose last task is among these.
    fn completed(&mut self, tasks: Range<u64>) -> BTreeSet<(u32, u64)> {
        let mut completed = BTreeSet::new();
        let mut first = 0;
        for group in &self.stage.groups {
            let own = first..first + group.tasks();
            first = own.end;
            let sinks: Vec<&Sink> =
                group.sinks.iter().filter(|sink| sink.widths.iter().any(|&width| width > 0)).collect();
            if sinks.is_empty() {
                continue;
            }
            for task in tasks.start.max(own.start)..tasks.end.min(own.end) {
                let start = group.task(task - own.start).start;
                for sink in &sinks {
                    let (panel, _) = sink.panel(group, &start);
                    let key = (sink.gather, panel);
                    let open = self.open.entry(key).or_insert_with(|| panel_tasks(group, sink, &start));
                    *open -= 1;
                    if *open == 0 {
                        completed.insert(key);
                    }
                }
            }
        }
        completed
    }

    /// Finishes the outputs of panels, and lets go of their accumulators.
    fn finish_panels(&mut self, graph: &[Entry], completed: &BTreeSet<(u32, u64)>) -> Result<()> {
        let Running { products, layouts, partial, arrays, .. } = self;
        // All that is gathered for one product lies in the same panels.
        let whole = |gathers: &[usize], panel: u64| {
            gathers.iter().all(|&gather| completed.contains(&(gather as u32, panel)))
        };
        let reductions = products.iter().filter_map(|product| match &product.how {
            How::Reduce { finish, gathers } => Some((product.id, finish, gathers)),
            _ => None,
        });
        for &(gather, panel) in completed {
            for (id, finish, gathers) in reductions.clone() {
                if gathers.first() == Some(&(gather as usize)) && whole(gathers, panel) {
                    finish_outputs(graph, id, finish, gathers, layouts, partial, panel, arrays)?;
                }
            }
        }
        for &(gather, panel) in completed {
            let gather = gather as usize;
            let mut users = reductions.clone().filter(|(_, _, gathers)| gathers.contains(&gather));
            if users.all(|(_, _, gathers)| whole(gathers, panel)) {
                partial.gathered[gather].remove(&panel);
            }
        }
        Ok(())
    }

    /// Ends the stage: all that it makes is finished.
    pub fn finish(self, plan: &super::Plan, finished: &mut Finished) -> Result<()> {
        let Running { products, layouts, mut partial, mut arrays, .. } = self;
        let graph = &plan.graph;
        for product in &products {
            let entry = &graph[product.id];
            match &product.how {
                How::Reduce { finish, gathers } => {
                    let panels: Vec<u64> = partial.gathered[gathers[0]].keys().copied().collect();
                    for panel in panels {
                        finish_outputs(
                            graph,
                            product.id,
                            finish,
                            gathers,
                            &layouts,
                            &partial,
                            panel,
                            &mut arrays,
                        )?;
                    }
                }
                How::Histogram { gather } => {
                    let counts = partial.gathered[*gather].get(&0);
                    let Some(Accumulator::Histogram(histogram)) = counts else {
                        arrays.insert(product.id, room(false, entry.shape.size()));
                        continue;
                    };
                    arrays.insert(product.id, Data::Integer(histogram.counts()));
                }
                How::Quantile { gather } => {
                    let Node::Quantile(q, operand) = entry.node else { return Err(foreign()) };
                    let rank = Rank::new(q, graph[operand].shape.size());
                    let search = finished.searches.get(&product.id).copied().unwrap_or(Search::Sample);
                    let gathered = gather.and_then(|gather| partial.gathered[gather].get(&0));
                    let next = search.next(&rank, gathered)?;
                    finished.searches.insert(product.id, next);
                    if let Search::Found(value) = next {
                        let single = entry.dtype == crate::array::DType::F32;
                        let value = if single { f64::from(value as f32) } else { value };
                        arrays.insert(product.id, Data::Real(vec![value]));
                    }
                }
                How::Collect { gather } => {
                    let mut data = room(entry.dtype.is_real(), entry.shape.size());
                    for accumulator in std::mem::take(&mut partial.gathered[*gather]).into_values() {
                        match (accumulator, &mut data) {
                            (Accumulator::Real(own), Data::Real(values)) => own.place(values)?,
                            (Accumulator::Integer(own), Data::Integer(values)) => own.place(values)?,
                            _ => return Err(foreign()),
                        }
                    }
                    arrays.insert(product.id, data);
                }
            }
        }
        finished.arrays.extend(arrays);
        finished.stages += 1;
        Ok(())
    }
}

/// How many tasks give to the panel of a task that begins at `start`.
fn panel_tasks(group: &super::Group, sink: &Sink, start: &[u64]) -> u64 {
    let axes = sink.widths.iter().enumerate().map(|(axis, &width)| {
        let (extent, tile) = (group.extents[axis], group.tile[axis]);
        if width == 0 {
            return extent.div_ceil(tile);
        }
        let from = start[axis] / width * width;
        (from + width).min(extent).div_ceil(tile) - from / tile
    });
    axes.product()
}

#[expect(clippy::too_many_arguments, reason = "parts of a running stage, borrowed one by one")]
fn finish_outputs(
    graph: &[Entry],
    id: Id,
    finish: &Finish,
    gathers: &[usize],
    layouts: &[Layout],
    partial: &Partial,
    panel: u64,
    arrays: &mut BTreeMap<Id, Data>,
) -> Result<()> {
    let entry = &graph[id];
    let all: Vec<&Accumulator> = gathers
        .iter()
        .map(|&gather| partial.gathered[gather].get(&panel).ok_or_else(foreign))
        .collect::<Result<_>>()?;
    let data = arrays.entry(id).or_insert_with(|| room(entry.dtype.is_real(), entry.shape.size()));
    let mut put = |local: usize, at: usize| {
        let cell: Cell = finish.output(&all, local)?;
        cell.put(data, at);
        Ok(())
    };
    match layouts.iter().find(|layout| layout.gather == gathers[0]) {
        Some(layout) => layout.outputs(panel, put),
        None => (0..entry.shape.size() as usize).try_for_each(|output| put(output, output)),
    }
}
