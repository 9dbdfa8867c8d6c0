//! The memory that the kernel lets this process have: the least limit of its control group and of those around it.
//!
//! Slurm tells a job's memory in the environment of a batch script, but not of what `srun` starts by itself; the control
//! group tells it in both, and in containers too.

use std::fs;

use crate::units::Memory;

/// The least limit, if there is one.
pub(super) fn memory() -> Option<Memory> {
    least(&fs::read_to_string("/proc/self/cgroup").ok()?, |path| fs::read_to_string(path).ok())
}

/// As `memory`, of what `/proc/self/cgroup` says and files hold.
fn least(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<Memory> {
    let limits = groups.lines().filter_map(place).flat_map(|(root, path, file)| {
        let outer = path.match_indices('/').map(|(end, _)| &path[..end]);
        let all: Vec<String> = outer.chain([path]).map(|group| format!("{root}{group}/{file}")).collect();
        all
    });
    // One that is not limited says `max`, or in the first version a number that no machine has.
    let limit = |path: String| read(&path)?.trim().parse::<u64>().ok().filter(|&bytes| bytes < 1 << 60);
    limits.filter_map(limit).min().map(Memory::from_bytes)
}

/// Where the memory of a line's group is limited: its hierarchy, its path without an end, and the file's name.
fn place(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let (number, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let path = path.trim_end_matches('/');
    if controllers.split(',').any(|controller| controller == "memory") {
        return Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
    (number == "0" && controllers.is_empty()).then_some(("/sys/fs/cgroup", path, "memory.max"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mebibytes(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let read =
            |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        least(groups, read).map(|memory| memory.bytes() >> 20)
    }

    #[test]
    fn limit_of_a_job_around_an_unlimited_step_counts() {
        let groups = "9:pids:/x\n4:cpu,memory:/slurm/uid_7/job_1/step_0\n1:name=systemd:/\n";
        let none = "9223372036854771712\n";
        let files = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", none),
            ("/sys/fs/cgroup/memory/slurm/uid_7/job_1/memory.limit_in_bytes", "268435456\n"),
            ("/sys/fs/cgroup/memory/slurm/uid_7/job_1/step_0/memory.limit_in_bytes", none),
        ];
        assert_eq!(mebibytes(groups, &files), Some(256));
        assert_eq!(mebibytes(groups, &files[..1]), None);
    }

    #[test]
    fn least_limit_of_the_second_version_counts() {
        let groups = "0::/system.slice/slurmstepd.scope/job_1/step_batch\n";
        let files = [
            ("/sys/fs/cgroup/system.slice/memory.max", "max\n"),
            ("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_1/memory.max", "104857600\n"),
            ("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_1/step_batch/memory.max", "524288000\n"),
        ];
        assert_eq!(mebibytes(groups, &files), Some(100));
        assert_eq!(mebibytes("0::/\n", &[("/sys/fs/cgroup/memory.max", "1048576\n")]), Some(1));
        assert_eq!(mebibytes("", &files), None);
    }
}
