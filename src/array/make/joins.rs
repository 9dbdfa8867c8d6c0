//! Arrays after one another, and what runs along an axis: joins, scans, differences.

use crate::array::cut::AxisChunks;
use crate::array::dtype::DType;
use crate::array::expr::{Binary, Expr, Operation, Scan};
use crate::array::make::elementwise::finest;
use crate::array::shape::{Shape, axis_within};
use crate::error::{Error, Result};

impl Expr {
    /// The arrays one after the other along an axis they have.
    pub fn concatenate(parts: &[Expr], axis: i128) -> Result<Expr> {
        let Some(first) = parts.first() else {
            return Err(nothing_to("concatenate"));
        };
        if parts.iter().any(Expr::is_number) {
            return Err(Error::refused("zero-dimensional arrays cannot be concatenated")
                .hint("join numbers with stack"));
        }
        let axis = axis_within(axis, first.shape().ndim())?;
        for (index, part) in parts.iter().enumerate() {
            check_part(first.shape(), part.shape(), index, axis)?;
        }
        let dtype = parts.iter().map(Expr::dtype).reduce(DType::promote).expect("there is a part");
        let parts = parts.iter().map(|part| part.cast(dtype)).collect::<Result<Vec<_>>>()?;
        if let [only] = parts.as_slice() {
            return Ok(only.clone());
        }
        let extents = parts.iter().map(|part| part.shape().extents()[axis]);
        let extent = extents.fold(0, u64::saturating_add);
        let mut shape = parts[0].shape().extents().to_vec();
        shape[axis] = extent;
        let shape = Shape::new(shape)?;
        let operands: Vec<&Expr> = parts.iter().collect();
        let mut chunks = finest(&operands, &shape);
        chunks[axis] = AxisChunks::joined(parts.iter().map(|part| &part.chunks()[axis]));
        Expr::upon(Operation::Concatenate(axis, parts), shape, dtype, chunks)
    }

    /// The arrays or numbers, of one shape, one after the other along a new axis.
    pub fn stack(parts: &[Expr], axis: i128) -> Result<Expr> {
        let Some(first) = parts.first() else {
            return Err(nothing_to("stack"));
        };
        if let Some(other) = parts.iter().find(|part| part.shape() != first.shape()) {
            return Err(Error::refused("all input arrays must have the same shape")
                .cause(format!("shapes {} and {} differ", first.shape(), other.shape()))
                .hint("to join arrays along an axis they have, use concatenate"));
        }
        let axis = axis_within(axis, first.shape().ndim() + 1)?;
        let parts = parts.iter().map(|part| part.with_axis(axis)).collect::<Result<Vec<_>>>()?;
        Expr::concatenate(&parts, axis as i128)
    }

    /// Running sums or products along an axis; none runs over all elements in C order. Of truth values, int64.
    pub fn scan(scan: Scan, operand: &Expr, axis: Option<i128>) -> Result<Expr> {
        let operand = operand.cast(operand.dtype().max(DType::I64))?;
        let (operand, axis) = match axis {
            None => (operand.flattened()?, 0),
            Some(axis) => {
                let axis = axis_within(axis, operand.shape().ndim())?;
                (operand, axis)
            }
        };
        let (shape, dtype, chunks) = (operand.shape().clone(), operand.dtype(), operand.chunks().to_vec());
        Expr::upon(Operation::Scan(scan, axis, operand), shape, dtype, chunks)
    }

    /// The differences of neighbours along an axis, `n` times; of truth values, whether they differ.
    pub fn diff(operand: &Expr, n: u64, axis: i128) -> Result<Expr> {
        if operand.is_number() {
            return Err(Error::refused("diff requires input that is at least one dimensional")
                .hint("a number has no neighbours"));
        }
        let axis = axis_within(axis, operand.shape().ndim())?;
        let extent = operand.shape().extents()[axis];
        if n >= extent && n > 0 {
            return operand.span(axis, 0, 0);
        }
        let operation = if operand.dtype() == DType::Bool { Binary::Xor } else { Binary::Subtract };
        let mut result = operand.clone();
        for rest in (extent - n..extent).rev() {
            let (later, earlier) = (result.span(axis, 1, rest)?, result.span(axis, 0, rest)?);
            result = Expr::binary(operation, &later, &earlier)?;
        }
        Ok(result)
    }
}

fn nothing_to(what: &str) -> Error {
    Error::refused(format!("need at least one array to {what}")).hint("the list of arrays is empty")
}

fn check_part(first: &Shape, part: &Shape, index: usize, axis: usize) -> Result<()> {
    if part.ndim() != first.ndim() {
        return Err(Error::refused(format!(
            "all the input arrays must have same number of dimensions, but the array at index 0 has {} dimension(s) and the array at index {index} has {} dimension(s)",
            first.ndim(),
            part.ndim()
        ))
        .hint("add axes with None: x[None]"));
    }
    let pairs = first.extents().iter().zip(part.extents()).enumerate();
    for (dimension, (own, other)) in pairs {
        if dimension != axis && own != other {
            return Err(Error::refused(format!(
                "all the input array dimensions except for the concatenation axis must match exactly, but along dimension {dimension}, the array at index 0 has size {own} and the array at index {index} has size {other}"
            ))
            .hint(format!("the arrays are joined along axis {axis}")));
        }
    }
    Ok(())
}
