//! Inner loops on slices: random numbers, elementwise operations, exact sums, extrema.
//!
//! Everything here is a pure function of its arguments: no shapes, no I/O, no clock, no platform maths.
//! Each hot loop has one portable source, compiled three times (`isa`), and gives the same bits each time.
//! `tests/numbers.rs` holds the numbers against an independent reference in Python.

pub mod elementary;
pub mod elementwise;
pub mod exact;
pub mod extrema;
pub mod isa;
pub mod random;

pub use exact::{ExactMoments, ExactSum};
pub use extrema::Extrema;
pub use isa::Isa;
pub use random::{Distribution, Key};

/// Elements in a block: the unit in which random numbers are seeded and loops are written.
pub const BLOCK: usize = 1024;
