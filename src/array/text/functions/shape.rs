//! Properties of arrays, and functions that move elements or axes.

use crate::array::expr::Expr;
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::error::{Error, Result};

pub(crate) fn shape(array: &Expr) -> Item {
    Item::Tuple(array.shape().extents().iter().map(|&extent| Item::Integer(extent.into())).collect())
}

pub(crate) fn ndim(array: &Expr) -> Item {
    Item::Integer(array.shape().ndim() as i128)
}

pub(crate) fn size(array: &Expr) -> Item {
    Item::Integer(array.shape().size().into())
}

pub(crate) fn dtype(array: &Expr) -> Item {
    Item::Type { dtype: array.dtype(), python: false }
}

pub(crate) fn itemsize(array: &Expr) -> Item {
    Item::Integer(array.dtype().itemsize().into())
}

pub(crate) fn nbytes(array: &Expr) -> Item {
    Item::Integer(i128::from(array.shape().size()) * i128::from(array.dtype().itemsize()))
}

/// `T`
pub(crate) fn reversed(array: &Expr) -> Result<Expr> {
    Expr::transpose(array, None)
}

pub(crate) fn transpose(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    // A method without arguments reverses the axes, as None does.
    let given = arguments.get("axes").map(|_| arguments.wholes("axes")).transpose()?;
    let array = arguments.array("a")?;
    arguments.located(Expr::transpose(&array, given.as_deref())).map(Item::from)
}

pub(crate) fn reshape(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    check_order(arguments)?;
    let (array, extents) = (arguments.array("a")?, arguments.wholes("shape")?);
    arguments.located(Expr::reshape(&array, &extents)).map(Item::from)
}

pub(crate) fn ravel(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    check_order(arguments)?;
    arguments.located(raveled(&arguments.array("a")?)).map(Item::from)
}

fn raveled(array: &Expr) -> Result<Expr> {
    Expr::reshape(array, &[array.shape().size().into()])
}

fn check_order(arguments: &Arguments<'_>) -> Result<()> {
    match arguments.text("order")?.as_deref() {
        None | Some("C") => Ok(()),
        Some(_) => {
            let error = Error::refused("another order than \"C\"");
            Err(arguments.locate("order", error.hint("for Fortran's order take x.T")))
        }
    }
}

pub(crate) fn squeeze(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let (extents, ndim) = (array.shape().extents(), array.shape().ndim());
    let axes = arguments.axes("axis", ndim)?;
    let goes = |axis: usize| axes.as_ref().map_or(extents[axis] == 1, |axes| names(axes, axis, ndim));
    if let Some(axis) = (0..ndim).find(|&axis| goes(axis) && extents[axis] != 1) {
        let what = format!("axis {axis} has {} elements, not one", extents[axis]);
        return Err(arguments.locate("axis", Error::refused(what)));
    }
    let left: Vec<i128> = (0..ndim).filter(|&axis| !goes(axis)).map(|axis| extents[axis].into()).collect();
    arguments.located(Expr::reshape(&array, &left)).map(Item::from)
}

/// Whether an axis is among these, of which negative ones count from the last.
fn names(axes: &[i128], axis: usize, ndim: usize) -> bool {
    let (axis, ndim) = (axis as i128, ndim as i128);
    axes.iter().any(|&named| named == axis || named + ndim == axis)
}

pub(crate) fn expand_dims(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let new = arguments.wholes("axis")?;
    let ndim = array.shape().ndim() + new.len();
    arguments.axes("axis", ndim)?;
    let mut old = array.shape().extents().iter().map(|&extent| i128::from(extent));
    let extent = |axis| if names(&new, axis, ndim) { 1 } else { old.next().unwrap_or(1) };
    let extents: Vec<i128> = (0..ndim).map(extent).collect();
    arguments.located(Expr::reshape(&array, &extents)).map(Item::from)
}

pub(crate) fn broadcast_to(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let (array, shape) = (arguments.array("array")?, arguments.shape("shape")?);
    arguments.located(Expr::broadcast_to(&array, &shape)).map(Item::from)
}

pub(crate) fn concatenate(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let mut arrays = arguments.arrays("arrays")?;
    if arguments.is_none("axis") {
        arrays = arguments.located(arrays.iter().map(raveled).collect())?;
    }
    let ndim = arrays.first().map_or(0, |first| first.shape().ndim());
    let axis = arguments.axis("axis", ndim)?.unwrap_or(0);
    arguments.located(Expr::concatenate(&arrays, axis)).map(Item::from)
}

pub(crate) fn stack(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let arrays = arguments.arrays("arrays")?;
    let ndim = arrays.first().map_or(0, |first| first.shape().ndim());
    let axis = arguments.axis("axis", ndim + 1)?.unwrap_or(0);
    arguments.located(Expr::stack(&arrays, axis)).map(Item::from)
}

pub(crate) fn diff(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let (n, axis) = (arguments.natural("n", 1)?, arguments.axis("axis", array.shape().ndim())?);
    arguments.located(Expr::diff(&array, n, axis.unwrap_or(-1))).map(Item::from)
}
