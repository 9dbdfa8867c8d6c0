//! How many threads this process should use.

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
    fn a_login_node_gives_two_and_says_so() {
        let threads = decide(64, None, true);
        assert_eq!(threads.count, 2);
        assert!(threads.notice.is_some_and(|notice| notice.contains("login node")));
        assert_eq!(decide(1, None, true), Threads { count: 1, notice: None });
    }
}
