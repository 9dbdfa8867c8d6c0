//! One layer of settings as it was written: every key optional, unknown keys refused.
//!
//! The sections are declared once, here; the list of known keys and the merging of two layers follow from
//! the declaration. What a value means once all layers are merged is the business of `resolve`.

use serde::Deserialize;

use crate::settings::values::{Expressions, Lines, Patience, Pools, Port, Seed, Whole};
use crate::settings::{Asked, ClusterKind, MemoryOption, Submit};
use crate::units::{Memory, Walltime};

/// Declares a section: its typed keys, their names, and how a stronger layer covers a weaker one.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $key: Option<$type>,)*
        }

        impl $name {
            const KEYS: &[&str] = &[$(stringify!($key)),*];

            fn over(self, weaker: Self) -> Self {
                $name { $($key: self.$key.or(weaker.$key),)* }
            }
        }
    };
}

section! {
    /// `[random]`
    Random {
        seed: Seed,
    }
}

section! {
    /// `[cluster]`
    Cluster {
        kind: ClusterKind,
        workers: Whole,
        cores: Whole,
        memory: Asked<Memory>,
        walltime: Asked<Walltime>,
        minimum_workers: Whole,
        replacements: Whole,
        start_timeout: Whole,
        driver_threads: Asked<Whole>,
        death_timeout: Whole,
        port: Port,
        host: String,
        program: String,
    }
}

section! {
    /// `[slurm]`
    Slurm {
        partition: String,
        account: String,
        qos: String,
        constraint: String,
        reservation: String,
        directives: Lines,
        prologue: Lines,
        epilogue: Lines,
        memory_option: MemoryOption,
        submit: Submit,
        submit_interval: Whole,
        max_pending: Whole,
        template: String,
        log_directory: String,
        janitor: Patience,
    }
}

section! {
    /// `[pool.NAME]`
    Pool {
        partition: String,
        constraint: String,
        cores: Whole,
        memory: Asked<Memory>,
        walltime: Asked<Walltime>,
        maximum: Whole,
    }
}

section! {
    /// `[run]`
    Run {
        directory: String,
    }
}

/// What one file, variable or flag says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Layer {
    pub(super) random: Random,
    pub(super) cluster: Cluster,
    pub(super) slurm: Slurm,
    pub(super) pool: Pools,
    pub(super) run: Run,
    pub(super) arrays: Option<Expressions>,
    pub(super) results: Option<Expressions>,
    pub(super) save: Option<Expressions>,
}

/// The sections that may stand in every layer, with their keys, in the order in which they are shown.
pub(super) const SECTIONS: &[(&str, &[&str])] =
    &[("random", Random::KEYS), ("cluster", Cluster::KEYS), ("slurm", Slurm::KEYS), ("run", Run::KEYS)];

/// The section whose tables have names of one's own, and the keys of each.
pub(super) const POOL: (&str, &[&str]) = ("pool", Pool::KEYS);

/// The sections that describe what to compute: free names, and a run file is their only place.
pub(super) const RUN_FILE_SECTIONS: &[&str] = &["arrays", "results", "save"];

impl Pools {
    /// Pools keep the place that the weakest layer gave them.
    fn over(self, weaker: Self) -> Self {
        let mut pools = weaker.0;
        for (name, stronger) in self.0 {
            match pools.iter_mut().find(|(known, _)| *known == name) {
                Some((_, pool)) => *pool = stronger.over(std::mem::take(pool)),
                None => pools.push((name, stronger)),
            }
        }
        Pools(pools)
    }
}

impl Layer {
    /// This layer's values, and the weaker layer's where this one is silent.
    pub(super) fn over(self, weaker: Self) -> Self {
        Layer {
            random: self.random.over(weaker.random),
            cluster: self.cluster.over(weaker.cluster),
            slurm: self.slurm.over(weaker.slurm),
            pool: self.pool.over(weaker.pool),
            run: self.run.over(weaker.run),
            arrays: self.arrays.or(weaker.arrays),
            results: self.results.or(weaker.results),
            save: self.save.or(weaker.save),
        }
    }
}
