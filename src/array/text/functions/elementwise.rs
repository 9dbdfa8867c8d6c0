//! Functions of elements that are more than one operation, and conversions.

use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Unary};
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::error::{Error, Result};

pub(crate) fn logical_not(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let truth = arguments.located(Expr::cast(&arguments.array("x")?, DType::Bool))?;
    arguments.located(Expr::unary(Unary::Invert, &truth)).map(Item::from)
}

/// `where`
pub(crate) fn choose(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let condition = arguments.located(Expr::cast(&arguments.array("condition")?, DType::Bool))?;
    let (this, that) = (arguments.array("x")?, arguments.array("y")?);
    arguments.located(Expr::choose(&condition, &this, &that)).map(Item::from)
}

pub(crate) fn clip(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.refuse_out()?;
    let bound = |short: &'static str, long: &'static str| match (arguments.get(short), arguments.get(long)) {
        (Some(_), Some(_)) => Err(arguments.locate(
            short,
            Error::refused(format!("both `{short}` and `{long}`")).hint("they are the same: give one"),
        )),
        (None, _) => arguments.optional_array(long),
        _ => arguments.optional_array(short),
    };
    // The method has the short names only.
    let (low, high) = (bound("min", "a_min")?, bound("max", "a_max")?);
    arguments.located(Expr::clip(&arguments.array("a")?, low.as_ref(), high.as_ref())).map(Item::from)
}

pub(crate) fn astype(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.required("dtype")?;
    let dtype = arguments.dtype("dtype")?.unwrap_or(DType::F64);
    arguments.located(Expr::cast(&arguments.array("x")?, dtype)).map(Item::from)
}

/// To whole numbers, which stay floats: integers become floats too.
pub(crate) fn rint(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    let array = arguments.array("x")?;
    let dtype = if array.dtype().is_real() { array.dtype() } else { DType::F64 };
    let real = arguments.located(Expr::cast(&array, dtype))?;
    arguments.located(Expr::unary(Unary::Round, &real)).map(Item::from)
}

/// To a number of decimal places, as NumPy: scaled, rounded half to even, and scaled back.
pub(crate) fn round(_: &mut Evaluation<'_>, arguments: &Arguments<'_>) -> Result<Item> {
    arguments.refuse_out()?;
    let array = arguments.array("a")?;
    let decimals = decimals(arguments)?;
    if array.dtype() == DType::I64 && decimals >= 0 {
        return Ok(Item::from(array));
    }
    let scale: f64 = format!("1e{}", decimals.unsigned_abs()).parse().expect("a power of ten");
    let scaled = |operation, operand: &Expr| {
        arguments.located(Expr::binary(operation, operand, &Expr::scalar(Scalar::Float(scale))))
    };
    let (there, back) =
        if decimals > 0 { (Binary::Multiply, Binary::Divide) } else { (Binary::Divide, Binary::Multiply) };
    let rounded = |operand: &Expr| arguments.located(Expr::unary(Unary::Round, operand));
    let result = match decimals {
        0 => rounded(&array)?,
        _ => scaled(back, &rounded(&scaled(there, &array)?)?)?,
    };
    match array.dtype() {
        DType::I64 => arguments.located(Expr::cast(&result, DType::I64)).map(Item::from),
        _ => Ok(Item::from(result)),
    }
}

fn decimals(arguments: &Arguments<'_>) -> Result<i32> {
    let Some((item, span)) = arguments.get("decimals") else { return Ok(0) };
    let whole = item.whole().and_then(|whole| i32::try_from(whole).ok()).filter(|whole| whole.abs() <= 308);
    whole.ok_or_else(|| arguments.mismatch("decimals", "a whole number from -308 to 308", item, span))
}

/// `int(x)`, `float(x)`, `bool(x)`: of a number that is known.
pub(crate) fn python_number(dtype: DType, arguments: &Arguments<'_>) -> Result<Item> {
    let (item, span) = arguments.required("x")?;
    if let (Item::Text(text), DType::F64) = (item, dtype) {
        return text
            .trim()
            .parse()
            .map(Item::Float)
            .map_err(|_| arguments.mismatch("x", "a number", item, span));
    }
    let Some(value) = item.float().or_else(|| item.scalar().map(Scalar::to_f64)) else {
        let error = arguments.mismatch("x", "a plain number", item, span);
        return Err(match item {
            Item::Lazy(_) => error.hint(format!("write x.astype(\"{dtype}\")")),
            _ => error,
        });
    };
    match (dtype, item) {
        (DType::Bool, _) => Ok(Item::Bool(value != 0.0)),
        (DType::I64, Item::Integer(_)) => Ok(item.clone()),
        (DType::I64, _) if value.is_finite() => Ok(Item::Integer(value.trunc() as i128)),
        (DType::I64, _) => Err(arguments.mismatch("x", "a finite number", item, span)),
        _ => Ok(Item::Float(value)),
    }
}
