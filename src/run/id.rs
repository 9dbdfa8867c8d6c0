//! The name of a run: eight letters and digits that are not used again.

use rand::RngExt;
use std::fmt;

/// Letters and digits that are not mistaken for each other and make no words.
const ALPHABET: &[u8] = b"bcdfghjkmnpqrstvwxz23456789";
const LENGTH: usize = 8;

/// The name of a run: 38 random bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// A new one.
    pub fn generate() -> RunId {
        let mut rng = rand::rng();
        RunId((0..LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect())
    }

    /// Reads one.
    pub fn parse(text: &str) -> Result<RunId, String> {
        let valid = text.len() == LENGTH && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if valid { Ok(RunId(text.to_owned())) } else { Err(format!("`{text}` is not the id of a run")) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the jobs of a submission. Its first eight characters, which is what `squeue` shows, tell
    /// squall's jobs and the run.
    pub fn job_name(&self, submission: u32) -> String {
        format!("sq-{}-{submission}", self.0)
    }

    /// The run whose job is named so, if it is one of squall's.
    pub fn of_job_name(name: &str) -> Option<RunId> {
        RunId::parse(name.strip_prefix("sq-")?.split_once('-')?.0).ok()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_id_is_read_back() {
        let id = RunId::generate();
        assert_eq!(RunId::parse(id.as_str()), Ok(id.clone()));
        assert_eq!(RunId::of_job_name(&id.job_name(3)), Some(id));
        assert_eq!(RunId::of_job_name("dask-worker"), None);
    }

    #[test]
    fn other_names_are_not_ids() {
        for text in ["", "logs", "bcdfghj", "bcdfghjkm", "bcdfghja", "../../..", "bcdfghjK"] {
            assert!(RunId::parse(text).is_err(), "{text}");
        }
    }
}
