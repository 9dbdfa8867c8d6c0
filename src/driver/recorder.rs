//! Appends what the scheduler is told to a file, on a thread of its own, so that a disk that hangs stops nothing.

use crate::event::Timestamp;
use crate::scheduler::Event;
use crate::scheduler::record::{LONGEST, Recording};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

/// Records that may wait for the disk. Beyond them the recording ends, since one with a gap would be of no use.
const WAITING: usize = 1 << 16;
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// The handle of the thread.
pub(super) struct Recorder {
    recording: Recording,
    recorded: u64,
    /// `None` once the recording has ended.
    records: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Recorder {
    /// Starts the thread. Without one, or a disk that takes anything, there is no recording, and the run goes on.
    pub(super) fn start(file: File, minimum_workers: u32) -> Recorder {
        let (records, received) = mpsc::sync_channel(WAITING);
        let (end, ended) = mpsc::channel();
        let _ = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            let _ = write(file, minimum_workers, &received);
            drop(end);
        });
        let recorded = Recording::beginning(minimum_workers).len() as u64;
        Recorder { recording: Recording::default(), recorded, records: Some(records), ended }
    }

    pub(super) fn record(&mut self, now: Timestamp, event: &Event) {
        let Some(records) = &self.records else { return };
        let record = self.recording.record(now, event).unwrap_or_default();
        self.recorded += record.len() as u64;
        if record.is_empty() || self.recorded > LONGEST || records.try_send(record).is_err() {
            self.records = None;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.records = None;
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

fn write(file: File, minimum_workers: u32, records: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    file.write_all(&Recording::beginning(minimum_workers))?;
    while let Ok(first) = records.recv() {
        file.write_all(&first)?;
        while let Ok(record) = records.try_recv() {
            file.write_all(&record)?;
        }
        // What waits goes out together, and nothing stays behind when nothing happens.
        file.flush()?;
    }
    Ok(())
}
