//! The meaning of a syntax tree: names are looked up, operators applied, arrays built lazily.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::array::expr::{Binary, Expr, Unary};
use crate::array::shape::Shape;
use crate::array::stored::Stored;
use crate::array::text::files::Opened;
use crate::array::text::item::{Item, Items, Namespace, builtin, constant};
use crate::array::text::place::{Source, Span};
use crate::array::text::syntax::{Kind, Syntax};
use crate::array::text::table::{self, Meaning};
use crate::array::text::{Line, hints, plain};
use crate::error::Result;

/// The evaluation of one line.
pub(super) struct Evaluation<'a> {
    pub(super) source: &'a Source,
    items: &'a BTreeMap<String, Item>,
    lines: &'a [Line],
    files: &'a Opened<'a>,
    /// Random calls so far, in the order of the text: they number the streams.
    pub(super) random_calls: u64,
    /// Where sizes of random arrays are written, with the arrays' streams.
    pub(super) sizes: Vec<(String, Span)>,
}

impl<'a> Evaluation<'a> {
    /// `items` holds the values of all lines that this one names; `lines` are for hints.
    pub(super) fn new(
        source: &'a Source,
        items: &'a BTreeMap<String, Item>,
        lines: &'a [Line],
        files: &'a Opened<'a>,
    ) -> Self {
        Evaluation { source, items, lines, files, random_calls: 0, sizes: Vec::new() }
    }

    /// The array in a file.
    pub(super) fn open(&self, path: &str) -> Result<(Arc<Stored>, Shape)> {
        self.files.open(path)
    }

    /// What a piece of the text stands for. What is computed remembers the place.
    pub(super) fn item(&mut self, syntax: &Syntax) -> Result<Item> {
        let item = self.meaning(syntax)?;
        if let Item::Lazy(expr) = &item {
            expr.place_at(|| self.source.caret(syntax.span));
        }
        Ok(item)
    }

    fn meaning(&mut self, syntax: &Syntax) -> Result<Item> {
        match &syntax.kind {
            Kind::Integer(value) => Ok(i128::try_from(*value).map_or(Item::Seed(*value), Item::Integer)),
            Kind::Float(value) => Ok(Item::Float(*value)),
            Kind::Text(text) => Ok(Item::Text(text.clone())),
            Kind::Ellipsis => Ok(Item::Ellipsis),
            Kind::Name(name) => self.name(name, syntax.span),
            Kind::Function(name) => match table::function(name) {
                Some(entry) => Ok(Item::Function(entry, None)),
                None => self.name(name, syntax.span),
            },
            Kind::Attribute { of, name, place } => {
                let item = self.item(of)?;
                self.attribute(&item, name, *place)
            }
            Kind::Call { function, arguments } => {
                let item = self.item(function)?;
                self.call(&item, function.span, arguments, syntax.span)
            }
            Kind::Subscript { of, index } => {
                let item = self.item(of)?;
                self.subscript(&item, of.span, index)
            }
            Kind::Tuple(items) => self.items(items).map(Item::Tuple),
            Kind::List(items) => self.items(items).map(Item::List),
            Kind::Integers { list: false, values } => Ok(Item::Tuple(Items::Whole(values.clone()))),
            Kind::Integers { list: true, values } => Ok(Item::List(Items::Whole(values.clone()))),
            Kind::Dict(items) => {
                let pair = |(key, value): &(Syntax, Syntax)| Ok((self.item(key)?, self.item(value)?));
                items.iter().map(pair).collect::<Result<_>>().map(Item::Dict)
            }
            Kind::Slice(bounds) => self.slice(bounds),
            Kind::Unary { sign, operand } => {
                let item = self.item(operand)?;
                self.unary(sign, &item, operand.span)
            }
            Kind::Binary { sign, place, left, right } => {
                let operands = (self.item(left)?, self.item(right)?);
                self.binary(sign, *place, (&operands.0, left.span), (&operands.1, right.span))
            }
        }
    }

    fn items(&mut self, items: &[Syntax]) -> Result<Items> {
        items.iter().map(|item| self.item(item)).collect()
    }

    fn name(&self, name: &str, span: Span) -> Result<Item> {
        if let Some(item) = self.items.get(name).cloned().or_else(|| builtin(name)) {
            return Ok(item);
        }
        let known = self.lines.iter().map(|line| line.source.name.as_str());
        let other = known.filter(|&known| known != self.source.name);
        Err(hints::unknown_name(self.source.error(span, format!("unknown name `{name}`")), name, other))
    }

    fn attribute(&self, item: &Item, name: &str, place: Span) -> Result<Item> {
        let found = match item {
            Item::Namespace(Namespace::Dask) => {
                (name == "array").then_some(Item::Namespace(Namespace::Array))
            }
            Item::Namespace(Namespace::Array) if name == "random" => Some(Item::Namespace(Namespace::Random)),
            Item::Namespace(Namespace::Array) => {
                table::function(name).map(|entry| Item::Function(entry, None)).or_else(|| constant(name))
            }
            Item::Namespace(Namespace::Random) => {
                table::random(name).map(|entry| Item::Function(entry, None))
            }
            Item::Generator(seed) => table::random(name)
                .filter(|entry| matches!(entry.meaning, Meaning::Random(_)))
                .map(|entry| Item::Function(entry, *seed)),
            Item::Lazy(expr) => match table::method(name) {
                Some(entry) => Some(match &entry.meaning {
                    Meaning::Property(property) => property(expr),
                    Meaning::View(view) => {
                        Item::from(view(expr).map_err(|error| self.source.locate(place, error))?)
                    }
                    _ => Item::Method(expr.clone(), entry),
                }),
                None => None,
            },
            _ => None,
        };
        found.ok_or_else(|| {
            let owner = match item {
                Item::Namespace(namespace) => format!("`{}`", namespace.name()),
                _ => item.what().to_owned(),
            };
            let error = self.source.error(place, format!("{owner} has no `{name}`"));
            hints::unknown_attribute(error, name, item)
        })
    }

    fn unary(&self, sign: &str, item: &Item, span: Span) -> Result<Item> {
        if let Some(known) = plain::unary(sign, item) {
            return Ok(known);
        }
        let operand = self.operand(item, span)?;
        let result = match sign {
            "-" => Expr::unary(Unary::Negate, &operand),
            "~" => Expr::unary(Unary::Invert, &operand),
            _ => Ok(operand),
        };
        result.map(Item::from).map_err(|error| self.source.locate(span, error))
    }

    fn binary(&self, sign: &str, place: Span, left: (&Item, Span), right: (&Item, Span)) -> Result<Item> {
        if let Some(known) = plain::binary(sign, left.0, right.0) {
            return Ok(known);
        }
        let operation = match sign {
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "//" => Binary::FloorDivide,
            "%" => Binary::Remainder,
            "**" => Binary::Power,
            "&" => Binary::And,
            "|" => Binary::Or,
            "^" => Binary::Xor,
            "<" => Binary::Less,
            "<=" => Binary::LessEqual,
            "==" => Binary::Equal,
            "!=" => Binary::NotEqual,
            ">" => Binary::Greater,
            ">=" => Binary::GreaterEqual,
            "@" => return self.product(left, right, place),
            _ => {
                let error = self.source.error(place, format!("`{sign}` of these operands"));
                return Err(error.hint("shifts take two whole numbers; of arrays multiply, or divide by //"));
            }
        };
        self.combine(operation, left, right, place)
    }

    /// An operation on two operands; `place` is where a mistake in it is shown.
    pub(super) fn combine(
        &self,
        operation: Binary,
        left: (&Item, Span),
        right: (&Item, Span),
        place: Span,
    ) -> Result<Item> {
        let operands = (self.operand(left.0, left.1)?, self.operand(right.0, right.1)?);
        self.check_range(left, &operands.1)?;
        self.check_range(right, &operands.0)?;
        Expr::binary(operation, &operands.0, &operands.1)
            .map(Item::from)
            .map_err(|error| self.source.locate(place, error))
    }

    /// A whole number beyond int64 may meet arrays of floats only, as in NumPy.
    fn check_range(&self, number: (&Item, Span), other: &Expr) -> Result<()> {
        let large = match number.0 {
            Item::Integer(value) => i64::try_from(*value).is_err(),
            Item::Seed(_) => true,
            _ => false,
        };
        if large && !other.is_number() && !other.dtype().is_real() {
            let what = format!("a whole number that does not fit the array's {}", other.dtype());
            return Err(self.source.error(number.1, what).hint("write it as a float, such as 1e20"));
        }
        Ok(())
    }

    pub(super) fn operand(&self, item: &Item, span: Span) -> Result<Expr> {
        item.expr().ok_or_else(|| self.source.error(span, format!("arithmetic with {}", item.what())))
    }
}
