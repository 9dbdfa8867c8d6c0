//! Inner loops on slices: random numbers, elementwise operations, accumulators of reductions.
//!
//! Everything here is a pure function of its arguments: no shapes, no I/O, no clock, no platform maths.
//! Each hot loop has one portable source, compiled three times (`isa`), and gives the same bits each time.
//! `tests/numbers.rs` holds the numbers against an independent reference in Python.

pub mod accumulate;
pub mod elementary;
pub mod elementwise;
mod exact;
pub mod isa;
pub mod program;
pub mod quantile;
pub mod random;
pub mod rows;

pub use isa::Isa;
pub use random::{Distribution, Key};

/// Elements in a block: the unit in which random numbers are seeded and loops are written.
pub const BLOCK: usize = 1024;
