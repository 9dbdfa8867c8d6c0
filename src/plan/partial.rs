//! What tasks yield: for each thing that its stage gathers, accumulators by panel. Partials combine in any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::array::Data;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::Isa;
use crate::kernel::accumulate::{
    ArgExtrema, Counts, Extrema, Histogram, IntegerArgExtrema, IntegerExtrema, IntegerMoments,
    IntegerProducts, IntegerSums, Moments, Products, Sums,
};
pub use crate::kernel::program::Elements as Values;
use crate::kernel::quantile::{Between, Bins};

/// What is gathered, and for how many outputs in each panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    /// What is gathered.
    pub kind: GatherKind,
    /// Outputs of a panel.
    pub outputs: u64,
}

/// What is gathered of elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is an accumulator of `kernel`")]
pub enum GatherKind {
    Sums,
    Moments,
    IntegerSums,
    IntegerMoments,
    Counts,
    Products,
    IntegerProducts,
    Extrema,
    IntegerExtrema,
    ArgExtrema {
        greatest: bool,
    },
    IntegerArgExtrema {
        greatest: bool,
    },
    EvenBins {
        count: u64,
        low: f64,
        high: f64,
    },
    Edges(Vec<f64>),
    /// Elements by the bin of their key.
    KeyBins {
        low: i64,
        high: i64,
    },
    /// Elements whose keys are in a range.
    Between {
        low: i64,
        high: i64,
    },
    /// The elements themselves, real or integer.
    Collect {
        real: bool,
    },
    /// The elements go to the stage's target of this number, and nothing is gathered.
    Save {
        target: u32,
        real: bool,
    },
}

impl GatherKind {
    /// Whether elements are sent to the driver.
    pub(super) fn is_collected(&self) -> bool {
        matches!(self, GatherKind::Collect { .. })
    }

    /// Whether elements are written to a file.
    pub(super) fn is_saved(&self) -> bool {
        matches!(self, GatherKind::Save { .. })
    }
}

/// The mergeable summary of some tasks of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// One for each gather of the stage.
    pub(super) gathered: Vec<BTreeMap<u64, Accumulator>>,
}

/// What has been gathered so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is an accumulator of `kernel`")]
pub enum Accumulator {
    Sums(Sums),
    Moments(Moments),
    IntegerSums(IntegerSums),
    IntegerMoments(IntegerMoments),
    Counts(Counts),
    Products(Products),
    IntegerProducts(IntegerProducts),
    Extrema(Extrema),
    IntegerExtrema(IntegerExtrema),
    ArgExtrema(ArgExtrema),
    IntegerArgExtrema(IntegerArgExtrema),
    Histogram(Histogram),
    Bins(Bins),
    Between(Between),
    Real(Collected<f64>),
    Integer(Collected<i64>),
}

/// Elements with their places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collected<T> {
    runs: Vec<Run<T>>,
}

/// Elements at `first`, `first + step`, ..
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run<T> {
    first: u64,
    step: i64,
    values: Vec<T>,
}

impl Partial {
    /// The summary of no task.
    pub(super) fn empty(gathers: usize) -> Self {
        Partial { gathered: vec![BTreeMap::new(); gathers] }
    }

    /// Folds another in. One that belongs to another stage changes nothing and is an error.
    pub fn combine(&mut self, other: Partial) -> Result<()> {
        if self.gathered.len() != other.gathered.len() {
            return Err(foreign());
        }
        for (own, other) in self.gathered.iter_mut().zip(other.gathered) {
            for (panel, other) in other {
                match own.entry(panel) {
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(other);
                    }
                    std::collections::btree_map::Entry::Occupied(mut own) => own.get_mut().merge(other)?,
                }
            }
        }
        Ok(())
    }

    /// The accumulator of a panel, made when it is first asked for.
    ///
    /// # Panics
    /// When there is no such gather.
    pub fn accumulator(&mut self, number: usize, gather: &Gather, panel: u64) -> &mut Accumulator {
        self.gathered[number].entry(panel).or_insert_with(|| Accumulator::new(gather))
    }

    /// Refuses what is not of these gathers.
    pub(super) fn check(&self, gathers: &[Gather]) -> Result<()> {
        let fits = |(panels, gather): (&BTreeMap<u64, Accumulator>, &Gather)| {
            panels.values().all(|accumulator| accumulator.is_of(gather))
        };
        let all = self.gathered.len() == gathers.len() && self.gathered.iter().zip(gathers).all(fits);
        if all { Ok(()) } else { Err(foreign()) }
    }
}

impl Partial {
    /// The panels of a gather that something is there of, and how many elements are there themselves.
    pub(super) fn panels(&self, gather: usize) -> impl Iterator<Item = (u64, u64)> {
        self.gathered[gather].iter().map(|(&panel, accumulator)| (panel, accumulator.elements()))
    }
}

impl Accumulator {
    /// How many elements it holds themselves.
    fn elements(&self) -> u64 {
        match self {
            Accumulator::Real(own) => own.elements(),
            Accumulator::Integer(own) => own.elements(),
            Accumulator::Between(own) => own.elements(),
            _ => 0,
        }
    }

    /// One that has gathered nothing.
    pub fn new(gather: &Gather) -> Self {
        let outputs = gather.outputs as usize;
        match &gather.kind {
            GatherKind::Sums => Accumulator::Sums(Sums::new(outputs)),
            GatherKind::Moments => Accumulator::Moments(Moments::new(outputs)),
            GatherKind::IntegerSums => Accumulator::IntegerSums(IntegerSums::new(outputs)),
            GatherKind::IntegerMoments => Accumulator::IntegerMoments(IntegerMoments::new(outputs)),
            GatherKind::Counts => Accumulator::Counts(Counts::new(outputs)),
            GatherKind::Products => Accumulator::Products(Products::new(outputs)),
            GatherKind::IntegerProducts => Accumulator::IntegerProducts(IntegerProducts::new(outputs)),
            GatherKind::Extrema => Accumulator::Extrema(Extrema::new(outputs)),
            GatherKind::IntegerExtrema => Accumulator::IntegerExtrema(IntegerExtrema::new(outputs)),
            GatherKind::ArgExtrema { greatest } => {
                Accumulator::ArgExtrema(ArgExtrema::new(outputs, *greatest))
            }
            GatherKind::IntegerArgExtrema { greatest } => {
                Accumulator::IntegerArgExtrema(IntegerArgExtrema::new(outputs, *greatest))
            }
            GatherKind::EvenBins { count, low, high } => {
                Accumulator::Histogram(Histogram::even(*count as usize, *low, *high))
            }
            GatherKind::Edges(edges) => Accumulator::Histogram(Histogram::edges(edges.clone())),
            GatherKind::KeyBins { low, high } => Accumulator::Bins(Bins::new(*low, *high)),
            GatherKind::Between { low, high } => Accumulator::Between(Between::new(*low, *high)),
            GatherKind::Collect { real: true } | GatherKind::Save { real: true, .. } => {
                Accumulator::Real(Collected::default())
            }
            GatherKind::Collect { real: false } | GatherKind::Save { real: false, .. } => {
                Accumulator::Integer(Collected::default())
            }
        }
    }

    fn is_of(&self, gather: &Gather) -> bool {
        let outputs = gather.outputs as usize;
        match (self, &gather.kind) {
            (Accumulator::Sums(own), GatherKind::Sums) => own.outputs() == outputs,
            (Accumulator::Moments(own), GatherKind::Moments) => own.outputs() == outputs,
            (Accumulator::IntegerSums(own), GatherKind::IntegerSums) => own.outputs() == outputs,
            (Accumulator::IntegerMoments(own), GatherKind::IntegerMoments) => own.outputs() == outputs,
            (Accumulator::Counts(own), GatherKind::Counts) => own.outputs() == outputs,
            (Accumulator::Products(own), GatherKind::Products) => own.outputs() == outputs,
            (Accumulator::IntegerProducts(own), GatherKind::IntegerProducts) => own.outputs() == outputs,
            (Accumulator::Extrema(own), GatherKind::Extrema) => own.outputs() == outputs,
            (Accumulator::IntegerExtrema(own), GatherKind::IntegerExtrema) => own.outputs() == outputs,
            (Accumulator::ArgExtrema(own), GatherKind::ArgExtrema { .. }) => own.outputs() == outputs,
            (Accumulator::IntegerArgExtrema(own), GatherKind::IntegerArgExtrema { .. }) => {
                own.outputs() == outputs
            }
            (Accumulator::Histogram(own), GatherKind::EvenBins { .. } | GatherKind::Edges(_)) => {
                own.outputs() == outputs
            }
            (Accumulator::Bins(own), GatherKind::KeyBins { low, high }) => own.is_of(*low, *high),
            (Accumulator::Between(own), GatherKind::Between { low, high }) => own.is_of(*low, *high),
            (Accumulator::Real(_), GatherKind::Collect { real } | GatherKind::Save { real, .. }) => *real,
            (Accumulator::Integer(_), GatherKind::Collect { real } | GatherKind::Save { real, .. }) => !real,
            _ => false,
        }
    }

    /// Folds in one of the same kind.
    fn merge(&mut self, other: Accumulator) -> Result<()> {
        let merged = match (self, other) {
            (Accumulator::Sums(own), Accumulator::Sums(other)) => own.merge(&other),
            (Accumulator::Moments(own), Accumulator::Moments(other)) => own.merge(&other),
            (Accumulator::IntegerSums(own), Accumulator::IntegerSums(other)) => own.merge(&other),
            (Accumulator::IntegerMoments(own), Accumulator::IntegerMoments(other)) => own.merge(&other),
            (Accumulator::Counts(own), Accumulator::Counts(other)) => own.merge(&other),
            (Accumulator::Products(own), Accumulator::Products(other)) => own.merge(&other),
            (Accumulator::IntegerProducts(own), Accumulator::IntegerProducts(other)) => own.merge(&other),
            (Accumulator::Extrema(own), Accumulator::Extrema(other)) => own.merge(&other),
            (Accumulator::IntegerExtrema(own), Accumulator::IntegerExtrema(other)) => own.merge(&other),
            (Accumulator::ArgExtrema(own), Accumulator::ArgExtrema(other)) => own.merge(&other),
            (Accumulator::IntegerArgExtrema(own), Accumulator::IntegerArgExtrema(other)) => own.merge(&other),
            (Accumulator::Histogram(own), Accumulator::Histogram(other)) => own.merge(&other),
            (Accumulator::Bins(own), Accumulator::Bins(other)) => own.merge(&other),
            (Accumulator::Between(own), Accumulator::Between(other)) => own.merge(&other),
            (Accumulator::Real(own), Accumulator::Real(other)) => own.merge(other),
            (Accumulator::Integer(own), Accumulator::Integer(other)) => own.merge(other),
            _ => false,
        };
        if merged { Ok(()) } else { Err(foreign()) }
    }

    /// Adds rows of `width` elements: element j goes to output `first + j % width`. With a width of 0 all go to
    /// output `first`. `places` are for argmin and argmax alone.
    ///
    /// # Panics
    /// When the elements are not of the accumulator's kind, or an output does not exist.
    pub fn add(&mut self, isa: Isa, first: usize, width: usize, values: Values<'_>, places: Option<&[i64]>) {
        macro_rules! add {
            ($own:expr, $values:expr) => {
                if width == 0 {
                    $own.add_run(isa, first, $values)
                } else {
                    $own.add_rows(isa, first, width, $values)
                }
            };
            ($own:expr, $values:expr, $places:expr) => {
                if width == 0 {
                    $own.add_run(isa, first, $values, $places)
                } else {
                    $own.add_rows(isa, first, width, $values, $places)
                }
            };
        }
        match (self, values, places) {
            (Accumulator::Sums(own), Values::Real(values), _) => add!(own, values),
            (Accumulator::Moments(own), Values::Real(values), _) => add!(own, values),
            (Accumulator::Products(own), Values::Real(values), _) => add!(own, values),
            (Accumulator::Extrema(own), Values::Real(values), _) => add!(own, values),
            (Accumulator::IntegerSums(own), Values::Integer(values), _) => add!(own, values),
            (Accumulator::IntegerMoments(own), Values::Integer(values), _) => add!(own, values),
            (Accumulator::Counts(own), Values::Integer(values), _) => add!(own, values),
            (Accumulator::IntegerProducts(own), Values::Integer(values), _) => add!(own, values),
            (Accumulator::IntegerExtrema(own), Values::Integer(values), _) => add!(own, values),
            (Accumulator::ArgExtrema(own), Values::Real(values), Some(places)) => add!(own, values, places),
            (Accumulator::IntegerArgExtrema(own), Values::Integer(values), Some(places)) => {
                add!(own, values, places);
            }
            (Accumulator::Histogram(own), Values::Real(values), _) => own.add(isa, values),
            (Accumulator::Bins(own), Values::Real(values), _) => own.add(isa, values),
            (Accumulator::Between(own), Values::Real(values), _) => own.add(isa, values),
            _ => unreachable!("a stage gathers elements of the accumulator's kind"),
        }
    }

    /// Takes elements at `first`, `first + step`, ..
    ///
    /// # Panics
    /// When the accumulator does not collect elements of this kind.
    pub fn collect(&mut self, first: u64, step: i64, values: Values<'_>) {
        match (self, values) {
            (Accumulator::Real(own), Values::Real(values)) => own.push(first, step, values),
            (Accumulator::Integer(own), Values::Integer(values)) => own.push(first, step, values),
            _ => unreachable!("a stage gathers elements of the accumulator's kind"),
        }
    }
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Collected { runs: Vec::new() }
    }
}

impl<T: Copy> Collected<T> {
    fn push(&mut self, first: u64, step: i64, values: &[T]) {
        if let Some(last) = self.runs.last_mut()
            && last.step == step
            && first == last.first.wrapping_add_signed(step.wrapping_mul(last.values.len() as i64))
        {
            return last.values.extend_from_slice(values);
        }
        self.runs.push(Run { first, step, values: values.to_vec() });
    }

    fn merge(&mut self, other: Collected<T>) -> bool {
        self.runs.extend(other.runs);
        true
    }

    /// Every element at its place among `size`, which tasks that were counted once fill.
    pub(super) fn place(self, into: &mut [T]) -> Result<()> {
        for run in self.runs {
            let mut at = run.first;
            for value in run.values {
                *usize::try_from(at).ok().and_then(|at| into.get_mut(at)).ok_or_else(foreign)? = value;
                at = at.wrapping_add_signed(run.step);
            }
        }
        Ok(())
    }

    /// A run of elements counts as one at the least: it takes room.
    fn elements(&self) -> u64 {
        self.runs.iter().map(|run| run.values.len().max(1) as u64).sum()
    }

    /// The elements without their places.
    pub(super) fn values(&self) -> impl Iterator<Item = T> {
        self.runs.iter().flat_map(|run| run.values.iter().copied())
    }
}

/// Room for this many elements.
pub(super) fn room(real: bool, size: u64) -> Data {
    if real { Data::Real(vec![0.0; size as usize]) } else { Data::Integer(vec![0; size as usize]) }
}

pub(super) fn foreign() -> Error {
    Error::new(ErrorKind::Internal, "a partial does not belong to its stage")
}
