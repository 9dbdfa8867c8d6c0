//! What an argument can be: an array, a shape, chunks, axes, a dtype, a number that is known at once.

use std::collections::BTreeMap;

use crate::array::chunks::{AxisChunk, Chunks};
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::Expr;
use crate::array::shape::{Shape, axes_within};
use crate::array::text::arguments::Arguments;
use crate::array::text::item::{DTYPES, Item, Items, dtype};
use crate::array::text::place::Span;
use crate::error::{Error, Result};

impl Arguments<'_> {
    /// An array or number, known or lazy.
    pub(super) fn array(&self, parameter: &'static str) -> Result<Expr> {
        let (item, span) = self.required(parameter)?;
        item.expr().ok_or_else(|| {
            let error = self.mismatch(parameter, "an array", item, span);
            if item.items().is_some() { error.hint("stack([1, 2, 3]) is an array of numbers") } else { error }
        })
    }

    /// The same, of one that need not be given.
    pub(super) fn optional_array(&self, parameter: &'static str) -> Result<Option<Expr>> {
        self.get(parameter).map(|_| self.array(parameter)).transpose()
    }

    /// The arrays of a tuple or list.
    pub(super) fn arrays(&self, parameter: &'static str) -> Result<Vec<Expr>> {
        let (item, span) = self.required(parameter)?;
        let wanted = "a list or tuple of arrays";
        let items = item.items().ok_or_else(|| self.mismatch(parameter, wanted, item, span))?;
        let one = |item: Item| {
            item.expr().ok_or_else(|| {
                self.source.error(span, format!("`{parameter}` holds {}, not an array", item.what()))
            })
        };
        items.iter().map(one).collect()
    }

    /// A number known now.
    pub(super) fn float(&self, parameter: &'static str, default: f64) -> Result<f64> {
        let Some((item, span)) = self.get(parameter) else { return Ok(default) };
        item.float().ok_or_else(|| self.mismatch(parameter, "a plain number", item, span))
    }

    /// A number of Python.
    pub(super) fn scalar(&self, parameter: &'static str) -> Result<Scalar> {
        let (item, span) = self.required(parameter)?;
        let known = item.scalar().or_else(|| item.float().map(Scalar::Float));
        known.ok_or_else(|| self.mismatch(parameter, "a plain number", item, span))
    }

    /// A whole number that is not negative.
    pub(super) fn natural(&self, parameter: &'static str, default: u64) -> Result<u64> {
        let Some((item, span)) = self.get(parameter) else { return Ok(default) };
        let whole = item.whole().and_then(|whole| u64::try_from(whole).ok());
        whole.ok_or_else(|| self.mismatch(parameter, "a whole number that is not negative", item, span))
    }

    /// `True` or `False`.
    pub(super) fn flag(&self, parameter: &'static str, default: bool) -> Result<bool> {
        match self.get(parameter) {
            None => Ok(default),
            Some((Item::Bool(value), _)) => Ok(*value),
            Some((Item::Integer(value @ (0 | 1)), _)) => Ok(*value == 1),
            Some((item, span)) => Err(self.mismatch(parameter, "True or False", item, span)),
        }
    }

    pub(super) fn text(&self, parameter: &'static str) -> Result<Option<String>> {
        match self.get(parameter) {
            None => Ok(None),
            Some((Item::Text(text), _)) => Ok(Some(text.clone())),
            Some((item, span)) => Err(self.mismatch(parameter, "a text in quotes", item, span)),
        }
    }

    pub(super) fn dtype(&self, parameter: &'static str) -> Result<Option<DType>> {
        match self.get(parameter) {
            None => Ok(None),
            Some((Item::Type { dtype, .. }, _)) => Ok(Some(*dtype)),
            Some((Item::Text(name), span)) => match dtype(name) {
                Some(dtype) => Ok(Some(dtype)),
                None => Err(self.source.error(span, format!("unknown dtype `{name}`")).hint(DTYPES)),
            },
            Some((item, span)) => Err(self.mismatch(parameter, "a dtype", item, span).hint(DTYPES)),
        }
    }

    /// One axis of `ndim`.
    pub(super) fn axis(&self, parameter: &'static str, ndim: usize) -> Result<Option<i128>> {
        match self.axes(parameter, ndim)?.as_deref() {
            None => Ok(None),
            Some(&[axis]) => Ok(Some(axis)),
            Some(_) => Err(self.locate(parameter, Error::refused(format!("`{parameter}` is not one axis")))),
        }
    }

    /// One axis or several of `ndim`, of which negative ones count from the last.
    pub(super) fn axes(&self, parameter: &'static str, ndim: usize) -> Result<Option<Vec<i128>>> {
        let Some((item, span)) = self.get(parameter) else { return Ok(None) };
        let one = |item: Item| match item {
            Item::Integer(axis) => Ok(axis),
            _ => Err(self.mismatch(parameter, "a whole number or a tuple of them", &item, span)),
        };
        let axes: Vec<i128> = match item.items() {
            Some(items) => items.iter().map(one).collect::<Result<_>>()?,
            None => vec![one(item.clone())?],
        };
        axes_within(Some(&axes), ndim).map_err(|error| self.source.locate(span, error))?;
        Ok(Some(axes))
    }

    /// Whole numbers: one, or a tuple or list of them.
    pub(super) fn wholes(&self, parameter: &'static str) -> Result<Vec<i128>> {
        let (item, span) = self.required(parameter)?;
        let one =
            |item: Item| item.whole().ok_or_else(|| self.mismatch(parameter, "a whole number", &item, span));
        match item.items() {
            Some(items) => items.iter().map(one).collect(),
            None => Ok(vec![one(item.clone())?]),
        }
    }

    /// The extents of a new array.
    pub(super) fn shape(&self, parameter: &'static str) -> Result<Shape> {
        let extent = |whole: i128| {
            u64::try_from(whole).map_err(|_| {
                let what = if whole < 0 { "a negative size" } else { "a size of more than 2^63 elements" };
                self.locate(parameter, Error::refused(what))
            })
        };
        let extents = self.wholes(parameter)?.into_iter().map(extent).collect::<Result<_>>()?;
        Shape::new(extents).map_err(|error| self.locate(parameter, error))
    }

    /// How a new array is cut: any of dask's forms.
    pub(super) fn chunks(&self, shape: &Shape, dtype: DType) -> Result<Chunks> {
        let (item, span) = match self.get("chunks") {
            Some(given) => given,
            None => return Ok(Chunks::Automatic),
        };
        let chunks = match item {
            // Those of the only axis, which may be very many.
            Item::Tuple(Items::Whole(_)) | Item::List(Items::Whole(_)) if shape.ndim() == 1 => {
                Chunks::Axes(vec![self.axis_chunk(item, span)?])
            }
            Item::Tuple(axes) | Item::List(axes) => {
                Chunks::Axes(axes.iter().map(|axis| self.axis_chunk(&axis, span)).collect::<Result<_>>()?)
            }
            Item::Dict(axes) => {
                let one = |(axis, chunk): &(Item, Item)| match axis {
                    Item::Integer(axis) => Ok((*axis, self.axis_chunk(chunk, span)?)),
                    _ => Err(self.source.error(span, "`chunks` has a key that is not the number of an axis")),
                };
                Chunks::Some(axes.iter().map(one).collect::<Result<BTreeMap<_, _>>>()?)
            }
            _ => Chunks::Every(self.axis_chunk(item, span)?),
        };
        chunks.resolve(shape, dtype).map_err(|error| self.source.locate(span, error))?;
        Ok(chunks)
    }

    fn axis_chunk(&self, item: &Item, span: Span) -> Result<AxisChunk> {
        let wanted = "a whole number, a tuple, a dict, -1, \"auto\" or a size such as \"64 MiB\"";
        let whole = |item: Item| item.whole().ok_or_else(|| self.mismatch("chunks", wanted, &item, span));
        match item {
            Item::None => Ok(AxisChunk::WHOLE),
            Item::Text(text) => Ok(AxisChunk::Text(text.clone())),
            Item::Tuple(Items::Whole(values)) | Item::List(Items::Whole(values)) => {
                Ok(AxisChunk::List(values.iter().copied().map(i128::from).collect()))
            }
            Item::Tuple(items) | Item::List(items) => {
                items.iter().map(whole).collect::<Result<_>>().map(AxisChunk::List)
            }
            _ => whole(item.clone()).map(AxisChunk::Extent),
        }
    }
}
