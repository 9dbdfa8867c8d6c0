//! Where the boxes of a picture are: rows by level, the lowest first, and ways for the edges between boxes.
//!
//! An edge over several rows has a narrow place of its own in each row between, so that it passes no box.

use std::collections::BTreeMap;

use crate::draw::Drawing;

/// Lengths of a picture, in whole pixels.
pub(super) struct Lengths {
    /// Of a box.
    pub(super) width: i64,
    /// Between two of a row.
    pub(super) gap: i64,
}

/// The rows, and the middle of each box and way from the left end of the widest row.
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) width: i64,
    pub(super) boxes: Vec<i64>,
    /// By the node from which the edges come, and the row through which they go.
    pub(super) ways: BTreeMap<(usize, usize), i64>,
}

/// What has a place in a row.
#[derive(Clone, Copy)]
enum Place {
    Box(usize),
    /// For the edges of a node that end above.
    Way(usize),
}

impl Layout {
    pub(super) fn of(drawing: &Drawing, lengths: &Lengths) -> Self {
        let mut rows = rows(drawing);
        let width = |place: &Place| match place {
            Place::Box(_) => lengths.width,
            Place::Way(_) => 0,
        };
        let extent =
            |row: &[Place]| row.iter().map(|place| width(place) + lengths.gap).sum::<i64>() - lengths.gap;
        let widest = rows.iter().map(|row| extent(row)).max().unwrap_or(0);
        let boxes = vec![0; drawing.nodes.len()];
        let mut layout = Layout { rows: rows.len(), width: widest, boxes, ways: BTreeMap::new() };
        for (level, row) in rows.iter_mut().enumerate() {
            layout.order(drawing, level, row);
            let mut left = (widest - extent(row)) / 2;
            for place in row.iter() {
                let middle = left + width(place) / 2;
                match *place {
                    Place::Box(node) => layout.boxes[node] = middle,
                    Place::Way(node) => {
                        layout.ways.insert((node, level), middle);
                    }
                }
                left += width(place) + lengths.gap;
            }
        }
        layout
    }

    /// As near as may be above what is below, which has its place already.
    fn order(&self, drawing: &Drawing, level: usize, row: &mut [Place]) {
        let aim = |place: &Place| -> i64 {
            let below: Vec<i64> = match *place {
                Place::Box(node) => {
                    let edges = drawing.edges.iter().filter(|edge| edge.1 == node);
                    edges.map(|edge| self.below(edge.0, level)).collect()
                }
                Place::Way(node) => vec![self.below(node, level)],
            };
            if below.is_empty() { self.width / 2 } else { below.iter().sum::<i64>() / below.len() as i64 }
        };
        let mut aims: Vec<(i64, Place)> = row.iter().map(|place| (aim(place), *place)).collect();
        aims.sort_by_key(|aim| aim.0);
        row.iter_mut().zip(aims).for_each(|(place, (_, own))| *place = own);
    }

    /// Where the edges of a node come from, as a row sees them.
    fn below(&self, node: usize, level: usize) -> i64 {
        let way = level.checked_sub(1).and_then(|level| self.ways.get(&(node, level)));
        way.copied().unwrap_or(self.boxes[node])
    }
}

fn rows(drawing: &Drawing) -> Vec<Vec<Place>> {
    let level = |node: usize| drawing.layer(&drawing.nodes[node]).level;
    let levels = drawing.layers.iter().map(|layer| layer.level + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<Place>> = vec![Vec::new(); levels];
    for node in 0..drawing.nodes.len() {
        rows[level(node)].push(Place::Box(node));
    }
    let mut highest = vec![0; drawing.nodes.len()];
    for &(from, to) in &drawing.edges {
        highest[from] = highest[from].max(level(to));
    }
    for (node, &highest) in highest.iter().enumerate() {
        for row in rows.iter_mut().take(highest).skip(level(node) + 1) {
            row.push(Place::Way(node));
        }
    }
    rows
}
