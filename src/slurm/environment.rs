//! The environment that Slurm gives and takes: where this process runs, and what its jobs may inherit.
//!
//! `sbatch` hands every `SLURM_` variable on, whatever `--export` says, so a driver inside a job would give its
//! workers its own job's memory, binding and array index. Only a scrubbed environment prevents that.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::slurm::{JobId, JobIdentity};
use crate::units::Memory;

/// How a user says where Slurm is; all other `SLURM_` variables describe the surrounding job.
const KEPT: &[&str] = &["SLURM_CONF", "SLURM_CLUSTERS"];

const DROPPED_PREFIXES: &[&str] = &[
    "SLURM_",
    "SLURMD_",
    "SRUN_",
    "PMI",
    "OMPI_",
    "SBATCH_MEM_BIND",
    "SBATCH_MEM_PER_",
    "SQUEUE_",
    "SACCT_",
    "SCANCEL_",
];

const DROPPED: &[&str] = &[
    "SBATCH_TIMELIMIT",
    "SBATCH_ARRAY_INX",
    "SBATCH_EXPORT",
    "SBATCH_WAIT",
    "SBATCH_REQUEUE",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OPEN_MODE",
    // Replaced below: Slurm's words are read by programs.
    "LC_ALL",
];

/// The environment for Slurm's commands, and so for the jobs that they submit.
///
/// What a user exports for `sbatch` on purpose (`SBATCH_ACCOUNT`, `SBATCH_PARTITION`) stays.
pub fn scrub(environment: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut kept: Vec<_> = environment.filter(|(name, _)| !is_dropped(name)).collect();
    kept.push(("LC_ALL".into(), "C".into()));
    kept
}

fn is_dropped(name: &OsStr) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|&known| name == known);
    let has_prefix = DROPPED_PREFIXES.iter().any(|prefix| name.as_bytes().starts_with(prefix.as_bytes()));
    is_one_of(DROPPED) || (has_prefix && !is_one_of(KEPT))
}

/// The Slurm job that this process runs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allocation {
    /// The job's id.
    pub job_id: JobId,
    /// The job's partition.
    pub partition: Option<String>,
    /// The array's id, in an element of one.
    pub array_job_id: Option<JobId>,
    /// The index in the array.
    pub array_index: Option<u32>,
    /// Whether `srun` started this process, as part of a step.
    pub step: bool,
    /// How many processes that `srun` started; 1 outside of a step.
    pub step_tasks: u32,
    /// Whether this process runs on one of the job's nodes; under `salloc` it sits on the login node.
    pub on_node: bool,
    /// CPUs that Slurm gives this process, known on a node alone.
    pub cpus: Option<u32>,
    /// CPUs of the node that the job is billed for, known there alone.
    pub cpus_on_node: Option<u32>,
    /// Memory that Slurm gives the job on this node, known there alone; none where it sets no limit.
    pub memory: Option<Memory>,
    /// When the job's time limit ends it, in seconds since 1970; Slurm tells since 23.02.
    pub end_time: Option<u64>,
    /// Slurm's name for the node.
    pub node_name: Option<String>,
}

impl Allocation {
    /// The allocation of this process.
    pub fn from_environment() -> Option<Allocation> {
        Allocation::from_lookup(|name| std::env::var(name).ok())
    }

    /// The allocation that an environment describes.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Option<Allocation> {
        let number = |name: &str| lookup(name).and_then(|text| text.trim().parse::<u64>().ok());
        let count = |name: &str| number(name).and_then(|number| u32::try_from(number).ok());
        let job_id = JobId(number("SLURM_JOB_ID").or_else(|| number("SLURM_JOBID"))?);
        let node_name = lookup("SLURMD_NODENAME").filter(|name| !name.is_empty());
        let step = lookup("SLURM_STEP_ID").is_some();
        let cpus = [count("SLURM_CPUS_PER_TASK"), count("SLURM_CPUS_ON_NODE")];
        let cpus = cpus.into_iter().flatten().filter(|&cpus| cpus > 0).min();
        Some(Allocation {
            job_id,
            partition: lookup("SLURM_JOB_PARTITION").filter(|name| !name.is_empty()),
            array_job_id: number("SLURM_ARRAY_JOB_ID").map(JobId),
            array_index: count("SLURM_ARRAY_TASK_ID"),
            step,
            step_tasks: if step { count("SLURM_STEP_NUM_TASKS").unwrap_or(1).max(1) } else { 1 },
            on_node: node_name.is_some(),
            cpus: cpus.filter(|_| node_name.is_some()),
            cpus_on_node: count("SLURM_CPUS_ON_NODE").filter(|_| node_name.is_some()),
            memory: memory(number).filter(|_| node_name.is_some()),
            end_time: number("SLURM_JOB_END_TIME"),
            node_name,
        })
    }

    /// What Slurm's queue calls this job.
    pub fn identity(&self) -> JobIdentity {
        match (self.array_job_id, self.array_index) {
            (Some(job_id), Some(index)) => JobIdentity { job_id, array_index: Some(index) },
            _ => self.job_id.into(),
        }
    }

    /// Whether `srun -n N` started this program N times: N drivers where one was meant.
    pub fn is_one_of_several(&self) -> bool {
        self.step_tasks > 1
    }
}

/// The job's memory on a node, in the form in which it was asked for; to Slurm, 0 is all that the node has.
fn memory(number: impl Fn(&str) -> Option<u64>) -> Option<Memory> {
    let of_cpus = || number("SLURM_MEM_PER_CPU")?.checked_mul(number("SLURM_CPUS_ON_NODE")?);
    let mebibytes = number("SLURM_MEM_PER_NODE").or_else(of_cpus).filter(|&mebibytes| mebibytes > 0)?;
    mebibytes.checked_mul(1 << 20).map(Memory::from_bytes)
}

/// Whether this process shares a login node with others: Slurm is at hand, and none of its nodes is ours.
pub fn on_login_node(allocation: Option<&Allocation>) -> bool {
    !allocation.is_some_and(|allocation| allocation.on_node) && in_path("sbatch").is_some()
}

/// Where a program is, by PATH.
pub fn in_path(program: &str) -> Option<PathBuf> {
    find_program(program, &std::env::var_os("PATH")?)
}

/// Where a program is, by a given PATH.
pub(crate) fn find_program(program: &str, path: &OsStr) -> Option<PathBuf> {
    let executable = |candidate: &PathBuf| {
        candidate.is_file() && nix::unistd::access(candidate, nix::unistd::AccessFlags::X_OK).is_ok()
    };
    std::env::split_paths(path).map(|directory| directory.join(program)).find(executable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn names_after_scrub(names: &[&str]) -> Vec<String> {
        let environment = names.iter().map(|&name| (OsString::from(name), OsString::from("x")));
        scrub(environment).into_iter().map(|(name, _)| name.into_string().unwrap()).collect()
    }

    #[test]
    fn nothing_of_the_surrounding_job_reaches_the_next() {
        let leaks = [
            "SLURM_JOB_ID",
            "SLURM_MEM_PER_NODE",
            "SLURM_CPU_BIND",
            "SLURM_ARRAY_TASK_ID",
            "SLURM_STEP_ID",
            "SLURM_RLIMIT_NOFILE",
            "SLURM_UMASK",
            "SLURM_EXIT_ERROR",
            "SLURM_TIME_FORMAT",
            "SLURM_BITSTR_LEN",
            "SLURM_STEPMGR",
            "SLURM_CONF_SERVER",
            "SLURMD_NODENAME",
            "SRUN_CPUS_PER_TASK",
            "PMI_RANK",
            "PMIX_SERVER_URI",
            "OMPI_COMM_WORLD_SIZE",
            "SBATCH_MEM_BIND_TYPE",
            "SBATCH_MEM_PER_NODE",
            "SBATCH_TIMELIMIT",
            "SBATCH_ARRAY_INX",
            "SBATCH_EXPORT",
            "SBATCH_WAIT",
            "SBATCH_REQUEUE",
            "SBATCH_NO_REQUEUE",
            "SBATCH_OPEN_MODE",
            "SQUEUE_FORMAT",
            "SACCT_FORMAT",
            "SCANCEL_STATE",
        ];
        assert_eq!(names_after_scrub(&leaks), ["LC_ALL"]);
    }

    #[test]
    fn what_users_set_on_purpose_stays() {
        let kept = [
            "PATH",
            "HOME",
            "SLURM_CONF",
            "SLURM_CLUSTERS",
            "SBATCH_ACCOUNT",
            "SBATCH_PARTITION",
            "SLURMISH",
        ];
        assert_eq!(names_after_scrub(&kept)[..kept.len()], kept);
    }

    #[test]
    fn locale_is_set_once_for_reading() {
        let environment = [("LC_ALL", "de_DE.UTF-8"), ("LANG", "de_DE.UTF-8")];
        let scrubbed = scrub(environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(scrubbed, [("LANG".into(), "de_DE.UTF-8".into()), ("LC_ALL".into(), "C".into())]);
    }

    fn allocation(variables: &[(&str, &str)]) -> Option<Allocation> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Allocation::from_lookup(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn shell_outside_of_slurm_has_no_allocation() {
        assert_eq!(allocation(&[("SLURM_CONF", "/etc/slurm/slurm.conf")]), None);
        assert_eq!(allocation(&[("SLURM_JOB_ID", "not a number")]), None);
    }

    #[test]
    fn single_srun_on_a_node_is_one_driver() {
        let allocation = allocation(&[
            ("SLURM_JOB_ID", "57"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_STEP_NUM_TASKS", "1"),
            ("SLURMD_NODENAME", "node-1"),
            ("SLURM_CPUS_ON_NODE", "2"),
            ("SLURM_CPUS_PER_TASK", "1"),
            ("SLURM_JOB_END_TIME", "1700000000"),
            ("SLURM_MEM_PER_NODE", "256"),
        ])
        .unwrap();
        assert!(allocation.step && allocation.on_node && !allocation.is_one_of_several());
        assert_eq!((allocation.cpus, allocation.end_time), (Some(1), Some(1_700_000_000)));
        assert_eq!(allocation.memory, Some(Memory::from_bytes(256 << 20)));
        assert_eq!(allocation.identity().to_string(), "57");
    }

    #[test]
    fn memory_is_told_in_the_form_in_which_it_was_asked_for() {
        let memory = |variables: &[(&str, &str)]| {
            let job = [("SLURM_JOB_ID", "57"), ("SLURMD_NODENAME", "node-1"), ("SLURM_CPUS_ON_NODE", "4")];
            allocation(&[variables, &job].concat()).unwrap().memory.map(|memory| memory.bytes() >> 20)
        };
        assert_eq!(memory(&[("SLURM_MEM_PER_NODE", "300")]), Some(300));
        assert_eq!(memory(&[("SLURM_MEM_PER_CPU", "100")]), Some(400));
        assert_eq!(memory(&[("SLURM_MEM_PER_NODE", "0")]), None);
        assert_eq!(memory(&[]), None);
    }

    #[test]
    fn srun_with_several_tasks_starts_several_drivers_and_a_batch_script_one() {
        let step = [("SLURM_JOB_ID", "57"), ("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "4")];
        assert!(allocation(&step).unwrap().is_one_of_several());
        let batch = [("SLURM_JOB_ID", "57"), ("SLURM_NTASKS", "4"), ("SLURMD_NODENAME", "node-1")];
        let batch = allocation(&batch).unwrap();
        assert!(!batch.is_one_of_several() && !batch.step);
    }

    #[test]
    fn shell_of_salloc_is_in_a_job_but_on_the_login_node() {
        let salloc = allocation(&[("SLURM_JOB_ID", "57"), ("SLURM_CPUS_ON_NODE", "8")]).unwrap();
        assert!(!salloc.on_node);
        assert_eq!(salloc.cpus, None);
    }

    #[test]
    fn element_of_an_array_is_known_by_array_and_index() {
        let element = [("SLURM_JOB_ID", "60"), ("SLURM_ARRAY_JOB_ID", "57"), ("SLURM_ARRAY_TASK_ID", "3")];
        assert_eq!(allocation(&element).unwrap().identity().to_string(), "57_3");
    }

    #[test]
    fn programs_are_found_in_the_first_directory_that_has_them_executable() {
        let path = OsStr::new("/nonexistent:/bin:/usr/bin");
        assert_eq!(find_program("sh", path), Some("/bin/sh".into()));
        assert_eq!(find_program("no-such-program", path), None);
    }
}
