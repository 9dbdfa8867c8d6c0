//! The last step of an exact reduction: a rational number, or its root, rounded once to the nearest double.
//!
//! Integer arithmetic throughout; ties go to even, subnormal and overflowing results are those of IEEE 754.

use num_bigint::BigUint;

/// Bits kept before the rounding: the mantissa's 53, one to round by, and room to spare.
const KEPT_BITS: i64 = 64;

/// `numerator / denominator * 2^exponent`, rounded. The denominator must not be zero.
pub(super) fn quotient(numerator: &BigUint, denominator: &BigUint, exponent: i64) -> f64 {
    let shift = KEPT_BITS + denominator.bits() as i64 - numerator.bits() as i64;
    let (numerator, denominator) = shifted(numerator, denominator, shift);
    let quotient = &numerator / &denominator;
    let inexact = &quotient * &denominator != numerator;
    nearest(&quotient, inexact, exponent - shift)
}

/// The square root of `numerator / denominator * 2^exponent`, rounded. The denominator must not be zero.
pub(super) fn root_of_quotient(numerator: &BigUint, denominator: &BigUint, exponent: i64) -> f64 {
    let shift = 2 * KEPT_BITS + denominator.bits() as i64 - numerator.bits() as i64;
    let shift = shift + (exponent - shift).rem_euclid(2);
    let (numerator, denominator) = shifted(numerator, denominator, shift);
    let root = (&numerator / &denominator).sqrt();
    let inexact = &root * &root * &denominator != numerator;
    nearest(&root, inexact, (exponent - shift) / 2)
}

/// The same ratio times 2^shift.
fn shifted(numerator: &BigUint, denominator: &BigUint, shift: i64) -> (BigUint, BigUint) {
    let distance = shift.unsigned_abs();
    if shift >= 0 {
        (numerator << distance, denominator.clone())
    } else {
        (numerator.clone(), denominator << distance)
    }
}

/// `mantissa * 2^exponent`, with something below the last bit of the mantissa if `inexact`, rounded.
///
/// An inexact mantissa must have more than 54 bits.
fn nearest(mantissa: &BigUint, inexact: bool, exponent: i64) -> f64 {
    let bits = mantissa.bits() as i64;
    // The exponent of the result's last bit: 53 bits in all, or fewer for a subnormal.
    let last = (exponent + bits - 53).max(-1074);
    let drop = last - exponent;
    if drop <= 0 {
        let mantissa = mantissa << drop.unsigned_abs();
        return assemble(low_word(&mantissa), last);
    }
    let kept: BigUint = mantissa >> drop.unsigned_abs();
    let dropped = mantissa - (&kept << drop.unsigned_abs());
    let half = BigUint::from(1u32) << (drop.unsigned_abs() - 1);
    let kept = low_word(&kept);
    let up = dropped > half || dropped == half && (inexact || kept % 2 == 1);
    assemble(kept + u64::from(up), last)
}

/// `mantissa * 2^last` for a mantissa of at most 2^53 that fits.
fn assemble(mantissa: u64, last: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    if last > 971 || last == 971 && mantissa == 1 << 53 {
        return f64::INFINITY;
    }
    // The implicit bit, if there is one, adds 1 to the exponent field; so does a mantissa rounded up to 2^53.
    f64::from_bits((((last + 1074) as u64) << 52) + mantissa)
}

fn low_word(value: &BigUint) -> u64 {
    value.iter_u64_digits().next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(value: u64) -> BigUint {
        BigUint::from(value)
    }

    #[test]
    fn quotients_of_small_integers_are_those_of_ieee_division() {
        for numerator in 0..60u64 {
            for denominator in 1..60u64 {
                let expected = numerator as f64 / denominator as f64;
                assert_eq!(quotient(&big(numerator), &big(denominator), 0), expected);
                let root = root_of_quotient(&big(numerator * numerator), &big(denominator * denominator), 0);
                assert_eq!(root, expected);
                assert_eq!(root_of_quotient(&big(numerator), &big(1), 0), (numerator as f64).sqrt());
            }
        }
    }

    #[test]
    fn subnormal_and_huge_results_are_rounded_at_their_own_last_bit() {
        assert_eq!(quotient(&big(1), &big(2), -1074), 0.0);
        assert_eq!(quotient(&big(3), &big(4), -1074), 5e-324);
        assert_eq!(quotient(&big(3), &big(2), -1074), 1e-323);
        assert_eq!(quotient(&big((1 << 53) - 1), &big(2), -1074), f64::MIN_POSITIVE);
        assert_eq!(quotient(&big((1 << 53) - 1), &big(1), 971), f64::MAX);
        assert_eq!(quotient(&big((1 << 54) - 1), &big(2), 971), f64::INFINITY);
        assert_eq!(quotient(&big(1), &big(1), 1024), f64::INFINITY);
        assert_eq!(root_of_quotient(&big(1), &big(1), -2148), 5e-324);
        assert_eq!(root_of_quotient(&big(1), &big(1), 2047), 2f64.powi(1023) * 2f64.sqrt());
    }
}
