//! The command line: one file a command, and the one place where failures become exit codes.

mod config;
mod doctor;
mod dry_run;
mod exit;
mod flags;
mod former;
mod graph;
mod kept;
mod orphans;
mod queue;
mod reap;
mod replay;
mod resume;
mod run;
mod runs;
mod script;
mod show;
mod signals;
mod standing;
mod submit;
mod table;
mod worker;

use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokio::runtime::Runtime;

/// Chunked-array computing on Slurm: exact results, the same bits on any number of workers, no job left behind.
#[derive(Debug, Parser)]
#[command(name = "squall", version, after_long_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compute what a run file describes, or one expression
    Run(run::RunArguments),
    /// Print the exact job script and sbatch command; submit nothing
    Script(script::ScriptArguments),
    /// Try everything between here and a worker with one tiny job, and report each hop
    Doctor(doctor::DoctorArguments),
    /// Draw the task graph of what would be computed
    Graph(graph::GraphArguments),
    /// Print every resolved setting, as a file that could be given back
    Config(config::ConfigArguments),
    /// Submit the driver itself as a small Slurm job
    Submit(submit::SubmitArguments),
    /// Show this user's squall jobs, and what each worker does
    Queue(queue::QueueArguments),
    /// List the runs of this directory
    Runs(runs::RunsArguments),
    /// Show all that is known of one run: what was submitted, its workers, its logs, how it ended and how to go on
    Show(show::ShowArguments),
    /// Go on with a run whose driver has ended, from its last checkpoint, or extend one that is finished
    Resume(resume::ResumeArguments),
    /// Tell the scheduler again what it was told in a run, and print each decision with its reason
    Replay(replay::ReplayArguments),
    /// Cancel what dead drivers of this directory left behind
    Reap(reap::ReapArguments),
    /// Work for a run; job scripts call this
    #[command(hide = true)]
    Worker {
        /// The run directory.
        directory: PathBuf,
        /// The pool that it is one of, where the run has pools.
        pool: Option<String>,
        /// The compiled form of the kernels instead of the fastest: avx512, avx2 or portable
        #[arg(long)]
        kernel: Option<String>,
    },
}

impl Command {
    /// Whether it deals with what is left of runs itself, or shows it, or is none of a person's.
    fn ends_runs(&self) -> bool {
        match self {
            Command::Resume(_) | Command::Reap(_) | Command::Worker { .. } => true,
            // These say how each run stands.
            Command::Runs(_) | Command::Show(_) => true,
            Command::Run(arguments) => arguments.is_quiet(),
            _ => false,
        }
    }
}

/// The `squall` program.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(exit::of_arguments(&error)),
    };
    raise_open_files();
    if !arguments.command.ends_runs() {
        orphans::name();
    }
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments, started),
        Command::Script(arguments) => script::script(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments, started),
        Command::Graph(arguments) => graph::graph(&arguments),
        Command::Config(arguments) => config::config(&arguments),
        Command::Submit(arguments) => submit::submit(&arguments),
        Command::Queue(arguments) => queue::queue(&arguments),
        Command::Runs(arguments) => runs::runs(&arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Resume(arguments) => resume::resume(&arguments, started),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Reap(arguments) => reap::reap(&arguments),
        Command::Worker { directory, pool, kernel } => {
            return ExitCode::from(worker::worker(&directory, pool.as_deref(), kernel.as_deref(), started));
        }
    };
    ExitCode::from(result.map_or_else(|error| exit::failed(&error), |()| 0))
}

/// What commands wait in.
fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::system("cannot start", &error))
}

/// Takes as many descriptors as the system grants: the soft limit is for programs that cannot handle many. A driver
/// needs one for each worker.
fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it cannot be, the limit that is left is the one that counts.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Turns this process into a worker if it was started as one, and then never returns. To be called first in
/// `main` of a program whose clusters have workers outside of its own process.
pub fn init() {
    let started = Instant::now();
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(command), Some(directory)) = (arguments.next(), arguments.next()) {
        let directory = PathBuf::from(directory);
        let pool = arguments.next().map(|pool| pool.to_string_lossy().into_owned());
        if command == "worker"
            && arguments.next().is_none()
            && crate::run::RunDirectory::open(&directory).is_ok()
        {
            // On a thread of its own: `main` may be inside of a runtime already, as under `#[tokio::main]`, and
            // there no other one can be started.
            let worker =
                std::thread::spawn(move || worker::worker(&directory, pool.as_deref(), None, started));
            std::process::exit(worker.join().map_or(1, i32::from));
        }
    }
}
