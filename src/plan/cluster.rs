//! What is wanted of one array over one space of places goes together, so that each source is made or read once:
//! the sums of an array, of its transpose, and of it backwards are sums over the same places.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::AxisIndex;
use crate::error::Result;
use crate::plan::group::has_outputs;
use crate::plan::lower::{Element, ElementId, Leaf, Lowering, Origin};
use crate::plan::memory::ANSWER;
use crate::plan::needs::wire_bytes;
use crate::plan::pass::Sinks;
use crate::plan::strided::Strided;

/// Outputs of which a gather is cut into panels, if there are more.
pub(super) const WHOLE: u64 = 1 << 14;
/// Bytes on the wire of what every answer of a group holds, at most.
const BUNDLE: u64 = ANSWER / 2;

/// What is wanted of a box of an array.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) extents: Vec<u64>,
    pub(super) items: Vec<Item>,
    /// A few blocks will do.
    pub(super) sampled: bool,
    /// Elements of the user's largest chunk, and the number of chunks.
    pub(super) chunk: u64,
    pub(super) chunks: u64,
}

/// Elements that go to a gather.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) gather: usize,
    pub(super) from: ElementId,
    pub(super) places: Option<ElementId>,
    /// The output in C order of each place.
    pub(super) outputs: Strided,
    /// Whether other pieces give to the same gather.
    pub(super) several: bool,
}

/// What sets clusters apart: the number of places, the axes of the main source as far as they do not go on from one
/// to the next, whether places are visited in an order that is not the source's, and sampling.
type Key = (u64, Vec<u64>, bool, bool);

/// What is computed together.
pub(super) struct Cluster {
    pub(super) wanted: Wanted,
    /// Whether places are visited in the order of what is saved.
    pub(super) ordered: bool,
    /// Whether elements are sent to the driver.
    collects: bool,
    /// The first item that is cut into panels.
    panelled: Option<usize>,
    /// Bytes on the wire of all others.
    fixed: u64,
}

/// Puts together what goes over the same places.
pub(super) fn clusters(sinks: &mut Sinks<'_>) -> Result<Vec<Cluster>> {
    let mut clusters: BTreeMap<Key, Vec<Cluster>> = BTreeMap::new();
    let mut all = Vec::new();
    for mut wanted in std::mem::take(&mut sinks.wanted) {
        let ordered = wanted.items.iter().any(|item| sinks.gathers[item.gather].kind.is_saved());
        let places = main(&sinks.lowering, &wanted).map(|leaf| leaf.places.clone());
        let turn = places.as_ref().and_then(turn);
        if let Some(turn) = turn.as_ref().filter(|_| !ordered) {
            turned(&mut sinks.lowering, &mut wanted, turn)?;
        }
        let size = wanted.extents.iter().product();
        let key = (size, joined(places), ordered && turn.is_some(), wanted.sampled);
        let fixed =
            wanted.items.iter().filter(|item| !is_panelled(sinks, item)).map(|item| bytes(sinks, item)).sum();
        let panelled = wanted.items.iter().position(|item| is_panelled(sinks, item));
        let collects = wanted.items.iter().any(|item| sinks.gathers[item.gather].kind.is_collected());
        all.push((key, Cluster { wanted, ordered, collects, panelled, fixed }));
    }
    // What has no panels of its own fits into those of others.
    all.sort_by_key(|(_, cluster)| cluster.panelled.is_none());
    for (key, cluster) in all {
        let alike = clusters.entry(key).or_default();
        let mut apart = Some(cluster);
        for own in alike.iter_mut() {
            apart = match apart {
                Some(cluster) => own.join(&mut sinks.lowering, cluster)?,
                None => break,
            };
        }
        alike.extend(apart);
    }
    Ok(clusters.into_values().flatten().collect())
}

impl Cluster {
    /// Takes what is wanted of the same places, or gives it back.
    fn join(&mut self, lowering: &mut Lowering<'_>, mut other: Cluster) -> Result<Option<Cluster>> {
        let refined = refined(&self.wanted.extents, &other.wanted.extents);
        // A file is written in large ranges, and elements are sent in small ones.
        let apart = (self.ordered && other.collects) || (self.collects && other.ordered);
        let room = !apart && self.fixed.saturating_add(other.fixed) <= BUNDLE;
        let (Some(extents), true) = (refined, room) else { return Ok(Some(other)) };
        reshaped(lowering, &mut other.wanted, &extents)?;
        let finer = if self.wanted.extents == extents {
            None
        } else {
            let mut wanted = self.wanted.clone();
            reshaped(lowering, &mut wanted, &extents)?;
            Some(wanted)
        };
        let own = finer.as_ref().unwrap_or(&self.wanted);
        let moving = |wanted: &Wanted| main(lowering, wanted).map(|leaf| order(&leaf.places));
        let panels = |wanted: &Wanted, panelled: Option<usize>| {
            panelled.map(|item| wanted.items[item].outputs.strides().to_vec())
        };
        let fits = match (panels(own, self.panelled), panels(&other.wanted, other.panelled)) {
            (None, None) => true,
            // What is saved goes in ranges, which are no panels.
            _ if self.ordered || other.ordered => false,
            (own, other) => other.is_none() || own == other,
        };
        if !fits || moving(own) != moving(&other.wanted) {
            return Ok(Some(other));
        }
        if let Some(finer) = finer {
            self.wanted = finer;
        }
        self.wanted.items.extend(other.wanted.items);
        self.wanted.chunk = self.wanted.chunk.min(other.wanted.chunk);
        self.wanted.chunks = self.wanted.chunks.max(other.wanted.chunks);
        self.ordered |= other.ordered;
        self.collects |= other.collects;
        self.fixed += other.fixed;
        Ok(None)
    }
}

/// Whether a gather has too many outputs for one panel.
pub(super) fn is_panelled(sinks: &Sinks<'_>, item: &Item) -> bool {
    !item.several && has_outputs(&sinks.gathers[item.gather].kind) && sinks.outputs[item.gather] > WHOLE
}

/// Bytes on the wire of all outputs of an item.
fn bytes(sinks: &Sinks<'_>, item: &Item) -> u64 {
    let gather = &sinks.gathers[item.gather];
    gather.outputs.saturating_mul(wire_bytes(&gather.kind))
}

/// The source that decides the order.
fn main<'a>(lowering: &'a Lowering<'_>, wanted: &Wanted) -> Option<&'a Leaf> {
    primary(lowering, wanted.items.first()?.from)
}

/// How places are turned so that a source is read from front to back: which axes backwards, and then their order.
struct Turn {
    axes: Vec<AxisIndex>,
    order: Vec<usize>,
}

/// The turn for a source that is not read from front to back, its slowest axis first.
fn turn(main: &Strided) -> Option<Turn> {
    let extents = main.extents().iter().enumerate();
    let axes: Vec<AxisIndex> = extents
        .map(|(axis, &count)| match main.strides()[axis] {
            ..0 => AxisIndex::Range { start: count - 1, step: -1, count },
            _ => AxisIndex::Range { start: 0, step: 1, count },
        })
        .collect();
    // Axes along which it stands still keep their places.
    let sorted = order(main);
    let mut moving = sorted.iter().copied();
    let order: Vec<usize> = (0..main.extents().len())
        .map(|axis| if sorted.contains(&axis) { moving.next().unwrap_or(axis) } else { axis })
        .collect();
    let backwards = main.strides().iter().any(|&stride| stride < 0);
    (backwards || !order.is_sorted()).then_some(Turn { axes, order })
}

fn turned(lowering: &mut Lowering<'_>, wanted: &mut Wanted, turn: &Turn) -> Result<()> {
    changed(lowering, wanted, &|places| Ok(places.slice(&turn.axes).transpose(&turn.order)))?;
    wanted.extents = turn.order.iter().map(|&axis| wanted.extents[axis]).collect();
    Ok(())
}

/// The same places in the same order along finer axes.
fn reshaped(lowering: &mut Lowering<'_>, wanted: &mut Wanted, extents: &[u64]) -> Result<()> {
    if wanted.extents != extents {
        changed(lowering, wanted, &|places| places.reshape(extents))?;
        wanted.extents = extents.to_vec();
    }
    Ok(())
}

fn changed(
    lowering: &mut Lowering<'_>,
    wanted: &mut Wanted,
    change: &dyn Fn(&Strided) -> Result<Strided>,
) -> Result<()> {
    for item in &mut wanted.items {
        item.from = lowering.transform(item.from, change)?;
        item.places = item.places.map(|places| lowering.transform(places, change)).transpose()?;
        item.outputs = change(&item.outputs)?;
    }
    Ok(())
}

/// The extents of axes that divide those of two arrays of one size, where there are any.
fn refined(one: &[u64], other: &[u64]) -> Option<Vec<u64>> {
    let mut refined = Vec::new();
    let axes = |extents: &[u64]| extents.iter().copied().filter(|&extent| extent != 1).collect::<Vec<_>>();
    let (mut one, mut other) = (axes(one), axes(other));
    while let (Some(a), Some(b)) = (one.pop(), other.pop()) {
        let finer = a.min(b);
        if a % finer != 0 || b % finer != 0 {
            return None;
        }
        refined.push(finer);
        one.extend(Some(a / finer).filter(|&rest| rest > 1));
        other.extend(Some(b / finer).filter(|&rest| rest > 1));
    }
    refined.reverse();
    (one.is_empty() && other.is_empty()).then_some(refined)
}

/// The axes of a source, where those that go on from one to the next are one.
fn joined(places: Option<Strided>) -> Vec<u64> {
    let Some(places) = places else { return Vec::new() };
    let mut joined: Vec<(u64, i64)> = Vec::new();
    for axis in order(&places) {
        let (extent, stride) = (places.extents()[axis], places.strides()[axis].saturating_abs());
        match joined.last_mut() {
            Some((outer, step)) if *step == stride.saturating_mul(extent as i64) => {
                (*outer, *step) = (*outer * extent, stride);
            }
            _ => joined.push((extent, stride)),
        }
    }
    joined.into_iter().map(|(extent, _)| extent).collect()
}

/// The axes along which places move, the slowest first.
fn order(places: &Strided) -> Vec<usize> {
    let moves = |axis: &usize| places.strides()[*axis] != 0 && places.extents()[*axis] > 1;
    let mut axes: Vec<usize> = (0..places.extents().len()).filter(moves).collect();
    axes.sort_by_key(|&axis| std::cmp::Reverse(places.strides()[axis].unsigned_abs()));
    axes
}

/// The source that decides the order: the largest one, the first of several.
pub(super) fn primary<'a>(lowering: &'a Lowering<'_>, root: ElementId) -> Option<&'a Leaf> {
    let reach = |leaf: &Leaf| {
        let axes = leaf.places.strides().iter().zip(leaf.places.extents());
        let moving = axes.filter(|(stride, _)| **stride != 0).fold(1_u64, |n, (_, e)| n.saturating_mul(*e));
        (matches!(leaf.origin, Origin::Node(_)), moving)
    };
    let mut found: Option<&Leaf> = None;
    for id in leaves(lowering, [root]) {
        let Element::Leaf(leaf) = lowering.element(id) else { continue };
        if leaf.origin != Origin::Place && found.is_none_or(|found| reach(found) < reach(leaf)) {
            found = Some(leaf);
        }
    }
    found
}

/// The sources that elements are made of, each once.
pub(super) fn leaves(
    lowering: &Lowering<'_>,
    roots: impl IntoIterator<Item = ElementId>,
) -> BTreeSet<ElementId> {
    let (mut reached, mut open) = (BTreeSet::new(), roots.into_iter().collect::<Vec<_>>());
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !reached.insert(id) {
            continue;
        }
        let element = lowering.element(id);
        if matches!(element, Element::Leaf(_)) {
            found.insert(id);
        }
        open.extend(element.operands());
    }
    found
}
