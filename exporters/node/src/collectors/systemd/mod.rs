//! Units of the service manager: org.freedesktop.systemd1(5).

mod families;

use std::collections::BTreeMap;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::Desc;
use futures_util::FutureExt as _;
use zbus::OwnedObjectPath;

use crate::dbus::{self, Bus, Object};
use crate::host::Host;

const SERVICE: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// Where systemd itself listens, for root only.
const PRIVATE_SOCKET: &str = "unix:path=/run/systemd/private";

/// States that a unit always has a sample for.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

const VERSION: Desc<'_> =
    Desc::gauge("node_systemd_version", "Number of the release; its full name in the label.");
const VIRTUALIZATION: Desc<'_> = Desc::gauge(
    "node_systemd_virtualization_info",
    "Kind of virtual machine or container that systemd runs in; always 1.",
);
const SYSTEM_RUNNING: Desc<'_> = Desc::gauge(
    "node_systemd_system_running",
    "1 if the system is up and no unit has failed, as systemctl is-system-running says.",
);
const UNITS: Desc<'_> = Desc::gauge("node_systemd_units", "Loaded units by state.");
const UNIT_STATE: Desc<'_> =
    Desc::gauge("node_systemd_unit_state", "1 for the state that the unit is in, else 0.");

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag by itself")]
pub(super) struct Options {
    /// Units to expose, by their whole names
    #[arg(
        id = "collector.systemd.unit-include",
        long = "collector.systemd.unit-include",
        alias = "collector.systemd.unit-whitelist",
        value_name = "REGEX",
        default_value = ".+"
    )]
    pub unit_include: String,
    /// Units to leave out, by their whole names
    #[arg(
        id = "collector.systemd.unit-exclude",
        long = "collector.systemd.unit-exclude",
        alias = "collector.systemd.unit-blacklist",
        value_name = "REGEX",
        default_value = r".+\.(automount|device|mount|scope|slice)"
    )]
    pub unit_exclude: String,
    /// Expose the number of tasks of services, and its limit
    #[arg(
        id = "collector.systemd.enable-task-metrics",
        long = "collector.systemd.enable-task-metrics"
    )]
    pub enable_task_metrics: bool,
    /// Expose how often services were restarted
    #[arg(
        id = "collector.systemd.enable-restarts-metrics",
        long = "collector.systemd.enable-restarts-metrics"
    )]
    pub enable_restarts_metrics: bool,
    /// Expose when units became active
    #[arg(
        id = "collector.systemd.enable-start-time-metrics",
        long = "collector.systemd.enable-start-time-metrics"
    )]
    pub enable_start_time_metrics: bool,
    /// Ask systemd at its own socket and not over the bus, as root
    #[arg(id = "collector.systemd.private", long = "collector.systemd.private", hide = true)]
    pub private: bool,
}

/// One row of ListUnits: name, description, load state, active state, sub-state,
/// unit followed, object, job id, job type, job object; all states in words.
type Listed =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// What is kept of a row.
#[derive(Debug)]
struct Unit {
    name: String,
    load_state: String,
    active_state: String,
    path: OwnedObjectPath,
}

impl From<Listed> for Unit {
    fn from((name, _, load_state, active_state, _, _, path, ..): Listed) -> Self {
        Self { name, load_state, active_state, path }
    }
}

#[derive(Debug)]
pub(super) struct Systemd {
    units: Filter,
    options: Options,
}

impl Systemd {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let include =
            anchored(&options.unit_include).context("--collector.systemd.unit-include")?;
        let exclude =
            anchored(&options.unit_exclude).context("--collector.systemd.unit-exclude")?;
        Ok(Self { units: Filter::new(Some(include), Some(exclude)), options: options.clone() })
    }

    async fn connect(&self) -> Result<Bus, CollectError> {
        if self.options.private {
            return Bus::peer(PRIVATE_SOCKET).await;
        }
        match Bus::system().await {
            // Early during the boot there is no bus yet.
            Err(error) if rustix::process::geteuid().is_root() => {
                Bus::peer(PRIVATE_SOCKET).await.map_err(|_| error)
            }
            connected => connected,
        }
    }

    async fn expose(&self, sink: &mut Sink) -> Result<(), CollectError> {
        let bus = self.connect().await?;
        let manager = bus.object(SERVICE, PATH);
        let mut errors = FirstError::default();
        push_facts(&manager, sink, &mut errors).await;
        let units = manager.call(MANAGER, "ListUnits").await?;
        let units: Vec<Listed> =
            units.deserialize().map_err(|error| dbus::malformed("ListUnits", &error))?;
        let mut units: Vec<Unit> = units.into_iter().map(Unit::from).collect();
        push_summary(&units, sink);
        units.retain(|unit| unit.load_state == "loaded" && self.units.accepts(&unit.name));
        let questions = units.iter().map(|unit| kind(&bus, unit).boxed()).collect();
        let kinds = errors.good(dbus::ask_all(questions).await);
        push_states(&kinds, sink);
        families::push(&bus, &self.options, &units, sink, &mut errors).await;
        errors.into_result()
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Systemd::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Systemd {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        dbus::within_deadline(self.expose(sink)).await
    }
}

fn anchored(pattern: &str) -> anyhow::Result<Pattern> {
    format!("^(?:{pattern})$").parse().map_err(anyhow::Error::msg)
}

/// Writes what systemd reports about itself and the system as a whole.
async fn push_facts(manager: &Object<'_>, sink: &mut Sink, errors: &mut FirstError) {
    if let Some(version) = errors.catch(manager.text(MANAGER, "Version").await) {
        let number = release(&version)
            .ok_or_else(|| dbus::malformed("Version", &format!("no number in {version:?}")));
        if let Some(number) = errors.note(number) {
            sink.family(&VERSION).sample(&[("version", &version)], number);
        }
    }
    let virtualization = errors.catch(manager.text(MANAGER, "Virtualization").await);
    let virtualization = match virtualization.as_deref() {
        None => "unknown",
        Some("") => "none",
        Some(kind) => kind,
    };
    sink.family(&VIRTUALIZATION).sample(&[("virtualization_type", virtualization)], 1.0);
    if let Some(state) = errors.catch(manager.text(MANAGER, "SystemState").await) {
        sink.value(&SYSTEM_RUNNING, f64::from(state == "running"));
    }
}

/// Counts all units, those that the filter leaves out too.
fn push_summary(units: &[Unit], sink: &mut Sink) {
    let mut counts: BTreeMap<&str, u32> = STATES.into_iter().map(|state| (state, 0)).collect();
    for unit in units {
        *counts.entry(&unit.active_state).or_default() += 1;
    }
    let samples = counts.into_iter().map(|(state, count)| ([("state", state)], f64::from(count)));
    sink.samples(&UNITS, samples);
}

fn push_states(units: &[(&Unit, String)], sink: &mut Sink) {
    let mut family = sink.family(&UNIT_STATE);
    for (unit, kind) in units {
        for state in STATES {
            let is_in_state = f64::from(unit.active_state == state);
            family.sample(&[("name", &*unit.name), ("state", state), ("type", kind)], is_in_state);
        }
    }
}

/// How a service starts or what file system a mount has; empty for other units.
async fn kind<'a>(bus: &Bus, unit: &'a Unit) -> Result<(&'a Unit, String), CollectError> {
    let interface = match unit.name.rsplit_once('.') {
        Some((_, "service")) => "org.freedesktop.systemd1.Service",
        Some((_, "mount")) => "org.freedesktop.systemd1.Mount",
        _ => return Ok((unit, String::new())),
    };
    let kind = bus.object(SERVICE, unit.path.as_str()).text(interface, "Type").await?;
    Ok((unit, kind.unwrap_or_default()))
}

/// The number in the name of a release: three digits or more, and a fraction
/// if one follows. `252.38-1~deb12u1` is 252.38.
fn release(version: &str) -> Option<f64> {
    let is_other = |c: char| !c.is_ascii_digit();
    let mut rest = version;
    loop {
        rest = rest.trim_start_matches(is_other);
        let length = rest.find(is_other).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(length);
        if number.is_empty() {
            return None;
        }
        if number.len() >= 3 {
            let fraction = behind.strip_prefix('.').unwrap_or_default();
            let digits = fraction.find(is_other).unwrap_or(fraction.len());
            return format!("{number}.{}", &fraction[..digits]).parse().ok();
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests;
