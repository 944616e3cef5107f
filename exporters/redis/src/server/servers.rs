//! All servers that are scraped, each with its login and connection.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use common::targets::Targets;

use super::address::{Address, Endpoint};
use super::credentials::{Credentials, Source};
use super::tls::Tls;
use super::{ConnectionOptions, Dialer, Server};
use crate::args::Args;

/// Servers that are kept at once.
pub const MAX_SERVERS: usize = 1024;

/// How long an unused server is kept: longer than any usual scrape interval.
pub const IDLE_TIME: Duration = Duration::from_mins(10);

/// A server's address and where the login there comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub(super) address: Address,
    pub(super) source: Source,
    /// Name that the server's certificate must have, if another one than the flags say.
    pub(super) server_name: Option<String>,
    /// It is a sentinel, which tells of servers.
    pub(super) is_sentinel: bool,
}

impl fmt::Display for Target {
    /// Shows the address alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Target {
    /// True if the server is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.address.tls
    }

    /// The host, if it is not a socket file.
    pub fn host(&self) -> Option<&str> {
        match &self.address.endpoint {
            Endpoint::Tcp(host, _) => Some(host),
            Endpoint::Unix(_) => None,
        }
    }

    /// True if the login, where it is refused, is meant for other servers: a password of the flags
    /// is that of the servers too, and sentinels often have none.
    pub(super) fn may_be_open(&self) -> bool {
        self.is_sentinel && matches!(self.source, Source::File { .. })
    }

    /// The same as a sentinel's.
    #[must_use]
    pub fn of_sentinel(self) -> Self {
        Self { is_sentinel: true, ..self }
    }
}

/// The servers by address and login: one connection to each.
#[derive(Debug)]
pub struct Servers {
    credentials: Arc<Credentials>,
    options: ConnectionOptions,
    tls: Arc<Tls>,
    kept: Targets<Target, Server>,
}

impl Servers {
    /// No servers yet; reads the password file.
    ///
    /// # Errors
    /// The password file, or a file of TLS, cannot be read or is malformed.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        Ok(Self {
            credentials: Arc::new(Credentials::read(args)?),
            options: ConnectionOptions::new(args),
            tls: Arc::new(Tls::new(&args.tls)?),
            kept: Targets::new(MAX_SERVERS, IDLE_TIME),
        })
    }

    /// Where an address in one of the forms of [`Address::parse`] leads, and the login there.
    ///
    /// # Errors
    /// A malformed address.
    pub fn target(&self, text: &str) -> anyhow::Result<Target> {
        let address = Address::parse(text)?;
        let source = self.credentials.source(text, &address);
        Ok(Target { address, source, server_name: None, is_sentinel: false })
    }

    /// As [`Self::target`], for an address that a request has: `redis://` where it has no scheme.
    /// Its user counts also without a colon, its password never: requests are written to logs.
    ///
    /// # Errors
    /// A malformed address.
    pub fn requested_target(
        &self,
        text: &str,
        server_name: Option<&str>,
    ) -> anyhow::Result<Target> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let (user, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => {
                let user = userinfo.split_once(':').map_or(userinfo, |(user, _)| user);
                (Some(user), rest)
            }
            None => (None, rest),
        };
        let text = match user {
            Some(user) => format!("{scheme}://{user}:@{rest}"),
            None => format!("{scheme}://{rest}"),
        };
        let target = self.target(&text)?;
        Ok(Target { server_name: server_name.map(str::to_owned), ..target })
    }

    /// Reads the password file again; false if there is none.
    ///
    /// # Errors
    /// It cannot be read or is malformed; the passwords stay as they were.
    pub fn reload(&self) -> anyhow::Result<bool> {
        self.credentials.reload()
    }

    /// The server of `target`, the same one as long as it is kept; does not connect.
    ///
    /// To be called inside a runtime.
    pub fn get(&self, target: &Target) -> Arc<Server> {
        let new = || {
            Server::new(Dialer {
                target: target.clone(),
                credentials: Arc::clone(&self.credentials),
                tls: Arc::clone(&self.tls),
                options: self.options,
            })
        };
        let Ok(server) = self.kept.get(target, || Ok::<_, Infallible>(new()));
        server
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::FromArgMatches as _;

    use super::*;

    #[tokio::test]
    async fn a_server_is_kept_by_address_and_login() {
        let arguments = ["redis-exporter", "--redis.password=flag"].map(OsString::from);
        let matches = common::commands::parse::<crate::RedisExporter>(arguments).unwrap();
        let servers = Servers::new(&Args::from_arg_matches(&matches).unwrap()).unwrap();
        let get = |text| servers.get(&servers.target(text).unwrap());
        let first = get("redis://a:1");
        assert!(Arc::ptr_eq(&first, &get("a:1")));
        for other in ["redis://a:2", "redis://a:1/1", "redis://you:hunter2@a:1"] {
            assert!(!Arc::ptr_eq(&first, &get(other)), "{other}");
        }
        assert!(servers.target("http://a").is_err());
        let requested = |text| servers.requested_target(text, None).unwrap();
        assert_eq!(requested("a:1"), servers.target("redis://a:1").unwrap());
        for text in ["redis://you@a:1", "redis://you:hunter2@a:1", "you@a:1"] {
            assert_eq!(requested(text), servers.target("redis://you:@a:1").unwrap(), "{text}");
        }
        let named = servers.requested_target("rediss://a:1", Some("db.example")).unwrap();
        assert_ne!(named, requested("rediss://a:1"));
        let shown = format!("{servers:?} {:?}", servers.target("redis://you:hunter2@a").unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("flag"), "{shown}");
    }
}
