//! Metrics of MariaDB and MySQL, as mysqld_exporter names them.
//!
//! [`args`] holds the flags; [`my_cnf`] reads the option file, of which
//! [`account`] takes server and login. A [`server`] keeps its connections. A
//! [`scrape`] is what the [`collectors`] share, one file per subject; the
//! [`scraper`] runs them for any server. [`value`], [`naming`] and [`columns`]
//! are the rules by which the server's texts, names and rows become samples
//! and families; [`tabular`] makes a collector of a table of the server,
//! [`gtid`] reads sets of transactions, [`privilege`] knows what a statement
//! needs, and [`custom`] reads files of queries.

pub mod account;
pub mod args;
pub mod collectors;
pub mod columns;
pub mod custom;
pub mod gtid;
pub mod literal;
pub mod my_cnf;
pub mod naming;
mod per_release;
pub mod privilege;
mod replica_status;
pub mod scrape;
pub mod scraper;
mod self_metrics;
pub mod server;
pub mod tabular;
pub mod value;

use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{Dialect, Switches};
use common::collector::Named;
use common::commands::Program;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::scrape::Outcome;
use common::secret::Secret;
use common::self_metrics::BuildInfo;
use common::web::{Landing, Service};

use account::Account;
use args::{ADDRESS, Args, CONFIG_FILE};
use collectors::COLLECTORS;
use my_cnf::MyCnf;
use scrape::Scrape;
use scraper::Scraper;
use server::{QueryError, Servers};

const SWITCHES: Switches = Switches { flag_prefix: "collect." };

/// Section of the option file that the metrics endpoint uses.
const SECTION: &str = "client";

/// Variable with the password, where the option file has none.
const PASSWORD_VARIABLE: &str = "MYSQLD_EXPORTER_PASSWORD";

/// Answers scrapes with the metrics of the server that flags and option file name.
#[derive(Debug)]
pub struct MysqlExporter {
    scraper: Scraper,
    servers: Servers,
    account: Account,
}

impl Program for MysqlExporter {
    const NAME: &'static str = "mysql-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of a MariaDB or MySQL server to Prometheus, as mysqld_exporter does";
    const DIALECT: Dialect = Dialect::Kingpin;
    const ENV_PREFIX: &'static str = "MYSQL_EXPORTER_";

    fn command() -> Command {
        SWITCHES.add(Args::augment_args(Command::new(Self::NAME)), COLLECTORS)
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9104".into()
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        let environment = |name: &str| std::env::var(name).ok();
        if environment("DATA_SOURCE_NAME").is_some() {
            tracing::warn!(
                "DATA_SOURCE_NAME is ignored: set --mysqld.address, --mysqld.username and \
                 {PASSWORD_VARIABLE}, or [client] in the file of --{CONFIG_FILE}"
            );
        }
        Ok(Service {
            exporter: Arc::new(Self::from_matches(matches, &environment)?),
            endpoints: Vec::new(),
            landing: Landing {
                title: "MySQLd Exporter",
                description: "Prometheus Exporter for MySQL servers",
                links: Vec::new(),
                content: "",
            },
            build_info: BuildInfo::go_style("mysqld_exporter_build_info"),
            health_paths: &[],
            routes: axum::Router::default(),
        })
    }
}

impl MysqlExporter {
    /// Makes the exporter that the arguments ask for; `environment` gives variables.
    ///
    /// # Errors
    /// An option file that cannot be read or makes no sense, or a flag that a collector refuses.
    pub fn from_matches(
        matches: &ArgMatches,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let args = Args::from_arg_matches(matches)?;
        let account = read_account(&args, is_given(matches, CONFIG_FILE), environment)
            .with_context(|| format!("--{CONFIG_FILE}={}", args.config_file))?;
        if is_given(matches, ADDRESS) && account.address != args.address {
            let (used, flag) = (&account.address, &args.address);
            tracing::warn!(%used, %flag, "the option file goes before --{ADDRESS}");
        }
        Ok(Self::new(&args, account, SWITCHES.build(matches, COLLECTORS)?))
    }

    fn new(args: &Args, account: Account, collectors: Vec<Named<Scrape>>) -> Self {
        if account.user.is_empty() {
            tracing::warn!(reason = %QueryError::NoUser, "the server cannot be asked");
        }
        let scraper = Scraper::new(collectors, &args.connections);
        tracing::info!(server = %account.address, collectors = ?scraper, "enabled collectors");
        Self { scraper, servers: Servers::new(args.connections.clone()), account }
    }
}

#[async_trait]
impl Exporter for MysqlExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        if request.values("target").next().is_some() {
            return Err(Refusal("the parameter target is not supported yet".into()));
        }
        let server = self.servers.get(&self.account);
        Ok(self.scraper.scrape(&server, request, exposition).await)
    }
}

/// True if the flag or its variable was given.
fn is_given(matches: &ArgMatches, flag: &str) -> bool {
    matches.value_source(flag).is_some_and(|source| source != ValueSource::DefaultValue)
}

/// The account of `[client]`, gaps filled from flags and environment. The file may be missing
/// unless `is_named`; an empty name means none.
fn read_account(
    args: &Args,
    is_named: bool,
    environment: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Account> {
    let fallback = Account {
        address: args.address.clone(),
        user: args.username.clone(),
        password: Secret::new(environment(PASSWORD_VARIABLE).unwrap_or_default()),
        allows_cleartext: false,
    };
    if args.config_file.is_empty() {
        return Ok(fallback);
    }
    let file = match std::fs::read(&args.config_file) {
        // Comments may be in any encoding; a value that is garbled is refused where it is used.
        Ok(bytes) => my_cnf::parse(&String::from_utf8_lossy(&bytes), environment)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
            tracing::info!(file = args.config_file, "no option file");
            MyCnf::default()
        }
        Err(error) => return Err(error).context("cannot be read"),
    };
    match file.section(SECTION) {
        Some(section) => Ok(Account::from_section(&section, fallback)?),
        None => Ok(fallback),
    }
}

#[cfg(test)]
mod tests;
