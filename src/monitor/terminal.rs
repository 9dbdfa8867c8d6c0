//! What a person sees: one line for each change, on standard error.
//!
//! Under `srun` and in log files there is no terminal, so the lines come first and are sparse. Where there is a
//! terminal, a live line below them shows the progress.

use crate::error::printable;
use crate::event::{JobNews, Monitor, Receipt, RunEvent, Timestamp};
use crate::monitor::words::{count, mebibytes, seconds, workers};
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
            let _ = write!(self.out, "\r\x1b[K{text}");
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
        let threads = format!("{cores} thread{}", if *cores == 1 { "" } else { "s" });
        let limits = if limits.is_empty() { String::new() } else { format!(", {limits} each") };
        let place = directory.as_ref().map_or(String::new(), |directory| format!(" in {directory}"));
        self.line(&format!("run {run} on {cluster}: {} of {threads}{limits}{place}", workers(self.expected)));
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
        let RunEvent::Registered { worker, job, host, kernel, start_seconds, .. } = event else { return };
        let Some(started_as) = self.started_as else { return };
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
        let text =
            format!("{:3.0} % done, {} numbers a second, {} left", share * 100.0, count(rate), seconds(left));
        let parts = done * PARTS / tasks.max(1);
        let silent = at - self.stage.told.or(self.stage.began).unwrap_or(at) >= SILENCE;
        if (parts > self.stage.parts || silent) && parts < PARTS {
            (self.stage.parts, self.stage.told) = (parts, Some(at));
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
mod tests {
    use super::*;

    fn lines(events: &[(u64, RunEvent)]) -> String {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(&mut out, Style::Lines);
        for (milliseconds, event) in events {
            terminal.receive(Timestamp(Duration::from_millis(*milliseconds)), event);
        }
        String::from_utf8(out).expect("text")
    }

    fn job(job: &str, state: &str, reason: &str) -> JobNews {
        JobNews { job: job.to_owned(), state: state.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn a_run_is_told_in_one_line_for_each_change() {
        let opened = RunEvent::Opened {
            run: "bcdfghjk".to_owned(),
            cluster: "slurm".to_owned(),
            workers: 2,
            cores: 1,
            limits: "2G and 00:05:00".to_owned(),
            seed: "0x2a".to_owned(),
            directory: Some("/home/me/.squall/bcdfghjk".to_owned()),
        };
        let registered = RunEvent::Registered {
            worker: 0,
            job: "12_0".to_owned(),
            host: "node-1".to_owned(),
            threads: 1,
            kernel: "avx2".to_owned(),
            start_seconds: 0.02,
        };
        let leased = RunEvent::Leased { lease: 0, worker: 0, first: 0, end: 8 };
        let progress = |done| RunEvent::Progress { stage: 0, done, tasks: 800, elements: done * 1_000_000 };
        let waits = vec![job("12_0", "PENDING", "Priority"), job("12_1", "PENDING", "Priority")];
        let receipt = Receipt {
            submit_seconds: 0.1,
            queue_seconds: 70.0,
            compute_seconds: 2.0,
            wall_seconds: 72.5,
            elements: 800_000_000,
            worker_peak_bytes: (7 << 20) + 100_000,
            worker_bound_bytes: 41 << 20,
            worker_allowed_bytes: Some(2 << 30),
            driver_peak_bytes: 10_276_045,
            driver_bound_bytes: 40 << 20,
            workers: 1,
            lost: 1,
            ..Receipt::default()
        };
        let text = lines(&[
            (0, opened),
            (100, RunEvent::Submitted { job: "job 12".to_owned(), workers: 2 }),
            (2000, RunEvent::Jobs { jobs: waits.clone() }),
            (7000, RunEvent::Jobs { jobs: waits }),
            (70_000, registered),
            (70_000, RunEvent::Stage { stage: 0, tasks: 800, chunks: 16, elements: 800_000_000, done: 0 }),
            (70_500, leased),
            (70_600, progress(40)),
            (71_000, progress(200)),
            (71_100, progress(240)),
            (71_200, RunEvent::Lost { worker: 0, cause: "it closed the connection".to_owned(), leases: 2 }),
            (72_500, progress(800)),
            (72_500, RunEvent::Closing { cause: "done".to_owned() }),
            (72_500, RunEvent::Closed(receipt)),
        ]);
        insta::assert_snapshot!(text, @"
        run bcdfghjk on slurm: 2 workers of 1 thread, 2G and 00:05:00 each in /home/me/.squall/bcdfghjk
        seed 0x2a
        job 12: 2 workers asked for
        jobs: 2 PENDING (Priority)
        1 of 2 workers registered: worker 0 is job 12_0 on node-1 (avx2, up in 0.02 s)
         25 % done, 400 million numbers a second, 1.5 s left
        worker 0 is lost: it closed the connection, and what it held waits again
        time: submit 0.10 s, queue 70.0 s, start 0.00 s, compute 2.0 s, close 0.00 s, wall 72.5 s
        work: 800 million numbers, 400 million a second, by 1 worker, 1 lost; seed 0x2a
        memory: worker 7.1M of 41M bounded, 2G allowed; driver 9.8M of 40M
        ");
    }
}
