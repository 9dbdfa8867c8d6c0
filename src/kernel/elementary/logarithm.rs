//! log, and what differs from it in the last steps: log1p, log2 and log10.
//!
//! x = 2^power * (1 + f): the logarithm of 1 + f is a series, whose first terms are kept apart until the last
//! rounding. Largest errors found against 110 and more bits: log 0.85 ulp in 1.6 million points of 0 to 2.2; and
//! in some 150,000 of the whole range log1p 0.82, log2 0.78, log10 0.65.

use crate::kernel::elementary::{LN_2_HIGH, LN_2_LOW, ROUNDER};

/// Near-minimax coefficients of (2 atanh(s) / s - 2) / s^2 in s^2 for |s| < 0.1716, highest power first.
const LOG: [f64; 8] = [
    0.13086767009948175,
    0.13268759668560612,
    0.15386240205813478,
    0.18181795630884753,
    0.2222222239180047,
    0.2857142857080323,
    0.4000000000000088,
    0.6666666666666666,
];

/// 1 / ln 2, 1 / ln 10 and log10 2: the upper 31, 31 and 41 bits, and the rest.
const INVERSE_LN_2: [f64; 2] = [1.442695040255785, 6.331784189566044e-10];
const INVERSE_LN_10: [f64; 2] = [0.43429448176175356, 1.414982685385801e-10];
const LOG10_2: [f64; 2] = [0.30102999566383914, 1.42050232272661e-13];

/// Below, the natural logarithm of 1 + x is x.
const TINY: f64 = 1.0 / 36_028_797_018_963_968.0;

/// The natural logarithm of `x`; NaN below zero.
#[inline(always)]
pub fn log(x: f64) -> f64 {
    let Parts { power, f, half, rest } = parts(x);
    limited(x, power * LN_2_HIGH - ((half - (rest + power * LN_2_LOW)) - f))
}

/// The natural logarithm of `1 + x`; NaN below -1.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    // What the rounding of the sum leaves out, of the larger operand first.
    let lost = if x > 1.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) };
    let Parts { power, f, half, rest } = parts(sum);
    let value = power * LN_2_HIGH - ((half - (rest + (power * LN_2_LOW + lost / sum))) - f);
    if x.abs() < TINY { x } else { limited(sum, value) }
}

/// The logarithm of `x` to base 2; NaN below zero.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    let Parts { power, f, half, rest } = parts(x);
    let (high, low) = split(f, half, rest);
    let product = high * INVERSE_LN_2[0];
    let sum = power + product;
    let small = (low + high) * INVERSE_LN_2[1] + low * INVERSE_LN_2[0];
    limited(x, sum + (small + ((power - sum) + product)))
}

/// The logarithm of `x` to base 10; NaN below zero.
#[inline(always)]
pub fn log10(x: f64) -> f64 {
    let Parts { power, f, half, rest } = parts(x);
    let (high, low) = split(f, half, rest);
    let product = high * INVERSE_LN_10[0];
    let first = power * LOG10_2[0];
    let sum = first + product;
    let small = power * LOG10_2[1] + ((low + high) * INVERSE_LN_10[1] + low * INVERSE_LN_10[0]);
    limited(x, sum + (small + ((first - sum) + product)))
}

/// log x = power * ln 2 + f - (half - rest), where half = f^2 / 2.
struct Parts {
    power: f64,
    f: f64,
    half: f64,
    rest: f64,
}

/// The parts of a finite `x` above zero.
#[inline(always)]
fn parts(x: f64) -> Parts {
    let subnormal = x < f64::MIN_POSITIVE;
    let normal = if subnormal { x * 18_014_398_509_481_984.0 } else { x };
    let adjust = if subnormal { -54.0 } else { 0.0 };
    // normal = 2^power * mantissa with the mantissa in [sqrt(1/2), sqrt(2)).
    let bits = normal.to_bits();
    let power = (bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64) >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((power as u64) << 52));
    let power = f64::from_bits((ROUNDER.to_bits() as i64).wrapping_add(power) as u64) - ROUNDER + adjust;
    // log(1 + f) = f - (f*f/2 - s * (f*f/2 + R(s*s))) with s = f / (2 + f).
    let f = mantissa - 1.0;
    let s = f / (2.0 + f);
    let square = s * s;
    let series = square * LOG.iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
    let half = 0.5 * f * f;
    Parts { power, f, half, rest: s * (half + series) }
}

/// `f - half + rest` as two parts; the first has so few bits that its products with 31 bits are exact.
#[inline(always)]
fn split(f: f64, half: f64, rest: f64) -> (f64, f64) {
    let high = f64::from_bits((f - half).to_bits() & (u64::MAX << 32));
    (high, ((f - high) - half) + rest)
}

/// The value, but for an `x` that has no finite logarithm.
#[inline(always)]
fn limited(x: f64, value: f64) -> f64 {
    let value = if x == f64::INFINITY { f64::INFINITY } else { value };
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    if x >= 0.0 { value } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_function() {
        assert_eq!(log(1.0).to_bits(), 0);
        assert_eq!(log(0.0), f64::NEG_INFINITY);
        assert_eq!(log(-0.0), f64::NEG_INFINITY);
        assert_eq!(log(f64::INFINITY), f64::INFINITY);
        assert!(log(-1.0).is_nan() && log(f64::NAN).is_nan());
    }

    #[test]
    fn functions_like_log_have_its_limits() {
        for function in [log2, log10] {
            assert_eq!(function(1.0).to_bits(), 0);
            assert_eq!([function(0.0), function(-0.0)], [f64::NEG_INFINITY; 2]);
            assert_eq!(function(f64::INFINITY), f64::INFINITY);
            assert!(function(-5e-324).is_nan() && function(f64::NAN).is_nan());
        }
        assert_eq!([log1p(-1.0), log1p(f64::INFINITY)], [f64::NEG_INFINITY, f64::INFINITY]);
        assert!(log1p((-1.0f64).next_up()).is_finite() && log1p(f64::MAX).is_finite());
        assert!(log1p((-1.0f64).next_down()).is_nan());
        assert!(log1p(f64::NEG_INFINITY).is_nan() && log1p(f64::NAN).is_nan());
        for x in [0.0, -0.0, 5e-324, -1e-300] {
            assert_eq!(log1p(x).to_bits(), x.to_bits(), "{x}");
        }
    }

    #[test]
    fn values_are_frozen() {
        for (x, bits) in [
            (0.1, 0xc002_6bb1_bbb5_5515),
            (0.7059, 0xbfd6_4a3f_4e01_4155),
            (0.999, 0xbf50_6467_0d97_9b73),
            (1.4, 0x3fd5_88c2_d913_348e),
            (1e-320, 0xc087_069e_3078_e52d),
            (1e300, 0x4085_9634_47f8_7fb5),
        ] {
            assert_eq!(log(x).to_bits(), bits, "log({x})");
        }
    }
}
