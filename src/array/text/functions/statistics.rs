//! Statistics that are more than one reduction: averages, quantiles, histograms, products and covariances.

use crate::array::dtype::Scalar;
use crate::array::expr::{Binary, Expr, Operation, Reduction, ReductionKind};
use crate::array::make::HistogramBins;
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::array::text::place::Span;
use crate::error::{Error, Result};

/// Edges of a histogram and ranks of quantiles are part of the plan.
const KNOWN: u64 = 1 << 20;

pub(crate) fn average(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let axes = arguments.axes("axis", array.shape().ndim())?;
    let weights = arguments.optional_array("weights")?;
    let keepdims = arguments.flag("keepdims", false)?;
    let average = Expr::average(&array, weights.as_ref(), axes.as_deref(), keepdims);
    arguments.located(average).map(Item::from)
}

pub(crate) fn median(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    quantiles(&[0.5], arguments).map(|mut quantiles| Item::from(quantiles.remove(0)))
}

pub(crate) fn quantile(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    of_ranks(1.0, arguments)
}

pub(crate) fn percentile(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    of_ranks(100.0, arguments)
}

/// One quantile, or several along a new first axis.
fn of_ranks(whole: f64, arguments: &Arguments<'_>) -> Result<Item> {
    if let Some(method) = arguments.text("method")?.filter(|method| method != "linear") {
        let error = Error::refused(format!("unknown method `{method}`"));
        return Err(arguments.locate("method", error.hint("quantiles are computed by the method \"linear\"")));
    }
    let (item, span) = arguments.required("q")?;
    let one = |item: Item| {
        let rank = item.float().ok_or_else(|| arguments.mismatch("q", "a plain number", &item, span))?;
        Ok(rank / whole)
    };
    let several = match item {
        Item::Lazy(expr) if !expr.is_number() => {
            known_range(expr).map(|ranks| ranks.into_iter().map(Item::Float).collect())
        }
        _ => item.items().cloned(),
    };
    let ranks: Vec<f64> = match &several {
        Some(ranks) => ranks.iter().map(one).collect::<Result<_>>()?,
        None => vec![one(item.clone())?],
    };
    let mut quantiles = quantiles(&ranks, arguments)?;
    match several {
        Some(_) => arguments.located(Expr::stack(&quantiles, 0)).map(Item::from),
        None => Ok(Item::from(quantiles.remove(0))),
    }
}

fn quantiles(ranks: &[f64], arguments: &Arguments<'_>) -> Result<Vec<Expr>> {
    arguments.refuse_out()?;
    let array = arguments.array("a")?;
    let axes = arguments.axes("axis", array.shape().ndim())?;
    let keepdims = arguments.flag("keepdims", false)?;
    let one = |&rank: &f64| arguments.located(Expr::quantile(&array, rank, axes.as_deref(), keepdims));
    ranks.iter().map(one).collect()
}

/// The counts, or with `density` the shares by width, and the edges of the bins.
pub(crate) fn histogram(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let (array, bins) = (arguments.array("a")?, bins(arguments)?);
    let (counts, edges) = arguments.located(Expr::histogram(&array, bins))?;
    let counts =
        if arguments.flag("density", false)? { arguments.located(density(&counts, &edges))? } else { counts };
    Ok(Item::Tuple([counts, edges].map(Item::from).into_iter().collect()))
}

fn density(counts: &Expr, edges: &Expr) -> Result<Expr> {
    let sum = Reduction { kind: ReductionKind::Sum, skip_nan: false };
    let by_width = Expr::binary(Binary::Divide, counts, &Expr::diff(edges, 1, -1)?)?;
    Expr::binary(Binary::Divide, &by_width, &Expr::reduce(sum, counts, None, false)?)
}

fn bins(arguments: &Arguments<'_>) -> Result<HistogramBins> {
    let (item, span) = match arguments.get("bins") {
        None => return Ok(HistogramBins::Count { count: 10, range: range(arguments)? }),
        Some(given) => given,
    };
    let wanted = "a whole number, or the edges of the bins";
    match item {
        Item::Integer(_) | Item::Float(_) => {
            Ok(HistogramBins::Count { count: arguments.natural("bins", 10)?, range: range(arguments)? })
        }
        Item::Tuple(items) | Item::List(items) => {
            let edge =
                |item: Item| item.float().ok_or_else(|| arguments.mismatch("bins", wanted, &item, span));
            items.iter().map(edge).collect::<Result<_>>().map(HistogramBins::Edges)
        }
        Item::Lazy(expr) => {
            let edges = known_range(expr).ok_or_else(|| {
                arguments.mismatch("bins", wanted, item, span).hint(
                    "write the edges as a list, as linspace(low, high, num) or as arange(low, high, step)",
                )
            })?;
            Ok(HistogramBins::Edges(edges))
        }
        _ => Err(arguments.mismatch("bins", wanted, item, span)),
    }
}

/// The elements of a range, which are known without computing.
fn known_range(expr: &Expr) -> Option<Vec<f64>> {
    let Operation::Arange { start, step, last } = expr.operation() else { return None };
    let count = expr.shape().size();
    if count > KNOWN {
        return None;
    }
    let element = |index: u64| match (last, start, step) {
        (Some(last), ..) if index + 1 == count => *last,
        (_, Scalar::Int(start), Scalar::Int(step)) => {
            start.wrapping_add((index as i64).wrapping_mul(*step)) as f64
        }
        _ => start.to_f64() + index as f64 * step.to_f64(),
    };
    Some((0..count).map(element).collect())
}

fn range(arguments: &Arguments<'_>) -> Result<Option<(f64, f64)>> {
    let Some((item, span)) = arguments.get("range") else { return Ok(None) };
    match item.items().map(|items| items.iter().map(|item| item.float()).collect::<Vec<_>>()).as_deref() {
        Some(&[Some(low), Some(high)]) => Ok(Some((low, high))),
        _ => Err(arguments.mismatch("range", "a tuple of two plain numbers", item, span)),
    }
}

pub(crate) fn dot(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.located(Expr::dot(&arguments.array("a")?, &arguments.array("b")?)).map(Item::from)
}

/// `matmul`, and `@`
pub(crate) fn matmul(evaluation: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    evaluation.product(arguments.required("x1")?, arguments.required("x2")?, arguments.call)
}

pub(crate) fn cov(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let rowvar = arguments.flag("rowvar", true)?;
    let variables = variables("m", rowvar, arguments)?;
    let ddof = arguments.natural("ddof", u64::from(!arguments.flag("bias", false)?))?;
    arguments.located(Expr::cov(&variables, rowvar, ddof)).map(Item::from)
}

pub(crate) fn corrcoef(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let rowvar = arguments.flag("rowvar", true)?;
    let variables = variables("x", rowvar, arguments)?;
    arguments.located(Expr::corrcoef(&variables, rowvar)).map(Item::from)
}

/// The variables of the first array, and of `y` if it is given.
fn variables(parameter: &'static str, rowvar: bool, arguments: &Arguments<'_>) -> Result<Expr> {
    let first = arguments.array(parameter)?;
    let Some(second) = arguments.optional_array("y")? else { return Ok(first) };
    match (first.shape().ndim(), second.shape().ndim()) {
        (1, 1) if rowvar => arguments.located(Expr::stack(&[first, second], 0)),
        (2, 2) => arguments.located(Expr::concatenate(&[first, second], i128::from(!rowvar))),
        _ => {
            let error = Error::refused("`y` has other axes than the array before it");
            Err(arguments.locate("y", error.hint("give two arrays of one axis, or two of two axes")))
        }
    }
}

impl Evaluation<'_> {
    /// `left @ right`
    pub(in crate::array::text) fn product(
        &self,
        left: (&Item, Span),
        right: (&Item, Span),
        place: Span,
    ) -> Result<Item> {
        let (left, right) = (self.operand(left.0, left.1)?, self.operand(right.0, right.1)?);
        Expr::dot(&left, &right).map(Item::from).map_err(|error| self.source.locate(place, error))
    }
}
