//! Where the elements of an array are among the numbered elements of a source: an offset, and a stride for each
//! axis. What NumPy does to strides, this does.

use crate::array::AxisIndex;
use crate::error::Result;
use crate::plan::lower::movement;

/// Places `offset + sum of index[axis] * stride[axis]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strided {
    offset: i64,
    extents: Vec<u64>,
    strides: Vec<i64>,
}

impl Strided {
    /// All elements, the last axis fastest.
    pub(super) fn c_order(extents: &[u64]) -> Self {
        Strided::in_order(extents, &(0..extents.len()).collect::<Vec<_>>())
    }

    /// All elements, with the axes in an order of which the last is fastest.
    pub(super) fn in_order(extents: &[u64], order: &[usize]) -> Self {
        let mut strides = vec![0; extents.len()];
        let mut stride: i64 = 1;
        for &axis in order.iter().rev() {
            strides[axis] = stride;
            // Only of an empty array may this be too large.
            stride = stride.saturating_mul(i64::try_from(extents[axis]).unwrap_or(i64::MAX));
        }
        Strided { offset: 0, extents: extents.to_vec(), strides }
    }

    /// Places of the number that `strides` make of an index.
    pub(super) fn with(offset: i64, extents: Vec<u64>, strides: Vec<i64>) -> Self {
        Strided { offset, extents, strides }
    }

    pub(super) fn extents(&self) -> &[u64] {
        &self.extents
    }

    pub(super) fn strides(&self) -> &[i64] {
        &self.strides
    }

    pub(super) fn offset(&self) -> i64 {
        self.offset
    }

    pub(super) fn slice(&self, axes: &[AxisIndex]) -> Self {
        let mut sliced = Strided { offset: self.offset, extents: Vec::new(), strides: Vec::new() };
        for (index, &stride) in axes.iter().zip(&self.strides) {
            match *index {
                AxisIndex::Index(at) => sliced.offset += stride * at as i64,
                AxisIndex::Range { start, step, count } => {
                    sliced.offset += if count == 0 { 0 } else { stride * start as i64 };
                    sliced.extents.push(count);
                    sliced.strides.push(if count < 2 { 0 } else { stride * step });
                }
            }
        }
        sliced
    }

    pub(super) fn transpose(&self, order: &[usize]) -> Self {
        Strided {
            offset: self.offset,
            extents: order.iter().map(|&axis| self.extents[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
        }
    }

    /// Repeated along new leading axes, and along axes of extent 1.
    pub(super) fn broadcast(&self, extents: &[u64]) -> Self {
        let new = extents.len() - self.extents.len();
        let mut strides = vec![0; new];
        for (axis, &stride) in self.strides.iter().enumerate() {
            strides.push(if self.extents[axis] == extents[new + axis] { stride } else { 0 });
        }
        Strided { offset: self.offset, extents: extents.to_vec(), strides }
    }

    /// The same elements in C order under another shape of the same size, where strides can say that.
    pub(super) fn reshape(&self, extents: &[u64]) -> Result<Self> {
        if extents.iter().product::<u64>() == 0 {
            return Ok(Strided { offset: 0, extents: extents.to_vec(), strides: vec![0; extents.len()] });
        }
        let old: Vec<(u64, i64)> = self
            .extents
            .iter()
            .copied()
            .zip(self.strides.iter().copied())
            .filter(|&(extent, _)| extent != 1)
            .collect();
        let mut strides = vec![0; extents.len()];
        let (mut i, mut j) = (0, 0);
        // Groups of old and new axes of the same size follow each other.
        while i < old.len() && j < extents.len() {
            let (first_old, first_new) = (i, j);
            let (mut size, mut new_size) = (old[i].0, extents[j]);
            while size != new_size {
                if size < new_size {
                    i += 1;
                    size *= old[i].0;
                } else {
                    j += 1;
                    new_size *= extents[j];
                }
            }
            let contiguous =
                old[first_old..=i].windows(2).all(|pair| pair[0].1 == pair[1].1 * pair[1].0 as i64);
            if !contiguous {
                return Err(movement(extents));
            }
            let mut stride = old[i].1;
            for axis in (first_new..=j).rev() {
                strides[axis] = stride;
                stride *= extents[axis] as i64;
            }
            i += 1;
            j += 1;
        }
        for (stride, &extent) in strides.iter_mut().zip(extents) {
            if extent == 1 {
                *stride = 0;
            }
        }
        Ok(Strided { offset: self.offset, extents: extents.to_vec(), strides })
    }
}
