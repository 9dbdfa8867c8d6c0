//! Minimum and maximum that do not depend on the order: NaN wins, and -0.0 lies below +0.0.

use serde::{Deserialize, Serialize};

use crate::kernel::isa::forms;

/// The least and the greatest of the values added so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(i64, i64)", into = "(i64, i64)")]
pub struct Extrema {
    /// Keys of the two (see [`key`]): `EMPTY` before the first value, `NAN` once a NaN has been added.
    least: i64,
    greatest: i64,
}

const EMPTY: Extrema = Extrema { least: i64::MAX, greatest: i64::MIN };
const NAN: Extrema = Extrema { least: i64::MIN, greatest: i64::MAX };

impl Extrema {
    /// Adds values, in any number.
    pub fn add(&mut self, isa: crate::kernel::Isa, values: &[f64]) {
        let (least, greatest) = range(isa, values);
        self.widen(least, greatest);
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Extrema) {
        self.widen(other.least, other.greatest);
    }

    /// The least value; none before the first.
    pub fn minimum(&self) -> Option<f64> {
        self.value(self.least)
    }

    /// The greatest value; none before the first.
    pub fn maximum(&self) -> Option<f64> {
        self.value(self.greatest)
    }

    fn value(&self, of: i64) -> Option<f64> {
        match *self {
            EMPTY => None,
            NAN => Some(f64::NAN),
            _ => Some(f64::from_bits(key(of as u64) as u64)),
        }
    }

    fn widen(&mut self, least: i64, greatest: i64) {
        self.least = self.least.min(least);
        self.greatest = self.greatest.max(greatest);
        // NaNs are the keys beyond the infinities. An empty range has such keys, but lies inside out.
        let nan = self.least <= self.greatest
            && (self.least < key(f64::NEG_INFINITY.to_bits())
                || self.greatest > key(f64::INFINITY.to_bits()));
        if nan {
            *self = NAN;
        }
    }
}

impl Default for Extrema {
    fn default() -> Extrema {
        EMPTY
    }
}

impl From<Extrema> for (i64, i64) {
    fn from(extrema: Extrema) -> (i64, i64) {
        (extrema.least, extrema.greatest)
    }
}

impl TryFrom<(i64, i64)> for Extrema {
    type Error = &'static str;

    fn try_from((least, greatest): (i64, i64)) -> Result<Extrema, &'static str> {
        let mut extrema = EMPTY;
        if least <= greatest {
            extrema.widen(least, greatest);
        }
        if (extrema.least, extrema.greatest) == (least, greatest) {
            Ok(extrema)
        } else {
            Err("impossible extrema")
        }
    }
}

forms! {
    /// The least and the greatest key.
    fn range(values: &[f64]) -> (i64, i64) = range_body;
}

#[inline(always)]
fn range_body(values: &[f64]) -> (i64, i64) {
    const LANES: usize = 16;
    let (mut least, mut greatest) = ([i64::MAX; LANES], [i64::MIN; LANES]);
    let (groups, rest) = values.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            let key = key(group[lane].to_bits());
            least[lane] = least[lane].min(key);
            greatest[lane] = greatest[lane].max(key);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let key = key(value.to_bits());
        least[lane] = least[lane].min(key);
        greatest[lane] = greatest[lane].max(key);
    }
    let least = least.into_iter().fold(i64::MAX, i64::min);
    let greatest = greatest.into_iter().fold(i64::MIN, i64::max);
    (least, greatest)
}

/// A double's bits as an integer that orders as the double does; its own inverse.
#[inline(always)]
fn key(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ (bits >> 63 & i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;

    fn of(isa: Isa, values: &[f64]) -> Extrema {
        let mut extrema = Extrema::default();
        extrema.add(isa, values);
        extrema
    }

    fn bits(value: Option<f64>) -> Option<u64> {
        value.map(f64::to_bits)
    }

    #[test]
    fn nothing_has_no_extrema() {
        assert_eq!(Extrema::default().minimum(), None);
        assert_eq!(of(Isa::detect(), &[]).maximum(), None);
        let mut merged = Extrema::default();
        merged.merge(&Extrema::default());
        assert_eq!(merged, Extrema::default());
    }

    #[test]
    fn negative_zero_lies_below_zero_and_nan_wins_in_any_order() {
        for isa in Isa::available() {
            let zeros = of(isa, &[0.0, -0.0, 0.0]);
            assert_eq!(bits(zeros.minimum()), bits(Some(-0.0)));
            assert_eq!(bits(zeros.maximum()), bits(Some(0.0)));
            for nan in [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)] {
                let mut values = vec![f64::NEG_INFINITY; 40];
                values[17] = nan;
                let extrema = of(isa, &values);
                assert_eq!(bits(extrema.minimum()), bits(Some(f64::NAN)));
                assert_eq!(bits(extrema.maximum()), bits(Some(f64::NAN)));
                let mut merged = of(isa, &[1.0]);
                merged.merge(&extrema);
                assert_eq!(merged, extrema);
            }
        }
    }

    #[test]
    fn every_split_and_form_agrees_with_the_total_order() {
        let values: Vec<f64> =
            (0..100).map(|n: u64| f64::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
        let values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        let least = values.iter().copied().min_by(f64::total_cmp);
        let greatest = values.iter().copied().max_by(f64::total_cmp);
        for isa in Isa::available() {
            for split in 0..values.len() {
                let mut merged = of(isa, &values[split..]);
                merged.merge(&of(isa, &values[..split]));
                assert_eq!((merged.minimum(), merged.maximum()), (least, greatest));
            }
        }
    }

    #[test]
    fn impossible_extrema_are_refused() {
        assert!(Extrema::try_from((5, 3)).is_err());
        assert!(Extrema::try_from((i64::MIN, 0)).is_err());
        for extrema in [EMPTY, NAN, of(Isa::Portable, &[1.0, -2.0])] {
            assert_eq!(Extrema::try_from(<(i64, i64)>::from(extrema.clone())), Ok(extrema));
        }
    }
}
