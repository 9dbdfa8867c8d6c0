//! Reaching the driver: its addresses are tried a little apart, and the first where it proves itself wins.

use crate::protocol::address::Candidate;
use crate::protocol::{Stream, tls};
use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How far apart the addresses are tried: long enough for a near one to answer alone.
const STAGGER: Duration = Duration::from_millis(250);
/// How long one address may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Why no address led to the driver.
pub(super) struct Failure {
    /// Whether every address refused: nobody listens there, or somebody else does.
    pub(super) refused: bool,
    /// What each said.
    pub(super) cause: String,
}

/// The first of `candidates` where the driver proves itself.
pub(super) async fn first(
    connector: &TlsConnector,
    candidates: &[Candidate],
) -> Result<(Candidate, Box<dyn Stream>), Failure> {
    let mut attempts = JoinSet::new();
    for (position, candidate) in candidates.iter().enumerate() {
        let (connector, candidate) = (connector.clone(), candidate.clone());
        attempts.spawn(async move {
            tokio::time::sleep(STAGGER * position as u32).await;
            let attempt = tokio::time::timeout(ATTEMPT, reach(&connector, &candidate));
            let reached = attempt.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            (candidate, reached)
        });
    }
    let (mut refused, mut causes) = (true, Vec::new());
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok((candidate, Ok(stream))) => return Ok((candidate, stream)),
            Ok((candidate, Err(error))) => {
                refused &=
                    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidData);
                causes.push(format!("{candidate}: {error}"));
            }
            Err(error) => causes.push(error.to_string()),
        }
    }
    Err(Failure { refused, cause: causes.join("; ") })
}

async fn reach(connector: &TlsConnector, candidate: &Candidate) -> io::Result<Box<dyn Stream>> {
    let stream = match candidate {
        Candidate::Address(interface, port) => TcpStream::connect((interface.ip, *port)).await?,
        Candidate::Host(host, port) => {
            let addresses: Vec<_> = lookup_host((host.as_str(), *port)).await?.collect();
            TcpStream::connect(addresses.as_slice()).await?
        }
    };
    stream.set_nodelay(true)?;
    tls::connect(connector, stream).await
}
