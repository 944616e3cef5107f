//! Flags of cAdvisor that have no effect here.

use common::cli::unused::Unused;

/// Each group with its reason.
pub const UNUSED: &[Unused] = &[
    Unused {
        reason: "nothing is stored or sent elsewhere: Prometheus asks for the metrics",
        on_off: &[
            "storage_driver_es_enable_sniffer",
            "storage_driver_kafka_ssl_verify",
            "storage_driver_secure",
        ],
        with_value: &[
            "bq_account",
            "bq_credentials_file",
            "bq_id",
            "bq_project_id",
            "bq_secret",
            "event_storage_age_limit",
            "event_storage_event_limit",
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
        ],
    },
    Unused {
        reason: "the log has the flags --log.level and --log.format",
        on_off: &[
            "add_dir_header",
            "alsologtostderr",
            "log_cadvisor_usage",
            "logtostderr",
            "one_output",
            "skip_headers",
            "skip_log_headers",
        ],
        with_value: &[
            "log_backtrace_at",
            "log_dir",
            "log_file",
            "log_file_max_size",
            "stderrthreshold",
            "v",
            "vmodule",
        ],
    },
    Unused {
        reason: "nothing is sampled between scrapes",
        on_off: &["allow_dynamic_housekeeping"],
        with_value: &[
            "crio_client_timeout",
            "global_housekeeping_interval",
            "housekeeping_interval",
            "initial_splay_factor",
            "jitter_factor",
            "max_housekeeping_interval",
            "resctrl_interval",
            "update_machine_info_interval",
        ],
    },
    Unused {
        reason: "these passwords protect cAdvisor's pages, which this exporter does not have, and not its metrics",
        on_off: &[],
        with_value: &["http_auth_file", "http_auth_realm", "http_digest_file", "http_digest_realm"],
    },
    Unused {
        reason: "nothing is written to the kernel",
        on_off: &[],
        with_value: &["perf_events_config", "referenced_reset_interval"],
    },
    Unused {
        reason: "metrics of applications in containers are not collected",
        on_off: &[],
        with_value: &["application_metrics_count_limit", "collector_cert", "collector_key"],
    },
    Unused {
        reason: "there is no Go runtime to limit or profile",
        on_off: &["profiling"],
        with_value: &["max_procs"],
    },
    Unused {
        reason: "use --env_metadata_whitelist, which all runtimes share",
        on_off: &[],
        with_value: &["containerd_env_metadata_whitelist", "docker_env_metadata_whitelist"],
    },
    Unused {
        reason: "hints about the mounts of raw cgroups are not read",
        on_off: &[],
        with_value: &["container_hints"],
    },
];
