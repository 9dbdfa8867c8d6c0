//! A Slurm with jobs that wait, run and end, and the launcher that asks it: at times in vain.

use crate::faults::Fault;
use crate::mutation::Mutation;
use crate::world::{Happening, SECOND, World};
use rand::RngExt;
use squall::driver::core::Input;
use squall::error::{Error, ErrorKind};
use squall::launch::{Exit, Key, Phase, PoolId, State};
use std::collections::BTreeSet;

/// From TERM to KILL.
const KILL_WAIT: u64 = 30 * SECOND;
/// Looks in a row that do not find a job until it is taken for ended.
const MISSES: u32 = 3;
/// How long the launcher tries to end what is left.
const END_BUDGET: u64 = 8 * SECOND;

/// A job of one worker.
pub(crate) struct Job {
    pub(crate) life: usize,
    pub(crate) index: u32,
    pool: PoolId,
    /// Whether its launcher knows of it.
    named: bool,
    /// Which call of `sbatch` it comes from.
    batch: u32,
    pub(crate) phase: Phase,
    pub(crate) word: &'static str,
    /// Its process, once it runs.
    pub(crate) worker: Option<usize>,
    /// Whether `squeue` no longer lists it.
    forgotten: bool,
    /// Looks in a row that did not find it.
    missed: u32,
    /// What its launcher has told of it.
    pub(crate) told: Option<(Phase, &'static str)>,
    pub(crate) terminating: bool,
    /// The launcher was told to end it alone.
    withdrawn: bool,
}

impl Job {
    pub(crate) fn key(&self) -> Key {
        Key(format!("{}_{}", self.life, self.index))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }
}

impl World {
    /// So many workers are asked for. There are never more than are wanted, as far as the launcher has told, but for
    /// those whose time is soon over, in all and in each pool; and never more wait than may.
    pub(crate) fn orders(&mut self, life: usize, pool: PoolId, workers: u32) {
        let known = |job: &&Job| job.life == life && job.told.is_none_or(|(phase, _)| phase != Phase::Ended);
        let worker = |job: &Job| job.worker.map(|worker| &self.workers[worker]);
        let expires = |job: &Job| worker(job).is_some_and(|worker| worker.is_past_half(self.now));
        let waits = |job: &&Job| {
            job.told.is_none_or(|(phase, _)| phase == Phase::Waiting)
                && !job.withdrawn
                && worker(job).is_none_or(|worker| worker.sessions == 0)
        };
        let lasting = || self.jobs.iter().filter(known).filter(|job| !expires(job));
        let of_pool = lasting().filter(|job| job.pool == pool).count() as u32;
        let lasting = lasting().count() as u32;
        let waiting = self.jobs.iter().filter(known).filter(waits).count() as u32;
        let own = &mut self.lives[life];
        own.workers += workers;
        own.submitting += 1;
        let (target, pending, maximum) = (own.target, own.most_pending, own.maxima[pool.0]);
        // Where the number follows the work, those that are no longer wanted may be there beside others.
        assert!(
            target == u32::MAX || of_pool + workers <= maximum,
            "{workers} more than {of_pool} are more than the {maximum} of pool {pool:?}"
        );
        assert!(lasting + workers <= target, "{workers} more than {lasting} are more than {target}");
        assert!(
            waiting + workers <= pending,
            "{workers} more than {waiting} that wait are more than {pending}"
        );
        self.later(Happening::Submits { life, pool, workers });
    }

    /// The launcher calls `sbatch`.
    pub(crate) fn submits(&mut self, life: usize, pool: PoolId, workers: u32) {
        if !self.lives[life].alive {
            return;
        }
        let answers = self.lives[life].answers;
        if self.now < answers {
            return self.at(answers, Happening::Submits { life, pool, workers });
        }
        if self.strikes(Fault::JobsLimited) {
            self.lives[life].workers -= workers;
            self.answered(life);
            let error = Error::new(ErrorKind::Slurm, "sbatch: error: QOSMaxSubmitJobPerUserLimit");
            return self.tell(life, Input::PutOff(pool, workers, error));
        }
        if self.strikes(Fault::SubmissionRejected) {
            self.lives[life].rejected = true;
            self.lives[life].workers -= workers;
            self.answered(life);
            let error = Error::new(ErrorKind::Slurm, "sbatch: error: Batch job submission failed");
            return self.tell(life, Input::Failed(pool, workers, error));
        }
        let batch = self.lives[life].batches;
        self.lives[life].batches += 1;
        let before = self.jobs.iter().filter(|job| job.life == life).count() as u32;
        let pends = self.strikes(Fault::JobsPend);
        for index in before..before + workers {
            let (phase, word) = (Phase::Waiting, "PENDING");
            let (worker, forgotten, missed, told) = (None, false, 0, None);
            let terminating = false;
            self.jobs.push(Job {
                life,
                index,
                pool,
                named: false,
                batch,
                phase,
                word,
                worker,
                forgotten,
                missed,
                told,
                terminating,
                withdrawn: false,
            });
            let most = if pends { 100 * SECOND } else { 3 * SECOND };
            let wait = self.rng.random_range(0..most);
            self.after(wait, Happening::JobStarts { job: self.jobs.len() - 1 });
        }
        // The jobs are there, whether `sbatch` has said so or not; some start before it has.
        let unknown = self.strikes(Fault::SubmissionUnknown);
        let answers = self.rng.random_range(0..if unknown { 20 * SECOND } else { SECOND });
        self.lives[life].answers = self.now + answers;
        self.after(answers, Happening::Submitted { life, batch });
    }

    /// `sbatch` has answered, or its jobs were found by their name.
    pub(crate) fn submitted(&mut self, life: usize, batch: u32) {
        let of_batch = |job: &&Job| job.life == life && job.batch == batch;
        let keys = self.jobs.iter().filter(of_batch).map(Job::key).collect();
        let pool = self.jobs.iter().find(of_batch).expect("it has submitted some").pool;
        self.jobs.iter_mut().filter(|job| of_batch(&&**job)).for_each(|job| job.named = true);
        self.tell(life, Input::Started(pool, format!("job {life}"), keys));
        self.answered(life);
    }

    /// A call of `sbatch` is over; what is to be ended is so after the last.
    fn answered(&mut self, life: usize) {
        self.lives[life].submitting -= 1;
        if self.lives[life].submitting == 0
            && let Some((left, at_once)) = self.lives[life].ending.take()
        {
            self.end(life, left, at_once);
        }
    }

    pub(crate) fn job_starts(&mut self, number: usize) {
        let job = &mut self.jobs[number];
        if job.phase != Phase::Waiting {
            return;
        }
        (job.phase, job.word) = (Phase::Running, "RUNNING");
        self.start_worker(number);
    }

    /// A job has ended, and its process with it.
    pub(crate) fn job_ends(&mut self, number: usize, word: &'static str) {
        let job = &mut self.jobs[number];
        if !job.has_ended() {
            (job.phase, job.word) = (Phase::Ended, word);
            self.lives[job.life].faults += u32::from(matches!(word, "FAILED" | "OUT_OF_MEMORY"));
            if let Some(worker) = job.worker {
                self.worker_gone(worker, word == "NODE_FAIL");
            }
        }
    }

    /// The job's process is told to end, and killed if it does not.
    pub(crate) fn terminate(&mut self, number: usize, word: &'static str) {
        let job = &mut self.jobs[number];
        match (job.phase, job.worker) {
            (Phase::Running, Some(worker)) if !job.terminating => {
                job.terminating = true;
                self.after(KILL_WAIT, Happening::JobKilled { job: number, word });
                self.after(0, Happening::Terminates { worker });
            }
            (Phase::Waiting, _) => self.job_ends(number, word),
            _ => {}
        }
    }

    /// The launcher's answer to a look.
    pub(crate) fn looked(&mut self, life: usize) {
        self.lives[life].looking = false;
        if self.strikes(Fault::QueueUnreachable) {
            return self.tell(life, Input::Notice("squeue: error: timed out".to_owned()));
        }
        let mut states = Vec::new();
        for job in self.jobs.iter_mut().filter(|job| job.life == life && job.named) {
            job.missed = if job.forgotten { job.missed + 1 } else { 0 };
            let seen = if !job.forgotten {
                (job.phase, job.word)
            } else if job.missed >= MISSES {
                (Phase::Ended, "UNKNOWN")
            } else {
                continue;
            };
            if job.told == Some(seen) {
                continue;
            }
            job.told = Some(seen);
            let (phase, word) = (seen.0, seen.1.to_owned());
            // A crash is told by its signal, and a kill for memory by a word.
            let exit = (seen.1 == "FAILED").then_some(Exit::Signal(11));
            states.push(State {
                key: job.key(),
                phase,
                word,
                reason: String::new(),
                exit,
                log: String::new(),
            });
        }
        if !states.is_empty() {
            self.tell(life, Input::States(states));
        }
    }

    /// `squeue` no longer lists a job, which may go on or be dead.
    pub(crate) fn forget(&mut self, number: usize) {
        self.jobs[number].forgotten = true;
        if self.rng.random_bool(0.5) {
            self.job_ends(number, "NODE_FAIL");
        }
    }

    /// The launcher is told to end everything that has not left.
    pub(crate) fn end(&mut self, life: usize, left: BTreeSet<Key>, at_once: bool) {
        for job in self.jobs.iter().filter(|job| job.life == life && left.contains(&job.key())) {
            let leaves = job.worker.is_none_or(|worker| self.workers[worker].leaves);
            assert!(leaves, "{} is taken for one that has left", job.key());
        }
        if self.lives[life].submitting > 0 && !at_once {
            // `sbatch` is under way: what it starts is ended once it has answered.
            self.lives[life].ending = Some((left, at_once));
            return;
        }
        let fails = self.strikes(Fault::CancelFails);
        let takes = if fails { END_BUDGET } else { self.rng.random_range(0..2 * SECOND) };
        self.after(takes, Happening::Cancelled { life, left, fails });
    }

    /// `scancel` has done it, or leaves a line to type.
    pub(crate) fn cancelled(&mut self, life: usize, left: &BTreeSet<Key>, fails: bool) {
        if !self.lives[life].alive {
            return;
        }
        if !fails && self.mutation != Some(Mutation::EndsNothing) {
            self.cancel(life, left);
        }
        let line = fails.then(|| format!("scancel --name squall-{life}"));
        let forgotten = |job: &&Job| job.life == life && !job.has_ended() && !job.terminating;
        let forgotten = self.jobs.iter().find(forgotten).map(Job::key);
        self.checker.gone(life, line.as_deref(), forgotten.as_ref());
        self.tell(life, Input::Gone(line));
    }

    /// The launcher is told to end these, and does, unless `scancel` fails.
    pub(crate) fn withdraws(&mut self, life: usize, keys: BTreeSet<Key>) {
        let withdrawn = |job: &&mut Job| job.life == life && keys.contains(&job.key());
        self.jobs.iter_mut().filter(withdrawn).for_each(|job| job.withdrawn = true);
        if !self.strikes(Fault::CancelFails) {
            let takes = self.rng.random_range(0..2 * SECOND);
            self.after(takes, Happening::Withdrawn { life, keys });
        }
    }

    pub(crate) fn withdrawn(&mut self, life: usize, keys: &BTreeSet<Key>) {
        for number in 0..self.jobs.len() {
            if self.jobs[number].life == life && keys.contains(&self.jobs[number].key()) {
                self.terminate(number, "CANCELLED");
            }
        }
    }

    /// Cancels the jobs of a life but those that have left.
    pub(crate) fn cancel(&mut self, life: usize, left: &BTreeSet<Key>) {
        for number in 0..self.jobs.len() {
            if self.jobs[number].life == life && !left.contains(&self.jobs[number].key()) {
                self.terminate(number, "CANCELLED");
            }
        }
    }

    /// A worker without its driver cancels what is still pending beside it.
    pub(crate) fn cancel_pending(&mut self, life: usize) {
        for number in 0..self.jobs.len() {
            if self.jobs[number].life == life && self.jobs[number].phase == Phase::Waiting {
                self.job_ends(number, "CANCELLED");
            }
        }
    }
}
