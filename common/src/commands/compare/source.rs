//! Where an answer comes from: a URL, a file, this program.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use hyper::Uri;

use crate::secret::Secret;

/// Stands for a password.
const HIDDEN: &str = "***";

/// Where an answer comes from; shown without passwords.
#[derive(Debug)]
pub(super) enum Source {
    ThisProgram,
    File(PathBuf),
    Url(Url),
}

/// The URL of a page with metrics.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) is_tls: bool,
    /// Without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and, where it was given, port.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    /// Value of the header for a name and password.
    pub(super) authorization: Option<Secret>,
    shown: String,
}

impl Source {
    /// Reads a URL (of a page `/metrics` if it has no path) or the name of a file.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        match text.split_once("://") {
            None => Ok(Self::File(text.into())),
            Some((scheme, rest)) => {
                Url::parse(scheme, rest).map(Self::Url).with_context(|| masked(text))
            }
        }
    }

    /// True if it can be read once only.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProgram => f.write_str("this program"),
            Self::File(path) => f.write_str(&masked(&path.display().to_string())),
            Self::Url(url) => f.write_str(&url.shown),
        }
    }
}

impl Url {
    fn parse(scheme: &str, rest: &str) -> anyhow::Result<Self> {
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => bail!("expected http:// or https://"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let path = path.split('#').next().unwrap_or_default();
        let path = match path {
            "" | "/" => "/metrics".to_owned(),
            path if path.starts_with('?') => format!("/metrics{path}"),
            path => path.to_owned(),
        };
        let uri: Uri = format!("{scheme}://{authority}{path}").parse().context("malformed")?;
        let host = uri.host().filter(|host| !host.is_empty()).context("no host")?;
        let behind_host = authority.strip_prefix(host).unwrap_or_default();
        let port = match behind_host.strip_prefix(':') {
            None | Some("") => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().context("the port is no number up to 65535")?,
        };
        let shown = user.map(|user| format!("{}@", masked_user(user))).unwrap_or_default();
        Ok(Self {
            is_tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authority: authority.to_owned(),
            authorization: user.map(authorization),
            shown: format!("{scheme}://{shown}{authority}{}", masked_query(&path)),
            path,
        })
    }
}

fn masked_user(user: &str) -> String {
    match user.split_once(':') {
        Some((name, _)) => format!("{name}:{HIDDEN}"),
        None => HIDDEN.into(),
    }
}

/// A path whose query is left out if it may name a target with its password.
fn masked_query(path: &str) -> String {
    match path.split_once('?') {
        Some((page, query)) if query.contains('@') || query.contains("%40") => {
            format!("{page}?{HIDDEN}")
        }
        _ => path.to_owned(),
    }
}

/// What is no URL, without what may be a password.
fn masked(text: &str) -> String {
    let scheme = text.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
    match text.rsplit_once('@') {
        Some((before, behind)) if before.contains(':') => {
            format!("{}{HIDDEN}@{behind}", scheme.unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

fn authorization(user: &str) -> Secret {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let login = Secret::new(format!("{}:{}", decoded(name), decoded(password)));
    let encoded = base64::engine::general_purpose::STANDARD.encode(login.expose());
    Secret::new(format!("Basic {encoded}"))
}

/// Characters that are written as `%XX` in a URL.
fn decoded(text: &str) -> String {
    // Those that mean something in a form and nothing here.
    let text = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        match Source::parse(text).unwrap() {
            Source::Url(url) => url,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_url_without_a_path_is_that_of_the_metrics() {
        for (text, host, port, path) in [
            ("http://old:9100/metrics", "old", 9100, "/metrics"),
            ("https://old", "old", 443, "/metrics"),
            ("http://[::1]:1/", "::1", 1, "/metrics"),
            ("http://old/probe?target=a&x=1#top", "old", 80, "/probe?target=a&x=1"),
            ("http://old?a=b", "old", 80, "/metrics?a=b"),
        ] {
            let url = url(text);
            assert_eq!((url.host.as_str(), url.port, url.path.as_str()), (host, port, path));
            assert_eq!(url.is_tls, text.starts_with("https"));
        }
        assert!(Source::parse("/tmp/old.prom").unwrap().is_file());
    }

    #[test]
    fn passwords_are_sent_and_never_shown() {
        let url = url("http://me:s%40c+ret@old:1/m");
        assert_eq!(url.authority, "old:1");
        assert_eq!(url.authorization.as_ref().unwrap().expose(), "Basic bWU6c0BjK3JldA==");
        let shown = Source::Url(url);
        assert_eq!(shown.to_string(), "http://me:***@old:1/m");
        assert!(!format!("{shown:?}").contains("c+ret"));
        for text in ["ftp://me:secret@old/", "http://me:secret@/", "http://me:sec/ret@old:x/"] {
            let error = format!("{:#}", Source::parse(text).unwrap_err());
            assert!(!error.contains("ret@") && !error.contains("secret"), "{error}");
        }
        let shown = |text: &str| Source::parse(text).unwrap().to_string();
        assert_eq!(shown("me:secret@old:9100"), "***@old:9100");
        assert_eq!(shown("/a/b@c.prom"), "/a/b@c.prom");
        assert_eq!(shown("http://old/scrape?target=redis://:secret@x"), "http://old/scrape?***");
        assert_eq!(shown("http://old/scrape?target=x"), "http://old/scrape?target=x");
        let error = format!("{:#}", Source::parse("ftp://old/").unwrap_err());
        assert_eq!(error, "ftp://old/: expected http:// or https://");
    }
}
