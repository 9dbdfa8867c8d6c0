//! The exact sum and the exact sum of squares: mean, variance and standard deviation, each rounded once.

use num_bigint::{BigInt, BigUint, Sign};
use serde::{Deserialize, Serialize};

use crate::kernel::Isa;
use crate::kernel::exact::kernels::SQUARES_WIDTH;
use crate::kernel::exact::limbs::{Canonical, Limbs};
use crate::kernel::exact::window::Window;
use crate::kernel::exact::{ExactSum, kernels, rounding};

/// The exact sum of doubles and the exact sum of their squares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct ExactMoments {
    sum: ExactSum,
    squares: Limbs,
    /// Where the next values are expected; of no influence on the sum of squares.
    window: Window<SQUARES_WIDTH>,
}

impl PartialEq for ExactMoments {
    fn eq(&self, other: &ExactMoments) -> bool {
        self.sum == other.sum && self.squares == other.squares
    }
}

impl ExactMoments {
    /// Adds values, in any number.
    pub fn add(&mut self, isa: Isa, values: &[f64]) {
        self.sum.add(isa, values);
        self.window.add(isa, values, &mut self.squares, kernels::sum_of_squares, |squares, value| {
            if value.is_finite() {
                squares.add_square(value);
            }
        });
    }

    /// Adds what another has gathered.
    pub fn merge(&mut self, other: &ExactMoments) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// The sum of the values.
    pub fn sum(&self) -> &ExactSum {
        &self.sum
    }

    /// The sum divided by `count`; NaN if `count` is zero.
    pub fn mean(&self, count: u64) -> f64 {
        self.sum.mean(count)
    }

    /// The variance of `count` values with `ddof` degrees of freedom taken off:
    /// (n Q - S^2) / (n (n - ddof)) for sum S and sum of squares Q. NaN unless `count` exceeds `ddof`, and NaN
    /// if a value was not finite.
    pub fn variance(&self, count: u64, ddof: u64) -> f64 {
        self.finish(count, ddof, rounding::quotient)
    }

    /// The square root of the exact variance, rounded once; NaN as [`variance`](Self::variance) is.
    pub fn standard_deviation(&self, count: u64, ddof: u64) -> f64 {
        self.finish(count, ddof, rounding::root_of_quotient)
    }

    fn finish(&self, count: u64, ddof: u64, round: fn(&BigUint, &BigUint, i64) -> f64) -> f64 {
        if count <= ddof || self.sum.special.value().is_some() {
            return f64::NAN;
        }
        let (sum, sum_exponent) = self.sum.limbs.canonical().magnitude();
        let (squares, exponent) = self.squares.canonical().magnitude();
        let (left, left_exponent) = (squares * count, exponent);
        let (right, right_exponent) = (&sum * &sum, 2 * sum_exponent);
        let exponent = left_exponent.min(right_exponent);
        let left = BigInt::from(left << (left_exponent - exponent).unsigned_abs());
        let right = BigInt::from(right << (right_exponent - exponent).unsigned_abs());
        // Negative only if `count` is not the number of values added; there is no variance to tell then.
        let (sign, numerator) = (left - right).into_parts();
        if sign == Sign::Minus {
            return f64::NAN;
        }
        round(&numerator, &(BigUint::from(count) * (count - ddof)), exponent)
    }
}

/// What is sent of moments.
#[derive(Serialize, Deserialize)]
struct Wire {
    sum: ExactSum,
    squares: Canonical,
}

impl From<ExactMoments> for Wire {
    fn from(moments: ExactMoments) -> Wire {
        Wire { squares: moments.squares.canonical(), sum: moments.sum }
    }
}

impl TryFrom<Wire> for ExactMoments {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<ExactMoments, &'static str> {
        if wire.squares.negative {
            return Err("a sum of squares is negative");
        }
        Ok(ExactMoments { sum: wire.sum, squares: wire.squares.into_limbs()?, window: Window::default() })
    }
}
