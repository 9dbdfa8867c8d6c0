//! Elementary functions from + - * / and integer operations alone, so that every machine computes the same bits.
//!
//! One branch-free source each, in a fixed order of operations, never fused: a loop of it computes as many
//! values at once as the CPU can. Each file states the largest errors found; `tests/numbers.rs` and
//! `tests/elementwise.rs` take fresh samples of the whole range. The bits are frozen by golden values, here
//! and beside `elementwise`: samplers draw through these functions.

mod exponential;
mod logarithm;
mod trigonometric;

pub use exponential::{cosh, exp, expm1, sinh, tanh};
pub use logarithm::{log, log1p, log2, log10};
pub(in crate::kernel) use trigonometric::{COARSE, fine_cos, fine_sin};
pub use trigonometric::{cos, sin};

/// Adding and subtracting 1.5 * 2^52 rounds to an integer, and leaves that integer in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The upper 32 bits of ln 2, so that small multiples are exact, and the rest.
const LN_2_HIGH: f64 = 0.6931471803691238;
const LN_2_LOW: f64 = 1.9082149292705877e-10;
