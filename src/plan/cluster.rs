//! What is wanted of one array over one space of places goes together, so that each source is made or read once:
//! the sums of an array, of its transpose, and of it backwards are sums over the same places.

use std::collections::{BTreeMap, BTreeSet};

use crate::array::AxisIndex;
use crate::error::Result;
use crate::plan::group::has_outputs;
use crate::plan::lower::{Element, ElementId, Leaf, Lowering, Origin};
use crate::plan::memory::ANSWER;
use crate::plan::needs::wire_bytes;
use crate::plan::partial::GatherKind;
use crate::plan::pass::Sinks;
use crate::plan::strided::Strided;

/// Outputs of which a gather is cut into panels, if there are more.
const WHOLE: u64 = 1 << 14;
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

/// What sets clusters apart: the extents, the axes along which the main source moves, whether the order is the
/// sink's, and sampling.
type Key = (Vec<u64>, Vec<usize>, bool, bool);

/// What is computed together.
pub(super) struct Cluster {
    pub(super) wanted: Wanted,
    /// Whether places are visited in the order of what is saved.
    pub(super) ordered: bool,
    /// How outputs that are cut into panels lie.
    panels: Option<Vec<i64>>,
    /// Bytes on the wire of all others.
    fixed: u64,
}

/// Puts together what goes over the same places.
pub(super) fn clusters(sinks: &mut Sinks<'_>) -> Result<Vec<Cluster>> {
    let mut clusters: BTreeMap<Key, Vec<Cluster>> = BTreeMap::new();
    let mut all = Vec::new();
    for mut wanted in std::mem::take(&mut sinks.wanted) {
        let saved = |item: &Item| matches!(sinks.gathers[item.gather].kind, GatherKind::Save { .. });
        let ordered = wanted.items.iter().any(saved);
        if !ordered {
            turn(&mut sinks.lowering, &mut wanted)?;
        }
        let panels = wanted.items.iter().find(|item| is_panelled(sinks, item));
        let panels = panels.map(|item| item.outputs.strides().to_vec());
        let fixed =
            wanted.items.iter().filter(|item| !is_panelled(sinks, item)).map(|item| bytes(sinks, item)).sum();
        all.push(Cluster { wanted, ordered, panels, fixed });
    }
    // What has no panels of its own fits into those of others.
    all.sort_by_key(|cluster| cluster.panels.is_none());
    for cluster in all {
        let root = cluster.wanted.items.first().map(|item| item.from);
        let moving = root.and_then(|root| primary(&sinks.lowering, root)).map(|leaf| order(&leaf.places));
        let Cluster { wanted, ordered, .. } = &cluster;
        let key = (wanted.extents.clone(), moving.unwrap_or_default(), *ordered, wanted.sampled);
        let alike = clusters.entry(key).or_default();
        match alike.iter_mut().find(|own| own.takes(&cluster)) {
            Some(own) => own.join(cluster),
            None => alike.push(cluster),
        }
    }
    Ok(clusters.into_values().flatten().collect())
}

impl Cluster {
    fn takes(&self, other: &Cluster) -> bool {
        let panels = other.panels.is_none() || self.panels == other.panels;
        panels && self.fixed.saturating_add(other.fixed) <= BUNDLE
    }

    fn join(&mut self, other: Cluster) {
        let own = &mut self.wanted;
        own.items.extend(other.wanted.items);
        own.chunk = own.chunk.min(other.wanted.chunk);
        own.chunks = own.chunks.max(other.wanted.chunks);
        self.fixed += other.fixed;
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

/// Turns the places so that the main source is read from front to back, its slowest axis first.
fn turn(lowering: &mut Lowering<'_>, wanted: &mut Wanted) -> Result<()> {
    let main = wanted.items.first().and_then(|item| primary(lowering, item.from));
    let Some(main) = main.map(|leaf| leaf.places.clone()) else { return Ok(()) };
    let extents = wanted.extents.iter().enumerate();
    let axes: Vec<AxisIndex> = extents
        .map(|(axis, &count)| match main.strides()[axis] {
            ..0 => AxisIndex::Range { start: count - 1, step: -1, count },
            _ => AxisIndex::Range { start: 0, step: 1, count },
        })
        .collect();
    // Axes along which it stands still keep their places.
    let sorted = order(&main);
    let mut moving = sorted.iter().copied();
    let moves: Vec<usize> = (0..wanted.extents.len())
        .map(|axis| if sorted.contains(&axis) { moving.next().unwrap_or(axis) } else { axis })
        .collect();
    let turned = |places: &Strided| Ok(places.slice(&axes).transpose(&moves));
    for item in &mut wanted.items {
        item.from = lowering.transform(item.from, &turned)?;
        item.places = item.places.map(|places| lowering.transform(places, &turned)).transpose()?;
        item.outputs = turned(&item.outputs)?;
    }
    wanted.extents = moves.iter().map(|&axis| wanted.extents[axis]).collect();
    Ok(())
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
