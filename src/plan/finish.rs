//! From accumulators to elements: the last, and only rounding, step of a reduction.

use serde::{Deserialize, Serialize};

use crate::array::{DType, Data, Reduction, ReductionKind};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::accumulate::Precision;
use crate::plan::partial::Accumulator;

/// What the accumulators of a reduction come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The reduction.
    pub reduction: Reduction,
    /// The dtype of the operand.
    pub dtype: DType,
    /// Elements for each output.
    pub count: u64,
}

/// One element of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Of f64 or f32.
    Real(f64),
    /// Of i64 or bool.
    Integer(i64),
}

impl Finish {
    /// Whether results are reals.
    pub fn is_real(&self) -> bool {
        use ReductionKind::{All, Any, ArgMax, ArgMin, CountNonzero, Max, Mean, Min, Product, Std, Sum, Var};
        match self.reduction.kind {
            Mean | Var { .. } | Std { .. } => true,
            ArgMin | ArgMax | Any | All | CountNonzero => false,
            Sum | Product | Min | Max => self.dtype.is_real(),
        }
    }

    /// What output `i` comes to. With `skip_nan` the second accumulator counts the elements that are numbers.
    pub fn output(&self, accumulators: &[&Accumulator], i: usize) -> Result<Cell> {
        let count = match (self.reduction.skip_nan, accumulators.get(1)) {
            (true, Some(Accumulator::Counts(counts))) => counts.count(i),
            (true, _) => return Err(misfit(self.reduction)),
            (false, _) => self.count,
        };
        let first = accumulators.first().ok_or_else(|| misfit(self.reduction))?;
        if self.dtype.is_real() { self.real(first, i, count) } else { self.integer(first, i, count) }
    }

    fn real(&self, accumulator: &Accumulator, i: usize, count: u64) -> Result<Cell> {
        use ReductionKind::{ArgMax, ArgMin, Max, Mean, Min, Product, Std, Sum, Var};
        let precision = if self.dtype == DType::F32 { Precision::Single } else { Precision::Double };
        let empty = self.reduction.skip_nan && count == 0;
        let value = match (self.reduction.kind, accumulator) {
            (Sum, Accumulator::Sums(own)) => Some(own.sum(i, precision)),
            (Sum, Accumulator::Moments(own)) => Some(own.sum(i, precision)),
            (Mean, Accumulator::Sums(own)) => Some(own.mean(i, count, precision)),
            (Mean, Accumulator::Moments(own)) => Some(own.mean(i, count, precision)),
            (Var { ddof }, Accumulator::Moments(own)) => Some(own.variance(i, count, ddof, precision)),
            (Std { ddof }, Accumulator::Moments(own)) => {
                Some(own.standard_deviation(i, count, ddof, precision))
            }
            (Product, Accumulator::Products(own)) => Some(own.product(i, precision)),
            (Min | Max, Accumulator::Extrema(_)) if empty => Some(f64::NAN),
            (Min, Accumulator::Extrema(own)) => own.minimum(i),
            (Max, Accumulator::Extrema(own)) => own.maximum(i),
            (ArgMin | ArgMax, Accumulator::ArgExtrema(own)) => {
                return own.place(i).map(Cell::Integer).ok_or_else(|| misfit(self.reduction));
            }
            _ => None,
        };
        value.map(Cell::Real).ok_or_else(|| misfit(self.reduction))
    }

    fn integer(&self, accumulator: &Accumulator, i: usize, count: u64) -> Result<Cell> {
        use ReductionKind::{All, Any, ArgMax, ArgMin, CountNonzero, Max, Mean, Min, Product, Std, Sum, Var};
        let cell = match (self.reduction.kind, accumulator) {
            (Sum, Accumulator::IntegerSums(own)) => Some(Cell::Integer(own.sum(i).map_err(too_large)?)),
            (Mean, Accumulator::IntegerSums(own)) => Some(Cell::Real(own.mean(i, count))),
            (Mean, Accumulator::IntegerMoments(own)) => Some(Cell::Real(own.mean(i, count))),
            (Var { ddof }, Accumulator::IntegerMoments(own)) => {
                Some(Cell::Real(own.variance(i, count, ddof)))
            }
            (Std { ddof }, Accumulator::IntegerMoments(own)) => {
                Some(Cell::Real(own.standard_deviation(i, count, ddof)))
            }
            (Product, Accumulator::IntegerProducts(own)) => Some(Cell::Integer(own.product(i))),
            (Min, Accumulator::IntegerExtrema(own)) => own.minimum(i).map(Cell::Integer),
            (Max, Accumulator::IntegerExtrema(own)) => own.maximum(i).map(Cell::Integer),
            (ArgMin | ArgMax, Accumulator::IntegerArgExtrema(own)) => own.place(i).map(Cell::Integer),
            (CountNonzero, Accumulator::Counts(own)) => Some(Cell::Integer(own.count(i) as i64)),
            (Any, Accumulator::Counts(own)) => Some(Cell::Integer(i64::from(own.count(i) > 0))),
            (All, Accumulator::Counts(own)) => Some(Cell::Integer(i64::from(own.count(i) == count))),
            _ => None,
        };
        cell.ok_or_else(|| misfit(self.reduction))
    }
}

impl Cell {
    /// Writes it to its place.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn put(self, into: &mut Data, place: usize) {
        match (self, into) {
            (Cell::Real(value), Data::Real(values)) => values[place] = value,
            (Cell::Integer(value), Data::Integer(values)) => values[place] = value,
            _ => unreachable!("results have one kind"),
        }
    }
}

fn too_large(exact: i128) -> Error {
    Error::refused("a sum of integers does not fit 64 bits")
        .cause(format!("it is {exact}"))
        .hint("NumPy would wrap it silently; sum as floats with .astype(float), or take the mean")
}

fn misfit(reduction: Reduction) -> Error {
    Error::new(ErrorKind::Internal, format!("a partial does not hold what {:?} needs", reduction.kind))
}
