//! Arithmetic on numbers of Python while a line is read: whole numbers exactly, floats by IEEE.
//!
//! Functions of NumPy make numbers with a dtype, which stay lazy; where a number must be known at once, such
//! as a size, [`known`] computes those that IEEE defines.

use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Operation, Unary};
use crate::array::text::item::Item;

/// The result of an operator where Python's numbers give one that is exact or rounded once.
pub(super) fn binary(sign: &str, left: &Item, right: &Item) -> Option<Item> {
    if let (Item::Bool(left), Item::Bool(right)) = (left, right)
        && let Some(truth) = truths(sign, *left, *right)
    {
        return Some(Item::Bool(truth));
    }
    if let (Some(left), Some(right)) = (integer(left), integer(right))
        && let Some(exact) = integers(sign, left, right)
    {
        return Some(exact);
    }
    floats(sign, float(left)?, float(right)?)
}

/// The result of `+`, `-` or `~` on a number of Python.
pub(super) fn unary(sign: &str, operand: &Item) -> Option<Item> {
    match (sign, integer(operand), float(operand)) {
        ("+", Some(value), _) => Some(Item::Integer(value)),
        ("-", Some(value), _) => value.checked_neg().map(Item::Integer),
        ("~", Some(value), _) => Some(Item::Integer(!value)),
        ("+", None, Some(value)) => Some(Item::Float(value)),
        ("-", None, Some(value)) => Some(Item::Float(-value)),
        _ => None,
    }
}

fn integer(item: &Item) -> Option<i128> {
    match item {
        Item::Integer(value) => Some(*value),
        Item::Bool(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn float(item: &Item) -> Option<f64> {
    item.scalar().map(Scalar::to_f64)
}

fn truths(sign: &str, left: bool, right: bool) -> Option<bool> {
    match sign {
        "&" => Some(left & right),
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        _ => None,
    }
}

/// None where the exact result is no whole number, or does not fit.
fn integers(sign: &str, left: i128, right: i128) -> Option<Item> {
    if let Some(truth) = comparison(sign, left, right) {
        return Some(Item::Bool(truth));
    }
    let shift = u32::try_from(right).ok().filter(|&bits| bits < 127);
    let exact = match sign {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "//" => floor_divide(left, right),
        "%" => floor_divide(left, right)?.checked_mul(right).and_then(|whole| left.checked_sub(whole)),
        "**" if right >= 0 => left.checked_pow(u32::try_from(right).ok()?),
        "&" => Some(left & right),
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "<<" => left.checked_mul(1_i128.checked_shl(shift?)?),
        ">>" => Some(left >> shift?),
        _ => None,
    };
    exact.map(Item::Integer)
}

/// Towards minus infinity, as Python.
fn floor_divide(left: i128, right: i128) -> Option<i128> {
    let towards_zero = left.checked_div(right)?;
    let inexact = towards_zero.checked_mul(right)? != left && (left < 0) != (right < 0);
    towards_zero.checked_sub(i128::from(inexact))
}

fn comparison<T: PartialOrd>(sign: &str, left: T, right: T) -> Option<bool> {
    match sign {
        "<" => Some(left < right),
        "<=" => Some(left <= right),
        ">" => Some(left > right),
        ">=" => Some(left >= right),
        "==" => Some(left == right),
        "!=" => Some(left != right),
        _ => None,
    }
}

fn floats(sign: &str, left: f64, right: f64) -> Option<Item> {
    if let Some(truth) = comparison(sign, left, right) {
        return Some(Item::Bool(truth));
    }
    let value = match sign {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" if right != 0.0 => left / right,
        "//" if right != 0.0 => divided(left, right).0,
        "%" if right != 0.0 => divided(left, right).1,
        "**" => power(left, right)?,
        _ => return None,
    };
    Some(Item::Float(value))
}

/// Quotient and remainder, which has the sign of the divisor, as Python.
fn divided(left: f64, right: f64) -> (f64, f64) {
    let mut remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(right);
    } else if (remainder < 0.0) != (right < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    let floor = quotient.floor();
    let nearest = if quotient - floor > 0.5 { floor + 1.0 } else { floor };
    (if quotient == 0.0 { 0.0_f64.copysign(left / right) } else { nearest }, remainder)
}

/// The powers that IEEE's operations give with one rounding.
fn power(base: f64, exponent: f64) -> Option<f64> {
    /// Whole numbers up to here are exact.
    const EXACT: i128 = 1 << 53;
    if exponent == 2.0 {
        return Some(base * base);
    }
    if exponent == 0.5 && base > 0.0 {
        return Some(base.sqrt());
    }
    if base.trunc() != base || exponent.trunc() != exponent || base == 0.0 || exponent.abs() > 64.0 {
        return None;
    }
    let whole = (base as i128).checked_pow(exponent.abs() as u32).filter(|whole| whole.abs() <= EXACT)?;
    Some(if exponent < 0.0 { 1.0 / whole as f64 } else { whole as f64 })
}

/// The value of a lazy number that IEEE's operations give from numbers that are written down.
pub(super) fn known(expr: &Expr) -> Option<f64> {
    /// Nodes may be shared, and are visited once for each way that leads to them.
    const DEPTH: u32 = 8;
    if !expr.is_number() || expr.depth() > DEPTH {
        return None;
    }
    let value = match expr.operation() {
        Operation::Scalar(scalar) | Operation::Full(scalar) => scalar.to_f64(),
        Operation::Cast(operand) if expr.dtype().is_real() => known(operand)?,
        Operation::Unary(operation, operand) => {
            let value = known(operand)?;
            match operation {
                Unary::Negate => -value,
                Unary::Absolute => value.abs(),
                Unary::Square => value * value,
                Unary::Sqrt => value.sqrt(),
                Unary::Floor => value.floor(),
                Unary::Ceil => value.ceil(),
                Unary::Trunc => value.trunc(),
                Unary::Round => value.round_ties_even(),
                _ => return None,
            }
        }
        Operation::Binary(operation, left, right) => {
            let (left, right) = (known(left)?, known(right)?);
            match operation {
                Binary::Add => left + right,
                Binary::Subtract => left - right,
                Binary::Multiply => left * right,
                Binary::Divide => left / right,
                _ => return None,
            }
        }
        _ => return None,
    };
    match expr.dtype() {
        DType::F64 => Some(value),
        DType::F32 => Some(f64::from(value as f32)),
        DType::Bool | DType::I64 => None,
    }
}
