//! [`Array`]: the handle a Rust program holds on an expression, with methods and operators.
//!
//! A mistake (shapes that differ, chunks of zero) is kept in the handle and told when it is computed, so
//! that formulas read as formulas.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::expr::{Binary, Expr, Operation, Reduction};
use crate::array::shape::Chunks;
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

impl Array {
    /// The expression, or the first mistake made on the way to it.
    pub fn expr(&self) -> Result<Expr> {
        self.0.clone()
    }

    /// Sets the chunks of a random array; -1 is the whole axis.
    pub fn chunks(self, chunks: impl Into<Chunks>) -> Self {
        let chunks = chunks.into();
        self.map(|expr| match expr.operation() {
            Operation::Random(random) => Expr::random(random.clone(), expr.shape().clone(), &chunks),
            _ => Err(only_random("chunks")),
        })
    }

    /// Names the stream of a random array: the same seed and stream are the same numbers.
    pub fn stream(self, stream: impl Into<String>) -> Self {
        let stream = stream.into();
        self.map(|expr| match expr.operation() {
            Operation::Random(random) => {
                let random = crate::array::Random { stream: Some(stream), ..random.clone() };
                let chunks = Chunks::Axes(expr.chunks().iter().copied().map(i128::from).collect());
                Expr::random(random, expr.shape().clone(), &chunks)
            }
            _ => Err(only_random("stream")),
        })
    }

    /// The exact sum, rounded once.
    pub fn sum(&self) -> Self {
        self.reduce(Reduction::Sum)
    }

    /// The exact mean, rounded once.
    pub fn mean(&self) -> Self {
        self.reduce(Reduction::Mean)
    }

    /// The smallest element.
    pub fn min(&self) -> Self {
        self.reduce(Reduction::Min)
    }

    /// The largest element.
    pub fn max(&self) -> Self {
        self.reduce(Reduction::Max)
    }

    /// The exact variance, rounded once; divided by the number of elements.
    pub fn var(&self) -> Self {
        self.var_ddof(0)
    }

    /// The exact standard deviation, rounded once; divided by the number of elements.
    pub fn std(&self) -> Self {
        self.std_ddof(0)
    }

    /// The variance, divided by the number of elements less `ddof`.
    pub fn var_ddof(&self, ddof: u64) -> Self {
        self.reduce(Reduction::Var { ddof })
    }

    /// The standard deviation, divided by the number of elements less `ddof`.
    pub fn std_ddof(&self, ddof: u64) -> Self {
        self.reduce(Reduction::Std { ddof })
    }

    fn reduce(&self, reduction: Reduction) -> Self {
        self.map(|expr| Expr::reduce(reduction, expr))
    }

    fn map(&self, change: impl FnOnce(&Expr) -> Result<Expr>) -> Self {
        Array(self.0.as_ref().map_err(Clone::clone).and_then(change))
    }
}

fn only_random(what: &str) -> Error {
    Error::refused(format!("`{what}` of an array that is not random"))
        .hint(format!("call .{what}(..) right after .size(..)"))
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

impl From<f64> for Array {
    fn from(number: f64) -> Self {
        Array(Ok(Expr::number(number)))
    }
}

impl From<&Array> for Array {
    fn from(array: &Array) -> Self {
        array.clone()
    }
}

fn binary(operation: Binary, left: Array, right: Array) -> Array {
    Array(left.0.and_then(|left| right.0.and_then(|right| Expr::binary(operation, &left, &right))))
}

macro_rules! operators {
    ($($operator:ident $method:ident $operation:ident),*) => {$(
        impl<Right: Into<Array>> $operator<Right> for Array {
            type Output = Array;
            fn $method(self, right: Right) -> Array {
                binary(Binary::$operation, self, right.into())
            }
        }

        impl<Right: Into<Array>> $operator<Right> for &Array {
            type Output = Array;
            fn $method(self, right: Right) -> Array {
                binary(Binary::$operation, self.clone(), right.into())
            }
        }

        impl $operator<Array> for f64 {
            type Output = Array;
            fn $method(self, right: Array) -> Array {
                binary(Binary::$operation, self.into(), right)
            }
        }

        impl $operator<&Array> for f64 {
            type Output = Array;
            fn $method(self, right: &Array) -> Array {
                binary(Binary::$operation, self.into(), right.clone())
            }
        }
    )*};
}

operators!(Add add Add, Sub sub Subtract, Mul mul Multiply, Div div Divide);

impl Neg for Array {
    type Output = Array;
    fn neg(self) -> Array {
        self.map(Expr::negate)
    }
}

impl Neg for &Array {
    type Output = Array;
    fn neg(self) -> Array {
        self.map(Expr::negate)
    }
}
