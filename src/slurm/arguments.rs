//! Command lines for `sbatch` and `scancel`, as vectors of arguments and as the text a person types.
//!
//! The resources of a job script are repeated on the command line: an `SBATCH_` variable of the user or the
//! site silently beats a script, and nothing beats the command line.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::slurm::specification::{JobSpecification, MemoryOption};
use crate::slurm::{JobId, JobIdentity};

/// The arguments of `sbatch` for one submission: an array with those indices, or a plain job.
pub fn sbatch_arguments(
    specification: &JobSpecification,
    array: Option<Range<u32>>,
    script: &Path,
) -> Vec<OsString> {
    let requeue = if specification.is_requeued() { "--requeue" } else { "--no-requeue" };
    let mut arguments: Vec<OsString> =
        ["--parsable", requeue, "--propagate=NONE", "--open-mode=append", "--nodes=1", "--ntasks=1"]
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

/// The arguments of `sbatch` for a job that starts when another one has ended, however it ended.
pub fn janitor_arguments(specification: &JobSpecification, after: JobId, script: &Path) -> Vec<OsString> {
    let mut arguments = sbatch_arguments(specification, None, script);
    arguments.insert(arguments.len() - 1, format!("--dependency=afterany:{after}").into());
    arguments
}

/// The script of such a job: it cancels the user's jobs of one name that have not started.
/// `places` are the clusters on which they may be, the one that the script runs on first.
pub fn janitor_script(name: &str, places: &[Option<String>]) -> Result<String> {
    let mut script =
        "#!/bin/bash\n# The driver has ended: the workers that it still waited for are not needed.\n"
            .to_owned();
    for (left, place) in places.iter().enumerate().rev() {
        let arguments = on(place.as_deref(), scancel_pending(name, &user()));
        let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        let quoted = shlex::try_join(words.iter().map(|word| &**word))
            .map_err(|error| Error::refused(format!("invalid job name `{name}`")).cause(error.to_string()))?;
        script.push_str(&format!("{}scancel {quoted}\n", if left == 0 { "exec " } else { "" }));
    }
    Ok(script)
}

/// The same arguments for another cluster than the commands' own.
pub(crate) fn on(cluster: Option<&str>, mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let Some(cluster) = cluster {
        arguments.insert(0, format!("--clusters={cluster}").into());
    }
    arguments
}

/// This user as Slurm's options take it: a number needs no look-up in a directory that may be down.
pub(crate) fn user() -> String {
    nix::unistd::getuid().to_string()
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

/// The line a person types to cancel the same on a cluster: by name if there is one, else by ids.
pub(crate) fn scancel_line(identities: &[JobIdentity], name: Option<&str>, cluster: Option<&str>) -> String {
    let mut words = vec!["scancel".to_owned()];
    words.extend(cluster.iter().flat_map(|cluster| ["--clusters".to_owned(), (*cluster).to_owned()]));
    match name {
        Some(name) => words.extend(["--me", "--name", name].map(String::from)),
        None => words.extend(identities.iter().map(JobIdentity::to_string)),
    }
    words
        .iter()
        .map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), |quoted| quoted.into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::specification::tests::example;

    fn shown(specification: &JobSpecification, array: Option<Range<u32>>) -> String {
        let arguments = sbatch_arguments(specification, array, Path::new("/home/a/.squall/r1/job.sh"));
        arguments.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn array_is_asked_for_with_all_its_resources() {
        insta::assert_snapshot!(shown(&example(), Some(0..4)), @"
        --parsable
        --no-requeue
        --propagate=NONE
        --open-mode=append
        --nodes=1
        --ntasks=1
        --job-name=squall-a
        --array=0-3
        --cpus-per-task=1
        --mem=2G
        --time=00:05:00
        --output=/home/a/.squall/r1/logs/%x-%A_%a.out
        /home/a/.squall/r1/job.sh
        ");
    }

    #[test]
    fn plain_job_names_everything_that_was_set() {
        let specification = JobSpecification {
            cores: 3,
            memory_option: MemoryOption::MemPerCpu,
            partition: Some("short".into()),
            account: Some("def-a".into()),
            qos: Some("high".into()),
            constraint: Some("[rack1|rack2]".into()),
            reservation: Some("course".into()),
            deadline_seconds: Some(75),
            ..example()
        };
        insta::assert_snapshot!(shown(&specification, None), @"
        --parsable
        --no-requeue
        --propagate=NONE
        --open-mode=append
        --nodes=1
        --ntasks=1
        --job-name=squall-a
        --cpus-per-task=3
        --mem-per-cpu=683M
        --time=00:05:00
        --partition=short
        --account=def-a
        --qos=high
        --constraint=[rack1|rack2]
        --reservation=course
        --deadline=now+75seconds
        --output=/home/a/.squall/r1/logs/%x-%j.out
        /home/a/.squall/r1/job.sh
        ");
    }

    #[test]
    fn memory_may_be_left_to_the_site() {
        let specification = JobSpecification { memory_option: MemoryOption::None, ..example() };
        assert!(!shown(&specification, None).contains("mem"));
    }

    #[test]
    fn memory_per_cpu_is_never_less_in_total() {
        let specification = JobSpecification { cores: 3, memory: "1000M".parse().unwrap(), ..example() };
        assert_eq!(specification.memory_per_cpu(), "334M");
    }

    #[test]
    fn indices_of_a_part_of_the_workers_are_a_range_or_one_number() {
        assert_eq!(array_indices(&(0..50)), "0-49");
        assert_eq!(array_indices(&(7..8)), "7");
    }

    #[test]
    fn cancelling_is_typed_by_name_or_by_ids() {
        let element = JobIdentity { job_id: JobId(57), array_index: Some(3) };
        assert_eq!(scancel_line(&[element, JobId(60).into()], None, None), "scancel 57_3 60");
        assert_eq!(scancel_line(&[element], Some("squall-a"), None), "scancel --me --name squall-a");
        assert_eq!(scancel_line(&[], Some("a b"), Some("c")), "scancel --clusters c --me --name 'a b'");
    }
}
