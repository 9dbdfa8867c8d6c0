//! Strangers at the driver's door while a run goes on: each is shown out, costs bounded memory, and disturbs
//! nothing. The run's only worker is stopped meanwhile, so that the run lasts as long as the strangers do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::protocol::tls::{self, Keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::processes::{assert_no_process_of, memory};
use crate::support::events::Events;
use crate::support::{Place, until};

const EXPRESSION: &str = "random.normal(0, 1, size=1e9).mean()";
/// A stranger may take 10 s to prove itself; the rest is for a busy machine.
const SHOWN_OUT: Duration = Duration::from_secs(40);
/// What all strangers of a test together may cost the driver.
const BOUND: u64 = 16 << 20;

/// Lets strangers at a driver, and proves that the run takes no notice.
fn while_a_run_goes_on(strangers: impl FnOnce(SocketAddr, &Path)) {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1", "--cores=2"];
    let mut running = place.start(["run", "-e", EXPRESSION].iter().chain(&flags));
    let worker = running.until_events("the worker answered a lease", Events::busy_worker);
    let run = running.run_directory().expect("it runs");
    let job = Events::of(&run).expect("there are events").job(worker);
    let process = Pid::from_raw(job.parse().expect("a local worker's job is its process"));
    kill(process, Signal::SIGSTOP).expect("it works");

    let before = memory(running.pid(), "VmRSS");
    strangers(address(&run), &run);
    let peak = memory(running.pid(), "VmHWM");
    assert!(peak < before + BOUND, "the strangers cost {} bytes", peak - before);

    kill(process, Signal::SIGCONT).expect("it is stopped");
    let outcome = running.wait().ok();
    let events = Events::of(&run).expect("they stay");
    assert_eq!(events.jobs().len(), 1, "only the worker has registered");
    assert_eq!(events.all("lost").count(), 0, "nobody was lost");
    let undisturbed = place.run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok();
    assert_eq!(outcome.bits(), undisturbed.bits());
    assert_no_process_of(&place);
}

/// Where the driver of a run listens: the lines are `ADDRESS/PREFIX PORT` or the like, so its last number and
/// its first address are taken.
pub(crate) fn address(run: &Path) -> SocketAddr {
    let text = std::fs::read_to_string(run.join("addresses")).expect("it is there before a worker is");
    let line = text.lines().next().expect("an address");
    let port = line.rsplit(|c: char| !c.is_ascii_digit()).next().expect("a last part");
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap_or_else(|error| panic!("{line}: {error}"))))
}

/// Waits until the driver has closed this connection.
fn assert_shown_out(mut stream: TcpStream) {
    stream.set_nonblocking(true).expect("a socket can be");
    let mut bytes = [0; 1024];
    let closed = || match stream.read(&mut bytes) {
        Ok(0) => Some(()),
        // An alert before the end.
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(_) => Some(()),
    };
    until("the driver has closed the connection", SHOWN_OUT, closed, String::new);
}

fn knock(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("the driver listens")
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(SHOWN_OUT, future).await.expect("the driver answers") })
}

/// Bytes that nobody has chosen (xorshift).
pub(crate) fn random_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(count).collect()
}

#[test]
fn one_without_a_key_is_shown_out() {
    while_a_run_goes_on(|address, _| {
        let mut stream = knock(address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: squall\r\n\r\n").expect("written");
        assert_shown_out(stream);
    });
}

#[test]
fn random_bytes_are_shown_out() {
    while_a_run_goes_on(|address, _| {
        for seed in 1..=20 {
            let mut bytes = random_bytes(seed, 100_000);
            // Half of them begin as TLS does.
            bytes[0] = if seed % 2 == 0 { 22 } else { bytes[0] };
            let mut stream = knock(address);
            // The driver may close before it has read everything.
            let _ = stream.write_all(&bytes);
            assert_shown_out(stream);
        }
    });
}

#[test]
fn keys_of_another_run_are_refused() {
    while_a_run_goes_on(|address, run| {
        let other = Keys::generate().expect("keys").worker;
        let own = std::fs::read_to_string(run.join("key.pem")).expect("the run's keys");
        // As they are, and by one who takes the driver for his own.
        let deceived =
            format!("{}{}", certificates(&own)[0], other.split_once(certificates(&other)[0]).unwrap().1);
        for keys in [other.as_str(), deceived.as_str()] {
            let connector = tls::connector(keys).expect("readable keys");
            let let_in = block_on(async {
                let stream = tokio::net::TcpStream::connect(address).await?;
                let mut stream = tls::connect(&connector, stream).await?;
                // A client learns from its first read whether its certificate was taken.
                stream.read_u8().await
            });
            let error = let_in.expect_err("the driver says nothing to strangers");
            assert_ne!(error.kind(), ErrorKind::UnexpectedEof, "it was let in, and only then shown out");
        }
    });
}

/// The certificates in a text of keys.
fn certificates(text: &str) -> Vec<&str> {
    text.split_inclusive("-----END CERTIFICATE-----\n")
        .filter(|part| part.contains("BEGIN CERTIFICATE"))
        .collect()
}

#[test]
fn announced_frame_of_4_gb_is_refused_unread() {
    while_a_run_goes_on(|address, run| {
        let own = std::fs::read_to_string(run.join("key.pem")).expect("the run's keys");
        let connector = tls::connector(&own).expect("readable keys");
        block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
            let mut stream =
                tls::connect(&connector, stream).await.expect("one with the run's keys is let in");
            stream.write_all(&u32::MAX.to_le_bytes()).await.expect("written");
            let _ = stream.flush().await;
            assert!(stream.read_u8().await.is_err(), "the driver has answered");
        });
    });
}

#[test]
fn two_hundred_idle_connections_are_shown_out() {
    while_a_run_goes_on(|address, _| {
        let idle: Vec<TcpStream> = (0..200).map(|_| knock(address)).collect();
        idle.into_iter().for_each(assert_shown_out);
    });
}
