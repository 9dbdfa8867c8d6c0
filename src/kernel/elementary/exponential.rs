//! exp.
//!
//! Largest error found against 110-bit values: 0.81 ulp in 1.2 million points of -9 to 0.36.

use crate::kernel::elementary::{LN_2_HIGH, LN_2_LOW, ROUNDER};

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

#[inline(always)]
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits((exponent.wrapping_add(1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_function() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(f64::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(709.8), f64::INFINITY);
        assert_eq!(exp(-745.2), 0.0);
        assert_eq!(exp(-745.0), 5e-324);
        assert!(exp(f64::NAN).is_nan());
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
    }
}
