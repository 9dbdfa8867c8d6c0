//! Mutual TLS 1.3 with an authority made for the run.
//!
//! The driver makes the authority, its own certificate and one for the run's workers. The authority's key is
//! dropped at once, so nobody can make another certificate. Workers read theirs from a file only their user
//! can read; a driver's certificate is good for driving and a worker's for working, not the other way round.

use crate::protocol::{Stream, VERSION};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, server::WebPkiClientVerifier, version::TLS13};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name in the driver's certificate: not a host's, since the key alone is what is trusted.
const DRIVER_NAME: &str = "driver.squall";

/// The keys of a run.
pub struct Keys {
    /// What the driver needs; never written anywhere.
    pub driver: TlsAcceptor,
    /// What a worker needs, as text for a file that only the user can read.
    pub worker: String,
}

/// Why keys cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

impl Keys {
    /// Makes the keys of a run.
    pub fn generate() -> Result<Keys, KeyError> {
        let failed = |error: rcgen::Error| KeyError(error.to_string());
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.distinguished_name.push(DnType::CommonName, "squall run");
        let authority_key = KeyPair::generate().map_err(failed)?;
        let authority_certificate = authority.self_signed(&authority_key).map_err(failed)?;
        let issuer = Issuer::new(authority, authority_key);
        let signed = |name: &str, purpose| -> Result<(String, KeyPair), rcgen::Error> {
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.extended_key_usages = vec![purpose];
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate()?;
            Ok((params.signed_by(&key, &issuer)?.pem(), key))
        };
        let (driver, driver_key) =
            signed(DRIVER_NAME, ExtendedKeyUsagePurpose::ServerAuth).map_err(failed)?;
        let (worker, worker_key) =
            signed("worker.squall", ExtendedKeyUsagePurpose::ClientAuth).map_err(failed)?;
        let authority = authority_certificate.pem();
        let own = Identity::read(&format!("{authority}{driver}{}", driver_key.serialize_pem()))?;
        Ok(Keys {
            driver: own.acceptor()?,
            worker: format!("{authority}{worker}{}", worker_key.serialize_pem()),
        })
    }
}

/// The connector of a worker, from the text that [`Keys::generate`] made.
pub fn connector(keys: &str) -> Result<TlsConnector, KeyError> {
    Identity::read(keys)?.connector()
}

/// Makes a stream secure from the worker's side; fails unless the other side is this run's driver.
pub async fn connect<S>(connector: &TlsConnector, stream: S) -> io::Result<Box<dyn Stream>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let name = ServerName::try_from(DRIVER_NAME).expect("a constant that is a name");
    let stream = connector.connect(name, stream).await?;
    same_version(stream.get_ref().1.alpn_protocol())?;
    Ok(Box::new(stream))
}

/// Makes a stream secure from the driver's side; fails unless the other side is a worker of this run.
pub async fn accept<S>(acceptor: &TlsAcceptor, stream: S) -> io::Result<Box<dyn Stream>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = acceptor.accept(stream).await?;
    same_version(stream.get_ref().1.alpn_protocol())?;
    Ok(Box::new(stream))
}

fn same_version(alpn: Option<&[u8]>) -> io::Result<()> {
    if alpn == Some(VERSION) {
        return Ok(());
    }
    let version = String::from_utf8_lossy(VERSION);
    Err(io::Error::other(format!("the other side does not speak {version}")))
}

/// The run's authority, and one side's certificate and key.
struct Identity {
    authority: RootCertStore,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    fn read(text: &str) -> Result<Identity, KeyError> {
        let damaged = || KeyError("the key file does not hold two certificates and a key".to_owned());
        let mut certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        let mut certificate = || certificates.next().and_then(Result::ok).ok_or_else(damaged);
        let mut authority = RootCertStore::empty();
        authority.add(certificate()?).map_err(|error| KeyError(error.to_string()))?;
        let certificate = certificate()?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| damaged())?;
        Ok(Identity { authority, certificate, key, provider: Arc::new(ring::default_provider()) })
    }

    fn acceptor(self) -> Result<TlsAcceptor, KeyError> {
        let failed = |error: rustls::Error| KeyError(error.to_string());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(self.authority), self.provider.clone())
                .build()
                .map_err(|error| KeyError(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(self.provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate], self.key)
            .map_err(failed)?;
        config.alpn_protocols = vec![VERSION.to_vec()];
        // Nobody resumes: a worker that comes back proves itself again.
        config.send_tls13_tickets = 0;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn connector(self) -> Result<TlsConnector, KeyError> {
        let failed = |error: rustls::Error| KeyError(error.to_string());
        let mut config = ClientConfig::builder_with_provider(self.provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(failed)?
            .with_root_certificates(self.authority)
            .with_client_auth_cert(vec![self.certificate], self.key)
            .map_err(failed)?;
        config.alpn_protocols = vec![VERSION.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// What the driver makes of a worker with these keys.
    async fn meet(keys: &Keys, worker: &str) -> (io::Result<()>, io::Result<()>) {
        let (here, there) = tokio::io::duplex(1 << 14);
        let connector = connector(worker).expect("readable keys");
        let worker = async {
            let mut stream = connect(&connector, there).await?;
            // A client knows only from the first read whether its certificate was taken.
            stream.read(&mut [0]).await.map(drop)
        };
        let driver = async { accept(&keys.driver, here).await.map(drop) };
        tokio::join!(driver, worker)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_worker_of_the_run_is_let_in() {
        let keys = Keys::generate().expect("keys");
        let (driver, _) = meet(&keys, &keys.worker).await;
        driver.expect("accepted");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_worker_of_another_run_is_refused_by_both() {
        let (keys, other) = (Keys::generate().expect("keys"), Keys::generate().expect("keys"));
        let (driver, worker) = meet(&keys, &other.worker).await;
        assert!(driver.is_err() && worker.is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_worker_cannot_play_the_driver() {
        let keys = Keys::generate().expect("keys");
        let imposter = Identity::read(&keys.worker).and_then(Identity::acceptor).expect("readable");
        let imposter = Keys { driver: imposter, worker: String::new() };
        let (_, worker) = meet(&imposter, &keys.worker).await;
        assert!(worker.is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn random_bytes_are_refused() {
        let keys = Keys::generate().expect("keys");
        let bytes: &[u8] = b"GET / HTTP/1.1\r\nHost: squall\r\n\r\n";
        let stream = tokio::io::join(bytes, tokio::io::sink());
        assert!(accept(&keys.driver, stream).await.is_err());
    }

    #[test]
    fn a_damaged_key_file_is_an_error() {
        assert!(connector("-----BEGIN CERTIFICATE-----").is_err());
    }
}
