//! Arithmetic of integers, which wraps, and logic of truth values, which are 0 and 1.
//!
//! With NumPy's results: quotients are rounded down, remainders have the sign of the divisor, and both are 0
//! where the divisor is.

use serde::{Deserialize, Serialize};

use crate::kernel::elementwise::loops::{map, zip};
use crate::kernel::isa::forms;

/// An operation on one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IntegerUnary {
    /// `-value`, wrapping: that of the least integer is itself.
    Negate,
    /// The magnitude, wrapping: that of the least integer is itself.
    Absolute,
    /// -1, 0 or 1.
    Sign,
    /// `value * value`, wrapping.
    Square,
    /// All bits flipped: `-1 - value`.
    Invert,
    /// Of 0 and 1 the other; 0 of all else.
    Not,
    /// 0 of 0, and 1 of all else.
    ToBool,
}

/// An operation on two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IntegerBinary {
    /// `left + right`, wrapping.
    Add,
    /// `left - right`, wrapping.
    Subtract,
    /// `left * right`, wrapping.
    Multiply,
    /// `left / right`, rounded down; 0 when `right` is; wrapping, for the least integer by -1.
    FloorDivide,
    /// `left - right * floor(left / right)`, of the sign of `right`; 0 when `right` is.
    Remainder,
    /// `left` to the power `right`, wrapping; 0 for a negative `right`.
    Power,
    /// The lesser.
    Minimum,
    /// The greater.
    Maximum,
    /// The bits that both have.
    And,
    /// The bits that one of them has.
    Or,
    /// The bits that differ.
    Xor,
}

forms! {
    /// Replaces each element by `op value`.
    pub fn integer_unary(op: IntegerUnary, values: &mut [i64]) = unary_body;
}

forms! {
    /// Replaces each element of `left` by `left op right`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn integer_binary(op: IntegerBinary, left: &mut [i64], right: &[i64]) = binary_body;
}

forms! {
    /// Replaces each element of `left` by `left op right`, with one value on the right.
    pub fn integer_binary_scalar(op: IntegerBinary, left: &mut [i64], right: i64) = binary_scalar_body;
}

forms! {
    /// Replaces each element of `right` by `left op right`, with one value on the left.
    pub fn integer_scalar_binary(op: IntegerBinary, left: i64, right: &mut [i64]) = scalar_binary_body;
}

#[inline(always)]
fn unary_body(op: IntegerUnary, values: &mut [i64]) {
    match op {
        IntegerUnary::Negate => map(values, i64::wrapping_neg),
        IntegerUnary::Absolute => map(values, i64::wrapping_abs),
        IntegerUnary::Sign => map(values, i64::signum),
        IntegerUnary::Square => map(values, |value| value.wrapping_mul(value)),
        IntegerUnary::Invert => map(values, |value| !value),
        IntegerUnary::Not => map(values, |value| i64::from(value == 0)),
        IntegerUnary::ToBool => map(values, |value| i64::from(value != 0)),
    }
}

/// Runs `$body` with `$function` standing for the operation, so that each has a loop of its own.
macro_rules! with_function {
    ($op:expr, $function:ident => $body:expr) => {
        match $op {
            IntegerBinary::Add => with_function!(@ $function, i64::wrapping_add, $body),
            IntegerBinary::Subtract => with_function!(@ $function, i64::wrapping_sub, $body),
            IntegerBinary::Multiply => with_function!(@ $function, i64::wrapping_mul, $body),
            IntegerBinary::FloorDivide => with_function!(@ $function, floor_divide, $body),
            IntegerBinary::Remainder => with_function!(@ $function, remainder, $body),
            IntegerBinary::Power => with_function!(@ $function, power, $body),
            IntegerBinary::Minimum => with_function!(@ $function, i64::min, $body),
            IntegerBinary::Maximum => with_function!(@ $function, i64::max, $body),
            IntegerBinary::And => with_function!(@ $function, |left: i64, right: i64| left & right, $body),
            IntegerBinary::Or => with_function!(@ $function, |left: i64, right: i64| left | right, $body),
            IntegerBinary::Xor => with_function!(@ $function, |left: i64, right: i64| left ^ right, $body),
        }
    };
    (@ $function:ident, $chosen:expr, $body:expr) => {{
        let $function = $chosen;
        $body
    }};
}

#[inline(always)]
fn binary_body(op: IntegerBinary, left: &mut [i64], right: &[i64]) {
    with_function!(op, function => zip(left, right, function));
}

#[inline(always)]
fn binary_scalar_body(op: IntegerBinary, left: &mut [i64], right: i64) {
    with_function!(op, function => map(left, |left| function(left, right)));
}

#[inline(always)]
fn scalar_binary_body(op: IntegerBinary, left: i64, right: &mut [i64]) {
    with_function!(op, function => map(right, |right| function(left, right)));
}

#[inline(always)]
fn floor_divide(left: i64, right: i64) -> i64 {
    if right == 0 {
        return 0;
    }
    let quotient = left.wrapping_div(right);
    let exact = quotient.wrapping_mul(right) == left;
    if !exact && (left < 0) != (right < 0) { quotient - 1 } else { quotient }
}

#[inline(always)]
fn remainder(left: i64, right: i64) -> i64 {
    if right == 0 {
        return 0;
    }
    let rest = left.wrapping_rem(right);
    if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest }
}

#[inline(always)]
fn power(left: i64, right: i64) -> i64 {
    if right < 0 {
        return 0;
    }
    let (mut result, mut square, mut exponent) = (1i64, left, right);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        exponent >>= 1;
    }
    result
}
