//! The exact quantile in a few passes: sample, count in bins between two keys, sort what is left.
//!
//! A sample brackets the rank at six standard deviations. One pass counts the elements below the bracket and in
//! the bins of it, a second one collects the bin that holds the rank. A bracket that missed, or a bin that is
//! too full, costs further passes: at most as many as it takes to cut 64 bits of keys into bins.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kernel::quantile::{key, value};
use crate::plan::partial::{Accumulator, GatherKind, foreign};

/// Stages that a quantile may take; those that it does not need have no tasks.
pub(super) const STAGES: usize = 8;
/// Blocks that are sampled.
pub(super) const SAMPLES: u64 = 64;
/// Elements that are collected at most, but for the sample.
pub(super) const CANDIDATES: u64 = 1 << 16;

/// How far the search for a quantile is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Search {
    /// Nothing is known.
    Sample,
    /// The ranks are somewhere; elements between two keys are counted in bins.
    Bins { low: i64, high: i64 },
    /// The ranks are between two keys, with so many elements below.
    Between { low: i64, high: i64, below: u64 },
    /// It is found.
    Found(f64),
}

/// A quantile of `size` elements that are not none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    size: u64,
    /// The lower of the two elements between which it lies, and how far it is to the next.
    lower: u64,
    fraction: f64,
    q: f64,
}

impl Search {
    /// How far it usually is after so many of its stages. Rare further ones gather no more than these.
    pub(super) fn usual(stages: usize) -> Search {
        match stages {
            0 => Search::Sample,
            1 => Search::Bins { low: i64::MIN, high: i64::MAX },
            2 => Search::Between { low: i64::MIN, high: i64::MAX, below: 0 },
            _ => Search::Found(f64::NAN),
        }
    }

    /// What is gathered next.
    pub(super) fn gathers(self) -> Option<GatherKind> {
        match self {
            Search::Sample => Some(GatherKind::Collect { real: true }),
            Search::Bins { low, high } => Some(GatherKind::KeyBins { low, high }),
            Search::Between { low, high, .. } => Some(GatherKind::Between { low, high }),
            Search::Found(_) => None,
        }
    }

    /// What is known after a stage has gathered that; nothing where it had no task.
    pub(super) fn next(self, rank: &Rank, gathered: Option<&Accumulator>) -> Result<Search> {
        match (self, gathered) {
            (Search::Found(_), None) => Ok(self),
            (Search::Sample, Some(Accumulator::Real(sample))) => {
                let values: Vec<f64> = sample.values().collect();
                Ok(rank.bracket(&values))
            }
            (Search::Bins { low, high }, Some(Accumulator::Bins(bins))) => {
                if bins.nans() > 0 {
                    return Ok(Search::Found(f64::NAN));
                }
                Ok(narrowed(rank, low, high, bins))
            }
            (Search::Between { below, .. }, Some(Accumulator::Between(between))) => {
                let keys = between.sorted();
                let at = |rank: u64| keys.get(rank.checked_sub(below)? as usize).copied().map(value);
                let (Some(lower), Some(upper)) = (at(rank.lower), at(rank.upper())) else {
                    return Err(foreign());
                };
                Ok(Search::Found(rank.between(lower, upper)))
            }
            _ => Err(foreign()),
        }
    }
}

impl Rank {
    /// NumPy's `linear` position of quantile `q` among `size` elements.
    pub(super) fn new(q: f64, size: u64) -> Self {
        let position = (size - 1) as f64 * q;
        let lower = (position.floor() as u64).min(size - 1);
        Rank { size, lower, fraction: position - lower as f64, q }
    }

    fn upper(&self) -> u64 {
        if self.fraction > 0.0 { (self.lower + 1).min(self.size - 1) } else { self.lower }
    }

    /// NumPy's interpolation.
    fn between(&self, lower: f64, upper: f64) -> f64 {
        let distance = upper - lower;
        if lower == upper || self.fraction == 0.0 {
            lower
        } else if self.fraction >= 0.5 {
            upper - distance * (1.0 - self.fraction)
        } else {
            lower + distance * self.fraction
        }
    }

    /// Two keys between which the ranks lie almost surely.
    fn bracket(&self, sample: &[f64]) -> Search {
        if sample.iter().any(|value| value.is_nan()) {
            return Search::Found(f64::NAN);
        }
        let mut keys: Vec<i64> = sample.iter().map(|&value| key(value)).collect();
        keys.sort_unstable();
        if keys.len() as u64 == self.size {
            let at = |rank: u64| value(keys[rank as usize]);
            return Search::Found(self.between(at(self.lower), at(self.upper())));
        }
        let size = keys.len() as f64;
        let (middle, spread) = (size * self.q, 6.0 * (size * self.q * (1.0 - self.q)).sqrt() + 1.0);
        let at = |place: f64| (place >= 0.0).then(|| keys.get(place as usize).copied()).flatten();
        let low = at((middle - spread).floor()).unwrap_or(key(f64::NEG_INFINITY));
        let high = at((middle + spread).ceil()).unwrap_or(key(f64::INFINITY));
        Search::Bins { low, high }
    }
}

/// The quantile of a row, whose elements it sorts; of at least one.
pub fn of_row(q: f64, row: &mut [f64]) -> f64 {
    if row.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let rank = Rank::new(q, row.len() as u64);
    row.sort_unstable_by_key(|&value| key(value));
    let at = |rank: u64| row[rank as usize] + 0.0;
    rank.between(at(rank.lower), at(rank.upper()))
}

fn narrowed(rank: &Rank, low: i64, high: i64, bins: &crate::kernel::quantile::Bins) -> Search {
    let (from, below) = find(rank.lower, low, high, bins);
    let (to, below_to) = find(rank.upper(), low, high, bins);
    let found = |(least, greatest): (i64, i64)| least == greatest;
    if found(from) && found(to) {
        return Search::Found(rank.between(value(from.0), value(to.0)));
    }
    let inside = below_to.1 - below.0;
    let known = below.0 >= bins.below() && below_to.1 <= bins.below() + counted(bins);
    if known && inside <= CANDIDATES {
        Search::Between { low: from.0, high: to.1, below: below.0 }
    } else {
        Search::Bins { low: from.0, high: to.1 }
    }
}

fn counted(bins: &crate::kernel::quantile::Bins) -> u64 {
    bins.bins().iter().map(|bin| bin.count).sum()
}

/// The keys between which the element of a rank lies, and how many elements lie below and not above them.
fn find(rank: u64, low: i64, high: i64, bins: &crate::kernel::quantile::Bins) -> ((i64, i64), (u64, u64)) {
    let mut below = bins.below();
    if rank < below {
        return ((key(f64::NEG_INFINITY), low - 1), (0, below));
    }
    for bin in bins.bins() {
        if rank < below + bin.count {
            return ((bin.least, bin.greatest), (below, below + bin.count));
        }
        below += bin.count;
    }
    ((high + 1, key(f64::INFINITY)), (below, u64::MAX))
}
