//! NumPy's shape, with its size checked once, and how axes and shapes meet: normalised, broadcast.

use std::fmt;

use crate::error::{Error, Result};

/// More elements than this cannot be indexed.
const ELEMENTS: u64 = 1 << 63;

/// NumPy's own limit on the number of axes.
const AXES: usize = 64;

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
        let size = if extents.iter().any(|&extent| extent > ELEMENTS) {
            None
        } else if extents.contains(&0) {
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

    /// The shape that arrays of these shapes have together: axes are matched from the last one, and axes of
    /// extent 1 repeat.
    pub fn broadcast(shapes: &[&Shape]) -> Result<Shape> {
        let ndim = shapes.iter().map(|shape| shape.ndim()).max().unwrap_or(0);
        let mut extents = vec![1; ndim];
        for shape in shapes {
            let aligned = extents[ndim - shape.ndim()..].iter_mut();
            for (extent, &own) in aligned.zip(shape.extents()) {
                if *extent == 1 {
                    *extent = own;
                } else if own != 1 && own != *extent {
                    return Err(apart(shapes));
                }
            }
        }
        Shape::new(extents)
    }
}

fn apart(shapes: &[&Shape]) -> Error {
    let shown: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    Error::refused(format!("operands could not be broadcast together with shapes {}", shown.join(" ")))
        .hint("axes are matched from the last one: two extents are equal, or one of them is 1")
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tuple(&self.extents))
    }
}

/// `(3, 4)`, and `(3,)` for one axis, as Python writes it.
pub(super) fn tuple(extents: &[impl fmt::Display]) -> String {
    match extents {
        [one] => format!("({one},)"),
        _ => format!("({})", extents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The axis that a user means; negative ones count from the last.
pub(super) fn axis_within(axis: i128, ndim: usize) -> Result<usize> {
    let axes = ndim as i128;
    if (-axes..axes).contains(&axis) {
        return Ok(axis.rem_euclid(axes) as usize);
    }
    let error = Error::refused(format!("axis {axis} is out of bounds for array of dimension {ndim}"));
    Err(match ndim {
        0 => error.hint("a number has no axis"),
        1 => error.hint("its only axis is 0, also -1"),
        _ => error.hint(format!("its axes are 0 to {}, also -{ndim} to -1", ndim - 1)),
    })
}

/// The axes that a user means, ascending; none means all.
pub(super) fn axes_within(axes: Option<&[i128]>, ndim: usize) -> Result<Vec<usize>> {
    let Some(axes) = axes else { return Ok((0..ndim).collect()) };
    let mut all = axes.iter().map(|&axis| axis_within(axis, ndim)).collect::<Result<Vec<_>>>()?;
    all.sort_unstable();
    match all.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(all),
        Some(pair) => Err(Error::refused("duplicate value in 'axis'")
            .cause(format!("axis {} is given twice", pair[0]))
            .hint("name each axis once")),
    }
}

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
        assert_eq!(Shape::new(vec![1 << 63, 0, 1 << 63]).unwrap().size(), 0);
        assert!(Shape::new(vec![0, (1 << 63) + 1]).is_err());
    }
}
