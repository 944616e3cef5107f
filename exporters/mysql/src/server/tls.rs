//! TLS to the server, as far as the library lets others have a say in it.

use std::path::Path;

use common::tls::{Hints, certificates};
use mysql_async::{ClientIdentity, SslOpts};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::connection::Connection;
use super::error::QueryError;
use crate::account::{Address, Tls, Verification};

/// The name that is asked for where none is wanted.
///
/// The library takes a certificate for another name if this word is in the error's text. It was
/// the error's own name; the text has become another since, but it quotes the name asked for.
/// Were that to change too, servers would be refused, not trusted.
const ANY_NAME: &str = "NotValidForName";

/// What the keys are called that help where a handshake fails.
pub(super) const HINTS: Hints =
    Hints { authorities: "ssl-ca", server_name: "tls-server-name", plain: "set ssl-mode=DISABLED" };

/// Reads the files that `tls` names, which may have been renewed since the last login.
pub(super) async fn options(tls: &Tls, address: &Address) -> Result<SslOpts, QueryError> {
    let (tls, address) = (tls.clone(), address.clone());
    let read = tokio::task::spawn_blocking(move || read(&tls, &address)).await;
    read.unwrap_or_else(|_| Err("the TLS files could not be read".into())).map_err(QueryError::Tls)
}

fn read(tls: &Tls, address: &Address) -> Result<SslOpts, String> {
    let mut options = SslOpts::default();
    if let Some((certificate, key)) = &tls.identity {
        let (chain, secret) = (content("ssl-cert", certificate)?, content("ssl-key", key)?);
        certificates(&chain)
            .ok_or_else(|| format!("ssl-cert {}: no certificate in PEM", certificate.display()))?;
        PrivateKeyDer::from_pem_slice(&secret)
            .map_err(|_| format!("ssl-key {}: no private key in PEM", key.display()))?;
        let identity = ClientIdentity::new(chain.into(), secret.into());
        options = options.with_client_identity(Some(identity));
    }
    // The library needs some authorities even if it takes any certificate.
    match &tls.authorities {
        Some(path) => {
            let pem = content("ssl-ca", path)?;
            check_authorities(path, &pem)?;
            options = options.with_root_certs(vec![pem.into()]).with_disable_built_in_roots(true);
        }
        None if tls.verification != Verification::Nothing => {
            let system = system_authorities();
            let certificates = system.iter().map(|der| der.to_vec().into());
            options = options
                .with_root_certs(certificates.collect())
                .with_disable_built_in_roots(!system.is_empty());
        }
        None => {}
    }
    let host = match address {
        Address::Tcp(host, _) => host.as_str(),
        Address::Socket(_) => "",
    };
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = match tls.verification {
        Verification::Name if ServerName::try_from(name).is_err() => {
            return Err("the host is no name that a certificate can hold".into());
        }
        Verification::Name => name,
        Verification::Nothing if ServerName::try_from(name).is_ok() => name,
        Verification::Authority | Verification::Nothing => ANY_NAME,
    };
    Ok(options
        .with_danger_tls_hostname_override(Some(name.to_owned()))
        .with_danger_skip_domain_validation(tls.verification == Verification::Authority)
        .with_danger_accept_invalid_certs(tls.verification == Verification::Nothing))
}

fn content(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("{key} {}: cannot be read: {error}", path.display()))
}

/// The library stops at an authority that it does not understand, and does not say which.
fn check_authorities(path: &Path, pem: &[u8]) -> Result<(), String> {
    let path = path.display();
    let found = certificates(pem).ok_or_else(|| format!("ssl-ca {path}: no certificate in PEM"))?;
    for certificate in found {
        let added = RootCertStore::empty().add(certificate);
        added.map_err(|error| format!("ssl-ca {path}: {error}"))?;
    }
    Ok(())
}

/// The system's authorities that the library will understand, as they are now.
fn system_authorities() -> Vec<CertificateDer<'static>> {
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    certificates.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    certificates
}

/// Finds out that the server spoke no version before 1.3: the library cannot be told to insist.
pub(super) async fn check_version(connection: &mut Connection) -> Result<(), QueryError> {
    let table = connection.query("SHOW SESSION STATUS LIKE 'Ssl_version'").await?;
    match table.rows().next().and_then(|row| row.at(1)) {
        Some("TLSv1.3") => Ok(()),
        version => {
            let version = common::error::excerpt(version.unwrap_or_default());
            Err(QueryError::Tls(format!("the server speaks {version:?}: see tls-min-version")))
        }
    }
}
