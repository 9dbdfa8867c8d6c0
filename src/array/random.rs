//! Random arrays in Rust, named as NumPy names them: `random::normal(0.0, 0.1).size([8]).stream("x")`.
//!
//! An element depends on seed, stream and index alone, so every array says which stream is its own.

use std::cell::Cell;

use crate::array::chunks::Chunks;
use crate::array::expr::Expr;
use crate::array::handle::Array;
use crate::array::repr::repr;
use crate::array::shape::Shape;
use crate::error::{Error, Result};

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

/// A distribution that still needs a size.
#[derive(Debug, Clone)]
#[must_use]
pub struct Unsized(Random);

impl Unsized {
    /// The random array of these extents, outermost axis first.
    pub fn size(self, extents: impl Into<Vec<u64>>) -> Array {
        let expr =
            Shape::new(extents.into()).and_then(|shape| Expr::random(self.0, shape, &Chunks::Automatic));
        Array::from(expr)
    }
}

/// Normal, with mean `loc` and standard deviation `scale`.
pub fn normal(loc: f64, scale: f64) -> Unsized {
    unnamed(Distribution::Normal { loc, scale })
}

/// Normal, with mean 0 and standard deviation 1.
pub fn standard_normal() -> Unsized {
    normal(0.0, 1.0)
}

/// Uniform in `[low, high)`.
pub fn uniform(low: f64, high: f64) -> Unsized {
    unnamed(Distribution::Uniform { low, high })
}

/// Uniform in `[0, 1)`.
pub fn random() -> Unsized {
    unnamed(Distribution::Random)
}

fn unnamed(distribution: Distribution) -> Unsized {
    Unsized(Random { seed: None, stream: None, distribution })
}

/// A generator with a seed of its own; its arrays have the streams `#0`, `#1`, .. in order of creation.
pub fn default_rng(seed: u128) -> Generator {
    Generator { seed, created: Cell::new(0) }
}

/// Makes random arrays from one seed. See [`default_rng`].
#[derive(Debug)]
pub struct Generator {
    seed: u128,
    created: Cell<u64>,
}

impl Generator {
    /// Normal, with mean `loc` and standard deviation `scale`.
    pub fn normal(&self, loc: f64, scale: f64) -> Unsized {
        self.next(Distribution::Normal { loc, scale })
    }

    /// Normal, with mean 0 and standard deviation 1.
    pub fn standard_normal(&self) -> Unsized {
        self.normal(0.0, 1.0)
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&self, low: f64, high: f64) -> Unsized {
        self.next(Distribution::Uniform { low, high })
    }

    /// Uniform in `[0, 1)`.
    pub fn random(&self) -> Unsized {
        self.next(Distribution::Random)
    }

    fn next(&self, distribution: Distribution) -> Unsized {
        let number = self.created.get();
        self.created.set(number + 1);
        Unsized(Random { seed: Some(self.seed), stream: Some(format!("#{number}")), distribution })
    }
}
