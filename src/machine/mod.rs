//! What the machine lets this process use: CPUs, their time, memory, files, and what its CPU can do.
//!
//! Everything is read from the files in which Linux tells it, below a root that tests make themselves. What was asked
//! for, and what Slurm says of it, is not known here.

mod control_group;

use crate::units::Memory;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use std::fs;
use std::path::Path;

/// Features of CPUs that decide how fast the kernels are.
const FEATURES: [&str; 4] = ["avx", "avx2", "fma", "avx512f"];

/// What this process may use. None is no limit, or one that is not told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// CPUs in its affinity mask.
    pub cpus: Option<u32>,
    /// The share of their time that its control groups let it have, in CPUs.
    pub quota: Option<f64>,
    /// What its control groups let it have.
    pub memory: Option<Memory>,
    /// What its address space may be (`ulimit -v`).
    pub address_space: Option<Memory>,
    /// Files it may have open (`ulimit -n`).
    pub open_files: Option<u64>,
    /// The largest core file, in bytes (`ulimit -c`).
    pub core_file: Option<u64>,
    /// The CPU's name and those of its features that matter.
    pub cpu: Option<String>,
}

impl Given {
    /// What this process may use.
    pub fn here() -> Given {
        // Where a limit cannot be asked for, none is known.
        let limit =
            |resource| getrlimit(resource).ok().map(|(soft, _)| soft).filter(|&it| it != RLIM_INFINITY);
        Given {
            address_space: limit(Resource::RLIMIT_AS).map(Memory::from_bytes),
            open_files: limit(Resource::RLIMIT_NOFILE),
            core_file: limit(Resource::RLIMIT_CORE),
            ..Given::below(Path::new("/"))
        }
    }

    /// What the files below a root say of this process.
    fn below(root: &Path) -> Given {
        let read = |path: &str| fs::read_to_string(root.join(path.trim_start_matches('/'))).ok();
        let groups = read("/proc/self/cgroup").unwrap_or_default();
        Given {
            cpus: read("/proc/self/status").and_then(|status| mask(&status)),
            quota: control_group::cpus(&groups, &read),
            memory: control_group::memory(&groups, &read),
            cpu: read("/proc/cpuinfo").and_then(|text| cpu(&text)),
            ..Given::default()
        }
    }
}

/// The memory that control groups let this process have, where they limit it.
pub fn memory() -> Option<Memory> {
    Given::below(Path::new("/")).memory
}

/// How many CPUs the mask of a `/proc/self/status` has: `0-3,8` are five.
fn mask(status: &str) -> Option<u32> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.trim().split(',').map(count).sum()
}

/// The name and the features of the first CPU of a `/proc/cpuinfo`.
fn cpu(text: &str) -> Option<String> {
    let field = |wanted: &str| {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim()).next()
    };
    let flags: Vec<&str> = field("flags").unwrap_or_default().split(' ').collect();
    let features: Vec<&str> = FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect();
    let features =
        if features.is_empty() { "no vector features known".to_owned() } else { features.join(", ") };
    Some(format!("{} ({features})", field("model name")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it is in one")).expect("made");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn limits_of_a_job_in_a_tree_of_control_groups_are_found() {
        let job = "sys/fs/cgroup/system.slice/job_7";
        let root = root(&[
            ("proc/self/cgroup", "0::/system.slice/job_7/step_batch/task_0\n"),
            ("proc/self/status", "Name:\tsquall\nCpus_allowed:\t10f\nCpus_allowed_list:\t0-3,8\n"),
            (&format!("{job}/memory.max"), "1048576000\n"),
            (&format!("{job}/step_batch/memory.max"), "max\n"),
            (&format!("{job}/step_batch/task_0/memory.max"), "max\n"),
            (&format!("{job}/cpu.max"), "200000 100000\n"),
            (&format!("{job}/step_batch/cpu.max"), "max 100000\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx avx2 fma\n"),
        ]);
        let given = Given::below(root.path());
        assert_eq!((given.cpus, given.quota), (Some(5), Some(2.0)));
        assert_eq!(given.memory, Some(Memory::from_bytes(1000 << 20)));
        assert_eq!(given.cpu.as_deref(), Some("Some CPU @ 2 GHz (avx, avx2, fma)"));
    }

    #[test]
    fn limits_of_the_first_version_are_found() {
        let root = root(&[
            ("proc/self/cgroup", "5:memory:/slurm/job_7/step_0\n3:cpu,cpuacct:/slurm/job_7\n0::/\n"),
            ("sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/cpu/slurm/job_7/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/slurm/job_7/cpu.cfs_period_us", "100000\n"),
        ]);
        let given = Given::below(root.path());
        assert_eq!((given.memory, given.quota), (Some(Memory::from_bytes(512 << 20)), Some(0.5)));
        assert_eq!((given.cpus, given.cpu), (None, None));
    }

    #[test]
    fn machine_that_says_nothing_limits_nothing() {
        let root =
            root(&[("proc/self/cgroup", "nonsense"), ("proc/self/status", "Cpus_allowed_list:\t3-1\n")]);
        assert_eq!(Given::below(root.path()), Given::default());
    }

    #[test]
    fn this_process_has_cpus() {
        assert!(Given::here().cpus.is_some_and(|cpus| cpus > 0));
    }
}
