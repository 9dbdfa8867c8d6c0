//! What a person sees: one line for each change, on standard error.
//!
//! Under `srun` and in log files there is no terminal, so the lines come first and are sparse. Where there is a
//! terminal, a live line below them shows the progress.

use crate::error::printable;
use crate::event::{JobNews, Monitor, OWN_HOST, Receipt, ResultSoFar, RunEvent, Timestamp};
use crate::monitor::words::{count, mebibytes, seconds, so_far, workers};
use crate::units::Memory;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// How often the live line is drawn anew.
const LIVE_INTERVAL: Duration = Duration::from_millis(200);
/// Parts of a stage after which a line is due, ..
const PARTS: u64 = 4;
/// .. and the time after which one is due in any case.
const SILENCE: Duration = Duration::from_secs(60);
/// The first result so far is worth a line; from then on the time until another one is due doubles, from this on.
const RESULTS: Duration = Duration::from_secs(2);
/// How many results are shown while they are computed.
const MOST_RESULTS: usize = 3;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One line a change.
    Lines,
    /// And a live line below.
    Live,
}

/// Writes for people.
pub struct Terminal<W> {
    out: W,
    style: Style,
    /// What a worker is started as, where it comes from outside this process.
    started_as: Option<&'static str>,
    seed: String,
    /// Of workers, as asked for.
    expected: u64,
    registered: u64,
    jobs: BTreeMap<String, JobNews>,
    /// What was last said of the jobs.
    said: String,
    stage: Stage,
    live_at: Option<Timestamp>,
}

/// The stage that is computed.
#[derive(Default)]
struct Stage {
    began: Option<Timestamp>,
    /// Elements that were done before.
    before: u64,
    /// How many parts of it have been told.
    parts: u64,
    /// When something of it was told.
    told: Option<Timestamp>,
    /// What its results come to so far.
    results: Vec<ResultSoFar>,
    /// After how much silence they are told again, once they have been told.
    results_after: Option<Duration>,
}

impl<W: Write> Terminal<W> {
    /// Writes to `out`.
    pub fn new(out: W, style: Style) -> Terminal<W> {
        Terminal {
            out,
            style,
            started_as: None,
            seed: String::new(),
            expected: 0,
            registered: 0,
            jobs: BTreeMap::new(),
            said: String::new(),
            stage: Stage::default(),
            live_at: None,
        }
    }

    fn line(&mut self, text: &str) {
        self.clear();
        // Where standard error is closed nobody reads it, and the run goes on.
        let _ = writeln!(self.out, "{}", printable(text).replace('\n', "\n  "));
    }

    /// Takes the live line away.
    fn clear(&mut self) {
        if self.live_at.take().is_some() {
            let _ = write!(self.out, "\r\x1b[K");
            let _ = self.out.flush();
        }
    }

    fn live(&mut self, at: Timestamp, text: &str) {
        let due = self.live_at.is_none_or(|last| at - last >= LIVE_INTERVAL);
        if self.style == Style::Live && due {
            self.live_at = Some(at);
            // What does not fit the line is cut off rather than wrapped, since a second line could not be taken away.
            let text = printable(text).replace('\n', " ");
            let _ = write!(self.out, "\r\x1b[K\x1b[?7l{text}\x1b[?7h");
            let _ = self.out.flush();
        }
    }

    fn opened(&mut self, event: &RunEvent) {
        let RunEvent::Opened { run, cluster, workers: asked, cores, limits, seed, directory } = event else {
            return;
        };
        self.expected = u64::from(*asked);
        self.started_as = match cluster.as_str() {
            "threads" => None,
            "slurm" => Some("job"),
            _ => Some("process"),
        };
        let threads = cores.map_or(String::new(), |cores| {
            format!(" of {cores} thread{}", if cores == 1 { "" } else { "s" })
        });
        let limits = if limits.is_empty() { String::new() } else { format!(", {limits} each") };
        let place = directory.as_ref().map_or(String::new(), |directory| format!(" in {directory}"));
        self.line(&format!("run {run} on {cluster}: {}{threads}{limits}{place}", workers(self.expected)));
        self.line(&format!("seed {seed}"));
        self.seed.clone_from(seed);
    }

    /// One line for all jobs, when their numbers in each state have changed.
    fn jobs(&mut self, news: &[JobNews]) {
        self.jobs.extend(news.iter().map(|job| (job.job.clone(), job.clone())));
        let mut groups: BTreeMap<String, u64> = BTreeMap::new();
        for job in self.jobs.values() {
            let reason = if job.reason.is_empty() { String::new() } else { format!(" ({})", job.reason) };
            *groups.entry(format!("{}{reason}", job.state)).or_default() += 1;
        }
        let parts: Vec<String> = groups.iter().map(|(state, jobs)| format!("{jobs} {state}")).collect();
        let text = format!("jobs: {}", parts.join(", "));
        if text != self.said {
            self.line(&text);
            self.said = text;
        }
    }

    fn registered(&mut self, event: &RunEvent) {
        let RunEvent::Registered { worker, job, host, kernel, threads, start_seconds } = event else {
            return;
        };
        let Some(started_as) = self.started_as else { return };
        if host == OWN_HOST {
            let threads = format!("{threads} thread{}", if *threads == 1 { "" } else { "s" });
            return self.line(&format!("the driver computes too: worker {worker} of {threads} ({kernel})"));
        }
        self.registered += 1;
        // Of many workers, not every one is worth a line.
        let told =
            self.registered <= 8 || self.registered.is_power_of_two() || self.registered == self.expected;
        if told {
            let (registered, expected) = (self.registered, self.expected.max(self.registered));
            let start = seconds(*start_seconds);
            self.line(&format!(
                "{registered} of {} registered: worker {worker} is {started_as} {job} on {host} ({kernel}, up in {start})",
                workers(expected)
            ));
        }
    }

    fn progress(&mut self, at: Timestamp, done: u64, tasks: u64, elements: u64) {
        let elapsed = (at - self.stage.began.unwrap_or(at)).as_secs_f64();
        let share = done as f64 / tasks.max(1) as f64;
        let own = elements.saturating_sub(self.stage.before) as f64;
        let rate = if elapsed > 0.0 { own / elapsed } else { 0.0 };
        let left = if own > 0.0 { elapsed * (1.0 - share) * elements as f64 / share / own } else { 0.0 };
        let mut text =
            format!("{:3.0} % done, {} numbers a second, {} left", share * 100.0, count(rate), seconds(left));
        for result in self.stage.results.iter().take(MOST_RESULTS) {
            text += &format!("; {}", so_far(result));
        }
        let parts = done * PARTS / tasks.max(1);
        let silence = match self.stage.results_after {
            _ if self.stage.results.is_empty() => SILENCE,
            None => Duration::ZERO,
            Some(after) => after,
        };
        let silent = at - self.stage.told.or(self.stage.began).unwrap_or(at) >= silence;
        if (parts > self.stage.parts || silent) && parts < PARTS {
            (self.stage.parts, self.stage.told) = (parts, Some(at));
            if !self.stage.results.is_empty() {
                self.stage.results_after =
                    Some(self.stage.results_after.map_or(RESULTS, |after| (2 * after).min(SILENCE)));
            }
            self.line(&text);
        } else {
            self.live(at, &text);
        }
    }

    fn closed(&mut self, receipt: &Receipt) {
        let times = [
            ("submit", receipt.submit_seconds),
            ("queue", receipt.queue_seconds),
            ("start", receipt.start_seconds),
            ("compute", receipt.compute_seconds),
            ("close", receipt.close_seconds),
            ("wall", receipt.wall_seconds),
        ];
        let times: Vec<String> =
            times.iter().map(|(name, value)| format!("{name} {}", seconds(*value))).collect();
        self.line(&format!("time: {}", times.join(", ")));
        if receipt.compute_seconds > 0.0 {
            let elements = receipt.elements as f64;
            let rate = count(elements / receipt.compute_seconds);
            let lost = if receipt.lost > 0 { format!(", {} lost", receipt.lost) } else { String::new() };
            self.line(&format!(
                "work: {} numbers, {rate} a second, by {}{lost}; seed {}",
                count(elements),
                workers(receipt.workers),
                self.seed
            ));
            self.line(&format!("memory: {}", self.memory(receipt)));
        }
    }

    /// Peaks as they were measured, beside what was computed beforehand.
    fn memory(&self, receipt: &Receipt) -> String {
        let driver =
            format!("{} of {}", mebibytes(receipt.driver_peak_bytes), mebibytes(receipt.driver_bound_bytes));
        if self.started_as.is_none() {
            return format!("{driver} bounded");
        }
        let (peak, bound) = (mebibytes(receipt.worker_peak_bytes), mebibytes(receipt.worker_bound_bytes));
        let allowed = receipt.worker_allowed_bytes;
        let allowed =
            allowed.map_or(String::new(), |allowed| format!(", {} allowed", Memory::from_bytes(allowed)));
        format!("worker {peak} of {bound} bounded{allowed}; driver {driver}")
    }
}

impl<W: Write + Send> Monitor for Terminal<W> {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        match event {
            RunEvent::Opened { .. } => self.opened(event),
            RunEvent::Submitted { job, workers: started } if self.started_as.is_some() => {
                self.line(&format!("{job}: {} asked for", workers(u64::from(*started))));
            }
            RunEvent::Jobs { jobs } => self.jobs(jobs),
            RunEvent::Registered { .. } => self.registered(event),
            RunEvent::Draining { worker, cause } => {
                self.line(&format!("worker {worker} was asked to end: {cause}"));
            }
            RunEvent::Lost { worker, cause, leases } => {
                let again = if *leases > 0 { ", and what it held waits again" } else { "" };
                self.line(&format!("worker {worker} is lost: {cause}{again}"));
            }
            RunEvent::Returned { worker } => self.line(&format!("worker {worker} is back")),
            RunEvent::Stage { done, .. } => self.stage = Stage { before: *done, ..Stage::default() },
            // The clock of a stage starts with its first lease, not while workers are awaited.
            RunEvent::Leased { .. } => drop(self.stage.began.get_or_insert(at)),
            RunEvent::ResultsSoFar { results, .. } => self.stage.results.clone_from(results),
            RunEvent::Progress { done, tasks, elements, .. } => self.progress(at, *done, *tasks, *elements),
            RunEvent::StageDone { .. } => self.clear(),
            RunEvent::Closing { cause } if cause != "done" => self.line(&format!("ending: {cause}")),
            RunEvent::Notice { text } => self.line(text),
            RunEvent::Closed(receipt) => self.closed(receipt),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
