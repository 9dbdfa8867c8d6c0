//! Arrays as a user describes them: shape, lazy expressions, their Rust API, and the results.
//!
//! Nothing is computed here. Expression text becomes an [`Expr`] in `text`; [`Array`] builds the same
//! from Rust. How an expression is cut into passes and tasks is `plan`'s business.

mod chunks;
mod cut;
mod dtype;
mod expr;
mod handle;
mod make;
mod names;
pub mod random;
mod repr;
mod shape;
mod stored;
mod text;
mod value;

pub use chunks::{AxisChunk, Chunks};
pub use cut::AxisChunks;
pub use dtype::{DType, Scalar};
pub use expr::{AxisIndex, Binary, Bins, Expr, Operation, Reduction, ReductionKind, Scan, Unary, View};
pub use handle::{Array, Axes, arange, concatenate, full, linspace, ones, stack, zeros};
pub use make::{HistogramBins, Index};
pub use random::{Distribution, Random};
pub use shape::Shape;
pub use stored::{Files, Format, Kind, Part, Stored, Target};
pub use text::{Definitions, Parsed, parse, resize};
pub use value::{ArrayValue, Data, Value};
