//! Slices are taken before reductions and elementwise work rather than after, so that nothing is computed that
//! nobody reads.

use crate::array::{AxisIndex, Expr, Index, Operation, View};
use crate::error::Result;

/// The same values by a simpler way, where there is one: a slice of something that a reduction made.
pub(super) fn pushed(expr: &Expr) -> Result<Option<Expr>> {
    let Operation::View(View::Slice(axes), operand) = expr.operation() else { return Ok(None) };
    let empty = axes.iter().any(|axis| matches!(axis, AxisIndex::Range { count: 0, .. }));
    if empty || !reduces(operand) {
        return Ok(None);
    }
    slice(operand, axes)
}

/// Whether a reduction to an array is reached through elementwise work alone.
fn reduces(expr: &Expr) -> bool {
    match expr.operation() {
        _ if expr.is_number() => false,
        Operation::Reduce(..) => true,
        Operation::Unary(..) | Operation::Binary(..) | Operation::Where(..) | Operation::Cast(..) => {
            expr.operands().into_iter().any(reduces)
        }
        _ => false,
    }
}

fn slice(expr: &Expr, axes: &[AxisIndex]) -> Result<Option<Expr>> {
    let inner = |operand: &Expr| -> Result<Expr> {
        if operand.is_number() {
            return Ok(operand.clone());
        }
        Expr::slice(operand, &indices(axes))
    };
    Ok(Some(match expr.operation() {
        Operation::Unary(operation, operand) => Expr::unary(*operation, &inner(operand)?)?,
        Operation::Binary(operation, left, right) => Expr::binary(*operation, &inner(left)?, &inner(right)?)?,
        Operation::Where(condition, left, right) => {
            Expr::choose(&inner(condition)?, &inner(left)?, &inner(right)?)?
        }
        Operation::Cast(operand) => Expr::cast(&inner(operand)?, expr.dtype())?,
        Operation::Reduce(reduction, reduced, operand) => {
            let mut kept = axes.iter().copied();
            let ndim = operand.shape().ndim();
            let mut all = Vec::with_capacity(ndim);
            let mut gone = 0;
            let mut left = Vec::new();
            for axis in 0..ndim {
                if reduced.contains(&axis) {
                    let count = operand.shape().extents()[axis];
                    all.push(AxisIndex::Range { start: 0, step: 1, count });
                    left.push((axis - gone) as i128);
                } else {
                    let index = kept.next().expect("a slice names every axis that is kept");
                    gone += usize::from(matches!(index, AxisIndex::Index(_)));
                    all.push(index);
                }
            }
            Expr::reduce(*reduction, &Expr::slice(operand, &indices(&all))?, Some(&left), false)?
        }
        _ => return Ok(None),
    }))
}

/// The slice as it would be written.
fn indices(axes: &[AxisIndex]) -> Vec<Index> {
    axes.iter()
        .map(|axis| match *axis {
            AxisIndex::Index(at) => Index::At(i128::from(at)),
            AxisIndex::Range { start, step, count } => {
                let start = i128::from(start);
                let stop = start + i128::from(step) * i128::from(count);
                // A negative end would count from the back.
                let stop = (stop >= 0).then_some(stop);
                Index::Slice { start: Some(start), stop, step: Some(i128::from(step)) }
            }
        })
        .collect()
}
