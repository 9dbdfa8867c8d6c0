//! Events as lines of JSON, for programs and for finding out later what happened. Progress is left out: the
//! answers tell it. What results come to is told now and then. Once the log is long, leases and their answers are left out instead: there may be many millions, and
//! the recording of the scheduler has them in a tenth of the room. Then progress is told now and then.

use crate::event::{Monitor, RunEvent, Timestamp};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// From here on leases are left out, in bytes, ..
const LONG: u64 = 64 << 20;
/// .. and progress is told so often; and what results come to, always.
const PROGRESS: Duration = Duration::from_secs(10);

/// Writes events to a file, one JSON object a line: `at` in seconds from the start of the run, `event`, and the
/// event's own fields.
pub struct Log<W> {
    /// `None` once a line could not be written: a full disk must not end a run.
    file: Option<W>,
    written: u64,
    /// When progress was told.
    progress: Option<Timestamp>,
    /// When it was told what results come to.
    so_far: Option<Timestamp>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: f64,
    #[serde(flatten)]
    event: &'a RunEvent,
}

impl<W: Write> Log<W> {
    /// A log to `file`, which needs no buffer: each line is written at once.
    pub fn new(file: W) -> Log<W> {
        Log { file: Some(file), written: 0, progress: None, so_far: None }
    }
}

impl<W: Write + Send> Monitor for Log<W> {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        let is_told = match event {
            RunEvent::Progress { done, tasks, .. } => {
                let due = done == tasks || self.progress.is_none_or(|told| at - told >= PROGRESS);
                let due = due && self.written >= LONG;
                self.progress = if due { Some(at) } else { self.progress };
                due
            }
            RunEvent::ResultsSoFar { .. } => {
                let due = self.so_far.is_none_or(|told| at - told >= PROGRESS);
                self.so_far = if due { Some(at) } else { self.so_far };
                due
            }
            RunEvent::Leased { .. } | RunEvent::Answered { .. } => self.written < LONG,
            _ => true,
        };
        let Some(file) = self.file.as_mut().filter(|_| is_told) else { return };
        let line = Line { at: at.0.as_secs_f64(), event };
        let mut text = serde_json::to_vec(&line).expect("events are plain data");
        text.push(b'\n');
        self.written += text.len() as u64;
        if file.write_all(&text).is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ResultSoFar;

    #[test]
    fn long_log_goes_on_without_leases() {
        let mut bytes = Vec::new();
        let mut log = Log::new(&mut bytes);
        log.written = LONG;
        let leased = RunEvent::Leased { lease: 1, worker: 3, first: 0, end: 5 };
        let progress = |done| RunEvent::Progress { stage: 0, done, tasks: 9, elements: 0 };
        let events = [leased, progress(1), progress(2), RunEvent::Returned { worker: 3 }, progress(9)];
        events.iter().for_each(|event| log.receive(Timestamp::default(), event));
        log.receive(Timestamp(PROGRESS), &progress(8));
        let text = String::from_utf8(bytes).expect("text");
        let told: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let told: Vec<_> = told.iter().map(|line| (line["event"].as_str(), line["done"].as_u64())).collect();
        let progress = |done| (Some("progress"), Some(done));
        assert_eq!(told, [progress(1), (Some("returned"), None), progress(9), progress(8)]);
    }

    #[test]
    fn results_so_far_are_told_now_and_then() {
        let mut bytes = Vec::new();
        let mut log = Log::new(&mut bytes);
        let result = ResultSoFar { name: "a".to_owned(), value: 0.5, error: None, elements: 7 };
        let event = RunEvent::ResultsSoFar { stage: 0, results: vec![result] };
        for at in [Duration::ZERO, PROGRESS / 2, PROGRESS] {
            log.receive(Timestamp(at), &event);
        }
        let text = String::from_utf8(bytes).expect("text");
        let told = "\"event\":\"results_so_far\",\"stage\":0,\
                    \"results\":[{\"name\":\"a\",\"value\":0.5,\"error\":null,\"elements\":7}]}\n";
        assert_eq!(text, format!("{{\"at\":0.0,{told}{{\"at\":10.0,{told}"));
    }

    #[test]
    fn an_event_is_one_line_of_json_with_its_time() {
        let mut bytes = Vec::new();
        Log::new(&mut bytes)
            .receive(Timestamp(Duration::from_millis(1500)), &RunEvent::Returned { worker: 3 });
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!(text, "{\"at\":1.5,\"event\":\"returned\",\"worker\":3}\n");
    }
}
