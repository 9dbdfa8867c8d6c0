//! Command lines for `sbatch` and `scancel`, as vectors of arguments and as the text a person types.
//!
//! The resources of a job script are repeated on the command line: an `SBATCH_` variable of the user or the
//! site silently beats a script, and nothing beats the command line.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use crate::slurm::JobIdentity;
use crate::slurm::specification::{JobSpecification, MemoryOption};

/// The arguments of `sbatch` for one submission: an array with those indices, or a plain job.
pub fn sbatch_arguments(
    specification: &JobSpecification,
    array: Option<Range<u32>>,
    script: &Path,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--parsable", "--no-requeue", "--propagate=NONE", "--open-mode=append", "--nodes=1", "--ntasks=1"]
            .map(OsString::from)
            .to_vec();
    let mut option = |name: &str, value: &str| arguments.push(format!("--{name}={value}").into());
    option("job-name", &specification.name);
    if let Some(range) = &array {
        option("array", &array_indices(range));
    }
    option("cpus-per-task", &specification.cores.to_string());
    match specification.memory_option {
        MemoryOption::Mem => option("mem", &specification.memory.to_string()),
        MemoryOption::MemPerCpu => option("mem-per-cpu", &specification.memory_per_cpu()),
        MemoryOption::None => {}
    }
    option("time", &specification.walltime.to_string());
    for (name, value) in [
        ("partition", &specification.partition),
        ("account", &specification.account),
        ("qos", &specification.qos),
        ("constraint", &specification.constraint),
        ("reservation", &specification.reservation),
    ] {
        if let Some(value) = value {
            option(name, value);
        }
    }
    if let Some(seconds) = specification.deadline_seconds {
        option("deadline", &format!("now+{seconds}seconds"));
    }
    option("output", &specification.log_pattern(array.is_some()));
    arguments.push(script.into());
    arguments
}

/// `0-3`, or `0` for a single element.
pub(crate) fn array_indices(range: &Range<u32>) -> String {
    let last = range.end.saturating_sub(1).max(range.start);
    if last == range.start { last.to_string() } else { format!("{}-{last}", range.start) }
}

/// `scancel` for jobs by id; `None` where there are none.
pub(crate) fn scancel_by_ids(identities: &[JobIdentity]) -> Option<Vec<OsString>> {
    if identities.is_empty() {
        return None;
    }
    let ids = identities.iter().map(|identity| OsString::from(identity.to_string()));
    // --quiet: a job that has just ended is no failure.
    Some(std::iter::once(OsString::from("--quiet")).chain(ids).collect())
}

/// `scancel` for the user's jobs of one name: it also finds a job whose id was never learnt.
pub(crate) fn scancel_by_name(name: &str, user: &str) -> Vec<OsString> {
    ["--quiet".to_owned(), format!("--user={user}"), format!("--name={name}")].map(OsString::from).to_vec()
}

/// `scancel` for the user's jobs of one name that have not started yet.
pub(crate) fn scancel_pending(name: &str, user: &str) -> Vec<OsString> {
    let mut arguments = scancel_by_name(name, user);
    arguments.push("--state=PENDING".into());
    arguments
}

/// The line a person types to cancel the same: by name if there is one, else by ids.
pub fn scancel_line(identities: &[JobIdentity], name: Option<&str>) -> String {
    let mut words = vec!["scancel".to_owned()];
    match name {
        Some(name) => words.extend(["--me".to_owned(), format!("--name={name}")]),
        None => words.extend(identities.iter().map(JobIdentity::to_string)),
    }
    words
        .iter()
        .map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), |quoted| quoted.into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}
