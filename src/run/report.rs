//! What a worker writes into the run directory of its run where that asks for it: it is read even where the worker
//! cannot reach its driver.

use crate::error::{Error, Result};
use crate::run::{RunDirectory, json};
use serde::{Deserialize, Serialize};
use std::fs;

const ASKED: &str = "report-asked";
const REPORT: &str = "report.json";

/// What a worker has found where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The host.
    pub host: String,
    /// Its clock when this was written, in milliseconds since 1970.
    pub clock_milliseconds: u64,
    /// What is as it should be, a line each.
    pub found: Vec<String>,
    /// What is not.
    pub warnings: Vec<String>,
}

impl RunDirectory {
    /// Asks the worker of this run for a report; the run has one worker.
    pub fn ask_for_report(&self) -> Result<()> {
        self.write(ASKED, b"")
    }

    /// Whether a report is asked for.
    pub fn wants_report(&self) -> bool {
        self.path.join(ASKED).exists()
    }

    /// Writes the report.
    pub fn write_report(&self, report: &Report) -> Result<()> {
        self.write(REPORT, &json(report))
    }

    /// The report, once it is seen here.
    pub fn report(&self) -> Option<Report> {
        // Listing the directory makes a network file system look again for what was not there before.
        let is_report = |entry: fs::DirEntry| entry.file_name() == REPORT;
        let there = fs::read_dir(&self.path).ok()?.flatten().any(is_report);
        there.then(|| self.parse(REPORT).ok()).flatten()
    }

    /// Removes the directory with all that is in it.
    ///
    /// # Errors
    /// In the system's words; what is left can be removed by hand.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.path).map_err(|error| {
            let what = format!("cannot remove `{}`", self.path.display());
            Error::system(what, &error).hint("remove it by hand")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    #[test]
    fn report_is_asked_for_written_and_removed_with_its_run() {
        let base = tempfile::tempdir().expect("a directory");
        let run = RunDirectory::create(base.path(), RunId::generate()).expect("created");
        assert!(!run.wants_report() && run.report().is_none());
        run.ask_for_report().expect("written");
        assert!(run.wants_report());
        let (found, warnings) = (vec!["a".to_owned()], vec!["b".to_owned()]);
        let report = Report { host: "node-1".to_owned(), clock_milliseconds: 7, found, warnings };
        run.write_report(&report).expect("written");
        assert_eq!(run.report(), Some(report));
        run.remove().expect("removed");
        assert!(!run.path().exists());
        assert!(run.remove().is_err());
    }
}
