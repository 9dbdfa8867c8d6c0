//! Another size for a random array, where it is written: the text says afterwards what is computed. Tests are in
//! `tests/resize.rs`.

use std::collections::BTreeSet;

use crate::array::stored::Files;
use crate::array::text::{Definitions, Size, evaluated, read};
use crate::error::Result;

/// The definitions with another size for the random arrays of a stream. A size that is written as the name of a line
/// is changed in that line, for what else it stands for.
pub fn resize(definitions: &Definitions, files: &dyn Files, stream: &str, size: u64) -> Result<Definitions> {
    let lines = read(definitions)?;
    let sizes = evaluated(&lines, files)?.sizes;
    let text = |line: usize| lines[line].source.text.as_str();
    let named = |written: &str| lines.iter().position(|line| line.source.name == written.trim());
    let mut places = BTreeSet::new();
    for Size { line, span, .. } in sizes.iter().filter(|size| size.stream == stream) {
        let mut place = (*line, span.start, span.end);
        // No line names itself, directly or not.
        while let Some(line) = named(&text(place.0)[place.1..place.2]) {
            place = (line, 0, text(line).len());
        }
        places.insert(place);
    }
    let mut texts: Vec<String> = lines.iter().map(|line| line.source.text.clone()).collect();
    // From the end on, so that places before stay what they are.
    for (line, start, end) in places.into_iter().rev() {
        texts[line].replace_range(start..end, &size.to_string());
    }
    let mut resized = definitions.clone();
    let all = resized.arrays.iter_mut().chain(&mut resized.results);
    all.zip(texts).for_each(|((_, text), new)| *text = new);
    Ok(resized)
}
