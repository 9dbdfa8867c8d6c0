//! The last step of an exact reduction: a rational number, or its root, rounded once to double or single.
//!
//! Integer arithmetic throughout; ties go to even, subnormal and overflowing results are those of IEEE 754.

use num_bigint::{BigInt, BigUint, Sign};
use serde::{Deserialize, Serialize};

use crate::kernel::exact::special::Special;
use crate::kernel::exact::{Number, short};

/// What a result is rounded to, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// A 32-bit float, returned as the double of the same value.
    Single,
    /// A double.
    Double,
}

impl Precision {
    /// Bits of a mantissa.
    fn bits(self) -> i64 {
        match self {
            Precision::Single => 24,
            Precision::Double => 53,
        }
    }

    /// The exponent of the least subnormal, and that of the greatest number's last bit.
    fn exponents(self) -> (i64, i64) {
        match self {
            Precision::Single => (-149, 104),
            Precision::Double => (-1074, 971),
        }
    }
}

/// Bits kept before the rounding: the mantissa's 53, one to round by, and room to spare.
const KEPT_BITS: i64 = 64;

/// `numerator / denominator * 2^exponent`, rounded. The denominator must not be zero.
pub(super) fn quotient(
    numerator: &BigUint,
    denominator: &BigUint,
    exponent: i64,
    precision: Precision,
) -> f64 {
    let shift = KEPT_BITS + denominator.bits() as i64 - numerator.bits() as i64;
    let (numerator, denominator) = shifted(numerator, denominator, shift);
    let quotient = &numerator / &denominator;
    let inexact = &quotient * &denominator != numerator;
    nearest(&quotient, inexact, exponent - shift, precision)
}

/// The square root of `numerator / denominator * 2^exponent`, rounded. The denominator must not be zero.
fn root_of_quotient(numerator: &BigUint, denominator: &BigUint, exponent: i64, precision: Precision) -> f64 {
    let shift = 2 * KEPT_BITS + denominator.bits() as i64 - numerator.bits() as i64;
    let shift = shift + (exponent - shift).rem_euclid(2);
    let (numerator, denominator) = shifted(numerator, denominator, shift);
    let root = (&numerator / &denominator).sqrt();
    let inexact = &root * &root * &denominator != numerator;
    nearest(&root, inexact, (exponent - shift) / 2, precision)
}

/// A sum divided by `divisor`, which must not be zero, or what values that are not finite make of it.
pub(in crate::kernel) fn divided(special: Special, sum: &Number, divisor: u64, precision: Precision) -> f64 {
    special.value().unwrap_or_else(|| match sum {
        Number::Short(sum) => sum.divided(divisor, precision),
        Number::Long(sum) => {
            let (magnitude, exponent) = sum.magnitude();
            let value = quotient(&magnitude, &BigUint::from(divisor), exponent, precision);
            if sum.negative { -value } else { value }
        }
    })
}

/// As `nearest`, of a mantissa of more than 54 bits.
pub(super) fn nearest_of_word(mantissa: u64, inexact: bool, exponent: i64, precision: Precision) -> f64 {
    let bits = 64 - i64::from(mantissa.leading_zeros());
    let last = (exponent + bits - precision.bits()).max(precision.exponents().0);
    let drop = last - exponent;
    if drop > 64 {
        return 0.0;
    }
    let kept = u128::from(mantissa) >> drop;
    let (dropped, half) = (u128::from(mantissa) - (kept << drop), 1_u128 << (drop - 1));
    let up = dropped > half || dropped == half && (inexact || kept % 2 == 1);
    assemble(kept as u64 + u64::from(up), last, precision)
}

/// What is made of a variance: itself or its root, rounded.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) enum Spread {
    Variance,
    StandardDeviation,
}

/// The variance (n Q - S^2) / (n (n - ddof)) of n = `count` values with sum S and sum of squares Q. NaN unless
/// `count` exceeds `ddof`.
pub(in crate::kernel) fn spread(
    sum: &Number,
    squares: &Number,
    (count, ddof): (u64, u64),
    precision: Precision,
    spread: Spread,
) -> f64 {
    if count <= ddof {
        return f64::NAN;
    }
    if let (Number::Short(sum), Number::Short(squares)) = (sum, squares)
        && let Some(value) = short::spread(sum, squares, (count, ddof), precision, spread)
    {
        return value;
    }
    long_spread(sum.magnitude(), squares.magnitude(), (count, ddof), precision, spread)
}

/// As `spread`, of magnitudes of any size and the exponents of their least bits.
pub(super) fn long_spread(
    (sum, sum_exponent): (BigUint, i64),
    (squares, exponent): (BigUint, i64),
    (count, ddof): (u64, u64),
    precision: Precision,
    spread: Spread,
) -> f64 {
    let (left, right) = (squares * count, &sum * &sum);
    let (left_exponent, right_exponent) = (exponent, 2 * sum_exponent);
    let exponent = left_exponent.min(right_exponent);
    let left = BigInt::from(left << (left_exponent - exponent).unsigned_abs());
    let right = BigInt::from(right << (right_exponent - exponent).unsigned_abs());
    // Negative only if `count` is not the number of values added; there is no variance to tell then.
    let (sign, numerator) = (left - right).into_parts();
    if sign == Sign::Minus {
        return f64::NAN;
    }
    let denominator = BigUint::from(count) * (count - ddof);
    match spread {
        Spread::Variance => quotient(&numerator, &denominator, exponent, precision),
        Spread::StandardDeviation => root_of_quotient(&numerator, &denominator, exponent, precision),
    }
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
pub(in crate::kernel) fn nearest(
    mantissa: &BigUint,
    inexact: bool,
    exponent: i64,
    precision: Precision,
) -> f64 {
    let bits = mantissa.bits() as i64;
    // The exponent of the result's last bit: as many bits as it has in all, or fewer for a subnormal.
    let last = exponent.saturating_add(bits - precision.bits()).max(precision.exponents().0);
    let drop = last.saturating_sub(exponent);
    if drop <= 0 {
        let mantissa = mantissa << drop.unsigned_abs();
        return assemble(low_word(&mantissa), last, precision);
    }
    if drop > bits + 1 {
        return 0.0;
    }
    let kept: BigUint = mantissa >> drop.unsigned_abs();
    let dropped = mantissa - (&kept << drop.unsigned_abs());
    let half = BigUint::from(1u32) << (drop.unsigned_abs() - 1);
    let kept = low_word(&kept);
    let up = dropped > half || dropped == half && (inexact || kept % 2 == 1);
    assemble(kept + u64::from(up), last, precision)
}

/// `mantissa * 2^last` for a mantissa of at most 2^bits that fits.
fn assemble(mantissa: u64, last: i64, precision: Precision) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let (_, greatest) = precision.exponents();
    if last > greatest || last == greatest && mantissa == 1 << precision.bits() {
        return f64::INFINITY;
    }
    // The mantissa as a double of at most 53 bits, times a power of two in two exact steps.
    let half = last / 2;
    mantissa as f64 * power_of_two(half) * power_of_two(last - half)
}

/// 2^exponent, for exponents of normal doubles.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

fn low_word(value: &BigUint) -> u64 {
    value.iter_u64_digits().next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::kernel::exact::rounding::Precision::{Double, Single};

    fn big(value: u64) -> BigUint {
        BigUint::from(value)
    }

    #[test]
    fn quotients_of_small_integers_are_those_of_ieee_division() {
        for numerator in 0..60u64 {
            for denominator in 1..60u64 {
                let expected = numerator as f64 / denominator as f64;
                assert_eq!(quotient(&big(numerator), &big(denominator), 0, Double), expected);
                let root =
                    root_of_quotient(&big(numerator * numerator), &big(denominator * denominator), 0, Double);
                assert_eq!(root, expected);
                assert_eq!(root_of_quotient(&big(numerator), &big(1), 0, Double), (numerator as f64).sqrt());
                let single = numerator as f32 / denominator as f32;
                assert_eq!(quotient(&big(numerator), &big(denominator), 0, Single), f64::from(single));
                let root = f64::from((numerator as f32).sqrt());
                assert_eq!(root_of_quotient(&big(numerator), &big(1), 0, Single), root);
            }
        }
    }

    #[test]
    fn subnormal_and_huge_results_are_rounded_at_their_own_last_bit() {
        assert_eq!(quotient(&big(1), &big(2), -1074, Double), 0.0);
        assert_eq!(quotient(&big(3), &big(4), -1074, Double), 5e-324);
        assert_eq!(quotient(&big(3), &big(2), -1074, Double), 1e-323);
        assert_eq!(quotient(&big((1 << 53) - 1), &big(2), -1074, Double), f64::MIN_POSITIVE);
        assert_eq!(quotient(&big((1 << 53) - 1), &big(1), 971, Double), f64::MAX);
        assert_eq!(quotient(&big((1 << 54) - 1), &big(2), 971, Double), f64::INFINITY);
        assert_eq!(quotient(&big(1), &big(1), 1024, Double), f64::INFINITY);
        assert_eq!(root_of_quotient(&big(1), &big(1), -2148, Double), 5e-324);
        assert_eq!(root_of_quotient(&big(1), &big(1), 2047, Double), 2f64.powi(1023) * 2f64.sqrt());
    }

    #[test]
    fn singles_are_rounded_once_and_not_by_way_of_doubles() {
        let tie_but_for_a_bit = big(1 << 60 | 1 << 36 | 1);
        let by_doubles = f64::from((1u64 << 60 | 1 << 36 | 1) as f64 as f32);
        let once = nearest(&tie_but_for_a_bit, false, 0, Single);
        assert_eq!(once, f64::from((1u64 << 60 | 1 << 36 | 1) as f32));
        assert_ne!(once, by_doubles);
        assert_eq!(nearest(&big(1), false, -150, Single), 0.0);
        assert_eq!(nearest(&big(3), false, -151, Single), f64::from(f32::from_bits(1)));
        assert_eq!(nearest(&big((1 << 24) - 1), false, 104, Single), f64::from(f32::MAX));
        assert_eq!(nearest(&big((1 << 25) - 1), false, 103, Single), f64::INFINITY);
    }
}
