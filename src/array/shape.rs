//! Extents of arrays and of chunks: NumPy's shape, dask's chunks, with their sizes checked once.

use std::fmt;

use crate::error::{Error, Result};

/// More elements than this cannot be indexed.
const ELEMENTS: u64 = 1 << 63;

/// NumPy's own limit on the number of axes.
const AXES: usize = 64;

/// Elements in a chunk where the user leaves the choice: 128 MiB of f64, as dask's default.
const AUTOMATIC_CHUNK: u64 = 1 << 24;

/// The extents of an array. `()` is the shape of a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Shape {
    extents: Vec<u64>,
    size: u64,
}

impl Shape {
    /// The shape of a number.
    pub fn number() -> Self {
        Shape { extents: Vec::new(), size: 1 }
    }

    /// Refuses more than 64 axes and more than 2^63 elements.
    pub fn new(extents: Vec<u64>) -> Result<Self> {
        if extents.len() > AXES {
            return Err(Error::refused(format!("an array of {} axes", extents.len()))
                .hint(format!("an array has at most {AXES} axes")));
        }
        let size = if extents.contains(&0) {
            Some(0)
        } else {
            extents.iter().try_fold(1_u64, |size, &extent| size.checked_mul(extent))
        };
        match size {
            Some(size) if size <= ELEMENTS => Ok(Shape { extents, size }),
            _ => Err(Error::refused(format!("an array of shape {} has too many elements", tuple(&extents)))
                .hint("an array has at most 2^63 elements")),
        }
    }

    /// The extents, outermost axis first.
    pub fn extents(&self) -> &[u64] {
        &self.extents
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.extents.len()
    }

    /// The number of elements.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tuple(&self.extents))
    }
}

/// `(3, 4)`, and `(3,)` for one axis, as Python writes it.
fn tuple(extents: &[u64]) -> String {
    match extents {
        [one] => format!("({one},)"),
        _ => format!("({})", extents.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The chunks a user asks for; -1 is the whole axis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Chunks {
    /// About 16 million elements a chunk, the last axes kept whole.
    #[default]
    Automatic,
    /// The same extent on every axis.
    Every(i128),
    /// One extent for each axis.
    Axes(Vec<i128>),
}

impl Chunks {
    /// The extents of a chunk of an array of this shape, none longer than the array.
    pub fn extents(&self, shape: &Shape) -> Result<Vec<u64>> {
        let asked = match self {
            Chunks::Automatic => return Ok(automatic(shape)),
            Chunks::Every(extent) => vec![*extent; shape.ndim()],
            Chunks::Axes(axes) if axes.len() == shape.ndim() => axes.clone(),
            Chunks::Axes(axes) => {
                return Err(Error::refused(format!(
                    "chunks for {} axes of an array with {}",
                    axes.len(),
                    shape.ndim()
                ))
                .hint(format!("the array's shape is {shape}: give one chunk extent for each axis")));
            }
        };
        asked.iter().zip(shape.extents()).map(|(&chunk, &extent)| clipped(chunk, extent)).collect()
    }
}

fn clipped(chunk: i128, extent: u64) -> Result<u64> {
    match chunk {
        -1 => Ok(extent.max(1)),
        1.. => Ok(u64::try_from(chunk).unwrap_or(u64::MAX).min(extent.max(1))),
        _ => Err(Error::refused(format!("chunks of {chunk} elements"))
            .hint("a chunk has at least one element; -1 is the whole axis")),
    }
}

fn automatic(shape: &Shape) -> Vec<u64> {
    let mut room = AUTOMATIC_CHUNK;
    let mut extents: Vec<u64> = shape.extents().to_vec();
    for extent in extents.iter_mut().rev() {
        *extent = (*extent).clamp(1, room);
        room /= *extent;
    }
    extents
}

macro_rules! chunks_from {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Chunks {
            fn from(extent: $integer) -> Self {
                Chunks::Every(extent.into())
            }
        }

        impl<const N: usize> From<[$integer; N]> for Chunks {
            fn from(axes: [$integer; N]) -> Self {
                Chunks::Axes(axes.map(i128::from).to_vec())
            }
        }

        impl From<Vec<$integer>> for Chunks {
            fn from(axes: Vec<$integer>) -> Self {
                Chunks::Axes(axes.into_iter().map(i128::from).collect())
            }
        }
    )*};
}

chunks_from!(i32, i64, u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_prints_as_python_tuple() {
        assert_eq!(Shape::number().to_string(), "()");
        assert_eq!(Shape::new(vec![10]).unwrap().to_string(), "(10,)");
        assert_eq!(Shape::new(vec![3, 4]).unwrap().to_string(), "(3, 4)");
    }

    #[test]
    fn size_is_checked_up_to_two_to_the_63() {
        assert_eq!(Shape::new(vec![1 << 31, 1 << 32]).unwrap().size(), 1 << 63);
        assert!(Shape::new(vec![(1 << 63) + 1]).is_err());
        assert!(Shape::new(vec![1 << 32, 1 << 32]).is_err());
        assert_eq!(Shape::new(vec![u64::MAX, 0, u64::MAX]).unwrap().size(), 0);
    }

    #[test]
    fn automatic_chunks_keep_last_axes_whole() {
        let chunks = |extents: Vec<u64>| Chunks::Automatic.extents(&Shape::new(extents).unwrap()).unwrap();
        assert_eq!(chunks(vec![20_000, 20_000]), [838, 20_000]);
        assert_eq!(chunks(vec![1 << 30]), [1 << 24]);
        assert_eq!(chunks(vec![7, 5]), [7, 5]);
        assert_eq!(chunks(vec![9, 1 << 24]), [1, 1 << 24]);
    }
}
