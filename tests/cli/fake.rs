//! Slurm's commands as fakes that answer what a test has written (`tests/fake_slurm`): for what a real Slurm
//! would not say on demand, and for machines without one.

use std::fs;
use std::path::PathBuf;

use crate::support::Place;

/// A place with fakes on PATH.
pub(crate) struct Fake {
    pub(crate) place: Place,
    answers: PathBuf,
}

impl Fake {
    /// Fakes with these answers, pieces of shell; other commands fail when they are called.
    pub(crate) fn new(answers: &[(&str, &str)]) -> Fake {
        let place = Place::with_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_slurm:/usr/bin:/bin"));
        let directory = place.directory().with_file_name("fake");
        fs::create_dir(&directory).expect("it takes another one");
        for (command, answer) in answers {
            fs::write(directory.join(command), answer).expect("a file can be written");
        }
        Fake { place: place.with_variable("FAKE_SLURM", &directory), answers: directory }
    }

    /// The arguments of each call so far.
    pub(crate) fn calls(&self, command: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.answers.join(format!("{command}.calls"))).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}
