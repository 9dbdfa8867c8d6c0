//! Reductions, running sums, and what both do with `axis`, `dtype`, `keepdims` and `ddof`.

use crate::array::dtype::DType;
use crate::array::expr::{Expr, Reduction, ReductionKind, Scan};
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::error::{Error, Result};

/// One of the table's reductions. How dask combines its pieces (`split_every`) changes nothing here.
pub(crate) fn reduce(kind: ReductionKind, skip_nan: bool, arguments: &Arguments<'_>) -> Result<Expr> {
    arguments.refuse_out()?;
    let array = arguments.array("a")?;
    let axes = arguments.axes("axis", array.shape().ndim())?;
    let kind = match kind {
        ReductionKind::Var { ddof } => ReductionKind::Var { ddof: arguments.natural("ddof", ddof)? },
        ReductionKind::Std { ddof } => ReductionKind::Std { ddof: arguments.natural("ddof", ddof)? },
        other => other,
    };
    let dtype = arguments.dtype("dtype")?;
    let array = converted(array, dtype, arguments)?;
    let keepdims = arguments.flag("keepdims", false)?;
    let result =
        arguments.located(Expr::reduce(Reduction { kind, skip_nan }, &array, axes.as_deref(), keepdims))?;
    match dtype.filter(|&dtype| dtype != result.dtype()) {
        None => Ok(result),
        Some(dtype) => {
            let error = Error::refused(format!("the result has no dtype {dtype}"));
            let hint = format!("it is {}: convert it with .astype(...)", result.dtype());
            Err(arguments.locate("dtype", error.hint(hint)))
        }
    }
}

/// `cumsum` and `cumprod`
pub(crate) fn scan(scan: Scan, arguments: &Arguments<'_>) -> Result<Expr> {
    arguments.refuse_out()?;
    let array = arguments.array("a")?;
    let axis = arguments.axis("axis", array.shape().ndim())?;
    let array = converted(array, arguments.dtype("dtype")?, arguments)?;
    arguments.located(Expr::scan(scan, &array, axis))
}

/// The dtype of a sum is that in which its elements are taken.
fn converted(array: Expr, dtype: Option<DType>, arguments: &Arguments<'_>) -> Result<Expr> {
    match dtype {
        Some(dtype) => arguments.located(Expr::cast(&array, dtype)),
        None => Ok(array),
    }
}

pub(crate) fn sem(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let axes = arguments.axes("axis", array.shape().ndim())?;
    let (ddof, keepdims) = (arguments.natural("ddof", 1)?, arguments.flag("keepdims", false)?);
    arguments.located(Expr::sem(&array, axes.as_deref(), ddof, keepdims)).map(Item::from)
}

pub(crate) fn ptp(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.refuse_out()?;
    let array = arguments.array("a")?;
    let axes = arguments.axes("axis", array.shape().ndim())?;
    let keepdims = arguments.flag("keepdims", false)?;
    arguments.located(Expr::ptp(&array, axes.as_deref(), keepdims)).map(Item::from)
}
