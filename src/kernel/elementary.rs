//! exp and log from + - * / and integer operations alone, so that every machine computes the same bits.
//!
//! One branch-free source each, in a fixed order of operations, never fused. Largest errors found against
//! 110-bit values: exp 0.81 ulp in 1.2 million points of -9 to 0.36, log 0.85 ulp in 1.6 million of 0 to 2.2;
//! `tests/numbers.rs` takes fresh samples of the whole range. The bits are frozen by golden values: samplers
//! draw through these functions.

/// Adding and subtracting 1.5 * 2^52 rounds to an integer, and leaves that integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The upper 32 bits of ln 2, so that small multiples are exact, and the rest.
const LN_2_HIGH: f64 = 0.6931471803691238;
const LN_2_LOW: f64 = 1.9082149292705877e-10;

/// 1/k! for k = 13, 12, .., 2.
const EXP: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

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

/// e to the power `x`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let bounded = if x > 710.0 { 710.0 } else { x };
    let bounded = if bounded < -746.0 { -746.0 } else { bounded };
    let shifted = bounded * std::f64::consts::LOG2_E + ROUNDER;
    let power = shifted - ROUNDER;
    // bounded = power * ln 2 + rest + correction
    let high = bounded - power * LN_2_HIGH;
    let low = power * LN_2_LOW;
    let rest = high - low;
    let correction = (high - rest) - low;
    let series = EXP.iter().fold(0.0, |sum, coefficient| sum * rest + coefficient);
    let mantissa = 1.0 + (rest + (rest * rest * series + (correction + correction * rest)));
    // In two steps, as 2^power itself may be out of range. NaN comes through the mantissa.
    let power = (shifted.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
    let half = power >> 1;
    mantissa * power_of_two(half) * power_of_two(power.wrapping_sub(half))
}

/// The natural logarithm of `x`; NaN below zero.
#[inline(always)]
pub fn log(x: f64) -> f64 {
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
    let value = power * LN_2_HIGH - ((half - (s * (half + series) + power * LN_2_LOW)) - f);
    let value = if x == f64::INFINITY { f64::INFINITY } else { value };
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    if x >= 0.0 { value } else { f64::NAN }
}

#[inline(always)]
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits((exponent.wrapping_add(1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_functions() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(f64::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(709.8), f64::INFINITY);
        assert_eq!(exp(-745.2), 0.0);
        assert_eq!(exp(-745.0), 5e-324);
        assert!(exp(f64::NAN).is_nan());
        assert_eq!(log(1.0).to_bits(), 0);
        assert_eq!(log(0.0), f64::NEG_INFINITY);
        assert_eq!(log(-0.0), f64::NEG_INFINITY);
        assert_eq!(log(f64::INFINITY), f64::INFINITY);
        assert!(log(-1.0).is_nan() && log(f64::NAN).is_nan());
    }

    #[test]
    fn values_are_frozen() {
        for (x, bits) in [
            (-0.1, 0x3fec_f46d_99d5_2b3a),
            (-3.7, 0x3f99_511f_c687_1044),
            (-8.9, 0x3f21_e073_f522_3b27),
            (1.5, 0x4011_ed3f_e64f_c541),
            (700.0, 0x7f0d_945d_f4f8_ec8e),
            (-744.0, 2),
        ] {
            assert_eq!(exp(x).to_bits(), bits, "exp({x})");
        }
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
