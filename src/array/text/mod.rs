//! Expression text to [`Expr`]: the NumPy and dask.array subset of Python's expressions.
//!
//! Lines may refer to each other in any order. Whatever is wrong is shown with the expression and a caret
//! under the place. Reading is `lexer` and `syntax`; meaning is `evaluate`, `functions` and `arguments`.

mod arguments;
mod evaluate;
mod functions;
mod item;
mod lexer;
mod order;
mod place;
mod syntax;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::array::expr::Expr;
use crate::error::{Error, Result};
use evaluate::Evaluation;
use item::Item;
use place::{Source, Span};
use syntax::Syntax;

/// The named expression texts of a run file. Their order never matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Names for other lines: arrays, numbers, generators.
    pub arrays: Vec<(String, String)>,
    /// What is to be computed.
    pub results: Vec<(String, String)>,
}

/// A line that has been read but not yet understood.
struct Line {
    source: Source,
    syntax: Syntax,
    names: Vec<(String, Span)>,
}

/// The results by name, each a lazy number. Lines that no result needs are checked as well.
pub fn parse(definitions: &Definitions) -> Result<Vec<(String, Expr)>> {
    let lines = read(definitions)?;
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for index in order::order(&lines)? {
        let line = &lines[index];
        let item = Evaluation::new(&line.source, &items, &lines).item(&line.syntax)?;
        items.insert(line.source.name.clone(), item);
    }
    lines[definitions.arrays.len()..].iter().map(|line| result(line, &items)).collect()
}

fn read(definitions: &Definitions) -> Result<Vec<Line>> {
    let mut lines: Vec<Line> = Vec::new();
    for (index, (name, text)) in definitions.arrays.iter().chain(&definitions.results).enumerate() {
        check_name(name, index < definitions.arrays.len())?;
        if lines.iter().any(|line| line.source.name == *name) {
            return Err(Error::refused(format!("`{name}` is defined twice"))
                .hint("arrays and results share their names: rename one of the lines"));
        }
        let source = Source { name: name.clone(), text: text.clone() };
        let (syntax, names) = syntax::read(&source)?;
        lines.push(Line { source, syntax, names });
    }
    Ok(lines)
}

/// An array's name is used in expressions; a result's may be any key that TOML writes without quotes.
fn check_name(name: &str, array: bool) -> Result<()> {
    let letters = |c: char| c.is_alphanumeric() || c == '_' || (c == '-' && !array);
    if name.is_empty() || !name.chars().all(letters) || (array && name.starts_with(|c: char| c.is_numeric()))
    {
        return Err(Error::refused(format!("`{name}` cannot be a name"))
            .hint("a name is made of letters, digits and `_`, and does not begin with a digit"));
    }
    if item::builtin(name).is_some() {
        return Err(Error::refused(format!("`{name}` cannot be a name"))
            .cause(format!("`{name}` means something of its own in every expression"))
            .hint("rename the line"));
    }
    Ok(())
}

fn result(line: &Line, items: &BTreeMap<String, Item>) -> Result<(String, Expr)> {
    let Source { name, .. } = &line.source;
    let span = line.syntax.span;
    let expr = match items.get(name).and_then(Item::expr) {
        Some(expr) => expr,
        None => return Err(line.source.error(span, format!("result `{name}` is not a number"))),
    };
    expr.check_result(name).map_err(|error| line.source.locate(span, error))?;
    Ok((name.clone(), expr))
}
