//! How many threads this process should use: as the only worker, or as the driver that computes beside others.

use crate::settings::{Asked, ClusterKind, ClusterSettings};
use crate::slurm::{Allocation, on_login_node};

/// On a login node, which many people share.
const LOGIN_NODE_THREADS: u32 = 2;

/// A number of threads, and what the user should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threads {
    /// How many.
    pub count: u32,
    /// Why there are not more, where that may surprise.
    pub notice: Option<String>,
}

/// The threads this process may use: the least of its affinity, its cgroup's quota and what Slurm gave it; on a
/// login node, two.
pub fn available() -> Threads {
    let allocation = Allocation::from_environment();
    // The standard library reads affinity and cgroup quotas, of both cgroup versions.
    let here = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    decide(
        here,
        allocation.as_ref().and_then(|allocation| allocation.cpus),
        on_login_node(allocation.as_ref()),
    )
}

fn decide(here: u32, allocated: Option<u32>, login_node: bool) -> Threads {
    if login_node && here > LOGIN_NODE_THREADS {
        let notice = format!(
            "this is a login node, so {LOGIN_NODE_THREADS} of its {here} CPUs are used: \
             set cluster.cores for more, or start with srun"
        );
        return Threads { count: LOGIN_NODE_THREADS, notice: Some(notice) };
    }
    Threads { count: here.min(allocated.unwrap_or(here)).max(1), notice: None }
}

/// The threads with which the driver computes itself beside jobs: `cluster.driver_threads`.
pub fn beside(settings: &ClusterSettings) -> Threads {
    let on_node = Allocation::from_environment().is_some_and(|allocation| allocation.on_node);
    decide_beside(settings.kind, &settings.driver_threads, on_node.then(|| available().count))
}

fn decide_beside(kind: ClusterKind, asked: &Asked<u32>, allocated: Option<u32>) -> Threads {
    let none = |notice: &str| Threads { count: 0, notice: Some(notice.to_owned()) };
    match (kind, asked.value(), allocated) {
        (_, Some(0), _) => Threads { count: 0, notice: None },
        (ClusterKind::Slurm, Some(count), _) => Threads { count, notice: None },
        (ClusterKind::Slurm, None, Some(1)) => none(
            "the driver does not compute itself: its job has one CPU here (cluster.driver_threads is \"auto\")",
        ),
        (ClusterKind::Slurm, None, Some(cpus)) => Threads { count: cpus.saturating_sub(1), notice: None },
        (ClusterKind::Slurm, None, None) => {
            none("the driver does not compute itself: it is in no job (cluster.driver_threads is \"auto\")")
        }
        (_, Some(_), _) => {
            none("cluster.driver_threads is for Slurm alone, and left out: set cluster.cores here")
        }
        (_, None, _) => Threads { count: 0, notice: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_affinity_and_allocation_counts() {
        assert_eq!(decide(8, Some(3), false).count, 3);
        assert_eq!(decide(2, Some(3), false).count, 2);
        assert_eq!(decide(8, None, false).count, 8);
    }

    #[test]
    fn driver_takes_what_its_job_has_on_the_node_but_one_cpu() {
        let slurm = |asked, allocated| {
            let Threads { count, notice } = decide_beside(ClusterKind::Slurm, &asked, allocated);
            (count, notice.map_or(String::new(), |notice| notice))
        };
        assert_eq!(slurm(Asked::Auto, Some(8)), (7, String::new()));
        assert_eq!(slurm(Asked::Given(3), None), (3, String::new()));
        assert_eq!(slurm(Asked::Given(0), Some(8)), (0, String::new()));
        assert!(slurm(Asked::Auto, None).1.contains("it is in no job"));
        assert!(slurm(Asked::Auto, Some(1)).1.contains("has one CPU here"));
    }

    #[test]
    fn only_a_driver_of_jobs_computes_beside_them() {
        for kind in [ClusterKind::Threads, ClusterKind::Processes] {
            let given = decide_beside(kind, &Asked::Given(2), Some(8));
            assert!(given.count == 0 && given.notice.is_some_and(|notice| notice.contains("Slurm alone")));
            assert_eq!(decide_beside(kind, &Asked::Auto, Some(8)), Threads { count: 0, notice: None });
        }
    }

    #[test]
    fn a_login_node_gives_two_and_says_so() {
        let threads = decide(64, None, true);
        assert_eq!(threads.count, 2);
        assert!(threads.notice.is_some_and(|notice| notice.contains("login node")));
        assert_eq!(decide(1, None, true), Threads { count: 1, notice: None });
    }
}
