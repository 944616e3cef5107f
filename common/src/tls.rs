//! TLS as a client.

use std::io;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// The certificates of a file in PEM; `None` if it has none, or malformed ones.
pub fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty())
}

/// What a program's users can do about a handshake that failed.
#[derive(Clone, Copy, Debug)]
pub struct Hints {
    /// Setting with the authorities.
    pub authorities: &'static str,
    /// Setting with the name that a certificate must have.
    pub server_name: &'static str,
    /// What to do where the server does not speak TLS.
    pub plain: &'static str,
}

impl Hints {
    /// Why a handshake failed, in words that are always the same for the same cause.
    pub fn explain(&self, error: &io::Error) -> String {
        let Some(cause) = rustls_error(error) else {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                    "TLS: the server closed the connection during the handshake".into()
                }
                _ => format!("TLS: {error}"),
            };
        };
        let Self { authorities, server_name, plain } = self;
        match cause {
            Error::InvalidMessage(_) => format!("TLS: the server does not speak TLS: {plain}"),
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                format!("TLS: the certificate is from an unknown issuer: set {authorities}")
            }
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => "TLS: the certificate has expired".into(),
            Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => "TLS: the certificate is not valid yet".into(),
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => format!("TLS: the certificate is not valid for name: set {server_name}"),
            Error::InvalidCertificate(cause) => format!("TLS: {cause}"),
            _ => format!("TLS: {cause}"),
        }
    }
}

/// The error of TLS in an error of a stream, if that is what it is.
pub fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|cause| cause.downcast_ref::<Error>())
}

/// Takes any certificate of a server, as long as the server has its key.
#[derive(Debug)]
pub struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
