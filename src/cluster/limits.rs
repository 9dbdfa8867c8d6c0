//! What workers and the driver are allowed, and the refusal of a plan that needs more, before anything starts.

use crate::cluster::{available, beside};
use crate::driver::Bounds;
use crate::error::{Error, Result};
use crate::machine;
use crate::plan::Plan;
use crate::settings::{ClusterKind, InPool, Settings};
use crate::slurm::Allocation;
use crate::units::Memory;

/// What the processes of a run are allowed, where that is limited.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What a worker has, in each pool; of one at the least.
    pub workers: Vec<WorkerLimits>,
    /// Memory of this process, which is the driver.
    pub driver: Option<Allowed>,
    /// Threads with which this process computes: as the worker, or to try the computation out.
    pub here: u32,
    /// Those of them that compute beside jobs.
    pub beside: u32,
}

/// What a worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Its pool, where there are pools.
    pub pool: Option<String>,
    /// Compute threads.
    pub cores: u32,
    /// Memory; none where it is this process, or asks for as much as it needs.
    pub memory: Option<Memory>,
}

/// An amount of memory, and who limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// How much.
    pub memory: Memory,
    /// Whose word that is.
    pub by: &'static str,
}

impl Limits {
    /// What the settings give to each worker, and this machine to the driver.
    pub fn of(settings: &Settings) -> Limits {
        let cluster = &settings.cluster;
        let driver = Allowed::here();
        if cluster.kind == ClusterKind::Threads {
            // The same request on this machine: as many threads as the workers would have had.
            let threads = cluster.cores.map(|cores| cores.saturating_mul(cluster.workers));
            let threads = threads.unwrap_or_else(|| available().count);
            let workers = vec![WorkerLimits { pool: None, cores: threads, memory: None }];
            return Limits { workers, driver, here: threads, beside: 0 };
        }
        let tried = cluster.walltime.because().is_some()
            || cluster.prospect.is_some_and(|prospect| prospect.core_seconds.is_some());
        let beside = beside(cluster).count;
        let of_pool = |InPool { pool, settings, .. }: InPool| WorkerLimits {
            pool,
            cores: settings.cluster.cores.unwrap_or(1),
            memory: settings.cluster.memory.value(),
        };
        Limits {
            workers: settings.in_pools().into_iter().map(of_pool).collect(),
            driver,
            here: beside.max(u32::from(tried)),
            beside,
        }
    }

    /// What a driver that tries its work out has; what workers have is not looked at.
    pub(super) fn trying(settings: &Settings) -> Limits {
        let mut limits = Limits { here: 1, beside: 0, ..Limits::of(settings) };
        limits.workers.iter_mut().for_each(|worker| worker.memory = None);
        limits
    }

    /// What a plan needs of these.
    pub fn bounds(&self, plan: &Plan) -> Bounds {
        let driver = if self.here > 0 { plan.process_memory(self.here) } else { plan.driver_memory() };
        let of = |limits: &WorkerLimits| (plan.worker_memory(limits.cores), limits.memory.map(Memory::bytes));
        let left =
            |&(worker, allowed): &(u64, Option<u64>)| allowed.map(|allowed| allowed.saturating_sub(worker));
        // Of several pools, that in which the least is left.
        let (worker, allowed) = self.workers.iter().map(of).min_by_key(left).expect("there is a pool");
        Bounds { worker, driver, allowed }
    }

    /// Refuses a plan whose workers or driver need more memory than they have.
    pub fn fit(&self, plan: &Plan) -> Result<()> {
        self.fit_worker(plan)?;
        match self.driver {
            Some(allowed) => self.fit_driver(plan, allowed),
            None => Ok(()),
        }
    }

    /// Refuses a plan whose workers need more memory than they have.
    pub fn fit_worker(&self, plan: &Plan) -> Result<()> {
        self.workers.iter().try_for_each(|worker| worker.fit(plan))
    }

    fn fit_driver(&self, plan: &Plan, allowed: Allowed) -> Result<()> {
        let needed = self.bounds(plan).driver;
        if needed <= allowed.memory.bytes() {
            return Ok(());
        }
        let enough = whole(needed);
        let who = match self.here {
            0 => "the driver".to_owned(),
            threads => format!("the driver with {}", counted(threads, "compute thread")),
        };
        let available = Memory::from_bytes(allowed.memory.bytes() & !((1 << 20) - 1));
        let mut error = Error::refused(format!("{who} needs {enough}, and it has {available}"))
            .cause(format!("the limit is {}", allowed.by));
        if let Some(wanted) = plan.wanted_in_driver() {
            let (name, elements) = (&wanted.name, wanted.elements);
            error = error.cause(format!("`{name}` gathers {elements} elements: {}", wanted.formula));
        }
        error = error.hint(
            "reduce the result further, or name a file for it in [save]: workers write files, and the driver \
             holds nothing of them",
        );
        if self.beside > 0 {
            error = error.hint("or set cluster.driver_threads to fewer, or to 0");
        }
        Err(error.hint(format!("or start the driver where it may use {enough}")))
    }
}

impl WorkerLimits {
    fn fit(&self, plan: &Plan) -> Result<()> {
        let need = plan.worker_need(self.cores);
        let needed = need.with(self.cores);
        let Some(memory) = self.memory.filter(|memory| memory.bytes() < needed) else { return Ok(()) };
        let enough = whole(needed);
        let (section, of_pool) = match &self.pool {
            Some(pool) => (format!("pool.{pool}"), format!(" in pool {pool}")),
            None => ("cluster".to_owned(), String::new()),
        };
        let fewer = match need.cores_in(memory.bytes()) {
            0 => String::new(),
            cores => format!(", or {section}.cores to {cores}"),
        };
        let what = format!(
            "a worker{of_pool} of {} needs {enough}, and {section}.memory is {memory}",
            counted(self.cores, "thread")
        );
        let (process, thread) = (tenths(need.process), tenths(need.thread));
        let mut error =
            Error::refused(what).cause(format!("{process} for the process, and {thread} for each thread"));
        if let Some(wanted) = plan.wanted_in(need.stage) {
            error = error.cause(format!("most of it for `{}`: {}", wanted.name, wanted.formula));
        }
        Err(error.hint(format!("set {section}.memory to {enough} or more, or to \"auto\"{fewer}")))
    }
}

impl Allowed {
    /// What this process may use: by its Slurm job; elsewhere by its control group and what the machine has to spare.
    fn here() -> Option<Allowed> {
        let job = Allocation::from_environment().filter(|allocation| allocation.on_node);
        let by_job = |memory| Allowed { memory, by: "that of the Slurm job it runs in" };
        let told = job.as_ref().and_then(|allocation| allocation.memory).map(by_job);
        let confined = machine::memory().map(|memory| match job {
            Some(_) => by_job(memory),
            None => Allowed { memory, by: "that of the control group it runs in" },
        });
        // Slurm has set a job's memory apart, whatever is free at the moment.
        let spare = || {
            let text = std::fs::read_to_string("/proc/meminfo").ok()?;
            Some(Allowed { memory: spare(&text)?, by: "what this machine has to spare (MemAvailable)" })
        };
        let limited = job.is_some() && (told.is_some() || confined.is_some());
        let spare = if limited { None } else { spare() };
        [told, confined, spare].into_iter().flatten().min_by_key(|allowed| allowed.memory.bytes())
    }
}

/// What a machine has to spare, by its `/proc/meminfo`.
fn spare(meminfo: &str) -> Option<Memory> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(Memory::from_bytes(kibibytes * 1024))
}

/// Bytes as whole MiB, rounded up: nobody asks for less.
pub(super) fn whole(bytes: u64) -> Memory {
    Memory::from_bytes(bytes.div_ceil(1 << 20).saturating_mul(1 << 20))
}

/// Bytes in MiB to a tenth, so that a sum can be followed.
pub(super) fn tenths(bytes: u64) -> String {
    format!("{:.1}M", bytes as f64 / f64::from(1 << 20))
}

/// `1 thread`, `3 threads`.
pub(super) fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Definitions, parse};
    use crate::plan::plan;
    use crate::store::LocalFiles;

    fn plan_of(expression: &str) -> Plan {
        let results = vec![("mean".to_owned(), "1".to_owned()), ("wide".to_owned(), expression.to_owned())];
        let parsed = parse(&Definitions { results, ..Definitions::default() }, &LocalFiles).expect("parsed");
        plan(&parsed.results, &[], 1).expect("planned")
    }

    const WIDE: &str = "random.normal(0, 1, size=(20_000, 20_000)).mean(axis=0)";

    fn limits(memory: u64, driver: u64) -> Limits {
        let allowed = |bytes| Memory::from_bytes(bytes);
        let driver = Some(Allowed { memory: allowed(driver), by: "that of a test" });
        let workers = vec![WorkerLimits { pool: None, cores: 8, memory: Some(allowed(memory)) }];
        Limits { workers, driver, here: 0, beside: 0 }
    }

    #[test]
    fn worker_that_needs_more_is_refused_with_what_would_fit() {
        let plan = plan_of(WIDE);
        let need = plan.worker_need(8);
        let (enough, given) = (whole(need.with(8)), whole(need.with(3)));
        let refused = |memory: u64| limits(memory, u64::MAX).fit(&plan).expect_err("refused").to_string();
        let (process, thread) = (tenths(need.process), tenths(need.thread));
        assert_eq!(
            refused(given.bytes()),
            format!(
                "error: a worker of 8 threads needs {enough}, and cluster.memory is {given}\n\
                 cause: {process} for the process, and {thread} for each thread\n\
                 cause: most of it for `wide`: {}\n\
                 hint: set cluster.memory to {enough} or more, or to \"auto\", or cluster.cores to 3",
                plan.wanted_in(need.stage).expect("a result").formula
            )
        );
        assert!(refused(1 << 20).ends_with("or to \"auto\""), "{}", refused(1 << 20));
        assert!(limits(enough.bytes(), u64::MAX).fit(&plan).is_ok());
    }

    #[test]
    fn result_too_large_for_the_driver_is_refused_before_anything_starts() {
        let plan = plan_of("random.random(size=300_000_000, chunks=100_000) * 2");
        let needed = plan.driver_memory();
        let error = limits(u64::MAX, 1 << 30).fit(&plan).expect_err("refused").to_string();
        let enough = whole(needed);
        assert!(error.starts_with(&format!("error: the driver needs {enough}, and it has 1G\n")), "{error}");
        assert!(error.contains("cause: the limit is that of a test\n"), "{error}");
        assert!(error.contains("cause: `wide` gathers 300000000 elements: multiply("), "{error}");
        assert!(
            error.contains("hint: reduce the result further, or name a file for it in [save]"),
            "{error}"
        );
        assert!(limits(u64::MAX, needed).fit(&plan).is_ok());
    }

    #[test]
    fn threads_count_against_the_driver_whose_process_they_share() {
        let plan = plan_of(WIDE);
        let workers = vec![WorkerLimits { pool: None, cores: 8, memory: None }];
        let limits = Limits { workers, driver: None, here: 8, beside: 0 };
        assert_eq!(limits.bounds(&plan).driver, plan.process_memory(8));
        assert!(plan.process_memory(8) > plan.worker_memory(8));
        let needed = Memory::from_bytes(plan.process_memory(8) - 1);
        let limits = Limits { driver: Some(Allowed { memory: needed, by: "that of a test" }), ..limits };
        let error = limits.fit(&plan).expect_err("refused").to_string();
        assert!(error.starts_with("error: the driver with 8 compute threads needs "), "{error}");
        assert!(!error.contains("driver_threads"), "{error}");
        let beside = Limits { beside: 8, ..limits }.fit(&plan).expect_err("refused").to_string();
        assert!(beside.contains("hint: or set cluster.driver_threads to fewer, or to 0\n"), "{beside}");
    }

    #[test]
    fn the_machine_says_what_it_has_to_spare() {
        let meminfo = "MemTotal:       16374584 kB\nMemFree:  1 kB\nMemAvailable:   14680064 kB\n";
        assert_eq!(spare(meminfo), Some(Memory::from_bytes(14 << 30)));
        assert_eq!(spare(""), None);
    }
}
