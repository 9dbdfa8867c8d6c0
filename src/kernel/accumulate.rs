//! Accumulators: mergeable summaries of values, each for any number of outputs.
//!
//! Each takes runs (all values go to one output) and rows (a value for each of several outputs, again and
//! again), in any order and split, and merges with others of its kind. What comes out depends on the values
//! alone. The exact numbers below sums are in `exact`; the tests of what is sent and of sums are in
//! `tests/exact.rs`, those against a reference in Python in `tests/numbers.rs`.

mod arg_extrema;
mod counts;
mod extrema;
mod histogram;
mod integer_moments;
mod integers;
mod layout;
mod moments;
mod products;
mod sums;
mod wire;

pub use arg_extrema::{ArgExtrema, IntegerArgExtrema};
pub use counts::Counts;
pub use extrema::{Extrema, IntegerExtrema};
pub use histogram::{Histogram, even_edges};
pub use integer_moments::IntegerMoments;
pub use integers::{IntegerProducts, IntegerSums};
pub use moments::Moments;
pub use products::Products;
pub use sums::Sums;

pub use crate::kernel::exact::rounding::Precision;
