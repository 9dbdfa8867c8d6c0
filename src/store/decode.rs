//! Elements from bytes and to bytes: every format of `.npy` that is loaded, and the four that are written.
//!
//! Everything is a loop over arrays of bytes of a fixed length, which compiles to vector moves where
//! the format is the machine's own.

use crate::array::{Format, Kind};

/// The bytes of every NaN that is written, so that files do not depend on the CPU.
const NAN: u64 = 0x7ff8_0000_0000_0000;
const NAN_SINGLE: u32 = 0x7fc0_0000;

/// What stands for bytes that are no extended-precision float: a NaN that no other bytes become.
pub(super) const NOT_EXTENDED: u64 = 0x7ff8_0000_dead_c0de;

/// Every `step`-th element of the bytes; from the last one backwards where `step` is negative; over and over the
/// only one where it is 0. Floats only: the caller has checked.
pub(super) fn reals(format: Format, bytes: &[u8], step: i64, out: &mut [f64]) {
    match (format.itemsize, format.big_endian) {
        (8, false) => gather(bytes, step, out, f64::from_le_bytes),
        (8, true) => gather(bytes, step, out, f64::from_be_bytes),
        (16, false) => gather(bytes, step, out, |element: [u8; 16]| extended(&element)),
        (16, true) => gather(bytes, step, out, |element: [u8; 16]| extended(&reversed(element))),
        (12, false) => gather(bytes, step, out, |element: [u8; 12]| extended(&element)),
        (12, true) => gather(bytes, step, out, |element: [u8; 12]| extended(&reversed(element))),
        (4, false) => gather(bytes, step, out, |element| f64::from(f32::from_le_bytes(element))),
        (4, true) => gather(bytes, step, out, |element| f64::from(f32::from_be_bytes(element))),
        (_, false) => gather(bytes, step, out, |element| half(u16::from_le_bytes(element))),
        (_, true) => gather(bytes, step, out, |element| half(u16::from_be_bytes(element))),
    }
}

/// As [`reals`], for truth values and integers. Unsigned ones beyond the signed range come out negative.
pub(super) fn integers(format: Format, bytes: &[u8], step: i64, out: &mut [i64]) {
    macro_rules! integer {
        ($type:ty) => {
            if format.big_endian {
                gather(bytes, step, out, |element| <$type>::from_be_bytes(element) as i64)
            } else {
                gather(bytes, step, out, |element| <$type>::from_le_bytes(element) as i64)
            }
        };
    }
    match (format.kind, format.itemsize) {
        (Kind::Bool, _) => gather(bytes, step, out, |[byte]| i64::from(byte != 0)),
        (Kind::Signed, 1) => integer!(i8),
        (Kind::Signed, 2) => integer!(i16),
        (Kind::Signed, 4) => integer!(i32),
        (Kind::Signed, _) => integer!(i64),
        (_, 1) => integer!(u8),
        (_, 2) => integer!(u16),
        (_, 4) => integer!(u32),
        (_, _) => integer!(u64),
    }
}

fn gather<const N: usize, T: Copy>(bytes: &[u8], step: i64, out: &mut [T], value: impl Fn([u8; N]) -> T) {
    let (elements, _) = bytes.as_chunks::<N>();
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    match step {
        0 => out.fill(value(elements[0])),
        1 => out.iter_mut().zip(elements).for_each(|(out, element)| *out = value(*element)),
        2.. => out
            .iter_mut()
            .zip(elements.iter().step_by(stride))
            .for_each(|(out, element)| *out = value(*element)),
        _ => out
            .iter_mut()
            .zip(elements.iter().rev().step_by(stride))
            .for_each(|(out, element)| *out = value(*element)),
    }
}

/// The double that a half-precision float is.
fn half(bits: u16) -> f64 {
    let sign = u64::from(bits >> 15) << 63;
    let exponent = u64::from(bits >> 10 & 31);
    let fraction = u64::from(bits & 1023);
    let magnitude = match exponent {
        // Subnormals are multiples of 2^-24.
        0 => (fraction as f64 / f64::from(1 << 24)).to_bits(),
        31 => 0x7ff << 52 | fraction << 42,
        _ => (exponent + 1023 - 15) << 52 | fraction << 42,
    };
    f64::from_bits(sign | magnitude)
}

fn reversed<const N: usize>(mut element: [u8; N]) -> [u8; N] {
    element.reverse();
    element
}

/// The double nearest to an extended-precision float of x86, ties to even: 8 bytes of significand, its leading
/// bit written out, then sign and exponent. The bytes after them mean nothing.
fn extended(element: &[u8]) -> f64 {
    const BIAS: i32 = 16383;
    let (low, high) = element.split_at(8);
    let significand = u64::from_le_bytes(low.try_into().expect("eight bytes"));
    let top = u16::from_le_bytes([high[0], high[1]]);
    let sign = u64::from(top >> 15) << 63;
    let exponent = i32::from(top & 0x7fff);
    let whole = significand >> 63 == 1;
    // The value is from 2^power up to 2^(power + 1).
    let power = exponent - BIAS;
    let magnitude = match exponent {
        // Far below the least double.
        0 => 0,
        // As the x87 has it since the 80387, a leading bit that is missing makes no number.
        _ if !whole => return f64::from_bits(NOT_EXTENDED),
        0x7fff if significand << 1 != 0 => NAN,
        _ if power > 1023 => f64::INFINITY.to_bits(),
        // Rounding up may carry into the exponent, also to infinity.
        _ if power >= -1022 => {
            (significand as f64).to_bits().wrapping_add_signed(i64::from(power - 63) << 52)
        }
        _ => subnormal(significand, -1011 - power),
    };
    f64::from_bits(sign | magnitude)
}

/// The bits of `significand / 2^shift` units of the least double, rounded once, ties to even.
fn subnormal(significand: u64, shift: i32) -> u64 {
    // With more, less than half a unit is left.
    let shift = shift.min(66);
    let (wide, unit) = (u128::from(significand), 1_u128 << shift);
    let (floor, rest) = (wide >> shift, wide & (unit - 1));
    let up = 2 * rest > unit || (2 * rest == unit && floor & 1 == 1);
    floor as u64 + u64::from(up)
}

/// Writes doubles or, in four bytes each, singles.
pub(super) fn put_reals(itemsize: u64, values: &[f64], bytes: &mut [u8]) {
    if itemsize == 8 {
        scatter(values, bytes, |value| if value.is_nan() { NAN } else { value.to_bits() }.to_le_bytes());
    } else {
        scatter(values, bytes, |value| {
            if value.is_nan() { NAN_SINGLE } else { (value as f32).to_bits() }.to_le_bytes()
        });
    }
}

/// Writes 64-bit integers or, in a byte each, truth values.
pub(super) fn put_integers(itemsize: u64, values: &[i64], bytes: &mut [u8]) {
    if itemsize == 8 {
        scatter(values, bytes, i64::to_le_bytes);
    } else {
        scatter(values, bytes, |value| [u8::from(value != 0)]);
    }
}

fn scatter<const N: usize, T: Copy>(values: &[T], bytes: &mut [u8], element: impl Fn(T) -> [u8; N]) {
    let (elements, _) = bytes.as_chunks_mut::<N>();
    values.iter().zip(elements).for_each(|(value, out)| *out = element(*value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0x0001), 2.0_f64.powi(-24));
        assert_eq!(half(0x03ff), 1023.0 * 2.0_f64.powi(-24));
        assert_eq!(half(0x0400), 2.0_f64.powi(-14));
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert_eq!(half(0x8000).to_bits(), (-0.0_f64).to_bits());
        assert!(half(0x7e00).is_nan());
        assert!(half(0x7c01).is_nan());
    }

    /// The double that an extended-precision float is, in every form that files have.
    fn double(negative: bool, exponent: u16, significand: u64) -> f64 {
        let mut bytes = [0xaa; 16];
        bytes[..8].copy_from_slice(&significand.to_le_bytes());
        bytes[8..10].copy_from_slice(&(exponent | u16::from(negative) << 15).to_le_bytes());
        let short: [u8; 12] = bytes[..12].try_into().unwrap();
        let read = |itemsize, big_endian, bytes: &[u8]| {
            let mut out = [0.0];
            reals(Format { kind: Kind::Float, itemsize, big_endian }, bytes, 1, &mut out);
            out[0]
        };
        let value = read(16, false, &bytes);
        for same in
            [read(16, true, &reversed(bytes)), read(12, false, &short), read(12, true, &reversed(short))]
        {
            assert_eq!(same.to_bits(), value.to_bits());
        }
        value
    }

    #[test]
    fn extended_precision_is_rounded_once() {
        const ONE: u16 = 16383;
        const TOP: u64 = 1 << 63;
        assert_eq!(double(false, ONE, TOP), 1.0);
        assert_eq!(double(true, ONE + 1, TOP | 1 << 62), -3.0);
        // Ties go to the even one, and what is more than a tie goes up.
        assert_eq!(double(false, ONE, TOP | 1 << 10), 1.0);
        assert_eq!(double(false, ONE, TOP | 3 << 10), 1.0 + 2.0 * f64::EPSILON);
        assert_eq!(double(false, ONE, TOP | 1 << 10 | 1), 1.0 + f64::EPSILON);
        assert_eq!(double(false, ONE, u64::MAX), 2.0);
        // The ends of the normal range.
        assert_eq!(double(false, ONE + 1023, u64::MAX << 11), f64::MAX);
        assert_eq!(double(false, ONE + 1023, (u64::MAX << 11) | 0x3ff), f64::MAX);
        assert_eq!(double(false, ONE + 1023, (u64::MAX << 11) | 0x400), f64::INFINITY);
        assert_eq!(double(true, ONE + 1024, TOP), f64::NEG_INFINITY);
        assert_eq!(double(false, ONE - 1022, TOP), f64::MIN_POSITIVE);
        // Subnormal: rounding to 53 bits before would make a tie of what is less than one.
        assert_eq!(double(false, ONE - 1023, u64::MAX), f64::MIN_POSITIVE);
        assert_eq!(double(false, ONE - 1074, TOP).to_bits(), 1);
        assert_eq!(double(false, ONE - 1074, TOP | 1 << 62).to_bits(), 2);
        assert_eq!(double(false, ONE - 1074, (TOP | 1 << 62) - 1).to_bits(), 1);
        assert_eq!(double(false, ONE - 1075, TOP).to_bits(), 0);
        assert_eq!(double(false, ONE - 1075, TOP + 1).to_bits(), 1);
        assert_eq!(double(true, ONE - 1076, u64::MAX).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(double(false, 1, u64::MAX).to_bits(), 0);
    }

    #[test]
    fn extended_precision_has_special_values() {
        const TOP: u64 = 1 << 63;
        assert_eq!(double(false, 0, 0).to_bits(), 0);
        assert_eq!(double(true, 0, 0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(double(true, 0, TOP | 1).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(double(true, 0x7fff, TOP), f64::NEG_INFINITY);
        assert_eq!(double(false, 0x7fff, TOP | 1).to_bits(), NAN);
        assert_eq!(double(false, 0x7fff, u64::MAX).to_bits(), NAN);
        for (exponent, significand) in [(1, TOP - 1), (16383, 0), (0x7fff, 0), (0x7fff, 1 << 62)] {
            assert_eq!(double(false, exponent, significand).to_bits(), NOT_EXTENDED);
        }
    }

    #[test]
    fn every_nan_is_written_with_the_same_bits() {
        let mut bytes = [0; 16];
        put_reals(8, &[-f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)], &mut bytes);
        assert_eq!(bytes.as_chunks::<8>().0, [NAN.to_le_bytes(); 2]);
        put_reals(4, &[-f64::NAN, f64::from_bits(0xfff0_0000_0000_0001)], &mut bytes[..8]);
        assert_eq!(bytes[..8].as_chunks::<4>().0, [NAN_SINGLE.to_le_bytes(); 2]);
    }
}
