//! Certificates and keys, in files or in the configuration itself.

use std::path::PathBuf;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{ConfigError, config};
use crate::secret::Secret;

/// Where a certificate or key is, and the key that says so.
#[derive(Clone, Debug)]
pub(super) enum Pem {
    File(&'static str, PathBuf),
    Inline(&'static str, Secret),
}

impl Pem {
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::File(key, _) | Self::Inline(key, _) => key,
        }
    }

    pub(super) fn error(&self, reason: impl std::fmt::Display) -> ConfigError {
        match self {
            Self::File(key, path) => {
                ConfigError::new(*key, format!("{}: {reason}", path.display()))
            }
            Self::Inline(key, _) => ConfigError::new(key.trim_end_matches("_file"), reason),
        }
    }

    pub(super) fn text(&self) -> Result<Secret, ConfigError> {
        match self {
            Self::File(_, path) => match config::read_text(path) {
                Ok(text) => Ok(Secret::new(text)),
                Err(reason) => Err(self.error(reason)),
            },
            Self::Inline(_, text) => Ok(text.clone()),
        }
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let text = self.text()?;
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(text.expose().as_bytes()).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(self.error("no certificate in PEM form")),
            Err(_) => Err(self.error("malformed PEM")),
        }
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        let text = self.text()?;
        // The reason may quote what was read.
        PrivateKeyDer::from_pem_slice(text.expose().as_bytes())
            .map_err(|_| self.error("no private key in PEM form"))
    }
}
