//! How jobs ended, from `scontrol show job --oneliner`: what `squeue` says of it depends on the release.

use crate::slurm::{Exit, JobIdentity};
use std::collections::BTreeMap;

/// Reads the exit codes of all jobs of an answer: `ExitCode=CODE:SIGNAL`.
pub(crate) fn parse_exits(answer: &str) -> BTreeMap<JobIdentity, Exit> {
    answer.lines().filter_map(|line| Some((identity(line)?, exit(line)?))).collect()
}

fn identity(line: &str) -> Option<JobIdentity> {
    let plain = field(line, "JobId")?.parse().ok()?;
    // The elements of an array that were cancelled before they started share a line, and their index is a range.
    Some(match field(line, "ArrayTaskId") {
        Some(index) => JobIdentity {
            job_id: field(line, "ArrayJobId")?.parse().ok()?,
            array_index: Some(index.parse().ok()?),
        },
        None => JobIdentity { job_id: plain, array_index: None },
    })
}

fn exit(line: &str) -> Option<Exit> {
    parse_exit(field(line, "ExitCode")?)
}

/// Reads `CODE:SIGNAL`.
pub(crate) fn parse_exit(text: &str) -> Option<Exit> {
    let (code, signal) = text.split_once(':')?;
    match signal.parse().ok()? {
        0 => Some(Exit::Code(code.parse().ok()?)),
        signal => Some(Exit::Signal(signal)),
    }
}

/// The first field of that name: free text comes after those that are asked for here.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::JobId;

    #[test]
    fn exit_codes_and_signals_are_read_of_elements_and_of_plain_jobs() {
        let answer = "\
JobId=130 ArrayJobId=124 ArrayTaskId=3 JobName=sq-a UserId=u(1) JobState=FAILED Reason=JobLaunchFailure ExitCode=0:9 Command=/x ExitCode=7:0
JobId=131 JobName=sq-b JobState=FAILED Reason=NonZeroExitCode Dependency=(null) ExitCode=127:0
JobId=124 ArrayJobId=124 ArrayTaskId=4-7 JobName=sq-a JobState=CANCELLED ExitCode=0:0

slurm_load_jobs error: something else
";
        let element = JobIdentity { job_id: JobId(124), array_index: Some(3) };
        let plain = JobIdentity { job_id: JobId(131), array_index: None };
        let expected = [(element, Exit::Signal(9)), (plain, Exit::Code(127))];
        assert_eq!(parse_exits(answer), expected.into());
    }
}
