//! The driver's side of connections: who may come in, and the two tasks that serve one who did.
//!
//! Strangers cost little: the first byte must look like TLS before any state is made for it, a handshake has
//! ten seconds, and where too many wait at the door the one who has waited longest is shown out.

use crate::driver::cause::Disconnect;
use crate::driver::core::Input;
use crate::driver::roster::ConnectionId;
use crate::protocol::{
    FromWorker, HEARTBEAT_SECONDS, Receiver, Registration, Sender, Stream, ToWorker, split, tls,
};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;

/// How long one may take to prove itself and register.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many may be at it at a time.
const AT_THE_DOOR: usize = 256;
/// How long to leave the door shut when it cannot be opened.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);
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
    let mut at_the_door: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly. Whoever waits at the door goes, which gives some back.
            at_the_door.drain(..).for_each(|handle| handle.abort());
            tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            continue;
        };
        at_the_door.retain(|handle| !handle.is_finished());
        if at_the_door.len() >= AT_THE_DOOR {
            at_the_door.pop_front().expect("there are some").abort();
        }
        let (acceptor, arrivals) = (acceptor.clone(), arrivals.clone());
        let task = tokio::spawn(async move {
            let Ok(Ok(stream)) = timeout(HANDSHAKE, prove(stream, acceptor)).await else { return };
            arrive(stream, arrivals).await;
        });
        at_the_door.push_back(task.abort_handle());
    }
}

/// Waits for the registration of one that needs no further proof.
pub(super) async fn arrive(stream: Box<dyn Stream>, arrivals: mpsc::Sender<Arrival>) {
    let (sender, mut receiver) = split(stream);
    if let Ok(Ok(Some(FromWorker::Register(registration)))) = timeout(HANDSHAKE, receiver.receive()).await {
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
    inputs: mpsc::Sender<Input>,
) -> mpsc::Sender<ToWorker> {
    let (outgoing, messages) = mpsc::channel(OUTGOING);
    tokio::spawn(write(arrival.sender, messages));
    tokio::spawn(read(connection, arrival.receiver, silence, inputs));
    outgoing
}

async fn read(
    connection: ConnectionId,
    mut receiver: Receiver<FromWorker>,
    silence: Duration,
    inputs: mpsc::Sender<Input>,
) {
    let how = loop {
        let message = match timeout(silence, receiver.receive()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => break Disconnect::Closed,
            Ok(Err(error)) => break Disconnect::Broken(error.to_string()),
            Err(_) => break Disconnect::Silent(silence),
        };
        if inputs.send(Input::Said(connection, message)).await.is_err() {
            return;
        }
    };
    let _ = inputs.send(Input::Disconnected(connection, how)).await;
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
