//! From the keys about TLS to a configuration of rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{NamedGroup, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::ConfigError;
use super::client::{ClientAuth, ClientVerifier};
use super::pem::Pem;

/// Keys of TLS as they were written.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) auth_type: String,
    pub(super) allowed_sans: Vec<String>,
    pub(super) min_version: String,
    pub(super) max_version: String,
    pub(super) cipher_suites: Vec<String>,
    pub(super) prefer_server_order: bool,
    pub(super) curves: Vec<String>,
    pub(super) http2: bool,
}

/// Keys of TLS, checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    auth: ClientAuth,
    allowed_sans: Vec<String>,
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    groups: Vec<NamedGroup>,
    prefer_server_order: bool,
    http2: bool,
    /// What cannot be had, to be logged at the start.
    warnings: Vec<String>,
}

/// All about TLS.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    certificate: Pem,
    key: Pem,
    client_ca: Option<Pem>,
    options: Checked,
}

/// Suites that the format names and rustls has not.
const CBC: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    /// 1.0 or 1.1, which rustls has not.
    Old,
    Tls12,
    Tls13,
}

fn parse_version(key: &'static str, text: &str, default: Version) -> Result<Version, ConfigError> {
    match text {
        "" => Ok(default),
        "TLS10" | "TLS11" => Ok(Version::Old),
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        _ => Err(ConfigError::new(key, "expected TLS12 or TLS13")),
    }
}

impl Options {
    pub(super) fn check(self) -> Result<Checked, ConfigError> {
        let mut warnings = Vec::new();
        let (min_key, max_key) = ("tls_server_config.min_version", "tls_server_config.max_version");
        let min = parse_version(min_key, &self.min_version, Version::Tls12)?;
        let max = parse_version(max_key, &self.max_version, Version::Tls13)?;
        if min == Version::Old {
            warnings.push(format!("{min_key}: TLS 1.2 is the oldest version here"));
        }
        if max == Version::Old {
            return Err(ConfigError::new(max_key, "TLS 1.2 is the oldest version here"));
        }
        if min > max {
            return Err(ConfigError::new(max_key, "older than min_version"));
        }
        let mut versions = Vec::new();
        if max == Version::Tls13 {
            versions.push(&version::TLS13);
        }
        if min <= Version::Tls12 {
            versions.push(&version::TLS12);
        }
        let suites = suites(&self.cipher_suites, &mut versions, self.http2, &mut warnings)?;
        Ok(Checked {
            auth: ClientAuth::parse(&self.auth_type)?,
            allowed_sans: self.allowed_sans,
            versions,
            suites,
            groups: groups(&self.curves, &mut warnings)?,
            prefer_server_order: self.prefer_server_order,
            http2: self.http2,
            warnings,
        })
    }
}

/// The suites to offer, in the order of the list, which counts where the server chooses. It only
/// chooses among those of TLS 1.2; all of TLS 1.3 remain.
fn suites(
    names: &[String],
    versions: &mut Vec<&'static SupportedProtocolVersion>,
    http2: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<SupportedCipherSuite>, ConfigError> {
    let key = "tls_server_config.cipher_suites";
    if names.is_empty() {
        return Ok(ring::ALL_CIPHER_SUITES.to_vec());
    }
    let name_of = |suite: &SupportedCipherSuite| {
        let name = format!("{:?}", suite.suite());
        // As the format spells those of TLS 1.3.
        name.replace("TLS13_", "TLS_")
    };
    for name in names {
        if CBC.contains(&name.as_str()) {
            warnings.push(format!("{key}: {name} is left out, there is no CBC here"));
        } else if !ring::ALL_CIPHER_SUITES.iter().any(|suite| name_of(suite) == *name) {
            return Err(ConfigError::new(key, format!("unknown cipher suite {name:.64}")));
        }
    }
    let is_13 = |suite: &&SupportedCipherSuite| suite.version() == &version::TLS13;
    let place = |suite: &SupportedCipherSuite| {
        let name = name_of(suite);
        names.iter().position(|listed| *listed == name)
    };
    let chosen = |suite: &&SupportedCipherSuite| is_13(suite) || place(suite).is_some();
    let mut suites: Vec<_> = ring::ALL_CIPHER_SUITES.iter().filter(chosen).copied().collect();
    // What is not listed stays before them, in its order.
    suites.sort_by_key(place);
    let has_13 = versions.contains(&&version::TLS13);
    if suites.iter().all(|suite| is_13(&suite)) {
        if !has_13 {
            return Err(ConfigError::new(key, "none of them works with TLS 1.2"));
        }
        versions.retain(|version| **version == version::TLS13);
    }
    let required = |name: &String| name.ends_with("_WITH_AES_128_GCM_SHA256");
    if http2 && !has_13 && !names.iter().any(required) {
        let reason = "HTTP/2 over TLS 1.2 needs an ECDHE suite with AES_128_GCM_SHA256";
        return Err(ConfigError::new(key, reason));
    }
    Ok(suites)
}

fn groups(names: &[String], warnings: &mut Vec<String>) -> Result<Vec<NamedGroup>, ConfigError> {
    let key = "tls_server_config.curve_preferences";
    let mut groups = Vec::new();
    for name in names {
        match name.as_str() {
            "CurveP256" => groups.push(NamedGroup::secp256r1),
            "CurveP384" => groups.push(NamedGroup::secp384r1),
            "X25519" => groups.push(NamedGroup::X25519),
            "CurveP521" => warnings.push(format!("{key}: CurveP521 is left out, it is not here")),
            _ => return Err(ConfigError::new(key, format!("unknown curve {name:.64}"))),
        }
    }
    if groups.is_empty() && !names.is_empty() {
        return Err(ConfigError::new(key, "CurveP521 is not supported, and no other is named"));
    }
    Ok(groups)
}

impl TlsSettings {
    pub(super) fn new(
        certificate: Pem,
        key: Pem,
        client_ca: Option<Pem>,
        options: Checked,
    ) -> Result<Self, ConfigError> {
        if let (Some(ca), ClientAuth::None) = (&client_ca, options.auth) {
            return Err(ConfigError::new(ca.key(), "given, but client_auth_type is NoClientCert"));
        }
        if options.auth == ClientAuth::None && !options.allowed_sans.is_empty() {
            let key = "tls_server_config.client_allowed_sans";
            return Err(ConfigError::new(key, "given, but client_auth_type is NoClientCert"));
        }
        Ok(Self { certificate, key, client_ca, options })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|pem| match pem {
                Pem::File(_, path) => Some(path.as_path()),
                Pem::Inline(..) => None,
            })
    }

    pub(super) fn warnings(&self) -> &[String] {
        &self.options.warnings
    }

    /// Reads certificates and keys.
    pub(super) fn load(&self) -> Result<Arc<ServerConfig>, ConfigError> {
        let options = &self.options;
        let mut provider =
            CryptoProvider { cipher_suites: options.suites.clone(), ..ring::default_provider() };
        if !options.groups.is_empty() {
            provider.kx_groups = options.groups.iter().filter_map(|name| group(*name)).collect();
        }
        let provider = Arc::new(provider);
        let verifier = self.verifier(&provider)?;
        let certificates = self.certificate.certificates()?;
        let key = self.key.private_key()?;
        let unusable = |error: rustls::Error| match error {
            rustls::Error::InconsistentKeys(_) => {
                self.key.error("does not belong to the certificate")
            }
            error => self.certificate.error(error),
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&options.versions)
            .map_err(unusable)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(unusable)?;
        config.ignore_client_order = options.prefer_server_order;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if options.http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Ok(Arc::new(config))
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<ClientVerifier>>, ConfigError> {
        if self.options.auth == ClientAuth::None {
            return Ok(None);
        }
        let mut anchors = Vec::new();
        let mut roots = RootCertStore::empty();
        let error = |reason: &dyn std::fmt::Display| match &self.client_ca {
            Some(ca) => ca.error(reason),
            None => ConfigError::new(
                "tls_server_config.client_auth_type",
                format!("there is no client_ca_file, and of the system's certificates: {reason}"),
            ),
        };
        if let Some(ca) = &self.client_ca {
            anchors = ca.certificates()?;
            for anchor in &anchors {
                roots.add(anchor.clone()).map_err(|reason| error(&reason))?;
            }
        } else if self.options.auth.verifies() {
            // As in the toolkit: whatever the system trusts.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let chain = if self.client_ca.is_some() || self.options.auth.verifies() {
            let provider = Arc::clone(provider);
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            Some(builder.build().map_err(|reason| error(&reason))?)
        } else {
            None
        };
        Ok(Some(Arc::new(ClientVerifier {
            auth: self.options.auth,
            chain,
            anchors,
            allowed_sans: self.options.allowed_sans.clone(),
            algorithms: provider.signature_verification_algorithms,
        })))
    }
}

fn group(name: NamedGroup) -> Option<&'static dyn rustls::crypto::SupportedKxGroup> {
    ring::ALL_KX_GROUPS.iter().copied().find(|group| group.name() == name)
}
