//! What a user holds: a cluster that computes, of threads, processes or Slurm jobs.
//!
//! Here all parts are put together, and nowhere else. A cluster is opened from settings, has plans computed,
//! and is closed; dropping it closes it too.

mod builder;
mod computation;
mod descriptors;
mod limits;
mod open;
mod request;
mod saves;
mod threads;

pub use builder::{Builder, ProcessCluster, SlurmCluster, ThreadsCluster};
pub use computation::Computation;
pub use limits::{Allowed, Limits, WorkerLimits};
pub use open::{MakeMonitor, job_specification, job_specifications, open, template};
pub use request::{estimate, fitted, foreseen};
pub use saves::targets;
pub use threads::{Threads, available, beside};

use crate::array::{Array, Target, Value};
use crate::driver::checkpoint::Checkpoint;
use crate::driver::{Driver, Kept, complete};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Plan, plan};
use crate::run::{RunDirectory, RunId};
use crate::settings::ClusterKind;
use saves::Unfinished;
use std::sync::Arc;

/// A cluster. Results have the same bits on every kind of cluster, with any number of workers.
pub struct Cluster {
    driver: Driver,
    id: RunId,
    run: Option<RunDirectory>,
    seed: u128,
    kind: ClusterKind,
    limits: Limits,
    kept: Kept,
}

/// The results of a plan without a cluster, and its files, where a checkpoint says that nothing is left to be
/// computed.
pub fn computed_before(plan: &Arc<Plan>, from: &Checkpoint) -> Result<Option<Vec<(String, Value)>>> {
    let Some(finished) = complete(plan, from.clone())? else { return Ok(None) };
    let results = plan.finish(&finished)?;
    plan.targets().iter().try_for_each(Target::finish_again)?;
    Ok(Some(results))
}

impl Cluster {
    /// Computes an array or a number, such as `x.mean()`: a future for any executor, or `.wait()` for none.
    ///
    /// ```no_run
    /// # fn main() -> squall::Result<()> {
    /// let x = squall::random::normal(0.0, 0.1).size([800_000_000]).stream("x");
    /// let cluster = squall::ThreadsCluster::builder().start()?;
    /// println!("{}", cluster.compute(&x.mean())?.wait()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn compute(&self, array: &Array) -> Result<Computation<Value>> {
        let results = [("result".to_owned(), array.expr()?)];
        let plan = plan(&results, &[], self.seed)?;
        let one = |mut results: Vec<(String, Value)>| results.remove(0).1;
        Ok(self.compute_plan(Arc::new(plan))?.map(one))
    }

    /// Computes an array and writes it to a `.npy` file, which must not exist; workers write their own parts.
    ///
    /// # Errors
    /// Where the file exists or cannot be written, before anything is computed.
    pub fn save(&self, array: &Array, path: &str) -> Result<Computation<()>> {
        let saves = targets(&[(path.to_owned(), array.expr()?)])?;
        Ok(self.compute_plan(Arc::new(plan(&[], &saves, self.seed)?))?.map(drop))
    }

    /// Computes all results of a plan together, and writes its files; refuses one that needs more memory than
    /// workers have.
    pub fn compute_plan(&self, plan: Arc<Plan>) -> Result<Computation<Vec<(String, Value)>>> {
        self.compute_from(plan, None)
    }

    /// Goes on with the plan from where a checkpoint of it was made. The plan's targets are the checkpoint's.
    ///
    /// # Errors
    /// Where the plan, or a file that it reads, is another one by now.
    pub fn compute_from(
        &self,
        plan: Arc<Plan>,
        from: Option<Checkpoint>,
    ) -> Result<Computation<Vec<(String, Value)>>> {
        self.limits.fit(&plan)?;
        if let Some(run) = &self.run {
            run.write_plan(&plan.describe())?;
        }
        let files = match &from {
            None => Unfinished::create(plan.targets(), self.kept.clone())?,
            Some(_) => Unfinished::reopen(plan.targets(), self.kept.clone())?,
        };
        let finished = self.driver.compute(plan.clone(), self.limits.bounds(&plan), from);
        Ok(Computation::new(finished, move |finished| {
            let results = plan.finish(&finished)?;
            files.finish()?;
            Ok(results)
        }))
    }

    /// Where the run can be gone on from after its end, once a checkpoint has been made.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// The seed of random arrays without a generator of their own.
    pub fn seed(&self) -> u128 {
        self.seed
    }

    /// From now on the cluster is to have so many workers. More are started at once, also while nothing is computed;
    /// where there are to be fewer, those that wait are withdrawn first, and others hand in what they have done and
    /// leave, so that nothing is computed twice and their jobs end COMPLETED. Returns at once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Refused`] for no worker at all ([`Cluster::close`] does that), for a cluster of threads, whose
    /// one worker is this process, and for more workers than this process may hold connections of.
    pub fn scale(&self, workers: u32) -> Result<()> {
        if workers == 0 {
            return Err(
                Error::refused("a cluster of 0 workers").hint("scale to one at the least, or close it")
            );
        }
        self.check_scalable(workers)?;
        self.driver.scale(workers);
        Ok(())
    }

    fn check_scalable(&self, workers: u32) -> Result<()> {
        if self.kind == ClusterKind::Threads {
            return Err(Error::refused("a cluster of threads cannot be scaled")
                .cause("its one worker is this process")
                .hint("give it more threads when it is made: cluster.cores"));
        }
        descriptors::fit(self.kind, workers)
    }

    /// From now on the number of workers follows the work, between `minimum` and `maximum`: there are as many as have at
    /// least twice as much to do as the last one that came had to wait in the queue, by the measured speed. Those that
    /// are there stay while there is work for them, and ten seconds longer; then they leave as in [`Cluster::scale`],
    /// which ends this. Returns at once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Refused`] where `maximum` is 0 or less than `minimum`, and as in [`Cluster::scale`].
    pub fn adapt(&self, minimum: u32, maximum: u32) -> Result<()> {
        if maximum < minimum.max(1) {
            return Err(Error::refused(format!("a cluster of {minimum} to {maximum} workers"))
                .hint("the maximum is one at the least, and not less than the minimum"));
        }
        self.check_scalable(maximum)?;
        self.driver.adapt(minimum, maximum);
        Ok(())
    }

    /// Waits until so many workers have registered. What is computed begins earlier: with `cluster.minimum_workers`.
    ///
    /// # Errors
    /// At once when a job has ended before its worker registered, and too few others can come: with its state, its
    /// exit code and how its log ends; and where the cluster is closed.
    pub async fn wait_for_workers(&self, workers: u32) -> Result<()> {
        self.driver.wait_for_workers(workers).await
    }

    /// A way to end the cluster from a signal handler's task: in order the first time, at once the second.
    pub fn stopper(&self) -> impl Fn(Error) + Send + Sync + 'static {
        self.driver.stopper()
    }

    /// Ends the workers in order and waits until it is done, some ten seconds at the most.
    ///
    /// # Errors
    /// Where Slurm cannot be reached: the hint is the exact `scancel` line to type.
    pub async fn close(self) -> Result<()> {
        match self.driver.close().await? {
            None => Ok(()),
            Some(line) => Err(Error::new(
                ErrorKind::Slurm,
                format!("jobs of this run may be left behind: type `{line}`"),
            )
            .cause("Slurm did not take the request to cancel them in time")),
        }
    }
}
