//! Events as lines of JSON, for programs and for finding out later what happened. Progress is left out: the
//! answers tell it.

use crate::event::{Monitor, RunEvent, Timestamp};
use serde::Serialize;
use std::io::Write;

/// Writes events to a file, one JSON object a line: `at` in seconds from the start of the run, `event`, and the
/// event's own fields.
pub struct Log<W> {
    /// `None` once a line could not be written: a full disk must not end a run.
    file: Option<W>,
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
        Log { file: Some(file) }
    }
}

impl<W: Write + Send> Monitor for Log<W> {
    fn receive(&mut self, at: Timestamp, event: &RunEvent) {
        let Some(file) = self.file.as_mut().filter(|_| !matches!(event, RunEvent::Progress { .. })) else {
            return;
        };
        let line = Line { at: at.0.as_secs_f64(), event };
        let mut text = serde_json::to_vec(&line).expect("events are plain data");
        text.push(b'\n');
        if file.write_all(&text).is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_event_is_one_line_of_json_with_its_time() {
        let mut bytes = Vec::new();
        Log::new(&mut bytes).receive(Timestamp(Duration::from_millis(1500)), &RunEvent::Left { worker: 3 });
        assert_eq!(String::from_utf8(bytes).expect("text"), "{\"at\":1.5,\"event\":\"left\",\"worker\":3}\n");
    }
}
