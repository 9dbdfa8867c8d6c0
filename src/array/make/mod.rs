//! Checked constructors of [`Expr`]: NumPy's rules for dtypes, shapes and axes, and its words for refusals.
//!
//! One file for each kind of operation. Everything else in the crate takes an `Expr` for meaningful because
//! it was made here.

mod elementwise;
mod fold;
mod index;
mod joins;
mod products;
mod reductions;
mod sources;
mod statistics;
mod views;
#[cfg(test)]
mod tests;

pub use index::Index;
pub use statistics::HistogramBins;
