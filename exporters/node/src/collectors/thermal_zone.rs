//! Temperatures and cooling devices: `/sys/class/thermal`,
//! Documentation/driver-api/thermal/sysfs-api.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::attributes::{Table, number_after};

const DIRECTORY: &str = "class/thermal";

const ZONE: &[Keyed] =
    &[Keyed::gauge("temp", "node_thermal_zone_temp", "Temperature of a zone in degrees Celsius.")
        .over(1000.0)
        .read_by(temperature)];

const COOLING_DEVICE: &[Keyed] = &[
    Keyed::gauge("cur_state", "node_cooling_device_cur_state", "Current step of a cooling device."),
    Keyed::gauge("max_state", "node_cooling_device_max_state", "Highest step of a cooling device."),
];

#[derive(Debug, Default)]
pub(super) struct ThermalZone;

#[async_trait]
impl Collector<Host> for ThermalZone {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut zones = Table::new(ZONE, ["type", "zone"]);
        let mut cooling_devices = Table::new(COOLING_DEVICE, ["name", "type"]);
        let mut errors = FirstError::default();
        for entry in host.list_sys(DIRECTORY)?.unwrap_or_default() {
            let zone = number_after(&entry, "thermal_zone");
            let cooling_device = number_after(&entry, "cooling_device");
            if zone.or(cooling_device).is_none() {
                continue;
            }
            let prefix = format!("{DIRECTORY}/{entry}/");
            let Some(kind) = errors.catch(host.attribute(&format!("{prefix}type"))) else {
                continue;
            };
            if let Some(zone) = zone {
                zones.read(host, &prefix, [&kind, zone], &mut errors);
            } else if let Some(name) = cooling_device {
                cooling_devices.read(host, &prefix, [name, &kind], &mut errors);
            }
        }
        zones.push(sink);
        cooling_devices.push(sink);
        errors.into_result()
    }
}

/// Nothing is colder, in thousandths of a degree Celsius. Drivers give −274000
/// (`THERMAL_TEMP_INVALID`) and less for a zone that has no temperature.
const ABSOLUTE_ZERO: i64 = -273_150;

fn temperature(text: &str) -> Result<Option<f64>, ParseError> {
    let thousandths: i64 = parse_number("value", Some(text))?;
    Ok((thousandths >= ABSOLUTE_ZERO).then_some(thousandths as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_colder_than_absolute_zero() {
        assert_eq!(temperature("49925"), Ok(Some(49_925.0)));
        assert_eq!(temperature("-40000"), Ok(Some(-40_000.0)));
        assert_eq!(temperature("-273150"), Ok(Some(-273_150.0)));
        for none in ["-274000", "-273151", "-2147483648"] {
            assert_eq!(temperature(none), Ok(None), "{none}");
        }
        assert!(temperature("warm").is_err() && temperature("").is_err());
    }
}
