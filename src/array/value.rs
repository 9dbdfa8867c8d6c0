//! The value of a result: what is printed, and what goes into JSON.
//!
//! Numbers are printed as Python and NumPy print them, arrays as `print` shows NumPy's (`repr`). Files that
//! results are saved to are not made here. `tests/printing.rs` compares with NumPy itself.

use std::fmt;

use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::array::dtype::DType;
use crate::array::repr::{array, repr, single};
use crate::array::shape::Shape;

/// A computed result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A number of float64.
    Number(f64),
    /// A number of float32.
    Single(f32),
    /// A number of int64.
    Integer(i64),
    /// A truth value.
    Bool(bool),
    /// An array of at least one axis.
    Array(ArrayValue),
}

/// A computed array; its elements in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayValue {
    shape: Shape,
    dtype: DType,
    data: Data,
}

/// The elements of an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// Of float64 and float32.
    Real(Vec<f64>),
    /// Of int64, and of bool as 0 and 1.
    Integer(Vec<i64>),
}

impl Value {
    /// An array, or the number that an array without axes is.
    ///
    /// # Panics
    ///
    /// Unless there are as many elements as the shape has, of the kind that the dtype has.
    pub fn array(shape: Shape, dtype: DType, data: Data) -> Value {
        assert_eq!(shape.size(), data.len() as u64, "the elements of an array of shape {shape}");
        assert_eq!(dtype.is_real(), matches!(data, Data::Real(_)), "the elements of an array of {dtype}");
        let array = ArrayValue { shape, dtype, data };
        if array.shape.ndim() == 0 { array.element(0) } else { Value::Array(array) }
    }

    /// The number, unless it is an array.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Single(number) => Some((*number).into()),
            Value::Integer(number) => Some(*number as f64),
            Value::Bool(truth) => Some(u8::from(*truth).into()),
            Value::Array(_) => None,
        }
    }

    /// The shape; `()` for a number.
    pub fn shape(&self) -> Shape {
        match self {
            Value::Array(array) => array.shape.clone(),
            _ => Shape::number(),
        }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        match self {
            Value::Number(_) => DType::F64,
            Value::Single(_) => DType::F32,
            Value::Integer(_) => DType::I64,
            Value::Bool(_) => DType::Bool,
            Value::Array(array) => array.dtype,
        }
    }

    /// A JSON number, or `"nan"`, `"inf"`, `"-inf"`, for which JSON has none; `true` or `false`; or an object
    /// with all elements of an array in C order.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Number(number) => real(*number, || repr(*number)),
            // The double that has the digits of the single, so that JSON shows those and no others.
            Value::Single(number) => {
                let digits = single(*number);
                real(digits.parse().unwrap_or((*number).into()), || digits)
            }
            Value::Integer(number) => json!(number),
            Value::Bool(truth) => json!(truth),
            Value::Array(array) => json!(array),
        }
    }
}

fn real(number: f64, word: impl FnOnce() -> String) -> serde_json::Value {
    serde_json::Number::from_f64(number)
        .map_or_else(|| serde_json::Value::String(word()), serde_json::Value::Number)
}

impl fmt::Display for Value {
    /// As Python prints a float, an int or a bool, and as NumPy prints a single or an array.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => f.write_str(&repr(*number)),
            Value::Single(number) => f.write_str(&single(*number)),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Bool(truth) => f.write_str(if *truth { "True" } else { "False" }),
            Value::Array(array) => array.fmt(f),
        }
    }
}

impl ArrayValue {
    /// The extents; at least one.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The dtype of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The elements in C order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// An element, by its place in C order.
    pub(super) fn element(&self, place: usize) -> Value {
        match (&self.data, self.dtype) {
            (Data::Real(data), DType::F32) => Value::Single(data[place] as f32),
            (Data::Real(data), _) => Value::Number(data[place]),
            (Data::Integer(data), DType::Bool) => Value::Bool(data[place] != 0),
            (Data::Integer(data), _) => Value::Integer(data[place]),
        }
    }
}

/// As [`Value::to_json`] has it, but never more than an element at a time: arrays are large.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Array(array) => array.serialize(serializer),
            number => number.to_json().serialize(serializer),
        }
    }
}

impl Serialize for ArrayValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dtype = match self.dtype {
            DType::Bool => "bool",
            DType::I64 => "i64",
            DType::F32 => "f32",
            DType::F64 => "f64",
        };
        let mut object = serializer.serialize_struct("array", 3)?;
        object.serialize_field("data", &Elements(self))?;
        object.serialize_field("dtype", dtype)?;
        object.serialize_field("shape", self.shape.extents())?;
        object.end()
    }
}

/// The elements of an array in C order.
struct Elements<'a>(&'a ArrayValue);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.0.data.len()).map(|place| self.0.element(place)))
    }
}

impl fmt::Display for ArrayValue {
    /// As NumPy prints it, abbreviated over 1000 elements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&array::print(self))
    }
}

impl Data {
    /// Whether the elements are reals.
    pub fn is_real(&self) -> bool {
        matches!(self, Data::Real(_))
    }

    /// The number of elements.
    #[expect(clippy::len_without_is_empty, reason = "a number of elements like any other")]
    pub fn len(&self) -> usize {
        match self {
            Data::Real(data) => data.len(),
            Data::Integer(data) => data.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(extents: &[u64], dtype: DType, data: Data) -> Value {
        Value::array(Shape::new(extents.to_vec()).unwrap(), dtype, data)
    }

    #[test]
    fn json_has_words_for_what_json_cannot_write() {
        assert_eq!(Value::Number(f64::NAN).to_json().to_string(), "\"nan\"");
        assert_eq!(Value::Number(f64::NEG_INFINITY).to_json().to_string(), "\"-inf\"");
        assert_eq!(Value::Single(f32::INFINITY).to_json().to_string(), "\"inf\"");
        assert_eq!(Value::Number(0.1).to_json().to_string(), "0.1");
    }

    #[test]
    fn json_of_singles_has_their_own_digits() {
        assert_eq!(Value::Single(0.1).to_json().to_string(), "0.1");
        assert_eq!(Value::Single(f32::MIN_POSITIVE).to_json().to_string(), "1.1754944e-38");
        assert_eq!(Value::Single(-0.0).to_json().to_string(), "-0.0");
    }

    #[test]
    fn json_of_arrays_is_complete_and_in_c_order() {
        let singles = value(&[2, 2], DType::F32, Data::Real(vec![0.1_f32.into(), f64::NAN, 1e30, -1.0]));
        assert_eq!(
            singles.to_json().to_string(),
            r#"{"data":[0.1,"nan",1e+30,-1.0],"dtype":"f32","shape":[2,2]}"#
        );
        let truths = value(&[2], DType::Bool, Data::Integer(vec![1, 0]));
        assert_eq!(truths.to_json().to_string(), r#"{"data":[true,false],"dtype":"bool","shape":[2]}"#);
        let integers = value(&[0, 3], DType::I64, Data::Integer(vec![]));
        assert_eq!(integers.to_json().to_string(), r#"{"data":[],"dtype":"i64","shape":[0,3]}"#);
        let many = value(&[2000], DType::I64, Data::Integer((0..2000).collect()));
        assert_eq!(many.to_json()["data"].as_array().map(Vec::len), Some(2000));
    }

    #[test]
    fn arrays_without_axes_are_numbers() {
        assert_eq!(value(&[], DType::F64, Data::Real(vec![0.5])), Value::Number(0.5));
        assert_eq!(value(&[], DType::F32, Data::Real(vec![0.5])), Value::Single(0.5));
        assert_eq!(value(&[], DType::I64, Data::Integer(vec![-3])), Value::Integer(-3));
        assert_eq!(value(&[], DType::Bool, Data::Integer(vec![1])), Value::Bool(true));
        assert_eq!(value(&[1], DType::F64, Data::Real(vec![0.5])).number(), None);
        assert_eq!(Value::Bool(true).number(), Some(1.0));
    }

    #[test]
    fn values_know_shape_and_dtype() {
        let array = value(&[1, 2], DType::Bool, Data::Integer(vec![1, 0]));
        assert_eq!((array.shape().to_string(), array.dtype()), ("(1, 2)".into(), DType::Bool));
        assert_eq!((Value::Single(1.0).shape(), Value::Single(1.0).dtype()), (Shape::number(), DType::F32));
    }
}
