//! A place in an expression's text, and the caret that points at it.

use crate::error::Error;

/// Text around the place is shown up to this many characters before and after it.
const SHOWN: usize = 70;

/// Bytes `start..end` of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of this one to the end of the other.
    pub(super) fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

/// A line of the run file: its name and its expression.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// A mistake in this text.
    pub(super) fn error(&self, span: Span, what: impl Into<String>) -> Error {
        self.locate(span, Error::refused(what))
    }

    /// Adds the place to an error that knows none.
    pub(super) fn locate(&self, span: Span, error: Error) -> Error {
        error.cause(self.caret(span))
    }

    /// The text of the place.
    pub(super) fn at(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    /// `name = text` with carets below the place; of a text of several lines, the one it begins in.
    pub(super) fn caret(&self, span: Span) -> String {
        let line_start = self.text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[span.start..].find('\n').map_or(self.text.len(), |end| span.start + end);
        // Lines may be megabytes long: no more of them is looked at than shown.
        let (before, after) = (&self.text[line_start..span.start], &self.text[span.start..line_end]);
        let place = self.text[span.start..span.end.clamp(span.start, line_end)].trim_end();

        let width = place.chars().take(SHOWN).count().max(1);
        let (near, far) = before.char_indices().rev().nth(SHOWN - 1).map_or((before, ""), |(at, _)| {
            let (far, near) = before.split_at(at);
            (near, far)
        });
        let lead = if far.is_empty() { "" } else { "..." };
        let tail = if after.trim_end().chars().nth(SHOWN).is_some() { "..." } else { "" };
        let shown_before: String = near.chars().map(plain).collect();
        let shown_after: String = after.trim_end().chars().take(SHOWN).map(plain).collect();
        let left = format!("{} = {lead}{shown_before}", self.name);
        format!(
            "{left}{shown_after}{tail}\n{:indent$}{}",
            "",
            "^".repeat(width),
            indent = left.chars().count()
        )
    }
}

/// Every character takes one column.
fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
