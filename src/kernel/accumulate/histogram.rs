//! Histograms: how many doubles lie between edges, as NumPy counts them.

use crate::kernel::Isa;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};

/// How many doubles lie in each bin. A bin holds its lower edge, the last bin both of its edges; what lies
/// outside of all bins, and NaN, is not counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    edges: Vec<f64>,
    /// Whether the bins have one width, so that most are found by a division.
    even: bool,
    counts: Vec<i64>,
}

impl Histogram {
    /// Bins of one width from `low` to `high`, whose edges are [`even_edges`].
    pub fn even(bins: usize, low: f64, high: f64) -> Histogram {
        Histogram { edges: even_edges(bins, low, high), even: true, counts: vec![0; bins] }
    }

    /// Bins between the edges, which must ascend. Fewer than two make no bin.
    pub fn edges(edges: Vec<f64>) -> Histogram {
        let bins = edges.len().saturating_sub(1);
        Histogram { edges, even: false, counts: vec![0; bins] }
    }

    /// How many bins there are.
    pub fn outputs(&self) -> usize {
        self.counts.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        (outputs * 16 + 8, outputs * 16 + 8)
    }

    /// Counts values.
    pub fn add(&mut self, _: Isa, values: &[f64]) {
        let Histogram { edges, even, counts } = self;
        let [low, .., high] = edges[..] else { return };
        let inside = values.iter().copied().filter(|value| *value >= low && *value <= high);
        let last = counts.len() - 1;
        let scale = Scale { low, range: high - low, last };
        for value in inside {
            let bin = if *even {
                scale.bin(edges, value)
            } else {
                edges.partition_point(|edge| *edge <= value).saturating_sub(1).min(last)
            };
            counts[bin] = counts[bin].wrapping_add(1);
        }
    }

    /// Adds what another has counted. One with other bins changes nothing: false.
    pub fn merge(&mut self, other: &Histogram) -> bool {
        let same = self.edges == other.edges && self.even == other.even;
        if same {
            for (count, more) in self.counts.iter_mut().zip(&other.counts) {
                *count = count.wrapping_add(*more);
            }
        }
        same
    }

    /// The count of each bin.
    pub fn counts(&self) -> Vec<i64> {
        self.counts.clone()
    }
}

/// Bins of one width.
struct Scale {
    low: f64,
    range: f64,
    last: usize,
}

impl Scale {
    /// The bin of a value within the edges. The division may miss it by one bin; the edges decide.
    #[inline(always)]
    fn bin(&self, edges: &[f64], value: f64) -> usize {
        let estimate = (value - self.low) / self.range * (self.last + 1) as f64;
        let bin = (estimate as usize).min(self.last);
        let bin = if value < edges[bin] { bin.saturating_sub(1) } else { bin };
        if value >= edges[bin + 1] && bin != self.last { bin + 1 } else { bin }
    }
}

/// The edges of `bins` bins of one width, at least one, from `low` to `high`; an empty range is widened by a
/// half on both sides.
pub fn even_edges(bins: usize, low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let range = high - low;
    let step = range / bins as f64;
    let edge = |number: usize| {
        let number = number as f64;
        // A step that is too small for a double is taken later.
        low + if step == 0.0 { number / bins as f64 * range } else { number * step }
    };
    [low + 0.0].into_iter().chain((1..bins).map(edge)).chain([high]).collect()
}

impl Packed for Histogram {
    const REFUSAL: &'static str = "an impossible histogram";

    fn pack(&self, writer: &mut Writer) {
        writer.byte(u8::from(self.even));
        writer.unsigned(self.counts.len() as u128);
        self.counts.iter().for_each(|count| writer.unsigned((*count).cast_unsigned().into()));
        let sent = if self.even { &[self.edges[0], self.edges[self.counts.len()]] } else { &self.edges[..] };
        sent.iter().for_each(|edge| writer.raw(&edge.to_le_bytes()));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Histogram> {
        let even = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let bins = reader.outputs()?;
        let count = |_| i64::try_from(reader.unsigned()?).ok();
        let counts: Vec<i64> = (0..bins).map(count).collect::<Option<_>>()?;
        let edges = if even { 2 } else { bins + 1 };
        let edge = |_| Some(f64::from_le_bytes(reader.raw()?));
        let edges: Vec<f64> = (0..edges).map(edge).collect::<Option<_>>()?;
        if bins == 0 || !edges.is_sorted() || even && !edges.iter().all(|edge| edge.is_finite()) {
            return None;
        }
        let edges = if even { even_edges(bins, edges[0], edges[1]) } else { edges };
        Some(Histogram { edges, even, counts })
    }
}

sent_packed!(Histogram);
