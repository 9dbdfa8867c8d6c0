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
    pub fn select_real(condition: &[i64], left: &mut [f64], right: &[f64]) = select_real_body;
}

forms! {
    /// Replaces each element of `left` by that of `right` where the condition is 0.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn select_integer(condition: &[i64], left: &mut [i64], right: &[i64]) = select_integer_body;
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
    let inside = (-LIMIT..LIMIT).contains(&value);
    let bounded = if inside { value } else { -LIMIT };
    #[expect(unsafe_code, reason = "a checked conversion keeps loops from converting several lanes at once")]
    // SAFETY: `bounded` is neither NaN nor out of the range of i64.
    unsafe {
        bounded.to_int_unchecked()
    }
}

#[inline(always)]
fn to_bool_body(from: &[f64], out: &mut [i64]) {
    write(from, out, |value| i64::from(value != 0.0));
}

#[inline(always)]
fn select_real_body(condition: &[i64], left: &mut [f64], right: &[f64]) {
    select(condition, left, right, |mask, left, right| {
        f64::from_bits((left.to_bits() & mask) | (right.to_bits() & !mask))
    });
}

#[inline(always)]
fn select_integer_body(condition: &[i64], left: &mut [i64], right: &[i64]) {
    select(condition, left, right, |mask, left, right| (left & mask as i64) | (right & !mask as i64));
}

/// Calls `choose` with all bits where the left one is wanted, and none where the right one is.
#[inline(always)]
fn select<T: Copy>(condition: &[i64], left: &mut [T], right: &[T], choose: impl Fn(u64, T, T) -> T) {
    assert_eq!(left.len(), right.len(), "operands differ in length");
    assert_eq!(left.len(), condition.len(), "operands and condition differ in length");
    for ((left, right), condition) in left.iter_mut().zip(right).zip(condition) {
        *left = choose(u64::from(*condition != 0).wrapping_neg(), *left, *right);
    }
}
