//! Pools: kinds of jobs that a run takes its workers from, each with figures of its own.
//!
//! A pool takes what its table does not set from `[cluster]` and `[slurm]`. Whoever asks for jobs goes over
//! [`Settings::in_pools`], where a run without pools has one without a name. Only jobs of Slurm are of pools.

use crate::error::{Error, Result};
use crate::settings::layer;
use crate::settings::resolve::filled;
use crate::settings::{Asked, ClusterKind, Settings};
use crate::units::{Memory, Walltime};

/// `[pool.NAME]`: what its jobs ask for in place of what others do.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSettings {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `--partition`
    pub partition: Option<String>,
    /// `--constraint`
    pub constraint: Option<String>,
    /// Threads per worker.
    pub cores: Option<u32>,
    /// Memory per worker.
    pub memory: Option<Asked<Memory>>,
    /// Time limit of a worker's job.
    pub walltime: Option<Asked<Walltime>>,
    /// The most workers of this pool at a time; none for any number.
    pub maximum: Option<u32>,
}

/// What the jobs of a pool ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct InPool {
    /// The pool's name; none where there are no pools.
    pub pool: Option<String>,
    /// The most workers of it at a time.
    pub maximum: u32,
    /// The run's settings with the pool's own in their place.
    pub settings: Settings,
}

impl PoolSettings {
    pub(super) fn new(name: String, layer: layer::Pool) -> PoolSettings {
        PoolSettings {
            name,
            partition: filled(layer.partition),
            constraint: filled(layer.constraint),
            cores: layer.cores.map(|cores| cores.0),
            memory: layer.memory,
            walltime: layer.walltime,
            maximum: layer.maximum.map(|maximum| maximum.0),
        }
    }
}

impl Settings {
    /// What is asked for in each pool, in the order in which pools are filled; one at the least.
    pub fn in_pools(&self) -> Vec<InPool> {
        if self.pools.is_empty() || self.cluster.kind != ClusterKind::Slurm {
            return vec![InPool { pool: None, maximum: u32::MAX, settings: self.clone() }];
        }
        self.pools.iter().map(|pool| self.in_pool(pool)).collect()
    }

    fn in_pool(&self, pool: &PoolSettings) -> InPool {
        let mut settings = Settings { pools: Vec::new(), ..self.clone() };
        let (cluster, slurm) = (&mut settings.cluster, &mut settings.slurm);
        slurm.partition = pool.partition.clone().or(slurm.partition.take());
        slurm.constraint = pool.constraint.clone().or(slurm.constraint.take());
        cluster.cores = pool.cores.or(cluster.cores);
        cluster.memory = pool.memory.clone().unwrap_or_else(|| cluster.memory.clone());
        cluster.walltime = pool.walltime.clone().unwrap_or_else(|| cluster.walltime.clone());
        InPool { pool: Some(pool.name.clone()), maximum: pool.maximum.unwrap_or(u32::MAX), settings }
    }

    /// How many workers all pools together can have at a time.
    pub fn most_workers(&self) -> u32 {
        self.in_pools().iter().fold(0, |sum, pool| sum.saturating_add(pool.maximum))
    }

    /// How many workers are started: as many as are asked for, and no more than can be at work or pools hold.
    pub fn started_workers(&self) -> u32 {
        let useful = self.cluster.prospect.map_or(u32::MAX, |prospect| prospect.workers);
        self.cluster.workers.min(useful).min(self.most_workers())
    }
}

/// What must hold within and between pools.
pub(super) fn check(settings: &Settings) -> Result<()> {
    for pool in &settings.pools {
        for (key, count) in [("cores", pool.cores), ("maximum", pool.maximum)] {
            if count == Some(0) {
                let key = format!("pool.{}.{key}", pool.name);
                return Err(Error::refused(format!("{key} is 0"))
                    .cause(format!("set by {}", settings.origin(&key)))
                    .hint("set it to one at the least, or leave the pool out"));
            }
        }
    }
    let (minimum, most) = (settings.cluster.minimum_workers, settings.most_workers());
    if minimum > most {
        return Err(Error::refused(format!("cluster.minimum_workers is {minimum}"))
            .cause(format!("set by {}", settings.origin("cluster.minimum_workers")))
            .cause(format!("the pools hold {most} workers at the most, by their `maximum`"))
            .hint("work would never begin: lower minimum_workers, or raise the maximum of a pool"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Sources, resolve};

    fn resolved(flags: &[(&str, &str)]) -> Result<Settings> {
        let flag = |(key, value): &(&str, &str)| ("--set".to_owned(), (*key).to_owned(), (*value).to_owned());
        let flags = [("cluster.kind", "slurm")].iter().chain(flags).map(flag).collect();
        resolve(&Sources { flags, ..Sources::default() })
    }

    fn refusal(flags: &[(&str, &str)]) -> String {
        resolved(flags).expect_err("refused").to_string()
    }

    const TWO: &[(&str, &str)] = &[
        ("cluster.workers", "10"),
        ("cluster.memory", "64M"),
        ("slurm.partition", "main"),
        ("pool.spare.partition", "preemptible"),
        ("pool.spare.cores", "4"),
        ("pool.spare.maximum", "5"),
        ("pool.own.memory", "128M"),
        ("pool.own.maximum", "2"),
    ];

    #[test]
    fn pool_takes_from_the_run_what_its_table_does_not_set() {
        let settings = resolved(TWO).expect("resolved");
        let asked: Vec<_> = settings
            .in_pools()
            .into_iter()
            .map(|pool| {
                let (cluster, slurm) = (pool.settings.cluster, pool.settings.slurm);
                (pool.pool, pool.maximum, slurm.partition, cluster.cores, cluster.memory.to_string())
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        let spare = (text("spare"), 5, text("preemptible"), Some(4), "64M".to_owned());
        let own = (text("own"), 2, text("main"), Some(1), "128M".to_owned());
        assert_eq!(asked, [spare, own]);
    }

    #[test]
    fn no_more_workers_are_started_than_pools_hold() {
        assert_eq!(resolved(TWO).expect("resolved").started_workers(), 7);
        let unbounded = resolved(&[("cluster.workers", "10"), ("pool.all.cores", "1")]).expect("resolved");
        assert_eq!(unbounded.started_workers(), 10);
    }

    #[test]
    fn run_without_pools_has_one_without_a_name() {
        let settings = resolved(&[]).expect("resolved");
        let pools = settings.in_pools();
        assert_eq!((pools.len(), &pools[0].pool, &pools[0].settings), (1, &None, &settings));
    }

    #[test]
    fn what_no_pool_can_be_is_refused_by_name() {
        insta::assert_snapshot!(refusal(&[("pool.big.maximum", "0")]), @"
        error: pool.big.maximum is 0
        cause: set by --set
        hint: set it to one at the least, or leave the pool out
        ");
        insta::assert_snapshot!(refusal(&[("pool.big.cores", "0")]), @"
        error: pool.big.cores is 0
        cause: set by --set
        hint: set it to one at the least, or leave the pool out
        ");
        insta::assert_snapshot!(refusal(&[("pool.big.memry", "2G")]), @"
        error: unknown key in `--set`
        cause: no section has such a key
        hint: did you mean `pool.big.memory`?
        ");
        let few = [("pool.big.maximum", "2"), ("cluster.workers", "9"), ("cluster.minimum_workers", "3")];
        insta::assert_snapshot!(refusal(&few), @"
        error: cluster.minimum_workers is 3
        cause: set by --set
        cause: the pools hold 2 workers at the most, by their `maximum`
        hint: work would never begin: lower minimum_workers, or raise the maximum of a pool
        ");
    }
}
