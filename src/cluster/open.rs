//! Opening a cluster from settings: the parts are made and put together, cheap checks first.

use crate::cluster::limits::counted;
use crate::cluster::{Cluster, Limits, WorkerLimits, available, beside, descriptors, estimate};
use crate::driver::{Checkpoints, Configuration, Driver, Kept, Left, Listen, Owned, core, share};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Monitor, RunEvent, Timestamp};
use crate::launch::{BesideLauncher, Launcher, ProcessLauncher, Program, SlurmLauncher, ThreadsLauncher};
use crate::protocol::tls::Keys;
use crate::run::{Owner, RunDirectory, RunId, WorkerFacts};
use crate::settings::{ClusterKind, InPool, MemoryOption, Settings, Submit};
use crate::slurm::{
    Allocation, Commands, JobCommand, JobSpecification, MemoryOption as SlurmMemoryOption, SubmitStyle,
    WORKER_TEMPLATE, in_path, plannable, time_left,
};
use rand::RngExt;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Receivers of the events of a run, made once its directory is known.
pub type MakeMonitor<'a> = dyn Fn(Option<&RunDirectory>) -> Result<Box<dyn Monitor>> + 'a;

/// Opens the cluster that the settings describe. `program` is what workers run; `into` is the run's directory
/// where it has been made already.
pub fn open(
    settings: &Settings,
    program: &Path,
    started: Instant,
    into: Option<&RunDirectory>,
    make_monitor: &MakeMonitor<'_>,
) -> Result<Cluster> {
    descriptors::fit(settings.cluster.kind, settings.cluster.workers)?;
    let id = into.map_or_else(RunId::generate, |run| run.id().clone());
    let seed = settings.seed.unwrap_or_else(|| rand::rng().random());
    let opening = Opening { settings, program, started, into, id, seed };
    match settings.cluster.kind {
        ClusterKind::Threads => opening.threads(make_monitor),
        ClusterKind::Processes => opening.processes(make_monitor),
        ClusterKind::Slurm => opening.slurm(make_monitor),
    }
}

struct Opening<'a> {
    settings: &'a Settings,
    program: &'a Path,
    started: Instant,
    into: Option<&'a RunDirectory>,
    id: RunId,
    seed: u128,
}

impl Opening<'_> {
    fn threads(self, make_monitor: &MakeMonitor<'_>) -> Result<Cluster> {
        let mut monitor = make_monitor(self.into)?;
        let notice = self.settings.cluster.cores.map_or_else(|| available().notice, |_| None);
        if let Some(text) = notice {
            monitor.receive(self.now(), &RunEvent::Notice { text });
        }
        // A run that was begun before is this driver's from now on.
        let checkpoints = match self.into {
            Some(_) => self.soon(self.run_directory()?),
            None => self.later(),
        };
        let limits = self.limits();
        let launcher = Box::new(ThreadsLauncher::new(limits.workers[0].cores));
        self.start(1, None, launcher, monitor, checkpoints)
    }

    fn processes(self, make_monitor: &MakeMonitor<'_>) -> Result<Cluster> {
        let (run, nonce) = self.run_directory()?;
        let monitor = make_monitor(Some(&run))?;
        let workers = self.settings.cluster.workers;
        let launcher = ProcessLauncher::new(run.clone(), Program(self.program.to_owned()), workers);
        let checkpoints = self.soon((run.clone(), nonce));
        let networked = Some((self.listen(&run, true)?, (run, nonce)));
        self.start(workers, networked, Box::new(launcher), monitor, checkpoints)
    }

    fn slurm(self, make_monitor: &MakeMonitor<'_>) -> Result<Cluster> {
        let allocation = Allocation::from_environment();
        for command in ["sbatch", "squeue", "scancel"] {
            if in_path(command).is_none() {
                return Err(Error::new(ErrorKind::Slurm, format!("no `{command}` on this machine"))
                    .cause("cluster.kind is \"slurm\", and PATH has no such command")
                    .hint("start squall where Slurm's commands are, or use --cluster threads"));
            }
        }
        let template = template(self.settings)?;
        let (run, nonce) = self.run_directory()?;
        let monitor = make_monitor(Some(&run))?;
        let program = run.keep_program(self.program)?;
        let workers = self.settings.started_workers();
        let first = workers.min(self.settings.slurm.max_pending.unwrap_or(u32::MAX));
        let specifications = job_specifications(self.settings, first, &job_name(&run), run.path(), &program)?;
        let log_directory = &specifications[0].log_directory;
        std::fs::create_dir_all(log_directory).map_err(|error| {
            let directory = log_directory.display();
            Error::system(format!("cannot make the log directory `{directory}`"), &error)
                .hint("set slurm.log_directory to a place that can be written")
        })?;
        let janitor = self.settings.slurm.janitor;
        let interval = self.settings.slurm.submit_interval;
        let jobs = SlurmLauncher::new(run.clone(), specifications, template, allocation, janitor, interval)?;
        let launcher: Box<dyn Launcher> = match self.limits().beside {
            0 => Box::new(jobs),
            threads => Box::new(BesideLauncher::new(threads, Box::new(jobs))),
        };
        let checkpoints = self.soon((run.clone(), nonce));
        let networked = Some((self.listen(&run, false)?, (run, nonce)));
        self.start(workers, networked, launcher, monitor, checkpoints)
    }

    /// Makes the run directory, with everything in it that workers and later readers need.
    fn run_directory(&self) -> Result<Owned> {
        RunDirectory::prune(&self.settings.run.directory);
        let mut settings = self.settings.clone();
        settings.seed = Some(self.seed);
        owned(&settings, &self.limits(), &self.id, self.into)
    }

    /// Checkpoints of a run on threads, which has no directory until it has lasted for some time.
    fn later(&self) -> Checkpoints {
        let mut settings = self.settings.clone();
        settings.seed = Some(self.seed);
        let (limits, id) = (self.limits(), self.id.clone());
        let open = move || {
            RunDirectory::prune(&settings.run.directory);
            owned(&settings, &limits, &id, None)
        };
        let (kept, removed) = (self.kept(), self.is_nameless());
        Checkpoints { from: LASTING, made: false, removed, open: Box::new(open), kept }
    }

    /// Checkpoints in a directory that is there.
    fn soon(&self, (run, nonce): Owned) -> Checkpoints {
        let (kept, removed) = (self.kept(), self.is_nameless());
        let open = Box::new(move || Ok((run.clone(), nonce)));
        Checkpoints { from: SOON, made: true, removed, open, kept }
    }

    /// Whether its settings do not say what is computed, as in a program that uses the library: then nobody can go on
    /// with it after its end.
    fn is_nameless(&self) -> bool {
        self.settings.results.is_empty() && self.settings.saves.is_empty()
    }

    /// A run that was begun before can be gone on with from the start.
    fn kept(&self) -> Kept {
        let kept = Kept::default();
        if let Some(run) = self.into.filter(|run| run.checkpoint().is_some()) {
            let _ = kept.set(run.clone());
        }
        kept
    }

    fn listen(&self, run: &RunDirectory, loopback: bool) -> Result<Listen> {
        let failed =
            |error| Error::new(ErrorKind::Internal, "cannot make the run's keys").cause(format!("{error}"));
        let keys = Keys::generate().map_err(failed)?;
        run.write_key(&keys.worker)?;
        let cluster = &self.settings.cluster;
        Ok(Listen { port: cluster.port, host: cluster.host.clone(), loopback, acceptor: keys.driver })
    }

    fn limits(&self) -> Limits {
        Limits::of(self.settings)
    }

    fn start(
        self,
        workers: u32,
        networked: Option<(Listen, Owned)>,
        launcher: Box<dyn Launcher>,
        mut monitor: Box<dyn Monitor>,
        checkpoints: Checkpoints,
    ) -> Result<Cluster> {
        let (limits, kept) = (self.limits(), checkpoints.kept.clone());
        let cluster = &self.settings.cluster;
        let run = networked.as_ref().map(|(_, (run, _))| run.clone());
        let kind = match cluster.kind {
            ClusterKind::Threads => "threads",
            ClusterKind::Processes => "processes",
            ClusterKind::Slurm => "slurm",
        };
        let opened = RunEvent::Opened {
            run: self.id.to_string(),
            cluster: kind.to_owned(),
            workers,
            cores: Some(limits.workers[0].cores).filter(|_| limits.workers.len() == 1),
            limits: match cluster.kind {
                ClusterKind::Slurm if limits.workers.len() == 1 => {
                    asked(&self.settings.in_pools()[0].settings)
                }
                _ => String::new(),
            },
            seed: format!("{:#x}", self.seed),
            directory: run.as_ref().map(|run| run.path().display().to_string()),
        };
        monitor.receive(self.now(), &opened);
        let on_slurm = cluster.kind == ClusterKind::Slurm;
        if on_slurm {
            let pools = limits.workers.iter().zip(self.settings.in_pools()).filter_map(asked_in);
            // Pools mostly share how their figures came about.
            let mut said = BTreeSet::new();
            let figures = self.settings.in_pools().into_iter().flat_map(|pool| comments(&pool.settings));
            let figures = figures.filter(|text| said.insert(text.clone()));
            for text in pools.chain(figures).chain(estimate(self.settings)) {
                monitor.receive(self.now(), &RunEvent::Notice { text });
            }
        }
        if let Some(text) = beside(cluster).notice {
            monitor.receive(self.now(), &RunEvent::Notice { text });
        }
        // A driver that computes itself does not wait for anybody.
        let minimum_workers = if limits.beside > 0 { 1 } else { cluster.minimum_workers.min(workers) };
        let driver = Driver::start(Configuration {
            started: self.started,
            core: core::Configuration {
                workers,
                start_timeout: cluster.start_timeout,
                most_pending: self.settings.slurm.max_pending.filter(|_| on_slurm).unwrap_or(u32::MAX),
                jitter: u64::from(std::process::id()).rotate_right(16),
                minimum_workers,
                // The one worker of threads cannot be lost alone.
                replacements: cluster.replacements.unwrap_or(workers),
                pools: pools(self.settings, &limits),
                checkpoints_from: Some(Timestamp(checkpoints.from)),
            },
            death_timeout: cluster.death_timeout,
            listen: networked,
            launcher,
            monitor,
            checkpoints: Some(checkpoints),
            recording: run.as_ref().map(RunDirectory::create_recording).transpose()?,
            left: Allocation::from_environment().map(own_time),
        })?;
        Ok(Cluster { driver, id: self.id, run, seed: self.seed, kind: cluster.kind, limits, kept })
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.started.elapsed())
    }
}

/// Runs shorter than this need no checkpoint.
const SOON: Duration = Duration::from_secs(1);
/// Nor do they need a directory, where they are on threads and shorter than this.
const LASTING: Duration = Duration::from_secs(10);

/// How long the driver may go on that runs in a job. Before 23.02 Slurm does not tell it of itself, and is asked once the
/// run has lasted: one that cannot be asked then ends the driver without a warning.
fn own_time(allocation: Allocation) -> Left {
    Box::pin(async move {
        let told = time_left(Some(&allocation), None, Duration::ZERO, SystemTime::now());
        let left = match told {
            Some(left) => Some(left),
            None => {
                tokio::time::sleep(LASTING).await;
                let left = Commands::new().time_left(allocation.job_id).await;
                left.ok().flatten().map(Duration::from_secs)
            }
        };
        left.map(plannable)
    })
}

/// Takes a run for this driver: makes its directory, unless it is there, and writes what workers and later readers
/// need.
fn owned(settings: &Settings, limits: &Limits, id: &RunId, into: Option<&RunDirectory>) -> Result<Owned> {
    let run = match into {
        Some(run) => run.clone(),
        None => RunDirectory::create(&settings.run.directory, id.clone())?,
    };
    let allocation = Allocation::from_environment();
    let owner = Owner::this(allocation.map(|allocation| allocation.job_id.0));
    run.write_owner(&owner)?;
    run.mark_begun()?;
    for (limits, InPool { pool, settings, .. }) in limits.workers.iter().zip(settings.in_pools()) {
        let facts = WorkerFacts {
            cores: limits.cores,
            death_timeout_seconds: settings.cluster.death_timeout.as_secs(),
            job_name: job_name(&run),
            walltime_seconds: walltime(&settings),
            memory: asked_memory(&settings),
        };
        run.write_worker(pool.as_deref(), &facts)?;
    }
    run.write_settings(&settings.to_toml())?;
    Ok((run, owner.nonce))
}

/// Where the driver's workers come from.
fn pools(settings: &Settings, limits: &Limits) -> Vec<core::Pool> {
    let pool = |(limits, InPool { pool, maximum, .. }): (&WorkerLimits, InPool)| core::Pool {
        name: pool,
        maximum,
        memory: limits.memory.map(|memory| memory.bytes()),
    };
    limits.workers.iter().zip(settings.in_pools()).map(pool).collect()
}

/// What a worker's job is given.
fn asked(settings: &Settings) -> String {
    format!("{} and {}", settings.cluster.memory, settings.cluster.walltime)
}

/// What workers of a pool are given, and how many there may be, where there are pools.
fn asked_in((limits, InPool { pool, maximum, settings }): (&WorkerLimits, InPool)) -> Option<String> {
    let (pool, threads) = (pool?, counted(limits.cores, "thread"));
    let most = if maximum == u32::MAX { String::new() } else { format!("{maximum} at the most, ") };
    Some(format!("pool {pool}: {most}{threads}, {} each", asked(&settings)))
}

/// The time limit of the workers' jobs, in seconds, where they are jobs and have one.
fn walltime(settings: &Settings) -> Option<u64> {
    let of_jobs = settings.cluster.kind == ClusterKind::Slurm;
    settings.cluster.walltime.value().filter(|_| of_jobs)?.seconds()
}

/// The memory that the workers' jobs are asked for, in bytes, where they are jobs and it is.
fn asked_memory(settings: &Settings) -> Option<u64> {
    let asked =
        settings.cluster.kind == ClusterKind::Slurm && settings.slurm.memory_option != MemoryOption::None;
    settings.cluster.memory.value().filter(|_| asked).map(|memory| memory.bytes())
}

/// The name of the workers' jobs: that of the run's next submission.
fn job_name(run: &RunDirectory) -> String {
    run.id().job_name(run.submissions().len() as u32)
}

/// The template of job scripts: the user's, or the built-in one.
pub fn template(settings: &Settings) -> Result<String> {
    let Some(path) = &settings.slurm.template else { return Ok(WORKER_TEMPLATE.to_owned()) };
    std::fs::read_to_string(path).map_err(|error| {
        Error::system(format!("cannot read the template `{}`", path.display()), &error)
            .hint("set slurm.template to a file, or leave it out for the built-in one")
    })
}

/// The jobs of so many workers, in each pool that the settings describe: as many as it takes of them, which may be none.
pub fn job_specifications(
    settings: &Settings,
    workers: u32,
    name: &str,
    run_directory: &Path,
    program: &Path,
) -> Result<Vec<JobSpecification>> {
    let pools = settings.in_pools();
    let shares = share(workers, pools.iter().map(|pool| pool.maximum));
    let specify = |(workers, InPool { pool, settings, .. }): (u32, InPool)| {
        let of_one = job_specification(&settings, name.to_owned(), run_directory, program)?;
        Ok(JobSpecification { workers, command: JobCommand::Worker { pool }, ..of_one })
    };
    shares.into_iter().zip(pools).map(specify).collect()
}

/// The jobs of the workers that the settings describe, pools aside.
pub fn job_specification(
    settings: &Settings,
    name: String,
    run_directory: &Path,
    program: &Path,
) -> Result<JobSpecification> {
    let (cluster, slurm) = (&settings.cluster, &settings.slurm);
    let log_directory = match &slurm.log_directory {
        Some(directory) => absolute(directory)?,
        None => run_directory.join("logs"),
    };
    Ok(JobSpecification {
        name,
        workers: settings.started_workers(),
        cores: cluster.cores.unwrap_or(1),
        memory: cluster.memory.value().ok_or_else(|| unfitted("memory"))?,
        memory_option: match slurm.memory_option {
            MemoryOption::Mem => SlurmMemoryOption::Mem,
            MemoryOption::MemPerCpu => SlurmMemoryOption::MemPerCpu,
            MemoryOption::None => SlurmMemoryOption::None,
        },
        walltime: cluster.walltime.value().ok_or_else(|| unfitted("walltime"))?,
        partition: slurm.partition.clone(),
        account: slurm.account.clone(),
        qos: slurm.qos.clone(),
        constraint: slurm.constraint.clone(),
        reservation: slurm.reservation.clone(),
        directives: slurm.directives.clone(),
        comments: comments(settings),
        prologue: slurm.prologue.clone(),
        epilogue: slurm.epilogue.clone(),
        log_directory,
        deadline_seconds: None,
        program: program.to_owned(),
        run_directory: run_directory.to_owned(),
        submit: match slurm.submit {
            Submit::Array => SubmitStyle::Array,
            Submit::Jobs => SubmitStyle::Jobs,
        },
        command: JobCommand::Worker { pool: None },
    })
}

/// How figures that were left to squall came about.
pub(super) fn comments(settings: &Settings) -> Vec<String> {
    let (memory, walltime) = (&settings.cluster.memory, &settings.cluster.walltime);
    let memory_comment = memory.because().map(|because| format!("memory {memory}: {because}"));
    let walltime_comment = walltime.because().map(|because| format!("walltime {walltime}: {because}"));
    memory_comment.into_iter().chain(walltime_comment).collect()
}

/// The refusal of a job that is to be as large as something that is not known.
fn unfitted(key: &str) -> Error {
    Error::refused(format!("cluster.{key} is \"auto\", and it is not known what will be computed"))
        .hint(format!("name what to compute, or set cluster.{key}; in Rust, `Builder::fit(&array)` names it"))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::system(format!("cannot find `{}`", path.display()), &error))
}
