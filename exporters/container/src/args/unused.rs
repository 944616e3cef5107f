//! Flags of cAdvisor that mean nothing here: accepted, so that a command line
//! can be taken over as it is, and named once in a warning.
//!
//! Nothing is sampled between scrapes, stored, sent elsewhere or written to the
//! kernel, the log has flags of its own, and cAdvisor's passwords guard its pages,
//! which are not here, and never its metrics.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

const WITH_VALUE: &[&str] = &[
    "application_metrics_count_limit",
    "bq_account",
    "bq_credentials_file",
    "bq_id",
    "bq_project_id",
    "bq_secret",
    "collector_cert",
    "collector_key",
    "container_hints",
    "containerd_env_metadata_whitelist",
    "crio_client_timeout",
    "docker_env_metadata_whitelist",
    "event_storage_age_limit",
    "event_storage_event_limit",
    "global_housekeeping_interval",
    "housekeeping_interval",
    "http_auth_file",
    "http_auth_realm",
    "http_digest_file",
    "http_digest_realm",
    "initial_splay_factor",
    "jitter_factor",
    "log_backtrace_at",
    "log_dir",
    "log_file",
    "log_file_max_size",
    "max_housekeeping_interval",
    "max_procs",
    "perf_events_config",
    "referenced_reset_interval",
    "resctrl_interval",
    "stderrthreshold",
    "storage_driver",
    "storage_driver_buffer_duration",
    "storage_driver_db",
    "storage_driver_es_host",
    "storage_driver_es_index",
    "storage_driver_es_type",
    "storage_driver_host",
    "storage_driver_influxdb_retention_policy",
    "storage_driver_kafka_broker_list",
    "storage_driver_kafka_ssl_ca",
    "storage_driver_kafka_ssl_cert",
    "storage_driver_kafka_ssl_key",
    "storage_driver_kafka_topic",
    "storage_driver_password",
    "storage_driver_table",
    "storage_driver_user",
    "storage_duration",
    "update_machine_info_interval",
    "v",
    "vmodule",
];

const ON_OFF: &[&str] = &[
    "add_dir_header",
    "allow_dynamic_housekeeping",
    "alsologtostderr",
    "log_cadvisor_usage",
    "logtostderr",
    "one_output",
    "profiling",
    "skip_headers",
    "skip_log_headers",
    "storage_driver_es_enable_sniffer",
    "storage_driver_kafka_ssl_verify",
    "storage_driver_secure",
];

/// Adds the flags, out of sight.
pub fn add_unused(command: Command) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).hide(true);
    let command = command.args(WITH_VALUE.iter().map(|name| flag(name).allow_hyphen_values(true)));
    command.args(ON_OFF.iter().map(|name| flag(name).action(ArgAction::SetTrue)))
}

/// Names of those flags that were given; their values are nobody's business.
pub fn given_unused(matches: &ArgMatches) -> Vec<&'static str> {
    let is_given = |name: &str| {
        matches.value_source(name).is_some_and(|source| source != ValueSource::DefaultValue)
    };
    WITH_VALUE.iter().chain(ON_OFF).copied().filter(|name| is_given(name)).collect()
}
