//! The arguments of a call, matched with the parameters of the function by Python's rules.

use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::Item;
use crate::array::text::place::{Source, Span};
use crate::array::text::syntax;
use crate::error::{Error, Result, nearest};

/// Parameters of a function: those that may be given by position, in order, then those by keyword alone.
pub(super) struct Signature {
    pub(super) function: &'static str,
    pub(super) positional: &'static [&'static str],
    pub(super) keyword: &'static [&'static str],
}

/// The arguments of one call, by parameter.
pub(super) struct Arguments<'a> {
    source: &'a Source,
    given: Vec<(&'static str, Item, Span)>,
    /// The whole call.
    pub(super) call: Span,
}

impl Signature {
    /// Evaluates the arguments in the order of the text and gives each to its parameter.
    pub(super) fn bind<'a>(
        &self,
        evaluation: &mut Evaluation<'a>,
        arguments: &[syntax::Argument],
        call: Span,
    ) -> Result<Arguments<'a>> {
        let mut bound = Arguments { source: evaluation.source, given: Vec::new(), call };
        for (position, argument) in arguments.iter().enumerate() {
            let parameter = self.parameter(evaluation.source, position, argument)?;
            let item = evaluation.item(&argument.value)?;
            if bound.given.iter().any(|(name, ..)| *name == parameter) {
                let span = argument.keyword.as_ref().map_or(argument.value.span, |(_, span)| *span);
                return Err(evaluation.source.error(span, format!("`{parameter}` is given twice")));
            }
            bound.given.push((parameter, item, argument.value.span));
        }
        Ok(bound)
    }

    fn parameter(
        &self,
        source: &Source,
        position: usize,
        argument: &syntax::Argument,
    ) -> Result<&'static str> {
        let function = self.function;
        let Some((keyword, span)) = &argument.keyword else {
            return self.positional.get(position).copied().ok_or_else(|| {
                source
                    .error(argument.value.span, format!("`{function}` has too many arguments"))
                    .hint(format!("by position it takes {}", self.positional.join(", ")))
            });
        };
        let mut known = self.positional.iter().chain(self.keyword).copied();
        known.clone().find(|known| known == keyword).ok_or_else(|| {
            let error = source.error(*span, format!("`{function}` has no argument `{keyword}`"));
            match nearest(keyword, known.clone()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("it takes {}", known.by_ref().collect::<Vec<_>>().join(", "))),
            }
        })
    }
}

impl Arguments<'_> {
    /// A mistake in this call as a whole.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        self.source.error(self.call, what)
    }

    /// The argument of a parameter; Python's `None` counts as not given.
    pub(super) fn get(&self, parameter: &str) -> Option<(&Item, Span)> {
        let (_, item, span) = self.given.iter().find(|(name, ..)| *name == parameter)?;
        (!matches!(item, Item::None)).then_some((item, *span))
    }

    /// Refuses values other than the defaults `None` and `False` of parameters that are not built yet.
    pub(super) fn refuse(&self, parameters: &[&str], hint: &str) -> Result<()> {
        for &parameter in parameters {
            if let Some((item, span)) = self.get(parameter)
                && !matches!(item, Item::Bool(false))
            {
                let error = self.source.error(span, format!("`{parameter}` is not supported yet"));
                return Err(error.hint(hint));
            }
        }
        Ok(())
    }

    /// A number known now.
    pub(super) fn float(&self, parameter: &'static str, default: f64) -> Result<f64> {
        let Some((item, span)) = self.get(parameter) else { return Ok(default) };
        item.float().ok_or_else(|| self.mismatch(parameter, "a plain number", item, span))
    }

    /// A whole number that is not negative.
    pub(super) fn natural(&self, parameter: &'static str, default: u64) -> Result<u64> {
        let Some((item, span)) = self.get(parameter) else { return Ok(default) };
        let whole = item.whole().and_then(|whole| u64::try_from(whole).ok());
        whole.ok_or_else(|| self.mismatch(parameter, "a whole number that is not negative", item, span))
    }

    pub(super) fn text(&self, parameter: &'static str) -> Result<Option<String>> {
        match self.get(parameter) {
            None => Ok(None),
            Some((Item::Text(text), _)) => Ok(Some(text.clone())),
            Some((item, span)) => Err(self.mismatch(parameter, "a text in quotes", item, span)),
        }
    }

    /// Adds the place of an argument, or of the whole call where it is not given.
    pub(super) fn locate(&self, parameter: &str, error: Error) -> Error {
        self.source.locate(self.get(parameter).map_or(self.call, |(_, span)| span), error)
    }

    pub(super) fn mismatch(&self, parameter: &str, wanted: &str, item: &Item, span: Span) -> Error {
        let what = match item {
            Item::Integer(_) | Item::Float(_) | Item::Seed(_) => format!("`{parameter}` is not {wanted}"),
            _ => format!("`{parameter}` is {}, not {wanted}", item.what()),
        };
        self.source.error(span, what)
    }
}
