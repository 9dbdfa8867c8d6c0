//! The arguments of a call, matched with the parameters of the function by Python's rules.
//!
//! What values an argument can have is in `values.rs`.

use crate::array::expr::Expr;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::array::text::place::{Source, Span};
use crate::array::text::syntax;
use crate::error::{Error, Result, nearest};

/// A function or method with its parameters, as the table writes them.
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) parameters: &'static str,
    /// The array of a method, and the parameter that it stands for.
    pub(super) of: Option<(&'static str, Expr)>,
}

/// The arguments of one call, by parameter.
pub(super) struct Arguments<'a> {
    pub(super) source: &'a Source,
    name: &'static str,
    given: Vec<(&'static str, Item, Span)>,
    /// The whole call.
    pub(super) call: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameter {
    name: &'static str,
    required: bool,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    One,
    ByKeyword,
    /// All further arguments without keyword.
    Rest,
}

/// The parameters of `a, axis=None, *, keepdims=False`, and of `*axes`.
fn parameters(text: &'static str) -> Vec<Parameter> {
    let mut takes = Takes::One;
    let mut parameters = Vec::new();
    for piece in text.split(", ").filter(|piece| !piece.is_empty()) {
        let (name, default) =
            piece.split_once('=').map_or((piece, None), |(name, default)| (name, Some(default)));
        match name.strip_prefix('*') {
            Some("") => takes = Takes::ByKeyword,
            Some(name) => {
                parameters.push(Parameter { name, required: false, takes: Takes::Rest });
                takes = Takes::ByKeyword;
            }
            None => parameters.push(Parameter { name, required: default.is_none(), takes }),
        }
    }
    parameters
}

impl Signature {
    /// Evaluates the arguments in the order of the text and gives each to its parameter.
    pub(super) fn bind<'a>(
        self,
        evaluation: &mut Evaluation<'a>,
        arguments: &[syntax::Argument],
        call: Span,
    ) -> Result<Arguments<'a>> {
        let source = evaluation.source;
        let parameters = parameters(self.parameters);
        let mut bound = Arguments { source, name: self.name, given: Vec::new(), call };
        let mut rest: Vec<Item> = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            let parameter = self.parameter(source, &parameters, position, argument)?;
            let item = evaluation.item(&argument.value)?;
            let span = argument.value.span;
            if parameter.takes == Takes::Rest && argument.keyword.is_none() {
                rest.push(item);
                let together = bound.given.iter().find(|(name, ..)| *name == parameter.name);
                let span = together.map_or(span, |&(_, _, first)| first.to(span));
                bound.given.retain(|(name, ..)| *name != parameter.name);
                bound.given.push((parameter.name, gathered(&rest), span));
                continue;
            }
            if bound.given.iter().any(|(name, ..)| *name == parameter.name) {
                let span = argument.keyword.as_ref().map_or(span, |(_, span)| *span);
                return Err(source.error(span, format!("`{}` is given twice", parameter.name)));
            }
            bound.given.push((parameter.name, item, span));
        }
        bound.given.extend(self.of.clone().map(|(name, expr)| (name, Item::Lazy(expr), call)));
        match parameters.iter().find(|parameter| parameter.required && !bound.has(parameter.name)) {
            Some(missing) => Err(self.missing(source, missing, &parameters, call)),
            None => Ok(bound),
        }
    }

    fn parameter(
        &self,
        source: &Source,
        parameters: &[Parameter],
        position: usize,
        argument: &syntax::Argument,
    ) -> Result<Parameter> {
        let function = self.name;
        let by_position = |parameter: &&Parameter| parameter.takes != Takes::ByKeyword;
        let Some((keyword, span)) = &argument.keyword else {
            let positional: Vec<&Parameter> = parameters.iter().filter(by_position).collect();
            let last = positional.last().filter(|last| last.takes == Takes::Rest);
            return positional.get(position).or(last).map(|&&parameter| parameter).ok_or_else(|| {
                let names: Vec<&str> = positional.iter().map(|parameter| parameter.name).collect();
                let error = source.error(argument.value.span, format!("`{function}` has too many arguments"));
                error.hint(if names.is_empty() {
                    "it takes none without a keyword".to_owned()
                } else {
                    format!("by position it takes {}", names.join(", "))
                })
            });
        };
        let named = |parameter: &&Parameter| parameter.name == keyword && parameter.takes != Takes::Rest;
        parameters.iter().find(named).copied().ok_or_else(|| {
            let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
            let error = source.error(*span, format!("`{function}` has no argument `{keyword}`"));
            match nearest(keyword, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None if known.is_empty() => error.hint("it takes no arguments"),
                None => error.hint(format!("it takes {}", known.join(", "))),
            }
        })
    }

    fn missing(&self, source: &Source, missing: &Parameter, all: &[Parameter], call: Span) -> Error {
        let array = ["a", "x"].contains(&missing.name) && all.first() == Some(missing);
        let what = if array { "an array" } else { &format!("`{}`", missing.name) };
        let error = source.error(call, format!("`{}` needs {what}", self.name));
        error.hint(format!("write {}({})", self.name, self.parameters))
    }
}

/// `x.reshape(2, 3)` and `x.reshape((2, 3))` are the same.
fn gathered(rest: &[Item]) -> Item {
    match rest {
        [only @ (Item::Tuple(_) | Item::List(_) | Item::None)] => only.clone(),
        _ => Item::Tuple(rest.iter().cloned().collect()),
    }
}

impl Arguments<'_> {
    /// A mistake in this call as a whole.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        self.source.error(self.call, what)
    }

    /// A mistake in what the function makes of its arguments.
    pub(super) fn located<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.source.locate(self.call, error))
    }

    /// Adds the place of an argument, or of the whole call where it is not given.
    pub(super) fn locate(&self, parameter: &str, error: Error) -> Error {
        self.source.locate(self.get(parameter).map_or(self.call, |(_, span)| span), error)
    }

    fn has(&self, parameter: &str) -> bool {
        self.given.iter().any(|(name, ..)| *name == parameter)
    }

    /// The argument of a parameter; Python's `None` counts as not given.
    pub(super) fn get(&self, parameter: &str) -> Option<(&Item, Span)> {
        let (_, item, span) = self.given.iter().find(|(name, ..)| *name == parameter)?;
        (!matches!(item, Item::None)).then_some((item, *span))
    }

    /// Whether None is given where it means something of its own.
    pub(super) fn is_none(&self, parameter: &str) -> bool {
        self.given.iter().any(|(name, item, _)| *name == parameter && matches!(item, Item::None))
    }

    /// The argument of a parameter that cannot be None.
    pub(super) fn required(&self, parameter: &str) -> Result<(&Item, Span)> {
        self.get(parameter).ok_or_else(|| self.error(format!("`{}` needs `{parameter}`", self.name)))
    }

    /// Refuses every value but the default.
    pub(super) fn refuse(&self, parameter: &str, hint: &str) -> Result<()> {
        match self.get(parameter) {
            None | Some((Item::Bool(false), _)) => Ok(()),
            Some((_, span)) => {
                let what = format!("`{}` cannot do with `{parameter}`", self.name);
                Err(self.source.error(span, what).hint(hint))
            }
        }
    }

    /// Refuses `out=`, which NumPy's functions have.
    pub(super) fn refuse_out(&self) -> Result<()> {
        self.refuse("out", "leave it out: results are always new")
    }

    pub(super) fn mismatch(&self, parameter: &str, wanted: &str, item: &Item, span: Span) -> Error {
        let what = match item {
            Item::Integer(_) | Item::Float(_) | Item::Seed(_) => format!("`{parameter}` is not {wanted}"),
            _ => format!("`{parameter}` is {}, not {wanted}", item.what()),
        };
        self.source.error(span, what)
    }
}
