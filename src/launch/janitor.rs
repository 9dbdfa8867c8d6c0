//! The janitor: a small job that Slurm starts when the driver's own job has ended, however it ended, and that cancels
//! those of the run's workers that still wait. It is submitted where workers wait for long, and cancelled when the
//! run is closed: what is left to it are drivers that are killed.

use crate::error::Error;
use crate::launch::{Report, Reports};
use crate::run::{RunDirectory, Submission};
use crate::slurm::{
    Commands, JobId, JobSpecification, MemoryOption, SubmitError, SubmitStyle, janitor_arguments,
    janitor_script,
};
use crate::units::Memory;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Enough for a shell and a `scancel`.
const MEMORY: u64 = 50 << 20;
/// The shortest time limit of Slurm's.
const MINUTE: &str = "1";

/// A janitor that may come to be.
pub(super) struct Janitor {
    /// Dropped, it keeps one from being submitted that is not yet.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Option<Submission>>,
}

/// What a janitor has to know.
pub(super) struct Duty {
    pub(super) run: RunDirectory,
    /// The workers whose remains it cancels.
    pub(super) workers: JobSpecification,
    /// The job whose end it waits for.
    pub(super) driver: JobId,
    /// That job's partition, which can run jobs: it runs that one.
    pub(super) partition: Option<String>,
    pub(super) commands: Commands,
    pub(super) reports: Reports,
    /// How long workers may wait before there is a janitor.
    pub(super) patience: Duration,
}

impl Janitor {
    /// Waits for the patience to end; then submits a janitor if workers wait.
    pub(super) fn start(duty: Duty) -> Janitor {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            tokio::select! {
                needed = duty.needed() => if !needed { return None },
                _ = &mut stopped => return None,
            }
            duty.submit().await
        });
        Janitor { stop, task }
    }

    /// The janitor's submission, if there may be one to cancel; by its name where it is not known what became of it.
    pub(super) async fn end(self, deadline: Instant, run: &RunDirectory) -> Option<Submission> {
        let Janitor { stop, mut task } = self;
        drop(stop);
        match tokio::time::timeout_at(deadline.into(), &mut task).await {
            Ok(ended) => ended.ok().flatten(),
            Err(_) => {
                task.abort();
                run.submissions().pop()
            }
        }
    }
}

impl Duty {
    /// Whether workers still wait when the patience has ended; asked again where Slurm does not say.
    async fn needed(&self) -> bool {
        loop {
            tokio::time::sleep(self.patience).await;
            if let Ok(records) = self.commands.jobs().await {
                return records.iter().any(|job| job.name == self.workers.name && job.state.is_waiting());
            }
        }
    }

    /// Submits it. Where that fails nothing is lost but what it would have done.
    async fn submit(&self) -> Option<Submission> {
        let number = self.run.submissions().len() as u32;
        let specification = self.specification(number);
        let text = janitor_script(&self.workers.name, &self.commands.places());
        let written = text.and_then(|text| self.run.write_script(number, &text));
        let script = written.map_err(|error| self.failed(&error)).ok()?;
        let arguments = janitor_arguments(&specification, self.driver, &script);
        let mut record = Submission::planned(number, specification.name, 0);
        let words = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
        record.arguments = std::iter::once("sbatch".to_owned()).chain(words).collect();
        self.run.write_submission(&record).map_err(|error| self.failed(&error)).ok()?;
        match self.commands.submit(&arguments, |_| {}).await {
            Ok(submitted) => {
                (record.job, record.cluster) = (Some(submitted.job_id.0), submitted.cluster);
                (record.stdout, record.stderr) = (submitted.stdout, submitted.stderr);
                self.tell(format!(
                    "workers wait: job {} cancels those that still do when this job ends (slurm.janitor)",
                    submitted.job_id
                ));
            }
            Err(error) => {
                record.refused = !matches!(error, SubmitError::Ambiguous(_));
                self.failed(error.error());
            }
        }
        // What is on the disk already says that there may be one.
        let _ = self.run.write_submission(&record);
        (!record.refused).then_some(record)
    }

    fn failed(&self, error: &Error) {
        let causes = error.causes().join(", ");
        self.tell(format!("no janitor for workers that wait: {}: {causes} (slurm.janitor)", error.what()));
    }

    fn tell(&self, text: String) {
        let _ = self.reports.send(Report::Notice(text));
    }

    /// As small as a job can be, where the driver's job is: workers may wait where nothing is run.
    fn specification(&self, number: u32) -> JobSpecification {
        let memory_option = match self.workers.memory_option {
            MemoryOption::None => MemoryOption::None,
            MemoryOption::Mem | MemoryOption::MemPerCpu => MemoryOption::Mem,
        };
        JobSpecification {
            name: format!("{}-janitor", self.run.id().job_name(number)),
            workers: 1,
            cores: 1,
            memory: Memory::from_bytes(MEMORY),
            memory_option,
            walltime: MINUTE.parse().expect("a minute is a time limit"),
            partition: self.partition.clone().or_else(|| self.workers.partition.clone()),
            constraint: None,
            reservation: None,
            deadline_seconds: None,
            submit: SubmitStyle::Jobs,
            ..self.workers.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;
    use crate::slurm::JobCommand;
    use tokio::sync::mpsc;

    const FAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_slurm:/usr/bin:/bin");

    struct World {
        directory: tempfile::TempDir,
        run: RunDirectory,
        reports: mpsc::UnboundedReceiver<Report>,
        duty: Option<Duty>,
    }

    impl World {
        /// A run whose workers are `sq-RUN-0`, and `squeue` says this of them.
        fn new(state: &str, sbatch: &str, patience: Duration) -> World {
            let directory = tempfile::tempdir().expect("a directory");
            let run = RunDirectory::create(directory.path(), RunId::generate()).expect("a run directory");
            let workers = Submission { job: Some(57), ..Submission::planned(0, run.id().job_name(0), 4) };
            run.write_submission(&workers).expect("written");
            let squeue = format!("echo '57|57|3|{state}||N/A|None|{}'", workers.name);
            for (command, answer) in [("squeue", squeue.as_str()), ("sbatch", sbatch)] {
                std::fs::write(directory.path().join(command), answer).expect("written");
            }
            let variables = [("PATH".into(), FAKES.into()), ("FAKE_SLURM".into(), directory.path().into())];
            let (to, reports) = mpsc::unbounded_channel();
            let workers = JobSpecification {
                name: workers.name,
                workers: 4,
                cores: 2,
                memory: "2G".parse().expect("a memory"),
                memory_option: MemoryOption::MemPerCpu,
                walltime: "10".parse().expect("a walltime"),
                partition: Some("closed".to_owned()),
                account: Some("def-a".to_owned()),
                qos: None,
                constraint: Some("avx512".to_owned()),
                reservation: Some("course".to_owned()),
                directives: Vec::new(),
                comments: Vec::new(),
                prologue: Vec::new(),
                epilogue: Vec::new(),
                log_directory: "/logs".into(),
                deadline_seconds: Some(600),
                program: "/squall".into(),
                run_directory: run.path().to_owned(),
                submit: SubmitStyle::Array,
                command: JobCommand::Worker { pool: None },
            };
            let commands = Commands::with_environment(variables.into_iter());
            let (driver, partition) = (JobId(99), Some("short".to_owned()));
            let mine = run.clone();
            let duty = Duty { run: mine, workers, driver, partition, commands, reports: to, patience };
            World { directory, run, reports, duty: Some(duty) }
        }

        fn calls(&self, command: &str) -> Vec<String> {
            let calls = std::fs::read_to_string(self.directory.path().join(format!("{command}.calls")));
            calls.unwrap_or_default().lines().map(str::to_owned).collect()
        }

        fn told(&mut self) -> Vec<String> {
            let mut told = Vec::new();
            while let Ok(Report::Notice(text)) = self.reports.try_recv() {
                told.push(text);
            }
            told
        }
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    /// Runs the janitor's task to its end.
    fn submission(world: &mut World) -> Option<Submission> {
        let duty = world.duty.take().expect("one");
        wait(async { Janitor::start(duty).task.await.expect("it does not panic") })
    }

    #[test]
    fn janitor_waits_for_the_driver_where_workers_wait() {
        let mut world = World::new("PENDING", "echo 58", Duration::from_millis(1));
        let submission = submission(&mut world).expect("one");
        let name = format!("{}-janitor", world.run.id().job_name(1));
        assert_eq!((submission.number, submission.job, &submission.name), (1, Some(58), &name));
        assert_eq!(world.run.submissions()[1], submission, "it is not on the disk");
        assert_eq!(
            RunId::of_job_name(&name).as_ref(),
            Some(world.run.id()),
            "`squall queue` does not show it"
        );
        let [call] = &world.calls("sbatch")[..] else { panic!() };
        for said in [
            "--dependency=afterany:99",
            "--time=00:01:00",
            "--mem=50M",
            "--cpus-per-task=1",
            "--partition=short",
            "--account=def-a",
        ] {
            assert!(call.split(' ').any(|word| word == said), "{said} is not in {call}");
        }
        for unsaid in ["--constraint", "--deadline", "--array", "--reservation"] {
            assert!(!call.contains(unsaid), "{unsaid} is in {call}");
        }
        let script = std::fs::read_to_string(world.run.path().join("job-1.sh")).expect("written");
        let cancels = format!(" '--name={}' '--state=PENDING'", world.run.id().job_name(0));
        let last = script.lines().last().expect("a line");
        assert!(last.starts_with("exec scancel ") && last.ends_with(&cancels), "{script}");
        let told = world.told();
        assert!(told.len() == 1 && told[0].starts_with("workers wait: job 58 cancels"), "{told:?}");
    }

    #[test]
    fn there_is_no_janitor_where_all_workers_run() {
        let mut world = World::new("RUNNING", "echo 58", Duration::from_millis(1));
        assert_eq!(submission(&mut world), None);
        assert_eq!((world.calls("sbatch").len(), world.run.submissions().len()), (0, 1));
    }

    #[test]
    fn janitor_that_was_not_submitted_yet_never_is() {
        let mut world = World::new("PENDING", "echo 58", Duration::from_secs(3600));
        let (duty, run) = (world.duty.take().expect("one"), world.run.clone());
        let ended = wait(async {
            let janitor = Janitor::start(duty);
            janitor.end(Instant::now() + Duration::from_secs(60), &run).await
        });
        assert_eq!((ended, world.calls("squeue").len()), (None, 0));
    }

    #[test]
    fn janitor_that_may_have_been_submitted_is_one_to_cancel() {
        let hung = "echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1";
        let mut world = World::new("PENDING", hung, Duration::from_millis(1));
        let submission = submission(&mut world).expect("it may be there");
        assert!(!submission.is_known());
        assert!(world.told()[0].contains("Socket timed out"));
    }

    #[test]
    fn refused_janitor_is_told_and_forgotten() {
        let mut world =
            World::new("PENDING", "echo 'sbatch: error: no' >&2; exit 1", Duration::from_millis(1));
        assert_eq!(submission(&mut world), None);
        assert!(world.told()[0].starts_with("no janitor for workers that wait: Slurm refused the job: "));
        assert!(world.run.submissions().iter().all(Submission::is_known));
    }
}
