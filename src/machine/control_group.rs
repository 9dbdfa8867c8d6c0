//! What the kernel lets this process have: the least limit of its control group and of those around it.
//!
//! Slurm tells a job's memory in the environment of a batch script, but not of what `srun` starts by itself; the control
//! group tells it in both, and in containers too. Both versions of control groups are read, also side by side.

use crate::units::Memory;

/// How files are read: by their path from the root, if they are there.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The least limit of memory, by what `/proc/self/cgroup` says and files hold.
pub(super) fn memory(listing: &str, read: Read<'_>) -> Option<Memory> {
    let limit = |group: Group| {
        let file = if group.first_version { "memory.limit_in_bytes" } else { "memory.max" };
        read(&format!("{}/{file}", group.path))?.trim().parse::<u64>().ok()
    };
    // One that is not limited says `max`, or in the first version a number that no machine has.
    let limits = groups(listing, "memory").filter_map(limit).filter(|&bytes| bytes < 1 << 60);
    limits.min().map(Memory::from_bytes)
}

/// The least share of the CPUs' time, in CPUs.
pub(super) fn cpus(listing: &str, read: Read<'_>) -> Option<f64> {
    let limit = |group: Group| {
        let number = |file: &str| read(&format!("{}/{file}", group.path));
        let (quota, period) = match group.first_version {
            true => (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?),
            false => {
                let text = number("cpu.max")?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        // One that is not limited says `max`, or -1.
        let number = |text: String| text.trim().parse::<u32>().ok().filter(|&number| number > 0);
        Some(f64::from(number(quota)?) / f64::from(number(period)?))
    };
    groups(listing, "cpu").filter_map(limit).min_by(f64::total_cmp)
}

/// A control group that this process is in.
struct Group {
    first_version: bool,
    /// Its directory, from the root.
    path: String,
}

/// The groups that may limit what a controller controls, from the outermost on.
fn groups(listing: &str, controller: &str) -> impl Iterator<Item = Group> {
    listing.lines().filter_map(move |line| place(line, controller)).flat_map(|(first_version, root, path)| {
        let outer = path.match_indices('/').map(|(end, _)| &path[..end]);
        let group = |group: &str| Group { first_version, path: format!("{root}{group}") };
        outer.chain([path]).map(group).collect::<Vec<_>>()
    })
}

/// Where the controller of a line's group is: whether in the first version, its hierarchy, and the path without an end.
fn place<'a>(line: &'a str, controller: &str) -> Option<(bool, String, &'a str)> {
    let (number, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let path = path.trim_end_matches('/');
    if controllers.split(',').any(|named| named == controller) {
        return Some((true, format!("/sys/fs/cgroup/{controller}"), path));
    }
    (number == "0" && controllers.is_empty()).then(|| (false, "/sys/fs/cgroup".to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    fn mebibytes(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        memory(groups, &reader(files)).map(|memory| memory.bytes() >> 20)
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

    #[test]
    fn least_share_of_the_cpus_counts_in_both_versions() {
        let files = [
            ("/sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(cpus("0::/a/b\n", &reader(&files)), Some(1.5));
        assert_eq!(cpus("3:cpu,cpuacct:/a\n0::/a/b\n", &reader(&files)), Some(0.5));
        assert_eq!(cpus("3:cpu,cpuacct:/\n", &reader(&files)), None);
    }
}
