//! Two hundred strangers who never stop knocking while the workers of a run come in.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use squall::protocol::tls::{self, Keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::processes::{assert_no_process_of, memory};
use crate::strangers::{address, random_bytes};
use crate::support::{Place, until};

const EXPRESSION: &str = "random.normal(0, 1, size=1e8).mean()";
const STRANGERS: u64 = 200;
const WORKERS: usize = 4;
/// What is promised, whatever strangers do.
const REGISTERED: Duration = Duration::from_secs(10);
/// What strangers may cost the driver in memory, and four workers with them.
const BOUND: u64 = 8 << 20;

/// What strangers share.
struct Crowd {
    address: SocketAddr,
    other_run: tokio_rustls::TlsConnector,
    knocks: AtomicU64,
    over: AtomicBool,
}

impl Crowd {
    /// Knocks again and again, each stranger in a way of its own.
    async fn stranger(self: Arc<Crowd>, number: u64) {
        while !self.over.load(Ordering::Relaxed) {
            let Ok(stream) = self.knock(number).await else {
                tokio::task::yield_now().await;
                continue;
            };
            self.knocks.fetch_add(1, Ordering::Relaxed);
            // However it ends, it begins again.
            let _ = tokio::time::timeout(Duration::from_secs(30), self.talk(stream, number)).await;
        }
    }

    /// From an address of its own, so that there are ports enough.
    async fn knock(&self, number: u64) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 1, 1 + number as u8), 0).into())?;
        socket.connect(self.address).await
    }

    async fn talk(&self, mut stream: TcpStream, number: u64) -> std::io::Result<()> {
        let mut bytes = random_bytes(number + 1, 40_000);
        match number % 5 {
            // Noise that does not look like TLS.
            0 => bytes[0] = b'G',
            // Noise that does: a handshake record of 16 KiB, and no end.
            1 | 2 => bytes[..5].copy_from_slice(&[22, 3, 1, 0x40, 0]),
            // One byte of TLS, and silence.
            3 => bytes = vec![22],
            // TLS, with the keys of another run.
            _ if number < 40 => {
                let mut stream = tls::connect(&self.other_run, stream).await?;
                return stream.read_u8().await.map(drop);
            }
            // A piece of a record now and then.
            _ => {
                for byte in [22, 3, 1, 0, 200, 1] {
                    stream.write_all(&[byte]).await?;
                    let _ = tokio::time::timeout(Duration::from_millis(300), stream.readable()).await;
                }
            }
        }
        stream.write_all(&bytes).await?;
        while stream.read(&mut bytes).await? > 0 {}
        Ok(())
    }
}

/// Lets the crowd at a driver until it is dropped.
struct Siege {
    crowd: Arc<Crowd>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Siege {
    fn lay(address: SocketAddr) -> Siege {
        let other_run = tls::connector(&Keys::generate().expect("keys").worker).expect("readable");
        let crowd =
            Arc::new(Crowd { address, other_run, knocks: AtomicU64::new(0), over: AtomicBool::new(false) });
        let shared = crowd.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let strangers: Vec<_> =
                    (0..STRANGERS).map(|number| tokio::spawn(shared.clone().stranger(number))).collect();
                while !shared.over.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                strangers.iter().for_each(tokio::task::JoinHandle::abort);
            });
        });
        Siege { crowd, thread: Some(thread) }
    }

    fn knocks(&self) -> u64 {
        self.crowd.knocks.load(Ordering::Relaxed)
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        self.crowd.over.store(true, Ordering::Relaxed);
        let joined = self.thread.take().expect("dropped once").join();
        assert!(joined.is_ok() || std::thread::panicking(), "a stranger has panicked");
    }
}

#[test]
fn workers_register_within_10_s_whatever_200_strangers_do() {
    let place = Place::with_path("/usr/bin:/bin");
    // Workers wait at a pipe until the strangers are there.
    let gate = place.directory().join("gate");
    nix::unistd::mkfifo(&gate, Mode::S_IRWXU).expect("a pipe can be made");
    let script = format!("#!/bin/sh\n: <{}\nexec {} \"$@\"\n", gate.display(), env!("CARGO_BIN_EXE_squall"));
    let program = place.write("late-worker", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("changed");
    let set = format!("--set=cluster.program={}", program.display());
    let flags = ["--seed=1", "--cluster=processes", "--workers=4", "--set=cluster.minimum_workers=4", &set];
    let mut running = place.start(["run", "-e", EXPRESSION].iter().chain(&flags));
    let run = running
        .until("it listens", |running| running.run_directory().filter(|run| run.join("addresses").exists()));

    let before = memory(running.pid(), "VmRSS");
    let siege = Siege::lay(address(&run));
    let known = || format!("{} knocks", siege.knocks());
    let all_there = || (siege.knocks() >= 3 * STRANGERS).then_some(());
    until("every stranger has knocked", Duration::from_secs(60), all_there, known);
    assert_eq!(running.events().map_or(0, |events| events.jobs().len()), 0, "a worker came through the gate");

    let knocks = siege.knocks();
    let opened = Instant::now();
    let held = std::fs::OpenOptions::new().write(true).open(&gate).expect("workers wait there");
    running
        .until_events("all workers have registered", |events| (events.jobs().len() == WORKERS).then_some(()));
    let taken = opened.elapsed();
    let growth = memory(running.pid(), "VmHWM").saturating_sub(before);
    println!(
        "{WORKERS} workers in {taken:?}, {} knocks meanwhile, the driver grew by {growth} bytes",
        siege.knocks() - knocks
    );
    assert!(siege.knocks() > knocks, "no stranger knocked meanwhile");
    assert!(taken < REGISTERED, "the workers took {taken:?}");
    assert!(growth < BOUND, "the driver grew by {growth} bytes");
    drop(held);

    let outcome = running.wait().ok();
    drop(siege);
    let undisturbed = place.run(["run", "-e", EXPRESSION, "--seed=1", "--cores=2"]).ok();
    assert_eq!(outcome.bits(), undisturbed.bits());
    assert_no_process_of(&place);
}
