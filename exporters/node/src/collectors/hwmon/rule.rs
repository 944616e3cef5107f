//! Names and units of readings, by kind of sensor and property.

use common::metric::Kind;

use super::chip::clean;
use super::sensor::Sensor;

/// One sample.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) family: String,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) sensor: String,
    pub(super) value: f64,
}

/// A unit, and what is measured in it.
struct Rule {
    /// Kinds of sensor, or none for all.
    kinds: &'static [&'static str],
    /// Properties, or none for all.
    properties: &'static [&'static str],
    /// End of the family's name.
    suffix: &'static str,
    scale: Scale,
    help: &'static str,
}

/// The kernel's unit: multiplied or divided as the reference exporter does, to get its last digit.
#[derive(Clone, Copy)]
enum Scale {
    One,
    Thousandths,
    Millionths,
}

/// A sensor without unit, or whose unit is not in the family's name.
const RAW: Rule =
    Rule { kinds: &[], properties: &[], suffix: "", scale: Scale::One, help: "Raw value." };

const FREQUENCY_SUFFIX: &str = "_freq_mhz";

/// The first that fits holds.
const RULES: &[Rule] = &[
    Rule {
        properties: &["alarm", "fault"],
        help: "1 if the chip reports an alarm or a fault.",
        ..RAW
    },
    Rule { properties: &["beep"], suffix: "_enabled", help: "1 if an alarm beeps.", ..RAW },
    Rule {
        kinds: &["cpu", "in"],
        suffix: "_volts",
        scale: Scale::Thousandths,
        help: "Voltage, or a limit of it.",
        ..RAW
    },
    Rule { kinds: &["temp"], properties: &["type"], help: "Type of a sensor.", ..RAW },
    Rule {
        kinds: &["temp"],
        suffix: "_celsius",
        scale: Scale::Thousandths,
        help: "Temperature, a limit of it, or an alarm as 0.001.",
        ..RAW
    },
    Rule {
        kinds: &["curr"],
        suffix: "_amps",
        scale: Scale::Thousandths,
        help: "Current, or a limit of it.",
        ..RAW
    },
    Rule {
        kinds: &["energy"],
        suffix: "_joule_total",
        scale: Scale::Millionths,
        help: "Energy used.",
        ..RAW
    },
    Rule {
        kinds: &["power"],
        properties: &["accuracy"],
        scale: Scale::Millionths,
        help: "Accuracy of a power meter.",
        ..RAW
    },
    Rule {
        kinds: &["power"],
        properties: &["average_interval", "average_interval_max", "average_interval_min"],
        suffix: "_seconds",
        scale: Scale::Thousandths,
        help: "Time over which power is averaged.",
    },
    Rule {
        kinds: &["power"],
        suffix: "_watt",
        scale: Scale::Millionths,
        help: "Power, or a limit of it.",
        ..RAW
    },
    // Tenfold too small for a ratio, the kernel's unit being 0.001 %, as in the reference exporter.
    Rule { kinds: &["humidity"], scale: Scale::Millionths, help: "Relative humidity.", ..RAW },
    Rule {
        kinds: &["fan"],
        properties: &["input", "max", "min", "target"],
        suffix: "_rpm",
        help: "Speed of a fan, or a limit of it.",
        ..RAW
    },
    Rule {
        kinds: &["freq"],
        properties: &["input"],
        suffix: FREQUENCY_SUFFIX,
        scale: Scale::Millionths,
        help: "Frequency.",
    },
    RAW,
];

/// Kinds whose bare file is all that counts: family, scale and help.
const BARE: [(&str, &str, Scale, &str); 3] = [
    ("beep_enable", "node_hwmon_beep_enabled", Scale::One, "1 if the chip may beep."),
    (
        "update_interval",
        "node_hwmon_update_interval_seconds",
        Scale::Thousandths,
        "Age of readings.",
    ),
    ("vrm", "node_hwmon_voltage_regulator_version", Scale::One, "Version of the regulator."),
];

impl Scale {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::One => value,
            Self::Thousandths => value * 0.001,
            Self::Millionths => value / 1e6,
        }
    }
}

impl Rule {
    fn fits(&self, kind: &str, property: &str) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.properties.is_empty() || self.properties.contains(&property))
    }
}

/// The samples of one sensor; contents that are no numbers are left out.
pub(super) fn readings(name: &str, sensor: &Sensor) -> Vec<Reading> {
    if let Some((kind, family, scale, help)) = BARE.iter().find(|(kind, ..)| *kind == sensor.kind) {
        let bare = sensor.properties.get("").map_or("", String::as_str);
        let value = if *kind == "beep_enable" {
            Some(f64::from(bare == "1"))
        } else {
            bare.parse().ok().map(|value| scale.apply(value))
        };
        let reading = |value| Reading {
            family: (*family).to_owned(),
            help,
            kind: Kind::Gauge,
            sensor: name.to_owned(),
            value,
        };
        return value.map(reading).into_iter().collect();
    }
    let properties = sensor.properties.iter().filter(|(property, _)| *property != "label");
    properties.filter_map(|(property, text)| reading(name, sensor, property, text)).collect()
}

fn reading(name: &str, sensor: &Sensor, property: &str, text: &str) -> Option<Reading> {
    let value: f64 = text.parse().ok()?;
    let rule = RULES.iter().find(|rule| rule.fits(sensor.kind, property))?;
    let sensor_label = if rule.suffix == FREQUENCY_SUFFIX {
        clean(sensor.properties.get("label")?)
    } else {
        name.to_owned()
    };
    let property = match property {
        "input" if !sensor.properties.contains_key("") => String::new(),
        "" => String::new(),
        property => format!("_{}", clean(property)),
    };
    Some(Reading {
        family: format!("node_hwmon_{}{property}{}", sensor.kind, rule.suffix),
        help: rule.help,
        kind: if rule.suffix.ends_with("_total") { Kind::Counter } else { Kind::Gauge },
        sensor: sensor_label,
        value: rule.scale.apply(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(kind: &'static str, files: &[(&str, &str)]) -> Vec<(String, f64)> {
        let own = |(property, text): &(&str, &str)| ((*property).to_owned(), (*text).to_owned());
        let sensor = Sensor { kind, properties: files.iter().map(own).collect() };
        let readings = readings(&format!("{kind}1"), &sensor).into_iter();
        let short = |family: &str| family.strip_prefix("node_hwmon_").unwrap().to_owned();
        readings.map(|reading| (short(&reading.family), reading.value)).collect()
    }

    #[test]
    fn units_follow_from_kind_and_property() {
        for (kind, property, text, family, value) in [
            ("in", "input", "1056", "in_volts", 1056.0 * 0.001),
            ("in", "alarm", "1", "in_alarm", 1.0),
            ("in", "beep", "1", "in_beep_enabled", 1.0),
            ("cpu", "vid", "1250", "cpu_vid_volts", 1.25),
            ("temp", "crit_alarm", "1", "temp_crit_alarm_celsius", 0.001),
            ("temp", "type", "4", "temp_type", 4.0),
            ("curr", "max", "1500", "curr_max_amps", 1.5),
            ("energy", "input", "2500000", "energy_joule_total", 2.5),
            ("power", "average", "5000000", "power_average_watt", 5.0),
            ("power", "average_interval_max", "100", "power_average_interval_max_seconds", 0.1),
            ("power", "accuracy", "1000000", "power_accuracy", 1.0),
            ("humidity", "input", "45000", "humidity", 0.045),
            ("fan", "target", "900", "fan_target_rpm", 900.0),
            ("fan", "pulses", "2", "fan_pulses", 2.0),
            ("pwm", "", "128", "pwm", 128.0),
            ("pwm", "Auto point-1", "5", "pwm_auto_point_1", 5.0),
        ] {
            assert_eq!(exposed(kind, &[(property, text)]), [(family.to_owned(), value)]);
        }
    }

    #[test]
    fn a_bare_file_moves_the_input_aside() {
        let families = exposed("pwm", &[("", "1"), ("input", "2")]);
        assert_eq!(families, [("pwm".to_owned(), 1.0), ("pwm_input".to_owned(), 2.0)]);
    }

    #[test]
    fn frequencies_go_by_their_label() {
        assert_eq!(exposed("freq", &[("input", "1000000")]), []);
        let files = [("input", "300000000"), ("label", "sclk")];
        assert_eq!(exposed("freq", &files), [("freq_freq_mhz".to_owned(), 300.0)]);
    }

    #[test]
    fn bare_kinds_have_families_of_their_own() {
        assert_eq!(exposed("beep_enable", &[("", "x")]), [("beep_enabled".to_owned(), 0.0)]);
        assert_eq!(exposed("vrm", &[("", "90")]), [("voltage_regulator_version".to_owned(), 90.0)]);
        assert_eq!(exposed("vrm", &[("", "")]), []);
        let interval = exposed("update_interval", &[("", "1000")]);
        assert_eq!(interval, [("update_interval_seconds".to_owned(), 1.0)]);
    }

    #[test]
    fn contents_that_are_no_numbers_are_left_out() {
        for text in ["", "N/A", "1 2", "0x"] {
            assert_eq!(exposed("temp", &[("input", text), ("crit", "1000")]).len(), 1, "{text:?}");
        }
    }
}
