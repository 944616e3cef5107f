//! TLS to the server: which certificates are trusted, shown, and why a handshake failed.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context as _, bail};
use common::sync::lock;
use common::tls::{AnyServer, Hints, rustls_error};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::args::TlsArgs;

/// What the flags are called that help where a handshake fails.
const HINTS: Hints = Hints {
    authorities: "--tls-ca-cert-file",
    server_name: "--tls-server-name",
    plain: "use redis://",
};

/// What flags say of TLS. The files are read again for each new connection, so that renewed
/// certificates need no restart.
#[derive(Debug)]
pub(super) struct Tls {
    args: TlsArgs,
    /// What came of the files when they were read last.
    last: Mutex<Option<(Files, Arc<ClientConfig>)>>,
    system_roots: OnceLock<Vec<CertificateDer<'static>>>,
}

/// Contents of the files that flags name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Files {
    authorities: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl Tls {
    /// Checks the flags and the files that they name.
    ///
    /// # Errors
    /// A file that cannot be read or is malformed, or a certificate without its key.
    pub(super) fn new(args: &TlsArgs) -> anyhow::Result<Self> {
        match (args.certificate.as_str(), args.key.as_str()) {
            ("", key) if !key.is_empty() => {
                bail!("--tls-client-key-file is given without --tls-client-cert-file")
            }
            (certificate, "") if !certificate.is_empty() => {
                bail!("--tls-client-cert-file is given without --tls-client-key-file")
            }
            _ => {}
        }
        let tls =
            Self { args: args.clone(), last: Mutex::default(), system_roots: OnceLock::new() };
        // The system's authorities are not needed unless a server is asked by TLS.
        let files = Files::read(args)?;
        let is_given = files != Files::default();
        if is_given {
            tls.configure(files)?;
        }
        Ok(tls)
    }

    /// Shakes hands over `stream` with the server that was addressed as `host`; `name` is to be
    /// in its certificate, else the flag's, else `host`.
    ///
    /// # Errors
    /// The cause in words.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        self: &Arc<Self>,
        host: &str,
        name: Option<&str>,
        stream: S,
    ) -> Result<TlsStream<S>, String> {
        let this = Arc::clone(self);
        let config = tokio::task::spawn_blocking(move || this.configure(Files::read(&this.args)?));
        let config = match config.await {
            Ok(Ok(config)) => config,
            Ok(Err(error)) => return Err(format!("{error:#}")),
            Err(_) => return Err("the TLS files could not be read".into()),
        };
        let flag = Some(self.args.server_name.as_str()).filter(|name| !name.is_empty());
        let name = name.or(flag).unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| "the host is no name that a certificate can hold".to_owned())?;
        let connecting = TlsConnector::from(config).connect(server_name, stream);
        connecting.await.map_err(|error| HINTS.explain(&error))
    }

    /// True if the server at the other end of `stream`, which was addressed as `host`, speaks TLS.
    pub(super) async fn is_spoken<S: AsyncRead + AsyncWrite + Unpin>(
        host: &str,
        stream: S,
    ) -> bool {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(AnyServer);
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let (Ok(builder), Ok(name)) = (builder, ServerName::try_from(host.to_owned())) else {
            return false;
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let connector = TlsConnector::from(Arc::new(builder.with_no_client_auth()));
        match connector.connect(name, stream).await {
            Ok(_) => true,
            // Such as one that asks for a certificate.
            Err(error) => is_alert(&error),
        }
    }

    /// The configuration that `files` make, the last one if they are the same still.
    fn configure(&self, files: Files) -> anyhow::Result<Arc<ClientConfig>> {
        if let Some((known, config)) = &*lock(&self.last)
            && *known == files
        {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = if self.args.skips_verification {
            let verifier = Arc::new(AnyServer);
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(self.roots(&files)?)
        };
        let config = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, &self.args.certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| anyhow::anyhow!("{}: no private key in PEM", self.args.key))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .with_context(|| self.args.certificate.clone())?
            }
            _ => builder.with_no_client_auth(),
        };
        let config = Arc::new(config);
        *lock(&self.last) = Some((files, Arc::clone(&config)));
        Ok(config)
    }

    fn roots(&self, files: &Files) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        if let Some(authorities) = &files.authorities {
            for certificate in certificates(authorities, &self.args.authorities)? {
                roots.add(certificate).with_context(|| self.args.authorities.clone())?;
            }
            return Ok(roots);
        }
        let system =
            self.system_roots.get_or_init(|| rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(system.iter().cloned());
        if roots.is_empty() {
            bail!("this system has no certificate authorities: set --tls-ca-cert-file");
        }
        Ok(roots)
    }
}

impl Files {
    fn read(args: &TlsArgs) -> anyhow::Result<Self> {
        let read = |flag: &str, path: &str| match path {
            "" => Ok(None),
            path => std::fs::read(Path::new(path))
                .map(Some)
                .with_context(|| format!("--{flag}={path}: cannot be read")),
        };
        Ok(Self {
            authorities: read("tls-ca-cert-file", &args.authorities)?,
            certificate: read("tls-client-cert-file", &args.certificate)?,
            key: read("tls-client-key-file", &args.key)?,
        })
    }
}

fn certificates(pem: &[u8], path: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    common::tls::certificates(pem).with_context(|| format!("{path}: no certificate in PEM"))
}

fn is_alert(error: &std::io::Error) -> bool {
    matches!(rustls_error(error), Some(rustls::Error::AlertReceived(_)))
}
