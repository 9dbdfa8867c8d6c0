//! [`AxisChunks`]: how one axis is cut, and what slices, joins and reshapes make of the cut.
//!
//! A regular cut stays exact through slices; of an irregular one only the first chunks are kept, and slices of
//! long ones are approximate. Nothing but reports and file layouts depends on it.

use crate::array::expr::AxisIndex;
use crate::array::shape::Shape;

/// Chunks of which the extents are kept.
const KEPT: usize = 64;

/// How an axis is cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisChunks {
    extent: u64,
    count: u64,
    largest: u64,
    first: Vec<u64>,
    /// Where the axis came from, if it is a regular cut or a slice of one.
    regular: Option<Regular>,
}

/// Element i lies at `start + i * step` of an axis that is cut at the multiples of `chunk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Regular {
    chunk: u64,
    start: u64,
    step: i64,
}

impl AxisChunks {
    /// The number of chunks; an empty axis has one, which is empty.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The extent of the largest chunk.
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// The extents of the first chunks, at most 64.
    pub fn first(&self) -> &[u64] {
        &self.first
    }

    /// One chunk.
    pub(super) fn whole(extent: u64) -> Self {
        AxisChunks::regular(extent, extent.max(1))
    }

    /// Chunks of one extent, the last one as much as is left.
    pub(super) fn regular(extent: u64, chunk: u64) -> Self {
        AxisChunks::spaced(extent, Regular { chunk: chunk.min(extent).max(1), start: 0, step: 1 })
    }

    /// Chunks of these extents.
    pub(super) fn listed(chunks: impl Iterator<Item = u64>) -> Self {
        let mut cut = AxisChunks { extent: 0, count: 0, largest: 0, first: Vec::new(), regular: None };
        for chunk in chunks {
            cut.push(chunk);
        }
        if cut.count == 0 { AxisChunks::whole(0) } else { cut }
    }

    fn push(&mut self, chunk: u64) {
        self.extent += chunk;
        self.count += 1;
        self.largest = self.largest.max(chunk);
        if self.first.len() < KEPT {
            self.first.push(chunk);
        }
    }

    fn spaced(extent: u64, regular: Regular) -> Self {
        let Regular { chunk, step, .. } = regular;
        let bounds = |place: u64| {
            let low = place - place % chunk;
            (low, low.saturating_add(chunk))
        };
        let first = runs(extent, regular, bounds);
        let count = match extent {
            0 => 1,
            _ if step.unsigned_abs() >= chunk => extent,
            _ => (regular.place(extent - 1) / chunk).abs_diff(regular.start / chunk) + 1,
        };
        let kept = first.iter().copied().max().unwrap_or(0);
        let largest = if count <= KEPT as u64 { kept } else { chunk.div_ceil(step.unsigned_abs()) };
        AxisChunks { extent, count, largest, first, regular: Some(regular) }
    }

    /// The cut of `count` elements at `start`, `start + step`, ..: each chunk keeps what is left of it.
    pub(super) fn slice(&self, start: u64, step: i64, count: u64) -> Self {
        if (start, step, count) == (0, 1, self.extent) {
            return self.clone();
        }
        if count == 0 {
            return AxisChunks::whole(0);
        }
        let range = Regular { chunk: 1, start, step };
        let regular = match self.regular {
            Some(regular) => regular,
            None if self.count <= KEPT as u64 => {
                let runs = runs(count, range, |place| self.chunk_at(place));
                return AxisChunks::listed(runs.into_iter());
            }
            None => Regular { chunk: self.extent.div_ceil(self.count), start: 0, step: 1 },
        };
        // With two elements or more, the step is within the axis.
        let step = if count == 1 { 1 } else { regular.step * step };
        AxisChunks::spaced(count, Regular { start: regular.place(start), step, ..regular })
    }

    /// Where the chunk around a place begins and ends, if all chunks are kept.
    fn chunk_at(&self, place: u64) -> (u64, u64) {
        let mut low = 0;
        for &chunk in &self.first {
            if place < low + chunk {
                return (low, low + chunk);
            }
            low += chunk;
        }
        (low, self.extent)
    }

    /// The one with more chunks.
    pub(super) fn finer<'a>(&'a self, other: &'a AxisChunks) -> &'a Self {
        let fineness = |cut: &AxisChunks| (cut.count, std::cmp::Reverse(cut.largest));
        if fineness(other) > fineness(self) { other } else { self }
    }

    /// One after the other.
    pub(super) fn joined<'a>(parts: impl Iterator<Item = &'a AxisChunks>) -> Self {
        let mut joined = AxisChunks { extent: 0, count: 0, largest: 0, first: Vec::new(), regular: None };
        for part in parts.filter(|part| part.extent > 0) {
            joined.extent += part.extent;
            joined.count += part.count;
            joined.largest = joined.largest.max(part.largest);
            let room = KEPT - joined.first.len();
            // Chunks after one that is not kept are not known to be among the first.
            if joined.count - part.count == joined.first.len() as u64 {
                joined.first.extend(part.first.iter().take(room));
            }
        }
        if joined.count == 0 { AxisChunks::whole(0) } else { joined }
    }
}

impl Regular {
    fn place(self, index: u64) -> u64 {
        let place = i128::from(self.start) + i128::from(self.step) * i128::from(index);
        u64::try_from(place).expect("an element lies on its axis")
    }
}

/// How many elements of a slice lie in each chunk that it meets, for the first chunks.
fn runs(extent: u64, slice: Regular, bounds: impl Fn(u64) -> (u64, u64)) -> Vec<u64> {
    let mut runs = Vec::new();
    let mut done = 0;
    while done < extent && runs.len() < KEPT {
        let place = slice.place(done);
        let (low, high) = bounds(place);
        let last = if slice.step > 0 { high - 1 - place } else { place - low };
        let run = (last / slice.step.unsigned_abs() + 1).min(extent - done);
        runs.push(run);
        done += run;
    }
    if extent == 0 {
        runs.push(0);
    }
    runs
}

/// The cut of the axes that a view takes of an array.
pub(super) fn sliced(chunks: &[AxisChunks], indices: &[AxisIndex]) -> Vec<AxisChunks> {
    let range = |(axis, index): (&AxisChunks, &AxisIndex)| match *index {
        AxisIndex::Index(_) => None,
        AxisIndex::Range { start, step, count } => Some(axis.slice(start, step, count)),
    };
    chunks.iter().zip(indices).filter_map(range).collect()
}

/// The cut of an array under another shape of the same size. Axes that stay keep theirs; groups of axes that
/// become others get chunks of about as many elements.
pub(super) fn reshaped(chunks: &[AxisChunks], to: &Shape) -> Vec<AxisChunks> {
    if to.size() == 0 {
        return to.extents().iter().map(|&extent| AxisChunks::whole(extent)).collect();
    }
    let mut from = chunks.iter().filter(|axis| axis.extent != 1);
    let mut result: Vec<AxisChunks> = Vec::with_capacity(to.ndim());
    let mut extents = to.extents().iter().copied().peekable();
    while let Some(extent) = extents.next() {
        if extent == 1 {
            result.push(AxisChunks::whole(1));
            continue;
        }
        let axis = from.next().expect("shapes of one size have factors in common");
        let (mut olds, mut old, mut news, mut new) = (vec![axis], axis.extent, vec![extent], extent);
        while old != new {
            if old < new {
                let axis = from.next().expect("shapes of one size have factors in common");
                old *= axis.extent;
                olds.push(axis);
            } else {
                let extent = extents.next().expect("shapes of one size have factors in common");
                new *= extent;
                news.push(extent);
            }
        }
        match (olds.as_slice(), news.as_slice()) {
            ([axis], [_]) => result.push((*axis).clone()),
            _ => result.extend(regrouped(&olds, &news)),
        }
    }
    result
}

fn regrouped(olds: &[&AxisChunks], news: &[u64]) -> Vec<AxisChunks> {
    let mut room = olds.iter().fold(1_u64, |room, axis| room.saturating_mul(axis.largest));
    let mut axes: Vec<AxisChunks> = Vec::with_capacity(news.len());
    for &extent in news.iter().rev() {
        let chunk = room.clamp(1, extent);
        room /= chunk;
        axes.push(AxisChunks::regular(extent, chunk));
    }
    axes.reverse();
    axes
}

#[cfg(test)]
mod tests;
