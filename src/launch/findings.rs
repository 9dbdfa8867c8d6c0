//! What a worker finds at its start: what it was asked for against what it may use, by its machine and by Slurm.

use crate::machine::Given;
use crate::protocol::Findings;
use crate::run::WorkerFacts;
use crate::slurm::Allocation;
use crate::units::Memory;
use std::fmt::Write as _;

/// Files that a worker may have to open at a time: its connection, and arrays in directories of files.
const OPEN_FILES: u64 = 128;
/// Slurm counts memory in whole ones of these.
const MEBIBYTE: u64 = 1 << 20;

/// Compares what was asked for with what there is.
pub(super) fn compare(asked: &WorkerFacts, job: Option<&Allocation>, given: &Given) -> Findings {
    let mut findings = Findings::default();
    if let Some(job) = job {
        findings.found.push(environment(job));
    }
    cpus(&mut findings, asked.cores, job, given);
    memory(&mut findings, asked.memory.map(Memory::from_bytes), job, given);
    limits(&mut findings, given);
    findings.found.extend(given.cpu.as_ref().map(|cpu| format!("the CPU is {cpu}")));
    findings
}

/// The job as its environment has it.
fn environment(job: &Allocation) -> String {
    let mut text = format!("the environment is that of job {}", job.identity());
    let places = [("partition", &job.partition), ("node", &job.node_name)];
    for (what, name) in places.iter().filter_map(|(what, name)| Some((what, name.as_ref()?))) {
        let _ = write!(text, ", {what} {name}");
    }
    text
}

/// A limit, and whose word it is.
type Limit<T> = Option<(T, &'static str)>;

/// The least of limits.
fn least<T: PartialOrd>(limits: impl IntoIterator<Item = Limit<T>>) -> Limit<T> {
    limits.into_iter().flatten().reduce(|least, limit| if limit.0 < least.0 { limit } else { least })
}

fn cpus(findings: &mut Findings, asked: u32, job: Option<&Allocation>, given: &Given) {
    let may = least([
        given.cpus.map(|cpus| (f64::from(cpus), "its affinity mask")),
        given.quota.map(|quota| (quota, "the quota of its control group")),
        job.and_then(|job| job.cpus).map(|cpus| (f64::from(cpus), "Slurm's environment")),
    ]);
    match may {
        Some((cpus, by)) if cpus < f64::from(asked) => {
            findings.warnings.push(format!("asked for {}, may use {} by {by}", counted(asked), shown(cpus)));
        }
        Some((cpus, by)) => {
            findings.found.push(format!("asked for {}, may use {} by {by}", counted(asked), shown(cpus)));
        }
        None => findings.found.push(format!("asked for {}, and no limit is told", counted(asked))),
    }
    let billed = job.and_then(|job| job.cpus_on_node).filter(|&billed| billed > asked);
    findings.warnings.extend(billed.map(|billed| {
        let figure = memory_of(job);
        format!("{} billed for {}{figure}", counted(billed), counted(asked))
    }));
}

/// The memory that a job has beside its CPUs, which may be what these are billed for.
fn memory_of(job: Option<&Allocation>) -> String {
    job.and_then(|job| job.memory).map_or(String::new(), |memory| format!(" and {memory}"))
}

fn memory(findings: &mut Findings, asked: Option<Memory>, job: Option<&Allocation>, given: &Given) {
    let may = least([
        given.memory.map(|memory| (memory.bytes(), "its control group")),
        job.and_then(|job| job.memory).map(|memory| (memory.bytes(), "Slurm's environment")),
        given.address_space.map(|memory| (memory.bytes(), "`ulimit -v`")),
    ]);
    let whole = |bytes: u64| Memory::from_bytes(bytes & !(MEBIBYTE - 1));
    let text = match (asked, may) {
        (Some(asked), Some((bytes, by))) => format!("asked for {asked}, may use {} by {by}", whole(bytes)),
        (Some(asked), None) => format!("asked for {asked}, and no limit of memory is told"),
        (None, Some((bytes, by))) => format!("may use {} of memory by {by}", whole(bytes)),
        (None, None) => "no limit of memory is told".to_owned(),
    };
    let less = asked.zip(may).is_some_and(|(asked, (bytes, _))| bytes + MEBIBYTE <= asked.bytes());
    if less { findings.warnings.push(text) } else { findings.found.push(text) }
}

fn limits(findings: &mut Findings, given: &Given) {
    let number = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let space = given.address_space.map_or("unlimited".to_owned(), |memory| memory.to_string());
    let (files, core) = (number(given.open_files), number(given.core_file));
    let text = format!("limits: {files} open files, address space {space}, core files {core}");
    findings.found.push(text);
    if let Some(files) = given.open_files.filter(|&files| files < OPEN_FILES) {
        findings.warnings.push(format!("may open {files} files (`ulimit -n`), and may need {OPEN_FILES}"));
    }
}

/// `1 CPU`, `3 CPUs`.
fn counted(cpus: u32) -> String {
    format!("{cpus} CPU{}", if cpus == 1 { "" } else { "s" })
}

/// A number of CPUs, of which a quota may be a part.
fn shown(cpus: f64) -> String {
    let text = format!("{cpus:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(cores: u32, mebibytes: Option<u64>) -> WorkerFacts {
        WorkerFacts {
            cores,
            death_timeout_seconds: 60,
            job_name: "sq-a-0".to_owned(),
            walltime_seconds: None,
            memory: mebibytes.map(|number| number << 20),
        }
    }

    fn job(variables: &[(&str, &str)]) -> Allocation {
        let fixed = [("SLURM_JOB_ID", "7"), ("SLURMD_NODENAME", "node-1")];
        let all: Vec<_> = fixed.iter().chain(variables).copied().collect();
        let lookup =
            |wanted: &str| all.iter().find(|(name, _)| *name == wanted).map(|(_, it)| (*it).to_owned());
        Allocation::from_lookup(lookup).expect("a job")
    }

    fn given(cpus: u32, quota: Option<f64>, mebibytes: Option<u64>) -> Given {
        let memory = mebibytes.map(|number| Memory::from_bytes(number << 20));
        Given { cpus: Some(cpus), quota, memory, open_files: Some(1024), ..Given::default() }
    }

    #[test]
    fn worker_that_was_given_what_it_asked_for_warns_of_nothing() {
        let job = job(&[("SLURM_CPUS_ON_NODE", "2"), ("SLURM_MEM_PER_NODE", "1000")]);
        let findings = compare(&asked(2, Some(1000)), Some(&job), &given(2, None, Some(1000)));
        assert_eq!(findings.warnings, [""; 0]);
        assert_eq!(findings.found[0], "the environment is that of job 7, node node-1");
        assert_eq!(findings.found[1], "asked for 2 CPUs, may use 2 by its affinity mask");
        assert_eq!(findings.found[2], "asked for 1000M, may use 1000M by its control group");
        assert!(findings.found[3].starts_with("limits: 1024 open files, address space unlimited"));
        assert_eq!(compare(&asked(1, None), None, &Given::default()).warnings, [""; 0]);
    }

    #[test]
    fn fewer_cpus_than_asked_for_are_told_with_whose_word_it_is() {
        let warnings = |cpus, quota| compare(&asked(8, None), None, &given(cpus, quota, None)).warnings;
        assert_eq!(warnings(2, None), ["asked for 8 CPUs, may use 2 by its affinity mask"]);
        assert_eq!(
            warnings(8, Some(1.5)),
            ["asked for 8 CPUs, may use 1.5 by the quota of its control group"]
        );
        assert_eq!(warnings(8, Some(8.0)), [""; 0]);
        let job = job(&[("SLURM_CPUS_PER_TASK", "1"), ("SLURM_CPUS_ON_NODE", "8")]);
        let warned = compare(&asked(8, None), Some(&job), &given(8, None, None)).warnings;
        assert_eq!(warned, ["asked for 8 CPUs, may use 1 by Slurm's environment"]);
    }

    #[test]
    fn less_memory_than_asked_for_and_more_cpus_than_asked_for_are_told() {
        let facts = asked(1, Some(1000));
        let warned = compare(&facts, None, &given(1, None, Some(500))).warnings;
        assert_eq!(warned, ["asked for 1000M, may use 500M by its control group"]);
        let space = Given { address_space: Some(Memory::from_bytes(256 << 20)), ..given(1, None, None) };
        assert_eq!(compare(&facts, None, &space).warnings, ["asked for 1000M, may use 256M by `ulimit -v`"]);
        let job = job(&[("SLURM_CPUS_ON_NODE", "2"), ("SLURM_MEM_PER_NODE", "1000")]);
        let warned = compare(&facts, Some(&job), &given(2, None, Some(1000))).warnings;
        assert_eq!(warned, ["2 CPUs billed for 1 CPU and 1000M"]);
        let files = Given { open_files: Some(64), ..given(1, None, None) };
        let warned = compare(&facts, None, &files).warnings;
        assert_eq!(warned, ["may open 64 files (`ulimit -n`), and may need 128"]);
    }
}
