//! Properties of arrays, and functions that move elements or axes.

use crate::array::expr::Expr;
use crate::array::make::Index;
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

pub(crate) fn swapaxes(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let (one, other) = (place(arguments, "axis1", &array)?, place(arguments, "axis2", &array)?);
    let mut order: Vec<i128> = (0..array.shape().ndim() as i128).collect();
    order.swap(one, other);
    arguments.located(Expr::transpose(&array, Some(&order))).map(Item::from)
}

/// The axis of an argument that must be given.
fn place(arguments: &Arguments<'_>, parameter: &'static str, array: &Expr) -> Result<usize> {
    arguments.required(parameter)?;
    let ndim = array.shape().ndim();
    let axis = arguments.axis(parameter, ndim)?.unwrap_or(0);
    Ok(counted(axis, ndim))
}

/// An axis that exists, counted from the first.
fn counted(axis: i128, ndim: usize) -> usize {
    (if axis < 0 { axis + ndim as i128 } else { axis }) as usize
}

pub(crate) fn moveaxis(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let ndim = array.shape().ndim();
    let axes = |parameter| -> Result<Vec<usize>> {
        arguments.required(parameter)?;
        let axes = arguments.axes(parameter, ndim)?.unwrap_or_default();
        Ok(axes.into_iter().map(|axis| counted(axis, ndim)).collect())
    };
    let (from, to) = (axes("source")?, axes("destination")?);
    if from.len() != to.len() {
        return Err(arguments.error(format!("{} axes are moved to {} places", from.len(), to.len())));
    }
    let mut others = (0..ndim).filter(|axis| !from.contains(axis));
    let axis = |place: usize| match to.iter().position(|&to| to == place) {
        Some(moved) => from.get(moved).copied(),
        None => others.next(),
    };
    let order: Vec<i128> = (0..ndim).filter_map(axis).map(|axis| axis as i128).collect();
    arguments.located(Expr::transpose(&array, Some(&order))).map(Item::from)
}

pub(crate) fn flip(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("m")?;
    let ndim = array.shape().ndim();
    let axes = arguments.axes("axis", ndim)?;
    let turned = |axis| axes.as_ref().is_none_or(|axes| names(axes, axis, ndim));
    let index = |axis| Index::Slice { start: None, stop: None, step: turned(axis).then_some(-1) };
    let indices: Vec<Index> = (0..ndim).map(index).collect();
    arguments.located(Expr::slice(&array, &indices)).map(Item::from)
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

/// Of arrays of one axis or none the elements are the rows.
pub(crate) fn vstack(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let mut arrays = arguments.arrays("tup")?;
    for array in arrays.iter_mut().filter(|array| array.shape().ndim() < 2) {
        let row = [1, array.shape().size().into()];
        *array = arguments.located(Expr::reshape(array, &row))?;
    }
    arguments.located(Expr::concatenate(&arrays, 0)).map(Item::from)
}

/// Along the second axis, or the only one.
pub(crate) fn hstack(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let mut arrays = arguments.arrays("tup")?;
    for array in arrays.iter_mut().filter(|array| array.is_number()) {
        *array = arguments.located(raveled(array))?;
    }
    let axis = arrays.first().map_or(0, |first| i128::from(first.shape().ndim() > 1));
    arguments.located(Expr::concatenate(&arrays, axis)).map(Item::from)
}

pub(crate) fn diff(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("a")?;
    let (n, axis) = (arguments.natural("n", 1)?, arguments.axis("axis", array.shape().ndim())?);
    arguments.located(Expr::diff(&array, n, axis.unwrap_or(-1))).map(Item::from)
}
