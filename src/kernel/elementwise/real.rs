//! Functions of reals, and arithmetic rounded once and never fused.
//!
//! Functions without a source in `elementary` are `libm`'s, portable software in one fixed version; nothing is
//! the platform's but what IEEE 754 leaves no choice in. Largest errors of those found, in ulp: cbrt 0.50, tan
//! 0.80, arcsin 0.80, arccos 0.90, arctan 0.75, power 0.81, arctan2 1.37, hypot 1.00. Single precision is the
//! caller's: it rounds after each operation.

use serde::{Deserialize, Serialize};

use crate::kernel::elementary;
use crate::kernel::elementwise::loops::{map, zip};
use crate::kernel::isa::forms;

/// An operation on one real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RealUnary {
    /// `-value`; flips the sign of zeros and NaNs too.
    Negate,
    /// The magnitude.
    Absolute,
    /// -1, 0 or 1; 0 of both zeros, NaN of NaN.
    Sign,
    /// `value * value`
    Square,
    /// The square root.
    Sqrt,
    /// The cube root.
    Cbrt,
    /// e to the power `value`.
    Exp,
    /// e to the power `value`, less 1.
    Expm1,
    /// The natural logarithm.
    Log,
    /// The natural logarithm of `1 + value`.
    Log1p,
    /// The logarithm to base 2.
    Log2,
    /// The logarithm to base 10.
    Log10,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// The tangent.
    Tan,
    /// The inverse of the sine.
    Arcsin,
    /// The inverse of the cosine.
    Arccos,
    /// The inverse of the tangent.
    Arctan,
    /// The hyperbolic sine.
    Sinh,
    /// The hyperbolic cosine.
    Cosh,
    /// The hyperbolic tangent.
    Tanh,
    /// Rounded down.
    Floor,
    /// Rounded up.
    Ceil,
    /// Rounded to nearest, halves to even.
    Round,
    /// Without the fraction.
    Trunc,
    /// `1 / value`
    Reciprocal,
    /// Rounded to single precision.
    ToSingle,
}

/// An operation on two reals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RealBinary {
    /// `left + right`
    Add,
    /// `left - right`
    Subtract,
    /// `left * right`
    Multiply,
    /// `left / right`
    Divide,
    /// The quotient rounded down, consistent with the remainder; `left / right` by zero.
    FloorDivide,
    /// What the rounded quotient leaves, of the sign of `right`; NaN by zero.
    Remainder,
    /// `left` to the power `right`. `x * x` for 2, `1 / x` for -1 and the square root for 0.5, which is NumPy's
    /// choice where the exponent is one number.
    Power,
    /// The lesser: NaN if there is one, and -0.0 of two zeros.
    Minimum,
    /// The greater: NaN if there is one, and +0.0 of two zeros.
    Maximum,
    /// The angle of the point (`right`, `left`).
    Arctan2,
    /// The distance of the point (`left`, `right`) from the origin, which does not overflow on the way.
    Hypot,
}

forms! {
    /// Replaces each element by `op value`.
    pub fn real_unary(op: RealUnary, values: &mut [f64]) = unary_body;
}

forms! {
    /// Replaces each element of `left` by `left op right`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn real_binary(op: RealBinary, left: &mut [f64], right: &[f64]) = binary_body;
}

forms! {
    /// Replaces each element of `left` by `left op right`, with one value on the right.
    pub fn real_binary_scalar(op: RealBinary, left: &mut [f64], right: f64) = binary_scalar_body;
}

forms! {
    /// Replaces each element of `right` by `left op right`, with one value on the left.
    pub fn real_scalar_binary(op: RealBinary, left: f64, right: &mut [f64]) = scalar_binary_body;
}

#[inline(always)]
fn unary_body(op: RealUnary, values: &mut [f64]) {
    match op {
        RealUnary::Negate => map(values, |value| -value),
        RealUnary::Absolute => map(values, f64::abs),
        RealUnary::Sign => map(values, sign),
        RealUnary::Square => map(values, |value| value * value),
        RealUnary::Sqrt => map(values, f64::sqrt),
        RealUnary::Cbrt => map(values, libm::cbrt),
        RealUnary::Exp => map(values, elementary::exp),
        RealUnary::Expm1 => map(values, elementary::expm1),
        RealUnary::Log => map(values, elementary::log),
        RealUnary::Log1p => map(values, elementary::log1p),
        RealUnary::Log2 => map(values, elementary::log2),
        RealUnary::Log10 => map(values, elementary::log10),
        RealUnary::Sin => turns(values, elementary::fine_sin, elementary::sin),
        RealUnary::Cos => turns(values, elementary::fine_cos, elementary::cos),
        RealUnary::Tan => map(values, libm::tan),
        RealUnary::Arcsin => map(values, libm::asin),
        RealUnary::Arccos => map(values, libm::acos),
        RealUnary::Arctan => map(values, libm::atan),
        RealUnary::Sinh => map(values, elementary::sinh),
        RealUnary::Cosh => map(values, elementary::cosh),
        RealUnary::Tanh => map(values, elementary::tanh),
        RealUnary::Floor => map(values, f64::floor),
        RealUnary::Ceil => map(values, f64::ceil),
        RealUnary::Round => map(values, f64::round_ties_even),
        RealUnary::Trunc => map(values, f64::trunc),
        RealUnary::Reciprocal => map(values, f64::recip),
        RealUnary::ToSingle => map(values, |value| f64::from(value as f32)),
    }
}

/// Sines or cosines: `fine` in all lanes where none is large, else one by one.
#[inline(always)]
fn turns(values: &mut [f64], fine: impl Fn(f64) -> f64, any: fn(f64) -> f64) {
    for part in values.chunks_mut(128) {
        let large = part.iter().fold(0, |large, value| large | u64::from(value.abs() > elementary::COARSE));
        if large == 0 { map(part, &fine) } else { one_by_one(part, any) }
    }
}

#[cold]
#[inline(never)]
fn one_by_one(values: &mut [f64], function: fn(f64) -> f64) {
    map(values, function);
}

/// Runs `$body` with `$function` standing for the operation, so that each has a loop of its own.
macro_rules! with_function {
    ($op:expr, $function:ident => $body:expr) => {
        match $op {
            RealBinary::Add => with_function!(@ $function, |left: f64, right: f64| left + right, $body),
            RealBinary::Subtract => with_function!(@ $function, |left: f64, right: f64| left - right, $body),
            RealBinary::Multiply => with_function!(@ $function, |left: f64, right: f64| left * right, $body),
            RealBinary::Divide => with_function!(@ $function, |left: f64, right: f64| left / right, $body),
            RealBinary::FloorDivide => with_function!(@ $function, floor_divide, $body),
            RealBinary::Remainder => with_function!(@ $function, remainder, $body),
            RealBinary::Power => with_function!(@ $function, power, $body),
            RealBinary::Minimum => with_function!(@ $function, minimum, $body),
            RealBinary::Maximum => with_function!(@ $function, maximum, $body),
            RealBinary::Arctan2 => with_function!(@ $function, libm::atan2, $body),
            RealBinary::Hypot => with_function!(@ $function, libm::hypot, $body),
        }
    };
    (@ $function:ident, $chosen:expr, $body:expr) => {{
        let $function = $chosen;
        $body
    }};
}

#[inline(always)]
fn binary_body(op: RealBinary, left: &mut [f64], right: &[f64]) {
    with_function!(op, function => zip(left, right, function));
}

#[inline(always)]
fn binary_scalar_body(op: RealBinary, left: &mut [f64], right: f64) {
    match op {
        // A loop without a question about the exponent.
        RealBinary::Power if right == 2.0 => unary_body(RealUnary::Square, left),
        _ => with_function!(op, function => map(left, |left| function(left, right))),
    }
}

#[inline(always)]
fn scalar_binary_body(op: RealBinary, left: f64, right: &mut [f64]) {
    with_function!(op, function => map(right, |right| function(left, right)));
}

#[inline(always)]
fn sign(value: f64) -> f64 {
    let positive = if value > 0.0 { 1.0 } else { 0.0 };
    let sign = if value < 0.0 { -1.0 } else { positive };
    if value.is_nan() { value } else { sign }
}

#[inline(always)]
fn minimum(left: f64, right: f64) -> f64 {
    // Two equal values, which differ at most in the sign of zero, or of which one is NaN, come out of the
    // comparisons one each; the bits of both together are -0.0, or NaN.
    let one = if left < right { left } else { right };
    let other = if right < left { right } else { left };
    f64::from_bits(one.to_bits() | other.to_bits())
}

#[inline(always)]
fn maximum(left: f64, right: f64) -> f64 {
    -minimum(-left, -right)
}

#[inline(always)]
fn power(left: f64, right: f64) -> f64 {
    if right == 2.0 {
        left * left
    } else if right == 0.5 {
        left.sqrt()
    } else if right == -1.0 {
        1.0 / left
    } else {
        libm::pow(left, right)
    }
}

/// The quotient of a real that is not divided by zero, rounded down, and the remainder.
fn divide_down(left: f64, right: f64) -> (f64, f64) {
    // Exact, unlike a remainder taken from a rounded quotient.
    let rest = libm::fmod(left, right);
    let borrows = rest != 0.0 && (rest < 0.0) != (right < 0.0);
    let quotient = (left - rest) / right - if borrows { 1.0 } else { 0.0 };
    // Nearly an integer already: rounding down could miss it by one.
    let floor = quotient.floor();
    let floor = if quotient - floor > 0.5 { floor + 1.0 } else { floor };
    let quotient = if quotient == 0.0 { 0f64.copysign(left / right) } else { floor };
    let rest = if borrows { rest + right } else { rest };
    (quotient, if rest == 0.0 { 0f64.copysign(right) } else { rest })
}

fn floor_divide(left: f64, right: f64) -> f64 {
    if right == 0.0 { left / right } else { divide_down(left, right).0 }
}

fn remainder(left: f64, right: f64) -> f64 {
    if right == 0.0 { f64::NAN } else { divide_down(left, right).1 }
}
