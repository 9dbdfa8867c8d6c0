//! The order in which lines can be evaluated: each after those that it names.

use std::collections::BTreeMap;

use crate::array::text::Line;
use crate::error::Result;

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Waiting,
    Open,
    Done,
}

/// Indices of lines, every line after the lines it refers to; refuses a circle.
///
/// With a stack of its own instead of recursion: a run file may chain any number of lines.
pub(super) fn order(lines: &[Line]) -> Result<Vec<usize>> {
    let index: BTreeMap<&str, usize> =
        lines.iter().enumerate().map(|(index, line)| (line.source.name.as_str(), index)).collect();
    let mut visits = vec![Visit::Waiting; lines.len()];
    let mut order = Vec::with_capacity(lines.len());
    for first in 0..lines.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if visits[first] == Visit::Waiting {
            visits[first] = Visit::Open;
            path.push((first, 0));
        }
        while let Some((line, next)) = path.pop() {
            let Some((name, span)) = lines[line].names.get(next) else {
                visits[line] = Visit::Done;
                order.push(line);
                continue;
            };
            path.push((line, next + 1));
            let Some(&named) = index.get(name.as_str()) else { continue };
            match visits[named] {
                Visit::Done => {}
                Visit::Waiting => {
                    visits[named] = Visit::Open;
                    path.push((named, 0));
                }
                Visit::Open => {
                    let circle = circle(lines, &path, named);
                    let error = lines[line].source.error(*span, format!("`{name}` is defined by itself"));
                    return Err(error.cause(circle));
                }
            }
        }
    }
    Ok(order)
}

fn circle(lines: &[Line], path: &[(usize, usize)], named: usize) -> String {
    let names = path.iter().map(|&(line, _)| line).skip_while(|&line| line != named).chain([named]);
    names.map(|line| format!("`{}`", lines[line].source.name)).collect::<Vec<_>>().join(" needs ")
}
