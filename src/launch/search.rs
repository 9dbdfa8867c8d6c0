//! Looking for a job that `sbatch` may have submitted although it failed: a controller that answers too late may
//! have queued it all the same. Only the job's name tells, and only a controller that answers.

use crate::error::{Error, Result};
use crate::slurm::{Commands, JobId, JobRecord};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many answers without the job say that there is none.
const ANSWERS: u32 = 2;

/// The search for a job of a name.
pub(super) struct Search<'a> {
    pub(super) commands: &'a Commands,
    /// What the job is called.
    pub(super) name: &'a str,
    /// Jobs of that name that other submissions made.
    pub(super) known: BTreeSet<u64>,
    /// How far answers are apart: what was sent is handled or dropped by then.
    pub(super) apart: Duration,
}

impl Search<'_> {
    /// The job's id. `error` is the failure of `sbatch`, and stands where the job is not found: then the controller
    /// has answered twice without it. One that does not answer is asked again for as long as it takes, since the
    /// run cannot begin without it; `notice` is told so at once.
    pub(super) async fn find(&self, error: Error, notice: impl Fn(String)) -> Result<JobId> {
        let causes = error.causes().join(", ");
        notice(format!("{}: {causes}; job {} may be there, and is looked for", error.what(), self.name));
        let mut answers = 0;
        loop {
            let looked = self.commands.jobs().await;
            if let Some(found) = looked.as_ref().ok().and_then(|records| self.found(records)) {
                return Ok(found);
            }
            answers += u32::from(looked.is_ok());
            if answers == ANSWERS {
                return Err(
                    error.cause(format!("Slurm then answered {ANSWERS} times without a job {}", self.name))
                );
            }
            // A look that failed has waited for the controller itself.
            tokio::time::sleep(if looked.is_ok() { self.apart } else { self.apart / 5 }).await;
        }
    }

    /// One that has ended already was there, too; but not in the place of one that has not.
    fn found(&self, records: &[JobRecord]) -> Option<JobId> {
        let ours =
            |record: &&JobRecord| record.name == self.name && !self.known.contains(&record.array_job_id.0);
        let alive = records.iter().filter(ours).find(|record| !record.state.is_final());
        alive.or_else(|| records.iter().find(ours)).map(|record| record.array_job_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::cell::RefCell;

    /// What comes of the search where `squeue` answers these pieces of shell, one after the other, the last again
    /// and again; with what was told meanwhile, and how often was asked.
    fn search(answers: &[&str]) -> (Result<JobId>, Vec<String>, usize) {
        let directory = tempfile::tempdir().expect("a directory");
        let cases: Vec<String> =
            answers.iter().enumerate().map(|(index, answer)| format!("{}) {answer};;", index + 1)).collect();
        let script = format!(
            "n=$(wc -l < \"$FAKE_SLURM/squeue.calls\"); [ $n -gt {last} ] && n={last}\ncase $n in\n{}\nesac",
            cases.join("\n"),
            last = answers.len(),
        );
        std::fs::write(directory.path().join("squeue"), script).expect("written");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_slurm:/usr/bin:/bin");
        let variables = [("PATH".into(), path.into()), ("FAKE_SLURM".into(), directory.path().into())];
        let commands = Commands::with_environment(variables.into_iter());
        let told = RefCell::new(Vec::new());
        let apart = Duration::from_millis(1);
        let search = Search { commands: &commands, name: "sq-a-0", known: BTreeSet::from([50]), apart };
        let error = Error::new(ErrorKind::Slurm, "Slurm's controller did not answer in time");
        let error = error.cause("Socket timed out");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let found = runtime.block_on(search.find(error, |text| told.borrow_mut().push(text)));
        let calls = std::fs::read_to_string(directory.path().join("squeue.calls")).expect("it was called");
        (found, told.into_inner(), calls.lines().count())
    }

    const DOWN: &str = "echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1";
    const OTHERS: &str = "echo '50|50|0|RUNNING|a|N/A|None|sq-a-0'; echo '60|60|N/A|PENDING||N/A|None|other'";
    const OURS: &str = "echo '50|50|0|RUNNING|a|N/A|None|sq-a-0'; echo '57|57|3|PENDING||N/A|None|sq-a-0'";
    const ENDED: &str = "echo '57|57|N/A|CANCELLED||N/A|None|sq-a-0'";

    #[test]
    fn job_is_looked_for_until_the_controller_answers() {
        let (found, told, calls) = search(&[DOWN, DOWN, OURS]);
        assert_eq!((found, calls), (Ok(JobId(57)), 3));
        let said = "Slurm's controller did not answer in time: Socket timed out; job sq-a-0 may be there";
        assert!(told.len() == 1 && told[0].starts_with(said), "{told:?}");
    }

    #[test]
    fn job_that_appears_after_the_first_answer_is_found() {
        let (found, _, calls) = search(&[":", OURS]);
        assert_eq!((found, calls), (Ok(JobId(57)), 2));
        assert_eq!(search(&[OTHERS, DOWN, OURS]).0, Ok(JobId(57)));
    }

    #[test]
    fn job_that_has_ended_meanwhile_was_submitted() {
        assert_eq!(search(&[ENDED]).0, Ok(JobId(57)));
    }

    #[test]
    fn job_that_two_answers_lack_was_not_submitted() {
        let (found, _, calls) = search(&[OTHERS, DOWN, ":"]);
        let error = found.expect_err("there is none").to_string();
        assert!(error.starts_with("error: Slurm's controller did not answer in time\n"), "{error}");
        assert!(error.contains("cause: Slurm then answered 2 times without a job sq-a-0"), "{error}");
        assert_eq!(calls, 3);
    }
}
