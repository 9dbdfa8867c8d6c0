//! Runs the cases one after the other on a testbed, which the first brings up: those that need accounting on one that has
//! it, and all others on one without. Between them everything is repaired, and what a case left behind fails it.
//! However the process ends, SIGKILL aside, the testbeds go too.
#![expect(clippy::print_stderr, reason = "a test harness talks to whoever runs it")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::sync::OnceLock;
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::signal::unix::{SignalKind, signal};

use crate::support::{Kind, PATH, Testbed, down};

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

static PLAIN: OnceLock<Result<Testbed, String>> = OnceLock::new();
static ACCOUNTING: OnceLock<Result<Testbed, String>> = OnceLock::new();

/// The whole of `main`.
pub(crate) fn run(modules: &[(Kind, &[Case])]) -> ExitCode {
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
    let cases = modules.iter().flat_map(|(kind, cases)| cases.iter().map(|&case| (*kind, case)));
    let trials = cases.map(|(kind, case)| trial(kind, case).with_ignored_flag(!missing.is_empty())).collect();
    down_on_signals();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (kind, testbed) in [(Kind::Plain, &PLAIN), (Kind::Accounting, &ACCOUNTING)] {
        if testbed.get().is_some()
            && let Err(error) = down(kind)
        {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

fn missing_programs() -> Vec<&'static str> {
    let is_there =
        |program: &&str| PATH.split(':').any(|directory| Path::new(directory).join(program).exists());
    let slurm = ["munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel"];
    let accounting = ["slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr", "sacct"];
    slurm.into_iter().chain(accounting).filter(|program| !is_there(program)).collect()
}

fn trial(kind: Kind, (name, case): Case) -> Trial {
    let short_name = name.split_once("::").map_or(name, |(_, rest)| rest);
    Trial::test(short_name, move || {
        let testbed = match kind {
            Kind::Plain => PLAIN.get_or_init(|| Testbed::up(kind)),
            Kind::Accounting => ACCOUNTING.get_or_init(|| Testbed::up(kind)),
        };
        let testbed = testbed.as_ref()?;
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
        for kind in [Kind::Plain, Kind::Accounting] {
            if let Err(error) = down(kind) {
                eprintln!("{error}");
            }
        }
        exit(130);
    });
}
