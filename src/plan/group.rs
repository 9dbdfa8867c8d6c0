//! From what a stage wants to groups: arrays over one space of places, cut into tasks.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::kernel::BLOCK;
use crate::plan::Ends;
use crate::plan::cluster::{Cluster, Item, Wanted, clusters, is_panelled, leaves, primary};
use crate::plan::compile::{Give, compile};
use crate::plan::inner::Inners;
use crate::plan::intask::Inner;
use crate::plan::known::Known;
use crate::plan::lower::{Element, ElementId};
use crate::plan::memory::{ANSWER, Footprint, SENT_BYTES, lease_tasks};
use crate::plan::needs::wire_bytes;
use crate::plan::partial::GatherKind;
use crate::plan::pass::{Pass, Sinks};
use crate::plan::product::Layout;
use crate::plan::quantile::SAMPLES;
use crate::plan::space::{Map, Space, hull};
use crate::plan::stage::{Group, Leaf, Program, Sink, Stage};
use crate::plan::strided::Strided;

/// Elements of a task at most.
pub(super) const TASK: u64 = 1 << 20;
/// Elements of a task that holds some of its sources.
const HELD: u64 = 1 << 16;
/// Bytes of a page of a file.
const PAGE: u64 = 1 << 12;
/// Elements of a task that holds sources read across the grain, or rows: enough for lines that pay for a jump.
const CROSSED: u64 = 1 << 18;
/// Elements along an axis that is crossed by a source. No power of two: lines at such distances would share few
/// places in a cache.
const TILE: u64 = 500;
/// Elements of a task whose lines are made longer until they are whole pages, at most.
const WIDENED: u64 = 1 << 22;
/// Elements of all arrays that a task sends to the driver: the answer holds some more than their bytes.
const SENT: u64 = ANSWER * 5 / 8 / SENT_BYTES;
/// Bytes on the wire of the accumulators of a panel.
const PANEL_BYTES: u64 = 1 << 20;

/// Puts the sinks of a stage together.
pub(super) fn build(mut sinks: Sinks<'_>, known: &Known<'_>, ends: &Ends) -> Result<Pass> {
    let clusters = clusters(&mut sinks)?;
    let mut stage =
        Stage { gathers: sinks.gathers.clone(), targets: ends.targets.clone(), ..Stage::default() };
    let mut layouts = Vec::new();
    let mut inners = Inners::new(known);
    let mut footprint = Footprint::default();
    let (mut chunks, mut elements) = (0_u64, 0_u128);
    for cluster in &clusters {
        chunks = chunks.saturating_add(cluster.wanted.chunks);
        let group = group(&mut sinks, &mut inners, cluster, known, &mut stage, &mut layouts)?;
        elements += inners.elements(&group);
        footprint.group(&group, &inners);
        stage.groups.push(group);
    }
    let (inputs, stored, inner) = inners.take();
    (stage.inputs, stage.stored, stage.inner) = (inputs, stored, inner);
    stage.lease_tasks = lease_tasks(&stage)?;
    footprint.stage(&stage)?;
    stage.validate()?;
    let elements = u64::try_from(elements).unwrap_or(u64::MAX);
    Ok(Pass { stage, products: sinks.take_products(), layouts, chunks, elements, footprint })
}

fn group(
    sinks: &mut Sinks<'_>,
    inners: &mut Inners<'_>,
    cluster: &Cluster,
    known: &Known<'_>,
    stage: &mut Stage,
    layouts: &mut Vec<Layout>,
) -> Result<Group> {
    let Cluster { wanted, ordered, .. } = cluster;
    let roots = wanted.items.iter().flat_map(|item| [Some(item.from), item.places]).flatten();
    let sources: Vec<ElementId> = leaves(&sinks.lowering, roots).into_iter().collect();
    let (mut space, first) = space(sinks, wanted, &sources);
    space.drop_single_axes();
    match (*ordered, main(sinks, wanted, &sources)) {
        (true, _) => {
            let saved = wanted
                .items
                .iter()
                .position(|item| stage.gathers[item.gather].kind.is_saved())
                .expect("its order is that of what is saved");
            space.order_by(first + saved);
        }
        (false, Some(main)) => {
            space.flip_to(main);
            space.order_by(main);
        }
        (false, None) => {}
    }
    space.join_axes();
    let number: BTreeMap<ElementId, u32> =
        sources.iter().enumerate().map(|(number, &id)| (id, number as u32)).collect();
    let mut program_leaves = Vec::with_capacity(sources.len());
    for (id, map) in sources.iter().zip(&space.maps) {
        let Element::Leaf(leaf) = sinks.lowering.element(*id) else {
            unreachable!("only leaves are sources")
        };
        let origin = leaf.origin;
        program_leaves.push(inners.leaf(&mut sinks.lowering, origin, map, &space.extents)?);
    }
    let widths = widths(sinks, wanted, &space, first);
    let (mut tile, widths) = tile(&space, &program_leaves, inners, wanted, widths, stage);
    let mut range = None;
    if *ordered {
        range = pages(stage, wanted, &space.extents, &program_leaves, inners, &mut tile);
    }
    let mut group_sinks = Vec::with_capacity(wanted.items.len());
    let mut gives = Vec::with_capacity(wanted.items.len());
    for (item, map) in wanted.items.iter().zip(&space.maps[first..]) {
        let sink = sink(item, map, &space, &widths, stage, layouts);
        gives.push(Give { sink: group_sinks.len() as u32, from: item.from, places: item.places });
        group_sinks.push(sink);
    }
    let (instructions, sizes) = compile(&sinks.lowering, &gives, &number, &|id| known.number(id))?;
    let is_panel = |axis: &u32| widths[*axis as usize] > 0;
    let axes = 0..space.extents.len() as u32;
    let order = axes.clone().filter(is_panel).chain(axes.filter(|axis| !is_panel(axis))).collect();
    let program = Program { leaves: program_leaves, instructions, sizes };
    let mut group =
        Group { extents: space.extents, tile, order, range, sample: None, program, sinks: group_sinks };
    if wanted.sampled {
        group.sample = Some(SAMPLES.min(group.tasks()));
    }
    Ok(group)
}

/// The places with the maps of all sources, then of all sinks; the second number is that of the first sink's.
fn space(sinks: &Sinks<'_>, wanted: &Wanted, sources: &[ElementId]) -> (Space, usize) {
    let map = |places: &Strided| Map { offset: places.offset(), strides: places.strides().to_vec() };
    let mut maps: Vec<Map> = sources
        .iter()
        .map(|&id| match sinks.lowering.element(id) {
            Element::Leaf(leaf) => map(&leaf.places),
            _ => unreachable!("only leaves are sources"),
        })
        .collect();
    let first = maps.len();
    maps.extend(wanted.items.iter().map(|item| map(&item.outputs)));
    (Space { extents: wanted.extents.clone(), maps }, first)
}

/// The map of the source that decides the order.
fn main(sinks: &Sinks<'_>, wanted: &Wanted, sources: &[ElementId]) -> Option<usize> {
    let leaf = wanted.items.iter().find_map(|item| primary(&sinks.lowering, item.from))?;
    sources.iter().position(|&id| matches!(sinks.lowering.element(id), Element::Leaf(own) if own == leaf))
}

/// Places of a panel along each axis, 0 where panels do not divide it.
fn widths(sinks: &Sinks<'_>, wanted: &Wanted, space: &Space, first: usize) -> Vec<u64> {
    let mut widths = vec![0; space.extents.len()];
    let panelled = wanted.items.iter().position(|item| is_panelled(sinks, item));
    let Some(item) = panelled else { return widths };
    let wire = |item: &Item| wire_bytes(&sinks.gathers[item.gather].kind);
    let moving = wanted.items.iter().filter(|item| has_outputs(&sinks.gathers[item.gather].kind));
    let moving =
        moving.filter(|item| !item.several && item.outputs.strides().iter().any(|&stride| stride != 0));
    let mut room = (PANEL_BYTES / moving.map(wire).sum::<u64>().max(1)).max(1);
    let strides = &space.maps[first + item].strides;
    for axis in (0..widths.len()).rev().filter(|&axis| strides[axis] != 0) {
        let width = space.extents[axis].min(room);
        room = (room / width).max(1);
        widths[axis] = if width < space.extents[axis] { width } else { 0 };
    }
    widths
}

/// The places of a task along each axis, and panels that consist of whole tasks.
fn tile(
    space: &Space,
    leaves: &[Leaf],
    inners: &Inners<'_>,
    wanted: &Wanted,
    mut widths: Vec<u64>,
    stage: &Stage,
) -> (Vec<u64>, Vec<u64>) {
    let last = space.extents.len() - 1;
    let limit = |axis: usize| if widths[axis] > 0 { widths[axis] } else { space.extents[axis] };
    let mut tile = vec![0; space.extents.len()];
    let block = BLOCK as u64;
    let (most, least) = if leaves.iter().any(|leaf| inners.crosses(leaf)) {
        (TASK, CROSSED)
    } else if leaves.iter().any(|leaf| leaf.gathered || inners.of(leaf).and_then(Inner::scanned).is_some()) {
        (CROSSED, CROSSED)
    } else if leaves.iter().any(|leaf| inners.of(leaf).is_some()) {
        (HELD, block)
    } else {
        (TASK, block)
    };
    let weight = inners.weight(leaves);
    let mut room =
        if wanted.sampled { block / weight } else { (most / weight).min(wanted.chunk.max(least / weight)) };
    let collects = wanted.items.iter().filter(|item| stage.gathers[item.gather].kind.is_collected()).count();
    let sent = SENT.checked_div(collects as u64).map_or(u64::MAX, |sent| sent.max(1));
    room = room.min(sent).max(1);
    if last == 0 && room > block {
        room = room / block * block;
    }
    // A source that is read across gets a square.
    for leaf in leaves.iter().filter(|leaf| leaf.gathered) {
        let fast = fastest(&leaf.strides, &space.extents);
        for axis in [last, fast] {
            if tile[axis] == 0 {
                tile[axis] = limit(axis).min(TILE).min(room);
                room = (room / tile[axis]).max(1);
            }
        }
    }
    for (axis, row) in inners.rows(leaves, &space.extents) {
        let whole = (room / row).max(1).saturating_mul(row).min(space.extents[axis]).min(sent);
        if tile[axis] < whole {
            tile[axis] = whole;
            room = (room / whole).max(1);
            widths[axis] = 0;
        }
    }
    for axis in (0..=last).rev().filter(|&axis| tile[axis] == 0).collect::<Vec<_>>() {
        let limit = if widths[axis] > 0 { widths[axis] } else { space.extents[axis] };
        tile[axis] = limit.min(room);
        room = (room / tile[axis]).max(1);
    }
    for (tile, width) in tile.iter_mut().zip(&mut widths).filter(|(_, width)| **width > 0) {
        let tiles = width.div_ceil(*tile);
        *tile = width.div_ceil(tiles);
        *width = *tile * tiles;
    }
    (tile, widths)
}

/// Sees to it that no page of a file is written by two tasks: they are boxes whose lines are whole pages, or else
/// ranges of places, of which this returns the length. Running sums down the lines would be computed anew for each
/// range: theirs are boxes in any case.
fn pages(
    stage: &Stage,
    wanted: &Wanted,
    extents: &[u64],
    leaves: &[Leaf],
    inners: &Inners<'_>,
    tile: &mut Vec<u64>,
) -> Option<u64> {
    let size = |item: &Item| match stage.gathers[item.gather].kind {
        GatherKind::Save { target, .. } => Some(stage.targets[target as usize].dtype.itemsize()),
        _ => None,
    };
    let page = PAGE / wanted.items.iter().filter_map(size).min().unwrap_or(1);
    let last = extents.len() - 1;
    let crossed = leaves.iter().any(|leaf| leaf.gathered);
    let rows = inners.rows(leaves, extents);
    let down = rows.iter().any(|(axis, _)| *axis != last);
    if (crossed || down) && extents[last].is_multiple_of(page) {
        let width = tile[last].next_multiple_of(page);
        if width / tile[last] * tile.iter().product::<u64>() <= WIDENED {
            tile[last] = width;
            return None;
        }
    }
    if down {
        return None;
    }
    // Every line of a source across begins anew in each range, and so does a running sum.
    let longest = rows.iter().map(|(_, row)| 2 * row).max().unwrap_or(0);
    let most = tile.iter().product::<u64>().max(longest);
    let most = if crossed { TASK.min(wanted.chunk).max(CROSSED).max(most) } else { most };
    let range = (most / page).max(1) * page;
    *tile = hull(extents, range);
    Some(range)
}

/// The axis along which a source goes in the smallest steps.
pub fn fastest(strides: &[i64], extents: &[u64]) -> usize {
    let moving = (0..strides.len()).rev().filter(|&axis| strides[axis] != 0 && extents[axis] > 1);
    moving.min_by_key(|&axis| strides[axis].unsigned_abs()).unwrap_or(strides.len() - 1)
}

/// Where the elements of an item go, and how its outputs lie in panels.
fn sink(
    item: &Item,
    map: &Map,
    space: &Space,
    widths: &[u64],
    stage: &mut Stage,
    layouts: &mut Vec<Layout>,
) -> Sink {
    let gather = item.gather as u32;
    let natural = Sink {
        gather,
        widths: vec![0; space.extents.len()],
        offset: map.offset,
        strides: map.strides.clone(),
    };
    let kind = &stage.gathers[item.gather].kind;
    if !has_outputs(kind) || item.several {
        return natural;
    }
    let mut strides = vec![0; space.extents.len()];
    let mut outputs: u64 = 1;
    for axis in (0..strides.len()).rev().filter(|&axis| map.strides[axis] != 0) {
        strides[axis] = outputs as i64;
        outputs *= if widths[axis] > 0 { widths[axis] } else { space.extents[axis] };
    }
    let own: Vec<u64> = widths
        .iter()
        .zip(&map.strides)
        .map(|(&width, &stride)| if stride != 0 { width } else { 0 })
        .collect();
    let sink = Sink { gather, widths: own, offset: 0, strides };
    let layout = Layout::new(item.gather, &sink, map, &space.extents);
    if !layouts.contains(&layout) {
        layouts.push(layout);
    }
    stage.gathers[item.gather].outputs = outputs;
    sink
}

/// Whether a gather has an accumulator for each output.
pub(super) fn has_outputs(kind: &GatherKind) -> bool {
    !matches!(
        kind,
        GatherKind::Collect { .. }
            | GatherKind::Save { .. }
            | GatherKind::EvenBins { .. }
            | GatherKind::Edges(_)
            | GatherKind::KeyBins { .. }
            | GatherKind::Between { .. }
    )
}

/// Refuses what would take too much for anybody.
pub(super) fn whole_axis_too_long(extent: u64) -> Error {
    Error::refused(format!("a running sum along an axis of {extent} elements"))
        .cause(format!("such an axis has to lie whole in a task, of at most {TASK} elements"))
        .hint("sum in pieces, or reshape the array first")
}
