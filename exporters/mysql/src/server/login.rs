//! New connections: address and account as the option file has them now, TLS, login, settings.

use std::sync::Arc;

use common::failures::OddityLog;
use mysql_async::{Opts, OptsBuilder, SslOpts};

use super::connection::Connection;
use super::error::QueryError;
use super::target::Target;
use super::tls;
use crate::account::{Account, Accounts, Address, Encryption};
use crate::args::ConnectionArgs;

/// When the server gives up an unused connection: well after this side does.
const SERVER_KEPT_SECONDS: u64 = 600;

/// Largest packet of an answer; a row is one packet.
const MAX_PACKET_BYTES: usize = 4 * 1024 * 1024;

/// Makes connections to one server.
#[derive(Debug)]
pub(super) struct Dialer {
    target: Target,
    accounts: Arc<Accounts>,
    /// Set once on each connection.
    settings: Vec<String>,
    refusals: OddityLog,
}

impl Dialer {
    pub(super) fn new(target: Target, accounts: Arc<Accounts>, args: &ConnectionArgs) -> Self {
        Self { target, accounts, settings: settings(args), refusals: OddityLog::default() }
    }

    /// Where connections lead, for the log.
    pub(super) fn name(&self) -> String {
        match self.accounts.account(&self.target.section, self.target.address.as_ref()) {
            Ok(account) if self.target.address.is_none() => account.address.to_string(),
            _ => self.target.to_string(),
        }
    }

    /// True if `connection` was made with an account that may be another one now.
    pub(super) fn is_outdated(&self, connection: &Connection) -> bool {
        connection.generation != self.accounts.generation()
    }

    /// Connects and logs in, by the option file as it is now. If the server refuses the login and
    /// the file has changed in between, that is tried at once.
    pub(super) async fn connect(&self) -> Result<Connection, QueryError> {
        self.accounts.read_again().await;
        let (account, generation) = self.account()?;
        match self.open(&account, generation).await {
            Err(error) if error.is_about_login() => {
                self.accounts.read_again().await;
                let (again, generation) = self.account()?;
                if again == account { Err(error) } else { self.open(&again, generation).await }
            }
            opened => opened,
        }
    }

    fn account(&self) -> Result<(Account, u64), QueryError> {
        // In this order: an account may be newer than its generation, which is harmless.
        let generation = self.accounts.generation();
        let account = self.accounts.account(&self.target.section, self.target.address.as_ref());
        let account = account.map_err(|error| QueryError::Account(format!("{error:#}")))?;
        if account.user.is_empty() { Err(QueryError::NoUser) } else { Ok((account, generation)) }
    }

    async fn open(&self, account: &Account, generation: u64) -> Result<Connection, QueryError> {
        let opts = |ssl: Option<SslOpts>| Opts::from(options(account).ssl_opts(ssl));
        let is_local = matches!(account.address, Address::Socket(_));
        let mut connection = match account.tls.encryption {
            // Nobody listens in on a socket; the servers offer no TLS there.
            Encryption::Off => Connection::open(opts(None), generation).await?,
            _ if is_local => Connection::open(opts(None), generation).await?,
            encryption => {
                let ssl = tls::options(&account.tls, &account.address).await?;
                match Connection::open(opts(Some(ssl)), generation).await {
                    Err(QueryError::NoTls) if encryption == Encryption::Preferred => {
                        Connection::open(opts(None), generation).await?
                    }
                    opened => opened?,
                }
            }
        };
        if account.tls.needs_version_1_3 && !is_local {
            tls::check_version(&mut connection).await?;
        }
        self.set_up(&mut connection).await?;
        Ok(connection)
    }

    /// Makes the settings of a new connection. One that the server refuses costs no other: there
    /// are proxies and relatives of MySQL that lack some.
    async fn set_up(&self, connection: &mut Connection) -> Result<(), QueryError> {
        match connection.query(&format!("SET {}", self.settings.join(", "))).await {
            Err(QueryError::Refused { .. }) => {}
            answer => return answer.map(drop),
        }
        for setting in &self.settings {
            match connection.query(&format!("SET {setting}")).await {
                Err(error @ QueryError::Refused { .. }) => {
                    if self.refusals.is_new(setting) {
                        let server = self.name();
                        tracing::warn!(%server, %error, setting, "the server takes no such setting");
                    }
                }
                answer => drop(answer?),
            }
        }
        Ok(())
    }
}

/// Address and login as the library wants them.
fn options(account: &Account) -> OptsBuilder {
    let builder = OptsBuilder::default()
        .user(Some(account.user.as_str()))
        .pass(Some(account.password.expose()))
        .enable_cleartext_plugin(account.allows_cleartext)
        // The account is that of the address given, not of a socket that the server names.
        .prefer_socket(false)
        // Given here, these two are not asked for on each connection.
        .max_allowed_packet(Some(MAX_PACKET_BYTES))
        .wait_timeout(Some(28_800))
        .stmt_cache_size(0);
    match &account.address {
        Address::Tcp(host, port) => builder.ip_or_hostname(host.as_str()).tcp_port(*port),
        Address::Socket(path) => builder.socket(Some(path)),
    }
}

/// What is set on each connection, as `SET` takes it.
pub(super) fn settings(args: &ConnectionArgs) -> Vec<String> {
    let mut settings = vec![format!("wait_timeout = {SERVER_KEPT_SECONDS}")];
    if args.enable_lock_wait_timeout {
        settings.push(format!("lock_wait_timeout = {}", args.lock_wait_timeout));
    }
    if args.log_slow_filter {
        settings.push("log_slow_filter = 'tmp_table_on_disk,filesort_on_disk'".to_owned());
    }
    settings
}
