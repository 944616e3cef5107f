//! Metrics of MariaDB and MySQL, as mysqld_exporter names them.
//!
//! [`args`] holds the flags; [`my_cnf`] reads the option file, of which
//! [`account`] takes servers and logins, again and again. A [`server`] keeps
//! its connections. A [`scrape`] is what the [`collectors`] share, one file
//! per subject; the [`scraper`] runs them for any server. [`value`],
//! [`naming`] and [`columns`] are the rules by which the server's texts, names
//! and rows become samples and families; [`tabular`] makes a collector of a
//! table of the server, [`gtid`] reads sets of transactions, [`privilege`]
//! knows what a statement needs, and [`custom`] reads files of queries. [`check`]
//! compares what is needed with what the account has been granted.

pub mod account;
pub mod args;
pub mod check;
pub mod collectors;
pub mod columns;
pub mod custom;
mod endpoints;
pub mod grant;
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
mod tables;
pub mod tabular;
pub mod value;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{Dialect, Switches};
use common::commands::{MakeCheck, MakeTables, Program, Reference};
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::scrape::Outcome;
use common::self_metrics::BuildInfo;
use common::sync::lock;
use common::targets::Targets;
use common::web::{Landing, Service};

use account::{Accounts, Address, CLIENT, Environment, PASSWORD_VARIABLE};
use args::{ADDRESS, Args, CONFIG_FILE, ConnectionArgs};
use collectors::{COLLECTORS, CUSTOM_QUERY, QUERY_FILE};
use custom::Files;
use scraper::Scraper;
use server::{QueryError, Server, Target};

const SWITCHES: Switches = Switches { flag_prefix: "collect." };

/// Servers that are kept at once.
const MAX_SERVERS: usize = 1024;

/// How long an unused server is kept: longer than any usual scrape interval.
const IDLE_TIME: Duration = Duration::from_mins(10);

/// Answers scrapes with the metrics of the server that flags and option file name, or a request.
#[derive(Debug)]
pub struct MysqlExporter {
    accounts: Arc<Accounts>,
    targets: Targets<Target, ScrapedServer>,
    /// What servers and their collectors are made of.
    connections: ConnectionArgs,
    matches: ArgMatches,
    queries: Arc<Files>,
    /// Held while the files are read again.
    reloading: Arc<tokio::sync::Mutex<()>>,
    /// The collectors that the start has made, for the first server that is asked.
    first: Mutex<Option<Scraper>>,
}

/// A server with collectors of its own, so that what is wrong with one server is logged whatever
/// is wrong with another.
#[derive(Debug)]
struct ScrapedServer {
    server: Arc<Server>,
    scraper: Scraper,
}

impl Program for MysqlExporter {
    const NAME: &'static str = "mysql-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of a MariaDB or MySQL server to Prometheus, as mysqld_exporter does";
    const DIALECT: Dialect = Dialect::Kingpin;
    const ENV_PREFIX: &'static str = "MYSQL_EXPORTER_";
    const REFERENCE: Reference = Reference {
        name: "mysqld_exporter",
        differences: include_str!("../differences.txt"),
        unused: &[],
    };
    const CHECK: Option<MakeCheck> = Some(check::make);
    const TABLES: MakeTables = tables::make;

    fn command() -> Command {
        SWITCHES.add(Args::augment_args(Command::new(Self::NAME)), COLLECTORS)
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9104".into()
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        if std::env::var_os(PASSWORD_VARIABLE).is_some_and(|value| value.to_str().is_none()) {
            anyhow::bail!("{PASSWORD_VARIABLE} is not UTF-8");
        }
        let environment = |name: &str| std::env::var(name).ok();
        let exporter = Arc::new(Self::from_matches(matches, Box::new(environment))?);
        Ok(Service {
            endpoints: endpoints::endpoints(&exporter),
            routes: endpoints::routes(&exporter),
            exporter,
            landing: Landing {
                title: "MySQLd Exporter",
                description: "Prometheus Exporter for MySQL servers",
                links: Vec::new(),
                content: "",
            },
            build_info: BuildInfo::go_style("mysqld_exporter_build_info"),
            health_paths: &[],
            encoding: None,
        })
    }
}

impl MysqlExporter {
    /// Makes the exporter that the arguments ask for; `environment` gives variables.
    ///
    /// # Errors
    /// An option file that cannot be read or makes no sense, or a flag that a collector refuses.
    pub fn from_matches(matches: &ArgMatches, environment: Environment) -> anyhow::Result<Self> {
        let args = Args::from_arg_matches(matches)?;
        let accounts = Accounts::read(&args, is_given(matches, CONFIG_FILE), environment)?;
        let accounts = Arc::new(accounts);
        // Every target has the same collectors: what is wrong with a flag ends the start.
        let collectors = SWITCHES.build(matches, COLLECTORS)?;
        let queries = if collectors.iter().any(|named| named.name == CUSTOM_QUERY) {
            let files = Files::read(collectors::query_files(matches)?);
            files.with_context(|| format!("--{QUERY_FILE}"))?
        } else {
            Files::default()
        };
        let queries = Arc::new(queries);
        let scraper = Scraper::new(collectors, &args.connections, &queries);
        tracing::info!(collectors = ?scraper, "enabled collectors");
        // What is wrong with it has been logged.
        if let Ok(account) = accounts.account(CLIENT, None) {
            tracing::info!(server = %account.address, "the server of /metrics");
            if is_given(matches, ADDRESS) && account.address != args.address {
                let (used, flag) = (&account.address, &args.address);
                tracing::warn!(%used, %flag, "the option file goes before --{ADDRESS}");
            }
            if account.user.is_empty() {
                let reason = QueryError::NoUser;
                tracing::warn!(%reason, "the server of /metrics cannot be asked");
            }
        }
        Ok(Self {
            accounts,
            targets: Targets::new(MAX_SERVERS, IDLE_TIME),
            connections: args.connections,
            matches: matches.clone(),
            queries,
            reloading: Arc::default(),
            first: Mutex::new(Some(scraper)),
        })
    }

    /// Reads option file and files of queries again, each whatever is wrong with the other; what
    /// was known of one that is of no use stays. False for those that are not there.
    fn reload(&self) -> [(&'static str, anyhow::Result<bool>); 2] {
        let queries = self.queries.reload().with_context(|| format!("--{QUERY_FILE}"));
        [("accounts", self.accounts.reload()), ("queries", queries)]
    }

    /// The collectors for one server. One that cannot be made any more costs no other.
    fn new_scraper(&self) -> Scraper {
        let collectors = COLLECTORS.iter().flat_map(|entry| {
            let built = SWITCHES.build(&self.matches, std::slice::from_ref(entry));
            built.unwrap_or_else(|error| {
                let error = format!("{error:#}");
                tracing::warn!(collector = entry.name, error, "left out for a new target");
                Vec::new()
            })
        });
        Scraper::new(collectors.collect(), &self.connections, &self.queries)
    }

    /// The server of `target`, the same one as long as it is kept; does not connect.
    fn server(&self, target: &Target) -> Arc<ScrapedServer> {
        let make = || {
            let accounts = Arc::clone(&self.accounts);
            let server = Arc::new(Server::new(target.clone(), accounts, &self.connections));
            let first = lock(&self.first).take();
            let scraper = first.unwrap_or_else(|| self.new_scraper());
            Ok::<_, Infallible>(ScrapedServer { server, scraper })
        };
        let Ok(server) = self.targets.get(target, make);
        server
    }

    /// What `request` asks for: the server of flags and `[client]` if it names no other.
    fn target(&self, request: &ScrapeRequest) -> Result<Target, Refusal> {
        let given = |name| request.values(name).find(|value| !value.is_empty());
        let section = given("auth_module").unwrap_or(CLIENT).to_owned();
        // What a client sends as a target is not repeated: it may hold a password.
        let address = given("target").map(Address::of_request).transpose();
        let address = address.map_err(|form| Refusal(format!("parameter target: {form}")))?;
        let target = Target { section, address };
        // A malformed section makes no sense of a request; without one, there is the answer of
        // a server that is down.
        if target.section != CLIENT {
            let account = self.accounts.account(&target.section, target.address.as_ref());
            account.map_err(|error| {
                Refusal(format!("parameter auth_module: {}", error.root_cause()))
            })?;
        }
        Ok(target)
    }
}

#[async_trait]
impl Exporter for MysqlExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        check_collectors(request)?;
        let target = self.target(request)?;
        let scraped = self.server(&target);
        Ok(scraped.scraper.scrape(&scraped.server, request, exposition).await)
    }

    fn target(&self) -> Option<String> {
        self.accounts.account(CLIENT, None).ok().map(|account| account.address.to_string())
    }

    fn reload(&self) -> anyhow::Result<bool> {
        let mut has_files = false;
        for (_, read) in Self::reload(self) {
            has_files |= read?;
        }
        Ok(has_files)
    }
}

/// Refuses a request for collectors that do not exist, unlike the reference, which would run all.
fn check_collectors(request: &ScrapeRequest) -> Result<(), Refusal> {
    let is_known = |name: &str| COLLECTORS.iter().any(|entry| entry.name == name);
    let Some(unknown) = request.values("collect[]").find(|name| !is_known(name)) else {
        return Ok(());
    };
    let known: Vec<&str> = COLLECTORS.iter().map(|entry| entry.name).collect();
    let (unknown, known) = (common::error::excerpt(unknown), known.join(", "));
    Err(Refusal(format!("parameter collect[]: no collector {unknown:?}; there are {known}")))
}

/// True if the flag or its variable was given.
fn is_given(matches: &ArgMatches, flag: &str) -> bool {
    matches.value_source(flag).is_some_and(|source| source != ValueSource::DefaultValue)
}

#[cfg(test)]
mod tests;
