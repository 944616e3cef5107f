//! The same from flags, for an exporter whose reference has such.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::ConfigError;
use super::config::{Password, Settings, check_hash};
use super::pem::Pem;
use super::tls::{Options, TlsSettings};
use crate::secret::Secret;

/// What redis_exporter's flags say of the web side; what is empty was not given.
#[derive(Clone, Debug, Default)]
pub struct SecurityFlags {
    /// The only user.
    pub username: String,
    /// Its password in clear.
    pub password: Secret,
    /// Its password as bcrypt hash.
    pub password_hash: Secret,
    /// Certificate in PEM form.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Certificates by which those of clients must be signed.
    pub client_ca_file: PathBuf,
    /// `TLS1.0` to `TLS1.3`.
    pub min_version: String,
}

impl SecurityFlags {
    pub(super) fn settings(&self) -> Result<Option<Settings>, ConfigError> {
        let users = self.users()?;
        let tls = self.tls()?;
        if users.is_empty() && tls.is_none() {
            return Ok(None);
        }
        Ok(Some(Settings { tls, users, ..Settings::default() }))
    }

    fn users(&self) -> Result<BTreeMap<String, Password>, ConfigError> {
        let flag = "--basic-auth-username";
        let password = match (self.password.is_empty(), self.password_hash.is_empty()) {
            (true, true) if self.username.is_empty() => return Ok(BTreeMap::new()),
            (true, true) => return Err(ConfigError::new(flag, "given without a password")),
            (false, false) => {
                let reason = "excludes --basic-auth-password";
                return Err(ConfigError::new("--basic-auth-hash-password", reason));
            }
            (false, true) => Password::Plain(self.password.clone()),
            (true, false) => {
                check_hash(&self.password_hash)
                    .map_err(|reason| ConfigError::new("--basic-auth-hash-password", reason))?;
                Password::Bcrypt(self.password_hash.clone())
            }
        };
        if self.username.is_empty() {
            return Err(ConfigError::new(flag, "missing, but there is a password"));
        }
        Ok(BTreeMap::from([(self.username.clone(), password)]))
    }

    fn tls(&self) -> Result<Option<TlsSettings>, ConfigError> {
        let (cert, key) = ("--tls-server-cert-file", "--tls-server-key-file");
        let ca = "--tls-server-ca-cert-file";
        let min = "--tls-server-min-version";
        let file = |flag, path: &PathBuf| {
            (!path.as_os_str().is_empty()).then(|| Pem::File(flag, path.clone()))
        };
        let client_ca = file(ca, &self.client_ca_file);
        let min_version = match self.min_version.as_str() {
            "" | "TLS1.2" => "TLS12",
            "TLS1.0" => "TLS10",
            "TLS1.1" => "TLS11",
            "TLS1.3" => "TLS13",
            _ => return Err(ConfigError::new(min, "expected TLS1.2 or TLS1.3")),
        };
        let auth_type = if client_ca.is_some() { "RequireAndVerifyClientCert" } else { "" };
        let options = Options {
            auth_type: auth_type.into(),
            min_version: min_version.into(),
            prefer_server_order: true,
            http2: true,
            ..Options::default()
        };
        match (file(cert, &self.cert_file), file(key, &self.key_file)) {
            (None, None) if client_ca.is_some() => {
                Err(ConfigError::new(ca, "given without --tls-server-cert-file"))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::new(cert, "given without --tls-server-key-file")),
            (None, Some(_)) => Err(ConfigError::new(key, "given without --tls-server-cert-file")),
            (Some(certificate), Some(key)) => {
                TlsSettings::new(certificate, key, client_ca, options.check()?).map(Some)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(flags: &SecurityFlags) -> String {
        flags.settings().unwrap_err().to_string()
    }

    #[test]
    fn half_of_a_pair_is_an_error_and_no_open_exporter() {
        let none = SecurityFlags::default();
        assert!(none.settings().unwrap().is_none());
        let user = SecurityFlags { username: "u".into(), ..none.clone() };
        assert_eq!(error(&user), "--basic-auth-username: given without a password");
        let password = SecurityFlags { password: "p".into(), ..none.clone() };
        assert!(error(&password).contains("missing"));
        let both =
            SecurityFlags { password_hash: "h".into(), password: "p".into(), ..user.clone() };
        assert!(error(&both).contains("excludes"));
        let hash = SecurityFlags { password_hash: "hunter2".into(), ..user.clone() };
        assert!(error(&hash).contains("bcrypt") && !error(&hash).contains("hunter"));
        let cert = SecurityFlags { cert_file: "c".into(), ..none.clone() };
        assert!(error(&cert).contains("given without --tls-server-key-file"));
        let key = SecurityFlags { key_file: "k".into(), ..none.clone() };
        assert!(error(&key).contains("given without --tls-server-cert-file"));
        let ca = SecurityFlags { client_ca_file: "a".into(), ..none.clone() };
        assert!(error(&ca).contains("--tls-server-ca-cert-file"));
        let version = SecurityFlags { min_version: "TLS9".into(), ..none };
        assert!(error(&version).contains("--tls-server-min-version"));
        let good = SecurityFlags { password: "p".into(), ..user };
        assert_eq!(good.settings().unwrap().unwrap().users.len(), 1);
    }
}
