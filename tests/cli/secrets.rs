//! The keys of a run: nowhere but in their file, which goes with the run, and of no use to whoever kept a copy.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use squall::protocol::tls::{self, Keys};
use squall::run::{RunDirectory, RunId, WorkerFacts};
use tokio::io::AsyncReadExt;

use crate::fake::Fake;
use crate::processes::{assert_no_process_of, assert_none_within, processes_of};
use crate::strangers::{address, block_on};
use crate::support::events::Events;
use crate::support::running::Running;
use crate::support::{PATIENCE, Place, until};

const EXPRESSION: &str = "random.normal(0, 0.1, size=4e9).mean()";
const PROCESSES: [&str; 4] =
    ["--seed=1", "--cluster=processes", "--workers=2", "--set=cluster.minimum_workers=2"];

/// A private key in every form in which it could be written.
struct Needles(Vec<Vec<u8>>);

impl Needles {
    /// Those of a run that goes on.
    fn of(run: &Path) -> Needles {
        let text = fs::read_to_string(run.join("key.pem")).expect("a run that goes on has its key");
        let needles = Needles::in_text(&text);
        assert!(needles.found(text.as_bytes()), "not even found where they are");
        needles
    }

    fn in_text(text: &str) -> Needles {
        let (_, key) = text.split_once("PRIVATE KEY-----").expect("a key");
        let lines: Vec<&str> =
            key.lines().filter(|line| !line.is_empty() && !line.contains("-----")).collect();
        let base64 = lines.concat();
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).expect("readable");
        let der = der.secret_der().to_vec();
        // The number that is the secret: 32 bytes after the tag of an octet string.
        let at = der.windows(2).position(|pair| pair == [4, 32]).expect("a key of 32 bytes") + 2;
        let secret = der[at..at + 32].to_vec();
        let mut needles: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        // What stands at the end of a line may be short.
        needles.retain(|line| line.len() >= 32);
        for bytes in [&der, &secret] {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            needles.extend([hex.to_uppercase().into_bytes(), hex.into_bytes(), bytes.clone()]);
            needles.push(format!("{bytes:?}").into_bytes());
            needles.push(format!("{bytes:?}").replace(' ', "").into_bytes());
        }
        needles.push(base64.into_bytes());
        Needles(needles)
    }

    fn found(&self, text: &[u8]) -> bool {
        self.0.iter().any(|needle| text.windows(needle.len()).any(|window| window == needle))
    }

    /// Fails if the key is in a file below the directory, its own apart; returns how many were looked at.
    fn absent_below(&self, directory: &Path) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(directory).expect("listed") {
            let path: PathBuf = entry.expect("listed").path();
            if path.is_dir() {
                files += self.absent_below(&path);
            } else if path.is_file() && path.file_name().is_some_and(|name| name != "key.pem") {
                let text = fs::read(&path).expect("readable");
                // The program is as large as it is public.
                assert!(text.len() > 1 << 23 || !self.found(&text), "the key is in {}", path.display());
                files += 1;
            }
        }
        files
    }

    /// Fails if the key is in the arguments or the environment of a process.
    fn absent_in(&self, process: Pid) {
        for what in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{process}/{what}")).expect("the process is there");
            assert!(!text.is_empty() || what == "environ", "{process} has ended");
            assert!(!self.found(&text), "the key is in {what} of {process}");
        }
    }
}

/// Looks for the key everywhere while a run works. Returns it, with the run's directory.
fn searched(place: &Place, running: &mut Running, workers: usize) -> (Needles, PathBuf) {
    running.until_events("a worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let needles = Needles::of(&run);
    let processes = processes_of(place);
    assert!(processes.len() >= workers, "{processes:?}");
    processes.iter().chain([&running.pid()]).for_each(|&process| needles.absent_in(process));
    let above = place.directory().parent().expect("it is in a directory");
    assert!(needles.absent_below(above) > 5);
    assert!(!needles.found(running.stderr().as_bytes()));
    (needles, run)
}

/// Looks for it everywhere once the run has ended.
fn gone(place: &Place, needles: &Needles, run: &Path, printed: &str) {
    assert!(!run.join("key.pem").exists(), "the key outlives the run");
    assert!(!needles.found(printed.as_bytes()));
    needles.absent_below(place.directory().parent().expect("it is in a directory"));
}

#[test]
fn keys_are_in_no_argument_environment_log_or_file_of_a_run_that_ends_well() {
    let place = Place::new();
    let mut running = place.start(["run", "-e", EXPRESSION].iter().chain(&PROCESSES));
    let (needles, run) = searched(&place, &mut running, 2);
    let outcome = running.wait().ok();
    gone(&place, &needles, &run, &(outcome.stderr + &outcome.stdout));
    assert_no_process_of(&place);
}

#[test]
fn keys_are_in_no_error_or_log_of_a_run_that_fails() {
    let place = Place::new();
    let mut running = place
        .start(["run", "-e", EXPRESSION].iter().chain(&PROCESSES).chain(&["--set=cluster.replacements=0"]));
    let (needles, run) = searched(&place, &mut running, 2);
    processes_of(&place).iter().for_each(|&process| kill(process, Signal::SIGKILL).expect("it works"));
    let outcome = running.wait();
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    gone(&place, &needles, &run, &(outcome.stderr + &outcome.stdout));

    // A worker that finds a damaged key says so, and not what is in it.
    let other = RunDirectory::create(&place.directory().join(".squall"), RunId::generate()).expect("created");
    let key = Keys::generate().expect("keys").worker;
    let (_, rest) = key.split_once("-----END CERTIFICATE-----\n").expect("two certificates");
    other.write_key(rest).expect("written");
    let facts = WorkerFacts {
        cores: 1,
        death_timeout_seconds: 5,
        job_name: "sq".to_owned(),
        walltime_seconds: None,
        memory: None,
    };
    other.write_worker(None, &facts).expect("written");
    let worker = place.run(["worker".as_ref(), other.path().as_os_str()]);
    assert_eq!(worker.code(), 5, "{}", worker.stderr);
    assert!(worker.stderr.contains("the key in `"), "{}", worker.stderr);
    assert!(!Needles::in_text(&key).found(worker.stderr.as_bytes()), "{}", worker.stderr);
    assert_no_process_of(&place);
}

#[test]
fn keys_are_in_no_job_script_comment_or_command_of_slurm() {
    // A job is started as Slurm would, by the script and with an environment of its own.
    let sbatch = "for script; do :; done\n\
                  SLURM_JOB_ID=57 SLURMD_NODENAME=node-1 setsid sh \"$script\" >/dev/null 2>&1 </dev/null &\n\
                  echo $! >\"$FAKE_SLURM/pid\"\necho 57";
    let scancel = "kill -KILL \"$(cat \"$FAKE_SLURM/pid\")\" 2>/dev/null || :";
    let squeue = "echo '57|57|N/A|RUNNING|node-1|N/A|None|sq-bcdfghjk-0'";
    let site = ("scontrol", "echo 'MaxArraySize = 1001'");
    let fake = Fake::new(&[("sbatch", sbatch), ("squeue", squeue), ("scancel", scancel), site]);
    let flags = ["--seed=1", "--cluster=slurm", "--workers=1", "--memory=100M", "--walltime=5"];
    let mut running = fake.place.start(["run", "-e", EXPRESSION].iter().chain(&flags));
    let (needles, run) = searched(&fake.place, &mut running, 1);
    let script = fs::read_to_string(run.join("job-0.sh")).expect("the job's script");
    assert!(script.contains("squall worker ") && !fake.calls("sbatch").is_empty());
    let outcome = running.wait().ok();
    gone(&fake.place, &needles, &run, &(outcome.stderr + &outcome.stdout));
    assert_no_process_of(&fake.place);
}

/// What a driver says to one with these keys: nothing, or that it was let in.
fn let_in(address: SocketAddr, keys: &str) -> bool {
    let connector = tls::connector(keys).expect("readable keys");
    block_on(async {
        let Ok(stream) = tokio::net::TcpStream::connect(address).await else { return false };
        let Ok(mut stream) = tls::connect(&connector, stream).await else { return false };
        // One that was let in is not answered until it registers; one that was not learns it here.
        let answer = tokio::time::timeout(Duration::from_secs(2), stream.read_u8()).await;
        answer.is_err()
    })
}

#[test]
fn stolen_directory_of_an_earlier_driver_opens_nothing() {
    let place = Place::new();
    let mut running = place.start(["run", "-e", "random.normal(size=1e13).mean()"].iter().chain(&PROCESSES));
    let run = running.until("a checkpoint is kept", |running| {
        running.run_directory().filter(|run| run.join("checkpoint-1").exists())
    });
    let stolen = fs::read_to_string(run.join("key.pem")).expect("the run's keys");
    assert!(let_in(address(&run), &stolen), "the key is of use while its driver lives");
    running.signal(Signal::SIGKILL);
    running.wait();
    assert_none_within(&place, Duration::from_secs(20));

    // The run goes on with another driver and other keys.
    let id = run.file_name().expect("a name").to_string_lossy().into_owned();
    let running = place.start(["resume", &id]);
    let renewed = || fs::read_to_string(run.join("key.pem")).ok().filter(|key| *key != stolen);
    let key = until("the run has another key", PATIENCE, renewed, || running.stderr());
    until("it listens", PATIENCE, || let_in(address(&run), &key).then_some(()), || running.stderr());
    assert!(!let_in(address(&run), &stolen), "the keys of an earlier driver are taken");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), 143);
    assert!(!run.join("key.pem").exists(), "the key outlives the driver");
    assert_no_process_of(&place);
}

#[test]
fn impostor_that_plays_the_driver_hears_nothing_from_a_worker() {
    let place = Place::new();
    let run = RunDirectory::create(&place.directory().join(".squall"), RunId::generate()).expect("created");
    run.write_key(&Keys::generate().expect("keys").worker).expect("written");
    run.write_worker(
        None,
        &WorkerFacts {
            cores: 1,
            death_timeout_seconds: 5,
            job_name: "sq".to_owned(),
            walltime_seconds: None,
            memory: None,
        },
    )
    .expect("written");
    let impostor = Keys::generate().expect("keys");
    let heard = block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        run.write_addresses(&[format!("127.0.0.1/8 {port}")]).expect("written");
        let worker = place.start(["worker".as_ref(), run.path().as_os_str()]);
        let ended = tokio::task::spawn_blocking(move || worker.wait());
        tokio::pin!(ended);
        let mut refused = 0;
        loop {
            tokio::select! {
                outcome = &mut ended => break (refused, outcome.expect("it is waited for")),
                stream = listener.accept() => {
                    let (stream, _) = stream.expect("somebody comes");
                    let met = tls::accept(&impostor.driver, stream).await;
                    assert!(met.is_err(), "the worker took a stranger for its driver");
                    refused += 1;
                }
            }
        }
    });
    let (refused, outcome) = heard;
    assert!(refused >= 1, "the worker never came");
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the driver is gone: "), "{}", outcome.stderr);
}
