//! Minimum and maximum that do not depend on the order: NaN wins, and -0.0 lies below +0.0.

use crate::kernel::Isa;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::isa::forms;

/// The keys of the infinities; those of NaNs lie beyond them.
const LOWEST: i64 = key(f64::NEG_INFINITY.to_bits());
const HIGHEST: i64 = key(f64::INFINITY.to_bits());

/// A double's bits as an integer that orders as the double does; its own inverse.
#[inline(always)]
pub(super) const fn key(bits: u64) -> i64 {
    let bits = bits.cast_signed();
    bits ^ (bits >> 63 & i64::MAX)
}

/// The least and the greatest of integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegerExtrema {
    /// Inside out before the first value.
    least: Vec<i64>,
    greatest: Vec<i64>,
}

impl IntegerExtrema {
    /// Extrema of nothing.
    pub fn new(outputs: usize) -> IntegerExtrema {
        IntegerExtrema { least: vec![i64::MAX; outputs], greatest: vec![i64::MIN; outputs] }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.least.len()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        (outputs * 16, outputs * 16)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[i64]) {
        let (least, greatest) = integer_range(isa, values);
        self.widen(output, least, greatest);
    }

    /// Adds consecutive rows of `width` values: value j to output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[i64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            for row in values.chunks(width) {
                let range = first..first + row.len();
                integer_row(isa, row, &mut self.least[range.clone()], &mut self.greatest[range]);
            }
        }
    }

    /// Adds what another has seen. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &IntegerExtrema) -> bool {
        let same = self.outputs() == other.outputs();
        if same {
            (0..other.outputs())
                .for_each(|output| self.widen(output, other.least[output], other.greatest[output]));
        }
        same
    }

    /// The least value; none before the first.
    pub fn minimum(&self, output: usize) -> Option<i64> {
        (!self.is_empty(output)).then_some(self.least[output])
    }

    /// The greatest value; none before the first.
    pub fn maximum(&self, output: usize) -> Option<i64> {
        (!self.is_empty(output)).then_some(self.greatest[output])
    }

    fn is_empty(&self, output: usize) -> bool {
        self.least[output] > self.greatest[output]
    }

    fn widen(&mut self, output: usize, least: i64, greatest: i64) {
        self.least[output] = self.least[output].min(least);
        self.greatest[output] = self.greatest[output].max(greatest);
    }
}

impl Packed for IntegerExtrema {
    const REFUSAL: &'static str = "impossible extrema";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        for output in 0..self.outputs() {
            writer.byte(u8::from(!self.is_empty(output)));
            if !self.is_empty(output) {
                writer.signed(self.least[output].into());
                writer.signed(self.greatest[output].into());
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<IntegerExtrema> {
        let mut extrema = IntegerExtrema::new(reader.outputs()?);
        for output in 0..extrema.outputs() {
            match reader.byte()? {
                0 => {}
                1 => {
                    let [least, greatest] = [reader.signed()?, reader.signed()?];
                    if least > greatest {
                        return None;
                    }
                    extrema.widen(output, i64::try_from(least).ok()?, i64::try_from(greatest).ok()?);
                }
                _ => return None,
            }
        }
        Some(extrema)
    }
}

sent_packed!(IntegerExtrema);

/// The least and the greatest of doubles.
#[derive(Clone, Debug)]
pub struct Extrema {
    keys: IntegerExtrema,
}

const EMPTY: u8 = 0;
const NUMBERS: u8 = 1;
const NAN: u8 = 2;

impl Extrema {
    /// Extrema of nothing.
    pub fn new(outputs: usize) -> Extrema {
        Extrema { keys: IntegerExtrema::new(outputs) }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.keys.outputs()
    }

    /// The most bytes of memory that ordinary data take, and those that any data take.
    pub const fn bytes(outputs: u64) -> (u64, u64) {
        IntegerExtrema::bytes(outputs)
    }

    /// Adds values to one output.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn add_run(&mut self, isa: Isa, output: usize, values: &[f64]) {
        let (least, greatest) = range(isa, values);
        self.keys.widen(output, least, greatest);
    }

    /// Adds consecutive rows of `width` values: value j to output `first + j % width`.
    ///
    /// # Panics
    /// When there are no such outputs, or no width.
    pub fn add_rows(&mut self, isa: Isa, first: usize, width: usize, values: &[f64]) {
        if layout::is_narrow(width, values.len()) {
            layout::columns(width, values, |number, column| self.add_run(isa, first + number, column));
        } else {
            let IntegerExtrema { least, greatest } = &mut self.keys;
            for values in values.chunks(width) {
                let range = first..first + values.len();
                row(isa, values, &mut least[range.clone()], &mut greatest[range]);
            }
        }
    }

    /// Adds what another has seen. One with another number of outputs changes nothing: false.
    pub fn merge(&mut self, other: &Extrema) -> bool {
        self.keys.merge(&other.keys)
    }

    /// The least value; none before the first.
    pub fn minimum(&self, output: usize) -> Option<f64> {
        self.value(output, |least, _| least)
    }

    /// The greatest value; none before the first.
    pub fn maximum(&self, output: usize) -> Option<f64> {
        self.value(output, |_, greatest| greatest)
    }

    fn value(&self, output: usize, of: fn(i64, i64) -> i64) -> Option<f64> {
        let (kind, least, greatest) = self.canonical(output);
        match kind {
            EMPTY => None,
            NUMBERS => Some(f64::from_bits(key(of(least, greatest).cast_unsigned()).cast_unsigned())),
            _ => Some(f64::NAN),
        }
    }

    /// What there is, and the keys, which are of numbers or zero.
    fn canonical(&self, output: usize) -> (u8, i64, i64) {
        let (least, greatest) = (self.keys.least[output], self.keys.greatest[output]);
        if least > greatest {
            (EMPTY, 0, 0)
        } else if least < LOWEST || greatest > HIGHEST {
            (NAN, 0, 0)
        } else {
            (NUMBERS, least, greatest)
        }
    }
}

impl PartialEq for Extrema {
    fn eq(&self, other: &Extrema) -> bool {
        let same = |output| self.canonical(output) == other.canonical(output);
        self.outputs() == other.outputs() && (0..self.outputs()).all(same)
    }
}

impl Packed for Extrema {
    const REFUSAL: &'static str = "impossible extrema";

    fn pack(&self, writer: &mut Writer) {
        writer.unsigned(self.outputs() as u128);
        for output in 0..self.outputs() {
            let (kind, least, greatest) = self.canonical(output);
            writer.byte(kind);
            if kind == NUMBERS {
                writer.raw(&least.to_le_bytes());
                writer.raw(&greatest.to_le_bytes());
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Extrema> {
        let mut extrema = Extrema::new(reader.outputs()?);
        for output in 0..extrema.outputs() {
            let (least, greatest) = match reader.byte()? {
                EMPTY => (i64::MAX, i64::MIN),
                NUMBERS => (i64::from_le_bytes(reader.raw()?), i64::from_le_bytes(reader.raw()?)),
                NAN => (i64::MIN, i64::MAX),
                _ => return None,
            };
            extrema.keys.widen(output, least, greatest);
            if least <= greatest && extrema.canonical(output).0 == NAN && least != i64::MIN {
                return None;
            }
        }
        Some(extrema)
    }
}

sent_packed!(Extrema);

forms! {
    /// The least and the greatest key.
    fn range(values: &[f64]) -> (i64, i64) = range_body;
}

forms! {
    /// The least and the greatest integer.
    fn integer_range(values: &[i64]) -> (i64, i64) = integer_range_body;
}

#[inline(always)]
fn range_body(values: &[f64]) -> (i64, i64) {
    range_of(values, |value| key(value.to_bits()))
}

#[inline(always)]
fn integer_range_body(values: &[i64]) -> (i64, i64) {
    range_of(values, |value| value)
}

#[inline(always)]
fn range_of<V: Copy>(values: &[V], key: impl Fn(V) -> i64) -> (i64, i64) {
    const LANES: usize = 16;
    let (mut least, mut greatest) = ([i64::MAX; LANES], [i64::MIN; LANES]);
    let (groups, rest) = values.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            let key = key(group[lane]);
            least[lane] = least[lane].min(key);
            greatest[lane] = greatest[lane].max(key);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let key = key(*value);
        least[lane] = least[lane].min(key);
        greatest[lane] = greatest[lane].max(key);
    }
    let least = least.into_iter().fold(i64::MAX, i64::min);
    let greatest = greatest.into_iter().fold(i64::MIN, i64::max);
    (least, greatest)
}

forms! {
    /// Adds each value's key to its output.
    fn row(row: &[f64], least: &mut [i64], greatest: &mut [i64]) = row_body;
}

forms! {
    /// Adds each integer to its output.
    fn integer_row(row: &[i64], least: &mut [i64], greatest: &mut [i64]) = integer_row_body;
}

#[inline(always)]
fn row_body(row: &[f64], least: &mut [i64], greatest: &mut [i64]) {
    widen_each(row, least, greatest, |value| key(value.to_bits()));
}

#[inline(always)]
fn integer_row_body(row: &[i64], least: &mut [i64], greatest: &mut [i64]) {
    widen_each(row, least, greatest, |value| value);
}

#[inline(always)]
fn widen_each<V: Copy>(row: &[V], least: &mut [i64], greatest: &mut [i64], key: impl Fn(V) -> i64) {
    for ((value, least), greatest) in row.iter().zip(least).zip(greatest) {
        let key = key(*value);
        *least = (*least).min(key);
        *greatest = (*greatest).max(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(isa: Isa, values: &[f64]) -> Extrema {
        let mut extrema = Extrema::new(1);
        extrema.add_run(isa, 0, values);
        extrema
    }

    fn bits(value: Option<f64>) -> Option<u64> {
        value.map(f64::to_bits)
    }

    #[test]
    fn nothing_has_no_extrema() {
        assert_eq!(Extrema::new(1).minimum(0), None);
        assert_eq!(of(Isa::detect(), &[]).maximum(0), None);
        let mut merged = Extrema::new(1);
        assert!(merged.merge(&Extrema::new(1)));
        assert_eq!(merged, Extrema::new(1));
        assert!(!merged.merge(&Extrema::new(2)));
    }

    #[test]
    fn negative_zero_lies_below_zero_and_nan_wins_in_any_order() {
        for isa in Isa::available() {
            let zeros = of(isa, &[0.0, -0.0, 0.0]);
            assert_eq!(bits(zeros.minimum(0)), bits(Some(-0.0)));
            assert_eq!(bits(zeros.maximum(0)), bits(Some(0.0)));
            for nan in [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)] {
                let mut values = vec![f64::NEG_INFINITY; 40];
                values[17] = nan;
                let extrema = of(isa, &values);
                assert_eq!(bits(extrema.minimum(0)), bits(Some(f64::NAN)));
                assert_eq!(bits(extrema.maximum(0)), bits(Some(f64::NAN)));
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
                assert_eq!((merged.minimum(0), merged.maximum(0)), (least, greatest));
            }
        }
    }
}
