//! Families that are one property of each unit of a kind.

use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;
use futures_util::FutureExt as _;

use super::{Options, SERVICE, Unit};
use crate::dbus::{self, Bus};

/// A property that becomes a family with the label `name`.
#[derive(Debug)]
struct Family {
    desc: Desc<'static>,
    /// End of the names of the units that have it; empty for all.
    suffix: &'static str,
    interface: &'static str,
    property: &'static str,
    /// What the property counts in, such as 1e6 for microseconds.
    per_unit: f64,
    /// Value of units that are not active, which are then not asked.
    idle: Option<f64>,
    is_wanted: fn(&Options) -> bool,
}

const MICROSECONDS: f64 = 1e6;

const FAMILIES: &[Family] = &[
    always(
        Desc::counter(
            "node_systemd_socket_accepted_connections_total",
            "Connections that the unit has accepted.",
        ),
        (".socket", "org.freedesktop.systemd1.Socket", "NAccepted"),
        1.0,
    ),
    always(
        Desc::gauge(
            "node_systemd_socket_current_connections",
            "Connections that the unit has at present.",
        ),
        (".socket", "org.freedesktop.systemd1.Socket", "NConnections"),
        1.0,
    ),
    always(
        Desc::gauge(
            "node_systemd_socket_refused_connections_total",
            "Connections that the unit has refused.",
        ),
        (".socket", "org.freedesktop.systemd1.Socket", "NRefused"),
        1.0,
    ),
    always(
        Desc::gauge(
            "node_systemd_timer_last_trigger_seconds",
            "When the timer last elapsed, in seconds since the epoch.",
        ),
        (".timer", "org.freedesktop.systemd1.Timer", "LastTriggerUSec"),
        MICROSECONDS,
    ),
    Family {
        is_wanted: |options| options.enable_restarts_metrics,
        ..always(
            Desc::counter(
                "node_systemd_service_restart_total",
                "Times that systemd has restarted the service.",
            ),
            (".service", "org.freedesktop.systemd1.Service", "NRestarts"),
            1.0,
        )
    },
    Family {
        is_wanted: |options| options.enable_task_metrics,
        ..always(
            Desc::gauge("node_systemd_unit_tasks_current", "Tasks that the service runs."),
            (".service", "org.freedesktop.systemd1.Service", "TasksCurrent"),
            1.0,
        )
    },
    Family {
        is_wanted: |options| options.enable_task_metrics,
        ..always(
            Desc::gauge("node_systemd_unit_tasks_max", "Tasks that the service may run."),
            (".service", "org.freedesktop.systemd1.Service", "TasksMax"),
            1.0,
        )
    },
    Family {
        idle: Some(0.0),
        is_wanted: |options| options.enable_start_time_metrics,
        ..always(
            Desc::gauge(
                "node_systemd_unit_start_time_seconds",
                "When the unit became active, in seconds since the epoch; 0 if it is not.",
            ),
            ("", "org.freedesktop.systemd1.Unit", "ActiveEnterTimestamp"),
            MICROSECONDS,
        )
    },
];

/// A family that no flag is needed for; `source` is suffix, interface and property.
const fn always(
    desc: Desc<'static>,
    source: (&'static str, &'static str, &'static str),
    per_unit: f64,
) -> Family {
    let (suffix, interface, property) = source;
    Family { desc, suffix, interface, property, per_unit, idle: None, is_wanted: |_| true }
}

impl Family {
    /// The largest number means "never", "not counted" or "no limit".
    fn value(&self, number: u64) -> Option<f64> {
        (number != u64::MAX).then_some(number as f64 / self.per_unit)
    }

    /// Name of the unit and its value.
    async fn read<'u>(
        &self,
        bus: &Bus,
        unit: &'u Unit,
    ) -> Result<(&'u str, Option<f64>), CollectError> {
        if let Some(idle) = self.idle.filter(|_| unit.active_state != "active") {
            return Ok((&unit.name, Some(idle)));
        }
        let object = bus.object(SERVICE, unit.path.as_str());
        let number = object.number(self.interface, self.property).await?;
        Ok((&unit.name, number.and_then(|number| self.value(number))))
    }
}

/// Asks all properties that the options want and writes what is answered.
pub(super) async fn push(
    bus: &Bus,
    options: &Options,
    units: &[Unit],
    sink: &mut Sink,
    errors: &mut FirstError,
) {
    for family in FAMILIES.iter().filter(|family| (family.is_wanted)(options)) {
        let units = units.iter().filter(|unit| unit.name.ends_with(family.suffix));
        let questions = units.map(|unit| family.read(bus, unit).boxed()).collect();
        let values = errors.good(dbus::ask_all(questions).await);
        let mut out = sink.family(&family.desc);
        for (name, value) in values {
            if let Some(value) = value {
                out.sample(&[("name", name)], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_base_units_and_no_limit_is_no_value() {
        let family = |property| FAMILIES.iter().find(|f| f.property == property).unwrap();
        assert_eq!(family("LastTriggerUSec").value(1_500_000), Some(1.5));
        assert_eq!(family("TasksMax").value(4915), Some(4915.0));
        assert_eq!(family("TasksMax").value(u64::MAX), None);
    }

    #[test]
    fn only_what_costs_nothing_extra_needs_no_flag() {
        let options = Options::default();
        let wanted = FAMILIES.iter().filter(|family| (family.is_wanted)(&options)).count();
        assert_eq!((wanted, FAMILIES.len()), (4, 8));
    }
}
