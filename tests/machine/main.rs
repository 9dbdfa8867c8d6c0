//! What happens to machines: links that are cut, slow or reset, in network namespaces of the tests' own; disks that are
//! full or hang; few descriptors. They need root with all its capabilities; elsewhere they are reported as ignored.

mod descriptors;
mod disk;
mod loss;
mod network;
mod space;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "the tests of the program use the rest of it")]
mod support;

use std::process::{Command, ExitCode, Stdio};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Trial};

use crate::support::Place;

/// So much that a fault comes in its middle on any machine.
const EXPRESSION: &str = "random.normal(0, 0.1, size=1e10).mean()";

/// What it is when nothing happens, computed once.
static UNDISTURBED: LazyLock<u64> = LazyLock::new(|| undisturbed(EXPRESSION));

fn undisturbed(expression: &str) -> u64 {
    Place::new().run(["run", "-e", expression, "--seed=1", "--cores=2"]).ok().bits()["result"]
}

/// A case, and the capabilities that it needs tried out.
type Case = (&'static str, fn(), fn() -> Result<(), String>);

/// The cases of a module, by the names of its functions.
macro_rules! cases {
    ($needs:expr; $($function:ident),+ $(,)?) => {
        pub(crate) const CASES: &[crate::Case] =
            &[$((concat!(module_path!(), "::", stringify!($function)), $function, $needs)),+];
    };
}
pub(crate) use cases;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share the CPUs, and measure time.
    arguments.test_threads = Some(1);
    let required = std::env::var_os("SQUALL_TEST_REQUIRE").is_some();
    let mut trials = Vec::new();
    for cases in [network::CASES, loss::CASES, disk::CASES, descriptors::CASES] {
        let (_, _, needs) = cases[0];
        let missing = if arguments.list { None } else { needs().err() };
        if let Some(missing) = &missing {
            report(&format!("LEFT OUT: {} and its like, since {missing}", cases[0].0));
            if required {
                report("SQUALL_TEST_REQUIRE is set: that is a failure");
                return ExitCode::FAILURE;
            }
        }
        trials.extend(cases.iter().map(|&(name, case, _)| {
            let short = name.split_once("::").map_or(name, |(_, rest)| rest);
            let run = move || {
                case();
                Ok(())
            };
            Trial::test(short, run).with_ignored_flag(missing.is_some())
        }));
    }
    space::remove_leftovers();
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[expect(clippy::print_stderr, reason = "a test harness talks to whoever runs it")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// Runs an administrator's command to its end.
fn command(words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{}: {error}", words.join(" ")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// The same, which has to go well.
fn run(words: &[&str]) -> String {
    command(words).unwrap_or_else(|error| panic!("{error}"))
}
