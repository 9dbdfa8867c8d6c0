//! The driver's side of connections: who may come in, and the two tasks that serve one who did.
//!
//! Strangers cost little: the first byte must look like TLS before any state is made for it, a handshake has
//! ten seconds, and where too many wait at the door the one who has waited longest is shown out. But not before
//! it had the time that an honest worker needs, so no number of strangers keeps workers from coming in.

use crate::driver::cause::Disconnect;
use crate::driver::core::Input;
use crate::driver::roster::ConnectionId;
use crate::protocol::{
    Frame, FromWorker, HEARTBEAT_SECONDS, Receiver, Registration, Sender, Stream, ToWorker, split, tls,
};
use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// How long one may take to prove itself and register.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many may be at it at a time.
const AT_THE_DOOR: usize = 64;
/// How long one may stay at the least when others wait behind it: some round trips, and the others' handshakes.
const LEAST_STAY: Duration = Duration::from_millis(250);
/// How long to leave the door shut when it cannot be opened.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);
/// How often it is looked whether a worker is silent.
const BEAT: Duration = Duration::from_secs(1);
/// Messages that may wait for one worker: a stage, two leases and their yields, heartbeats.
const OUTGOING: usize = 64;
/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// A worker that proved itself and registered, with the way to it.
pub(super) struct Arrival {
    pub(super) registration: Registration,
    pub(super) receiver: Receiver<FromWorker>,
    pub(super) sender: Sender<ToWorker>,
}

/// Lets workers in for ever; they come out at `arrivals`.
pub(super) async fn accept(listener: TcpListener, acceptor: TlsAcceptor, arrivals: mpsc::Sender<Arrival>) {
    let mut door = Door::default();
    loop {
        door.wait_for_room().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly. Whoever waits at the door goes, which gives some back.
            door = Door::default();
            tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            continue;
        };
        let (acceptor, arrivals) = (acceptor.clone(), arrivals.clone());
        door.enter(async move {
            let Ok(Ok(stream)) = timeout(HANDSHAKE, prove(stream, acceptor)).await else { return };
            arrive(stream, arrivals).await;
        });
    }
}

/// Those who have yet to prove themselves. Who is dropped with it is shown out.
#[derive(Default)]
struct Door {
    tasks: JoinSet<()>,
    /// Since when each has been there, the earliest first.
    waiting: VecDeque<(Instant, AbortHandle)>,
}

impl Door {
    fn enter(&mut self, one: impl Future<Output = ()> + Send + 'static) {
        self.waiting.push_back((Instant::now(), self.tasks.spawn(one)));
    }

    /// Waits until another one may come: until somebody has come in or left, or the one who has waited longest has had
    /// its time.
    async fn wait_for_room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.waiting.retain(|(_, handle)| !handle.is_finished());
            if self.waiting.len() < AT_THE_DOOR {
                return;
            }
            let (since, longest) = self.waiting.front().expect("there are some");
            tokio::select! {
                _ = self.tasks.join_next() => {}
                () = sleep_until(*since + LEAST_STAY) => {
                    longest.abort();
                    self.waiting.pop_front();
                }
            }
        }
    }
}

/// Waits for the registration of one that needs no further proof.
pub(super) async fn arrive(stream: Box<dyn Stream>, arrivals: mpsc::Sender<Arrival>) {
    let (sender, mut receiver) = split::<ToWorker, FromWorker>(stream);
    let Ok(Ok(Some(first))) = timeout(HANDSHAKE, receiver.receive()).await else { return };
    if let FromWorker::Register(registration) = first.tamed() {
        // Where nobody takes arrivals any more the driver is at its end, and the connection with it.
        let _ = arrivals.send(Arrival { registration, receiver, sender }).await;
    }
}

async fn prove(stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<Box<dyn Stream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 || first[0] != TLS_HANDSHAKE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.set_nodelay(true)?;
    tls::accept(&acceptor, stream).await
}

/// Serves an arrival until it is gone: what it says becomes inputs. What is put into the returned channel is
/// sent to it, and dropping that ends the connection.
pub(super) fn serve(
    connection: ConnectionId,
    arrival: Arrival,
    silence: Duration,
    inputs: Inputs,
) -> mpsc::Sender<ToWorker> {
    let (outgoing, messages) = mpsc::channel(OUTGOING);
    tokio::spawn(write(arrival.sender, messages));
    tokio::spawn(read(connection, arrival.receiver, silence, inputs));
    outgoing
}

/// The way to the driver's loop. Only who has the turn makes a message of what came, so that of many messages that
/// are larger than their frames few are there at a time.
#[derive(Clone)]
pub(super) struct Inputs {
    sender: mpsc::Sender<Input>,
    turn: Arc<Mutex<()>>,
}

impl Inputs {
    pub(super) fn new(sender: mpsc::Sender<Input>) -> Inputs {
        Inputs { sender, turn: Arc::default() }
    }

    /// Passes on what a worker says; returns why nothing more of it is to be read, if so.
    async fn pass(&self, connection: ConnectionId, frame: Frame<FromWorker>) -> Option<Disconnect> {
        let _turn = self.turn.lock().await;
        let message = match frame.message() {
            Ok(message) => message.tamed(),
            Err(error) => return Some(Disconnect::Broken(error.to_string())),
        };
        let taken = self.sender.send(Input::Said(connection, message)).await;
        taken.err().map(|_| Disconnect::Closed)
    }
}

async fn read(
    connection: ConnectionId,
    mut receiver: Receiver<FromWorker>,
    silence: Duration,
    inputs: Inputs,
) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let how = loop {
        let frame = match within(silence, &mut beats, receiver.frame()).await {
            Some(Ok(Some(frame))) => frame,
            Some(Ok(None)) => break Disconnect::Closed,
            Some(Err(error)) => break Disconnect::Broken(error.to_string()),
            None => break Disconnect::Silent(silence),
        };
        if let Some(how) = inputs.pass(connection, frame).await {
            break how;
        }
    };
    let _ = inputs.sender.send(Input::Disconnected(connection, how)).await;
}

/// What comes within a time of this process's own: while the driver is stopped nobody else is silent.
async fn within<T>(silence: Duration, beats: &mut Interval, next: impl Future<Output = T>) -> Option<T> {
    let mut next = pin!(next);
    let mut silent = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            next = &mut next => return Some(next),
            // The first beat may come at once.
            _ = beats.tick() => if silent >= silence { return None } else { silent += BEAT },
        }
    }
}

/// Sends messages, and a heartbeat now and then, until there are no more.
async fn write(mut sender: Sender<ToWorker>, mut messages: mpsc::Receiver<ToWorker>) {
    let mut heartbeat = interval(Duration::from_secs(HEARTBEAT_SECONDS));
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => message,
                None => break,
            },
            _ = heartbeat.tick() => ToWorker::Heartbeat,
        };
        // A broken connection is the reader's to tell.
        if sender.send(&message).await.is_err() {
            return;
        }
    }
    let _ = sender.shutdown().await;
}
