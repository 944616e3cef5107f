//! Where a server is and how to log in: flags, environment and a section of the option file.

mod accounts;
mod address;
mod data_source;
mod tls;

use common::secret::Secret;

use crate::my_cnf::{OptionError, Section};

pub use accounts::{Accounts, CLIENT, Environment, PASSWORD_VARIABLE};
pub use address::{Address, DEFAULT_PORT};
pub use tls::{Encryption, Tls, Verification};

/// A server with the account to use there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The server.
    pub address: Address,
    /// User; empty if none is configured.
    pub user: String,
    /// Password; may be empty.
    pub password: Secret,
    /// Send the password as it is to an account that asks for that.
    pub allows_cleartext: bool,
    /// How TLS is spoken with the server.
    pub tls: Tls,
}

impl Account {
    /// What `section` says, completed by `fallback`.
    ///
    /// # Errors
    /// A malformed value.
    pub fn from_section(section: &Section<'_>, fallback: &Self) -> Result<Self, OptionError> {
        let text = |key: &str| -> Result<Option<String>, OptionError> {
            let text = section.text(key)?.filter(|text| !text.is_empty());
            Ok(text.map(|text| text.expose().to_owned()))
        };
        let address = match (text("socket")?, &fallback.address) {
            (Some(path), _) => Address::Socket(path),
            (None, Address::Socket(path)) => Address::Socket(path.clone()),
            (None, Address::Tcp(host, port)) => {
                let host = text("host")?.unwrap_or_else(|| host.clone());
                Address::Tcp(without_brackets(host), section.number("port")?.unwrap_or(*port))
            }
        };
        let password = section.text("password")?.unwrap_or(&fallback.password);
        Ok(Self {
            address,
            user: text("user")?.unwrap_or_else(|| fallback.user.clone()),
            password: password.clone(),
            allows_cleartext: section.flag("enable-cleartext-plugin")?.unwrap_or_default(),
            tls: Tls::from_section(section, &fallback.tls)?,
        })
    }
}

/// An IPv6 address may have brackets, as in a URL.
fn without_brackets(host: String) -> String {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.to_owned(),
        None => host,
    }
}

#[cfg(test)]
mod tests;
