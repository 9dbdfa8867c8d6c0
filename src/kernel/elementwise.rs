//! Operations on each element: IEEE arithmetic, rounded once, never fused.
//!
//! Loops on slices in place; broadcasting and the evaluation of expressions are done above this room.

use serde::{Deserialize, Serialize};

use crate::kernel::isa::forms;

/// An operation on two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// `left + right`
    Add,
    /// `left - right`
    Subtract,
    /// `left * right`
    Multiply,
    /// `left / right`
    Divide,
}

/// An operation on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    /// `-value`; flips the sign of zeros and NaNs too.
    Negate,
}

forms! {
    /// Replaces each element of `left` by `left op right`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn binary(op: Binary, left: &mut [f64], right: &[f64]) = binary_body;
}

forms! {
    /// Replaces each element of `left` by `left op right`, with one value on the right.
    pub fn binary_scalar(op: Binary, left: &mut [f64], right: f64) = binary_scalar_body;
}

forms! {
    /// Replaces each element of `right` by `left op right`, with one value on the left.
    pub fn scalar_binary(op: Binary, left: f64, right: &mut [f64]) = scalar_binary_body;
}

forms! {
    /// Replaces each element by `op value`.
    pub fn unary(op: Unary, values: &mut [f64]) = unary_body;
}

#[inline(always)]
fn binary_body(op: Binary, left: &mut [f64], right: &[f64]) {
    assert_eq!(left.len(), right.len(), "operands differ in length");
    match op {
        Binary::Add => zip(left, right, |left, right| left + right),
        Binary::Subtract => zip(left, right, |left, right| left - right),
        Binary::Multiply => zip(left, right, |left, right| left * right),
        Binary::Divide => zip(left, right, |left, right| left / right),
    }
}

#[inline(always)]
fn binary_scalar_body(op: Binary, left: &mut [f64], right: f64) {
    match op {
        Binary::Add => map(left, |left| left + right),
        Binary::Subtract => map(left, |left| left - right),
        Binary::Multiply => map(left, |left| left * right),
        Binary::Divide => map(left, |left| left / right),
    }
}

#[inline(always)]
fn scalar_binary_body(op: Binary, left: f64, right: &mut [f64]) {
    match op {
        Binary::Add => map(right, |right| left + right),
        Binary::Subtract => map(right, |right| left - right),
        Binary::Multiply => map(right, |right| left * right),
        Binary::Divide => map(right, |right| left / right),
    }
}

#[inline(always)]
fn unary_body(op: Unary, values: &mut [f64]) {
    match op {
        Unary::Negate => map(values, |value| -value),
    }
}

#[inline(always)]
fn map(values: &mut [f64], function: impl Fn(f64) -> f64) {
    for value in values {
        *value = function(*value);
    }
}

#[inline(always)]
fn zip(left: &mut [f64], right: &[f64], function: impl Fn(f64, f64) -> f64) {
    for (left, right) in left.iter_mut().zip(right) {
        *left = function(*left, *right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;

    const SPECIAL: [f64; 9] =
        [0.0, -0.0, 1.5, -3.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, f64::MAX];

    fn reference(op: Binary, left: f64, right: f64) -> f64 {
        match op {
            Binary::Add => left + right,
            Binary::Subtract => left - right,
            Binary::Multiply => left * right,
            Binary::Divide => left / right,
        }
    }

    fn assert_same(actual: &[f64], expected: &[f64]) {
        for (actual, expected) in actual.iter().zip(expected) {
            assert!(actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan());
        }
    }

    #[test]
    fn every_form_of_every_operation_equals_the_scalar_operation() {
        let left: Vec<f64> = SPECIAL.iter().flat_map(|left| [*left; SPECIAL.len()]).collect();
        let right: Vec<f64> = SPECIAL.repeat(SPECIAL.len());
        for isa in Isa::available() {
            for op in [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide] {
                let expected: Vec<f64> =
                    left.iter().zip(&right).map(|(l, r)| reference(op, *l, *r)).collect();
                let mut actual = left.clone();
                binary(isa, op, &mut actual, &right);
                assert_same(&actual, &expected);
                for scalar in SPECIAL {
                    let mut actual = left.clone();
                    binary_scalar(isa, op, &mut actual, scalar);
                    assert_same(&actual, &left.iter().map(|l| reference(op, *l, scalar)).collect::<Vec<_>>());
                    let mut actual = right.clone();
                    scalar_binary(isa, op, scalar, &mut actual);
                    assert_same(
                        &actual,
                        &right.iter().map(|r| reference(op, scalar, *r)).collect::<Vec<_>>(),
                    );
                }
            }
        }
    }

    #[test]
    fn negate_flips_the_sign_of_zero() {
        for isa in Isa::available() {
            let mut values = [0.0, 2.0];
            unary(isa, Unary::Negate, &mut values);
            assert_eq!(values.map(f64::to_bits), [(-0.0f64).to_bits(), (-2.0f64).to_bits()]);
        }
    }
}
