//! What has been passed on the way to a worker and back, a line each: `ok`, `wait` for what is not there yet, `warn`
//! for what works and is not as it should be, and `FAIL`.

use crate::cli::exit::print;
use crate::error::{Error, ErrorKind, Result, printable};
use crate::event::{JobNews, RunEvent, Timestamp};
use crate::run::{Report, RunDirectory};
use crate::slurm::{JobState, Reason};
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How far clocks may be apart before that is warned of, in seconds.
const CLOCKS: f64 = 5.0;

/// Of a worker that has written into the run directory and was not heard of.
const CUT_OFF: &str = "the worker runs and sees the run directory, and has not reached this machine";
const FIREWALL: &str =
    "a firewall may be between: set cluster.port or cluster.host, or start squall in a job, with srun";
/// Of a worker that runs and has not written there.
const UNSEEN: &str = "nothing of what the worker writes is seen in the run directory";
const SHARED: &str = "set run.directory to a place that all nodes see under the same path";

/// The hops so far.
pub(super) struct Hops {
    started: Instant,
    warnings: u32,
    /// What is waited for.
    waits: &'static str,
    /// What was last said of the job.
    job: Option<JobNews>,
    host: Option<String>,
    /// How far the worker's clock is ahead, in seconds.
    ahead: Option<f64>,
    /// The worker's report, and when it was seen by this machine's clock, in seconds since 1970.
    report: Option<(Report, f64)>,
    leased: Option<Timestamp>,
    /// Whether an answer has come: what happens then is the end.
    answered: bool,
    /// What was told of what the worker has found.
    found: BTreeSet<String>,
}

impl Hops {
    pub(super) fn new(started: Instant) -> Hops {
        Hops {
            started,
            warnings: 0,
            waits: "the worker to be asked for",
            job: None,
            host: None,
            ahead: None,
            report: None,
            leased: None,
            answered: false,
            found: BTreeSet::new(),
        }
    }

    pub(super) fn ok(&self, text: &str) -> Result<()> {
        self.line("ok", text)
    }

    pub(super) fn warn(&mut self, text: &str) -> Result<()> {
        self.warnings += 1;
        self.line("warn", text)
    }

    /// Tells of the hop that was not passed; returns the failure with what else may help.
    pub(super) fn fail(&mut self, error: Error) -> Result<Error> {
        let warnings = self.unheard().map_or_else(Vec::new, |report| report.warnings.clone());
        warnings.iter().try_for_each(|text| self.warn(&format!("worker: {text}")))?;
        self.line("FAIL", &format!("waiting for {}: {}", self.waits, error.what()))?;
        Ok(self.advise(error))
    }

    /// The failure with what is known of a worker that was not heard of.
    fn advise(&self, error: Error) -> Error {
        match self.unheard() {
            _ if error.kind() != ErrorKind::Workers => error,
            Some(_) => error.cause(CUT_OFF).hint(FIREWALL),
            None if self.report.is_none() && self.runs() => error.cause(UNSEEN).hint(SHARED),
            None => error,
        }
    }

    /// The report of a worker that has not connected.
    fn unheard(&self) -> Option<&Report> {
        self.report.as_ref().filter(|_| self.host.is_none()).map(|(report, _)| report)
    }

    fn runs(&self) -> bool {
        self.job.as_ref().is_some_and(|job| JobState::parse(&job.state) == JobState::Running)
    }

    /// The last line, where all was passed.
    pub(super) fn end(&self) -> Result<()> {
        match self.warnings {
            0 => self.ok("all is well"),
            1 => self.ok("it works, with one warning"),
            warnings => self.ok(&format!("it works, with {warnings} warnings")),
        }
    }

    fn line(&self, word: &str, text: &str) -> Result<()> {
        let seconds = self.started.elapsed().as_secs_f64();
        print(&format!("{word:<4} {seconds:>8.3} s  {}\n", printable(&text.replace('\n', "; "))))
    }

    /// Why it has taken too long.
    pub(super) fn too_late(&self, limit: Duration) -> Error {
        let what = format!("it has not come within {} s", limit.as_secs());
        let mut error = Error::new(ErrorKind::Workers, what);
        if let Some(job) = &self.job {
            error = error.cause(words(job));
            if let Some(hint) = Reason::new(&job.reason).hint() {
                error = error.hint(hint);
            }
        }
        error.hint("--timeout SECONDS waits longer")
    }

    /// Takes note of what has happened.
    pub(super) fn told(&mut self, clock: SystemTime, at: Timestamp, event: &RunEvent) -> Result<()> {
        match event {
            RunEvent::Submitted { job, .. } => {
                self.waits = "the worker's start and its connection";
                self.ok(&format!("asked for one worker: {job}"))
            }
            RunEvent::Jobs { jobs } => jobs.iter().try_for_each(|job| self.job(job)),
            // Of the worker's own findings too.
            RunEvent::Notice { text } => self.warn(text),
            RunEvent::Registered { job, host, kernel, start_seconds, .. } => {
                self.waits = "an answer";
                self.host = Some(host.clone());
                self.ok(&format!(
                    "the worker {job} on {host} has connected, {start_seconds:.3} s after its start; \
                     its kernels are of the form {kernel}"
                ))
            }
            RunEvent::Found { found, clock_milliseconds, .. } => {
                found.iter().try_for_each(|line| self.found(line))?;
                self.clocks(seconds(*clock_milliseconds) - since_1970(clock))
            }
            RunEvent::Leased { .. } => {
                self.leased.get_or_insert(at);
                Ok(())
            }
            RunEvent::Answered { .. } if !self.answered => {
                self.answered = true;
                let took = self.leased.map_or(Duration::ZERO, |leased| at - leased).as_secs_f64();
                self.ok(&format!("a task went there and its answer came back within {:.1} ms", took * 1e3))
            }
            _ => Ok(()),
        }
    }

    fn job(&mut self, job: &JobNews) -> Result<()> {
        if self.answered {
            return Ok(());
        }
        self.job = Some(job.clone());
        match JobState::parse(&job.state) {
            JobState::Running => {
                if self.host.is_none() {
                    self.waits = "the worker's connection";
                }
                self.ok(&words(job))
            }
            state if state.is_waiting() => self.line("wait", &words(job)),
            _ => self.warn(&words(job)),
        }
    }

    fn found(&mut self, line: &str) -> Result<()> {
        if self.found.insert(line.to_owned()) { self.ok(&format!("worker: {line}")) } else { Ok(()) }
    }

    fn clocks(&mut self, ahead: f64) -> Result<()> {
        self.ahead = Some(ahead);
        let host = self.host.as_deref().unwrap_or("the worker's machine");
        let how = if ahead < 0.0 { "behind" } else { "ahead of" };
        let text = format!("the clock of {host} is {:.3} s {how} this machine's", ahead.abs());
        match ahead.abs() < CLOCKS {
            true => self.ok(&text)?,
            false => self.warn(&format!("{text}; workers take the end of their jobs from their own"))?,
        }
        self.delay()
    }

    /// Whether the worker's report was seen.
    pub(super) fn has_report(&self) -> bool {
        self.report.is_some()
    }

    /// Looks whether the worker's report is there.
    pub(super) fn look(&mut self, run: &RunDirectory) -> Result<()> {
        let Some(report) = run.report() else { return Ok(()) };
        let seen = since_1970(SystemTime::now());
        self.ok(&format!("the worker on {} sees the run directory", report.host))?;
        report.found.iter().try_for_each(|line| self.found(line))?;
        self.report = Some((report, seen));
        self.delay()
    }

    /// Once both are known: how long what a worker writes takes to be seen here.
    fn delay(&self) -> Result<()> {
        let Some(((report, seen), ahead)) = self.report.as_ref().zip(self.ahead) else { return Ok(()) };
        let delay = (seen - (seconds(report.clock_milliseconds) - ahead)).max(0.0);
        self.ok(&format!("what it writes there is seen here {delay:.1} s later"))
    }

    /// The worker has answered, and what it wrote is not there.
    pub(super) fn no_report(&mut self, waited: Duration) -> Result<()> {
        let waited = waited.as_secs();
        self.warn(&format!(
            "what the worker has written into the run directory is not seen here for {waited} s"
        ))
    }
}

/// What Slurm says of a job.
fn words(job: &JobNews) -> String {
    let reason = if job.reason.is_empty() { String::new() } else { format!(" ({})", job.reason) };
    format!("job {} is {}{reason}", job.job, job.state)
}

fn since_1970(clock: SystemTime) -> f64 {
    clock.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(state: &str, reason: &str) -> Hops {
        let (state, reason) = (state.to_owned(), reason.to_owned());
        let job = JobNews { job: "7".to_owned(), state, reason };
        Hops { job: Some(job), waits: "the worker's connection", ..Hops::new(Instant::now()) }
    }

    fn report() -> Report {
        Report { host: "node-1".to_owned(), clock_milliseconds: 0, found: Vec::new(), warnings: Vec::new() }
    }

    #[test]
    fn job_that_does_not_start_in_time_is_told_with_slurms_reason_and_what_helps() {
        let error = waiting("PENDING", "JobHeldUser").too_late(Duration::from_secs(5)).to_string();
        assert!(error.contains("\ncause: job 7 is PENDING (JobHeldUser)\n"), "{error}");
        assert!(error.contains("\nhint: the job is held: `scontrol release JOBID` lets it go\n"), "{error}");
        assert!(error.ends_with("hint: --timeout SECONDS waits longer"), "{error}");
    }

    #[test]
    fn worker_that_runs_and_does_not_connect_is_told_apart_by_its_report() {
        let told = |hops: &Hops| hops.advise(hops.too_late(Duration::from_secs(5))).to_string();
        let mut hops = waiting("RUNNING", "");
        let unseen = told(&hops);
        assert!(unseen.contains("hint: set run.directory to a place that all nodes see"), "{unseen}");
        hops.report = Some((report(), 0.0));
        let seen = told(&hops);
        assert!(seen.contains("cause: the worker runs and sees the run directory, and has not"), "{seen}");
        assert!(seen.contains("hint: a firewall may be between: set cluster.port"), "{seen}");
    }
}
