//! A Slurm that takes no jobs just now, or has forgotten one, against fakes of its commands: it is waited for, what fits is
//! submitted, and all of that is said in Slurm's words.

use crate::fake::Fake;
use crate::support::running::{Outcome, Running};
use nix::sys::signal::Signal;

const EXPRESSION: &str = "random.normal(0, 1, size=1e12).mean()";

/// A run of four workers on a Slurm whose `sbatch` answers so, told to end once it has submitted all of them.
fn submitted_in_the_end(sbatch: &str) -> (Fake, Outcome) {
    submitted_with(sbatch, &[])
}

fn submitted_with(sbatch: &str, flags: &[&str]) -> (Fake, Outcome) {
    let site = ("scontrol", "echo 'MaxArraySize = 1001'");
    let fake = Fake::new(&[("sbatch", sbatch), ("squeue", ":"), ("scancel", ":"), site]);
    let line = ["run", "--cluster=slurm", "--workers=4", "-e", EXPRESSION];
    let mut running = fake.place.start(line.iter().chain(flags));
    let all = |running: &Running| {
        let events = running.events()?;
        let workers = events.all("submitted").filter_map(|event| event["workers"].as_u64());
        (workers.sum::<u64>() == 4).then_some(())
    };
    running.until("all are submitted", all);
    running.signal(Signal::SIGTERM);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 143, "{}", outcome.stderr);
    (fake, outcome)
}

/// What each call of `sbatch` asked for: the last index of the array, or none for a single job.
fn asked(fake: &Fake) -> Vec<Option<String>> {
    let array =
        |call: &String| call.split(' ').find_map(|word| word.strip_prefix("--array=0-").map(str::to_owned));
    fake.calls("sbatch").iter().map(array).collect()
}

fn assert_says(outcome: &Outcome, words: &[&str]) {
    for words in words {
        assert!(outcome.stderr.contains(words), "no `{words}` in {}", outcome.stderr);
    }
}

#[test]
fn full_queue_takes_what_fits_and_the_rest_when_there_is_room() {
    // Room for two at first, and later for all: sbatch itself has waited two minutes before it says so.
    let sbatch = "case $(wc -l <\"$FAKE_SLURM/sbatch.calls\") in 1|3|4)\n\
        echo 'sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying' >&2\n\
        echo 'sbatch: error: Batch job submission failed: Resource temporarily unavailable' >&2; exit 1;;\n\
        2) echo 57;; *) echo 58;; esac";
    let (fake, outcome) = submitted_in_the_end(sbatch);
    let arrays = [Some("3"), Some("1"), Some("1"), None, Some("1")];
    assert_eq!(asked(&fake), arrays.map(|last| last.map(str::to_owned)));
    assert_says(
        &outcome,
        &[
            "Slurm temporarily unable to accept job, sleeping and retrying",
            "2 workers cannot be started yet, next try in ",
            "Resource temporarily unavailable",
        ],
    );
}

#[test]
fn limit_of_jobs_of_the_whole_cluster_is_waited_out() {
    let sbatch = "case $(wc -l <\"$FAKE_SLURM/sbatch.calls\") in 1|2|3)\n\
        echo 'sbatch: error: Batch job submission failed: MaxJobCount limit reached' >&2; exit 1;;\n\
        *) echo 57;; esac";
    let (fake, outcome) = submitted_in_the_end(sbatch);
    let arrays = [Some("3"), Some("1"), None, Some("3")];
    assert_eq!(asked(&fake), arrays.map(|last| last.map(str::to_owned)));
    assert_says(&outcome, &["4 workers cannot be started yet, next try in ", "MaxJobCount limit reached"]);
}

#[test]
fn limited_rate_of_requests_is_waited_out_without_requests_for_fewer() {
    let sbatch = "if [ $(wc -l <\"$FAKE_SLURM/sbatch.calls\") -le 2 ]; then\n\
        echo 'sbatch: error: Batch job submission failed: Rate limit exceeded, please retry momentarily' >&2\n\
        exit 1; fi; echo 57";
    let (fake, outcome) = submitted_in_the_end(sbatch);
    assert_eq!(asked(&fake), [Some("3"); 3].map(|last| last.map(str::to_owned)));
    assert_says(&outcome, &["4 workers cannot be started yet, next try in ", "Rate limit exceeded"]);
}

#[test]
fn calls_of_sbatch_lie_as_far_apart_as_is_asked_for() {
    let sbatch = "date +%s%N >>\"$FAKE_SLURM/times\"; echo $((56 + $(wc -l <\"$FAKE_SLURM/sbatch.calls\")))";
    let (fake, outcome) =
        submitted_with(sbatch, &["--set=slurm.submit=jobs", "--set=slurm.submit_interval=2"]);
    let times = fake.place.directory().with_file_name("fake").join("times");
    let times = std::fs::read_to_string(times).expect("it has been called");
    let times: Vec<u64> = times.lines().map(|line| line.parse().expect("nanoseconds")).collect();
    assert_eq!(times.len(), 4, "{}", outcome.stderr);
    // The first call may have taken a while to start, on a busy machine.
    let all = times[3] - times[0];
    assert!(all > 4_000_000_000, "four calls within {all} ns, with two seconds between any two");
}

#[test]
fn accounting_is_asked_how_a_job_ended_that_the_queue_has_forgotten() {
    // Slurm shows the job once, then answers without it.
    let queue = "[ \"$(wc -l <\"$FAKE_SLURM/squeue.calls\")\" -gt 1 ] || \
                 echo '57|57|N/A|RUNNING|node-1|N/A|None|sq-any'";
    let sacct = ("sacct", "echo '57|NODE_FAIL|0:0'");
    let fake = Fake::new(&[("sbatch", "echo 57"), ("squeue", queue), ("scancel", ":"), sacct]);
    let outcome = fake.place.run(["run", "--cluster=slurm", "--workers=1", "-e", EXPRESSION]);
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    assert_says(&outcome, &["worker 57 ended: NODE_FAIL"]);
    let [call] = &fake.calls("sacct")[..] else { panic!("it is called once") };
    assert!(call.contains("--jobs=57") && call.contains("--format=JobID,State,ExitCode"), "{call}");
    assert_eq!(fake.calls("squeue").len(), 2, "nobody has to look again");
}
