//! The queue as text: the format asked of `squeue`, reading its lines, and the table of `squall queue`.
//!
//! Never JSON, which old releases answer with everybody's jobs, and never `-j`, which fails once a job is
//! forgotten. The one field that may hold anything, the name, comes last.

use crate::error::{Result, printable};
use crate::slurm::job::{JobId, JobRecord, JobState, Reason};
use crate::slurm::submission::failure;
use serde::Serialize;
use std::path::PathBuf;

/// Job id, array's id, index, state, nodes, start, reason, name.
pub(crate) const RECORD_FORMAT: &str = "%A|%F|%K|%T|%N|%S|%r|%j";

/// The columns of the table, the reason, then the full name and the script.
pub(crate) const TABLE_FORMAT: &str = "%i|%P|%u|%t|%M|%D|%C|%m|%N|%r|%j|%o";

/// Job id, time left.
pub(crate) const TIME_LEFT_FORMAT: &str = "%A|%L";

/// The seconds that `squeue`'s answer to `%A|%L` leaves to a job: `MM:SS`, `HH:MM:SS` or
/// `D-HH:MM:SS`. Words such as `UNLIMITED` are no number of seconds.
pub fn parse_time_left(answer: &str, job: JobId) -> Option<u64> {
    let of_job = |line: &&str| line.split('|').next().and_then(|id| id.trim().parse().ok()) == Some(job);
    let (_, left) = answer.lines().find(of_job)?.split_once('|')?;
    let (days, clock) = left.trim().split_once('-').unwrap_or(("0", left.trim()));
    let seconds = clock
        .split(':')
        .try_fold(0, |sum: u64, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?;
    days.parse::<u64>().ok()?.checked_mul(86_400)?.checked_add(seconds)
}

/// Reads `squeue`'s answer to the format of records.
///
/// Lines that are no records are passed over, since sites' wrappers and several clusters add their own; an
/// answer made of nothing else is an error, lest every job seem gone.
pub fn parse_records(answer: &str) -> Result<Vec<JobRecord>> {
    let lines = answer.lines().filter(|line| !line.trim().is_empty());
    let records: Vec<JobRecord> = lines.clone().filter_map(parse_record).collect();
    if records.is_empty() && lines.clone().next().is_some() {
        return Err(failure("squeue's answer cannot be read", answer)
            .hint("a wrapper of the site may change squeue's output: put the real squeue first on PATH"));
    }
    Ok(records)
}

fn parse_record(line: &str) -> Option<JobRecord> {
    let fields: Vec<&str> = line.splitn(8, '|').collect();
    let &[job_id, array_job_id, array_index, state, nodes, start_time, reason, name] = fields.as_slice()
    else {
        return None;
    };
    let given = |text: &str| {
        Some(text.trim()).filter(|text| !matches!(*text, "" | "N/A" | "(null)")).map(str::to_owned)
    };
    Some(JobRecord {
        job_id: job_id.trim().parse::<JobId>().ok()?,
        array_job_id: array_job_id.trim().parse::<JobId>().ok()?,
        array_index: array_index.trim().parse::<u32>().ok().filter(|&index| index < NO_INDEX),
        state: JobState::parse(state),
        reason: Reason::new(reason).as_str().to_owned(),
        nodes: given(nodes).unwrap_or_default(),
        start_time: given(start_time),
        name: name.to_owned(),
    })
}

/// How some releases print the index of a job that is in no array.
const NO_INDEX: u32 = 0xffff_fffe;

const COLUMNS: [(&str, usize); 10] = [
    ("JOBID", 7),
    ("PARTITION", 9),
    ("NAME", 8),
    ("USER", 7),
    ("ST", 2),
    ("TIME", 5),
    ("NODES", 5),
    ("CPUS", 4),
    ("MIN_M", 5),
    ("NODELIST", 0),
];

/// A job as the table shows it, in Slurm's words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct QueueRow {
    /// What the job is called for as long as it lives: `124`, or `124_3`.
    pub job: String,
    /// Its partition.
    pub partition: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub user: String,
    /// Its state, in the short form.
    pub state: String,
    /// How long it has run.
    pub time: String,
    /// How many nodes it has, or is to have.
    pub nodes: String,
    /// How many CPUs.
    pub cpus: String,
    /// The memory that it asked for.
    pub memory: String,
    /// The nodes that it has.
    pub node_list: String,
    /// Why it waits; empty where it does not.
    pub reason: String,
    /// The script that was submitted, where Slurm says it.
    pub script: Option<PathBuf>,
    /// The cluster, where it is another than the commands' own.
    pub cluster: Option<String>,
}

impl QueueRow {
    /// The id that `sbatch` printed.
    pub fn submission(&self) -> Option<JobId> {
        self.job.split('_').next()?.parse().ok()
    }

    fn cells(&self) -> [&str; 10] {
        [
            &self.job,
            &self.partition,
            &self.name,
            &self.user,
            &self.state,
            &self.time,
            &self.nodes,
            &self.cpus,
            &self.memory,
            &self.node_list,
        ]
    }
}

/// Reads `squeue`'s answer to the format of the table. Lines that are no jobs are passed over.
pub fn parse_rows(answer: &str) -> Vec<QueueRow> {
    answer.lines().filter_map(parse_row).collect()
}

/// Lays out jobs, with more columns after Slurm's: their headers, and the cells of each job.
///
/// The columns are those that Slurm courses teach (`%.7i %.9P %.8j ...`), each as wide as it needs to be, so
/// that the index of an array's element is not cut off.
pub fn lay_out<const N: usize>(jobs: &[QueueRow], headers: [&str; N], more: &[[String; N]]) -> String {
    let rows: Vec<Vec<&str>> = jobs
        .iter()
        .zip(more)
        .map(|(job, more)| job.cells().into_iter().chain(more.iter().map(String::as_str)).collect())
        .collect();
    let columns: Vec<(&str, usize)> =
        COLUMNS.into_iter().chain(headers.map(|header| (header, header.len()))).collect();
    let width = |column: usize, (header, least): (&str, usize)| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header.len(), least]).max().unwrap_or(0)
    };
    let widths: Vec<usize> =
        columns.iter().enumerate().map(|(number, &column)| width(number, column)).collect();
    let mut table = String::new();
    let headers: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
    for row in std::iter::once(&headers).chain(&rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            // The last one may be long.
            if column + 1 == row.len() { (*cell).to_owned() } else { format!("{cell:>width$}") }
        });
        table.push_str(printable(cells.collect::<Vec<_>>().join(" ").trim_end()).as_ref());
        table.push('\n');
    }
    table
}

fn parse_row(line: &str) -> Option<QueueRow> {
    let fields: Vec<&str> = line.splitn(12, '|').collect();
    let &[job, partition, user, state, time, nodes, cpus, memory, node_list, reason, name, script] =
        fields.as_slice()
    else {
        return None;
    };
    Some(QueueRow {
        job: job.to_owned(),
        partition: partition.to_owned(),
        name: name.to_owned(),
        user: user.to_owned(),
        state: state.to_owned(),
        time: time.to_owned(),
        nodes: nodes.to_owned(),
        cpus: cpus.to_owned(),
        memory: memory.to_owned(),
        node_list: node_list.to_owned(),
        reason: Reason::new(reason).as_str().to_owned(),
        script: Some(script).filter(|script| script.starts_with('/')).map(PathBuf::from),
        cluster: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn records_of_every_kind_are_read() {
        let answer = "\
124|124|N/A|CANCELLED||2024-01-01T10:00:00|None|squall-a
130|124|3|RUNNING|node-[1-2]|2024-01-01T10:00:00|None|squall-a
124|124|4|PENDING||N/A|Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions|squall-a
131|131|N/A|OUT_OF_MEMORY|node-1|2024-01-01T10:00:00|OutOfMemory|squall-b
132|132|4294967294|SOMETHING_NEW|node-1|Unknown|None|other|job|name
";
        let records = parse_records(answer).unwrap();
        let shown: Vec<String> = records
            .iter()
            .map(|record| {
                let reason = if record.reason.is_empty() { "-" } else { &record.reason };
                format!("{} {} {} {reason} {}", record.identity(), record.job_id, record.state, record.name)
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        124 124 CANCELLED - squall-a
        124_3 130 RUNNING - squall-a
        124_4 124 PENDING Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions squall-a
        131 131 OUT_OF_MEMORY OutOfMemory squall-b
        132 132 SOMETHING_NEW - other|job|name
        ");
        assert_eq!((records[2].nodes.as_str(), &records[2].start_time), ("", &None));
        assert_eq!(records[1].start_time.as_deref(), Some("2024-01-01T10:00:00"));
    }

    #[test]
    fn lines_that_are_no_records_are_passed_over() {
        let answer = "CLUSTER: one\n\n57|57|N/A|RUNNING|n|N/A|None|a\nwelcome to the cluster\n";
        assert_eq!(parse_records(answer).unwrap().len(), 1);
    }

    #[test]
    fn answer_without_any_record_is_an_error_and_no_answer_is_an_empty_queue() {
        insta::assert_snapshot!(parse_records("JOBID NAME\n57 a\n").unwrap_err(), @"
        error: squeue's answer cannot be read
        cause: JOBID NAME
               57 a
        hint: a wrapper of the site may change squeue's output: put the real squeue first on PATH
        ");
        assert_eq!(parse_records("\n").unwrap(), []);
    }

    #[test]
    fn table_has_the_taught_columns_and_cuts_nothing_off() {
        let answer = "\
1748_12|cpubase_bycore_b1|alice|R|0:05|1|1|2G|node-1|None|sq-a-0|/home/a/job-0.sh
1748_13|cpubase_bycore_b1|alice|PD|0:00|1|1|2G||Priority|sq-a-0|/home/a/job-0.sh
CLUSTER: b
1749|cpubase_bycore_b1|alice|R|0:09|1|1|256M|node-2|None|python|(null)
";
        let rows = parse_rows(answer);
        let more: Vec<_> = rows.iter().map(|row| ["5 %".to_owned(), row.reason.clone()]).collect();
        insta::assert_snapshot!(lay_out(&rows, ["DONE", "WORKER"], &more), @"
          JOBID         PARTITION     NAME    USER ST  TIME NODES CPUS MIN_M NODELIST DONE WORKER
        1748_12 cpubase_bycore_b1   sq-a-0   alice  R  0:05     1    1    2G   node-1  5 %
        1748_13 cpubase_bycore_b1   sq-a-0   alice PD  0:00     1    1    2G           5 % Priority
           1749 cpubase_bycore_b1   python   alice  R  0:09     1    1  256M   node-2  5 %
        ");
        insta::assert_snapshot!(lay_out::<0>(&[], [], &[]), @"  JOBID PARTITION     NAME    USER ST  TIME NODES CPUS MIN_M NODELIST");
        assert_eq!(
            (rows[1].script.as_deref(), &rows[2].script),
            (Some(Path::new("/home/a/job-0.sh")), &None)
        );
    }

    #[test]
    fn time_left_is_read_in_all_of_squeues_forms() {
        let answer = "7|0:42\n8|59:30\n9|1:00:05\n10|2-01:00:00\n11|UNLIMITED\n12|INVALID\n\
                      13|18446744073709551615:1\n14|18446744073709551615-0:0\n";
        let left: Vec<_> = (7..15).map(|job| parse_time_left(answer, JobId(job))).collect();
        assert_eq!(left, [Some(42), Some(3570), Some(3605), Some(176_400), None, None, None, None]);
    }
}
