//! `squall script`: what would be submitted, exactly, and how. Nothing is written or submitted.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::cli::run::{plan_of, program};
use crate::cluster::{fitted, job_specification, template};
use crate::error::{Error, Result};
use crate::run::RunId;
use crate::settings::Asked;
use crate::slurm::{render, sbatch_arguments};
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
        settings = if auto { fitted(&settings, &[&plan])? } else { settings };
    }
    // A run's id is drawn when it starts; the one here only shows where it will stand.
    let id = RunId::generate();
    let base = std::path::absolute(&settings.run.directory)
        .map_err(|error| Error::system("cannot find the run directory", &error))?;
    let directory = base.join(id.as_str());
    program(&settings)?;
    let specification = job_specification(&settings, id.job_name(0), &directory, &directory.join("squall"))?;
    let script = render(&template(&settings)?, &specification)?;
    let array = specification.is_array().then_some(0..specification.workers);
    let command = sbatch_arguments(&specification, array, &directory.join("job-0.sh"));
    print(&format!("{script}\n# submitted with:\n# {}\n", command_line("sbatch", &command)))
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
