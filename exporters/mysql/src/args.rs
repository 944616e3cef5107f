//! Flags, named as mysqld_exporter names them.

use clap::ArgAction;

use crate::account::Address;

/// The flag that names the option file.
pub(crate) const CONFIG_FILE: &str = "config.my-cnf";
/// The flag that says where the server is.
pub(crate) const ADDRESS: &str = "mysqld.address";

/// All flags but the collector switches and those that every exporter has.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct Args {
    /// Option file whose section client has account and address; may be missing if not named
    #[arg(
        id = CONFIG_FILE,
        long = CONFIG_FILE,
        value_name = "FILE",
        default_value = ".my.cnf"
    )]
    pub config_file: String,
    /// Server, where the file names none: host:port or unix:///path
    #[arg(
        id = ADDRESS,
        long = ADDRESS,
        value_name = "ADDRESS",
        default_value = "localhost:3306"
    )]
    pub address: Address,
    /// User, where the file names none
    #[arg(
        id = "mysqld.username",
        long = "mysqld.username",
        value_name = "USER",
        default_value = ""
    )]
    pub username: String,
    /// Use TLS and take any certificate, where the file says nothing else of that
    #[arg(id = "tls.insecure-skip-verify", long = "tls.insecure-skip-verify")]
    pub skips_verification: bool,
    /// How connections are used.
    #[command(flatten)]
    pub connections: ConnectionArgs,
}

/// Flags about connections.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Connections")]
pub struct ConnectionArgs {
    /// Longest wait for a metadata lock
    #[arg(
        id = "exporter.lock_wait_timeout",
        long = "exporter.lock_wait_timeout",
        value_name = "SECONDS",
        default_value_t = 2
    )]
    pub lock_wait_timeout: u32,
    /// Set lock_wait_timeout on each connection (default: on)
    #[arg(
        id = "exporter.enable_lock_wait_timeout",
        long = "exporter.enable_lock_wait_timeout",
        action = ArgAction::SetTrue,
        default_value = "true"
    )]
    pub enable_lock_wait_timeout: bool,
    /// Keep scrapes out of the slow query log by log_slow_filter; not for Oracle MySQL
    #[arg(id = "exporter.log_slow_filter", long = "exporter.log_slow_filter")]
    pub log_slow_filter: bool,
    /// Longest run of one collector; 0 leaves it to the scrape's deadline
    #[arg(
        id = "exporter.query_timeout",
        long = "exporter.query_timeout",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    pub query_timeout: u32,
    /// Connections to a server at most, over all scrapes; they are kept for the next scrape
    #[arg(
        id = "exporter.max_open_connections",
        long = "exporter.max_open_connections",
        value_name = "N",
        default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub max_open_connections: u16,
}
