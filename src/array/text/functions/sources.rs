//! Arrays that come from nowhere or from files: random ones, filled ones, ranges, `load`.

use std::sync::Arc;

use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::Expr;
use crate::array::random::{Distribution, Random};
use crate::array::shape::Shape;
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::array::text::table::DistributionName;
use crate::error::Result;

/// A random array and its stream; `number` counts those of the line.
pub(crate) fn random(
    name: DistributionName,
    seed: Option<u128>,
    number: u64,
    arguments: &Arguments<'_>,
) -> Result<(Expr, String)> {
    arguments.refuse_out()?;
    let distribution = distribution(name, arguments)?;
    arguments.located(distribution.check())?;
    if arguments.get("size").is_none() {
        return Err(arguments.error("a random array without a size").hint("add size=, for example size=8e8"));
    }
    let shape = arguments.shape("size")?;
    let chunks = arguments.chunks(&shape, DType::F64)?;
    let line = &arguments.source.name;
    let stream = match arguments.text("stream")? {
        Some(stream) => stream,
        None if number == 0 => line.clone(),
        None => format!("{line}/{number}"),
    };
    let random = Random { seed, stream: Some(stream.clone()), distribution };
    let expr = Expr::random(random, shape, &chunks).map_err(|error| arguments.locate("size", error))?;
    let expr = match arguments.dtype("dtype")? {
        None | Some(DType::F64) => expr,
        Some(DType::F32) => arguments.located(Expr::cast(&expr, DType::F32))?,
        Some(dtype) => {
            let error = crate::error::Error::refused(format!("a random array of {dtype}"));
            return Err(arguments
                .locate("dtype", error.hint("it is of float64 or float32; convert it with .astype(...)")));
        }
    };
    Ok((expr, stream))
}

fn distribution(name: DistributionName, arguments: &Arguments<'_>) -> Result<Distribution> {
    Ok(match name {
        DistributionName::Random => Distribution::Random,
        DistributionName::StandardNormal => Distribution::Normal { loc: 0.0, scale: 1.0 },
        DistributionName::Normal => {
            Distribution::Normal { loc: arguments.float("loc", 0.0)?, scale: arguments.float("scale", 1.0)? }
        }
        DistributionName::Uniform => {
            Distribution::Uniform { low: arguments.float("low", 0.0)?, high: arguments.float("high", 1.0)? }
        }
    })
}

pub(crate) fn default_rng(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let seed = match arguments.get("seed") {
        None => None,
        Some((Item::Integer(seed), _)) if *seed >= 0 => Some(seed.unsigned_abs()),
        Some((Item::Seed(seed), _)) => Some(*seed),
        Some((item, span)) => {
            let error = arguments.mismatch("seed", "a seed", item, span);
            return Err(error.hint("a seed is a whole number from 0 to 2^128-1, also written 0x.."));
        }
    };
    Ok(Item::Generator(seed))
}

pub(crate) fn zeros(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    filled(Scalar::Int(0), DType::F64, arguments.shape("shape")?, arguments)
}

pub(crate) fn ones(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    filled(Scalar::Int(1), DType::F64, arguments.shape("shape")?, arguments)
}

pub(crate) fn full(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let value = arguments.scalar("fill_value")?;
    filled(value, value.dtype(), arguments.shape("shape")?, arguments)
}

pub(crate) fn zeros_like(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    filled_like(Scalar::Int(0), arguments)
}

pub(crate) fn ones_like(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    filled_like(Scalar::Int(1), arguments)
}

pub(crate) fn full_like(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    filled_like(arguments.scalar("fill_value")?, arguments)
}

fn filled_like(value: Scalar, arguments: &Arguments<'_>) -> Result<Item> {
    let like = arguments.array("a")?;
    filled(value, like.dtype(), like.shape().clone(), arguments)
}

fn filled(value: Scalar, dtype: DType, shape: Shape, arguments: &Arguments<'_>) -> Result<Item> {
    let dtype = arguments.dtype("dtype")?.unwrap_or(dtype);
    let chunks = arguments.chunks(&shape, dtype)?;
    arguments.located(Expr::full(value, shape, dtype, &chunks)).map(Item::from)
}

pub(crate) fn arange(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let first = arguments.scalar("start")?;
    let (start, stop) = match arguments.get("stop") {
        None => (Scalar::Int(0), first),
        Some(_) => (first, arguments.scalar("stop")?),
    };
    let step = arguments.get("step").map(|_| arguments.scalar("step")).transpose()?;
    let (step, dtype) = (step.unwrap_or(Scalar::Int(1)), arguments.dtype("dtype")?);
    let whole = arguments.located(Expr::arange(start, stop, step, dtype, &Chunks::Automatic))?;
    let chunks = arguments.chunks(whole.shape(), whole.dtype())?;
    arguments.located(Expr::arange(start, stop, step, dtype, &chunks)).map(Item::from)
}

pub(crate) fn linspace(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.required("start")?;
    arguments.required("stop")?;
    let (start, stop) = (arguments.float("start", 0.0)?, arguments.float("stop", 0.0)?);
    let (num, endpoint) = (arguments.natural("num", 50)?, arguments.flag("endpoint", true)?);
    let shape = arguments.located(Shape::new(vec![num]))?;
    let chunks = arguments.chunks(&shape, DType::F64)?;
    arguments.located(Expr::linspace(start, stop, num, endpoint, &chunks)).map(Item::from)
}

/// An array in files. The mode in which NumPy maps them means nothing here: files are only read.
pub(crate) fn load(evaluation: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let path = arguments.text("file")?;
    let (_, span) = arguments.required("file")?;
    let (stored, shape) =
        evaluation.open(&path.unwrap_or_default()).map_err(|error| arguments.source.locate(span, error))?;
    let chunks = arguments.chunks(&shape, stored.format.dtype())?;
    arguments.located(Expr::stored(Arc::clone(&stored), shape, &chunks)).map(Item::from)
}
