//! The lazy expression: a directed graph of sources, elementwise operations, views and reductions.
//!
//! Nodes are checked when they are made (`make`), so that an [`Expr`] is always meaningful: operands of an
//! operation have one dtype, and one shape unless they are numbers; axes exist; sizes fit. Evaluation is
//! `plan`'s and `execute`'s.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::array::cut::AxisChunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::random::Random;
use crate::array::shape::Shape;
use crate::array::stored::Stored;
use crate::error::{Error, Result};

/// Bounds the recursion over an expression.
const DEPTH: u32 = 1000;

/// An array or number that is not computed yet. Cheap to clone: clones share the node.
#[derive(Debug, Clone)]
pub struct Expr(Arc<Node>);

#[derive(Debug)]
struct Node {
    operation: Operation,
    shape: Shape,
    dtype: DType,
    chunks: Vec<AxisChunks>,
    depth: u32,
    place: OnceLock<String>,
}

/// What a node of an [`Expr`] does.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A number that is known; of shape `()`.
    Scalar(Scalar),
    /// A random array, of f64.
    Random(Random),
    /// An array of one value, which has the array's dtype.
    Full(Scalar),
    /// Element i is `start + i * step`; of one axis, of i64 or f64. `last` replaces the last element.
    Arange {
        /// The first element.
        start: Scalar,
        /// The difference of two neighbours.
        step: Scalar,
        /// The last element, where it is not computed (NumPy's `linspace`).
        last: Option<f64>,
    },
    /// An array in files.
    Stored(Arc<Stored>),
    /// An operation on each element.
    Unary(Unary, Expr),
    /// An operation on two operands of one dtype, element by element. One may be a number.
    Binary(Binary, Expr, Expr),
    /// The second operand where the first, of bool, is true, else the third. Each may be a number.
    Where(Expr, Expr, Expr),
    /// Another dtype: that of the node.
    Cast(Expr),
    /// The same elements at other places.
    View(View, Expr),
    /// Arrays one after the other along an axis; all have at least that axis and one dtype.
    Concatenate(usize, Vec<Expr>),
    /// Running sums or products along an axis.
    Scan(Scan, usize, Expr),
    /// The operand without the axes (ascending, at least one) over which it is reduced.
    Reduce(Reduction, Vec<usize>, Expr),
    /// NumPy's linear quantile over all elements of an operand of f64 or f32; a number.
    Quantile(f64, Expr),
    /// As `Quantile`, along these axes (ascending, at least one but not all), which go.
    QuantileAlong(f64, Vec<usize>, Expr),
    /// How many elements fall into each bin; i64, of one axis.
    Histogram(Bins, Expr),
}

/// Elements at other places. Axes that only come or go are a [`View::Reshape`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// One for each axis of the operand; an `Index` drops its axis.
    Slice(Vec<AxisIndex>),
    /// Axis k of the result is axis `order[k]` of the operand.
    Transpose(Vec<usize>),
    /// The same elements in C order under another shape of the same size, that of the node.
    Reshape,
    /// Repeated along new leading axes and along axes of extent 1, to the node's shape.
    Broadcast,
}

/// What is taken of an axis; all within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AxisIndex {
    /// One place; the axis goes.
    Index(u64),
    /// `count` places: `start`, `start + step`, ..
    Range {
        /// The first place; 0 where there is none.
        start: u64,
        /// Not 0; negative goes backwards.
        step: i64,
        /// How many places.
        count: u64,
    },
}

/// An operation on one operand. The result has the operand's dtype, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is NumPy's function of its name")]
pub enum Unary {
    /// `-x`; not of bool.
    Negate,
    /// `~x`, of bool or i64.
    Invert,
    Absolute,
    /// Of f64, f32 or i64.
    Sign,
    /// Of f64, f32 or i64.
    Square,
    // All further ones are of f64 or f32.
    Sqrt,
    Cbrt,
    Exp,
    Expm1,
    Log,
    Log1p,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Floor,
    Ceil,
    /// Half to even.
    Round,
    Trunc,
    Reciprocal,
    /// To bool.
    IsNan,
    /// To bool.
    IsFinite,
    /// To bool.
    IsInf,
}

/// An operation on two operands of one dtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is Python's operator or NumPy's function of its name")]
pub enum Binary {
    // Of f64, f32 or i64, whose overflow wraps.
    Add,
    Subtract,
    Multiply,
    /// Of f64 or f32.
    Divide,
    /// Of f64, f32 or i64.
    FloorDivide,
    /// Of f64, f32 or i64; the sign of the divisor.
    Remainder,
    /// Of f64, f32, or i64, whose exponents are not negative.
    Power,
    // Of any dtype.
    Minimum,
    Maximum,
    // Of f64 or f32.
    Arctan2,
    Hypot,
    // Of bool or i64.
    And,
    Or,
    Xor,
    // To bool, of any dtype.
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
}

/// Running results along an axis, of f64, f32 or i64, which wraps. One rounding after each element, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scan {
    /// `cumsum`
    Sum,
    /// `cumprod`
    Product,
}

/// A reduction. Its operand has at least one element for each element of the result, or an empty operand's
/// result is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reduction {
    /// What is computed.
    pub kind: ReductionKind,
    /// Whether NaN is left out (`nansum` and its kin).
    pub skip_nan: bool,
}

/// What a reduction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReductionKind {
    /// Of f64, f32 or i64, to the same.
    Sum,
    /// Of f64, f32 or i64, to the same; i64 wraps.
    Product,
    /// Of f64 or i64 to f64, of f32 to f32. So are `Var` and `Std`.
    Mean,
    /// The variance.
    Var {
        /// What is taken from the number of elements in the divisor.
        ddof: u64,
    },
    /// The standard deviation.
    Std {
        /// What is taken from the number of elements in the divisor.
        ddof: u64,
    },
    /// Of any dtype, to the same.
    Min,
    /// Of any dtype, to the same.
    Max,
    /// Of any dtype, to i64: the place in C order of the reduced axes.
    ArgMin,
    /// Of any dtype, to i64: the place in C order of the reduced axes.
    ArgMax,
    /// Of bool, to bool.
    Any,
    /// Of bool, to bool.
    All,
    /// Of bool, to i64.
    CountNonzero,
}

/// The bins of a histogram of f64.
#[derive(Debug, Clone)]
pub enum Bins {
    /// Bins of one width from `low` to `high`, both included; two numbers of f64.
    Even {
        /// How many; at least one.
        count: u64,
        /// The lower end.
        low: Expr,
        /// The upper end.
        high: Expr,
    },
    /// The ascending edges of the bins, one more than bins; the last edge is included.
    Edges(Vec<f64>),
}

impl Expr {
    /// A node without operands, which `make` has checked.
    pub(super) fn source(operation: Operation, shape: Shape, dtype: DType, chunks: Vec<AxisChunks>) -> Self {
        Expr(Arc::new(Node { operation, shape, dtype, chunks, depth: 0, place: OnceLock::new() }))
    }

    /// A node upon its operands, which `make` has checked; refuses too many one upon another.
    pub(super) fn upon(
        operation: Operation,
        shape: Shape,
        dtype: DType,
        chunks: Vec<AxisChunks>,
    ) -> Result<Self> {
        let depth = 1 + operation.operands().into_iter().map(Expr::depth).max().unwrap_or(0);
        if depth > DEPTH {
            return Err(Error::refused(format!(
                "an expression of more than {DEPTH} operations one upon another"
            ))
            .hint("save an array from the middle of it, and load it"));
        }
        Ok(Expr(Arc::new(Node { operation, shape, dtype, chunks, depth, place: OnceLock::new() })))
    }

    /// What the node does.
    pub fn operation(&self) -> &Operation {
        &self.0.operation
    }

    /// The shape of its value.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// The dtype of its elements.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Its chunks, axis by axis.
    pub fn chunks(&self) -> &[AxisChunks] {
        &self.0.chunks
    }

    /// How many nodes lie one upon another.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Where it is written, with a caret under it, if it comes from a text.
    pub fn place(&self) -> Option<&str> {
        self.0.place.get().map(String::as_str)
    }

    /// Remembers where it is written, unless it is written elsewhere already.
    pub(super) fn place_at(&self, place: impl FnOnce() -> String) {
        self.0.place.get_or_init(place);
    }

    /// Whether its value is a single number.
    pub fn is_number(&self) -> bool {
        self.shape().ndim() == 0
    }

    /// The nodes it is made of directly.
    pub fn operands(&self) -> Vec<&Expr> {
        self.operation().operands()
    }

    /// The same for clones of one node, and only for them, while any of them lives.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl Operation {
    /// The nodes it takes, in order.
    pub fn operands(&self) -> Vec<&Expr> {
        match self {
            Operation::Scalar(_)
            | Operation::Random(_)
            | Operation::Full(_)
            | Operation::Arange { .. }
            | Operation::Stored(_) => Vec::new(),
            Operation::Unary(_, operand)
            | Operation::Cast(operand)
            | Operation::View(_, operand)
            | Operation::Scan(_, _, operand)
            | Operation::Reduce(_, _, operand)
            | Operation::Quantile(_, operand)
            | Operation::QuantileAlong(_, _, operand)
            | Operation::Histogram(Bins::Edges(_), operand) => vec![operand],
            Operation::Histogram(Bins::Even { low, high, .. }, operand) => vec![operand, low, high],
            Operation::Binary(_, left, right) => vec![left, right],
            Operation::Where(condition, left, right) => vec![condition, left, right],
            Operation::Concatenate(_, parts) => parts.iter().collect(),
        }
    }
}
