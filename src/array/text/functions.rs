//! Calls: random arrays, generators and reductions, with NumPy's parameters and dask's `chunks`.

use crate::array::expr::{Distribution, Expr, Random};
use crate::array::shape::{Chunks, Shape};
use crate::array::text::arguments::{Arguments, Signature};
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::{DistributionName, Function, Item, ReductionName};
use crate::array::text::place::Span;
use crate::array::text::syntax::Argument;
use crate::error::{Error, Result};

/// Parameters of NumPy that are known, but built for their defaults only.
const ALL_AXES: &str = "leave it out: a reduction goes over all axes as yet";
const PLAIN: &str = "leave it out: arrays are f64, and results are new";

impl Evaluation<'_> {
    pub(super) fn call(
        &mut self,
        item: &Item,
        place: Span,
        arguments: &[Argument],
        call: Span,
    ) -> Result<Item> {
        match item {
            Item::Function(Function::Random(name, seed)) => self.random(*name, *seed, arguments, call),
            Item::Function(Function::DefaultRng) => self.generator(arguments, call),
            Item::Function(Function::Reduction(name)) => self.reduce(None, *name, arguments, call),
            Item::Method(expr, name) => self.reduce(Some(expr), *name, arguments, call),
            _ => Err(self.source.error(place, format!("{} cannot be called", item.what()))),
        }
    }

    fn random(
        &mut self,
        name: DistributionName,
        seed: Option<u128>,
        arguments: &[Argument],
        call: Span,
    ) -> Result<Item> {
        let number = self.random_calls;
        self.random_calls += 1;
        let arguments = signature(name).bind(self, arguments, call)?;
        arguments.refuse(&["dtype", "out"], PLAIN)?;
        let distribution = distribution(name, &arguments)?;
        distribution.check().map_err(|error| self.source.locate(call, error))?;
        let shape = shape(&arguments)?;
        let chunks = chunks(&arguments)?;
        chunks.extents(&shape).map_err(|error| arguments.locate("chunks", error))?;
        let line = &self.source.name;
        let stream = match arguments.text("stream")? {
            Some(stream) => stream,
            None if number == 0 => line.clone(),
            None => format!("{line}/{number}"),
        };
        let random = Random { seed, stream: Some(stream), distribution };
        let expr = Expr::random(random, shape, &chunks).map_err(|error| arguments.locate("size", error))?;
        Ok(Item::Lazy(expr))
    }

    fn generator(&mut self, arguments: &[Argument], call: Span) -> Result<Item> {
        let signature = Signature { function: "default_rng", positional: &["seed"], keyword: &[] };
        let arguments = signature.bind(self, arguments, call)?;
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

    fn reduce(
        &mut self,
        of: Option<&Expr>,
        name: ReductionName,
        arguments: &[Argument],
        call: Span,
    ) -> Result<Item> {
        let positional = parameters(name);
        // The first parameter is the array, which a method has already.
        let positional = if of.is_some() { &positional[1..] } else { positional };
        let signature = Signature { function: name.name(), positional, keyword: &["split_every"] };
        let arguments = signature.bind(self, arguments, call)?;
        arguments.refuse(&["axis", "keepdims", "split_every"], ALL_AXES)?;
        arguments.refuse(&["dtype", "out"], PLAIN)?;
        let operand = match (of, arguments.get("a")) {
            (Some(expr), _) => expr.clone(),
            (None, Some((item, span))) => {
                item.expr().ok_or_else(|| arguments.mismatch("a", "an array", item, span))?
            }
            (None, None) => {
                return Err(arguments.error(format!("`{}` needs an array", name.name())));
            }
        };
        let ddof = arguments.natural("ddof", 0)?;
        Expr::reduce(name.with(ddof), &operand)
            .map(Item::from)
            .map_err(|error| self.source.locate(call, error))
    }
}

fn signature(name: DistributionName) -> Signature {
    let positional: &[&str] = match name {
        DistributionName::Normal => &["loc", "scale", "size", "chunks"],
        DistributionName::Uniform => &["low", "high", "size", "chunks"],
        DistributionName::StandardNormal | DistributionName::Random => &["size", "chunks"],
    };
    Signature { function: name.name(), positional, keyword: &["stream", "dtype", "out"] }
}

fn parameters(name: ReductionName) -> &'static [&'static str] {
    match name {
        ReductionName::Sum | ReductionName::Mean => &["a", "axis", "dtype", "out", "keepdims"],
        ReductionName::Min | ReductionName::Max => &["a", "axis", "out", "keepdims"],
        ReductionName::Var | ReductionName::Std => &["a", "axis", "dtype", "out", "ddof", "keepdims"],
    }
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

fn shape(arguments: &Arguments<'_>) -> Result<Shape> {
    let Some((item, span)) = arguments.get("size") else {
        return Err(arguments.error("a random array without a size").hint("add size=, for example size=8e8"));
    };
    let one = |item: &Item| {
        let whole = item.whole().ok_or_else(|| arguments.mismatch("size", "a whole number", item, span))?;
        u64::try_from(whole).map_err(|_| {
            let what = if whole < 0 { "a negative size" } else { "a size of more than 2^63 elements" };
            arguments.locate("size", Error::refused(what))
        })
    };
    let extents = match item {
        Item::Tuple(axes) => axes.iter().map(one).collect::<Result<_>>()?,
        _ => vec![one(item)?],
    };
    Shape::new(extents).map_err(|error| arguments.locate("size", error))
}

fn chunks(arguments: &Arguments<'_>) -> Result<Chunks> {
    let Some((item, span)) = arguments.get("chunks") else { return Ok(Chunks::Automatic) };
    let wanted = "a whole number, a tuple with one for each axis, -1 or \"auto\"";
    let one = |item: &Item| match item {
        Item::None => Ok(-1),
        _ => item.whole().ok_or_else(|| arguments.mismatch("chunks", wanted, item, span)),
    };
    match item {
        Item::Text(text) if text == "auto" => Ok(Chunks::Automatic),
        Item::Tuple(axes) => axes.iter().map(one).collect::<Result<_>>().map(Chunks::Axes),
        _ => one(item).map(Chunks::Every),
    }
}
