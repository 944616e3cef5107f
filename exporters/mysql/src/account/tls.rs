//! Settings of the option file that ask for TLS.

use common::secret::Secret;

use crate::my_cnf::{OptionError, Section};

/// A connection must not be plain where its settings ask for encryption.
pub(super) fn refuse(section: &Section<'_>) -> Result<(), OptionError> {
    let mut asking: Vec<&str> = section
        .keys()
        .filter(|(key, value)| asks_for_tls(key, *value))
        .map(|(key, _)| key)
        .collect();
    asking.sort_unstable();
    match asking.first() {
        Some(key) => Err(section.error(key, "asks for TLS, which is not supported yet")),
        None => Ok(()),
    }
}

/// Knows the client programs' spellings too, which the reference exporter overlooks.
fn asks_for_tls(key: &str, value: Option<&Secret>) -> bool {
    let is_tls = ["ssl", "tls"].iter().any(|name| {
        key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    });
    let value = value.map_or("true", Secret::expose).to_ascii_lowercase();
    let is_mode = matches!(key, "ssl-mode" | "ssl_mode");
    let is_off = matches!(value.as_str(), "" | "0" | "f" | "false" | "n" | "no" | "off")
        || (is_mode && matches!(value.as_str(), "disabled" | "preferred"));
    is_tls && !is_off
}
