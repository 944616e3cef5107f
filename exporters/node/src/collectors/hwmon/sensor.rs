//! The files of a chip, put together by sensor.

use std::collections::BTreeMap;

use crate::host::Host;

/// What chips measure or have as settings; other files belong to no sensor.
const KINDS: [&str; 14] = [
    "beep_enable",
    "cpu",
    "curr",
    "energy",
    "fan",
    "freq",
    "humidity",
    "in",
    "intrusion",
    "power",
    "pwm",
    "temp",
    "update_interval",
    "vrm",
];

/// One sensor: its kind, and the contents of its files by property. The
/// property of a file without one is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sensor {
    pub(super) kind: &'static str,
    pub(super) properties: BTreeMap<String, String>,
}

/// The sensors of the chip in `directory` by name. Drivers before Linux 3.13 have them in `device`.
///
/// A file that cannot be read is left out: chips and drivers that answer for some of their
/// sensors only are common, and the rest is worth having.
pub(super) fn read(host: &Host, directory: &str) -> BTreeMap<String, Sensor> {
    let mut sensors: BTreeMap<String, Sensor> = BTreeMap::new();
    for directory in [directory.to_owned(), format!("{directory}/device")] {
        for file in host.list_sys(&directory).ok().flatten().unwrap_or_default() {
            let Some(FileName { kind, number, property }) = parse(&file) else { continue };
            let Ok(Some(content)) = host.attribute(&format!("{directory}/{file}")) else {
                continue;
            };
            let sensor = sensors.entry(format!("{kind}{number}")).or_default();
            sensor.kind = kind;
            sensor.properties.insert(property.to_owned(), content);
        }
    }
    sensors
}

#[derive(Debug, PartialEq)]
struct FileName<'a> {
    kind: &'static str,
    number: u64,
    property: &'a str,
}

/// `temp1_crit_alarm`, `pwm2` or `beep_enable`.
fn parse(file: &str) -> Option<FileName<'_>> {
    let (kind, rest) = file.split_at(file.find(|c: char| c.is_ascii_digit()).unwrap_or(file.len()));
    let kind = KINDS.into_iter().find(|known| *known == kind)?;
    let (number, rest) =
        rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    let property = match rest.strip_prefix('_') {
        Some(property) if !property.is_empty() => property,
        None if rest.is_empty() => "",
        _ => return None,
    };
    Some(FileName { kind, number, property })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_have_three_parts() {
        let parts = |file| parse(file).map(|name| (name.kind, name.number, name.property));
        assert_eq!(parts("temp1_crit_alarm"), Some(("temp", 1, "crit_alarm")));
        assert_eq!(parts("pwm2"), Some(("pwm", 2, "")));
        assert_eq!(parts("pwm1_auto_point1_temp"), Some(("pwm", 1, "auto_point1_temp")));
        assert_eq!(parts("update_interval"), Some(("update_interval", 0, "")));
        assert_eq!(parts("fan02_input"), Some(("fan", 2, "input")));
    }

    #[test]
    fn other_files_are_left_out() {
        let long = format!("in{}", "9".repeat(30));
        for file in ["", "name", "uevent", "temp1_", "temp1x", "temp_crit", "_1", "1_input", &long]
        {
            assert_eq!(parse(file), None, "{file:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_parsed_or_refused(name in "(temp|in)?[0-9]{0,22}\\PC{0,10}") {
            let _ = parse(&name);
        }
    }
}
