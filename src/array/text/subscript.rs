//! Subscripts: `x[1:10:2, ::-1, None, ..., -1]` of arrays, and those of tuples.

use crate::array::expr::Expr;
use crate::array::make::Index;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::item::{Item, Items};
use crate::array::text::place::Span;
use crate::array::text::syntax::Syntax;
use crate::error::{Error, Result};

impl Evaluation<'_> {
    pub(super) fn subscript(&mut self, of: &Item, place: Span, index: &Syntax) -> Result<Item> {
        let span = index.span;
        let index = self.item(index)?;
        match of {
            Item::Lazy(expr) => {
                let indices: Result<Vec<Index>> = match &index {
                    Item::Tuple(indices) => indices.iter().map(|index| index_of(&index)).collect(),
                    one => index_of(one).map(|index| vec![index]),
                };
                indices
                    .and_then(|indices| Expr::slice(expr, &indices))
                    .map(Item::from)
                    .map_err(|error| self.source.locate(span, error))
            }
            Item::Tuple(items) | Item::List(items) => {
                part(of, items, &index).map_err(|error| self.source.locate(span, error))
            }
            _ => Err(self.source.error(place, format!("{} has no elements to index", of.what()))),
        }
    }

    /// `start:stop:step`
    pub(super) fn slice(&mut self, bounds: &[Option<Box<Syntax>>; 3]) -> Result<Item> {
        let mut known = [None; 3];
        for (known, bound) in known.iter_mut().zip(bounds) {
            let Some(bound) = bound else { continue };
            *known = match self.item(bound)? {
                Item::None => None,
                Item::Integer(value) => Some(value),
                item => return Err(self.source.locate(bound.span, not_whole("the bound of a slice", &item))),
            };
        }
        Ok(Item::Slice(known))
    }
}

fn index_of(item: &Item) -> Result<Index> {
    match item {
        Item::Integer(place) => Ok(Index::At(*place)),
        Item::Slice([start, stop, step]) => Ok(Index::Slice { start: *start, stop: *stop, step: *step }),
        Item::None => Ok(Index::NewAxis),
        Item::Ellipsis => Ok(Index::Ellipsis),
        Item::Lazy(expr) if !expr.is_number() => Err(Error::refused("an array cannot be an index")
            .hint("reduce what remains: where(x > 0, x, 0).sum(), or nanmean(where(x > 0, x, nan))")),
        Item::List(_) => Err(Error::refused("a list cannot be an index")
            .hint("take slices with steps, and join them with concatenate")),
        item => Err(not_whole("an index", item)),
    }
}

fn not_whole(what: &str, item: &Item) -> Error {
    let error = match item {
        Item::Float(_) | Item::Seed(_) => Error::refused(format!("{what} is not a whole number")),
        _ => Error::refused(format!("{what} is {}, not a whole number", item.what())),
    };
    match item {
        Item::Float(_) => error.hint("// divides whole numbers, and int(...) makes them of floats"),
        Item::Lazy(_) => error.hint("shapes are fixed before anything is computed"),
        _ => error,
    }
}

/// One item of a tuple, or several.
fn part(of: &Item, items: &Items, index: &Item) -> Result<Item> {
    let count = items.len() as i128;
    match index {
        Item::Integer(place) => {
            let counted = if *place < 0 { place + count } else { *place };
            let item = usize::try_from(counted).ok().and_then(|place| items.get(place));
            item.ok_or_else(|| Error::refused(format!("{} of {count} items has no such one", of.what())))
        }
        Item::Slice([start, stop, step]) => {
            let step = step.unwrap_or(1);
            if step == 0 {
                return Err(Error::refused("a slice with a step of 0"));
            }
            let (first, end) = if step > 0 { (0, count) } else { (count - 1, -1) };
            let within = |bound: i128| {
                let bound = if bound < 0 { bound + count } else { bound };
                if step > 0 { bound.clamp(0, count) } else { bound.clamp(-1, count - 1) }
            };
            let (mut place, stop) = (start.map_or(first, within), stop.map_or(end, within));
            let mut taken = Vec::new();
            while (step > 0 && place < stop) || (step < 0 && place > stop) {
                taken.extend(usize::try_from(place).ok().and_then(|place| items.get(place)));
                place = place.saturating_add(step);
            }
            let taken = taken.into_iter().collect();
            Ok(if matches!(of, Item::List(_)) { Item::List(taken) } else { Item::Tuple(taken) })
        }
        item => Err(not_whole("an index of a tuple", item)),
    }
}
