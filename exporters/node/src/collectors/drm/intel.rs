//! Graphics units (GTs) of Intel cards: frequencies, idle times and throttling, from
//! Documentation/ABI/testing/sysfs-driver-intel-i915 and sysfs-driver-intel-xe-*.
//!
//! Three layouts show the same: that of xe, that of i915, and that of i915 before kernel 5.18,
//! which has the first unit only.

use common::error::FirstError;
use common::keyed::Keyed;

use super::DIRECTORY;
use crate::host::Host;
use crate::readers::attributes::{self, Table, number_after};

const COLUMNS: usize = 8;

/// The families of a unit, whose files have these names.
const fn columns(files: [&'static str; COLUMNS]) -> [Keyed; COLUMNS] {
    let [actual, requested, least, most, hardware_least, hardware_most, idle, throttled] = files;
    [
        Keyed::gauge(
            actual,
            "node_drm_gt_frequency_hertz",
            "Clock of a graphics unit; 0 while it is idle.",
        )
        .times(1e6),
        Keyed::gauge(
            requested,
            "node_drm_gt_frequency_requested_hertz",
            "Clock that the driver has asked for.",
        )
        .times(1e6),
        Keyed::gauge(least, "node_drm_gt_frequency_min_hertz", "Lowest clock that is allowed.")
            .times(1e6),
        Keyed::gauge(most, "node_drm_gt_frequency_max_hertz", "Highest clock that is allowed.")
            .times(1e6),
        Keyed::gauge(
            hardware_least,
            "node_drm_gt_frequency_hardware_min_hertz",
            "Lowest clock that the unit can have.",
        )
        .times(1e6),
        Keyed::gauge(
            hardware_most,
            "node_drm_gt_frequency_hardware_max_hertz",
            "Highest clock that the unit can have.",
        )
        .times(1e6),
        Keyed::counter(
            idle,
            "node_drm_gt_idle_seconds_total",
            "Time that a graphics unit was switched off because it had nothing to do (RC6).",
        )
        .over(1e3),
        Keyed::gauge(
            throttled,
            "node_drm_gt_throttled",
            "1 while the hardware holds the clock back: power, temperature or current.",
        ),
    ]
}

const XE: [Keyed; COLUMNS] = columns([
    "freq0/act_freq",
    "freq0/cur_freq",
    "freq0/min_freq",
    "freq0/max_freq",
    "freq0/rpn_freq",
    "freq0/rp0_freq",
    "gtidle/idle_residency_ms",
    "freq0/throttle/status",
]);

static I915: [Keyed; COLUMNS] = columns([
    "rps_act_freq_mhz",
    "rps_cur_freq_mhz",
    "rps_min_freq_mhz",
    "rps_max_freq_mhz",
    "rps_RPn_freq_mhz",
    "rps_RP0_freq_mhz",
    "rc6_residency_ms",
    "throttle_reason_status",
]);

static OLD_I915: [Keyed; COLUMNS] = columns([
    "gt_act_freq_mhz",
    "gt_cur_freq_mhz",
    "gt_min_freq_mhz",
    "gt_max_freq_mhz",
    "gt_RPn_freq_mhz",
    "gt_RP0_freq_mhz",
    "power/rc6_residency_ms",
    // Such a kernel has no such file.
    "throttle_reason_status",
]);

/// A table of graphics units without rows.
pub(super) fn table() -> Table<2> {
    const FAMILIES: &[Keyed] = &XE;
    Table::new(FAMILIES, ["card", "gt"])
}

/// Adds the units of `card`. One that sleeps is not woken, as reading its clocks would.
pub(super) fn read(host: &Host, card: &str, table: &mut Table<2>, errors: &mut FirstError) {
    let card_folder = format!("{DIRECTORY}/{card}/");
    let state = errors.catch(host.attribute(&format!("{card_folder}device/power/runtime_status")));
    if state.is_some_and(|state| state == "suspended") {
        return;
    }
    let mut has_units = false;
    let device = format!("{card_folder}device/");
    for tile in numbered(host, &device, "tile", errors) {
        let tile = format!("{device}{tile}/");
        for unit in numbered(host, &tile, "gt", errors) {
            add(host, &format!("{tile}{unit}/"), &XE, [card, &unit], table, errors);
            has_units = true;
        }
    }
    let folder = format!("{card_folder}gt/");
    for unit in numbered(host, &folder, "gt", errors) {
        add(host, &format!("{folder}{unit}/"), &I915, [card, &unit], table, errors);
        has_units = true;
    }
    if !has_units {
        add(host, &card_folder, &OLD_I915, [card, "gt0"], table, errors);
    }
}

fn add(
    host: &Host,
    prefix: &str,
    columns: &[Keyed],
    labels: [&str; 2],
    table: &mut Table<2>,
    errors: &mut FirstError,
) {
    let values = attributes::read(host, prefix, columns, errors);
    let [card, unit] = labels;
    table.add([card, number_after(unit, "gt").unwrap_or(unit)], values);
}

/// The folders `NAME0`, `NAME1` … of `folder`; none if there is no such folder.
fn numbered(host: &Host, folder: &str, name: &str, errors: &mut FirstError) -> Vec<String> {
    let listed = errors.catch(host.list_sys(folder)).unwrap_or_default();
    listed.into_iter().filter(|entry| number_after(entry, name).is_some()).collect()
}
