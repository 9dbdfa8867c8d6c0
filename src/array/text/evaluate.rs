//! The meaning of a syntax tree: names are looked up, numbers folded exactly, arrays built lazily.

use std::collections::BTreeMap;

use crate::array::expr::{Binary, Expr};
use crate::array::text::Line;
use crate::array::text::item::{BUILTINS, DistributionName, Function, Item, ReductionName, builtin};
use crate::array::text::place::{Source, Span};
use crate::array::text::syntax::{Kind, Syntax};
use crate::error::{Error, Result, nearest};

/// The evaluation of one line.
pub(super) struct Evaluation<'a> {
    pub(super) source: &'a Source,
    items: &'a BTreeMap<String, Item>,
    lines: &'a [Line],
    /// Random calls so far, in the order of the text: they number the streams.
    pub(super) random_calls: u64,
}

impl<'a> Evaluation<'a> {
    /// `items` holds the values of all lines that this one names; `lines` are for hints.
    pub(super) fn new(source: &'a Source, items: &'a BTreeMap<String, Item>, lines: &'a [Line]) -> Self {
        Evaluation { source, items, lines, random_calls: 0 }
    }

    pub(super) fn item(&mut self, syntax: &Syntax) -> Result<Item> {
        match &syntax.kind {
            Kind::Integer(value) => Ok(i128::try_from(*value).map_or(Item::Seed(*value), Item::Integer)),
            Kind::Float(value) => Ok(Item::Float(*value)),
            Kind::Text(text) => Ok(Item::Text(text.clone())),
            Kind::Name(name) => self.name(name, syntax.span),
            Kind::Attribute { of, name, place } => {
                let item = self.item(of)?;
                self.attribute(&item, name, *place)
            }
            Kind::Call { function, arguments } => {
                let item = self.item(function)?;
                self.call(&item, function.span, arguments, syntax.span)
            }
            Kind::Tuple(items) => {
                items.iter().map(|item| self.item(item)).collect::<Result<_>>().map(Item::Tuple)
            }
            Kind::Unary { minus, operand } => {
                let item = self.item(operand)?;
                self.unary(*minus, item, operand.span)
            }
            Kind::Binary { sign, place, left, right } => {
                let operands = (self.item(left)?, self.item(right)?);
                self.binary(sign, *place, (operands.0, left.span), (operands.1, right.span))
            }
        }
    }

    fn name(&self, name: &str, span: Span) -> Result<Item> {
        if let Some(item) = self.items.get(name).cloned().or_else(|| builtin(name)) {
            return Ok(item);
        }
        let error = self.source.error(span, format!("unknown name `{name}`"));
        if DistributionName::of(name).is_some() {
            return Err(error.hint(format!("write `random.{name}`")));
        }
        if ReductionName::of(name).is_some() {
            return Err(error.hint(format!("write `x.{name}()` or `da.{name}(x)`")));
        }
        let known = self.lines.iter().map(|line| line.source.name.as_str());
        let other = known.filter(|&known| known != self.source.name);
        Err(match nearest(name, other.chain(BUILTINS)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("names are defined in [arrays] and [results]"),
        })
    }

    fn attribute(&self, item: &Item, name: &str, place: Span) -> Result<Item> {
        let (found, owner, known) = match item {
            Item::Namespace(namespace) => {
                (namespace.attribute(name), format!("`{}`", namespace.name()), namespace.names())
            }
            Item::Generator(seed) => (
                DistributionName::of(name).map(|name| Item::Function(Function::Random(name, *seed))),
                "a random generator".to_owned(),
                DistributionName::ALL.map(DistributionName::name).to_vec(),
            ),
            Item::Lazy(expr) => (
                ReductionName::of(name).map(|name| Item::Method(expr.clone(), name)),
                item.what().to_owned(),
                ReductionName::ALL.map(ReductionName::name).to_vec(),
            ),
            _ => (None, item.what().to_owned(), Vec::new()),
        };
        found.ok_or_else(|| {
            let error = self.source.error(place, format!("{owner} has no `{name}`"));
            hint_attribute(error, name, &known)
        })
    }

    fn unary(&self, minus: bool, item: Item, span: Span) -> Result<Item> {
        match item {
            Item::Integer(value) if minus => Ok(Item::Integer(-value)),
            Item::Integer(value) => Ok(Item::Integer(value)),
            item => {
                let expr = self.operand(&item, span)?;
                let expr =
                    if minus { Expr::negate(&expr).map_err(|e| self.source.locate(span, e))? } else { expr };
                Ok(Item::from(expr))
            }
        }
    }

    fn binary(&self, sign: &str, place: Span, left: (Item, Span), right: (Item, Span)) -> Result<Item> {
        if let (Item::Integer(left), Item::Integer(right)) = (&left.0, &right.0)
            && let Some(exact) = integers(sign, *left, *right)
        {
            return Ok(Item::Integer(exact));
        }
        let operation = match sign {
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "**" if matches!(right.0.whole(), Some(2)) => {
                let base = self.operand(&left.0, left.1)?;
                return self.combine(Binary::Multiply, &base, &base, place);
            }
            "**" => {
                let error = self.source.error(place, "this power is not supported yet");
                return Err(error.hint("x ** 2 is, and whole numbers to a whole power that is not negative"));
            }
            "//" => {
                let error = self.source.error(place, "`//` of these operands is not supported yet");
                return Err(error.hint("it takes two whole numbers, the second one not 0"));
            }
            _ => return Err(self.source.error(place, format!("`{sign}` is not supported yet"))),
        };
        let (left, right) = (self.operand(&left.0, left.1)?, self.operand(&right.0, right.1)?);
        self.combine(operation, &left, &right, place)
    }

    fn combine(&self, operation: Binary, left: &Expr, right: &Expr, place: Span) -> Result<Item> {
        Expr::binary(operation, left, right).map(Item::from).map_err(|error| self.source.locate(place, error))
    }

    fn operand(&self, item: &Item, span: Span) -> Result<Expr> {
        item.expr().ok_or_else(|| self.source.error(span, format!("arithmetic with {}", item.what())))
    }
}

/// The exact result where Python's integers give one and it fits.
fn integers(sign: &str, left: i128, right: i128) -> Option<i128> {
    match sign {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        // Towards minus infinity, as Python.
        "//" => {
            let towards_zero = left.checked_div(right)?;
            let inexact = left % right != 0 && (left < 0) != (right < 0);
            towards_zero.checked_sub(i128::from(inexact))
        }
        "**" => left.checked_pow(u32::try_from(right).ok()?),
        _ => None,
    }
}

fn hint_attribute(error: Error, name: &str, known: &[&str]) -> Error {
    if ["compute", "persist", "visualize"].contains(&name) {
        return error.hint(format!("leave out .{name}(): every result is computed"));
    }
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error,
        None => error.hint(format!("known are {}", known.join(", "))),
    }
}
