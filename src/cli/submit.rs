//! `squall submit`: the driver itself as a small Slurm job, the right way for long runs and from login nodes.

use crate::cli::exit::{print, say};
use crate::cli::flags::SettingsFlags;
use crate::cli::run::{plan_of, program};
use crate::cli::runtime;
use crate::cluster::{Limits, estimate, foreseen, job_specification, job_specifications, template};
use crate::error::{Error, Result};
use crate::run::{Owner, RunDirectory, RunId, Submission};
use crate::slurm::{
    Commands, JobCommand, JobIdentity, JobSpecification, MemoryOption, SiteLimits, render, sbatch_arguments,
};
use crate::units::{Memory, Walltime};
use clap::Args;
use std::collections::BTreeSet;

/// What most drivers need, with room for Slurm's own processes in the job.
const DRIVER_MEMORY: u64 = 256 << 20;
/// That room, where a driver needs more.
const ROOM: u64 = 128 << 20;
/// How much longer than its workers a driver may live, in minutes: it waits for them in the queue.
const QUEUE_MINUTES: u64 = 60;

#[derive(Debug, Args)]
pub(super) struct SubmitArguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// Time limit of the driver's own job; without it, an hour more than the workers'
    #[arg(long, value_name = "TIME")]
    driver_walltime: Option<Walltime>,
}

pub(super) fn submit(arguments: &SubmitArguments) -> Result<()> {
    let settings = arguments.settings.resolve()?;
    // A mistake is told here, and not by a job that starts tomorrow.
    let plan = plan_of(&settings, settings.seed.unwrap_or(0))?;
    let settings = foreseen(&settings, &plan)?;
    let limits = Limits::of(&settings);
    limits.fit_worker(&plan)?;
    let needed = limits.bounds(&plan).driver;
    let runtime = runtime()?;
    let run = RunDirectory::create(&settings.run.directory, RunId::generate())?;
    // The driver takes the run over when it starts, which may be before `sbatch` has answered.
    run.write_owner(&Owner::this(None))?;
    let kept = run.keep_program(&program(&settings)?)?;
    let (started, name) = (settings.started_workers(), run.id().job_name(0));
    let workers = job_specifications(&settings, started, &name, run.path(), &kept)?;
    // The driver itself is of no pool.
    let mut of_driver = job_specification(&settings, name, run.path(), &kept)?;
    of_driver.walltime = longest(&workers);
    let mut specification = specification(arguments, &run, of_driver, &limits, needed)?;
    let site = runtime.block_on(Commands::new().limits());
    check(&site, &workers, &mut specification, arguments.driver_walltime.is_none())?;
    estimate(&settings).iter().for_each(|line| say(line));
    let script = run.write_script(0, &render(&template(&settings)?, &specification)?)?;
    let command = sbatch_arguments(&specification, None, &script);
    let mut record = Submission::planned(0, specification.name.clone(), 0);
    let words = command.iter().map(|argument| argument.to_string_lossy().into_owned());
    record.arguments = std::iter::once("sbatch".to_owned()).chain(words).collect();
    run.write_submission(&record)?;
    let submitted = runtime.block_on(Commands::new().submit(&command, notice)).map_err(Error::from)?;
    record.job = Some(submitted.job_id.0);
    record.cluster.clone_from(&submitted.cluster);
    record.stdout.clone_from(&submitted.stdout);
    record.stderr.clone_from(&submitted.stderr);
    run.write_submission(&record)?;
    let log = specification.log_file(JobIdentity::from(submitted.job_id));
    print(&format!(
        "submitted the driver of run {} as job {}: {}, {} (--driver-walltime)\n\
         its log, with the results: {}\n",
        run.id(),
        submitted.job_id,
        specification.memory,
        specification.walltime,
        log.display()
    ))
}

fn notice(line: &str) {
    say(line);
}

/// Refuses a driver, or workers of it, that could never start. Where nothing is said of the driver's time limit it is
/// no longer than its partition allows.
fn check(
    site: &SiteLimits,
    workers: &[JobSpecification],
    driver: &mut JobSpecification,
    shorten: bool,
) -> Result<()> {
    let mut known = BTreeSet::new();
    for workers in workers {
        let notices = site.check(workers)?.notices;
        notices.into_iter().filter(|line| known.insert(line.clone())).for_each(|line| say(&line));
    }
    if shorten {
        // What the partition gives is said of a job that it takes in any case.
        let shortest = JobSpecification { walltime: "1".parse()?, ..driver.clone() };
        let given = site.check(&shortest)?.longest;
        driver.walltime = driver.walltime.min(given.max(longest(workers)));
    }
    let of_driver = site.check(driver)?.notices;
    of_driver
        .iter()
        .filter(|line| !known.contains(*line))
        .for_each(|line| say(&format!("the driver: {line}")));
    Ok(())
}

/// The longest time limit of workers, of which there are some.
fn longest(workers: &[JobSpecification]) -> Walltime {
    workers.iter().map(|workers| workers.walltime).max().expect("there is a pool at the least")
}

fn specification(
    arguments: &SubmitArguments,
    run: &RunDirectory,
    workers: JobSpecification,
    limits: &Limits,
    needed: u64,
) -> Result<JobSpecification> {
    let mut words = vec!["run".to_owned()];
    match (&arguments.settings.file, &arguments.settings.expression) {
        (Some(file), _) => words.push(file.to_string_lossy().into_owned()),
        (None, Some(expression)) => words.extend(["-e".to_owned(), expression.clone()]),
        (None, None) => {}
    }
    words.extend(arguments.settings.overrides.words());
    words.extend(["--into".to_owned(), run.path().to_string_lossy().into_owned()]);
    let longer = workers
        .walltime
        .seconds()
        .map_or(Ok(Walltime::UNLIMITED), |seconds| (seconds / 60 + QUEUE_MINUTES).to_string().parse());
    let memory = Memory::from_bytes(DRIVER_MEMORY.max((needed + ROOM).next_multiple_of(1 << 20)));
    let walltime = arguments.driver_walltime.map_or(longer, Ok)?;
    let mut comments: Vec<String> =
        workers.comments.iter().map(|comment| format!("workers: {comment}")).collect();
    let needed = Memory::from_bytes(needed.next_multiple_of(1 << 20));
    comments.push(format!("memory {memory}: {needed} for the driver, and room for Slurm's own processes"));
    Ok(JobSpecification {
        workers: 1,
        // One drives, and the others compute.
        cores: limits.beside.saturating_add(1),
        memory,
        comments,
        memory_option: if workers.memory_option == MemoryOption::None {
            MemoryOption::None
        } else {
            MemoryOption::Mem
        },
        walltime,
        command: JobCommand::Driver { arguments: words },
        ..workers
    })
}
