//! [`Array`]: the handle a Rust program holds on an expression, with methods under NumPy's names.
//!
//! A mistake (shapes that differ, chunks of zero) is kept in the handle and told when it is computed, so that
//! formulas read as formulas. Operators are in `handle/operators.rs`, reductions in `handle/reductions.rs`.

mod operators;
mod reductions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use reductions::Axes;

use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Operation, Unary};
use crate::array::make::{HistogramBins, Index};
use crate::array::random::Random;
use crate::array::shape::Shape;
use crate::array::stored::Stored;
use crate::error::{Error, Result};

/// A lazy array, or a lazy number that a reduction gave.
///
/// ```
/// use squall::array::random;
/// let x = random::normal(0.0, 0.1).size([800_000_000]).chunks([50_000_000]).stream("x");
/// let error_of_mean = x.std() / (8e8_f64).sqrt();
/// assert!(error_of_mean.expr().is_ok());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Array(Result<Expr>);

/// Zeros, of f64, in an array of these extents, outermost axis first.
pub fn zeros(extents: impl Into<Vec<u64>>) -> Array {
    full(extents, 0.0)
}

/// Ones, of f64, in an array of these extents, outermost axis first.
pub fn ones(extents: impl Into<Vec<u64>>) -> Array {
    full(extents, 1.0)
}

/// One value, and its dtype, in an array of these extents, outermost axis first.
pub fn full(extents: impl Into<Vec<u64>>, value: impl Into<Scalar>) -> Array {
    let value = value.into();
    let shape = Shape::new(extents.into());
    Array(shape.and_then(|shape| Expr::full(value, shape, value.dtype(), &Chunks::Automatic)))
}

/// `start`, `start + step`, .. before `stop`; i64, or f64 if one of them is a float.
///
/// ```
/// let odd = squall::array::arange(1, 10, 2);
/// assert_eq!(odd.expr().unwrap().shape().extents(), [5]);
/// ```
pub fn arange(start: impl Into<Scalar>, stop: impl Into<Scalar>, step: impl Into<Scalar>) -> Array {
    Array(Expr::arange(start.into(), stop.into(), step.into(), None, &Chunks::Automatic))
}

/// `num` numbers of one distance from `start` to `stop`, both included; f64.
pub fn linspace(start: f64, stop: f64, num: u64) -> Array {
    Array(Expr::linspace(start, stop, num, true, &Chunks::Automatic))
}

/// The arrays one after the other along an axis they have; -1 is the last.
pub fn concatenate(parts: &[Array], axis: i64) -> Array {
    Array(exprs(parts).and_then(|parts| Expr::concatenate(&parts, axis.into())))
}

/// The arrays or numbers, of one shape, along a new axis.
pub fn stack(parts: &[Array], axis: i64) -> Array {
    Array(exprs(parts).and_then(|parts| Expr::stack(&parts, axis.into())))
}

fn exprs(parts: &[Array]) -> Result<Vec<Expr>> {
    parts.iter().map(Array::expr).collect()
}

impl Array {
    /// An array in files, of the shape its header says.
    pub fn stored(stored: Stored, shape: Shape) -> Array {
        Array(Expr::stored(Arc::new(stored), shape, &Chunks::Automatic))
    }

    /// The expression, or the first mistake made on the way to it.
    pub fn expr(&self) -> Result<Expr> {
        self.0.clone()
    }

    /// Sets the chunks of an array that is not computed from others: an extent or a size such as `"64 MiB"`,
    /// for all axes or one for each; -1 is the whole axis.
    pub fn chunks(self, chunks: impl Into<Chunks>) -> Self {
        let chunks = chunks.into();
        self.map(|expr| expr.in_chunks(&chunks))
    }

    /// Names the stream of a random array: the same seed and stream are the same numbers.
    pub fn stream(self, stream: impl Into<String>) -> Self {
        let stream = stream.into();
        self.map(|expr| match expr.operation() {
            Operation::Random(random) => {
                let operation = Operation::Random(Random { stream: Some(stream), ..random.clone() });
                let (shape, chunks) = (expr.shape().clone(), expr.chunks().to_vec());
                Ok(Expr::source(operation, shape, expr.dtype(), chunks))
            }
            _ => Err(Error::refused("`stream` of an array that is not random")
                .hint("call .stream(..) right after .size(..)")),
        })
    }

    /// The elements in another dtype: rounded, truncated towards zero, or whether they are not 0.
    pub fn astype(&self, dtype: DType) -> Self {
        self.map(|expr| expr.cast(dtype))
    }

    /// What the entries take of the axes, in order; axes that are not named stay whole. Places out of range
    /// are refused, those of slices are not.
    ///
    /// ```
    /// use squall::array::{Index, ones};
    /// let x = ones([20, 30]);
    /// let every_third = x.slice(&[Index::At(-1), Index::from(..).step(3)]);
    /// assert_eq!(every_third.expr().unwrap().shape().extents(), [10]);
    /// ```
    pub fn slice(&self, indices: &[Index]) -> Self {
        self.map(|expr| expr.slice(indices))
    }

    /// The element or part at one place of axis 0; negative places count from the end.
    pub fn at(&self, index: i64) -> Self {
        self.slice(&[index.into()])
    }

    /// The axes in the opposite order.
    pub fn t(&self) -> Self {
        self.map(|expr| expr.transpose(None))
    }

    /// The axes in the given order, each named once.
    pub fn transpose(&self, order: impl IntoIterator<Item = i64>) -> Self {
        let order: Vec<i128> = order.into_iter().map(i128::from).collect();
        self.map(|expr| expr.transpose(Some(&order)))
    }

    /// The same elements in C order under another shape of the same size; one extent may be -1.
    pub fn reshape(&self, extents: impl IntoIterator<Item = i64>) -> Self {
        let extents: Vec<i128> = extents.into_iter().map(i128::from).collect();
        self.map(|expr| expr.reshape(&extents))
    }

    /// Repeated along new leading axes and along axes of extent 1.
    pub fn broadcast_to(&self, extents: impl Into<Vec<u64>>) -> Self {
        let extents = extents.into();
        self.map(|expr| expr.broadcast_to(&Shape::new(extents)?))
    }

    /// The differences of neighbours along an axis, `n` times.
    pub fn diff(&self, n: u64, axis: i64) -> Self {
        self.map(|expr| Expr::diff(expr, n, axis.into()))
    }

    /// The elements of `left` where this array is true, elsewhere those of `right`.
    pub fn where_(&self, left: impl Into<Array>, right: impl Into<Array>) -> Self {
        let (left, right) = (left.into(), right.into());
        self.map(|expr| Expr::choose(expr, &left.0?, &right.0?))
    }

    /// Not less than `low` and not more than `high`.
    pub fn clip(&self, low: impl Into<Array>, high: impl Into<Array>) -> Self {
        let (low, high) = (low.into(), high.into());
        self.map(|expr| Expr::clip(expr, Some(&low.0?), Some(&high.0?)))
    }

    /// The product of vectors and matrices: the last axis meets the first axis of the other.
    pub fn dot(&self, other: &Array) -> Self {
        self.map(|expr| Expr::dot(expr, &other.expr()?))
    }

    /// The covariance of the rows over their elements, divided by the number of these less `ddof`; NumPy's own
    /// `ddof` is 1. For the columns, take it of the transpose.
    pub fn cov(&self, ddof: u64) -> Self {
        self.map(|expr| Expr::cov(expr, true, ddof))
    }

    /// The correlation coefficients of the rows.
    pub fn corrcoef(&self) -> Self {
        self.map(|expr| Expr::corrcoef(expr, true))
    }

    /// How many elements fall into each bin, and the edges of the bins: so many bins of one width, or those
    /// between ascending edges. The last edge is included.
    ///
    /// ```
    /// use squall::array::{HistogramBins, linspace};
    /// let x = linspace(0.0, 1.0, 1000);
    /// let (counts, edges) = x.histogram(10);
    /// let (below, _) = x.histogram(HistogramBins::Count { count: 5, range: Some((0.0, 0.5)) });
    /// assert_eq!(counts.expr().unwrap().shape().extents(), [10]);
    /// assert_eq!(edges.expr().unwrap().shape().extents(), [11]);
    /// assert_eq!(below.expr().unwrap().shape().extents(), [5]);
    /// ```
    pub fn histogram(&self, bins: impl Into<HistogramBins>) -> (Array, Array) {
        let bins = bins.into();
        match self.expr().and_then(|expr| Expr::histogram(&expr, bins)) {
            Ok((counts, edges)) => (Array(Ok(counts)), Array(Ok(edges))),
            Err(error) => (Array(Err(error.clone())), Array(Err(error))),
        }
    }

    fn map(&self, change: impl FnOnce(&Expr) -> Result<Expr>) -> Self {
        Array(self.0.as_ref().map_err(Clone::clone).and_then(change))
    }

    fn with(&self, operation: Binary, right: impl Into<Array>) -> Self {
        let right = right.into();
        self.map(|left| Expr::binary(operation, left, &right.0?))
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $operation:ident),*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self) -> Self {
                self.map(|expr| Expr::unary(Unary::$operation, expr))
            }
        )*}
    };
}

functions! {
    /// The magnitude of each element.
    abs Absolute,
    /// -1, 0 or 1.
    sign Sign,
    /// Each element times itself.
    square Square,
    /// The square root.
    sqrt Sqrt,
    /// The cube root.
    cbrt Cbrt,
    /// e to the power of each element.
    exp Exp,
    /// `exp(x) - 1`, also near 0.
    expm1 Expm1,
    /// The natural logarithm.
    log Log,
    /// `log(1 + x)`, also near 0.
    log1p Log1p,
    /// The logarithm to base 2.
    log2 Log2,
    /// The logarithm to base 10.
    log10 Log10,
    /// The sine.
    sin Sin,
    /// The cosine.
    cos Cos,
    /// The tangent.
    tan Tan,
    /// The inverse of the sine.
    arcsin Arcsin,
    /// The inverse of the cosine.
    arccos Arccos,
    /// The inverse of the tangent.
    arctan Arctan,
    /// The hyperbolic sine.
    sinh Sinh,
    /// The hyperbolic cosine.
    cosh Cosh,
    /// The hyperbolic tangent.
    tanh Tanh,
    /// The nearest whole number below.
    floor Floor,
    /// The nearest whole number above.
    ceil Ceil,
    /// The nearest whole number, the even one of two.
    round Round,
    /// The nearest whole number towards zero.
    trunc Trunc,
    /// One over each element, as a float.
    reciprocal Reciprocal,
    /// Whether each element is NaN.
    isnan IsNan,
    /// Whether each element is neither NaN nor infinite.
    isfinite IsFinite,
    /// Whether each element is infinite.
    isinf IsInf
}

macro_rules! functions_of_two {
    ($($(#[$doc:meta])* $name:ident $operation:ident),*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self, other: impl Into<Array>) -> Self {
                self.with(Binary::$operation, other)
            }
        )*}
    };
}

functions_of_two! {
    /// Python's `//`: the quotient rounded down.
    floor_divide FloorDivide,
    /// Python's `**`.
    power Power,
    /// The smaller of each two elements; NaN if one is.
    minimum Minimum,
    /// The larger of each two elements; NaN if one is.
    maximum Maximum,
    /// The angle of the point (other, self).
    arctan2 Arctan2,
    /// The length of the vector (self, other).
    hypot Hypot,
    /// `<`
    less Less,
    /// `<=`
    less_equal LessEqual,
    /// `==`
    equal Equal,
    /// `!=`
    not_equal NotEqual,
    /// `>`
    greater Greater,
    /// `>=`
    greater_equal GreaterEqual
}

impl From<Expr> for Array {
    fn from(expr: Expr) -> Self {
        Array(Ok(expr))
    }
}

impl From<Result<Expr>> for Array {
    fn from(expr: Result<Expr>) -> Self {
        Array(expr)
    }
}

impl From<&Array> for Array {
    fn from(array: &Array) -> Self {
        array.clone()
    }
}
