//! Comparisons and tests, whose results are 0 or 1.
//!
//! Of reals as IEEE has them: nothing compares with NaN but by `!=`, and the two zeros are equal.

use serde::{Deserialize, Serialize};

use crate::kernel::elementwise::loops::{map, write, zip};
use crate::kernel::isa::forms;

/// A comparison of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Comparison {
    /// `left < right`
    Less,
    /// `left <= right`
    LessEqual,
    /// `left == right`
    Equal,
    /// `left != right`
    NotEqual,
    /// `left > right`
    Greater,
    /// `left >= right`
    GreaterEqual,
}

/// A question about one real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RealTest {
    /// Whether it is a NaN.
    IsNan,
    /// Whether it is neither a NaN nor infinite.
    IsFinite,
    /// Whether it is infinite.
    IsInf,
}

forms! {
    /// Writes whether `left op right`, as 0 or 1.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn real_compare(op: Comparison, left: &[f64], right: &[f64], out: &mut [i64]) = real_compare_body;
}

forms! {
    /// Writes whether `left op right`, as 0 or 1, with one value on the right.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn real_compare_scalar(op: Comparison, left: &[f64], right: f64, out: &mut [i64]) =
        real_compare_scalar_body;
}

forms! {
    /// Writes the answer for each value, as 0 or 1.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn real_test(op: RealTest, values: &[f64], out: &mut [i64]) = real_test_body;
}

forms! {
    /// Replaces each element of `left` by whether `left op right`, as 0 or 1.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn integer_compare(op: Comparison, left: &mut [i64], right: &[i64]) = integer_compare_body;
}

forms! {
    /// Replaces each element of `left` by whether `left op right`, as 0 or 1, with one value on the right.
    pub fn integer_compare_scalar(op: Comparison, left: &mut [i64], right: i64) = integer_compare_scalar_body;
}

/// Runs `$body` with `$test` standing for the comparison, so that each has a loop of its own.
macro_rules! with_test {
    ($op:expr, $test:ident: $type:ty => $body:expr) => {
        match $op {
            Comparison::Less => with_test!(@ $test, |left: $type, right: $type| i64::from(left < right), $body),
            Comparison::LessEqual => {
                with_test!(@ $test, |left: $type, right: $type| i64::from(left <= right), $body)
            }
            Comparison::Equal => with_test!(@ $test, |left: $type, right: $type| i64::from(left == right), $body),
            Comparison::NotEqual => {
                with_test!(@ $test, |left: $type, right: $type| i64::from(left != right), $body)
            }
            Comparison::Greater => with_test!(@ $test, |left: $type, right: $type| i64::from(left > right), $body),
            Comparison::GreaterEqual => {
                with_test!(@ $test, |left: $type, right: $type| i64::from(left >= right), $body)
            }
        }
    };
    (@ $test:ident, $chosen:expr, $body:expr) => {{
        let $test = $chosen;
        $body
    }};
}

#[inline(always)]
fn real_compare_body(op: Comparison, left: &[f64], right: &[f64], out: &mut [i64]) {
    assert_eq!(left.len(), right.len(), "operands differ in length");
    assert_eq!(left.len(), out.len(), "operands and result differ in length");
    with_test!(op, test: f64 => {
        for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
            *out = test(*left, *right);
        }
    });
}

#[inline(always)]
fn real_compare_scalar_body(op: Comparison, left: &[f64], right: f64, out: &mut [i64]) {
    with_test!(op, test: f64 => write(left, out, |left| test(left, right)));
}

#[inline(always)]
fn integer_compare_body(op: Comparison, left: &mut [i64], right: &[i64]) {
    with_test!(op, test: i64 => zip(left, right, test));
}

#[inline(always)]
fn integer_compare_scalar_body(op: Comparison, left: &mut [i64], right: i64) {
    with_test!(op, test: i64 => map(left, |left| test(left, right)));
}

#[inline(always)]
fn real_test_body(op: RealTest, values: &[f64], out: &mut [i64]) {
    match op {
        RealTest::IsNan => write(values, out, |value| i64::from(value.is_nan())),
        RealTest::IsFinite => write(values, out, |value| i64::from(value.is_finite())),
        RealTest::IsInf => write(values, out, |value| i64::from(value.is_infinite())),
    }
}
