//! Operations on each element of a slice, in place: arithmetic, comparisons, functions, conversions, selection.
//!
//! Two kinds of slices: `f64`, and `i64`, which also holds truth values as 0 and 1. One operation is one call
//! for a block, so that its name is looked at once and the loop inside is free of it. An operand that is one
//! number gives the same bits as a slice full of it. Broadcasting, and the evaluation of expressions, are done
//! above this room. `tests/elementwise.rs` holds all operations against NumPy and many-digit arithmetic.

mod compare;
mod convert;
mod integer;
mod loops;
mod real;

pub use compare::{
    Comparison, RealTest, integer_compare, integer_compare_scalar, real_compare, real_compare_scalar,
    real_test,
};
pub use convert::{select_integer, select_real, to_bool, to_integer, to_real, to_single};
pub use integer::{
    IntegerBinary, IntegerUnary, integer_binary, integer_binary_scalar, integer_scalar_binary, integer_unary,
};
pub use real::{RealBinary, RealUnary, real_binary, real_binary_scalar, real_scalar_binary, real_unary};

#[cfg(test)]
mod tests;
