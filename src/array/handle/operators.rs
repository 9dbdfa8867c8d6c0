//! Rust's operators on [`Array`], with arrays and numbers on either side.
//!
//! `%` is Python's, with the sign of the divisor; `!`, `&`, `|` and `^` are of truth values and integers.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Sub};

use crate::array::dtype::Scalar;
use crate::array::expr::{Binary, Expr, Unary};
use crate::array::handle::Array;

macro_rules! operators {
    ($($operator:ident $method:ident $operation:ident),*) => {$(
        impl<Right: Into<Array>> $operator<Right> for Array {
            type Output = Array;
            fn $method(self, right: Right) -> Array {
                self.with(Binary::$operation, right)
            }
        }

        impl<Right: Into<Array>> $operator<Right> for &Array {
            type Output = Array;
            fn $method(self, right: Right) -> Array {
                self.with(Binary::$operation, right)
            }
        }

        // One type of integers: with two, `(1 + x).mean()` would need to say which.
        from_the_left!($operator $method $operation: f64, i64, bool);
    )*};
}

macro_rules! from_the_left {
    ($operator:ident $method:ident $operation:ident: $($number:ty),*) => {$(
        impl $operator<Array> for $number {
            type Output = Array;
            fn $method(self, right: Array) -> Array {
                Array::from(self).with(Binary::$operation, right)
            }
        }

        impl $operator<&Array> for $number {
            type Output = Array;
            fn $method(self, right: &Array) -> Array {
                Array::from(self).with(Binary::$operation, right)
            }
        }
    )*};
}

operators!(
    Add add Add,
    Sub sub Subtract,
    Mul mul Multiply,
    Div div Divide,
    Rem rem Remainder,
    BitAnd bitand And,
    BitOr bitor Or,
    BitXor bitxor Xor
);

macro_rules! signs {
    ($($operator:ident $method:ident $operation:ident),*) => {$(
        impl $operator for Array {
            type Output = Array;
            fn $method(self) -> Array {
                self.map(|expr| Expr::unary(Unary::$operation, expr))
            }
        }

        impl $operator for &Array {
            type Output = Array;
            fn $method(self) -> Array {
                self.map(|expr| Expr::unary(Unary::$operation, expr))
            }
        }
    )*};
}

signs!(Neg neg Negate, Not not Invert);

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Array {
            fn from(number: $number) -> Self {
                Array::from(Expr::scalar(Scalar::from(number)))
            }
        }
    )*};
}

numbers!(f64, i64, i32, bool);
