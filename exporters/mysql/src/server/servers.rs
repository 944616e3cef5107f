//! All servers that are scraped, each with its connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use common::targets::Targets;

use super::Server;
use crate::account::Account;
use crate::args::ConnectionArgs;

/// Servers that are kept at once.
const MAX_SERVERS: usize = 256;

/// How long an unused server is kept: longer than any usual scrape interval.
const IDLE_TIME: Duration = Duration::from_mins(10);

/// The servers by account, which includes the address.
#[derive(Debug)]
pub struct Servers {
    args: ConnectionArgs,
    kept: Targets<Account, Server>,
}

impl Servers {
    /// No servers yet; `args` apply to all.
    pub fn new(args: ConnectionArgs) -> Self {
        Self { args, kept: Targets::new(MAX_SERVERS, IDLE_TIME) }
    }

    /// The server of `account`, the same one as long as it is kept; does not connect.
    ///
    /// To be called inside a runtime.
    pub fn get(&self, account: &Account) -> Arc<Server> {
        let make = || Ok::<_, Infallible>(Server::new(account.clone(), &self.args));
        let Ok(server) = self.kept.get(account, make);
        server
    }
}
