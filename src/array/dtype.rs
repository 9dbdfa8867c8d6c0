//! The four types of elements, and what NumPy 2 makes of two of them (NEP 50).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of an array's elements, in the order of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DType {
    /// Truth values.
    Bool,
    /// 64-bit signed integers.
    I64,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

/// A Python number that takes the dtype of the array it meets (NEP 50's weak scalars).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
}

impl DType {
    /// The dtype of an operation on two arrays.
    pub fn promote(self, other: DType) -> DType {
        match (self.min(other), self.max(other)) {
            // A 64-bit integer does not fit single precision.
            (DType::I64, DType::F32) => DType::F64,
            (_, greater) => greater,
        }
    }

    /// The dtype of an operation on an array of this dtype and a Python number.
    pub fn promote_scalar(self, scalar: Scalar) -> DType {
        match scalar {
            Scalar::Bool(_) => self,
            Scalar::Int(_) => self.max(DType::I64),
            Scalar::Float(_) if self < DType::F32 => DType::F64,
            Scalar::Float(_) => self,
        }
    }

    /// Whether elements are real numbers, and otherwise integers or truth values.
    pub fn is_real(self) -> bool {
        self >= DType::F32
    }

    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I64 => "int64",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// The dtype that NumPy or Python calls so.
    pub fn named(name: &str) -> Option<DType> {
        match name {
            "bool" | "bool_" | "?" => Some(DType::Bool),
            "int64" | "int" | "int_" | "i8" | "<i8" => Some(DType::I64),
            "float32" | "single" | "f4" | "<f4" => Some(DType::F32),
            "float64" | "float" | "double" | "f8" | "<f8" => Some(DType::F64),
            _ => None,
        }
    }

    /// Bytes of an element.
    pub fn itemsize(self) -> u64 {
        match self {
            DType::Bool => 1,
            DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Scalar {
    /// NumPy's dtype of the number by itself.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::F64,
        }
    }

    /// As a float.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(value) => f64::from(u8::from(value)),
            Scalar::Int(value) => value as f64,
            Scalar::Float(value) => value,
        }
    }

    /// As an integer; floats are truncated, as NumPy does.
    pub fn to_i64(self) -> i64 {
        match self {
            Scalar::Bool(value) => i64::from(value),
            Scalar::Int(value) => value,
            Scalar::Float(value) => value as i64,
        }
    }
}

macro_rules! scalar_from {
    ($($number:ty => $kind:ident),*) => {$(
        impl From<$number> for Scalar {
            fn from(number: $number) -> Self {
                Scalar::$kind(number.into())
            }
        }
    )*};
}

scalar_from!(bool => Bool, i32 => Int, i64 => Int, f64 => Float);
