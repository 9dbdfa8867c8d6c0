//! Arithmetic on Python numbers that are known, by Python's rules, and their rounding to a dtype.
//!
//! Only operations that are exact or rounded once by IEEE are done here. Every other one (powers of floats,
//! `sin`) is left to the kernels, so that its bits are theirs.

use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Unary};
use crate::error::{Error, Result};

/// The number as an element of the dtype.
pub(super) fn rounded(scalar: Scalar, dtype: DType) -> Scalar {
    match dtype {
        DType::Bool => Scalar::Bool(scalar.to_f64() != 0.0),
        DType::I64 => Scalar::Int(scalar.to_i64()),
        DType::F32 => Scalar::Float(f64::from(scalar.to_f64() as f32)),
        DType::F64 => Scalar::Float(scalar.to_f64()),
    }
}

/// `operation` of a Python number, where Python has it.
pub(super) fn unary(operation: Unary, operand: Scalar) -> Result<Option<Scalar>> {
    Ok(match (operation, operand) {
        (Unary::Negate, Scalar::Float(value)) => Some(Scalar::Float(-value)),
        (Unary::Absolute, Scalar::Float(value)) => Some(Scalar::Float(value.abs())),
        (Unary::Negate, value) => Some(Scalar::Int(within(value.to_i64().checked_neg())?)),
        (Unary::Absolute, value) => Some(Scalar::Int(within(value.to_i64().checked_abs())?)),
        (Unary::Invert, Scalar::Bool(_) | Scalar::Int(_)) => Some(Scalar::Int(!operand.to_i64())),
        _ => None,
    })
}

/// `left operation right` of Python numbers, where Python has it and it is exact or rounded once.
pub(super) fn binary(operation: Binary, left: Scalar, right: Scalar) -> Result<Option<Scalar>> {
    if let Some(truth) = compare(operation, left, right) {
        return Ok(Some(Scalar::Bool(truth)));
    }
    match (left, right) {
        (Scalar::Bool(left), Scalar::Bool(right))
            if matches!(operation, Binary::And | Binary::Or | Binary::Xor) =>
        {
            Ok(Some(Scalar::Bool(match operation {
                Binary::And => left & right,
                Binary::Or => left | right,
                _ => left ^ right,
            })))
        }
        (Scalar::Float(_), _) | (_, Scalar::Float(_)) => floats(operation, left.to_f64(), right.to_f64()),
        _ => integers(operation, left.to_i64(), right.to_i64()),
    }
}

fn compare(operation: Binary, left: Scalar, right: Scalar) -> Option<bool> {
    let order = match (left, right) {
        (Scalar::Float(_), _) | (_, Scalar::Float(_)) => left.to_f64().partial_cmp(&right.to_f64()),
        _ => Some(left.to_i64().cmp(&right.to_i64())),
    };
    Some(match operation {
        Binary::Less => order.is_some_and(|order| order.is_lt()),
        Binary::LessEqual => order.is_some_and(|order| order.is_le()),
        Binary::Equal => order.is_some_and(|order| order.is_eq()),
        Binary::NotEqual => order.is_none_or(|order| order.is_ne()),
        Binary::Greater => order.is_some_and(|order| order.is_gt()),
        Binary::GreaterEqual => order.is_some_and(|order| order.is_ge()),
        _ => return None,
    })
}

fn integers(operation: Binary, left: i64, right: i64) -> Result<Option<Scalar>> {
    let divided = |quotient: fn(i64, i64) -> Option<i64>| match right {
        0 => Err(by_zero()),
        _ => within(quotient(left, right)),
    };
    let whole = match operation {
        Binary::Add => within(left.checked_add(right))?,
        Binary::Subtract => within(left.checked_sub(right))?,
        Binary::Multiply => within(left.checked_mul(right))?,
        Binary::Divide if right == 0 => return Err(by_zero()),
        Binary::Divide => return Ok(Some(Scalar::Float(left as f64 / right as f64))),
        Binary::FloorDivide => divided(floor_divide)?,
        Binary::Remainder => divided(|left, right| Some(left - right * floor_divide(left, right)?))?,
        Binary::Power => match u32::try_from(right) {
            Ok(exponent) => within(left.checked_pow(exponent))?,
            Err(_) if right > 0 => within(left.checked_pow(u32::MAX))?,
            Err(_) => return Ok(None),
        },
        Binary::And => left & right,
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        _ => return Ok(None),
    };
    Ok(Some(Scalar::Int(whole)))
}

/// Towards negative infinity; none where it does not fit.
fn floor_divide(left: i64, right: i64) -> Option<i64> {
    let quotient = left.checked_div(right)?;
    let inexact = left.checked_rem(right)? != 0;
    Some(if inexact && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
}

fn floats(operation: Binary, left: f64, right: f64) -> Result<Option<Scalar>> {
    let division = matches!(operation, Binary::Divide | Binary::FloorDivide | Binary::Remainder);
    if division && right == 0.0 {
        return Err(by_zero());
    }
    let value = match operation {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        _ => return Ok(None),
    };
    Ok(Some(Scalar::Float(value)))
}

fn within(value: Option<i64>) -> Result<i64> {
    value.ok_or_else(|| {
        Error::refused("Python integer out of bounds for int64")
            .hint("whole numbers have 64 bits with a sign; write a float, such as 1e20")
    })
}

fn by_zero() -> Error {
    Error::refused("division by zero")
        .hint("of numbers Python refuses it; an array divides by 0 to inf or nan")
}
