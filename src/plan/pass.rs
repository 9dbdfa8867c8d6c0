//! One stage of a plan: what it has to gather, sink by sink, and what is made of it when it is done.

use std::collections::BTreeMap;

use crate::array::{Data, Reduction, ReductionKind};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::accumulate::even_edges;
use crate::plan::cluster::{Item, WHOLE, Wanted};
use crate::plan::finish::Cell;
use crate::plan::graph::{Edges, Entry, Id, Made, Node};
use crate::plan::group::build;
use crate::plan::known::Known;
use crate::plan::lower::{ElementId, Lowered, Lowering};
use crate::plan::memory::Footprint;
use crate::plan::needs::{self, needs};
use crate::plan::partial::{Gather, GatherKind};
use crate::plan::product::{How, Layout, Product};
use crate::plan::quantile::{STAGES, Search};
use crate::plan::stage::Stage;
use crate::plan::strided::Strided;
use crate::plan::{Ends, too_large};

/// One stage, with everything that is known when it begins.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) stage: Stage,
    pub(super) products: Vec<Product>,
    /// Layouts of gathers, which are not those of their outputs in C order.
    pub(super) layouts: Vec<Layout>,
    pub(super) chunks: u64,
    pub(super) elements: u64,
    pub(super) footprint: Footprint,
}

/// Elements of a task that are sent to the driver.
const COLLECTED: u64 = 1 << 14;

/// What is collected while the sinks of a stage are found.
pub(super) struct Sinks<'a> {
    pub(super) graph: &'a [Entry],
    pub(super) lowering: Lowering<'a>,
    pub(super) gathers: Vec<Gather>,
    /// Outputs of each gather in all.
    pub(super) outputs: Vec<u64>,
    pub(super) wanted: Vec<Wanted>,
    products: Vec<Product>,
    /// Gathers of a single piece, which others may share: element, places, outputs, kind.
    shared: BTreeMap<SharedKey, usize>,
}

type SharedKey = (ElementId, Option<ElementId>, Strided, String);

impl Pass {
    /// The stage that computes everything that can be computed after `stage` others, and not before.
    pub(super) fn new(known: &Known<'_>, ends: &Ends, stage: usize) -> Result<Self> {
        let graph = known.graph();
        let mut sinks = Sinks {
            graph,
            lowering: Lowering::new(graph),
            gathers: Vec::new(),
            outputs: Vec::new(),
            wanted: Vec::new(),
            products: Vec::new(),
            shared: BTreeMap::new(),
        };
        // Sums are also in the moments, if those are there.
        for moments in [true, false] {
            for (id, entry) in graph.iter().enumerate().filter(|(_, entry)| entry.made == Made::ByStage) {
                if entry.shape.size() > 0 && is_moments(&entry.node) == moments {
                    sinks.by_stage(known, id, stage)?;
                }
            }
        }
        for &id in ends.collected.iter().filter(|&&id| graph[id].after == stage) {
            sinks.collect(id)?;
        }
        for (target, (_, id)) in
            ends.saved.iter().enumerate().filter(|(_, (_, id))| graph[*id].after == stage)
        {
            let real = graph[*id].dtype.is_real();
            // In one piece, so that no page of the file is written by two tasks.
            let lowered = sinks.lowering.whole(*id)?;
            let gather = sinks.gather(GatherKind::Save { target: target as u32, real }, 1, 1);
            sinks.want(&lowered, *id, |_, piece, root| {
                Ok(vec![(gather, root, None, natural(graph[*id].shape.extents(), &[], piece))])
            })?;
        }
        build(sinks, known, ends)
    }
}

fn is_moments(node: &Node) -> bool {
    matches!(
        node,
        Node::Reduce(Reduction { kind: ReductionKind::Var { .. } | ReductionKind::Std { .. }, .. }, ..)
    )
}

/// The piece of an array as gives see it: where it begins, and how far it goes.
pub(super) type Box<'a> = (&'a [u64], &'a [u64]);

impl Sinks<'_> {
    pub(super) fn take_products(&mut self) -> Vec<Product> {
        std::mem::take(&mut self.products)
    }

    fn by_stage(&mut self, known: &Known<'_>, id: Id, stage: usize) -> Result<()> {
        let graph = self.graph;
        let entry = &graph[id];
        match &entry.node {
            Node::Quantile(_, operand) if (entry.after - STAGES..entry.after).contains(&stage) => {
                self.quantile(known, id, *operand, stage)
            }
            Node::Quantile(..) => Ok(()),
            _ if entry.after != stage + 1 => Ok(()),
            Node::Reduce(reduction, axes, operand) => self.reduce(id, *reduction, axes, *operand),
            Node::Histogram(edges, operand) => self.histogram(known, id, edges, *operand),
            Node::View(view, operand) => {
                let lowered = self.lowering.viewed(view, *operand)?;
                self.number(id, &lowered, *operand)
            }
            Node::Stored(_) | Node::Random(_) => {
                let lowered = self.lowering.node(id);
                self.number(id, &lowered, id)
            }
            _ => Err(Error::new(ErrorKind::Internal, "a node that no stage can make")),
        }
    }

    /// A number that is an element of an array or source.
    fn number(&mut self, id: Id, lowered: &Lowered, of: Id) -> Result<()> {
        let gather = self.gather(GatherKind::Collect { real: self.graph[id].dtype.is_real() }, 1, 1);
        self.products.push(Product { id, how: How::Collect { gather } });
        self.want(lowered, of, |_, _, root| {
            Ok(vec![(gather, root, None, Strided::with(0, Vec::new(), Vec::new()))])
        })
    }

    fn reduce(&mut self, id: Id, reduction: Reduction, axes: &[usize], operand: Id) -> Result<()> {
        let graph = self.graph;
        let (extents, dtype) = (graph[operand].shape.extents(), graph[operand].dtype);
        let count = axes.iter().map(|&axis| extents[axis]).product();
        let finish = needs::finish(reduction, dtype, count);
        let size = graph[id].shape.size();
        // Outputs of pieces are not cut into panels.
        let lowered =
            if size > WHOLE { self.lowering.whole(operand)? } else { self.lowering.array(operand)? };
        let single = lowered.pieces.len() == 1;
        let mut gathers: Vec<usize> = Vec::new();
        let mut first = true;
        let kept: Vec<usize> = (0..extents.len()).filter(|axis| !axes.contains(axis)).collect();
        let mut made = Vec::new();
        for piece in &lowered.pieces {
            let range = (piece.start.as_slice(), piece.extents.as_slice());
            let places = natural(extents, &kept, range);
            let outputs = natural(extents, axes, range);
            let needed = needs(&mut self.lowering, &finish, piece.root, &places);
            let mut gives = Vec::with_capacity(needed.len());
            for (number, need) in needed.into_iter().enumerate() {
                if first {
                    let known = self.known_gather(&need, &outputs).filter(|_| single);
                    let gather = known.unwrap_or_else(|| self.gather(need.kind.clone(), size, size));
                    gathers.push(gather);
                    if known.is_some() {
                        continue;
                    }
                    // What several pieces give to is nobody else's.
                    if single {
                        self.shared.insert(shared_key(&need, &outputs, &need.kind), gather);
                    }
                }
                gives.push((gathers[number], need.from, need.places, outputs.clone()));
            }
            first = false;
            made.push(gives);
        }
        self.products.push(Product { id, how: How::Reduce { finish, gathers } });
        let mut made = made.into_iter();
        self.want(&lowered, operand, |_, _, _| Ok(made.next().expect("as many as pieces")))
    }

    fn histogram(&mut self, known: &Known<'_>, id: Id, edges: &Edges, operand: Id) -> Result<()> {
        let kind = match edges {
            Edges::Given(edges) => GatherKind::Edges(edges.clone()),
            Edges::Even { count, low, high } => {
                let constant = |id: Id| matches!(self.graph[id].node, Node::Scalar(_));
                let certain = known.is_complete() || (constant(*low) && constant(*high));
                let real = |id: Id| match known.number(id) {
                    Cell::Real(value) => value,
                    Cell::Integer(value) => value as f64,
                };
                let (low, high) = (real(*low), real(*high));
                if known.is_complete() && !(low.is_finite() && high.is_finite()) {
                    return Err(Error::refused(format!("a histogram from {low} to {high}"))
                        .hint("give a finite range=(low, high): the data hold infinities or NaN"));
                }
                if certain && !even_edges(*count as usize, low, high).is_sorted_by(|a, b| a < b) {
                    return Err(Error::refused("too many bins for the range of the data")
                        .cause(format!("{count} bins from {low} to {high} would have ends that coincide"))
                        .hint("give fewer bins, or a wider range=(low, high)"));
                }
                let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
                GatherKind::EvenBins { count: *count, low, high }
            }
        };
        let size = self.graph[id].shape.size();
        let gather = self.gather(kind, size, size);
        self.products.push(Product { id, how: How::Histogram { gather } });
        let lowered = self.lowering.array(operand)?;
        self.want(&lowered, operand, |_, (_, extents), root| {
            let still = Strided::with(0, extents.to_vec(), vec![0; extents.len()]);
            Ok(vec![(gather, root, None, still)])
        })
    }

    fn quantile(&mut self, known: &Known<'_>, id: Id, operand: Id, stage: usize) -> Result<()> {
        let search = known.search(id, stage);
        let Some(kind) = search.gathers() else {
            self.products.push(Product { id, how: How::Quantile { gather: None } });
            return Ok(());
        };
        let gather = self.gather(kind, 1, 1);
        self.products.push(Product { id, how: How::Quantile { gather: Some(gather) } });
        let lowered = self.lowering.array(operand)?;
        let from = self.wanted.len();
        self.want(&lowered, operand, |_, (_, extents), root| {
            let still = Strided::with(0, extents.to_vec(), vec![0; extents.len()]);
            Ok(vec![(gather, root, None, still)])
        })?;
        let sampled = search == Search::Sample;
        self.wanted[from..].iter_mut().for_each(|wanted| wanted.sampled = sampled);
        Ok(())
    }

    fn collect(&mut self, id: Id) -> Result<()> {
        let graph = self.graph;
        let gather =
            self.gather(GatherKind::Collect { real: graph[id].dtype.is_real() }, 1, graph[id].shape.size());
        self.products.push(Product { id, how: How::Collect { gather } });
        let lowered = self.lowering.array(id)?;
        let from = self.wanted.len();
        self.want(&lowered, id, |_, piece, root| {
            Ok(vec![(gather, root, None, natural(graph[id].shape.extents(), &[], piece))])
        })?;
        self.wanted[from..].iter_mut().for_each(|wanted| wanted.chunk = wanted.chunk.min(COLLECTED));
        Ok(())
    }

    /// What is wanted of each piece of an array: gather, element, places and output of each place.
    fn want(
        &mut self,
        lowered: &Lowered,
        of: Id,
        mut gives: impl FnMut(
            &mut Self,
            Box<'_>,
            ElementId,
        ) -> Result<Vec<(usize, ElementId, Option<ElementId>, Strided)>>,
    ) -> Result<()> {
        let pieces = lowered.pieces.len();
        let several = pieces > 1;
        for piece in lowered.pieces.iter().filter(|piece| !piece.extents.contains(&0)) {
            let items = gives(self, (&piece.start, &piece.extents), piece.root)?
                .into_iter()
                .map(|(gather, from, places, outputs)| Item { gather, from, places, outputs, several })
                .collect();
            let items: Vec<Item> = items;
            if items.is_empty() {
                continue;
            }
            let chunks = &self.graph[of].chunks;
            let chunk = chunks.iter().fold(1_u64, |size, axis| size.saturating_mul(axis.largest()));
            let count = chunks.iter().fold(1_u64, |count, axis| count.saturating_mul(axis.count()));
            self.wanted.push(Wanted {
                extents: piece.extents.clone(),
                items,
                sampled: false,
                chunk,
                chunks: count.div_ceil(pieces as u64),
            });
        }
        Ok(())
    }

    fn gather(&mut self, kind: GatherKind, outputs: u64, all: u64) -> usize {
        self.gathers.push(Gather { kind, outputs });
        self.outputs.push(all);
        self.gathers.len() - 1
    }

    /// The gather that gathers the same for somebody else.
    fn known_gather(&self, need: &needs::Need, outputs: &Strided) -> Option<usize> {
        let known = |kind: &GatherKind| self.shared.get(&shared_key(need, outputs, kind)).copied();
        let moments = if need.kind == GatherKind::Sums { known(&GatherKind::Moments) } else { None };
        moments.or_else(|| known(&need.kind))
    }
}

fn shared_key(need: &needs::Need, outputs: &Strided, kind: &GatherKind) -> SharedKey {
    (need.from, need.places, outputs.clone(), format!("{kind:?}"))
}

/// The number in C order of each place of a box of an array, the axes `without` left out.
pub(super) fn natural(extents: &[u64], without: &[usize], (start, range): Box<'_>) -> Strided {
    let mut strides = vec![0; extents.len()];
    let (mut stride, mut offset) = (1_i64, 0_i64);
    for axis in (0..extents.len()).rev().filter(|axis| !without.contains(axis)) {
        strides[axis] = if range[axis] > 1 { stride } else { 0 };
        offset += stride * start[axis] as i64;
        stride = stride.saturating_mul(extents[axis] as i64);
    }
    Strided::with(offset, range.to_vec(), strides)
}

/// An array of a finished stage where it is needed; refused if it is too large to be sent to workers.
pub(super) fn input(known: &Known<'_>, id: Id) -> Result<Data> {
    let entry = &known.graph()[id];
    let bytes = entry.shape.size().saturating_mul(8);
    if bytes > INPUT_BYTES {
        return Err(too_large(entry.shape.size(), INPUT_BYTES / 8));
    }
    Ok(known.array(id))
}

/// Bytes of all arrays that a stage is sent along.
pub(super) const INPUT_BYTES: u64 = 5 << 19;
