//! TLS to the database, and the certificates to check servers against.
//!
//! `require` and `verify-full` check the certificate and the name. `prefer`, the default of PostgreSQL, does not, unless
//! certificates to check against are given: it only keeps listeners out, and must work with the self-signed certificate
//! that many servers come with. Whoever can alter traffic could switch encryption off under `prefer` anyway.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes TLS connections of one kind.
#[derive(Clone)]
pub struct Tls(MakeRustlsConnect);

impl Tls {
    /// Prepares for `mode`; `roots` replaces the system's certificates. Fails with a reason when there is nothing to check
    /// against.
    pub fn new(mode: SslMode, roots: Option<&Path>) -> Result<Tls, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match (mode, roots) {
            (SslMode::Disable, _) => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            (SslMode::Prefer, None) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
                .with_no_client_auth(),
            (_, Some(file)) => builder.with_root_certificates(from_file(file)?).with_no_client_auth(),
            (_, None) => builder.with_root_certificates(from_system()?).with_no_client_auth(),
        };
        Ok(Tls(MakeRustlsConnect::new(config)))
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<S>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        // A Unix socket has no host name. It never gets as far as TLS, but the name must be a good one.
        let host = if host.is_empty() { "localhost" } else { host };
        MakeTlsConnect::<S>::make_tls_connect(&mut self.0, host)
    }
}

/// The certificates of a PEM file.
pub(crate) fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in certificates {
        store.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if store.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(store) }
}

/// The certificates that the system believes in.
pub(crate) fn from_system() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    // Some of a system's certificates are often unreadable or odd; the others are enough.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err("is not set and the system has no certificates".to_owned()) } else { Ok(store) }
}

/// Believes every certificate, but insists that the server has its key.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_file_must_hold_one() {
        let missing = Tls::new(SslMode::Require, Some(Path::new("/nonexistent.pem")));
        assert!(missing.is_err());
        assert!(Tls::new(SslMode::Require, Some(Path::new("Cargo.toml"))).is_err());
        assert!(Tls::new(SslMode::Prefer, None).is_ok());
        assert!(Tls::new(SslMode::Disable, None).is_ok());
    }

    #[test]
    fn a_unix_socket_needs_no_name() {
        let mut tls = Tls::new(SslMode::Prefer, None).unwrap();
        assert!(MakeTlsConnect::<tokio::net::TcpStream>::make_tls_connect(&mut tls, "").is_ok());
    }
}
