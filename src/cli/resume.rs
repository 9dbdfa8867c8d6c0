//! `squall resume`: goes on with a run whose driver has ended, from its last checkpoint.

use crate::cli::flags::{Overrides, SettingsFlags};
use crate::cli::former::take_over;
use crate::cli::kept::{self, Kept};
use crate::cli::run::{Driving, Output, refuse_several_drivers};
use crate::error::{Error, ErrorKind, Result};
use crate::run::RunDirectory;
use crate::settings::{Settings, Sources};
use crate::slurm::Allocation;
use clap::Args;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    /// The run: its id, or the path of its directory
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    overrides: Overrides,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Print nothing but results and failures
    #[arg(long, short)]
    quiet: bool,
    /// Extend a finished run of one random array of one axis to N elements, of which only the new ones are computed
    #[arg(long, value_name = "N")]
    size: Option<Elements>,
    /// Go on although it cannot be seen from here whether the run's driver still lives
    #[arg(long)]
    force: bool,
}

pub(super) fn resume(arguments: &ResumeArguments, started: Instant) -> Result<()> {
    refuse_several_drivers(Allocation::from_environment().as_ref())?;
    let run = find(&arguments.run)?;
    refuse_others(&run)?;
    let owner =
        run.owner().map_err(|error| error.hint("without it nobody knows who drives the run, and where"))?;
    let _claim = run.claim(owner.nonce)?;
    // What has ended and left nothing behind is nobody's.
    if !run.is_ended() {
        take_over(&run, &owner, arguments.force, None)?;
    }
    // Relative paths of the run begin where it was begun.
    std::env::set_current_dir(&owner.directory).map_err(|error| {
        Error::system(
            format!("cannot go to `{}`, where the run was begun", owner.directory.display()),
            &error,
        )
    })?;
    let settings = arguments.overrides.resolve(Sources::from_process(Some(&run.settings_file())))?;
    let Some(content) = run.checkpoint() else { return Err(nothing_kept(arguments, &run, &settings)) };
    let seed = settings.seed;
    let kept = Kept::of(settings, &content).map_err(|error| with_seeds(error, &run, seed))?;
    let driving = Driving { output: arguments.output, quiet: arguments.quiet, started };
    match arguments.size {
        Some(Elements(size)) => driving.extend(&run, kept.extended(size)?),
        None => driving.go_on(&run, kept),
    }
}

/// Goes on with a run whose driver Slurm has started again as `job`: from its last checkpoint, or from the beginning.
pub(super) fn again(driving: &Driving, run: &RunDirectory, overrides: &Overrides, job: u64) -> Result<()> {
    let owner = run.owner()?;
    let _claim = run.claim(owner.nonce)?;
    take_over(run, &owner, false, Some(job))?;
    let settings = overrides.resolve(Sources::from_process(Some(&run.settings_file())))?;
    match run.checkpoint() {
        Some(content) => driving.go_on(run, Kept::of(settings, &content)?),
        None => driving.begin(settings, Some(run)),
    }
}

/// The refusal of a run without a checkpoint.
fn nothing_kept(arguments: &ResumeArguments, run: &RunDirectory, settings: &Settings) -> Error {
    let unfit = || arguments.size.and_then(|_| kept::check_extendable(settings).err());
    if run.keeps_checkpoints() {
        return Error::new(ErrorKind::System, format!("no checkpoint of run {} can be used", run.id()))
            .cause("those that are there are damaged, or cannot be read")
            .hint("compute it anew with `squall run`");
    }
    unfit().unwrap_or_else(|| {
        Error::refused(format!("run {} has no checkpoint to go on from", run.id()))
            .cause("its results were printed, or it ended before the first: in a second, or ten on threads, of work")
            .hint("compute it anew with `squall run`")
    })
}

/// Adds to the refusal of another plan that another seed was given, if one was.
fn with_seeds(error: Error, run: &RunDirectory, seed: Option<u128>) -> Error {
    let stored = Overrides::default().resolve(Sources::from_process(Some(&run.settings_file())));
    match (stored.ok().and_then(|stored| stored.seed), seed) {
        (Some(was), Some(is)) if was != is => error.cause(format!("the seed was {was:#x}, and is {is:#x}")),
        _ => error,
    }
}

/// Refuses a run directory of somebody else's: its settings name programs that would run as this user.
fn refuse_others(run: &RunDirectory) -> Result<()> {
    let owner = std::fs::metadata(run.path()).map(|directory| directory.uid());
    let owner = owner.map_err(|error| Error::system("cannot look at the run directory", &error))?;
    let user = nix::unistd::geteuid().as_raw();
    if owner == user {
        return Ok(());
    }
    Err(Error::refused(format!("`{}` is somebody else's", run.path().display()))
        .cause(format!("it belongs to user {owner}, and this is user {user}"))
        .hint("its settings name programs that would run as you: copy it if you trust them"))
}

/// A number of elements, as it may be written in an expression: 3e8, 300_000_000.
#[derive(Debug, Clone, Copy)]
struct Elements(u64);

impl FromStr for Elements {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Elements, String> {
        let digits = text.replace('_', "");
        let float = || digits.parse::<f64>().ok().filter(|size| size.fract() == 0.0 && *size < LARGEST);
        let whole = digits.parse().ok().or_else(|| float().map(|size| size as u64));
        whole.map(Elements).ok_or_else(|| "give a whole number, such as 3e8 or 300_000_017".to_owned())
    }
}

/// Floats are exact up to here.
const LARGEST: f64 = 9e15;

/// A run by its path, or by its id below the directory of runs.
pub(super) fn find(run: &str) -> Result<RunDirectory> {
    if Path::new(run).is_dir() {
        return RunDirectory::open(Path::new(run));
    }
    let base = SettingsFlags::default().resolve()?.run.directory;
    RunDirectory::open(&base.join(run)).map_err(|_| {
        Error::refused(format!("no run `{run}` here"))
            .hint(format!("runs are the directories in {}", base.display()))
    })
}
