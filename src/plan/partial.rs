//! What a task yields: one accumulator for each thing its stage gathers. Partials combine in any order.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::kernel::{ExactMoments, ExactSum, Extrema, Isa};

/// What is gathered from an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Gather {
    /// The sum.
    Sum,
    /// The sum and the sum of squares.
    Moments,
    /// The least and the greatest element.
    Extrema,
}

/// The mergeable summary of some tasks of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    accumulators: Vec<Accumulator>,
}

/// What has been gathered so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Accumulator {
    Sum(ExactSum),
    Moments(Box<ExactMoments>),
    Extrema(Extrema),
}

impl Partial {
    /// The summary of no task.
    pub(super) fn empty(gathers: &[Gather]) -> Self {
        Partial { accumulators: gathers.iter().map(|&gather| Accumulator::empty(gather)).collect() }
    }

    /// Folds another in. One that belongs to another stage changes nothing and is an error.
    pub fn combine(&mut self, other: &Partial) -> Result<()> {
        if !self.gathers().eq(other.gathers()) {
            return Err(foreign());
        }
        for (accumulator, other) in self.accumulators.iter_mut().zip(&other.accumulators) {
            accumulator.merge(other);
        }
        Ok(())
    }

    /// Adds values to one accumulator.
    ///
    /// # Panics
    /// When there is no such accumulator.
    pub fn add(&mut self, accumulator: u32, isa: Isa, values: &[f64]) {
        match &mut self.accumulators[accumulator as usize] {
            Accumulator::Sum(sum) => sum.add(isa, values),
            Accumulator::Moments(moments) => moments.add(isa, values),
            Accumulator::Extrema(extrema) => extrema.add(isa, values),
        }
    }

    /// Refuses a partial of another stage.
    pub(super) fn check(&self, gathers: &[Gather]) -> Result<()> {
        if self.gathers().eq(gathers.iter().copied()) { Ok(()) } else { Err(foreign()) }
    }

    pub(super) fn accumulator(&self, index: usize) -> &Accumulator {
        &self.accumulators[index]
    }

    fn gathers(&self) -> impl Iterator<Item = Gather> {
        self.accumulators.iter().map(Accumulator::gather)
    }
}

impl Accumulator {
    fn empty(gather: Gather) -> Self {
        match gather {
            Gather::Sum => Accumulator::Sum(ExactSum::default()),
            Gather::Moments => Accumulator::Moments(Box::default()),
            Gather::Extrema => Accumulator::Extrema(Extrema::default()),
        }
    }

    fn gather(&self) -> Gather {
        match self {
            Accumulator::Sum(_) => Gather::Sum,
            Accumulator::Moments(_) => Gather::Moments,
            Accumulator::Extrema(_) => Gather::Extrema,
        }
    }

    /// Of the same kind; [`Partial::combine`] has seen to it.
    fn merge(&mut self, other: &Accumulator) {
        match (self, other) {
            (Accumulator::Sum(sum), Accumulator::Sum(other)) => sum.merge(other),
            (Accumulator::Moments(moments), Accumulator::Moments(other)) => moments.merge(other),
            (Accumulator::Extrema(extrema), Accumulator::Extrema(other)) => extrema.merge(other),
            _ => {}
        }
    }
}

fn foreign() -> Error {
    Error::new(ErrorKind::Internal, "a partial does not belong to its stage")
}
