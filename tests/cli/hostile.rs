//! Workers that have the run's keys and mean ill: each makes the run fail with a true word or is without effect. None
//! holds it up, fills its memory, or reaches the terminal of its user.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::protocol::{FromWorker, Receiver, Registration, Sender, ToWorker, split, tls};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::processes::{assert_no_process_of, memory, memory_of_living};
use crate::strangers::{address, block_on};
use crate::support::Place;
use crate::support::events::Events;
use crate::support::running::Outcome;

const EXPRESSION: &str = "random.normal(0, 1, size=1e9).mean()";
/// What it is when nothing happens, computed once.
static UNDISTURBED: LazyLock<u64> =
    LazyLock::new(
        || Place::new().run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok().bits()["result"],
    );
/// What hostile workers may cost the driver in memory where nothing else is said.
const BOUND: u64 = 48 << 20;
/// A connection of a silent worker is given up after this, where a run is told so.
const SILENCE: Duration = Duration::from_secs(5);
/// The driver answers within this, or not at all.
const ANSWER: Duration = Duration::from_secs(20);

/// Somebody with the run's keys.
struct Hostile {
    address: SocketAddr,
    connector: tokio_rustls::TlsConnector,
}

type Halves = (Sender<FromWorker>, Receiver<ToWorker>);

impl Hostile {
    async fn stream(&self) -> Box<dyn squall::protocol::Stream> {
        let stream = tokio::net::TcpStream::connect(self.address).await.expect("it listens");
        tls::connect(&self.connector, stream).await.expect("the keys are the run's")
    }

    /// Registers under a number; the driver may close the connection at once.
    async fn register(&self, process: u32) -> Halves {
        self.register_as(registration(process)).await
    }

    async fn register_as(&self, registration: Registration) -> Halves {
        let (mut sender, receiver) = split(self.stream().await);
        let _ = sender.send(&FromWorker::Register(registration)).await;
        (sender, receiver)
    }
}

fn registration(process: u32) -> Registration {
    let (host, kernel) = ("node-1".to_owned(), "portable".to_owned());
    Registration {
        host,
        process,
        job: None,
        threads: 1,
        kernel,
        age_milliseconds: 3,
        milliseconds_left: None,
        session: 0,
        holds: Vec::new(),
        findings: Default::default(),
    }
}

/// The stage and the first lease that a worker is given.
async fn leased(receiver: &mut Receiver<ToWorker>) -> (squall::plan::Stage, u64, u64) {
    let mut stage = None;
    loop {
        match receiver.receive().await.expect("a message").expect("the connection lasts") {
            ToWorker::Stage(sent) => stage = Some(sent),
            ToWorker::Lease { lease, first, end } => {
                return (stage.expect("a stage comes before its leases"), lease, end - first);
            }
            _ => {}
        }
    }
}

/// What came of a run, and what its driver took meanwhile.
struct Siege {
    outcome: Outcome,
    events: Events,
    growth: u64,
}

/// Lets hostile workers at a run whose only worker is stopped until they are done, so that it lasts as long.
fn besieged(attack: impl AsyncFnOnce(&Hostile)) -> Siege {
    siege("--set=cluster.death_timeout=60", Some(Signal::SIGSTOP), attack)
}

/// Lets hostile workers at a run, whose only worker gets a signal meanwhile, or none.
fn siege(death_timeout: &str, signal: Option<Signal>, attack: impl AsyncFnOnce(&Hostile)) -> Siege {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1", "--cores=2", death_timeout];
    let mut running = place.start(["run", "-e", EXPRESSION].iter().chain(&flags));
    let worker = running.until_events("the worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let job = Events::of(&run).expect("there are events").job(worker);
    let process = Pid::from_raw(job.parse().expect("a local worker's job is its process"));
    let keys = std::fs::read_to_string(run.join("key.pem")).expect("the run's keys");
    let connector = tls::connector(&keys).expect("readable");
    let hostile = Hostile { address: address(&run), connector };

    let before = memory(running.pid(), "VmRSS");
    kill(process, signal).expect("it works");
    let attack = std::panic::AssertUnwindSafe(|| block_on(attack(&hostile)));
    let attacked = std::panic::catch_unwind(attack);
    // A driver that has failed may have ended it.
    let _ = kill(process, Signal::SIGCONT);
    if let Err(panic) = attacked {
        std::panic::resume_unwind(panic);
    }
    // One that has failed has ended by now, and is judged by its words.
    let peak = memory_of_living(running.pid(), "VmHWM").unwrap_or(before);
    let outcome = running.wait();
    let events = Events::of(&run).expect("they stay");
    assert_no_process_of(&place);
    assert!(!outcome.stderr.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{:?}", outcome.stderr);
    assert!(lines_are_short(&run), "an event is long");
    Siege { outcome, events, growth: peak.saturating_sub(before) }
}

fn lines_are_short(run: &Path) -> bool {
    let events = std::fs::read_to_string(run.join("events.jsonl")).expect("they stay");
    events.lines().all(|line| line.len() < 16_384)
}

impl Siege {
    /// The run has come to what it would have come to.
    fn unharmed(self) -> Siege {
        let outcome = self.outcome.ok();
        assert_eq!(outcome.bits()["result"], *UNDISTURBED);
        assert!(self.growth < BOUND, "the driver grew by {} bytes", self.growth);
        Siege { outcome, ..self }
    }

    /// The run has failed, with these words.
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(
            (self.outcome.code(), self.outcome.stdout.as_str()),
            (code, ""),
            "{}",
            self.outcome.stderr
        );
        for words in words {
            assert!(self.outcome.stderr.contains(words), "no `{words}` in {}", self.outcome.stderr);
        }
        assert!(self.growth < BOUND, "the driver grew by {} bytes", self.growth);
    }

    /// Answers of the hostile worker that were judged, and of these those that counted.
    fn answers_of(&self, worker: u64) -> (usize, usize) {
        let answers: Vec<_> = self.events.all("answered").filter(|event| event["worker"] == worker).collect();
        (answers.len(), answers.iter().filter(|event| event["counted"] == true).count())
    }
}

fn answer(lease: u64, finished: u64, partial: squall::plan::Partial) -> FromWorker {
    FromWorker::Answer { lease, finished, microseconds: u64::MAX, partial, peak_memory: u64::MAX }
}

#[test]
fn answers_for_leases_of_others_and_for_more_than_was_leased_do_not_count() {
    let siege = besieged(async |hostile| {
        let (mut sender, mut receiver) = hostile.register(1).await;
        let (stage, own, length) = leased(&mut receiver).await;
        for lease in (0..100).chain([u64::MAX]).filter(|lease| *lease != own && *lease != own + 1) {
            sender.send(&answer(lease, 1, stage.empty_partial())).await.expect("sent");
        }
        for finished in [length + 1, u64::MAX] {
            sender.send(&answer(own, finished, stage.empty_partial())).await.expect("sent");
        }
        sender.send(&FromWorker::Leave).await.expect("sent");
        sender.shutdown().await.expect("ended");
        while let Ok(Some(_)) = receiver.receive().await {}
    });
    let siege = siege.unharmed();
    let (judged, counted) = siege.answers_of(1);
    assert!(judged > 90 && counted == 0, "{counted} of {judged} counted");
}

#[test]
fn partial_of_another_stage_fails_the_run_and_names_its_worker() {
    let siege = besieged(async |hostile| {
        let (mut sender, mut receiver) = hostile.register(1).await;
        let (_, lease, length) = leased(&mut receiver).await;
        let other =
            squall::codec::decode(&[3, 0, 0, 0], 100).expect("three things of which nothing is gathered");
        sender.send(&answer(lease, length, other)).await.expect("sent");
        while let Ok(Some(_)) = receiver.receive().await {}
    });
    siege.failed(1, &["error: a partial does not belong to its stage\ncause: worker 1 sent it"]);
}

#[test]
fn leases_given_back_undone_fail_the_run() {
    let siege = besieged(async |hostile| {
        let (mut sender, mut receiver) = hostile.register(1).await;
        let (stage, lease, _) = leased(&mut receiver).await;
        sender.send(&answer(lease, 0, stage.empty_partial())).await.expect("sent");
        while let Ok(Some(_)) = receiver.receive().await {}
    });
    siege.failed(4, &["error: worker 1 gives back undone what it was given\ncause: nobody had asked for it"]);
}

#[test]
fn worker_that_only_says_that_it_is_there_holds_nothing_up() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1", "--cores=2"];
    let mut running = place.start(["run", "-e", EXPRESSION].iter().chain(&flags));
    running.until_events("the worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let keys = std::fs::read_to_string(run.join("key.pem")).expect("the run's keys");
    let hostile = Hostile { address: address(&run), connector: tls::connector(&keys).expect("readable") };
    let before = memory(running.pid(), "VmRSS");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (beats, peak) = runtime.block_on(async {
        let (mut sender, mut receiver) = hostile.register(1).await;
        leased(&mut receiver).await;
        let told = tokio::spawn(async move { while let Ok(Some(_)) = receiver.receive().await {} });
        // As fast as they are taken, and while the honest one works, until the run is over.
        let (mut beats, mut peak) = (0_u64, 0);
        while sender.send(&FromWorker::Heartbeat { peak_memory: 1 }).await.is_ok() && !told.is_finished() {
            beats += 1;
            if beats.is_multiple_of(10_000) {
                peak = memory_of_living(running.pid(), "VmHWM").unwrap_or(peak);
            }
        }
        (beats, peak)
    });
    let outcome = running.wait().ok();
    assert!(beats > 20_000 && peak < before + BOUND, "{beats} heartbeats, {} bytes", peak - before);
    let events = Events::of(&run).expect("they stay");
    let twin = |(first, second): &(_, crate::support::events::Leased)| {
        let first: &crate::support::events::Leased = first;
        first.worker == 1 && second.worker == 0
    };
    assert!(events.twins().iter().any(twin), "what it held was given to nobody else");
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_no_process_of(&place);
}

#[test]
fn flood_of_registrations_is_cut_off() {
    let siege = besieged(async |hostile| {
        let mut open = Vec::new();
        for process in 0..300 {
            let (sender, mut receiver) = hostile.register(process).await;
            // One that is not taken is closed without a word.
            let first = timeout(ANSWER, receiver.receive()).await;
            if matches!(first, Ok(Ok(Some(_)))) {
                open.push((sender, receiver));
            }
        }
        assert!((10..20).contains(&open.len()), "{} of 300 were taken", open.len());
    });
    let siege = siege.unharmed();
    let registered = siege.events.all("registered").count();
    assert!(registered < 22, "{registered} workers registered");
}

#[test]
fn registrations_one_after_the_other_leave_nothing_behind() {
    let siege = besieged(async |hostile| {
        for process in 0..500 {
            let (mut sender, mut receiver) = hostile.register(1_000_000 + process).await;
            let _ = timeout(ANSWER, receiver.receive()).await;
            let _ = sender.shutdown().await;
        }
    });
    let siege = siege.unharmed();
    assert!(siege.events.all("registered").count() > 400, "they were not taken");
}

#[test]
fn megabytes_of_words_are_cut_and_cannot_steer_the_terminal() {
    let words = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31mall is well\r".repeat(100_000);
    let named = words.clone();
    let siege = besieged(async move |hostile| {
        let part = |characters| named.chars().take(characters).collect::<String>();
        let (host, kernel) = (part(2_500_000), part(500_000));
        let (mut sender, mut receiver) =
            hostile.register_as(Registration { host, kernel, ..registration(1) }).await;
        leased(&mut receiver).await;
        sender.send(&FromWorker::Drain { cause: named.clone() }).await.expect("sent");
        sender.send(&FromWorker::Failed { lease: None, cause: named, defect: false }).await.expect("sent");
        while let Ok(Some(_)) = receiver.receive().await {}
    });
    siege.failed(5, &["error: worker 1 failed\ncause: ", "all is well", "\\u{1b}[2J"]);
    assert!(siege.outcome.stderr.len() < 64 << 10, "{} bytes", siege.outcome.stderr.len());
    assert!(words.len() > 3_000_000);
}

#[test]
fn frame_that_never_ends_is_given_up_after_the_death_timeout() {
    // What it holds is waited for, so that the run cannot be done before.
    let siege = siege("--set=cluster.death_timeout=5", None, async |hostile| {
        let mut stream = hostile.stream().await;
        // A registration by hand, then a frame of which a byte comes now and then.
        let body = squall::codec::encode(&FromWorker::Register(registration(1)), 4096).expect("small");
        stream.write_all(&(body.len() as u32).to_le_bytes()).await.expect("sent");
        stream.write_all(&body).await.expect("sent");
        stream.write_all(&(4_u32 << 20).to_le_bytes()).await.expect("sent");
        let began = std::time::Instant::now();
        while stream.write_all(&[0]).await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let lasted = began.elapsed();
        assert!((SILENCE..3 * SILENCE).contains(&lasted), "it was given up after {lasted:?}");
    });
    let siege = siege.unharmed();
    assert!(siege.events.all("lost").any(|event| event["worker"] == 1), "it was not lost");
}

#[test]
fn flood_of_large_answers_is_taken_one_by_one() {
    let siege = besieged(async |hostile| {
        // Empty maps: what takes a byte here takes twenty-four in memory.
        let body = squall::codec::encode(&vec![0_u8; 4_000_000], 4 << 20).expect("small");
        let answer = squall::codec::encode(&FromWorker::Leave, 10).expect("small").len();
        let frame = [&[2, 0, 0, 0][..], &body, &[0]].concat();
        assert!(answer == 1 && frame.len() < 4 << 20);
        let mut floods = Vec::new();
        for process in 0..8 {
            let mut stream = hostile.stream().await;
            let first =
                squall::codec::encode(&FromWorker::Register(registration(process)), 4096).expect("small");
            let frame = frame.clone();
            floods.push(tokio::spawn(async move {
                for body in std::iter::once(&first).chain(std::iter::repeat_n(&frame, 8)) {
                    stream.write_all(&(body.len() as u32).to_le_bytes()).await?;
                    stream.write_all(body).await?;
                }
                stream.flush().await
            }));
        }
        for flood in floods {
            flood.await.expect("no panic").expect("all of it is read");
        }
    });
    let growth = siege.growth;
    println!("64 answers of 4 MB, each 96 MB when it is decoded: the driver grew by {growth} bytes");
    let judged: usize = (1..9).map(|worker| siege.answers_of(worker).0).sum();
    assert!(judged > 8, "{judged} answers were decoded");
    assert!(growth < 900 << 20, "the driver grew by {growth} bytes");
    siege.outcome.ok();
}

#[test]
fn worker_that_forges_a_key_and_dies_does_not_keep_a_lost_run_waiting() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1", "--set=cluster.replacements=0"];
    let mut running = place.start(["run", "-e", "random.normal(size=1e12).mean()"].iter().chain(&flags));
    let worker = running.until_events("the worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let keys = std::fs::read_to_string(run.join("key.pem")).expect("the run's keys");
    let hostile = Hostile { address: address(&run), connector: tls::connector(&keys).expect("readable") };
    block_on(async {
        for process in 1..20 {
            let (_sender, mut receiver) = hostile.register(process).await;
            let _ = timeout(ANSWER, receiver.receive()).await;
        }
    });
    let gone = |events: &Events| (events.all("lost").count() == 19).then_some(());
    running.until_events("they are gone", gone);
    let process = Pid::from_raw(running.events().expect("there are").job(worker).parse().expect("a process"));
    kill(process, Signal::SIGKILL).expect("it works");
    let outcome = running.wait_for(Duration::from_secs(60));
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nerror: no worker is left"), "{}", outcome.stderr);
    assert_no_process_of(&place);
}
