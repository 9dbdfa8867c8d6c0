//! The lazy expression: a directed graph of random arrays, elementwise operations and reductions.
//!
//! Nodes are checked when they are made, so that an [`Expr`] is always meaningful: shapes agree, sizes fit,
//! empty arrays are reduced on the spot and numbers are folded. Evaluation is `plan`'s and `execute`'s.

use std::sync::Arc;

use crate::array::repr::repr;
use crate::array::shape::{Chunks, Shape};
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
    chunks: Vec<u64>,
    depth: u32,
}

/// What a node of an [`Expr`] does.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A number.
    Number(f64),
    /// A random array.
    Random(Random),
    /// Unary minus.
    Negate(Expr),
    /// Arithmetic, element by element; a number stands for an array of itself.
    Binary(Binary, Expr, Expr),
    /// An array reduced to a number.
    Reduce(Reduction, Expr),
}

/// Where the values of a random array come from; with the index, that is all an element depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Random {
    /// The seed of the array's generator; none means the run's.
    pub seed: Option<u128>,
    /// The stream; none is refused when a plan is made.
    pub stream: Option<String>,
    /// The distribution of every element.
    pub distribution: Distribution,
}

/// A distribution with its parameters, which are finite and in range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Uniform in [0, 1).
    Random,
    /// Uniform in [low, high).
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Normal.
    Normal {
        /// The mean.
        loc: f64,
        /// The standard deviation.
        scale: f64,
    },
}

/// Arithmetic of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// A reduction over all axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reduction {
    /// `sum`
    Sum,
    /// `mean`
    Mean,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `var`
    Var {
        /// What is taken from the number of elements in the divisor.
        ddof: u64,
    },
    /// `std`
    Std {
        /// What is taken from the number of elements in the divisor.
        ddof: u64,
    },
}

impl Expr {
    /// A number.
    pub fn number(value: f64) -> Self {
        Expr::node(Operation::Number(value), Shape::number(), Vec::new(), 0)
    }

    /// A random array; refuses parameters that are out of range.
    pub fn random(random: Random, shape: Shape, chunks: &Chunks) -> Result<Self> {
        random.distribution.check()?;
        if shape.ndim() == 0 {
            return Err(Error::refused("a random array without an axis").hint("for one element write size=1"));
        }
        let chunks = chunks.extents(&shape)?;
        Ok(Expr::node(Operation::Random(random), shape, chunks, 0))
    }

    /// `-operand`.
    pub fn negate(operand: &Expr) -> Result<Self> {
        if let Operation::Number(value) = operand.operation() {
            return Ok(Expr::number(-value));
        }
        let (shape, chunks) = (operand.shape().clone(), operand.chunks().to_vec());
        Ok(Expr::node(Operation::Negate(operand.clone()), shape, chunks, deeper(&[operand])?))
    }

    /// `left operation right`; the shapes are equal or one is a number's.
    pub fn binary(operation: Binary, left: &Expr, right: &Expr) -> Result<Self> {
        if let (Operation::Number(left), Operation::Number(right)) = (left.operation(), right.operation()) {
            return Ok(Expr::number(operation.apply(*left, *right)));
        }
        let (shape, chunks) = common(left, right)?;
        let depth = deeper(&[left, right])?;
        Ok(Expr::node(Operation::Binary(operation, left.clone(), right.clone()), shape, chunks, depth))
    }

    /// An array reduced to a number. What an empty array gives is known at once.
    pub fn reduce(reduction: Reduction, operand: &Expr) -> Result<Self> {
        if operand.is_number() {
            return Err(Error::refused(format!("`{}` of a number", reduction.name()))
                .hint("reductions take an array; leave it out"));
        }
        if operand.shape().size() == 0 {
            return reduction.of_nothing().map(Expr::number);
        }
        let depth = deeper(&[operand])?;
        Ok(Expr::node(Operation::Reduce(reduction, operand.clone()), Shape::number(), Vec::new(), depth))
    }

    fn node(operation: Operation, shape: Shape, chunks: Vec<u64>, depth: u32) -> Self {
        Expr(Arc::new(Node { operation, shape, chunks, depth }))
    }

    /// What the node does.
    pub fn operation(&self) -> &Operation {
        &self.0.operation
    }

    /// The shape of its value.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// The extents of its chunks, one for each axis.
    pub fn chunks(&self) -> &[u64] {
        &self.0.chunks
    }

    /// Whether its value is a single number.
    pub fn is_number(&self) -> bool {
        self.shape().ndim() == 0
    }

    /// Refuses an array where only a number can be a result.
    pub fn check_result(&self, name: &str) -> Result<()> {
        if self.is_number() {
            return Ok(());
        }
        Err(Error::refused(format!("result `{name}` is an array of shape {}", self.shape()))
            .hint("a result is a number as yet: reduce the array, for example with .mean()"))
    }

    /// The same for clones of one node, and only for them, while any of them lives.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// The shape and chunks of an operation on both: per axis the shorter chunk.
fn common(left: &Expr, right: &Expr) -> Result<(Shape, Vec<u64>)> {
    if right.is_number() {
        return Ok((left.shape().clone(), left.chunks().to_vec()));
    }
    if left.is_number() {
        return Ok((right.shape().clone(), right.chunks().to_vec()));
    }
    if left.shape() != right.shape() {
        return Err(Error::refused(format!("shapes {} and {} differ", left.shape(), right.shape()))
            .hint("arithmetic takes arrays of equal shape, or an array and a number, as yet"));
    }
    let chunks = left.chunks().iter().zip(right.chunks()).map(|(&left, &right)| left.min(right)).collect();
    Ok((left.shape().clone(), chunks))
}

fn deeper(operands: &[&Expr]) -> Result<u32> {
    let depth = 1 + operands.iter().map(|operand| operand.0.depth).max().unwrap_or(0);
    if depth > DEPTH {
        return Err(Error::refused(format!(
            "an expression of more than {DEPTH} operations one upon another"
        )));
    }
    Ok(depth)
}

impl Distribution {
    /// The name of the function that makes it.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Random => "random",
            Distribution::Uniform { .. } => "uniform",
            Distribution::Normal { .. } => "normal",
        }
    }

    /// The parameters in NumPy's order.
    pub fn parameters(self) -> Vec<f64> {
        match self {
            Distribution::Random => Vec::new(),
            Distribution::Uniform { low, high } => vec![low, high],
            Distribution::Normal { loc, scale } => vec![loc, scale],
        }
    }

    /// Whether the parameters are finite and in range.
    pub fn check(self) -> Result<()> {
        let (ordered, rule) = match self {
            Distribution::Random => return Ok(()),
            Distribution::Uniform { low, high } => {
                (low <= high && (high - low).is_finite(), "low is at most high")
            }
            Distribution::Normal { scale, .. } => (!scale.is_sign_negative(), "scale is not negative"),
        };
        let parameters = self.parameters();
        if ordered && parameters.iter().all(|parameter| parameter.is_finite()) {
            return Ok(());
        }
        let shown: Vec<String> = parameters.into_iter().map(repr).collect();
        Err(Error::refused(format!("`{}` with parameters {}", self.name(), shown.join(" and ")))
            .hint(format!("the parameters are finite, and {rule}")))
    }
}

impl Binary {
    /// The operation on two numbers: IEEE, one rounding.
    pub fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Binary::Add => left + right,
            Binary::Subtract => left - right,
            Binary::Multiply => left * right,
            Binary::Divide => left / right,
        }
    }

    /// The sign in an expression.
    pub fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
        }
    }
}

impl Reduction {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::Min => "min",
            Reduction::Max => "max",
            Reduction::Var { .. } => "var",
            Reduction::Std { .. } => "std",
        }
    }

    fn of_nothing(self) -> Result<f64> {
        match self {
            Reduction::Sum => Ok(0.0),
            Reduction::Mean | Reduction::Var { .. } | Reduction::Std { .. } => Ok(f64::NAN),
            Reduction::Min | Reduction::Max => {
                Err(Error::refused(format!("`{}` of an empty array", self.name())))
            }
        }
    }
}
