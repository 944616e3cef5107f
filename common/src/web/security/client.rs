//! Certificates of clients.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::ConfigError;

/// What is asked of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl ClientAuth {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        Ok(match text {
            "" | "NoClientCert" => Self::None,
            "RequestClientCert" => Self::Request,
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAny,
            "VerifyClientCertIfGiven" => Self::VerifyIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerify,
            _ => {
                let reason = "expected NoClientCert, RequestClientCert, RequireAnyClientCert, \
                              VerifyClientCertIfGiven or RequireAndVerifyClientCert";
                return Err(ConfigError::new("tls_server_config.client_auth_type", reason));
            }
        })
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// Asks for a certificate, and checks as much of it as the configuration says. That the client
/// has the key of its certificate is always checked.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) auth: ClientAuth,
    /// Checks that a certificate comes from one of the anchors.
    pub(super) chain: Option<Arc<dyn ClientCertVerifier>>,
    pub(super) anchors: Vec<CertificateDer<'static>>,
    /// Names of which a certificate must have one; any will do if there are none.
    pub(super) allowed_sans: Vec<String>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        // Where names are listed, a client without certificate has none of them.
        matches!(self.auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
            || !self.allowed_sans.is_empty()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = self.chain.as_ref().filter(|_| self.auth.verifies()) {
            // A certificate that signed itself is its own anchor, which webpki refuses.
            if self.anchors.iter().any(|anchor| anchor.as_ref() == end_entity.as_ref()) {
                check_anchor(end_entity, now)?;
            } else {
                chain.verify_client_cert(end_entity, intermediates, now)?;
            }
        }
        if !self.allowed_sans.is_empty() && !has_name(&parse(end_entity)?, &self.allowed_sans) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(certificate) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}

/// Its time, and that it may be used by clients.
fn check_anchor(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = parse(certificate)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.client_auth && !usage.value.any => {
            Err(CertificateError::InvalidPurpose.into())
        }
        Ok(_) => Ok(()),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}

fn has_name(certificate: &X509Certificate<'_>, allowed: &[String]) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            allowed.iter().any(|allowed| allowed == name)
        }
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.is_ok_and(|address| allowed.contains(&address.to_string()))
        }
        _ => false,
    })
}
