//! `--web.config.file`: TLS, users, response headers and a limit of requests, in the format of
//! the Prometheus exporter-toolkit. The file is read again when it changes.

mod auth;
mod client;
mod config;
mod current;
mod flags;
mod guard;
mod pem;
mod rate;
mod tls;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use rustls::ServerConfig;

use auth::Logins;
use config::Settings;
use current::{Current, Source};
pub use flags::SecurityFlags;
use rate::Bucket;

/// A mistake in what is configured: its file, if any, the key, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: Option<PathBuf>,
    key: String,
    reason: String,
}

impl ConfigError {
    fn new(key: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { file: None, key: key.into(), reason: reason.to_string() }
    }

    fn of(mut self, file: Option<&Path>) -> Self {
        self.file = file.map(Path::to_path_buf);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// What stands between the network and the pages. Whether there is TLS, whether there is HTTP/2
/// and how many requests are answered is fixed at the start; all else follows the files.
#[derive(Debug)]
pub struct Security {
    current: Current,
    logins: Logins,
    bucket: Option<Bucket>,
    has_tls: bool,
}

impl Security {
    /// Reads a configuration file and the files that it names.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_file(path: &Path) -> Result<Arc<Self>, ConfigError> {
        Self::load(Source::File(path.to_path_buf()))
    }

    /// From flags instead of a file; `None` if none is set.
    ///
    /// # Errors
    /// What is missing or malformed, with the name of the flag.
    pub fn from_flags(flags: &SecurityFlags) -> Result<Option<Arc<Self>>, ConfigError> {
        let Some(settings) = flags.settings()? else { return Ok(None) };
        Self::load(Source::Fixed(Arc::new(settings))).map(Some)
    }

    fn load(source: Source) -> Result<Arc<Self>, ConfigError> {
        let (current, settings) = Current::load(source)?;
        for warning in settings.tls.iter().flat_map(tls::TlsSettings::warnings) {
            tracing::warn!(warning, "web configuration");
        }
        Ok(Arc::new(Self {
            current,
            logins: Logins::default(),
            bucket: settings.rate_limit.map(|limit| Bucket::new(limit, Instant::now())),
            has_tls: settings.tls.is_some(),
        }))
    }

    /// Whether connections begin with a TLS handshake.
    pub fn has_tls(&self) -> bool {
        self.has_tls
    }

    /// For the next handshake; the last good one while the files are broken.
    pub(super) async fn tls(self: &Arc<Self>) -> Option<Arc<ServerConfig>> {
        self.current.refresh().await.tls
    }

    /// Looks at the files now and not with the next request, so that the log tells at once what is
    /// wrong with them.
    pub async fn reload(&self) {
        self.current.refresh().await;
    }

    /// Puts the limit, the headers and the authentication before all routes.
    pub fn protect(self: &Arc<Self>, router: Router) -> Router {
        let state = Arc::clone(self);
        router.layer(axum::middleware::from_fn_with_state(state, guard::guard))
    }
}

#[cfg(test)]
mod tests;
