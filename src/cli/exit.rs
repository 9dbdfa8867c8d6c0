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
  4    workers did not come, or too many were lost
  5    the machine refused: a file, a directory, a port
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

/// Shows a failure and gives its exit code.
#[expect(clippy::print_stderr, reason = "this is where failures are shown")]
pub(super) fn failed(error: &Error) -> u8 {
    eprintln!("{error}");
    code(error.kind())
}

/// What clap makes of the arguments: help and version are no failures.
pub(super) fn of_arguments(error: &clap::Error) -> u8 {
    if error.use_stderr() {
        let rendered = error.render().to_string();
        let (what, rest) = rendered.trim_end().split_once("\n\n").unwrap_or((rendered.trim_end(), ""));
        let what = what.strip_prefix("error: ").unwrap_or(what);
        let error = Error::refused(what);
        return failed(&if rest.is_empty() { error } else { error.hint(rest) });
    }
    // A closed pipe is no failure of ours.
    let _ = error.print();
    0
}

/// Writes data to standard output. A reader that has gone away is no failure: it has what it wanted.
pub(super) fn print(text: &str) -> crate::error::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::system("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}
