//! A job of workers as simple as can be.

use squall::slurm::{JobCommand, JobSpecification, MemoryOption, SubmitStyle};
use std::path::Path;

/// Four workers of one core and 2G for five minutes, of a run in `directory`, where their program is too.
pub(crate) fn job(directory: &Path, program: &str) -> JobSpecification {
    JobSpecification {
        name: "sq-bcdfghjk-0".into(),
        workers: 4,
        cores: 1,
        memory: "2G".parse().expect("memory"),
        memory_option: MemoryOption::Mem,
        walltime: "5".parse().expect("a walltime"),
        partition: None,
        account: None,
        qos: None,
        constraint: None,
        reservation: None,
        directives: Vec::new(),
        comments: Vec::new(),
        prologue: Vec::new(),
        epilogue: Vec::new(),
        log_directory: directory.join("logs"),
        deadline_seconds: None,
        program: directory.join(program),
        run_directory: directory.to_owned(),
        submit: SubmitStyle::Array,
        command: JobCommand::Worker { pool: None },
    }
}
