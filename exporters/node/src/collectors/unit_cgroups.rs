//! What systemd's units use, from their control groups: `/sys/fs/cgroup`,
//! Documentation/admin-guide/cgroup-v2.rst of the kernel.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Desc, Metric, counter, gauge};

use crate::host::Host;
use crate::readers::attributes::{line, parsed_in_part};
use crate::readers::bound::Bound;

const ROOT: &str = "fs/cgroup";

/// Where units are below the root: those of the system, and those of users and their sessions.
const SLICES: [&str; 3] = ["init.scope", "system.slice", "user.slice"];

/// Units in units: no administrator nests slices so deeply.
const MAX_DEPTH: usize = 12;

const CPU: Desc<'_> =
    Desc::counter("node_systemd_unit_cpu_seconds_total", "CPU time that the unit has used.");

const METRICS: &[Metric<Use>] = &[
    gauge("node_systemd_unit_memory_bytes", "Memory that the unit uses.", |of| of.memory),
    gauge("node_systemd_unit_memory_peak_bytes", "The most memory that the unit has used.", |of| {
        of.memory_peak
    }),
    counter(
        "node_systemd_unit_oom_kills_total",
        "Processes of the unit that the kernel killed due to lack of memory.",
        |of| of.oom_kills,
    ),
    counter("node_systemd_unit_io_read_bytes_total", "Bytes that the unit has read.", |of| {
        of.io.map(|io| io[0])
    }),
    counter("node_systemd_unit_io_written_bytes_total", "Bytes that the unit has written.", |of| {
        of.io.map(|io| io[1])
    }),
    counter("node_systemd_unit_io_reads_total", "Reads of the unit.", |of| of.io.map(|io| io[2])),
    counter("node_systemd_unit_io_writes_total", "Writes of the unit.", |of| of.io.map(|io| io[3])),
];

/// A unit, and what it and all in it use.
#[derive(Debug, Default, PartialEq)]
struct Use {
    name: String,
    /// Number of the user whose instance of systemd the unit is of; empty for the system's.
    user: String,
    /// Seconds in user and in system mode.
    cpu: Option<[f64; 2]>,
    memory: Option<f64>,
    memory_peak: Option<f64>,
    oom_kills: Option<f64>,
    /// Bytes read and written, reads and writes, of all devices.
    io: Option<[f64; 4]>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Units to expose
    #[arg(
        id = "collector.unit_cgroups.unit-include",
        long = "collector.unit_cgroups.unit-include",
        value_name = "REGEX"
    )]
    unit_include: Option<Pattern>,
    /// Units to leave out (default: scopes, of which containers and sessions make many)
    #[arg(
        id = "collector.unit_cgroups.unit-exclude",
        long = "collector.unit_cgroups.unit-exclude",
        value_name = "REGEX",
        default_value = "\\.scope$",
        hide_default_value = true
    )]
    unit_exclude: Pattern,
    /// Units to expose at most
    #[arg(
        id = "collector.unit_cgroups.max-units",
        long = "collector.unit_cgroups.max-units",
        value_name = "N",
        default_value = "1000",
        value_parser = parse_count
    )]
    max_units: usize,
}

#[derive(Debug)]
pub(super) struct UnitCgroups {
    units: Filter,
    max_units: usize,
    bound: Bound,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(UnitCgroups {
        units: Filter::new(options.unit_include, Some(options.unit_exclude)),
        max_units: options.max_units,
        bound: Bound::new("units", options.max_units),
    }))
}

#[async_trait]
impl Collector<Host> for UnitCgroups {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        if host.attribute(&format!("{ROOT}/cgroup.controllers"))?.is_none() {
            return Err(CollectError::NoData(
                "no control groups of version 2 at /sys/fs/cgroup".into(),
            ));
        }
        let mut errors = FirstError::default();
        let mut found = Vec::new();
        for slice in SLICES {
            let walk = Walk { units: &self.units, most: self.max_units, host };
            walk.enter(&format!("{ROOT}/{slice}"), "", 0, &mut found, &mut errors);
        }
        self.bound.keep(&mut found);
        let uses = found.iter().map(|(path, user)| read(host, path, user, &mut errors));
        push(&uses.collect::<Vec<_>>(), sink);
        errors.into_result()
    }
}

fn push(uses: &[Use], sink: &mut Sink) {
    let seconds = uses.iter().flat_map(|of| {
        let modes = ["user", "system"].into_iter().zip(of.cpu.into_iter().flatten());
        modes.map(|(mode, seconds)| {
            ([("mode", mode), ("name", of.name.as_str()), ("user", &of.user)], seconds)
        })
    });
    sink.samples(&CPU, seconds);
    let rows = uses.iter().map(|of| ([("name", of.name.as_str()), ("user", &of.user)], of));
    sink.table(METRICS, rows);
}

/// Looks for units below a folder.
struct Walk<'a> {
    units: &'a Filter,
    most: usize,
    host: &'a Host,
}

impl Walk<'_> {
    /// Notes the paths of `folder`, if it is a unit's, and of the units below it, each with the user
    /// whose they are.
    fn enter(
        &self,
        folder: &str,
        user: &str,
        depth: usize,
        found: &mut Vec<(String, String)>,
        errors: &mut FirstError,
    ) {
        let name = name_of(folder);
        // One more than may be shown tells that there are too many.
        if depth > MAX_DEPTH || found.len() > self.most {
            return;
        }
        if self.units.accepts(name) && self.host.sys_path(folder).is_dir() {
            found.push((folder.to_owned(), user.to_owned()));
        }
        // Below a manager of a user are the units of that user; other services make folders of
        // their own choice.
        let own = user_of(name);
        if name.strip_suffix(".slice").is_none() && own.is_none() {
            return;
        }
        let user = own.unwrap_or(user);
        for entry in errors.catch(self.host.list_sys(folder)).unwrap_or_default() {
            if is_unit(&entry) {
                self.enter(&format!("{folder}/{entry}"), user, depth + 1, found, errors);
            }
        }
    }
}

/// The last part of a path.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `1000` of `user@1000.service`.
fn user_of(name: &str) -> Option<&str> {
    let user = name.strip_prefix("user@")?.strip_suffix(".service")?;
    user.bytes().all(|byte| byte.is_ascii_digit()).then_some(user)
}

fn is_unit(name: &str) -> bool {
    [".slice", ".service", ".scope", ".socket", ".mount", ".swap"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// What the unit at `path` uses; a controller that is off for it has no samples.
fn read(host: &Host, path: &str, user: &str, errors: &mut FirstError) -> Use {
    let file = |name: &str| format!("{path}/{name}");
    let cpu = errors.catch(host.parsed(&file("cpu.stat"), parse_cpu));
    let memory = errors.catch(host.number::<u64>(&file("memory.current")));
    let memory_peak = errors.catch(host.number::<u64>(&file("memory.peak")));
    let kills = |text: &str| {
        line(text, "oom_kill").map(|count| parse_number::<u64>("oom_kill", Some(count))).transpose()
    };
    let oom_kills = errors.catch(host.parsed(&file("memory.events"), kills)).flatten();
    let io = parsed_in_part(host, &file("io.stat"), parse_io, errors);
    let number = |value: Option<u64>| value.map(|value| value as f64);
    Use {
        name: name_of(path).to_owned(),
        user: user.to_owned(),
        cpu,
        memory: number(memory),
        memory_peak: number(memory_peak),
        oom_kills: number(oom_kills),
        io: io.flatten(),
    }
}

/// Seconds in user and in system mode, from microseconds.
fn parse_cpu(text: &str) -> Result<[f64; 2], ParseError> {
    let seconds = |key: &'static str| {
        let time: u64 = parse_number(key, line(text, key))?;
        Ok(time as f64 / 1e6)
    };
    Ok([seconds("user_usec")?, seconds("system_usec")?])
}

/// Sums over the lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`; those of devices without a number
/// belong to them. A sum without one of its parts would be wrong, so there is none.
fn parse_io(text: &str) -> Partial<Option<[f64; 4]>, ParseError> {
    let mut sums = [0.0; 4];
    for word in text.split_ascii_whitespace() {
        let Some((key, value)) = word.split_once('=') else { continue };
        let keys = ["rbytes", "wbytes", "rios", "wios"];
        let Some(index) = keys.iter().position(|known| *known == key) else { continue };
        match parse_number::<u64>("statistic", Some(value)) {
            Ok(value) => sums[index] += value as f64,
            Err(error) => return Partial { good: None, error: Some(error) },
        }
    }
    Partial::whole(Some(sums))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Paths;
    use common::testing;

    const FILES: [(&str, &str); 12] = [
        ("cgroup.controllers", "cpu io memory\n"),
        ("system.slice/cpu.stat", "usage_usec 9000000\nuser_usec 6000000\nsystem_usec 3000000\n"),
        (
            "system.slice/web.service/cpu.stat",
            "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\n",
        ),
        ("system.slice/web.service/memory.current", "4096\n"),
        ("system.slice/web.service/memory.peak", "8192\n"),
        ("system.slice/web.service/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
        (
            "system.slice/web.service/io.stat",
            "(unknown) rbytes=0 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n8:0 rbytes=512 wbytes=1024 rios=1 wios=2\n",
        ),
        ("system.slice/web.service/payload.service/memory.current", "1\n"),
        ("system.slice/docker-0123.scope/memory.current", "7\n"),
        ("system.slice/a.slice/b.service/memory.current", "5\n"),
        (
            "user.slice/user-1000.slice/user@1000.service/app.slice/web.service/memory.current",
            "11\n",
        ),
        ("user.slice/user-1000.slice/session-2.scope/memory.current", "12\n"),
    ];

    async fn samples(
        name: &str,
        flags: &[&str],
        files: &[(&str, &str)],
    ) -> (Vec<String>, Result<(), CollectError>) {
        let root = std::env::temp_dir().join(format!("units-{name}-{}", std::process::id()));
        for (path, content) in files {
            let path = root.join(ROOT).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        std::fs::create_dir_all(&root).unwrap();
        let paths = Paths {
            procfs: root.clone(),
            sysfs: root.clone(),
            rootfs: root.clone(),
            udev_data: root.clone(),
        };
        let words = ["node-exporter"].iter().chain(flags).map(Into::into);
        let matches = common::commands::parse::<crate::NodeExporter>(words).unwrap();
        let mut sink = Sink::default();
        let host = Host::open(&paths).unwrap();
        let result = build(&matches).unwrap().collect(&host, &mut sink).await;
        std::fs::remove_dir_all(root).unwrap();
        (testing::samples(&sink), result)
    }

    #[tokio::test]
    async fn units_of_the_system_and_of_users_have_what_they_use() {
        let (samples, result) = samples("all", &[], &FILES).await;
        result.unwrap();
        for expected in [
            "node_systemd_unit_cpu_seconds_total{mode=\"user\",name=\"web.service\",user=\"\"} 2.5",
            "node_systemd_unit_cpu_seconds_total{mode=\"system\",name=\"system.slice\",user=\"\"} 3",
            "node_systemd_unit_memory_bytes{name=\"web.service\",user=\"\"} 4096",
            "node_systemd_unit_memory_bytes{name=\"web.service\",user=\"1000\"} 11",
            "node_systemd_unit_memory_bytes{name=\"b.service\",user=\"\"} 5",
            "node_systemd_unit_memory_peak_bytes{name=\"web.service\",user=\"\"} 8192",
            "node_systemd_unit_oom_kills_total{name=\"web.service\",user=\"\"} 2",
            "node_systemd_unit_io_written_bytes_total{name=\"web.service\",user=\"\"} 1024",
            "node_systemd_unit_io_reads_total{name=\"web.service\",user=\"\"} 2",
        ] {
            assert!(samples.iter().any(|sample| sample == expected), "{expected}\n{samples:#?}");
        }
        let is_odd = |sample: &&String| sample.contains(".scope") || sample.contains("payload");
        assert_eq!(
            samples.iter().find(is_odd),
            None,
            "scopes and what services make are not units"
        );
    }

    #[tokio::test]
    async fn units_are_chosen_and_bounded_and_version_1_has_no_data() {
        let include = ["--collector.unit_cgroups.unit-include=^web"];
        let (chosen, _) = samples("chosen", &include, &FILES).await;
        assert!(chosen.iter().all(|sample| sample.contains("web.service")), "{chosen:#?}");
        let scopes = [
            "--collector.unit_cgroups.unit-exclude=",
            "--collector.unit_cgroups.unit-include=scope",
        ];
        let (scopes, _) = samples("scopes", &scopes, &FILES).await;
        assert_eq!(scopes.len(), 2, "{scopes:#?}");
        let (one, _) = samples("one", &["--collector.unit_cgroups.max-units=1"], &FILES).await;
        assert!(one.iter().all(|sample| sample.contains("name=\"system.slice\"")), "{one:#?}");
        let (_, result) = samples("v1", &[], &[("memory/x", "")]).await;
        assert!(result.unwrap_err().is_no_data());
    }

    #[test]
    fn malformed_figures_are_errors_and_a_sum_without_a_part_is_none() {
        for text in ["", "user_usec 1\n", "user_usec x\nsystem_usec 1\n"] {
            assert!(parse_cpu(text).is_err(), "{text:?}");
        }
        let sums = parse_io("8:0 rbytes=1 wbytes=x\n");
        assert!(sums.good.is_none() && sums.error.is_some());
        assert_eq!(parse_io("8:0 \n"), Partial::whole(Some([0.0; 4])));
        assert_eq!(user_of("user@1000.service"), Some("1000"));
        assert_eq!((user_of("user@x.service"), user_of("web.service")), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "((user|system)_usec [0-9]{0,22}\n|[a-z]*=[0-9]* |\\PC{0,20}){0,6}") {
            let _ = (parse_cpu(&text), parse_io(&text), user_of(&text));
        }
    }
}
