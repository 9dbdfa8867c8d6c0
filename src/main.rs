//! The `squall` program: everything is in the library, so that users' programs can be workers too.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::cli::main()
}
