//! Expression text to [`Expr`]: the NumPy and dask.array subset of Python's expressions.
//!
//! Lines may refer to each other in any order. Whatever is wrong is shown with the expression and a caret
//! under the place. Reading is `lexer` and `syntax`; `table` holds every name, and the rest is meaning.

mod arguments;
mod evaluate;
mod files;
mod functions;
mod hints;
mod item;
mod lexer;
mod order;
mod place;
mod plain;
mod resize;
mod subscript;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use crate::array::expr::Expr;
use crate::array::stored::Files;
use crate::error::{Error, Result, nearest};
use evaluate::Evaluation;
use files::Opened;
use item::Item;
use place::{Source, Span};
pub use resize::resize;
use syntax::Syntax;

/// The named expression texts of a run file. Their order never matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Names for other lines: arrays, numbers, generators.
    pub arrays: Vec<(String, String)>,
    /// What is to be computed.
    pub results: Vec<(String, String)>,
    /// What is to be saved: the name of an array or result, and the path of its file.
    pub saves: Vec<(String, String)>,
}

/// What the definitions ask for.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The results by name, arrays and numbers.
    pub results: Vec<(String, Expr)>,
    /// What is to be saved, by path.
    pub saves: Vec<(String, Expr)>,
}

/// A line that has been read but not yet understood.
struct Line {
    source: Source,
    syntax: Syntax,
    names: Vec<(String, Span)>,
}

/// The results and what is saved, all lazy. Lines that nothing needs are checked as well.
pub fn parse(definitions: &Definitions, files: &dyn Files) -> Result<Parsed> {
    let lines = read(definitions)?;
    let Evaluated { items, .. } = evaluated(&lines, files)?;
    let results = lines[definitions.arrays.len()..].iter();
    let results = results.map(|line| Ok((line.source.name.clone(), value(line, &items, "result `{}`")?)));
    let results = results.collect::<Result<_>>()?;
    Ok(Parsed { results, saves: saves(definitions, &lines, &items)? })
}

/// What all lines stand for.
struct Evaluated {
    items: BTreeMap<String, Item>,
    /// Where the sizes of random arrays are written.
    sizes: Vec<Size>,
}

/// The size of a random array as it is written.
struct Size {
    /// The number of the line.
    line: usize,
    /// Its place there.
    span: Span,
    /// The array's stream.
    stream: String,
}

fn evaluated(lines: &[Line], files: &dyn Files) -> Result<Evaluated> {
    let files = Opened::new(files);
    let mut evaluated = Evaluated { items: BTreeMap::new(), sizes: Vec::new() };
    for index in order::order(lines)? {
        let line = &lines[index];
        let mut evaluation = Evaluation::new(&line.source, &evaluated.items, lines, &files);
        let item = evaluation.item(&line.syntax)?;
        let sizes = std::mem::take(&mut evaluation.sizes).into_iter();
        evaluated.sizes.extend(sizes.map(|(stream, span)| Size { line: index, span, stream }));
        evaluated.items.insert(line.source.name.clone(), item);
    }
    Ok(evaluated)
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
    if item::builtin(name).is_some() || syntax::KEYWORDS.contains(&name) {
        return Err(Error::refused(format!("`{name}` cannot be a name"))
            .cause(format!("`{name}` means something of its own in every expression"))
            .hint("rename the line"));
    }
    Ok(())
}

/// The value of a line that is asked for, an array or a number. The `role` says by whom, with `{}` for the
/// name.
fn value(line: &Line, items: &BTreeMap<String, Item>, role: &str) -> Result<Expr> {
    let item = items.get(&line.source.name);
    if let Some(expr) = item.and_then(Item::expr) {
        return Ok(expr);
    }
    let role = role.replace("{}", &line.source.name);
    let what = format!("{role} is {}, not an array or a number", item.map_or("nothing", Item::what));
    let error = line.source.error(line.syntax.span, what);
    Err(match item {
        Some(Item::Tuple(_) | Item::List(_)) => {
            error.hint("take one part of it, the first with [0], or give each part a line of its own")
        }
        Some(Item::Function(..) | Item::Method(..)) => error.hint("call it: write () after it"),
        _ => error,
    })
}

fn saves(
    definitions: &Definitions,
    lines: &[Line],
    items: &BTreeMap<String, Item>,
) -> Result<Vec<(String, Expr)>> {
    let mut saves: Vec<(String, Expr)> = Vec::new();
    for (name, path) in &definitions.saves {
        let Some(line) = lines.iter().find(|line| line.source.name == *name) else {
            let error = Error::refused(format!("[save] names `{name}`, which is no array or result"));
            return Err(match nearest(name, lines.iter().map(|line| line.source.name.as_str())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("names are defined in [arrays] and [results]"),
            });
        };
        if path.is_empty() {
            return Err(Error::refused(format!("[save] gives `{name}` no path"))
                .hint(format!("write the name of a file: {name} = \"{name}.npy\"")));
        }
        if saves.iter().any(|(other, _)| other == path) {
            return Err(Error::refused(format!("two lines of [save] write to `{path}`"))
                .hint("give each a file of its own"));
        }
        saves.push((path.clone(), value(line, items, "`{}`, which [save] names,")?));
    }
    Ok(saves)
}
