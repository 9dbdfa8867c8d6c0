//! What a job is asked for, as plain data, and the refusal of values that no job script may carry.
//!
//! Script and command line are both made from it: `script` and `arguments`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::slurm::JobIdentity;
use crate::units::{Memory, Walltime};

/// Everything that Slurm is told about one kind of job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobSpecification {
    /// The job's name: letters, digits and `-_.` alone, since log files are named after it.
    pub name: String,
    /// How many jobs, or elements of the array.
    pub workers: u32,
    /// CPUs of each.
    pub cores: u32,
    /// Memory of each.
    pub memory: Memory,
    /// How that memory is asked for.
    pub memory_option: MemoryOption,
    /// Time limit of each.
    pub walltime: Walltime,
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--constraint`.
    pub constraint: Option<String>,
    /// `--reservation`.
    pub reservation: Option<String>,
    /// Further directives as they stand after `#SBATCH`: `--gres=gpu:1`.
    pub directives: Vec<String>,
    /// How the request came about, for people.
    pub comments: Vec<String>,
    /// Shell lines before the program starts.
    pub prologue: Vec<String>,
    /// Shell lines after it has ended.
    pub epilogue: Vec<String>,
    /// Where the job logs go; it must exist and be seen by the nodes.
    pub log_directory: PathBuf,
    /// Slurm ends what is still pending this many seconds after submission, less the time limit.
    pub deadline_seconds: Option<u64>,
    /// The program as the nodes see it.
    pub program: PathBuf,
    /// The one argument of a worker.
    pub run_directory: PathBuf,
    /// One array, or one job each.
    pub submit: SubmitStyle,
    /// What the program is started as.
    pub command: JobCommand,
}

/// How memory is asked for; sites differ in which they allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryOption {
    /// `--mem`.
    Mem,
    /// `--mem-per-cpu`.
    MemPerCpu,
    /// Neither: the partition's default holds.
    None,
}

/// How many submissions a number of workers takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubmitStyle {
    /// One job array (a plain job for a single worker).
    Array,
    /// One plain job for each worker.
    Jobs,
}

/// What a job runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobCommand {
    /// `PROGRAM worker RUN-DIRECTORY [POOL]`.
    Worker {
        /// The pool that it is one of, where there are several.
        pool: Option<String>,
    },
    /// `PROGRAM ARGUMENTS...`: the driver as a job of its own.
    Driver {
        /// What follows the program.
        arguments: Vec<String>,
    },
}

impl JobSpecification {
    /// Whether Slurm may start the job again, after it has lost its node or was preempted. A driver goes on from its
    /// last checkpoint then; a lost worker is replaced by others.
    pub fn is_requeued(&self) -> bool {
        matches!(self.command, JobCommand::Driver { .. })
    }

    /// The pool of the workers, where there are several.
    pub fn pool(&self) -> Option<&str> {
        match &self.command {
            JobCommand::Worker { pool } => pool.as_deref(),
            JobCommand::Driver { .. } => None,
        }
    }

    /// The setting that a value comes from which each pool can have of its own.
    pub(crate) fn key(&self, common: &str) -> String {
        match (self.pool(), common.split_once('.')) {
            (Some(pool), Some((_, key))) => format!("pool.{pool}.{key}"),
            _ => common.to_owned(),
        }
    }

    /// The words of the command that the job runs.
    pub fn command_words(&self) -> Result<Vec<String>> {
        let program = text_of(&self.program, "the program's path")?.to_owned();
        let mut words = vec![program];
        match &self.command {
            JobCommand::Worker { pool } => {
                let run_directory = text_of(&self.run_directory, "the run directory's path")?;
                words.extend(["worker".to_owned(), run_directory.to_owned()]);
                words.extend(pool.clone());
            }
            JobCommand::Driver { arguments } => words.extend(arguments.iter().cloned()),
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(Error::refused("the job's command contains a NUL character"));
        }
        Ok(words)
    }

    /// Whether all of the specification's workers make one array.
    pub fn is_array(&self) -> bool {
        self.submit == SubmitStyle::Array && self.workers > 1
    }

    /// Where a submitted job writes its log.
    pub fn log_file(&self, identity: JobIdentity) -> PathBuf {
        self.log_directory.join(format!("{}-{identity}.out", self.name))
    }

    /// The same in Slurm's pattern, which knows the ids only later.
    pub(crate) fn log_pattern(&self, of_array: bool) -> String {
        let directory = self.log_directory.to_string_lossy().replace('%', "%%");
        let identity = if of_array { "%A_%a" } else { "%j" };
        format!("{directory}/%x-{identity}.out")
    }

    /// Memory for each CPU, in Slurm's unit, rounded up so that the whole is not less than was asked for.
    pub(crate) fn memory_per_cpu(&self) -> String {
        format!("{}M", self.memory.mebibytes_rounded_up().div_ceil(u64::from(self.cores.max(1))))
    }

    /// Refuses what no script and no command line may carry, whatever the template does with it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.workers == 0 {
            return Err(Error::refused("no workers are asked for").hint("set cluster.workers to 1 or more"));
        }
        if self.cores == 0 {
            return Err(
                Error::refused("workers without cores are asked for").hint("set cluster.cores to 1 or more")
            );
        }
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if self.name.is_empty() || self.name.starts_with('-') || !self.name.chars().all(plain) {
            return Err(Error::refused(format!("invalid job name `{}`", self.name.escape_debug()))
                .cause("log files are named after it")
                .hint("use letters, digits, `-`, `_` and `.`"));
        }
        for (key, value) in self.named_values() {
            if let Some(value) = value {
                check_value(&key, value)?;
            }
        }
        self.directives.iter().try_for_each(|directive| check_directive(directive))?;
        let lines = self.prologue.iter().map(|line| ("slurm.prologue", line));
        for (key, line) in lines.chain(self.epilogue.iter().map(|line| ("slurm.epilogue", line))) {
            if line.contains('\0') {
                return Err(Error::refused(format!("a line of {key} contains a NUL character")));
            }
            // Of a value with several lines, each.
            if line.lines().any(|line| line.starts_with("#SBATCH")) {
                return Err(Error::refused(format!("a directive in {key}: `{}`", line.escape_debug()))
                    .cause("what is asked of Slurm is not for the shell to read")
                    .hint("move what stands after #SBATCH to slurm.directives"));
            }
        }
        let log_directory = text_of(&self.log_directory, "the log directory's path")?;
        if let Some(cause) = unfit_for_directive(log_directory) {
            return Err(Error::refused(format!("invalid log directory `{}`", log_directory.escape_debug()))
                .cause(cause)
                .hint("set slurm.log_directory to one with a plain name"));
        }
        self.command_words().map(|_| ())
    }

    fn named_values(&self) -> [(String, &Option<String>); 5] {
        [
            (self.key("slurm.partition"), &self.partition),
            ("slurm.account".to_owned(), &self.account),
            ("slurm.qos".to_owned(), &self.qos),
            (self.key("slurm.constraint"), &self.constraint),
            ("slurm.reservation".to_owned(), &self.reservation),
        ]
    }
}

/// A path as text, since a script is text.
pub(crate) fn text_of<'path>(path: &'path Path, noun: &str) -> Result<&'path str> {
    path.to_str().ok_or_else(|| {
        Error::refused(format!("{noun} is not UTF-8: `{}`", path.display()))
            .hint("job scripts are text: choose a directory with a plain name")
    })
}

fn check_value(key: &str, value: &str) -> Result<()> {
    let refuse = |cause: &str| {
        Err(Error::refused(format!("invalid {key} `{}`", value.escape_debug()))
            .cause(cause)
            .hint(format!("correct {key}; further options go into slurm.directives, one each")))
    };
    if value.trim().is_empty() {
        return refuse("it is empty");
    }
    match unfit_for_directive(value) {
        Some(cause) => refuse(cause),
        None => Ok(()),
    }
}

/// Why a value may not stand on a directive's line: what follows a newline would be a line of its own, and
/// quotes would join it with its neighbours.
pub(crate) fn unfit_for_directive(value: &str) -> Option<&'static str> {
    let cause = |character| match character {
        '\n' | '\r' => Some("a line break would end the directive"),
        '\0' => Some("a NUL character would end the directive"),
        '"' | '\'' | '\\' => Some("quotes and backslashes have a meaning of their own in a directive"),
        // sbatch splits a directive at vertical tabs and form feeds too, and shows the rest to whoever looks.
        character if character.is_control() && character != '\t' => Some("it contains a control character"),
        _ => None,
    };
    value.chars().find_map(cause)
}

/// Options that have keys of their own; as directives they would change nothing, or make N jobs of one worker.
const OWNED: &[(&str, &str, &str)] = &[
    ("--job-name", "-J", "squall finds its jobs by their names"),
    ("--array", "-a", "cluster.workers says how many"),
    ("--nodes", "-N", "a worker is one process on one node"),
    ("--ntasks", "-n", "a worker is one process, and cluster.workers says how many"),
    ("--cpus-per-task", "-c", "set cluster.cores"),
    ("--mem", "", "set cluster.memory, and slurm.memory_option to the form that the site wants"),
    ("--mem-per-cpu", "", "set cluster.memory, and slurm.memory_option to the form that the site wants"),
    ("--time", "-t", "set cluster.walltime"),
    ("--partition", "-p", "set slurm.partition"),
    ("--account", "-A", "set slurm.account"),
    ("--qos", "-q", "set slurm.qos"),
    ("--constraint", "-C", "set slurm.constraint"),
    ("--reservation", "", "set slurm.reservation"),
    ("--output", "-o", "set slurm.log_directory"),
    ("--requeue", "", "a lost worker is replaced, never started again"),
    ("--no-requeue", "", "that is how workers are submitted; a driver goes on from its last checkpoint"),
];

fn check_directive(directive: &str) -> Result<()> {
    let refuse = |cause: &str, hint: &str| {
        let shown = directive.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
        Err(Error::refused(format!("invalid directive `{shown}`")).cause(cause).hint(hint))
    };
    if directive.contains(|character: char| character.is_control() && character != '\t') {
        return refuse(
            "a directive is one line",
            "give each directive as an entry of its own in slurm.directives",
        );
    }
    if !directive.starts_with('-') {
        return refuse(
            "it is not an option of sbatch",
            "write entries of slurm.directives as they stand after #SBATCH: \"--gres=gpu:1\"",
        );
    }
    let option = directive.split(['=', ' ']).next().unwrap_or(directive);
    if let Some((_, _, instead)) = OWNED.iter().find(|(long, short, _)| option == *long || option == *short) {
        return refuse(
            "sbatch's command line sets this option, and wins",
            &format!("take it out of slurm.directives: {instead}"),
        );
    }
    if shlex::split(directive).is_none() {
        return refuse("a quote is not closed", "close it in slurm.directives");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    /// The job of Slurm courses: four workers of one core and 2G for five minutes.
    pub(crate) fn example() -> JobSpecification {
        JobSpecification {
            name: "squall-a".into(),
            workers: 4,
            cores: 1,
            memory: "2G".parse().unwrap(),
            memory_option: MemoryOption::Mem,
            walltime: "00:05:00".parse().unwrap(),
            partition: None,
            account: None,
            qos: None,
            constraint: None,
            reservation: None,
            directives: Vec::new(),
            comments: Vec::new(),
            prologue: Vec::new(),
            epilogue: Vec::new(),
            log_directory: "/home/a/.squall/r1/logs".into(),
            deadline_seconds: None,
            program: "/home/a/.squall/r1/squall".into(),
            run_directory: "/home/a/.squall/r1".into(),
            submit: SubmitStyle::Array,
            command: JobCommand::Worker { pool: None },
        }
    }

    fn refusal(change: impl FnOnce(&mut JobSpecification)) -> String {
        let mut specification = example();
        change(&mut specification);
        specification.check().unwrap_err().to_string()
    }

    #[test]
    fn what_no_script_may_carry_is_refused_by_name() {
        let refusals = [
            refusal(|job| job.workers = 0),
            refusal(|job| job.cores = 0),
            refusal(|job| job.name = "a b".into()),
            refusal(|job| job.name = String::new()),
            refusal(|job| job.partition = Some("a\n#SBATCH --mem=0".into())),
            refusal(|job| job.account = Some("def-\"a\"".into())),
            refusal(|job| job.qos = Some(" ".into())),
            refusal(|job| job.reservation = Some("a\0".into())),
            refusal(|job| job.prologue = vec!["a\0".into()]),
            refusal(|job| job.prologue = vec!["#SBATCH --mem=0".into()]),
            refusal(|job| job.qos = Some("a\u{b}--wrap=b".into())),
            refusal(|job| job.log_directory = "/home/a\nb".into()),
            refusal(|job| job.command = JobCommand::Driver { arguments: vec!["\0".into()] }),
        ];
        insta::assert_snapshot!(refusals.join("\n\n"), @r#"
        error: no workers are asked for
        hint: set cluster.workers to 1 or more

        error: workers without cores are asked for
        hint: set cluster.cores to 1 or more

        error: invalid job name `a b`
        cause: log files are named after it
        hint: use letters, digits, `-`, `_` and `.`

        error: invalid job name ``
        cause: log files are named after it
        hint: use letters, digits, `-`, `_` and `.`

        error: invalid slurm.partition `a\n#SBATCH --mem=0`
        cause: a line break would end the directive
        hint: correct slurm.partition; further options go into slurm.directives, one each

        error: invalid slurm.account `def-\"a\"`
        cause: quotes and backslashes have a meaning of their own in a directive
        hint: correct slurm.account; further options go into slurm.directives, one each

        error: invalid slurm.qos ` `
        cause: it is empty
        hint: correct slurm.qos; further options go into slurm.directives, one each

        error: invalid slurm.reservation `a\0`
        cause: a NUL character would end the directive
        hint: correct slurm.reservation; further options go into slurm.directives, one each

        error: a line of slurm.prologue contains a NUL character

        error: a directive in slurm.prologue: `#SBATCH --mem=0`
        cause: what is asked of Slurm is not for the shell to read
        hint: move what stands after #SBATCH to slurm.directives

        error: invalid slurm.qos `a\u{b}--wrap=b`
        cause: it contains a control character
        hint: correct slurm.qos; further options go into slurm.directives, one each

        error: invalid log directory `/home/a\nb`
        cause: a line break would end the directive
        hint: set slurm.log_directory to one with a plain name

        error: the job's command contains a NUL character
        "#);
    }

    #[test]
    fn directives_that_are_none_or_not_the_users_are_refused() {
        let refusals = [
            refusal(|job| job.directives = vec!["--gres=gpu:1\nrm -rf".into()]),
            refusal(|job| job.directives = vec!["#SBATCH --gres=gpu:1".into()]),
            refusal(|job| job.directives = vec!["--mem-per-cpu=1G".into()]),
            refusal(|job| job.directives = vec!["-t 5".into()]),
            refusal(|job| job.directives = vec!["--comment=\"open".into()]),
        ];
        insta::assert_snapshot!(refusals.join("\n\n"), @r#"
        error: invalid directive `--gres=gpu:1\nrm -rf`
        cause: a directive is one line
        hint: give each directive as an entry of its own in slurm.directives

        error: invalid directive `#SBATCH --gres=gpu:1`
        cause: it is not an option of sbatch
        hint: write entries of slurm.directives as they stand after #SBATCH: "--gres=gpu:1"

        error: invalid directive `--mem-per-cpu=1G`
        cause: sbatch's command line sets this option, and wins
        hint: take it out of slurm.directives: set cluster.memory, and slurm.memory_option to the form that the site wants

        error: invalid directive `-t 5`
        cause: sbatch's command line sets this option, and wins
        hint: take it out of slurm.directives: set cluster.walltime

        error: invalid directive `--comment="open`
        cause: a quote is not closed
        hint: close it in slurm.directives
        "#);
    }

    #[test]
    fn paths_that_are_no_text_are_refused() {
        let path = || PathBuf::from(OsString::from_vec(b"/home/\xff".to_vec()));
        for refusal in [
            refusal(|job| job.program = path()),
            refusal(|job| job.run_directory = path()),
            refusal(|job| job.log_directory = path()),
        ] {
            assert!(refusal.contains("not UTF-8"), "{refusal}");
        }
    }

    #[test]
    fn log_of_a_job_is_where_the_pattern_puts_it() {
        let job = example();
        let element = JobIdentity { job_id: crate::slurm::JobId(57), array_index: Some(3) };
        assert_eq!(job.log_file(element), Path::new("/home/a/.squall/r1/logs/squall-a-57_3.out"));
        assert_eq!(job.log_pattern(true), "/home/a/.squall/r1/logs/%x-%A_%a.out");
        assert_eq!(job.log_file(element.job_id.into()), Path::new("/home/a/.squall/r1/logs/squall-a-57.out"));
        assert_eq!(job.log_pattern(false), "/home/a/.squall/r1/logs/%x-%j.out");
        let percent = JobSpecification { log_directory: "/50%j".into(), ..job };
        assert_eq!(percent.log_pattern(false), "/50%%j/%x-%j.out");
    }
}
