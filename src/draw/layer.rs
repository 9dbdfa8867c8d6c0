//! Layers: nodes that do the same, each for its own chunk.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::{AxisChunks, DType, Expr, Operation, Shape};
use crate::draw::area::{Area, needs, whole};
use crate::draw::graph::{Graph, Id};
use crate::draw::label;

/// What is done for each chunk of an array.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) role: Role,
    /// A formula, or the name of the result.
    pub(super) label: String,
    /// From 1; of a result, that in which it is finished.
    pub(super) stage: u64,
    /// The height at which it is drawn; 0 is the lowest.
    pub(super) level: usize,
    /// The array whose chunks these are.
    pub(super) shape: Shape,
    pub(super) chunks: Vec<AxisChunks>,
    pub(super) dtype: DType,
    /// The layers that it uses.
    pub(super) inputs: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum Role {
    /// Makes chunks, from nothing or from others.
    Chunk,
    /// Reduces each chunk by itself; for each of its axes, whether it stays.
    Partial(Remains),
    /// Makes what is reduced of partials.
    Combine,
    /// What the user asked for.
    Result,
}

/// The shape of a partial's result.
#[derive(Debug)]
pub(super) enum Remains {
    /// The chunk's, without these axes.
    Without(Vec<usize>),
    /// This shape.
    Exactly(Shape),
}

/// All layers, and where their areas come from.
pub(super) struct Layers {
    pub(super) layers: Vec<Layer>,
    graph: Graph,
    /// For each layer the last item of its group; none for a result that is a known number.
    roots: Vec<Option<Id>>,
    /// The layer that holds the value of a group, by the group's last item.
    values: BTreeMap<Id, usize>,
}

impl Layers {
    pub(super) fn of(results: &[(String, Expr)]) -> Self {
        let graph = Graph::of(results);
        let mut all = Layers { layers: Vec::new(), graph, roots: Vec::new(), values: BTreeMap::new() };
        for root in 0..all.graph.items.len() {
            if all.graph.items[root].home == root {
                all.add_group(root);
            }
        }
        for (place, (name, expr)) in results.iter().enumerate() {
            let root = all.graph.results[place];
            let stage = root.map_or(1, |root| all.graph.items[root].stage);
            let whole = Layer { chunks: Vec::new(), ..layer(Role::Result, name.clone(), stage, expr) };
            all.push(whole, root);
        }
        all.lift();
        all
    }

    /// What a part of a layer is made of: areas of other layers.
    pub(super) fn made_of(&self, layer: usize, area: Area) -> BTreeSet<(usize, Area)> {
        let Some(root) = self.roots[layer] else { return BTreeSet::new() };
        let from = |(item, area): (Id, Area)| (self.values[&item], area);
        match self.layers[layer].role {
            Role::Result => BTreeSet::from([from((root, area))]),
            Role::Chunk => self.graph.made_of(root, area).into_iter().map(from).collect(),
            Role::Combine => BTreeSet::from([(layer - 1, self.reduced(root, area))]),
            Role::Partial(_) => {
                let reduction = self.graph.reduction(root).expect("partials are of a reduction");
                let item = &self.graph.items[reduction];
                let areas = item.expr.operands().into_iter().map(|operand| whole(operand.shape()));
                // The chunk, and whatever else a reduction needs to know.
                let areas = [area].into_iter().chain(areas.skip(1));
                let items = item.operands.iter().zip(areas);
                items.filter_map(|(&operand, area)| Some(from((operand?, area)))).collect()
            }
        }
    }

    /// The area that is reduced to this one.
    fn reduced(&self, root: Id, mut area: Area) -> Area {
        let reduction = self.graph.reduction(root).expect("partials are of a reduction");
        let operand = |id: Id, area: &Area| {
            needs(&self.graph.items[id].expr, area).swap_remove(0).expect("a reduction needs its operand")
        };
        if root != reduction {
            area = operand(root, &area);
        }
        operand(reduction, &area)
    }

    fn add_group(&mut self, root: Id) {
        let item = &self.graph.items[root];
        let (expr, stage) = (item.expr.clone(), item.stage);
        match self.graph.reduction(root) {
            None => self.push(layer(Role::Chunk, label::formula(&expr), stage, &expr), Some(root)),
            Some(reduction) => {
                let reduced = self.graph.items[reduction].expr.clone();
                let name = label::reduction(&reduced);
                let operand = reduced.operands()[0];
                let remains = match reduced.operation() {
                    Operation::Reduce(_, axes, _) => Remains::Without(axes.clone()),
                    _ => Remains::Exactly(reduced.shape().clone()),
                };
                let partial = layer(Role::Partial(remains), format!("partial {name}"), stage, operand);
                self.push(Layer { dtype: reduced.dtype(), ..partial }, Some(root));
                self.push(layer(Role::Combine, format!("combine {name}"), stage, &expr), Some(root));
            }
        }
        self.values.insert(root, self.layers.len() - 1);
    }

    fn push(&mut self, layer: Layer, root: Option<Id>) {
        let number = self.layers.len();
        let area = whole(&layer.shape);
        self.layers.push(layer);
        self.roots.push(root);
        let inputs: BTreeSet<usize> =
            self.made_of(number, area).into_iter().map(|(input, _)| input).collect();
        self.layers[number].inputs = inputs.into_iter().collect();
    }

    /// Puts every layer above those that it uses, every stage above the one before, and results on top.
    fn lift(&mut self) {
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order.sort_by_key(|&number| (self.layers[number].is_result(), self.layers[number].stage, number));
        let (mut base, mut top, mut band) = (0, 0, None);
        for number in order {
            let layer = &self.layers[number];
            let own = Some((layer.is_result(), if layer.is_result() { 0 } else { layer.stage }));
            if own != band {
                (base, band) = (top, own);
            }
            let above = layer.inputs.iter().map(|&input| self.layers[input].level + 1).max().unwrap_or(0);
            let level = above.max(base);
            self.layers[number].level = level;
            top = top.max(level + 1);
        }
    }
}

fn layer(role: Role, label: String, stage: u64, expr: &Expr) -> Layer {
    let (shape, dtype, chunks) = (expr.shape().clone(), expr.dtype(), expr.chunks().to_vec());
    Layer { role, label, stage, level: 0, shape, chunks, dtype, inputs: Vec::new() }
}

impl Layer {
    pub(super) fn is_result(&self) -> bool {
        matches!(self.role, Role::Result)
    }

    /// How many chunks it has.
    pub(super) fn count(&self) -> u64 {
        self.chunks.iter().fold(1, |count, axis| count.saturating_mul(axis.count()))
    }

    /// The largest chunk's extents.
    pub(super) fn largest(&self) -> Vec<u64> {
        match self.role {
            Role::Result => self.shape.extents().to_vec(),
            _ => self.chunks.iter().map(AxisChunks::largest).collect(),
        }
    }

    /// Whether the nodes make parts of one shape.
    pub(super) fn is_even(&self) -> bool {
        let gone = |axis: usize| match &self.role {
            Role::Partial(Remains::Without(axes)) => axes.contains(&axis),
            Role::Partial(Remains::Exactly(_)) => true,
            _ => false,
        };
        let even = |(chunks, &extent): (&AxisChunks, &u64)| {
            chunks.largest().checked_mul(chunks.count()) == Some(extent)
        };
        let axes = self.chunks.iter().zip(self.shape.extents()).enumerate();
        axes.filter(|(axis, _)| !gone(*axis)).all(|(_, axis)| even(axis))
    }

    /// The shape of what a node makes of a chunk.
    pub(super) fn made(&self, chunk: &[u64]) -> Shape {
        let extents = match &self.role {
            Role::Partial(Remains::Exactly(shape)) => return shape.clone(),
            Role::Partial(Remains::Without(axes)) => {
                let kept = chunk.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
                kept.map(|(_, &extent)| extent).collect()
            }
            _ => chunk.to_vec(),
        };
        Shape::new(extents).expect("a chunk is no larger than its array")
    }
}
