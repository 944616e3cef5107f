//! The file: its keys, and what may stand behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::ConfigError;
use super::pem::Pem;
use super::tls::TlsSettings;
use crate::cli::parse_duration;
use crate::error::excerpt;
use crate::secret::Secret;

/// A configuration file longer than this is a mistake.
const MAX_SIZE: u64 = 1024 * 1024;

/// Costs of bcrypt up to this are accepted: a login takes some 2 s, twice the time of a cost of one
/// less. It would take two days with the highest there is, and nobody else could log in meanwhile.
const MAX_COST: u32 = 15;

/// What a file says, checked as far as that is possible without the files that it names.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// `None` for plain HTTP.
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) users: BTreeMap<String, Password>,
    pub(super) rate_limit: Option<RateLimit>,
}

/// What a password is compared with.
#[derive(Clone, Debug, Hash)]
pub(super) enum Password {
    Bcrypt(Secret),
    Plain(Secret),
}

/// How many requests are answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RateLimit {
    /// Time in which one more request may be made.
    pub(super) interval: Duration,
    /// Requests that may be made at once.
    pub(super) burst: u32,
}

type Text = Option<String>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    tls_server_config: Option<Tls>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Text>>,
    rate_limit: Option<Rate>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert: Text,
    cert_file: Text,
    key: Text,
    key_file: Text,
    client_ca: Text,
    client_ca_file: Text,
    client_auth_type: Text,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Text,
    max_version: Text,
    cipher_suites: Option<Vec<String>>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, Text>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Rate {
    interval: Text,
    burst: Option<i64>,
}

/// Keys of the format, to say which one a line of a wrong type has.
const KEYS: &[&str] = &[
    "tls_server_config",
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_ca",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
    "http_server_config",
    "http2",
    "headers",
    "basic_auth_users",
    "rate_limit",
    "interval",
    "burst",
];

/// Reads and checks `path`; paths in it are relative to its folder.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = read_text(path).map_err(|reason| ConfigError::new("", reason))?;
    parse(&text, path.parent().unwrap_or(Path::new("")))
}

/// The text of a file of bounded size.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_SIZE {
        return Err(format!("larger than {MAX_SIZE} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

pub(super) fn parse(text: &str, folder: &Path) -> Result<Settings, ConfigError> {
    // Snippets would quote the lines around a mistake, with the hashes and keys in them.
    let options = serde_saphyr::options! { with_snippet: false };
    let file = serde_saphyr::from_str_with_options::<Option<File>>(text, options)
        .map_err(|error| describe(text, &error))?
        .unwrap_or_default();
    let http = file.http_server_config.unwrap_or_default();
    let http2 = http.http2.unwrap_or(true);
    Ok(Settings {
        tls: tls(file.tls_server_config.unwrap_or_default(), folder, http2)?,
        headers: headers(http.headers.unwrap_or_default())?,
        users: users(file.basic_auth_users.unwrap_or_default())?,
        rate_limit: rate_limit(&file.rate_limit.unwrap_or_default())?,
    })
}

/// Characters of a reason at most: the keys of the format, of which the longest one lists a
/// dozen, and two excerpts.
const MAX_REASON: usize = 512;

/// The place and the reason, without values: these may be secrets.
fn describe(text: &str, error: &serde_saphyr::Error) -> ConfigError {
    let line = error.location().map_or(0, |location| location.line());
    let line_text =
        usize::try_from(line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
    let word = line_text.and_then(|line| line.trim_start().split_once(':')).map(|(word, _)| word);
    let key = word.filter(|word| KEYS.contains(word)).unwrap_or_default();
    let reason = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            let expected = expected.join(", ");
            format!("line {line}: unknown key {}, expected one of {expected}", shown(field))
        }
        serde_saphyr::Error::DuplicateMappingKey { key: Some(twice), .. } => {
            format!("line {line}: duplicate key {}", shown(twice))
        }
        _ => without_values(&error.to_string()),
    };
    ConfigError::new(key, reason.chars().take(MAX_REASON).collect::<String>())
}

fn without_values(message: &str) -> String {
    let parts = message.split('"').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "…" }).collect()
}

/// A name from the file as an error shows it: its start, in one line.
fn shown(name: &str) -> String {
    excerpt(name).escape_debug().to_string()
}

fn tls(raw: Tls, folder: &Path, http2: bool) -> Result<Option<TlsSettings>, ConfigError> {
    let given = |text: &Text| text.as_ref().is_some_and(|text| !text.is_empty());
    let switches = [
        &raw.cert,
        &raw.cert_file,
        &raw.key,
        &raw.key_file,
        &raw.client_ca,
        &raw.client_ca_file,
        &raw.client_auth_type,
    ];
    let is_on = switches.into_iter().any(given);
    let pem = |key: &'static str, file: Text, text: Text| match (file, text) {
        (Some(file), _) if !file.is_empty() => Some(Pem::File(key, folder.join(file))),
        (_, Some(text)) if !text.is_empty() => Some(Pem::Inline(key, Secret::new(text))),
        _ => None,
    };
    let certificate = pem("tls_server_config.cert_file", raw.cert_file, raw.cert);
    let key = pem("tls_server_config.key_file", raw.key_file, raw.key);
    let client_ca = pem("tls_server_config.client_ca_file", raw.client_ca_file, raw.client_ca);
    let options = super::tls::Options {
        auth_type: raw.client_auth_type.unwrap_or_default(),
        allowed_sans: raw.client_allowed_sans.unwrap_or_default(),
        min_version: raw.min_version.unwrap_or_default(),
        max_version: raw.max_version.unwrap_or_default(),
        cipher_suites: raw.cipher_suites.unwrap_or_default(),
        prefer_server_order: raw.prefer_server_cipher_suites.unwrap_or(true),
        curves: raw.curve_preferences.unwrap_or_default(),
        http2,
    };
    // Bad values count even where TLS is off.
    let options = options.check()?;
    if !is_on {
        return Ok(None);
    }
    let missing = |key| ConfigError::new(key, "missing, but TLS is on");
    let certificate = certificate.ok_or_else(|| missing("tls_server_config.cert_file"))?;
    let key = key.ok_or_else(|| missing("tls_server_config.key_file"))?;
    TlsSettings::new(certificate, key, client_ca, options).map(Some)
}

fn headers(raw: BTreeMap<String, Text>) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let mut headers = Vec::new();
    for (name, value) in raw {
        let value = value.unwrap_or_default();
        let key = format!("http_server_config.headers.{}", shown(&name));
        let values: &[&str] = match name.as_str() {
            "Strict-Transport-Security" | "X-XSS-Protection" | "Content-Security-Policy" => &[],
            "X-Content-Type-Options" => &["nosniff"],
            "X-Frame-Options" => &["deny", "sameorigin"],
            _ => return Err(ConfigError::new(key, "this header cannot be set")),
        };
        if value.is_empty() {
            continue;
        }
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(ConfigError::new(key, format!("expected {}", values.join(" or "))));
        }
        let name = HeaderName::from_str(&name).map_err(|_| ConfigError::new(&key, "no header"))?;
        let value = HeaderValue::from_str(&value)
            .map_err(|_| ConfigError::new(key, "has characters that no header may have"))?;
        headers.push((name, value));
    }
    Ok(headers)
}

fn users(raw: BTreeMap<String, Text>) -> Result<BTreeMap<String, Password>, ConfigError> {
    let mut users = BTreeMap::new();
    for (name, hash) in raw {
        let hash = Secret::new(hash.unwrap_or_default());
        check_hash(&hash).map_err(|reason| {
            ConfigError::new(format!("basic_auth_users.{}", shown(&name)), reason)
        })?;
        users.insert(name, Password::Bcrypt(hash));
    }
    Ok(users)
}

/// An error for what bcrypt does not make, or what would take too long to check.
pub(super) fn check_hash(hash: &Secret) -> Result<(), String> {
    let parts = bcrypt::HashParts::from_str(hash.expose()).ok();
    let cost = parts.map(|parts| parts.get_cost()).filter(|cost| (4..=31).contains(cost));
    match cost.filter(|_| hash.expose().len() == 60) {
        None => Err("expected a bcrypt hash of 60 characters".to_owned()),
        Some(cost) if cost > MAX_COST => Err(format!(
            "the hash has cost {cost}, more than {MAX_COST}: each login would take many seconds"
        )),
        Some(_) => Ok(()),
    }
}

fn rate_limit(raw: &Rate) -> Result<Option<RateLimit>, ConfigError> {
    let burst = raw.burst.unwrap_or_default();
    let burst = u32::try_from(burst)
        .map_err(|_| ConfigError::new("rate_limit.burst", "expected a number up to 4294967295"))?;
    let interval = match raw.interval.as_deref() {
        None | Some("") => Duration::ZERO,
        Some(text) => parse_interval(text)
            .ok_or(ConfigError::new("rate_limit.interval", "expected a duration such as 1s"))?,
    };
    Ok((!interval.is_zero()).then_some(RateLimit { interval, burst }))
}

/// A duration, or a number of nanoseconds.
fn parse_interval(text: &str) -> Option<Duration> {
    if let Ok(nanoseconds) = text.parse::<u64>() {
        return Some(Duration::from_nanos(nanoseconds));
    }
    parse_duration(text).ok()
}

impl Settings {
    /// Files that decide, beside the configuration itself.
    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        self.tls.iter().flat_map(TlsSettings::files).map(Path::to_path_buf).collect()
    }
}

#[cfg(test)]
mod tests;
