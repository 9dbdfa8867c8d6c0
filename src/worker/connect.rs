//! Reaching the driver: its addresses are tried a little apart, and the first where it proves itself wins.

use crate::protocol::address::Candidate;
use crate::protocol::{Stream, tls};
use std::io;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How far apart the addresses are tried: long enough for a near one to answer alone.
const STAGGER: Duration = Duration::from_millis(250);
/// How long one address may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Why no address led to the driver.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether every address refused: nobody listens there, or somebody else does.
    pub(super) refused: bool,
    /// What each said.
    pub(super) cause: String,
}

/// Where the driver was found.
pub(super) struct Found {
    pub(super) candidate: Candidate,
    pub(super) stream: Box<dyn Stream>,
    /// What came of the addresses that were tried, a line each, in the order of their ends.
    pub(super) tried: Vec<String>,
}

/// The first of `candidates` where the driver proves itself.
pub(super) async fn first(connector: &TlsConnector, candidates: &[Candidate]) -> Result<Found, Failure> {
    let started = Instant::now();
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
            Ok((candidate, Ok(stream))) => {
                let seconds = started.elapsed().as_secs_f64();
                let failed = causes.into_iter().map(|cause| format!("the driver is not at {cause}"));
                let reached = format!("the driver is at {candidate}, reached after {seconds:.3} s");
                return Ok(Found { candidate, stream, tried: failed.chain([reached]).collect() });
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::address::Interface;
    use crate::protocol::tls::Keys;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::net::TcpListener;

    async fn listener() -> (TcpListener, Candidate) {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = TcpListener::bind((ip, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        (listener, Candidate::Address(Interface { ip, prefix: 8 }, port))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_first_address_where_the_driver_proves_itself_is_kept() {
        let (keys, others) = (Keys::generate().expect("keys"), Keys::generate().expect("keys"));
        let (_silent, at_silent) = listener().await;
        let (stranger, at_stranger) = listener().await;
        let (driver, at_driver) = listener().await;
        for (listener, acceptor) in [(stranger, others.driver), (driver, keys.driver.clone())] {
            tokio::spawn(async move {
                let (stream, _) = listener.accept().await.expect("somebody comes");
                let kept = tls::accept(&acceptor, stream).await;
                // Held open until the test ends.
                std::future::pending::<()>().await;
                drop(kept);
            });
        }
        let connector = tls::connector(&keys.worker).expect("readable");
        let candidates = [at_silent, at_stranger, at_driver.clone()];
        let found = first(&connector, &candidates).await.map_err(|failure| failure.cause).expect("found");
        assert_eq!(found.candidate, at_driver);
        let [stranger, driver] = &found.tried[..] else { panic!("{:?}", found.tried) };
        assert!(stranger.starts_with(&format!("the driver is not at {}: ", candidates[1])), "{stranger}");
        assert!(driver.starts_with(&format!("the driver is at {at_driver}, reached after ")), "{driver}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn addresses_where_nobody_listens_refuse() {
        let keys = Keys::generate().expect("keys");
        let connector = tls::connector(&keys.worker).expect("readable");
        let (listener, nobody) = listener().await;
        drop(listener);
        let failure =
            first(&connector, &[nobody]).await.map(|found| found.candidate).expect_err("nobody is there");
        assert!(failure.refused, "{}", failure.cause);
    }
}
