//! The smallest honest request: memory from the plan's bound, walltime from a measured speed, where they are
//! left to squall.

use crate::cluster::limits::{Limits, counted, tenths, whole};
use crate::error::Result;
use crate::execute::Executor;
use crate::plan::Plan;
use crate::settings::{Asked, Prospect, Settings};
use crate::units::{Memory, Walltime};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How long a computation is tried out, in all.
const TRIAL: Duration = Duration::from_millis(60);
/// And each of its stages at the least.
const STAGE_TRIAL: Duration = Duration::from_millis(5);
/// What a core does in a second of a stage that cannot be tried out here, in elements.
const ASSUMED: f64 = 1e7;
/// Nodes may be slower than this machine, and shared; files may be cold.
const FACTOR: f64 = 3.0;
/// To start, to meet the driver, and to leave, in seconds.
const APART: f64 = 60.0;

/// The settings with figures where they ask for `auto`, and how these came about: for plans that are computed one
/// after the other, of which there is at least one.
pub fn fitted(settings: &Settings, plans: &[&Plan]) -> Result<Settings> {
    fit(settings, plans, None)
}

/// The same for a run of one plan, with what is known of its work: no more workers are started than can be at work.
pub fn foreseen(settings: &Settings, plan: &Plan) -> Result<Settings> {
    let mut settings = settings.clone();
    let cores = settings.in_pools().iter().filter_map(|pool| pool.settings.cluster.cores).min().unwrap_or(1);
    let tasks = (0..plan.stages()).map(|stage| plan.tasks(stage)).max().unwrap_or(0);
    let workers = u32::try_from(tasks.div_ceil(u64::from(cores.max(1)))).unwrap_or(u32::MAX).max(1);
    let prospect = Prospect { tasks, workers, core_seconds: None };
    settings.cluster.prospect = Some(prospect);
    // What would not fit into the driver beside its other work is not tried out.
    let tried = needs_trial(&settings) || Limits::trying(&settings).fit(plan).is_ok();
    let trial = match tried {
        true => Some(Trial::of(&[plan], settings.started_workers(), cores)?),
        false => None,
    };
    let core_seconds = trial.map(|trial| trial.core_seconds);
    settings.cluster.prospect = Some(Prospect { core_seconds, ..prospect });
    fit(&settings, &[plan], trial)
}

/// The work beside the jobs that are asked for, and how many workers are started for it.
pub fn estimate(settings: &Settings) -> Vec<String> {
    let cluster = &settings.cluster;
    let (Some(prospect), Some(walltime)) = (cluster.prospect, cluster.walltime.value()) else {
        return Vec::new();
    };
    let (workers, cores) = (settings.started_workers(), cluster.cores.unwrap_or(1));
    let asked = match settings.pools.len() {
        0 => format!("{} of {} and {walltime}", counted(workers, "job"), counted(cores, "core")),
        pools => format!("{} in {pools} pools", counted(workers, "job")),
    };
    let work = prospect.core_seconds.map(|work| {
        let most = walltime
            .seconds()
            .filter(|_| settings.pools.is_empty())
            .map(|seconds| seconds * u64::from(workers) * u64::from(cores));
        let most = most.map_or(String::new(), |most| format!(", {most} core-seconds at the most"));
        format!("about {} core-seconds of work, by a trial on this machine, for {asked}{most}", shown(work))
    });
    let held = workers < cluster.workers && workers == settings.most_workers();
    let held = held.then(|| {
        let (workers, asked) = (counted(workers, "worker"), cluster.workers);
        format!("{workers} instead of {asked}: the pools hold no more, by their `maximum`")
    });
    let fewer = (workers < cluster.workers && held.is_none()).then(|| {
        format!(
            "{} instead of {}: no stage has more than {} tasks, of which a worker of {} computes {cores} at a time",
            counted(workers, "worker"),
            cluster.workers,
            prospect.tasks,
            counted(cores, "core"),
        )
    });
    work.into_iter().chain(held).chain(fewer).collect()
}

/// Seconds to two digits.
fn shown(seconds: f64) -> String {
    match seconds {
        ..0.1 => "0.1".to_owned(),
        ..10.0 => format!("{seconds:.1}"),
        _ => format!("{seconds:.0}"),
    }
}

/// Whether a time limit is to be worked out.
fn needs_trial(settings: &Settings) -> bool {
    let of_pools = settings.pools.iter().filter_map(|pool| pool.walltime.as_ref());
    of_pools.chain([&settings.cluster.walltime]).any(|walltime| *walltime == Asked::Auto)
}

fn fit(settings: &Settings, plans: &[&Plan], trial: Option<Trial>) -> Result<Settings> {
    let mut settings = settings.clone();
    let cores = settings.cluster.cores.unwrap_or(1);
    let memory_for = |cores: u32| {
        let largest = plans.iter().max_by_key(|plan| plan.worker_memory(cores));
        let (value, because) = memory(largest.expect("there is a plan"), cores);
        Asked::Fitted { value, because }
    };
    for pool in &mut settings.pools {
        // One of other cores needs another amount than the others.
        if pool.memory.as_ref().or(pool.cores.and(Some(&settings.cluster.memory))) == Some(&Asked::Auto) {
            pool.memory = Some(memory_for(pool.cores.unwrap_or(cores)));
        }
    }
    if settings.cluster.memory == Asked::Auto {
        settings.cluster.memory = memory_for(cores);
    }
    if needs_trial(&settings) {
        let trial = trial.map_or_else(|| Trial::of(plans, settings.cluster.workers, cores), Ok)?;
        let (value, because) = trial.walltime();
        let of_pools = settings.pools.iter_mut().filter_map(|pool| pool.walltime.as_mut());
        let auto = of_pools.chain([&mut settings.cluster.walltime]).filter(|asked| **asked == Asked::Auto);
        auto.for_each(|asked| *asked = Asked::Fitted { value, because: because.clone() });
    }
    Ok(settings)
}

fn memory(plan: &Plan, cores: u32) -> (Memory, String) {
    let need = plan.worker_need(cores);
    let threads = counted(cores, "thread");
    let because = format!("{} for the process, {threads} of {}", tenths(need.process), tenths(need.thread));
    (whole(need.with(cores)), because)
}

/// What a computation is expected to take.
#[derive(Debug, Clone, Copy)]
struct Trial {
    workers: u32,
    cores: u32,
    elements: u64,
    /// With all workers at work.
    seconds: f64,
    /// With one core.
    core_seconds: f64,
    /// Whether some stage could not be tried out.
    assumed: bool,
}

impl Trial {
    /// Does a few tasks of each stage with one thread.
    fn of(plans: &[&Plan], workers: u32, cores: u32) -> Result<Trial> {
        let executor = Executor::detect(1)?;
        let stages = || plans.iter().flat_map(|plan| (0..plan.stages()).map(move |stage| (plan, stage)));
        let each = (TRIAL / stages().count().max(1) as u32).max(STAGE_TRIAL);
        let threads = u64::from(workers) * u64::from(cores);
        let mut trial =
            Trial { workers, cores, elements: 0, seconds: 0.0, core_seconds: 0.0, assumed: false };
        for (plan, stage) in stages() {
            let measured = measured(&executor, plan, stage, each);
            let elements = plan.elements(stage);
            let seconds = measured.unwrap_or(elements as f64 / ASSUMED);
            trial.elements = trial.elements.saturating_add(elements);
            trial.seconds += seconds / threads.min(plan.tasks(stage)).max(1) as f64;
            trial.core_seconds += seconds;
            trial.assumed |= measured.is_none();
        }
        Ok(trial)
    }

    fn walltime(&self) -> (Walltime, String) {
        let minutes = ((self.seconds * FACTOR + APART) / 60.0).ceil() as u64;
        // What Slurm cannot count is as good as for ever.
        let walltime = minutes.to_string().parse().unwrap_or(Walltime::UNLIMITED);
        let (elements, rate) = (self.elements as f64, self.elements as f64 / self.seconds.max(1e-9));
        let (workers, cores) = (counted(self.workers, "worker"), counted(self.cores, "core"));
        let how = if self.assumed { " (in part assumed)" } else { "" };
        let because = format!(
            "{elements:.1e} elements at {rate:.1e} a second{how} on {workers} of {cores}, times {FACTOR} and a minute"
        );
        (walltime, because)
    }
}

/// The seconds that one thread takes for a whole stage; none where it cannot be tried out here: what it saves is
/// not to be written yet, or what it loads cannot be read.
fn measured(executor: &Executor, plan: &Plan, stage: usize, budget: Duration) -> Option<f64> {
    let stage = Arc::new(plan.trial(stage).clone());
    if !stage.targets().is_empty() {
        return None;
    }
    let (tasks, most) = (stage.tasks(), stage.lease_tasks());
    let started = Instant::now();
    let (mut done, mut next) = (0, 1);
    while done < tasks && started.elapsed() < budget {
        let range = done..tasks.min(done + next.min(most));
        done = range.end;
        executor.run(Arc::clone(&stage), range, Arc::new(AtomicBool::new(false))).ok()?;
        next = next.saturating_mul(2);
    }
    Some(started.elapsed().as_secs_f64() * tasks as f64 / done.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::random;
    use crate::plan::plan;
    use crate::settings::{Sources, resolve};

    fn settings(memory: &str, walltime: &str) -> Settings {
        let flag = |key: &str, value: &str| ("--set".to_owned(), key.to_owned(), value.to_owned());
        let flags = vec![
            flag("cluster.kind", "slurm"),
            flag("cluster.cores", "2"),
            flag("cluster.memory", memory),
            flag("cluster.walltime", walltime),
        ];
        resolve(&Sources { flags, ..Sources::default() }).expect("resolved")
    }

    fn plan_of_mean() -> Plan {
        let x = random::normal(0.0, 0.1).size([100_000_000]).stream("x");
        plan(&[("mean".to_owned(), x.mean().expr().expect("an expression"))], &[], 1).expect("planned")
    }

    #[test]
    fn memory_is_the_bound_in_whole_mebibytes() {
        let plan = plan_of_mean();
        let memory = fitted(&settings("auto", "5"), &[&plan]).expect("fitted").cluster.memory;
        let value = memory.value().expect("worked out").bytes();
        assert!(value >= plan.worker_memory(2) && value - plan.worker_memory(2) < 1 << 20);
        assert_eq!(value % (1 << 20), 0);
        let need = plan.worker_need(2);
        let because =
            format!("{} for the process, 2 threads of {}", tenths(need.process), tenths(need.thread));
        assert_eq!(memory.because(), Some(because.as_str()));
    }

    #[test]
    fn figures_that_are_given_stay() {
        let given = settings("64M", "5");
        assert_eq!(fitted(&given, &[&plan_of_mean()]).expect("fitted"), given);
    }

    #[test]
    fn walltime_is_measured() {
        let trial = Trial::of(&[&plan_of_mean()], 4, 1).expect("tried out");
        assert_eq!((trial.elements, trial.assumed), (100_000_000, false));
        assert!(trial.seconds > 0.0);
    }

    #[test]
    fn walltime_is_three_times_the_measured_one_and_a_minute() {
        let trial = Trial {
            workers: 4,
            cores: 1,
            elements: 800_000_000,
            seconds: 0.5,
            core_seconds: 2.0,
            assumed: false,
        };
        let (walltime, because) = trial.walltime();
        assert_eq!(walltime.to_string(), "00:02:00");
        let said = "8.0e8 elements at 1.6e9 a second on 4 workers of 1 core, times 3 and a minute";
        assert_eq!(because, said);
        assert_eq!(Trial { seconds: 1200.0, ..trial }.walltime().0.to_string(), "01:01:00");
        assert_eq!(Trial { seconds: 1e12, ..trial }.walltime().0, Walltime::UNLIMITED);
    }

    #[test]
    fn stage_that_writes_files_is_not_tried_out() {
        let x = random::normal(0.0, 0.1).size([30_000_000]).stream("x").expr().expect("an expression");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.npy").display().to_string();
        let saves = crate::cluster::targets(&[(path, x)]).expect("it can be written");
        let trial = Trial::of(&[&plan(&[], &saves, 1).expect("planned")], 1, 1).expect("assumed");
        assert!(trial.assumed && trial.seconds == 3.0);
        assert!(trial.walltime().1.contains("at 1.0e7 a second (in part assumed) on 1 worker of 1 core"));
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 0);
    }
}
