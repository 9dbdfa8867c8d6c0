//! What the constructors make, against NumPy's rules written down once more, and what they refuse.

mod dtypes;
mod elements;
mod refusals;
mod statistics;

use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::Expr;
use crate::array::shape::Shape;

fn shape(extents: &[u64]) -> Shape {
    Shape::new(extents.to_vec()).unwrap()
}

/// An array of this shape; which one does not matter.
fn array(extents: &[u64], dtype: DType) -> Expr {
    Expr::full(Scalar::Int(1), shape(extents), dtype, &Chunks::Automatic).unwrap()
}

/// A number that is computed.
fn number(dtype: DType) -> Expr {
    array(&[3], dtype).slice(&[0.into()]).unwrap()
}

fn int(value: i64) -> Expr {
    Expr::scalar(Scalar::Int(value))
}

fn float(value: f64) -> Expr {
    Expr::scalar(Scalar::Float(value))
}
