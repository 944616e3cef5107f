//! The flags of the web side.

use std::time::Duration;

use clap::Args;

use crate::cli::{parse_count, parse_duration};
use crate::self_metrics::OwnFamilies;

/// Time for a scrape at most, whatever flag or header say: a moment further away may be more
/// than the clock can count, and no target is scraped as seldom as that.
pub(super) const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);

/// Flags of the web side.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Web")]
pub struct WebArgs {
    /// Addresses to listen on; if empty, the program's default.
    #[arg(
        id = "web.listen-address",
        long = "web.listen-address",
        value_name = "ADDRESS",
        help = "Address to listen on: host:port, [v6]:port, :port for all addresses, or \
                unix:///path; may be repeated"
    )]
    pub listen_address: Vec<String>,
    /// Listen on the sockets that systemd hands over, instead of addresses
    #[arg(id = "web.systemd-socket", long = "web.systemd-socket")]
    pub systemd_socket: bool,
    /// Path of the metrics
    #[arg(
        id = "web.telemetry-path",
        long = "web.telemetry-path",
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = parse_path
    )]
    pub telemetry_path: String,
    /// Path below which all pages are
    #[arg(
        id = "web.route-prefix",
        long = "web.route-prefix",
        value_name = "PATH",
        default_value = "",
        value_parser = parse_prefix
    )]
    pub route_prefix: String,
    /// Leave out the exporter's own metrics (promhttp_*, process_*)
    #[arg(id = "web.disable-exporter-metrics", long = "web.disable-exporter-metrics")]
    pub disable_exporter_metrics: bool,
    /// Collections at once; scrapes that would need more get status 503; 0 means no limit
    #[arg(
        id = "web.max-requests",
        long = "web.max-requests",
        value_name = "N",
        default_value = "40",
        value_parser = parse_count
    )]
    pub max_requests: usize,
    /// Answer in OpenMetrics 1.0.0 to clients that ask for it
    #[arg(id = "web.enable-openmetrics", long = "web.enable-openmetrics")]
    pub enable_openmetrics: bool,
    /// Longest scrape for clients that send no timeout header
    #[arg(
        id = "web.scrape-timeout",
        long = "web.scrape-timeout",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_timeout
    )]
    pub scrape_timeout: Duration,
    /// Seconds taken off the timeout that Prometheus announces
    #[arg(
        id = "timeout-offset",
        long = "timeout-offset",
        value_name = "SECONDS",
        default_value = "0.25",
        value_parser = parse_seconds
    )]
    pub timeout_offset: f64,
    /// Configuration of TLS and authentication; empty for none.
    #[arg(
        id = "web.config.file",
        long = "web.config.file",
        value_name = "FILE",
        default_value = "",
        help = "YAML file with TLS, users, response headers and rate limit, in the format of the \
                Prometheus exporter-toolkit"
    )]
    pub config_file: String,
}

impl WebArgs {
    /// What goes with the metrics of the main target about the exporter itself.
    pub(crate) fn own_families(&self) -> OwnFamilies {
        if self.disable_exporter_metrics { OwnFamilies::BuildInfo } else { OwnFamilies::All }
    }
}

impl Default for WebArgs {
    fn default() -> Self {
        Self {
            listen_address: Vec::new(),
            systemd_socket: false,
            telemetry_path: "/metrics".into(),
            route_prefix: String::new(),
            disable_exporter_metrics: false,
            max_requests: 40,
            enable_openmetrics: false,
            scrape_timeout: Duration::from_secs(10),
            timeout_offset: 0.25,
            config_file: String::new(),
        }
    }
}

fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains(['{', '}', '*']) {
        Ok(text.to_owned())
    } else {
        Err("expected a path that starts with / and has no braces or asterisks".into())
    }
}

/// The root is no prefix, and a slash at the end none that counts.
fn parse_prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_end_matches('/');
    if prefix.is_empty() { Ok(String::new()) } else { parse_path(prefix) }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.0..=3600.0).contains(s)).ok_or("expected seconds".into())
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() || duration > LONGEST_TIMEOUT {
        return Err("expected more than zero and at most 24h".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_more_than_zero_and_at_most_a_day() {
        assert_eq!(parse_timeout("24h"), Ok(LONGEST_TIMEOUT));
        for text in ["0", "0s", "24h1ms", "1000000000000000h"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_is_a_path_or_nothing() {
        assert_eq!(parse_prefix("/"), Ok(String::new()));
        assert_eq!(parse_prefix("/a/b/"), Ok("/a/b".into()));
        assert!(parse_prefix("a").is_err() && parse_prefix("/{a}").is_err());
    }
}
