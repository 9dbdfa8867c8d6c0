//! Conversions between reals and integers, and the choice between two operands.

use crate::kernel::elementwise::loops::write;
use crate::kernel::isa::forms;

forms! {
    /// Writes each integer as a real, rounded to nearest.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn to_real(from: &[i64], out: &mut [f64]) = to_real_body;
}

forms! {
    /// Writes each integer as a real of single precision: rounded to nearest, once.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn to_single(from: &[i64], out: &mut [f64]) = to_single_body;
}

forms! {
    /// Writes each real as an integer, without its fraction. Those out of range, and NaN, become `i64::MIN`,
    /// as x86 and NumPy there have it.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn to_integer(from: &[f64], out: &mut [i64]) = to_integer_body;
}

forms! {
    /// Writes 0 for zeros and 1 for all else, NaN too.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn to_bool(from: &[f64], out: &mut [i64]) = to_bool_body;
}

forms! {
    /// Replaces each element of `left` by that of `right` where the condition is 0.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn select_real(condition: &[i64], left: &mut [f64], right: &[f64]) = select;
}

forms! {
    /// Replaces each element of `left` by that of `right` where the condition is 0.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn select_integer(condition: &[i64], left: &mut [i64], right: &[i64]) = select;
}

#[inline(always)]
fn to_real_body(from: &[i64], out: &mut [f64]) {
    write(from, out, |value| value as f64);
}

#[inline(always)]
fn to_single_body(from: &[i64], out: &mut [f64]) {
    write(from, out, |value| f64::from(value as f32));
}

#[inline(always)]
fn to_integer_body(from: &[f64], out: &mut [i64]) {
    write(from, out, truncated);
}

#[inline(always)]
fn truncated(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

#[inline(always)]
fn to_bool_body(from: &[f64], out: &mut [i64]) {
    write(from, out, |value| i64::from(value != 0.0));
}

#[inline(always)]
fn select<T: Copy>(condition: &[i64], left: &mut [T], right: &[T]) {
    assert_eq!(left.len(), right.len(), "operands differ in length");
    assert_eq!(left.len(), condition.len(), "operands and condition differ in length");
    for ((left, right), condition) in left.iter_mut().zip(right).zip(condition) {
        *left = if *condition == 0 { *right } else { *left };
    }
}
