//! Exit codes, and how failures are shown.

use crate::error::{Error, ErrorKind};
use std::io::Write;

/// What `--help` says of them.
pub(super) const HELP: &str = "\
Exit codes:
  0    done
  1    a defect of squall
  2    refused before anything started: a key, a unit, an expression, a size, a flag
  3    Slurm refused, or could not be asked
  4    workers did not come, too many were lost, or the driver's own walltime is near
  5    the machine or the data refused: a file or its elements, a directory, a port
  129, 130, 143    ended by HUP, INT, TERM";

fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => 1,
        ErrorKind::Refused => 2,
        ErrorKind::Slurm => 3,
        ErrorKind::Workers => 4,
        ErrorKind::System => 5,
        ErrorKind::Interrupted(signal) => 128 + signal as u8,
    }
}

/// Says something to the user. Where standard error is closed or full nobody reads it, and that is no failure.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Shows a failure and gives its exit code.
pub(super) fn failed(error: &Error) -> u8 {
    say(&error.to_string());
    code(error.kind())
}

/// What clap makes of the arguments: help and version are no failures.
pub(super) fn of_arguments(error: &clap::Error) -> u8 {
    let asked_for = !error.use_stderr();
    if asked_for || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A closed pipe is no failure of ours.
        let _ = error.print();
        return if asked_for { 0 } else { code(ErrorKind::Refused) };
    }
    failed(&refusal(&error.render().to_string()))
}

/// Clap's words in our form. Its first paragraph is the failure, with what belongs to it on further lines.
fn refusal(rendered: &str) -> Error {
    let mut paragraphs = rendered.trim_end().split("\n\n");
    let mut failure = paragraphs.next().unwrap_or_default().lines().map(str::trim);
    let what = failure.next().unwrap_or_default();
    let mut error = Error::refused(what.strip_prefix("error: ").unwrap_or(what));
    for cause in failure {
        error = error.cause(cause.trim_matches(['[', ']']));
    }
    for tip in paragraphs.filter_map(|paragraph| paragraph.trim().strip_prefix("tip: ")) {
        // How to give what looks like a flag as a value: nobody meant that.
        if !tip.starts_with("to pass ") {
            error = error.hint(tip);
        }
    }
    error.hint("--help shows every command and flag")
}

/// Writes data to standard output. A reader that has gone away is no failure: it has what it wanted.
pub(super) fn print(text: &str) -> crate::error::Result<()> {
    print_by(|out| out.write_all(text.as_bytes()))
}

/// The same of data that is too large to be put together first.
pub(super) fn print_by(
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> crate::error::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::system("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}
