//! Reductions: over which axes, in which dtype, and what is known of empty arrays.

use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Expr, Operation, Reduction, ReductionKind};
use crate::array::make::fold;
use crate::array::shape::{Shape, axes_within};
use crate::error::{Error, Result};

impl Expr {
    /// The operand without the axes it is reduced over, which `keepdims` keeps with extent 1. None means all.
    ///
    /// Sums and products of truth values are int64; means, variances and standard deviations of integers are
    /// float64, and of float32 are float32. Whether all, any, how many: of elements that are not 0.
    pub fn reduce(
        reduction: Reduction,
        operand: &Expr,
        axes: Option<&[i128]>,
        keepdims: bool,
    ) -> Result<Expr> {
        let ndim = operand.shape().ndim();
        let axes = axes_within(axes, ndim)?;
        if matches!(reduction.kind, ReductionKind::ArgMin | ReductionKind::ArgMax)
            && axes.len() > 1
            && axes.len() < ndim
        {
            return Err(Error::refused(format!("`{}` over {} axes", reduction.name(), axes.len()))
                .hint("it goes over one axis, or over all"));
        }
        let (taken, gives) = dtypes(reduction.kind, operand.dtype());
        let operand = operand.cast(taken)?;
        let reduction = Reduction { skip_nan: reduction.skip_nan && taken.is_real(), ..reduction };
        let (shape, kept) = shapes(operand.shape(), &axes)?;
        let result = if axes.is_empty() {
            // Every element by itself: along an axis of its own.
            node(reduction, &operand.with_axis(ndim)?, vec![ndim], shape, gives)?
        } else {
            node(reduction, &operand, axes, shape, gives)?
        };
        if keepdims { result.with_shape(kept) } else { Ok(result) }
    }

    /// The number of elements in each element of a reduction over these axes.
    pub(super) fn count_over(&self, axes: Option<&[i128]>) -> Result<u64> {
        let extents = self.shape().extents();
        Ok(axes_within(axes, extents.len())?
            .into_iter()
            .fold(1_u64, |count, axis| count.saturating_mul(extents[axis])))
    }
}

fn node(reduction: Reduction, operand: &Expr, axes: Vec<usize>, shape: Shape, dtype: DType) -> Result<Expr> {
    if operand.shape().size() == 0 {
        return of_nothing(reduction, operand, &axes, shape, dtype);
    }
    let kept = operand.chunks().iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    let chunks = kept.map(|(_, chunks)| chunks.clone()).collect();
    Expr::upon(Operation::Reduce(reduction, axes, operand.clone()), shape, dtype, chunks)
}

/// The result's shape without the axes, and with them kept at extent 1.
pub(super) fn shapes(shape: &Shape, axes: &[usize]) -> Result<(Shape, Shape)> {
    let extents = shape.extents().iter().copied().enumerate();
    let without = extents.clone().filter(|(axis, _)| !axes.contains(axis)).map(|(_, extent)| extent);
    let kept = extents.map(|(axis, extent)| if axes.contains(&axis) { 1 } else { extent });
    Ok((Shape::new(without.collect())?, Shape::new(kept.collect())?))
}

/// The dtype in which the operand is taken, and that of the result.
fn dtypes(kind: ReductionKind, dtype: DType) -> (DType, DType) {
    let number = dtype.max(DType::I64);
    match kind {
        ReductionKind::Sum | ReductionKind::Product => (number, number),
        ReductionKind::Mean | ReductionKind::Var { .. } | ReductionKind::Std { .. } => {
            (number, if number == DType::I64 { DType::F64 } else { number })
        }
        ReductionKind::Min | ReductionKind::Max => (dtype, dtype),
        ReductionKind::ArgMin | ReductionKind::ArgMax => (dtype, DType::I64),
        ReductionKind::Any | ReductionKind::All => (DType::Bool, DType::Bool),
        ReductionKind::CountNonzero => (DType::Bool, DType::I64),
    }
}

/// What the reduction of an empty array gives; those without a value for nothing are refused.
fn of_nothing(
    reduction: Reduction,
    operand: &Expr,
    axes: &[usize],
    shape: Shape,
    dtype: DType,
) -> Result<Expr> {
    let value = match reduction.kind {
        ReductionKind::Sum => Scalar::Float(0.0),
        ReductionKind::Product => Scalar::Float(1.0),
        ReductionKind::Mean | ReductionKind::Var { .. } | ReductionKind::Std { .. } => {
            Scalar::Float(f64::NAN)
        }
        ReductionKind::Any => Scalar::Bool(false),
        ReductionKind::All => Scalar::Bool(true),
        ReductionKind::CountNonzero => Scalar::Int(0),
        ReductionKind::Min | ReductionKind::Max | ReductionKind::ArgMin | ReductionKind::ArgMax => {
            if axes.iter().any(|&axis| operand.shape().extents()[axis] == 0) {
                return Err(without_identity(reduction.kind, operand.shape()));
            }
            // No element of the result: its value does not matter.
            Scalar::Int(0)
        }
    };
    if shape.ndim() == 0 {
        // Not a Python number, which would take the dtype of the arrays it meets.
        let value = fold::rounded(value, dtype);
        return Ok(Expr::source(Operation::Full(value), shape, dtype, Vec::new()));
    }
    Expr::filled(value, shape, dtype)
}

fn without_identity(kind: ReductionKind, shape: &Shape) -> Error {
    let error = match kind {
        ReductionKind::ArgMin => Error::refused("attempt to get argmin of an empty sequence"),
        ReductionKind::ArgMax => Error::refused("attempt to get argmax of an empty sequence"),
        ReductionKind::Min => {
            Error::refused("zero-size array to reduction operation minimum which has no identity")
        }
        _ => Error::refused("zero-size array to reduction operation maximum which has no identity"),
    };
    error.hint(format!("the array's shape is {shape}"))
}
