//! Flags, named as redis_exporter names them.

use std::convert::Infallible;
use std::time::Duration;

use clap::Command;
use common::cli::parse_duration;
use common::secret::Secret;
use common::web::SecurityFlags;

use crate::keys::KeyArgs;

/// Go's spellings of `true`.
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

/// All flags but the collector switches and those that every exporter has.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Redis")]
pub struct Args {
    /// Address of the server, which may hold a password.
    #[arg(
        id = "redis.addr",
        long = "redis.addr",
        env = "REDIS_ADDR",
        value_name = "ADDRESS",
        help = "Address of the server: redis://[user][:password]@host[:port][/database], the same \
                by TLS as rediss://…, host:port or unix:///path; several between commas for a \
                cluster or sentinels; empty for the exporter's own metrics alone",
        default_value = "redis://localhost:6379",
        value_parser = secret
    )]
    pub address: Secret,
    /// User to log in as; needs a password
    #[arg(
        id = "redis.user",
        long = "redis.user",
        env = "REDIS_USER",
        value_name = "USER",
        default_value = ""
    )]
    pub user: String,
    /// Password; better given by the environment or a file
    #[arg(
        id = "redis.password",
        long = "redis.password",
        env = "REDIS_PASSWORD",
        value_name = "PASSWORD",
        default_value = "",
        value_parser = secret
    )]
    pub password: Secret,
    /// File that holds the password, or a JSON object of addresses and their passwords
    #[arg(
        id = "redis.password-file",
        long = "redis.password-file",
        env = "REDIS_PASSWORD_FILE",
        value_name = "FILE",
        default_value = ""
    )]
    pub password_file: String,
    /// Longest time to connect, and to wait for one answer; 0 leaves the scrape's deadline alone
    #[arg(
        id = "connection-timeout",
        long = "connection-timeout",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = parse_duration
    )]
    pub connection_timeout: Duration,
    /// Call the connection redis_exporter in CLIENT LIST
    #[arg(id = "set-client-name", long = "set-client-name", default_value = "true")]
    pub set_client_name: bool,
    /// Time a PING in each scrape
    #[arg(id = "ping-on-connect", long = "ping-on-connect")]
    pub ping_on_connect: bool,
    /// Name of the CONFIG command where it was renamed; - never to use it
    #[arg(
        id = "config-command",
        long = "config-command",
        value_name = "NAME",
        default_value = "CONFIG"
    )]
    pub config_command: String,
    /// TLS to the server.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Which keys are looked at.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// Whether several servers are read together.
    #[command(flatten)]
    pub groups: Groups,
    /// What is served beside the metrics of that server.
    #[command(flatten)]
    pub further: Further,
    /// What the metrics look like.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Who may scrape, and how.
    #[command(flatten)]
    pub security: Security,
    /// Print debug messages, unless log.level says otherwise
    #[arg(id = "debug", long = "debug", help_heading = "Log")]
    pub debug: bool,
}

/// Flags about TLS to the server, for addresses that begin with rediss:// or valkeys://.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "TLS to the server")]
pub struct TlsArgs {
    /// Certificates of the authorities to trust, in PEM; else those of the system
    #[arg(
        id = "tls-ca-cert-file",
        long = "tls-ca-cert-file",
        value_name = "FILE",
        default_value = ""
    )]
    pub authorities: String,
    /// Certificate to show to the server, in PEM
    #[arg(
        id = "tls-client-cert-file",
        long = "tls-client-cert-file",
        value_name = "FILE",
        default_value = ""
    )]
    pub certificate: String,
    /// Private key of that certificate, in PEM
    #[arg(
        id = "tls-client-key-file",
        long = "tls-client-key-file",
        value_name = "FILE",
        default_value = ""
    )]
    pub key: String,
    /// Name that the server's certificate must have, if not the address's
    #[arg(
        id = "tls-server-name",
        long = "tls-server-name",
        value_name = "NAME",
        default_value = ""
    )]
    pub server_name: String,
    /// Accept any certificate of the server
    #[arg(id = "skip-tls-verification", long = "skip-tls-verification")]
    pub skips_verification: bool,
}

/// Flags that make several servers one target.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Several servers as one target")]
pub struct Groups {
    /// Read all nodes of the cluster that the address belongs to, with labels node, shard and role
    #[arg(id = "redis.cluster", long = "redis.cluster")]
    pub is_cluster: bool,
    /// The address is a sentinel's: read the primary and the replicas of the master of this name,
    /// with labels node and role
    #[arg(
        id = "redis.sentinel-master",
        long = "redis.sentinel-master",
        value_name = "NAME",
        default_value = ""
    )]
    pub sentinel_master: String,
}

/// Flags about further endpoints, and those of the reference that change nothing here.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Further endpoints")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Further {
    /// Serve no /scrape, by which any server can be asked for
    #[arg(id = "disable-scrape-endpoint", long = "disable-scrape-endpoint")]
    pub disables_scrape: bool,
    /// The server is a node of a cluster: list all its nodes at /discover-cluster-nodes
    #[arg(id = "is-cluster", long = "is-cluster")]
    pub is_cluster: bool,
    /// List nodes by their host names where they have some
    #[arg(id = "cluster-discover-hostnames", long = "cluster-discover-hostnames")]
    pub prefers_hostnames: bool,
    /// Accepted for redis_exporter's sake; there is no Go runtime
    #[arg(id = "include-go-runtime-metrics", long = "include-go-runtime-metrics")]
    pub include_go_runtime: bool,
}

/// Flags about all metrics.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub struct Metrics {
    /// First word of the names of all metrics but process_* and promhttp_*
    #[arg(
        id = "namespace",
        long = "namespace",
        value_name = "WORD",
        default_value = "redis",
        value_parser = namespace
    )]
    pub namespace: String,
    /// Leave out process_*, promhttp_* and the build information
    #[arg(id = "redis-only-metrics", long = "redis-only-metrics")]
    pub redis_only: bool,
    /// Add the server's role to all its metrics, as the label instance_role
    #[arg(id = "append-instance-role-label", long = "append-instance-role-label")]
    pub appends_role: bool,
}

/// Flags about the exporter's own web side.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Web")]
pub struct Security {
    /// Name that a scrape must give; needs a password
    #[arg(
        id = "basic-auth-username",
        long = "basic-auth-username",
        env = "RE_BASIC_AUTH_USERNAME",
        value_name = "USER",
        default_value = ""
    )]
    pub basic_auth_username: String,
    /// Password that a scrape must give; better given by the environment
    #[arg(
        id = "basic-auth-password",
        long = "basic-auth-password",
        env = "RE_BASIC_AUTH_PASSWORD",
        value_name = "PASSWORD",
        default_value = "",
        value_parser = secret
    )]
    pub basic_auth_password: Secret,
    /// The password as bcrypt hash, instead of the password itself
    #[arg(
        id = "basic-auth-hash-password",
        long = "basic-auth-hash-password",
        env = "RE_BASIC_AUTH_HASH_PASSWORD",
        value_name = "HASH",
        default_value = "",
        value_parser = secret
    )]
    pub basic_auth_hash_password: Secret,
    /// Certificate in PEM form; with the key it turns HTTPS on
    #[arg(
        id = "tls-server-cert-file",
        long = "tls-server-cert-file",
        env = "RE_TLS_SERVER_CERT_FILE",
        value_name = "FILE",
        default_value = ""
    )]
    pub tls_server_cert_file: String,
    /// Key of the certificate
    #[arg(
        id = "tls-server-key-file",
        long = "tls-server-key-file",
        env = "RE_TLS_SERVER_KEY_FILE",
        value_name = "FILE",
        default_value = ""
    )]
    pub tls_server_key_file: String,
    /// Certificates one of which must have signed that of the client
    #[arg(
        id = "tls-server-ca-cert-file",
        long = "tls-server-ca-cert-file",
        env = "RE_TLS_SERVER_CA_CERT_FILE",
        value_name = "FILE",
        default_value = ""
    )]
    pub tls_server_ca_cert_file: String,
    /// Oldest version of TLS: TLS1.2 or TLS1.3
    #[arg(
        id = "tls-server-min-version",
        long = "tls-server-min-version",
        env = "RE_TLS_SERVER_MIN_VERSION",
        value_name = "VERSION",
        default_value = "TLS1.2"
    )]
    pub tls_server_min_version: String,
}

impl From<Security> for SecurityFlags {
    fn from(flags: Security) -> Self {
        Self {
            username: flags.basic_auth_username,
            password: flags.basic_auth_password,
            password_hash: flags.basic_auth_hash_password,
            cert_file: flags.tls_server_cert_file.into(),
            key_file: flags.tls_server_key_file.into(),
            client_ca_file: flags.tls_server_ca_cert_file.into(),
            min_version: flags.tls_server_min_version,
        }
    }
}

/// Gives the flags that every exporter has the spellings and ties of redis_exporter.
pub fn adapt_shared(command: Command) -> Command {
    let debug = TRUE.map(|text| ("debug", text, Some("debug")));
    let redis_only = TRUE.map(|text| ("redis-only-metrics", text, Some("true")));
    command
        .mut_arg("log.level", |arg| arg.visible_alias("log-level").default_value_ifs(debug))
        .mut_arg("log.format", |arg| arg.visible_alias("log-format"))
        // Prometheus asks for hundreds of targets at about the same time.
        .mut_arg("web.max-requests", |arg| arg.default_value("1024"))
        .mut_arg("web.disable-exporter-metrics", |arg| arg.default_value_ifs(redis_only))
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::from(text))
}

fn namespace(text: &str) -> Result<String, String> {
    let is_valid = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if is_valid { Ok(text.to_owned()) } else { Err("expected letters, digits and _".into()) }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{ArgMatches, FromArgMatches as _};
    use common::logging::{LogArgs, LogFormat, LogLevel};
    use common::web::WebArgs;

    use super::*;
    use crate::RedisExporter;

    fn matches(flags: &[&str]) -> Result<ArgMatches, clap::Error> {
        let arguments = std::iter::once("redis-exporter").chain(flags.iter().copied());
        common::commands::parse::<RedisExporter>(arguments.map(OsString::from))
    }

    #[test]
    fn the_logs_flags_have_their_other_names() {
        let log = |flags| LogArgs::from_arg_matches(&matches(flags).unwrap()).unwrap();
        assert_eq!(log(&[]).level, LogLevel::Info);
        assert_eq!(log(&["-log-level", "WARNING"]).level, LogLevel::Warn);
        assert_eq!(log(&["--log-format=txt"]).format, LogFormat::Logfmt);
        assert_eq!(log(&["-debug"]).level, LogLevel::Debug);
        assert_eq!(log(&["-debug=1"]).level, LogLevel::Debug);
        assert_eq!(log(&["-debug=false"]).level, LogLevel::Info);
        assert_eq!(log(&["-debug", "-log-level=error"]).level, LogLevel::Error);
    }

    #[test]
    fn redis_only_metrics_leave_out_the_exporters_own() {
        let web = |flags| WebArgs::from_arg_matches(&matches(flags).unwrap()).unwrap();
        assert!(!web(&[]).disable_exporter_metrics);
        assert!(web(&["-redis-only-metrics"]).disable_exporter_metrics);
    }

    #[test]
    fn values_are_checked_and_secrets_not_printed() {
        let flags = ["-redis.addr=redis://:hunter2@h", "-redis.password", "hunter3"];
        let args = Args::from_arg_matches(&matches(&flags).unwrap()).unwrap();
        assert!(args.set_client_name && !args.ping_on_connect);
        assert_eq!(args.connection_timeout, Duration::from_secs(15));
        assert!(!format!("{args:?}").contains("hunter"), "{args:?}");
        for flag in ["-namespace=a-b", "-namespace=1a", "-connection-timeout=5", "-is-tile39"] {
            assert!(matches(&[flag]).is_err(), "{flag}");
        }
    }
}
