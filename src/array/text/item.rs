//! What a piece of an expression stands for while it is read: a lazy array, an exact number, a function.

use crate::array::expr::{Expr, Operation, Reduction};

/// The value of a piece of an expression.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A whole number, exact.
    Integer(i128),
    /// A whole number that is good for a seed only.
    Seed(u128),
    Float(f64),
    /// An array, or a number that is not known before a stage has run.
    Lazy(Expr),
    Text(String),
    Tuple(Vec<Item>),
    None,
    Bool(bool),
    /// A random generator with its seed; none means the run's.
    Generator(Option<u128>),
    Namespace(Namespace),
    Function(Function),
    /// A reduction of this array, not called yet.
    Method(Expr, ReductionName),
}

/// A prefix of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    Dask,
    /// `da`, `np`, `numpy`, `dask.array`.
    Array,
    Random,
}

/// A function of a namespace or generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    DefaultRng,
    Random(DistributionName, Option<u128>),
    Reduction(ReductionName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DistributionName {
    Normal,
    StandardNormal,
    Uniform,
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReductionName {
    Sum,
    Mean,
    Min,
    Max,
    Var,
    Std,
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
        _ => None,
    }
}

/// Every name that [`builtin`] knows and a user may mean.
pub(super) const BUILTINS: [&str; 5] = ["da", "np", "numpy", "dask", "random"];

impl Namespace {
    pub(super) fn name(self) -> &'static str {
        match self {
            Namespace::Dask => "dask",
            Namespace::Array => "da",
            Namespace::Random => "random",
        }
    }

    /// The names that can follow the prefix and a point.
    pub(super) fn names(self) -> Vec<&'static str> {
        match self {
            Namespace::Dask => vec!["array"],
            Namespace::Array => ReductionName::ALL.iter().map(|name| name.name()).chain(["random"]).collect(),
            Namespace::Random => {
                DistributionName::ALL.iter().map(|name| name.name()).chain(["default_rng"]).collect()
            }
        }
    }

    pub(super) fn attribute(self, name: &str) -> Option<Item> {
        match (self, name) {
            (Namespace::Dask, "array") => Some(Item::Namespace(Namespace::Array)),
            (Namespace::Array, "random") => Some(Item::Namespace(Namespace::Random)),
            (Namespace::Array, _) => Some(Item::Function(Function::Reduction(ReductionName::of(name)?))),
            (Namespace::Random, "default_rng") => Some(Item::Function(Function::DefaultRng)),
            (Namespace::Random, _) => {
                Some(Item::Function(Function::Random(DistributionName::of(name)?, None)))
            }
            (Namespace::Dask, _) => None,
        }
    }
}

impl DistributionName {
    pub(super) const ALL: [DistributionName; 4] = [
        DistributionName::Normal,
        DistributionName::StandardNormal,
        DistributionName::Uniform,
        DistributionName::Random,
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        DistributionName::ALL.into_iter().find(|known| known.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            DistributionName::Normal => "normal",
            DistributionName::StandardNormal => "standard_normal",
            DistributionName::Uniform => "uniform",
            DistributionName::Random => "random",
        }
    }
}

impl ReductionName {
    pub(super) const ALL: [ReductionName; 6] = [
        ReductionName::Sum,
        ReductionName::Mean,
        ReductionName::Min,
        ReductionName::Max,
        ReductionName::Std,
        ReductionName::Var,
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        ReductionName::ALL.into_iter().find(|known| known.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        self.with(0).name()
    }

    pub(super) fn with(self, ddof: u64) -> Reduction {
        match self {
            ReductionName::Sum => Reduction::Sum,
            ReductionName::Mean => Reduction::Mean,
            ReductionName::Min => Reduction::Min,
            ReductionName::Max => Reduction::Max,
            ReductionName::Var => Reduction::Var { ddof },
            ReductionName::Std => Reduction::Std { ddof },
        }
    }
}

impl Item {
    /// As an operand of arithmetic.
    pub(super) fn expr(&self) -> Option<Expr> {
        match self {
            Item::Lazy(expr) => Some(expr.clone()),
            _ => self.float().map(Expr::number),
        }
    }

    /// As a number known now.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Item::Integer(value) => Some(*value as f64),
            Item::Seed(value) => Some(*value as f64),
            Item::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// As a whole number: an integer, or a float such as 8e8.
    pub(super) fn whole(&self) -> Option<i128> {
        match self {
            Item::Integer(value) => Some(*value),
            // Exact, or the nearest end of the range: too large for everything that takes whole numbers.
            Item::Float(value) if value.trunc() == *value && value.is_finite() => Some(*value as i128),
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
            Item::None => "None",
            Item::Bool(_) => "a truth value",
            Item::Generator(_) => "a random generator",
            Item::Namespace(_) => "a prefix of names",
            Item::Function(_) | Item::Method(..) => "a function that is not called",
        }
    }
}

impl From<Expr> for Item {
    /// A number that is known already is an item of its own.
    fn from(expr: Expr) -> Self {
        match expr.operation() {
            Operation::Number(value) => Item::Float(*value),
            _ => Item::Lazy(expr),
        }
    }
}
