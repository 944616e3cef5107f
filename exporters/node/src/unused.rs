//! Flags of node_exporter that have no effect here.

use common::cli::unused::Unused;

pub(crate) const UNUSED: &[Unused] = &[
    Unused {
        reason: "this exporter has no collector for NTP servers",
        on_off: &["collector.ntp", "collector.ntp.server-is-local"],
        with_value: &[
            "collector.ntp.ip-ttl",
            "collector.ntp.local-offset-tolerance",
            "collector.ntp.max-distance",
            "collector.ntp.protocol-version",
            "collector.ntp.server",
            "collector.ntp.server-port",
        ],
    },
    Unused {
        reason: "this exporter has no collector for perf events",
        on_off: &[
            "collector.perf",
            "collector.perf.disable-cache-profilers",
            "collector.perf.disable-hardware-profilers",
            "collector.perf.disable-software-profilers",
        ],
        with_value: &[
            "collector.perf.cache-profilers",
            "collector.perf.cpus",
            "collector.perf.hardware-profilers",
            "collector.perf.software-profilers",
            "collector.perf.tracepoint",
        ],
    },
    Unused {
        reason: "this exporter has no collector for runit",
        on_off: &["collector.runit"],
        with_value: &["collector.runit.servicedir"],
    },
    Unused {
        reason: "this exporter has no collector for supervisord",
        on_off: &["collector.supervisord"],
        with_value: &["collector.supervisord.url"],
    },
    Unused {
        reason: "the kernel is always asked, never files in its place",
        on_off: &[],
        with_value: &["collector.qdisc.fixtures", "collector.wifi.fixtures"],
    },
    Unused {
        reason: "the statistics of drivers are not read",
        on_off: &[],
        with_value: &["collector.ethtool.metrics-include"],
    },
    Unused {
        reason: "there is no Go runtime to be limited",
        on_off: &[],
        with_value: &["runtime.gomaxprocs"],
    },
];

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::ArgMatches;
    use common::cli::Dialect;
    use common::cli::unused::given;

    use super::*;
    use crate::NodeExporter;
    use crate::collectors::COLLECTORS;

    fn parsed(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
        let arguments = std::iter::once("node-exporter").chain(arguments.iter().copied());
        common::commands::parse::<NodeExporter>(arguments.map(OsString::from))
    }

    fn flags(arguments: &[&str]) -> Vec<String> {
        given(&parsed(arguments).unwrap(), UNUSED, Dialect::Kingpin)
            .into_iter()
            .map(|(flag, _)| flag)
            .collect()
    }

    #[test]
    fn none_is_given_by_default_and_none_is_shown() {
        assert!(flags(&[]).is_empty());
        let help = parsed(&["--help"]).unwrap_err().to_string();
        for name in UNUSED.iter().flat_map(|unused| unused.on_off.iter().chain(unused.with_value)) {
            assert!(!help.contains(&format!("--{name} ")), "{name}");
        }
    }

    #[test]
    fn switches_of_absent_collectors_are_accepted_both_ways() {
        for name in ["ntp", "perf", "runit", "supervisord"] {
            let (on, off) = (format!("--collector.{name}"), format!("--no-collector.{name}"));
            assert_eq!(flags(&[&on]), [on.as_str()]);
            assert_eq!(flags(&[&off]), [off.as_str()]);
            assert!(parsed(&[&on, &off]).is_err());
            assert!(!COLLECTORS.iter().any(|entry| entry.name == name));
        }
    }

    #[test]
    fn values_follow_an_equals_sign_or_a_space() {
        let arguments = [
            "--collector.ntp.server=127.0.0.1",
            "--collector.ntp.local-offset-tolerance",
            "-1ms",
            "--collector.runit.servicedir",
            "/etc/service",
            "--collector.supervisord.url=unix:///run/supervisor.sock",
            "--runtime.gomaxprocs",
            "2",
        ];
        let expected = [
            "--collector.ntp.local-offset-tolerance",
            "--collector.ntp.server",
            "--collector.runit.servicedir",
            "--collector.supervisord.url",
            "--runtime.gomaxprocs",
        ];
        assert_eq!(flags(&arguments), expected);
        assert!(parsed(&["--runtime.gomaxprocs"]).is_err());
    }

    #[test]
    fn repeated_values_are_named_once() {
        let arguments = [
            "--collector.perf.tracepoint=sched:sched_switch",
            "--collector.perf.tracepoint",
            "a:b",
        ];
        assert_eq!(flags(&arguments), ["--collector.perf.tracepoint"]);
    }

    #[test]
    fn options_without_value_are_accepted_both_ways() {
        for name in ["collector.ntp.server-is-local", "collector.perf.disable-cache-profilers"] {
            assert_eq!(flags(&[&format!("--{name}")]), [format!("--{name}")]);
            assert_eq!(flags(&[&format!("--no-{name}")]), [format!("--no-{name}")]);
        }
    }

    #[tokio::test]
    async fn absent_collectors_stay_missing_to_clients() {
        let matches = parsed(&["--collector.perf", "--path.procfs=/", "--path.sysfs=/"]).unwrap();
        let exporter = NodeExporter::from_matches(&matches).unwrap();
        let request = common::exporter::ScrapeRequest {
            parameters: vec![("collect[]".into(), "perf".into())],
            deadline: std::time::Instant::now(),
        };
        let refusal = exporter.choose(&request).err().unwrap();
        assert_eq!(refusal.0, "missing collector: perf");
    }
}
