//! Runs the cases one after the other on one testbed, which the first brings up. Between them everything is
//! repaired, and what a case left behind fails it. However the process ends, SIGKILL aside, the testbed goes
//! too.
#![expect(clippy::print_stderr, reason = "a test harness talks to whoever runs it")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::sync::OnceLock;
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::signal::unix::{SignalKind, signal};

use crate::support::{PATH, Testbed, down};

/// A case: its name and what it does with the testbed.
pub(crate) type Case = (&'static str, fn(&'static Testbed));

/// The cases of a module, by the names of its functions.
macro_rules! cases {
    ($($function:ident),+ $(,)?) => {
        pub(crate) const CASES: &[$crate::support::harness::Case] =
            &[$((concat!(module_path!(), "::", stringify!($function)), $function)),+];
    };
}
pub(crate) use cases;

static TESTBED: OnceLock<Result<Testbed, String>> = OnceLock::new();

/// The whole of `main`.
pub(crate) fn run(modules: &[&[Case]]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let missing = missing_programs();
    if !missing.is_empty() && !arguments.list {
        eprintln!("LEFT OUT: the tests on a real Slurm, since {} is not installed here", missing.join(", "));
        if std::env::var_os("SQUALL_TEST_REQUIRE").is_some() {
            eprintln!("SQUALL_TEST_REQUIRE is set: that is a failure");
            return ExitCode::FAILURE;
        }
    }
    let cases = modules.iter().flat_map(|module| module.iter());
    let trials = cases.map(|&case| trial(case).with_ignored_flag(!missing.is_empty())).collect();
    down_on_signals();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if TESTBED.get().is_some()
        && let Err(error) = down()
    {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn missing_programs() -> Vec<&'static str> {
    let is_there =
        |program: &&str| PATH.split(':').any(|directory| Path::new(directory).join(program).exists());
    let needed = ["munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel"];
    needed.into_iter().filter(|program| !is_there(program)).collect()
}

fn trial((name, case): Case) -> Trial {
    let short_name = name.split_once("::").map_or(name, |(_, rest)| rest);
    Trial::test(short_name, move || {
        let testbed = TESTBED.get_or_init(Testbed::up).as_ref()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| case(testbed)));
        let left = catch_unwind(AssertUnwindSafe(|| testbed.repair())).map_err(words)?;
        outcome.map_err(words)?;
        if left.is_empty() { Ok(()) } else { Err(Failed::from(format!("left behind:\n{}", left.join("\n")))) }
    })
}

fn words(panic: Box<dyn Any + Send>) -> Failed {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Failed::from(text.unwrap_or_else(|| "it panicked without words".to_owned()))
}

/// INT, TERM and HUP end the testbed before they end the process.
fn down_on_signals() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    thread::spawn(move || {
        runtime.block_on(async {
            let [mut int, mut term, mut hup] =
                [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
                    .map(|kind| signal(kind).expect("these signals can be caught"));
            tokio::select! { _ = int.recv() => {}, _ = term.recv() => {}, _ = hup.recv() => {} }
        });
        eprintln!("interrupted: ending the testbed");
        if let Err(error) = down() {
            eprintln!("{error}");
        }
        exit(130);
    });
}
