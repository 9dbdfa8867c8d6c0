//! Sums of products: `dot` of vectors and matrices, by broadcasting and an exact sum.

use crate::array::dtype::DType;
use crate::array::expr::{Binary, Expr, Reduction, ReductionKind};
use crate::error::{Error, Result};

impl Expr {
    /// The product of vectors and matrices: the last axis of the first meets the first axis of the second.
    /// With a number, elementwise. Each product is rounded, their sum is exact.
    pub fn dot(left: &Expr, right: &Expr) -> Result<Expr> {
        let (a, b) = (left.shape(), right.shape());
        if a.ndim() == 0 || b.ndim() == 0 {
            return Expr::binary(Binary::Multiply, left, right);
        }
        if a.ndim() > 2 || b.ndim() > 2 {
            return Err(Error::refused(format!("dot of arrays of shapes {a} and {b}"))
                .hint("it takes numbers, and arrays of one or two axes"));
        }
        let (met, meeting) = (a.extents()[a.ndim() - 1], b.extents()[0]);
        if met != meeting {
            return Err(Error::refused(format!(
                "shapes {a} and {b} not aligned: {met} (dim {}) != {meeting} (dim 0)",
                a.ndim() - 1
            ))
            .hint("the last axis of the first has the extent of the first axis of the second"));
        }
        match (a.ndim(), b.ndim()) {
            (1, 1) => sum_of_products(left, right, 0),
            (2, 1) => sum_of_products(left, right, 1),
            (1, _) => sum_of_products(&left.with_axis(1)?, right, 0),
            _ => matrices(left, right),
        }
    }
}

/// `(m, k)` by `(k, n)`. The axes are ordered so that the outermost one is the longest: the work is cut there.
fn matrices(left: &Expr, right: &Expr) -> Result<Expr> {
    let (outer, met, inner) =
        (left.shape().extents()[0], right.shape().extents()[0], right.shape().extents()[1]);
    if met > outer.max(inner) {
        return sum_of_products(&left.transpose(None)?.with_axis(2)?, &right.with_axis(1)?, 0);
    }
    sum_of_products(&left.with_axis(2)?, right, 1)
}

fn sum_of_products(left: &Expr, right: &Expr, axis: i128) -> Result<Expr> {
    let products = Expr::binary(Binary::Multiply, left, right)?;
    // Of truth values, products are "and" and their sum is "or".
    let kind = if products.dtype() == DType::Bool { ReductionKind::Any } else { ReductionKind::Sum };
    Expr::reduce(Reduction { kind, skip_nan: false }, &products, Some(&[axis]), false)
}
