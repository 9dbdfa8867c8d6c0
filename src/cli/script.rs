//! `squall script`: what would be submitted, exactly, and how. Nothing is written or submitted.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::cli::run::{plan_of, program};
use crate::cluster::{foreseen, job_specifications, template};
use crate::error::{Error, Result};
use crate::run::RunId;
use crate::settings::{Asked, Settings};
use crate::slurm::{JobSpecification, render, sbatch_arguments};
use clap::Args;
use std::ffi::OsString;

#[derive(Debug, Args)]
pub(super) struct ScriptArguments {
    #[command(flatten)]
    settings: SettingsFlags,
}

pub(super) fn script(arguments: &ScriptArguments) -> Result<()> {
    let mut settings = arguments.settings.resolve()?;
    let auto = settings.cluster.memory == Asked::Auto || settings.cluster.walltime == Asked::Auto;
    // A script can be shown of settings alone; what is to be computed has to be right.
    if auto || !(settings.results.is_empty() && settings.saves.is_empty()) {
        let plan = plan_of(&settings, settings.seed.unwrap_or(0))?;
        settings = foreseen(&settings, &plan)?;
    }
    let text = |shown: &Shown| {
        let of_pool = shown.specification.pool().map_or(String::new(), |pool| format!(", pool {pool}"));
        format!("{}\n# submitted with{of_pool}:\n# {}\n", shown.script, shown.command_line())
    };
    let shown = Shown::of(&settings)?;
    print(
        &shown
            .iter()
            .filter(|shown| shown.specification.workers > 0)
            .map(text)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// What would be submitted.
pub(super) struct Shown {
    pub(super) specification: JobSpecification,
    /// The job script.
    pub(super) script: String,
    /// The arguments of sbatch, the path of the script aside.
    pub(super) arguments: Vec<OsString>,
    path: OsString,
}

impl Shown {
    /// The first submission of a run with these settings, in each pool: of no workers where it is not needed at first.
    pub(super) fn of(settings: &Settings) -> Result<Vec<Shown>> {
        // A run's id is drawn when it starts; the one here only shows where it will stand.
        let id = RunId::generate();
        let base = std::path::absolute(&settings.run.directory)
            .map_err(|error| Error::system("cannot find the run directory", &error))?;
        let directory = base.join(id.as_str());
        program(settings)?;
        let (workers, name) = (settings.started_workers(), id.job_name(0));
        let program = directory.join("squall");
        let specifications = job_specifications(settings, workers, &name, &directory, &program)?;
        let template = template(settings)?;
        let shown = specifications.into_iter().zip(0..).map(|(specification, number)| {
            let asked = JobSpecification { workers: specification.workers.max(1), ..specification.clone() };
            let script = render(&template, &asked)?;
            let array = asked.is_array().then_some(0..asked.workers);
            let path = directory.join(format!("job-{number}.sh"));
            let mut arguments = sbatch_arguments(&asked, array, &path);
            let path = arguments.pop().expect("the script's path is the last");
            Ok(Shown { specification, script, arguments, path })
        });
        shown.collect()
    }

    /// The command line as one would type it.
    pub(super) fn command_line(&self) -> String {
        let arguments: Vec<OsString> = self.arguments.iter().chain([&self.path]).cloned().collect();
        command_line("sbatch", &arguments)
    }
}

/// A command line as one would type it.
pub(super) fn command_line(program: &str, arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|argument| argument.to_string_lossy());
    std::iter::once(program.to_owned()).chain(words.map(|word| quoted(&word))).collect::<Vec<_>>().join(" ")
}

/// A word for the shell; those that need no quotes are left as people write them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:,./%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), |quoted| quoted.into_owned())
}
