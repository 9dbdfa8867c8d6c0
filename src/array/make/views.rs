//! The same elements at other places: slices, transposes, reshapes, broadcasts.

use crate::array::cut::{reshaped, sliced};
use crate::array::expr::{AxisIndex, Expr, Operation, View};
use crate::array::make::index::{self, Index};
use crate::array::shape::{Shape, axis_within, tuple};
use crate::error::{Error, Result};

impl Expr {
    /// `x[index, index, ..]`. Axes that are not named stay whole.
    pub fn slice(&self, indices: &[Index]) -> Result<Expr> {
        let Taken { axes, shape } = Taken::of(self.shape(), indices)?;
        let unchanged = axes.iter().zip(self.shape().extents()).all(|(index, &extent)| {
            matches!(index, AxisIndex::Range { start: 0, step: 1, count } if *count == extent)
        });
        let taken = if unchanged {
            self.clone()
        } else {
            let extents = axes.iter().filter_map(|index| match index {
                AxisIndex::Index(_) => None,
                AxisIndex::Range { count, .. } => Some(*count),
            });
            let shape = Shape::new(extents.collect())?;
            let chunks = sliced(self.chunks(), &axes);
            Expr::upon(Operation::View(View::Slice(axes), self.clone()), shape, self.dtype(), chunks)?
        };
        taken.with_shape(Shape::new(shape)?)
    }

    /// The axes in another order; none reverses them.
    pub fn transpose(&self, order: Option<&[i128]>) -> Result<Expr> {
        let ndim = self.shape().ndim();
        let order: Vec<usize> = match order {
            None => (0..ndim).rev().collect(),
            Some(order) if order.len() == ndim => {
                order.iter().map(|&axis| axis_within(axis, ndim)).collect::<Result<_>>()?
            }
            Some(order) => {
                return Err(Error::refused("axes don't match array").hint(format!(
                    "the array has {ndim} axes, and {} are named: name each axis once",
                    order.len()
                )));
            }
        };
        if let Some(twice) = (0..ndim).find(|axis| !order.contains(axis)) {
            return Err(Error::refused("repeated axis in transpose")
                .hint(format!("axis {twice} is missing: name each axis once")));
        }
        if order.is_sorted() {
            return Ok(self.clone());
        }
        let extents = order.iter().map(|&axis| self.shape().extents()[axis]).collect();
        let chunks = order.iter().map(|&axis| self.chunks()[axis].clone()).collect();
        let operation = Operation::View(View::Transpose(order), self.clone());
        Expr::upon(operation, Shape::new(extents)?, self.dtype(), chunks)
    }

    /// The same elements in C order under another shape; one extent may be -1, for what is left.
    pub fn reshape(&self, extents: &[i128]) -> Result<Expr> {
        let size = self.shape().size();
        let mismatch = || {
            Error::refused(format!("cannot reshape array of size {size} into shape {}", tuple(extents)))
                .hint("a reshaped array has as many elements as before")
        };
        if extents.iter().filter(|&&extent| extent == -1).count() > 1 {
            return Err(Error::refused("can only specify one unknown dimension")
                .hint("-1 stands for what the other extents leave"));
        }
        if let Some(extent) = extents.iter().find(|&&extent| extent < -1) {
            return Err(Error::refused(format!("an extent of {extent} in a shape"))
                .hint("extents are 0 or more; one may be -1, for what the others leave"));
        }
        let known: Vec<u64> = extents
            .iter()
            .filter(|&&extent| extent >= 0)
            .map(|&e| u64::try_from(e).unwrap_or(u64::MAX))
            .collect();
        let rest = Shape::new(known)?.size();
        let unknown = size.checked_div(rest).unwrap_or(0);
        let resolved = extents.iter().map(|&extent| u64::try_from(extent).unwrap_or(unknown)).collect();
        let shape = Shape::new(resolved)?;
        // Nothing completes a shape of no elements, not even for an empty array.
        if shape.size() != size || (rest == 0 && extents.contains(&-1)) {
            return Err(mismatch());
        }
        self.with_shape(shape)
    }

    /// Repeated along new leading axes and along axes of extent 1.
    pub fn broadcast_to(&self, shape: &Shape) -> Result<Expr> {
        if Shape::broadcast(&[self.shape(), shape]).ok().as_ref() != Some(shape) {
            return Err(Error::refused(format!(
                "operands could not be broadcast together with remapped shapes [original->remapped]: {} and requested shape {shape}",
                self.shape()
            ))
            .hint("axes are matched from the last one; those of extent 1 repeat, and new ones come first"));
        }
        match self.known() {
            Some(scalar) if shape.ndim() > 0 => Expr::filled(scalar, shape.clone(), self.dtype()),
            _ => self.repeated(shape),
        }
    }

    /// Under another shape of the same size.
    pub(super) fn with_shape(&self, shape: Shape) -> Result<Expr> {
        if *self.shape() == shape {
            return Ok(self.clone());
        }
        if let Some(scalar) = self.known() {
            return Expr::filled(scalar, shape, self.dtype());
        }
        let chunks = reshaped(self.chunks(), &shape);
        Expr::upon(Operation::View(View::Reshape, self.clone()), shape, self.dtype(), chunks)
    }

    /// With a new axis of extent 1 before axis `axis`.
    pub(super) fn with_axis(&self, axis: usize) -> Result<Expr> {
        let mut extents = self.shape().extents().to_vec();
        extents.insert(axis, 1);
        self.with_shape(Shape::new(extents)?)
    }

    /// The elements in C order along one axis.
    pub(super) fn flattened(&self) -> Result<Expr> {
        self.with_shape(Shape::new(vec![self.shape().size()])?)
    }

    /// Everything along the other axes, and `count` places of one, one step apart.
    pub(super) fn span(&self, axis: usize, start: u64, count: u64) -> Result<Expr> {
        let mut indices = vec![Index::ALL; self.shape().ndim()];
        let (start, count) = (i128::from(start), i128::from(count));
        indices[axis] = Index::Slice { start: Some(start), stop: Some(start + count), step: None };
        self.slice(&indices)
    }
}

/// What an index takes of each axis, and the shape with the axes that come or go.
struct Taken {
    axes: Vec<AxisIndex>,
    shape: Vec<u64>,
}

impl Taken {
    fn of(shape: &Shape, indices: &[Index]) -> Result<Taken> {
        let ndim = shape.ndim();
        let named =
            indices.iter().filter(|index| matches!(index, Index::At(_) | Index::Slice { .. })).count();
        let ellipses = indices.iter().filter(|&&index| index == Index::Ellipsis).count();
        if ellipses > 1 {
            return Err(Error::refused("an index can only have a single ellipsis ('...')")
                .hint("write `:` for each axis that stays whole"));
        }
        if named > ndim {
            return Err(Error::refused(format!(
                "too many indices for array: array is {ndim}-dimensional, but {named} were indexed"
            ))
            .hint(format!("the array's shape is {shape}")));
        }
        let mut taken = Taken { axes: Vec::with_capacity(ndim), shape: Vec::with_capacity(ndim) };
        let rest = [Index::Ellipsis];
        // Axes after the last entry stay whole, as if an ellipsis stood there.
        let indices = indices.iter().chain(if ellipses == 0 { &rest[..] } else { &[] });
        for index in indices {
            match *index {
                Index::NewAxis => taken.shape.push(1),
                Index::Ellipsis => {
                    for _ in 0..ndim - named {
                        taken.take(Index::ALL, shape)?;
                    }
                }
                index => taken.take(index, shape)?,
            }
        }
        Ok(taken)
    }

    fn take(&mut self, index: Index, shape: &Shape) -> Result<()> {
        let axis = self.axes.len();
        let extent = shape.extents()[axis];
        let index = match index {
            Index::At(at) => index::place(at, axis, extent)?,
            Index::Slice { start, stop, step } => index::range(start, stop, step, extent)?,
            Index::NewAxis | Index::Ellipsis => return Ok(()),
        };
        if let AxisIndex::Range { count, .. } = index {
            self.shape.push(count);
        }
        self.axes.push(index);
        Ok(())
    }
}
