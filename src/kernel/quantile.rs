//! Order statistics: elements by the bins of their keys, and the elements of a range of keys.
//!
//! A key is an integer that is ordered as the doubles are, NaN aside, with -0.0 read as +0.0. Counting keys in
//! bins narrows the range that holds a rank, until its elements are few enough to be sorted.

use serde::{Deserialize, Serialize};

use crate::kernel::Isa;
use crate::kernel::isa::forms;

/// Bins of a range of keys, as a power of two.
const BINS: u32 = 14;

/// The key of a double that is not NaN.
#[inline]
pub fn key(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The double of a key.
pub fn value(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// How many elements lie in each bin of the keys `low..=high`, and how many outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Bins {
    low: i64,
    high: i64,
    below: u64,
    above: u64,
    nans: u64,
    bins: Vec<Bin>,
}

/// As it is decoded.
#[derive(Deserialize)]
struct Wire {
    low: i64,
    high: i64,
    below: u64,
    above: u64,
    nans: u64,
    bins: Vec<Bin>,
}

/// The elements of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub count: u64,
    /// The least key, and the greatest.
    pub least: i64,
    /// See `least`.
    pub greatest: i64,
}

const EMPTY: Bin = Bin { count: 0, least: i64::MAX, greatest: i64::MIN };

impl Bins {
    /// Bytes in memory.
    pub const BYTES: u64 = (size_of::<Bin>() as u64) << BINS;

    /// No element yet.
    pub fn new(low: i64, high: i64) -> Self {
        let bins = vec![EMPTY; (high.abs_diff(low) >> shift(low, high)) as usize + 1];
        Bins { low, high, below: 0, above: 0, nans: 0, bins }
    }

    /// Whether it has this range.
    pub fn is_of(&self, low: i64, high: i64) -> bool {
        (self.low, self.high) == (low, high)
    }

    /// Adds elements.
    pub fn add(&mut self, isa: Isa, values: &[f64]) {
        let [nans, below, above] = outside(isa, values, value(self.low), value(self.high));
        self.nans += nans;
        self.below += below;
        self.above += above;
        if nans + below + above == values.len() as u64 {
            return;
        }
        let shift = shift(self.low, self.high);
        for key in inside(values, self.low, self.high) {
            let bin = &mut self.bins[(key.abs_diff(self.low) >> shift) as usize];
            bin.count += 1;
            bin.least = bin.least.min(key);
            bin.greatest = bin.greatest.max(key);
        }
    }

    /// Adds what another has counted; false for one of another range.
    pub fn merge(&mut self, other: &Bins) -> bool {
        if !other.is_of(self.low, self.high) {
            return false;
        }
        // Of honest counts no sum wraps; of others it must not matter.
        self.below = self.below.wrapping_add(other.below);
        self.above = self.above.wrapping_add(other.above);
        self.nans = self.nans.wrapping_add(other.nans);
        for (own, other) in self.bins.iter_mut().zip(&other.bins) {
            own.count = own.count.wrapping_add(other.count);
            own.least = own.least.min(other.least);
            own.greatest = own.greatest.max(other.greatest);
        }
        true
    }

    /// How many were NaN.
    pub fn nans(&self) -> u64 {
        self.nans
    }

    /// How many lie below the range.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// The bins in ascending order.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }
}

impl TryFrom<Wire> for Bins {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, &'static str> {
        let Wire { low, high, below, above, nans, bins } = wire;
        if low > high || bins.len() as u64 != (high.abs_diff(low) >> shift(low, high)) + 1 {
            return Err("bins of another range");
        }
        Ok(Bins { low, high, below, above, nans, bins })
    }
}

forms! {
    /// How many values are NaN, how many below `low`, and how many above `high`.
    fn outside(values: &[f64], low: f64, high: f64) -> [u64; 3] = outside_body;
}

#[inline(always)]
fn outside_body(values: &[f64], low: f64, high: f64) -> [u64; 3] {
    let (mut nans, mut below, mut above) = (0, 0, 0);
    for &value in values {
        nans += u64::from(value.is_nan());
        below += u64::from(value < low);
        above += u64::from(value > high);
    }
    [nans, below, above]
}

/// The keys of the values in a range of keys. Few are expected there.
fn inside(values: &[f64], low: i64, high: i64) -> impl Iterator<Item = i64> {
    let (least, greatest) = (value(low), value(high));
    let near = values.iter().filter(move |value| (least..=greatest).contains(*value));
    // The key below that of zero has no double of its own.
    near.map(|&value| key(value)).filter(move |key| (low..=high).contains(key))
}

/// By how much keys are shifted, so that at most 2^BINS bins result.
fn shift(low: i64, high: i64) -> u32 {
    (64 - high.abs_diff(low).leading_zeros()).saturating_sub(BINS)
}

/// The keys of the elements in a range of keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Between {
    low: i64,
    high: i64,
    keys: Vec<i64>,
}

impl PartialEq for Between {
    /// The order in which keys came does not count.
    fn eq(&self, other: &Between) -> bool {
        self.is_of(other.low, other.high) && self.sorted() == other.sorted()
    }
}

impl Between {
    /// No element yet.
    pub fn new(low: i64, high: i64) -> Self {
        Between { low, high, keys: Vec::new() }
    }

    /// Whether it has this range.
    pub fn is_of(&self, low: i64, high: i64) -> bool {
        (self.low, self.high) == (low, high)
    }

    /// Adds elements.
    pub fn add(&mut self, isa: Isa, values: &[f64]) {
        let outside = outside(isa, values, value(self.low), value(self.high));
        if outside.into_iter().sum::<u64>() < values.len() as u64 {
            self.keys.extend(inside(values, self.low, self.high));
        }
    }

    /// Adds what another has; false for one of another range.
    pub fn merge(&mut self, other: &Between) -> bool {
        let same = other.is_of(self.low, self.high);
        if same {
            self.keys.extend_from_slice(&other.keys);
        }
        same
    }

    /// How many elements it has.
    pub fn elements(&self) -> u64 {
        self.keys.len() as u64
    }

    /// The keys in ascending order.
    pub fn sorted(&self) -> Vec<i64> {
        let mut keys = self.keys.clone();
        keys.sort_unstable();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_doubles_are() {
        let values = [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY];
        assert!(values.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(values.iter().all(|&v| value(key(v)) == v));
        assert_eq!(key(-0.0), key(0.0));
    }

    #[test]
    fn every_element_is_counted_once() {
        let values: Vec<f64> = (-500..500).map(|i| f64::from(i) * 0.37).collect();
        let mut bins = Bins::new(key(-50.0), key(70.0));
        bins.add(Isa::detect(), &values);
        bins.add(Isa::detect(), &[f64::NAN]);
        let inside: u64 = bins.bins().iter().map(|bin| bin.count).sum();
        assert_eq!(inside, values.iter().filter(|v| (-50.0..=70.0).contains(*v)).count() as u64);
        assert_eq!(bins.below(), values.iter().filter(|v| **v < -50.0).count() as u64);
        assert_eq!(bins.nans(), 1);
        assert!(Bins::new(i64::MIN, i64::MAX).bins().len() <= 1 << BINS);
    }
}
