//! What a piece of an expression stands for while it is read: a lazy array, a number of Python, a function.

use std::sync::Arc;

use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Expr, Operation};
use crate::array::text::plain::known;
use crate::array::text::table::Entry;

/// The value of a piece of an expression.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A whole number, exact.
    Integer(i128),
    /// A whole number that is good for a seed only.
    Seed(u128),
    Float(f64),
    Bool(bool),
    /// An array, or a number that has a dtype of its own.
    Lazy(Expr),
    Text(String),
    Tuple(Items),
    List(Items),
    Dict(Vec<(Item, Item)>),
    /// Start, stop, step of a subscript.
    Slice([Option<i128>; 3]),
    Ellipsis,
    None,
    /// The type of elements. Python's own types, called, make numbers without a dtype.
    Type {
        dtype: DType,
        python: bool,
    },
    /// A random generator with its seed; none means the run's.
    Generator(Option<u128>),
    Namespace(Namespace),
    /// Not called yet. Of a random function, with the seed of its generator.
    Function(&'static Entry, Option<u128>),
    /// A method of this array, not called yet.
    Method(Expr, &'static Entry),
}

/// The items of a tuple or list. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Items {
    Each(Arc<[Item]>),
    /// Nothing but whole numbers, which may be very many.
    Whole(Arc<Vec<i64>>),
}

/// A prefix of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    Dask,
    /// `da`, `np`, `numpy`, `dask.array`.
    Array,
    Random,
}

/// Names that mean the same in every line.
pub(super) fn builtin(name: &str) -> Option<Item> {
    match name {
        "da" | "np" | "numpy" => Some(Item::Namespace(Namespace::Array)),
        "dask" => Some(Item::Namespace(Namespace::Dask)),
        "random" => Some(Item::Namespace(Namespace::Random)),
        "None" => Some(Item::None),
        "True" => Some(Item::Bool(true)),
        "False" => Some(Item::Bool(false)),
        "int" => Some(Item::Type { dtype: DType::I64, python: true }),
        "float" => Some(Item::Type { dtype: DType::F64, python: true }),
        "bool" => Some(Item::Type { dtype: DType::Bool, python: true }),
        _ => None,
    }
}

/// Every name that [`builtin`] knows and a user may mistype.
pub(super) const BUILTINS: [&str; 8] = ["da", "np", "numpy", "dask", "random", "int", "float", "bool"];

/// What NumPy has beside functions, with its value.
pub(super) fn constant(name: &str) -> Option<Item> {
    match name {
        "pi" => Some(Item::Float(std::f64::consts::PI)),
        "e" => Some(Item::Float(std::f64::consts::E)),
        "inf" => Some(Item::Float(f64::INFINITY)),
        "nan" => Some(Item::Float(f64::NAN)),
        "newaxis" => Some(Item::None),
        "True_" => Some(Item::Bool(true)),
        "False_" => Some(Item::Bool(false)),
        _ => dtype(name).map(|dtype| Item::Type { dtype, python: false }),
    }
}

/// The names that [`constant`] knows, but for the spellings of dtypes that few use.
pub(super) const CONSTANTS: [&str; 9] =
    ["pi", "e", "inf", "nan", "newaxis", "float64", "float32", "int64", "bool"];

/// The dtype of a name, as NumPy writes it.
pub(super) fn dtype(name: &str) -> Option<DType> {
    match name {
        "bool" | "bool_" | "?" | "b1" => Some(DType::Bool),
        "int64" | "int" | "int_" | "i8" | "<i8" | "q" => Some(DType::I64),
        "float32" | "single" | "f4" | "<f4" | "f" => Some(DType::F32),
        "float64" | "float" | "double" | "f8" | "<f8" | "d" => Some(DType::F64),
        _ => None,
    }
}

/// Names of further dtypes of NumPy, which only files can have.
pub(super) fn is_foreign_dtype(name: &str) -> bool {
    let sized = |kind: &str| {
        name.strip_prefix(kind)
            .is_some_and(|bits| !bits.is_empty() && bits.chars().all(|c| c.is_ascii_digit()))
    };
    ["int", "uint", "float", "complex", "i", "u", "f", "c"].into_iter().any(sized)
        || ["half", "longdouble", "complex", "object", "str", "intc", "short", "long"].contains(&name)
}

/// What to write instead of another dtype.
pub(super) const DTYPES: &str = "the dtypes are bool, int64, float32 and float64";

impl Namespace {
    pub(super) fn name(self) -> &'static str {
        match self {
            Namespace::Dask => "dask",
            Namespace::Array => "da",
            Namespace::Random => "random",
        }
    }
}

impl Item {
    /// As an operand: a number of Python or anything lazy.
    pub(super) fn expr(&self) -> Option<Expr> {
        match self {
            Item::Lazy(expr) => Some(expr.clone()),
            _ => self.scalar().map(Expr::scalar),
        }
    }

    /// As a number of Python, which has no dtype of its own. Whole numbers that fit no int64 are floats.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        match *self {
            Item::Bool(value) => Some(Scalar::Bool(value)),
            Item::Integer(value) => {
                Some(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int))
            }
            Item::Seed(value) => Some(Scalar::Float(value as f64)),
            Item::Float(value) => Some(Scalar::Float(value)),
            _ => None,
        }
    }

    /// As a number that is known now.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Item::Bool(_) => None,
            Item::Lazy(expr) => known(expr),
            Item::Integer(value) => Some(*value as f64),
            _ => self.scalar().map(Scalar::to_f64),
        }
    }

    /// As a whole number: an integer, or a float such as 8e8.
    pub(super) fn whole(&self) -> Option<i128> {
        match self {
            Item::Integer(value) => Some(*value),
            // Exact, or the nearest end of the range: too large for everything that takes whole numbers.
            _ => self
                .float()
                .filter(|value| value.trunc() == *value && value.is_finite())
                .map(|value| value as i128),
        }
    }

    /// The items of a tuple or list.
    pub(super) fn items(&self) -> Option<&Items> {
        match self {
            Item::Tuple(items) | Item::List(items) => Some(items),
            _ => None,
        }
    }

    /// What it is, for an error.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Item::Integer(_) | Item::Seed(_) | Item::Float(_) => "a number",
            Item::Lazy(expr) if expr.is_number() => "a computed number",
            Item::Lazy(_) => "an array",
            Item::Text(_) => "a text",
            Item::Tuple(_) => "a tuple",
            Item::List(_) => "a list",
            Item::Dict(_) => "a dict",
            Item::Slice(_) => "a slice",
            Item::Ellipsis => "`...`",
            Item::None => "None",
            Item::Bool(_) => "a truth value",
            Item::Type { .. } => "a dtype",
            Item::Generator(_) => "a random generator",
            Item::Namespace(_) => "a prefix of names",
            Item::Function(..) | Item::Method(..) => "a function that is not called",
        }
    }
}

impl Items {
    pub(super) fn len(&self) -> usize {
        match self {
            Items::Each(items) => items.len(),
            Items::Whole(values) => values.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Item> {
        match self {
            Items::Each(items) => items.get(index).cloned(),
            Items::Whole(values) => values.get(index).map(|&value| Item::Integer(value.into())),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Item> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

impl FromIterator<Item> for Items {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Items::Each(items.into_iter().collect())
    }
}

impl From<Expr> for Item {
    /// A number of Python is an item of its own.
    fn from(expr: Expr) -> Self {
        match *expr.operation() {
            Operation::Scalar(scalar) if scalar.dtype() != expr.dtype() => Item::Lazy(expr),
            Operation::Scalar(Scalar::Bool(value)) => Item::Bool(value),
            Operation::Scalar(Scalar::Int(value)) => Item::Integer(value.into()),
            Operation::Scalar(Scalar::Float(value)) => Item::Float(value),
            _ => Item::Lazy(expr),
        }
    }
}
