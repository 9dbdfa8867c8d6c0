//! Where the driver listens, and what it tells workers about it.

use crate::error::{Error, Result};
use crate::protocol::address::{self, ANY, Candidate, Interface};
use std::net::{IpAddr, Ipv4Addr};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How the driver can be reached.
pub struct Listen {
    /// The port; 0 for any that is free.
    pub port: u16,
    /// What to tell workers instead of the addresses found.
    pub host: Option<String>,
    /// Whether workers are on this machine alone.
    pub loopback: bool,
    /// What lets workers in.
    pub acceptor: TlsAcceptor,
}

impl Listen {
    /// Takes the port.
    pub(super) async fn bind(&self) -> Result<TcpListener> {
        let interfaces: &[IpAddr] = if self.loopback { &[IpAddr::V4(Ipv4Addr::LOCALHOST)] } else { &ANY };
        let mut refusal = None;
        for &ip in interfaces {
            match TcpListener::bind((ip, self.port)).await {
                Ok(listener) => return Ok(listener),
                // A machine without IPv6 says so here, and the next one is tried.
                Err(error) => refusal = Some(error),
            }
        }
        let error = refusal.expect("at least one address was tried");
        Err(Error::system(format!("cannot listen on port {}", self.port), &error)
            .hint("set cluster.port to a free port, or to 0 for any"))
    }

    /// The lines for the workers' file of addresses.
    pub(super) fn offer(&self, listener: &TcpListener) -> Result<Vec<String>> {
        let bound = listener.local_addr().map_err(|error| Error::system("cannot listen", &error))?;
        let port = bound.port();
        let candidates = match &self.host {
            Some(host) => vec![Candidate::Host(host.clone(), port)],
            None if self.loopback => {
                vec![Candidate::Address(Interface { ip: bound.ip(), prefix: 8 }, port)]
            }
            None => address::offer(&address::interfaces(), port),
        };
        Ok(candidates.iter().map(ToString::to_string).collect())
    }
}
