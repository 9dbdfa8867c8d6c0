//! What calls compute, by the table's meanings.

pub(super) mod elementwise;
pub(super) mod reductions;
pub(super) mod shape;
pub(super) mod sources;
pub(super) mod statistics;

use crate::array::dtype::DType;
use crate::array::expr::{Binary, Expr};
use crate::array::text::arguments::{Arguments, Signature};
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::array::text::place::Span;
use crate::array::text::syntax::Argument;
use crate::array::text::table::{Entry, Meaning};
use crate::error::Result;

impl Evaluation<'_> {
    pub(super) fn call(
        &mut self,
        item: &Item,
        place: Span,
        arguments: &[Argument],
        call: Span,
    ) -> Result<Item> {
        match item {
            Item::Function(entry, seed) => {
                let parameters = entry.function.unwrap_or_default();
                let signature = Signature { name: entry.name, parameters, of: None };
                self.apply(entry, *seed, signature, arguments, call)
            }
            Item::Method(expr, entry) => {
                let parameters = entry.method().unwrap_or_default();
                let of = Some((entry.operand(), expr.clone()));
                self.apply(entry, None, Signature { name: entry.name, parameters, of }, arguments, call)
            }
            Item::Type { dtype, python } => {
                let signature = Signature { name: dtype.name(), parameters: "x", of: None };
                let arguments = signature.bind(self, arguments, call)?;
                if *python {
                    elementwise::python_number(*dtype, &arguments)
                } else {
                    let array = arguments.array("x")?;
                    arguments.located(Expr::cast(&array, *dtype)).map(Item::from)
                }
            }
            _ => {
                let error = self.source.error(place, format!("{} cannot be called", item.what()));
                Err(match item {
                    Item::Namespace(namespace) if namespace.name() == "random" => {
                        error.hint("write `random.random(size=...)`")
                    }
                    _ => error,
                })
            }
        }
    }

    fn apply(
        &mut self,
        entry: &'static Entry,
        seed: Option<u128>,
        signature: Signature,
        arguments: &[Argument],
        call: Span,
    ) -> Result<Item> {
        // Streams are numbered in the order of the text, and arguments may hold random calls.
        let number = self.random_calls;
        self.random_calls += u64::from(matches!(entry.meaning, Meaning::Random(_)));
        let arguments = signature.bind(self, arguments, call)?;
        let expr = match &entry.meaning {
            Meaning::Random(name) => {
                let (expr, stream) = sources::random(*name, seed, number, &arguments)?;
                self.sizes.extend(arguments.get("size").map(|(_, span)| (stream, span)));
                expr
            }
            Meaning::Unary(operation) => {
                arguments.located(Expr::unary(*operation, &arguments.array("x")?))?
            }
            Meaning::Binary(operation) => {
                let (left, right) = (arguments.required("x1")?, arguments.required("x2")?);
                return self.combine(*operation, left, right, call);
            }
            Meaning::Logical(operation) => logical(*operation, &arguments)?,
            Meaning::Scan(scan) => reductions::scan(*scan, &arguments)?,
            Meaning::Reduction { kind, skip_nan } => reductions::reduce(*kind, *skip_nan, &arguments)?,
            Meaning::Call(call) => return call(self, &arguments),
            // Properties are no functions: `evaluate` has taken them where they stand.
            Meaning::Property(_) | Meaning::View(_) => {
                return Err(arguments.error(format!("`{}` cannot be called", entry.name)));
            }
        };
        Ok(Item::from(expr))
    }
}

fn logical(operation: Binary, arguments: &Arguments<'_>) -> Result<Expr> {
    let truth = |parameter| arguments.located(Expr::cast(&arguments.array(parameter)?, DType::Bool));
    arguments.located(Expr::binary(operation, &truth("x1")?, &truth("x2")?))
}
