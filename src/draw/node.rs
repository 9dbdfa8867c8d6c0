//! Nodes and edges: one node for each chunk, or, where there are many, one for each layer.

use std::collections::BTreeSet;

use crate::array::AxisChunks;
use crate::draw::area::{Area, Span, span, whole};
use crate::draw::layer::{Layer, Layers, Role};

/// With more nodes than this, each layer becomes one.
const MOST: u64 = 60;

/// A box of the drawing.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) layer: usize,
    /// The chunks it stands for.
    pub(super) count: u64,
    /// What it says below its label: shape and dtype, and bytes where they are those of elements.
    pub(super) facts: Vec<String>,
}

/// All nodes, layer by layer, and edges from what is used to what uses it.
pub(super) fn nodes(all: &Layers) -> (Vec<Node>, Vec<(usize, usize)>) {
    let total = all.layers.iter().fold(0_u64, |total, layer| total.saturating_add(layer.count()));
    if total > MOST { collapsed(all) } else { complete(all) }
}

fn collapsed(all: &Layers) -> (Vec<Node>, Vec<(usize, usize)>) {
    let node = |(number, layer): (usize, &Layer)| Node {
        layer: number,
        count: layer.count(),
        facts: facts(layer, &layer.largest(), layer.count()),
    };
    let edges = |(number, layer): (usize, &Layer)| -> Vec<(usize, usize)> {
        layer.inputs.iter().map(|&input| (input, number)).collect()
    };
    (
        all.layers.iter().enumerate().map(node).collect(),
        all.layers.iter().enumerate().flat_map(edges).collect(),
    )
}

fn complete(all: &Layers) -> (Vec<Node>, Vec<(usize, usize)>) {
    let grids: Vec<Grid> = all.layers.iter().map(Grid::of).collect();
    let mut first = Vec::new();
    let mut nodes = Vec::new();
    for (number, layer) in all.layers.iter().enumerate() {
        first.push(nodes.len());
        nodes.extend(grids[number].areas().into_iter().map(|area| {
            let extents: Vec<u64> = area.iter().map(|range| range.len()).collect();
            Node { layer: number, count: 1, facts: facts(layer, &extents, 1) }
        }));
    }
    let mut edges = BTreeSet::new();
    for (number, grid) in grids.iter().enumerate() {
        for (place, area) in grid.areas().into_iter().enumerate() {
            for (input, area) in all.made_of(number, area) {
                let met = grids[input].meeting(&area);
                edges.extend(met.into_iter().map(|chunk| (first[input] + chunk, first[number] + place)));
            }
        }
    }
    (nodes, edges.into_iter().collect())
}

/// Where all chunks of a layer lie.
struct Grid(Vec<Area>);

impl Grid {
    fn of(layer: &Layer) -> Self {
        match layer.role {
            Role::Result => Grid(whole(&layer.shape).into_iter().map(|range| vec![range]).collect()),
            _ => Grid(layer.chunks.iter().map(ranges).collect()),
        }
    }

    /// The areas of all chunks in C order.
    fn areas(&self) -> Vec<Area> {
        product(&self.0)
    }

    /// The chunks, in C order, that share elements with an area.
    fn meeting(&self, area: &[Span]) -> Vec<usize> {
        let axes: Vec<Vec<usize>> = self
            .0
            .iter()
            .zip(area)
            .map(|(ranges, own)| (0..ranges.len()).filter(|&chunk| ranges[chunk].meets(*own)).collect())
            .collect();
        let counts = self.0.iter().map(Vec::len);
        let place = |chunk: Vec<usize>| {
            chunk.iter().zip(counts.clone()).fold(0, |place, (own, count)| place * count + own)
        };
        product(&axes).into_iter().map(place).collect()
    }
}

/// Where the chunks of an axis lie; they are few enough to be known one by one.
fn ranges(axis: &AxisChunks) -> Area {
    let mut begin = 0;
    axis.first()
        .iter()
        .map(|extent| {
            let range = span(begin, begin + extent);
            begin = range.end;
            range
        })
        .collect()
}

/// Every choice of one element of each, the last one varying fastest.
fn product<T: Clone>(axes: &[Vec<T>]) -> Vec<Vec<T>> {
    axes.iter().fold(vec![Vec::new()], |choices, axis| {
        let longer = |choice: &Vec<T>| -> Vec<Vec<T>> {
            axis.iter().map(|own| choice.iter().chain([own]).cloned().collect()).collect()
        };
        choices.iter().flat_map(longer).collect()
    })
}

/// Of a chunk of these extents, or of `count` of which it is the largest.
pub(super) fn facts(layer: &Layer, chunk: &[u64], count: u64) -> Vec<String> {
    let made = layer.made(chunk);
    let up_to = if count > 1 && !layer.is_even() { "up to " } else { "" };
    let mut facts = vec![format!("{up_to}{made} {}", layer.dtype)];
    // A partial is not made of elements, but of exact accumulators.
    if !matches!(layer.role, Role::Partial(_)) {
        let each = if count > 1 { " each" } else { "" };
        facts.push(format!("{}{each}", size(u128::from(made.size()) * u128::from(layer.dtype.itemsize()))));
    }
    facts
}

/// `8 B`, `7.63 MiB`.
fn size(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would round to 1024 is 1 of the next unit.
    while value >= 1023.995 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_three_digits_or_more() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.00 KiB");
        assert_eq!(size(1_600_000_000), "1.49 GiB");
        assert_eq!(size((1 << 20) - 1), "1.00 MiB");
        assert_eq!(size(8 << 63), "64.00 EiB");
    }
}
