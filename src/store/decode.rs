//! Elements from bytes and to bytes: every format of `.npy` that is loaded, and the four that are written.
//!
//! Everything is a loop over arrays of bytes of a fixed length, which compiles to vector moves where
//! the format is the machine's own.

use crate::array::{Format, Kind};

/// The bytes of every NaN that is written, so that files do not depend on the CPU.
const NAN: u64 = 0x7ff8_0000_0000_0000;
const NAN_SINGLE: u32 = 0x7fc0_0000;

/// Every `step`-th element of the bytes; from the last one backwards where `step` is negative; over and over the
/// only one where it is 0. Floats only: the caller has checked.
pub(super) fn reals(format: Format, bytes: &[u8], step: i64, out: &mut [f64]) {
    match (format.itemsize, format.big_endian) {
        (8, false) => gather(bytes, step, out, f64::from_le_bytes),
        (8, true) => gather(bytes, step, out, f64::from_be_bytes),
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

    #[test]
    fn every_nan_is_written_with_the_same_bits() {
        let mut bytes = [0; 16];
        put_reals(8, &[-f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)], &mut bytes);
        assert_eq!(bytes.as_chunks::<8>().0, [NAN.to_le_bytes(); 2]);
        put_reals(4, &[-f64::NAN, f64::from_bits(0xfff0_0000_0000_0001)], &mut bytes[..8]);
        assert_eq!(bytes[..8].as_chunks::<4>().0, [NAN_SINGLE.to_le_bytes(); 2]);
    }
}
