//! Temperatures, fans, voltages and the like: `/sys/class/hwmon`,
//! Documentation/hwmon/sysfs-interface.rst of the kernel.
//!
//! A chip behind a slow bus delays this collector, and costs its samples when the scrape ends
//! before; no other collector waits for it.

mod chip;
mod rule;
mod sensor;

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Desc, Kind};

use crate::host::Host;
use crate::readers::attributes::devices;
use sensor::Sensor;

const DIRECTORY: &str = "class/hwmon";

const CHIP_NAMES: Desc<'_> =
    Desc::gauge("node_hwmon_chip_names", "Name that the driver gives to each chip; always 1.");
const SENSOR_LABEL: Desc<'_> =
    Desc::gauge("node_hwmon_sensor_label", "Label of the sensor; always 1.");

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Chips to leave out
    #[arg(
        id = "collector.hwmon.chip-exclude",
        long = "collector.hwmon.chip-exclude",
        value_name = "REGEX"
    )]
    pub chip_exclude: Option<Pattern>,
    /// Chips to expose
    #[arg(
        id = "collector.hwmon.chip-include",
        long = "collector.hwmon.chip-include",
        value_name = "REGEX"
    )]
    pub chip_include: Option<Pattern>,
    /// Sensors to leave out, as CHIP;SENSOR
    #[arg(
        id = "collector.hwmon.sensor-exclude",
        long = "collector.hwmon.sensor-exclude",
        value_name = "REGEX"
    )]
    pub sensor_exclude: Option<Pattern>,
    /// Sensors to expose, as CHIP;SENSOR
    #[arg(
        id = "collector.hwmon.sensor-include",
        long = "collector.hwmon.sensor-include",
        value_name = "REGEX"
    )]
    pub sensor_include: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct Hwmon {
    chips: Filter,
    sensors: Filter,
}

/// A chip with its sensors by name.
#[derive(Debug)]
struct Chip {
    label: String,
    name: String,
    sensors: BTreeMap<String, Sensor>,
}

/// Samples of one family, in the order of chips and sensors.
#[derive(Debug)]
struct Readings<'a> {
    help: &'static str,
    kind: Kind,
    /// Chip, sensor and value.
    samples: Vec<(&'a str, String, f64)>,
}

impl Hwmon {
    pub(super) fn new(options: &Options) -> Self {
        let filter = |include: &Option<Pattern>, exclude: &Option<Pattern>| {
            Filter::new(include.clone(), exclude.clone())
        };
        Self {
            chips: filter(&options.chip_include, &options.chip_exclude),
            sensors: filter(&options.sensor_include, &options.sensor_exclude),
        }
    }

    fn read(&self, host: &Host, errors: &mut FirstError) -> Result<Vec<Chip>, CollectError> {
        let entries = devices(host, DIRECTORY)?;
        let names: Vec<chip::Names> =
            entries.into_iter().map(|entry| chip::read(host, entry, errors)).collect();
        let mut chips = Vec::new();
        for (names, label) in names.iter().zip(chip::labels(&names)) {
            if self.chips.accepts(&label) {
                let mut sensors = sensor::read(host, &format!("{DIRECTORY}/{}", names.entry));
                sensors.retain(|sensor, _| self.sensors.accepts(&format!("{label};{sensor}")));
                chips.push(Chip { label, name: names.name.clone(), sensors });
            }
        }
        Ok(chips)
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Hwmon::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Hwmon {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let chips = self.read(host, &mut errors)?;
        push_names(&chips, sink);
        push_values(&chips, sink);
        errors.into_result()
    }
}

fn push_names(chips: &[Chip], sink: &mut Sink) {
    let chip_names = chips.iter().filter(|chip| !chip.name.is_empty());
    let chip_names =
        chip_names.map(|chip| ([("chip", &chip.label), ("chip_name", &chip.name)], 1.0));
    sink.samples(&CHIP_NAMES, chip_names);
    let mut family = sink.family(&SENSOR_LABEL);
    for chip in chips {
        for (name, sensor) in &chip.sensors {
            if let Some(label) = sensor.properties.get("label") {
                family.sample(&[("chip", &chip.label), ("label", label), ("sensor", name)], 1.0);
            }
        }
    }
}

fn push_values(chips: &[Chip], sink: &mut Sink) {
    let mut families: BTreeMap<String, Readings<'_>> = BTreeMap::new();
    for chip in chips {
        for (name, sensor) in &chip.sensors {
            for reading in rule::readings(name, sensor) {
                let rule::Reading { family, help, kind, sensor, value } = reading;
                let readings = Readings { help, kind, samples: Vec::new() };
                let readings = families.entry(family).or_insert(readings);
                readings.samples.push((&chip.label, sensor, value));
            }
        }
    }
    for (name, Readings { help, kind, samples }) in &families {
        let samples = samples.iter();
        let samples =
            samples.map(|(chip, sensor, value)| ([("chip", *chip), ("sensor", sensor)], *value));
        sink.samples(&Desc::new(name, help, *kind), samples);
    }
}
