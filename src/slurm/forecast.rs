//! When Slurm expects jobs to start, by `sbatch --test-only`, which submits nothing.
//!
//! It looks at nodes alone: it gives a start in a partition that is DOWN, and to a job whose time limit is above its
//! partition's. Those are found by `check`.

use crate::slurm::SubmitError;
use crate::slurm::submission::{judge_failure, unreadable};

/// Slurm's words before the figures.
const BEGINNING: &str = "sbatch: Job ";
/// Its words before a refusal.
const REFUSAL: &str = "allocation failure: ";

/// What `sbatch --test-only` says of a job, or of the first element of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// When it would start, as Slurm writes times: `2024-05-01T12:00:00`.
    pub start: String,
    /// How many CPUs it would have.
    pub cpus: u32,
    /// On which nodes.
    pub nodes: String,
    /// In which partition.
    pub partition: String,
}

impl Forecast {
    /// Reads the end of one `sbatch --test-only`; `code` is none where a signal ended it.
    pub fn judge(code: Option<i32>, stderr: &str) -> Result<Forecast, SubmitError> {
        match code {
            Some(0) => stderr.lines().find_map(Forecast::parse).ok_or_else(|| unreadable(stderr)),
            Some(_) if stderr.contains(REFUSAL) => {
                let words: Vec<_> = stderr.lines().map(|line| line.trim_start_matches(REFUSAL)).collect();
                Err(judge_failure(&words.join("\n")))
            }
            _ => Err(judge_failure(stderr)),
        }
    }

    /// `sbatch: Job 43 to start at TIME using 1 processors on nodes NODES in partition NAME`.
    fn parse(line: &str) -> Option<Forecast> {
        let (_, said) = line.trim().strip_prefix(BEGINNING)?.split_once(" to start at ")?;
        let (start, said) = said.split_once(" using ")?;
        let (cpus, said) = said.split_once(" processors on nodes ")?;
        let (nodes, partition) = said.split_once(" in partition ")?;
        let cpus = cpus.trim().parse().ok()?;
        let [start, nodes, partition] = [start, nodes, partition].map(|text| text.trim().to_owned());
        Some(Forecast { start, cpus, nodes, partition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_start_is_read_whatever_else_is_said() {
        let said = "sbatch: your jobs are charged to def-a\nsbatch: Job 43 to start at 2024-05-01T12:00:00 using 1 \
                    processors on nodes node-[1,3] in partition main\n";
        let forecast = Forecast::judge(Some(0), said).expect("a start");
        let words = [&forecast.start, &forecast.nodes, &forecast.partition];
        assert_eq!(words, ["2024-05-01T12:00:00", "node-[1,3]", "main"]);
        assert_eq!(forecast.cpus, 1);
    }

    #[test]
    fn refusals_are_those_of_a_submission() {
        let drained = "allocation failure: Required partition not available (inactive or drain)\n";
        let Err(SubmitError::Refused(error)) = Forecast::judge(Some(1), drained) else { panic!("refused") };
        let error = error.to_string();
        assert!(error.contains("cause: Required partition not available (inactive or drain)"), "{error}");
        let down = "allocation failure: Unable to contact slurm controller (connect failure)\n";
        assert!(matches!(Forecast::judge(Some(1), down), Err(SubmitError::Unavailable(_))));
    }

    #[test]
    fn what_says_nothing_of_a_start_is_no_forecast() {
        for said in
            ["", "sbatch: Job 43 to start at noon", "sbatch: Job to start at a using b processors on nodes c"]
        {
            assert!(matches!(Forecast::judge(Some(0), said), Err(SubmitError::Unavailable(_))), "{said}");
        }
    }
}
