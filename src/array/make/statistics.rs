//! Statistics: quantiles and histograms, and those that are made of other operations.

use crate::array::chunks::Chunks;
use crate::array::cut::AxisChunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Bins, Expr, Operation, Reduction, ReductionKind, Unary};
use crate::array::make::reductions::shapes;
use crate::array::shape::{Shape, axes_within, axis_within};
use crate::error::{Error, Result};

/// All bins of a histogram are counted, held and sent together: no answer of a task has room for as many as these.
const MOST_BINS: u64 = 1 << 18;

/// The bins a user asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum HistogramBins {
    /// Bins of one width.
    Count {
        /// How many.
        count: u64,
        /// The lower and the upper end, both included; the smallest and the largest element where there is none.
        range: Option<(f64, f64)>,
    },
    /// The ascending edges of the bins; the last edge is included.
    Edges(Vec<f64>),
}

impl Expr {
    /// NumPy's linear quantile of the elements along all axes.
    pub fn quantile(operand: &Expr, q: f64, axes: Option<&[i128]>, keepdims: bool) -> Result<Expr> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::refused("Quantiles must be in the range [0, 1]")
                .hint("0.5 is the median, and 99 % is 0.99"));
        }
        let ndim = operand.shape().ndim();
        let axes = axes_within(axes, ndim)?;
        let dtype = if operand.dtype() == DType::F32 { DType::F32 } else { DType::F64 };
        let operand = operand.cast(dtype)?;
        if axes.len() < ndim {
            return operand.quantile_along(q, axes, keepdims);
        }
        let result = if operand.shape().size() == 0 {
            Expr::number(Scalar::Float(f64::NAN), dtype)
        } else {
            let operand = if ndim == 0 { operand.flattened()? } else { operand.clone() };
            Expr::upon(Operation::Quantile(q, operand), Shape::number(), dtype, Vec::new())?
        };
        let (_, kept) = shapes(operand.shape(), &axes)?;
        if keepdims { result.with_shape(kept) } else { Ok(result) }
    }

    fn quantile_along(self, q: f64, axes: Vec<usize>, keepdims: bool) -> Result<Expr> {
        let (reduced, kept) = shapes(self.shape(), &axes)?;
        let left = (0..self.shape().ndim()).filter(|axis| !axes.contains(axis));
        let chunks: Vec<AxisChunks> = left.map(|axis| self.chunks()[axis].clone()).collect();
        let result = if axes.is_empty() || self.shape().size() == 0 {
            let nothing = || Expr::full(Scalar::Float(f64::NAN), reduced, self.dtype(), &Chunks::default());
            if axes.is_empty() { self.clone() } else { nothing()? }
        } else {
            let dtype = self.dtype();
            Expr::upon(Operation::QuantileAlong(q, axes, self), reduced, dtype, chunks)?
        };
        if keepdims { result.with_shape(kept) } else { Ok(result) }
    }

    /// The quantile of one half.
    pub fn median(operand: &Expr, axes: Option<&[i128]>, keepdims: bool) -> Result<Expr> {
        Expr::quantile(operand, 0.5, axes, keepdims)
    }

    /// How many elements fall into each bin, and the edges of the bins.
    pub fn histogram(operand: &Expr, bins: HistogramBins) -> Result<(Expr, Expr)> {
        let operand = operand.cast(DType::F64)?;
        let operand = if operand.is_number() { operand.flattened()? } else { operand };
        match bins {
            HistogramBins::Edges(edges) => given_edges(&operand, edges),
            HistogramBins::Count { count: 0, .. } => {
                Err(Error::refused("`bins` must be positive, when an integer")
                    .hint("bins=10 are ten bins of one width; a list holds their edges"))
            }
            HistogramBins::Count { count, .. } if count > MOST_BINS => {
                Err(Error::refused(format!("a histogram of {count} bins"))
                    .hint(format!("give {MOST_BINS} bins at the most")))
            }
            HistogramBins::Count { count, range } => even_bins(&operand, count, range),
        }
    }

    /// The standard error of the mean: the standard deviation over the square root of the number of elements.
    pub fn sem(operand: &Expr, axes: Option<&[i128]>, ddof: u64, keepdims: bool) -> Result<Expr> {
        let count = operand.count_over(axes)?;
        let std = reduced(ReductionKind::Std { ddof }, operand, axes, keepdims)?;
        Expr::binary(Binary::Divide, &std, &Expr::scalar(Scalar::Float((count as f64).sqrt())))
    }

    /// From the smallest element to the largest.
    pub fn ptp(operand: &Expr, axes: Option<&[i128]>, keepdims: bool) -> Result<Expr> {
        let largest = reduced(ReductionKind::Max, operand, axes, keepdims)?;
        let smallest = reduced(ReductionKind::Min, operand, axes, keepdims)?;
        Expr::binary(Binary::Subtract, &largest, &smallest)
    }

    /// The mean of the elements, each weighed: `(operand * weights).sum() / weights.sum()`. Weights have the
    /// operand's shape, or are those along the axes.
    pub fn average(
        operand: &Expr,
        weights: Option<&Expr>,
        axes: Option<&[i128]>,
        keepdims: bool,
    ) -> Result<Expr> {
        let Some(weights) = weights else {
            return reduced(ReductionKind::Mean, operand, axes, keepdims);
        };
        let weights = weights_along(weights, operand.shape(), axes)?;
        // As NumPy: integers are weighed as float64, whatever the weights.
        let real = if operand.dtype().is_real() { operand.dtype() } else { DType::F64 };
        let weights = weights.cast(real.promote(weights.dtype()))?;
        let products = Expr::binary(Binary::Multiply, operand, &weights)?;
        let sum = reduced(ReductionKind::Sum, &products, axes, keepdims)?;
        let scale = reduced(ReductionKind::Sum, &weights, axes, keepdims)?;
        Expr::binary(Binary::Divide, &sum, &scale)
    }

    /// The covariance of variables, the rows (`rowvar`) or columns, over their observations; f64. An array of
    /// one axis is one variable, and its covariance a number. The divisor is the number of observations less
    /// `ddof`.
    pub fn cov(operand: &Expr, rowvar: bool, ddof: u64) -> Result<Expr> {
        let centred = Centred::of(operand, rowvar, ddof)?;
        Expr::binary(Binary::Divide, &centred.products()?, &centred.divisor())
    }

    /// The correlation coefficients of variables; see [`Expr::cov`].
    pub fn corrcoef(operand: &Expr, rowvar: bool) -> Result<Expr> {
        let centred = Centred::of(operand, rowvar, 1)?;
        let divided = |products: &Expr| Expr::binary(Binary::Divide, products, &centred.divisor());
        let std = Expr::unary(Unary::Sqrt, &divided(&centred.squares()?)?)?;
        let mut result = divided(&centred.products()?)?;
        if result.is_number() {
            return Expr::binary(Binary::Divide, &result, &result);
        }
        for axis in [1, 0] {
            result = Expr::binary(Binary::Divide, &result, &std.with_axis(axis)?)?;
        }
        let bound = |value| Expr::scalar(Scalar::Float(value));
        Expr::clip(&result, Some(&bound(-1.0)), Some(&bound(1.0)))
    }

    /// Not less than `low` and not more than `high`, where given.
    pub fn clip(operand: &Expr, low: Option<&Expr>, high: Option<&Expr>) -> Result<Expr> {
        let mut result = operand.clone();
        if let Some(low) = low {
            result = Expr::binary(Binary::Maximum, &result, low)?;
        }
        if let Some(high) = high {
            result = Expr::binary(Binary::Minimum, &result, high)?;
        }
        Ok(result)
    }
}

fn reduced(kind: ReductionKind, operand: &Expr, axes: Option<&[i128]>, keepdims: bool) -> Result<Expr> {
    Expr::reduce(Reduction { kind, skip_nan: false }, operand, axes, keepdims)
}

/// Weights under a shape that broadcasts to the operand's.
fn weights_along(weights: &Expr, shape: &Shape, axes: Option<&[i128]>) -> Result<Expr> {
    if weights.shape() == shape {
        return Ok(weights.clone());
    }
    let Some(axes) = axes else {
        return Err(Error::refused("Axis must be specified when shapes of a and weights differ")
            .cause(format!("the array's shape is {shape}, that of the weights {}", weights.shape()))
            .hint("name the axis of the weights: axis=0"));
    };
    let named = axes.iter().map(|&axis| axis_within(axis, shape.ndim())).collect::<Result<Vec<_>>>()?;
    let extents: Vec<u64> = named.iter().map(|&axis| shape.extents()[axis]).collect();
    if weights.shape().extents() != extents {
        return Err(Error::refused(
            "Shape of weights must be consistent with shape of a along specified axis",
        )
        .cause(format!("the array's shape is {shape}, that of the weights {}", weights.shape()))
        .hint("weights have the array's shape, or one extent for each axis that is averaged over"));
    }
    let sorted = axes_within(Some(axes), shape.ndim())?;
    let place = |axis: &usize| named.iter().position(|named| named == axis);
    let order: Vec<i128> = sorted.iter().filter_map(place).map(|place| place as i128).collect();
    let along = shape.extents().iter().enumerate();
    let extents = along.map(|(axis, &extent)| if sorted.contains(&axis) { extent } else { 1 });
    weights.transpose(Some(&order))?.with_shape(Shape::new(extents.collect())?)
}

/// Variables less their means: observations along axis 0, and variables, if there are several, along axis 1.
struct Centred {
    values: Expr,
    observations: u64,
    ddof: u64,
}

impl Centred {
    fn of(operand: &Expr, rowvar: bool, ddof: u64) -> Result<Centred> {
        let operand = operand.cast(DType::F64)?;
        let operand = match operand.shape().ndim() {
            0 => operand.flattened()?,
            1 => operand,
            2 if rowvar => operand.transpose(None)?,
            2 => operand,
            _ => {
                return Err(Error::refused("m has more than 2 dimensions")
                    .cause(format!("the array's shape is {}", operand.shape()))
                    .hint("one axis holds the variables, the other their observations"));
            }
        };
        let means = reduced(ReductionKind::Mean, &operand, Some(&[0]), false)?;
        let observations = operand.shape().extents()[0];
        let values = Expr::binary(Binary::Subtract, &operand, &means)?;
        Ok(Centred { values, observations, ddof })
    }

    /// What sums of products are divided by.
    fn divisor(&self) -> Expr {
        Expr::scalar(Scalar::Float(self.observations.saturating_sub(self.ddof) as f64))
    }

    fn squares(&self) -> Result<Expr> {
        let squares = Expr::unary(Unary::Square, &self.values)?;
        reduced(ReductionKind::Sum, &squares, Some(&[0]), false)
    }

    /// The sums of the products of each two variables.
    fn products(&self) -> Result<Expr> {
        if self.values.shape().ndim() == 1 {
            return self.squares();
        }
        let (left, right) = (self.values.with_axis(2)?, self.values.with_axis(1)?);
        let products = Expr::binary(Binary::Multiply, &left, &right)?;
        let sums = reduced(ReductionKind::Sum, &products, Some(&[0]), false)?;
        // As NumPy: the covariance of a single variable is a number.
        if sums.shape().size() == 1 { sums.with_shape(Shape::number()) } else { Ok(sums) }
    }
}

fn given_edges(operand: &Expr, edges: Vec<f64>) -> Result<(Expr, Expr)> {
    if edges.len() < 2 {
        return Err(Error::refused(format!("a histogram with {} edges", edges.len()))
            .hint("bins have an edge more than there are bins: at least two"));
    }
    if edges.windows(2).any(|pair| pair[0].partial_cmp(&pair[1]).is_none_or(|order| order.is_gt())) {
        return Err(Error::refused("`bins` must increase monotonically, when an array")
            .hint("sort the edges, without nan"));
    }
    let known = edges.iter().map(|&edge| Expr::scalar(Scalar::Float(edge))).collect::<Vec<_>>();
    let shown = Expr::stack(&known, 0)?;
    let count = edges.len() as u64 - 1;
    Ok((counts(operand, Bins::Edges(edges), count)?, shown))
}

fn even_bins(operand: &Expr, count: u64, range: Option<(f64, f64)>) -> Result<(Expr, Expr)> {
    let (low, high) = match range {
        Some((low, high)) => {
            let (low, high) = given_range(low, high)?;
            (Expr::scalar(Scalar::Float(low)), Expr::scalar(Scalar::Float(high)))
        }
        None if operand.shape().size() == 0 => {
            (Expr::scalar(Scalar::Float(0.0)), Expr::scalar(Scalar::Float(1.0)))
        }
        None => {
            let low = reduced(ReductionKind::Min, operand, None, false)?;
            let high = reduced(ReductionKind::Max, operand, None, false)?;
            let same = Expr::binary(Binary::Equal, &low, &high)?;
            let half = Expr::scalar(Scalar::Float(0.5));
            let below = Expr::binary(Binary::Subtract, &low, &half)?;
            let above = Expr::binary(Binary::Add, &high, &half)?;
            (Expr::choose(&same, &below, &low)?, Expr::choose(&same, &above, &high)?)
        }
    };
    let edges = even_edges(&low, &high, count)?;
    Ok((counts(operand, Bins::Even { count, low, high }, count)?, edges))
}

/// Ends that are apart: half a unit on both sides of a single value.
fn given_range(low: f64, high: f64) -> Result<(f64, f64)> {
    if !(low.is_finite() && high.is_finite()) {
        return Err(Error::refused(format!("supplied range of [{low}, {high}] is not finite"))
            .hint("give the lower and the upper end, or leave `range` out"));
    }
    if low > high {
        return Err(Error::refused("max must be larger than min in range parameter")
            .hint(format!("the range is from {low} to {high}: swap them")));
    }
    Ok(if low == high { (low - 0.5, high + 0.5) } else { (low, high) })
}

/// `low + i * step`, and `high` at the end.
fn even_edges(low: &Expr, high: &Expr, count: u64) -> Result<Expr> {
    let edges = count.saturating_add(1);
    if let (Some(low), Some(high)) = (low.known(), high.known()) {
        return Expr::linspace(low.to_f64(), high.to_f64(), edges, true, &Chunks::Automatic);
    }
    let numbers = Expr::linspace(0.0, count as f64, edges, true, &Chunks::Automatic)?;
    let bins = Expr::scalar(Scalar::Float(count as f64));
    let step = Expr::binary(Binary::Divide, &Expr::binary(Binary::Subtract, high, low)?, &bins)?;
    let inner = Expr::binary(Binary::Add, &Expr::binary(Binary::Multiply, &numbers, &step)?, low)?;
    let last = Expr::binary(Binary::Equal, &numbers, &bins)?;
    Expr::choose(&last, high, &inner)
}

fn counts(operand: &Expr, bins: Bins, count: u64) -> Result<Expr> {
    let shape = Shape::new(vec![count])?;
    if operand.shape().size() == 0 {
        return Expr::filled(Scalar::Int(0), shape, DType::I64);
    }
    let chunks = vec![AxisChunks::whole(count)];
    Expr::upon(Operation::Histogram(bins, operand.clone()), shape, DType::I64, chunks)
}

impl From<u64> for HistogramBins {
    fn from(count: u64) -> Self {
        HistogramBins::Count { count, range: None }
    }
}

impl From<Vec<f64>> for HistogramBins {
    fn from(edges: Vec<f64>) -> Self {
        HistogramBins::Edges(edges)
    }
}

impl<const N: usize> From<[f64; N]> for HistogramBins {
    fn from(edges: [f64; N]) -> Self {
        HistogramBins::Edges(edges.to_vec())
    }
}
