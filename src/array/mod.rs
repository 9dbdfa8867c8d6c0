//! Arrays as a user describes them: shape, lazy expressions, their Rust API, and the results.
//!
//! Nothing is computed here. Expression text becomes an [`Expr`] in `text`; [`Array`] builds the same
//! from Rust. How an expression is cut into passes and tasks is `plan`'s business.

mod expr;
mod handle;
pub mod random;
mod repr;
mod shape;
mod text;
mod value;

pub use expr::{Binary, Distribution, Expr, Operation, Random, Reduction};
pub use handle::Array;
pub use shape::{Chunks, Shape};
pub use text::{Definitions, parse};
pub use value::Value;
