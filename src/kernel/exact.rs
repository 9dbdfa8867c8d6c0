//! The machinery of exact sums: numbers that no order, split or instruction set can change, rounded once.
//!
//! [`cells`] keeps one exact number for each output, in a fixed window of bits (`cell`) and, where exponents
//! force it, in words for all of them (`limbs`). Values get there by blocks (`window`, one output) or by rows
//! (`columns`, one output for each element), with the loops in `kernels`. `rounding` finishes, in fixed words
//! where they suffice (`short`).
//! What is gathered with it is in `accumulate`; its tests are in `tests/exact.rs`.

mod canonical;
mod cell;
pub(in crate::kernel) mod cells;
pub(in crate::kernel) mod columns;
mod kernels;
pub(in crate::kernel) mod limbs;
mod number;
pub(in crate::kernel) mod rounding;
pub(in crate::kernel) mod short;
pub(in crate::kernel) mod special;
mod window;

pub(in crate::kernel) use canonical::Canonical;
pub(in crate::kernel) use number::Number;

/// The exponent of the least bit of all exact numbers, below the square of the smallest double.
const ORIGIN: i32 = -2176;
/// Sign, integer mantissa, and the exponent of the mantissa's least bit, of a finite double.
#[inline(always)]
pub(in crate::kernel) fn parts(value: f64) -> (bool, u64, i32) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    (bits >> 63 == 1, mantissa, exponent.max(1) - 1075)
}
