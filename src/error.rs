//! What a user is told when something fails: what failed, why, and what to change.
//!
//! One plain value for the whole crate. It knows no other room; each room says in its own words what
//! failed, and `cli` alone turns the kind into an exit code. Distinctions that only the program needs
//! (a handshake that may be retried, a lease that is dead) stay as types of the room that makes them.

use std::borrow::Cow;
use std::fmt;

/// The result of everything that can fail in front of a user.
pub type Result<T> = std::result::Result<T, Error>;

/// Who has to act, and therefore the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself cannot be carried out as it stands: a key, a unit, an expression, a size.
    Refused,
    /// Slurm refused, or could not be asked.
    Slurm,
    /// Workers failed to come, or were lost beyond what a run can bear.
    Workers,
    /// The machine refused: a file, a directory, a port.
    System,
    /// A signal asked for the end; the number is the signal's.
    Interrupted(i32),
    /// A defect of squall.
    Internal,
}

/// A failure as it is shown: `error:`, `cause:`, `hint:`.
///
/// ```
/// use squall::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Refused, "invalid memory `2Q`")
///     .cause("unknown unit `Q`")
///     .hint("write memory as Slurm does: 512M, 2G");
/// assert_eq!(
///     error.to_string(),
///     "error: invalid memory `2Q`\ncause: unknown unit `Q`\nhint: write memory as Slurm does: 512M, 2G"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Error {
    /// A failure described by a lower-case fragment without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error { kind, what: what.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Shorthand for [`ErrorKind::Refused`].
    pub fn refused(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Refused, what)
    }

    /// Shorthand for [`ErrorKind::System`], with the operating system's words as the cause.
    pub fn system(what: impl Into<String>, cause: &std::io::Error) -> Self {
        Error::new(ErrorKind::System, what).cause(cause.to_string())
    }

    /// Adds why it failed, outermost first. May span lines; Slurm's words go in verbatim.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds what to change and where.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Who has to act.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What failed, without causes and hints.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Why, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        labelled(f, "error", &self.what)?;
        for cause in &self.causes {
            f.write_str("\n")?;
            labelled(f, "cause", cause)?;
        }
        for hint in &self.hints {
            f.write_str("\n")?;
            labelled(f, "hint", hint)?;
        }
        Ok(())
    }
}

/// As it is shown: `main` of a user's program prints the error it returns in this form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// What a mistyped `word` was most likely meant to be: the candidate the fewest typing mistakes away, swaps of
/// neighbours among them, if that is at most a quarter of its letters.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &'a str| {
        let mistakes = strsim::osa_distance(word, candidate);
        let letters = word.chars().count().max(candidate.chars().count());
        (mistakes <= (letters / 4).max(1) && mistakes < candidate.chars().count())
            .then_some((mistakes, candidate))
    };
    candidates
        .into_iter()
        .filter_map(near)
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, candidate)| candidate)
}

/// Text that can do nothing to the terminal on which it is shown: characters that steer one, or turn the direction of
/// writing, are written out. Whoever wrote it may be a stranger: a job's log, a worker, a wrapper of Slurm's commands.
pub fn printable(text: &str) -> Cow<'_, str> {
    let steers = |character: char| {
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (character.is_control() && !matches!(character, '\n' | '\t')) || turns
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if steers(character) { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

/// Writes `label: text`, further lines indented below the text's first.
fn labelled(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    write!(f, "{label}: ")?;
    for (index, line) in text.trim_end().lines().map(printable).enumerate() {
        if index > 0 {
            write!(f, "\n{:width$}", "", width = label.len() + 2)?;
        }
        f.write_str(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_cannot_steer_a_terminal() {
        let hostile = "\u{1b}]0;title\u{7}\u{1b}[2Jall is well\u{202e}\u{9b}31m\r\nnext\tline";
        let error = Error::new(ErrorKind::System, hostile).cause(hostile).hint(hostile);
        let shown = format!("{error}{error:?}");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r']), "{shown}");
        assert!(shown.contains("\\u{1b}[2Jall is well\\u{202e}"), "{shown}");
        assert!(matches!(printable("two\nlines\tå"), Cow::Borrowed(_)));
    }

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(nearest("nromal", ["uniform", "normal"]), Some("normal"));
    }

    #[test]
    fn nothing_is_suggested_for_a_word_like_no_other() {
        assert_eq!(nearest("poisson", ["uniform", "normal"]), None);
        assert_eq!(nearest("y", ["x"]), None);
    }
}
