//! Files of a power supply and their families; energy and charge count millionths, temperatures tenths.

use common::keyed::Keyed;

pub(super) const ATTRIBUTES: &[Keyed] = &[
    Keyed::gauge("authentic", "node_power_supply_authentic", "1 if the supply is genuine."),
    Keyed::gauge(
        "calibrate",
        "node_power_supply_calibrate",
        "1 while the battery is being calibrated.",
    ),
    Keyed::gauge("capacity", "node_power_supply_capacity", "Charge in percent."),
    Keyed::gauge(
        "capacity_alert_max",
        "node_power_supply_capacity_alert_max",
        "Charge in percent above which there is an alert.",
    ),
    Keyed::gauge(
        "capacity_alert_min",
        "node_power_supply_capacity_alert_min",
        "Charge in percent below which there is an alert.",
    ),
    Keyed::gauge("cycle_count", "node_power_supply_cyclecount", "Cycles of charge and discharge."),
    Keyed::gauge(
        "online",
        "node_power_supply_online",
        "Whether the supply is connected: 0 no, 1 at a fixed voltage, 2 at a variable one.",
    ),
    Keyed::gauge("present", "node_power_supply_present", "1 if the battery is present."),
    Keyed::gauge(
        "time_to_empty_now",
        "node_power_supply_time_to_empty_seconds",
        "Time until the battery is empty.",
    ),
    Keyed::gauge(
        "time_to_full_now",
        "node_power_supply_time_to_full_seconds",
        "Time until the battery is full.",
    ),
    millionths("current_boot", "node_power_supply_current_boot", "Current at boot in amperes."),
    millionths("current_max", "node_power_supply_current_max", "Highest current in amperes."),
    millionths("current_now", "node_power_supply_current_ampere", "Current in amperes."),
    millionths(
        "energy_empty",
        "node_power_supply_energy_empty",
        "Energy when empty, in watt hours.",
    ),
    millionths(
        "energy_empty_design",
        "node_power_supply_energy_empty_design",
        "Energy when empty by design, in watt hours.",
    ),
    millionths("energy_full", "node_power_supply_energy_full", "Energy when full, in watt hours."),
    millionths(
        "energy_full_design",
        "node_power_supply_energy_full_design",
        "Energy when full by design, in watt hours.",
    ),
    millionths("energy_now", "node_power_supply_energy_watthour", "Energy left, in watt hours."),
    millionths("voltage_boot", "node_power_supply_voltage_boot", "Voltage at boot in volts."),
    millionths("voltage_max", "node_power_supply_voltage_max", "Highest voltage in volts."),
    millionths(
        "voltage_max_design",
        "node_power_supply_voltage_max_design",
        "Highest voltage by design, in volts.",
    ),
    millionths("voltage_min", "node_power_supply_voltage_min", "Lowest voltage in volts."),
    millionths(
        "voltage_min_design",
        "node_power_supply_voltage_min_design",
        "Lowest voltage by design, in volts.",
    ),
    millionths("voltage_now", "node_power_supply_voltage_volt", "Voltage in volts."),
    millionths("voltage_ocv", "node_power_supply_voltage_ocv", "Voltage without load, in volts."),
    millionths(
        "charge_control_limit",
        "node_power_supply_charge_control_limit",
        "Limit set for charging.",
    ),
    millionths(
        "charge_control_limit_max",
        "node_power_supply_charge_control_limit_max",
        "Highest limit for charging.",
    ),
    millionths(
        "charge_counter",
        "node_power_supply_charge_counter",
        "Charge counted, in ampere hours.",
    ),
    millionths(
        "charge_empty",
        "node_power_supply_charge_empty",
        "Charge when empty, in ampere hours.",
    ),
    millionths(
        "charge_empty_design",
        "node_power_supply_charge_empty_design",
        "Charge when empty by design, in ampere hours.",
    ),
    millionths(
        "charge_full",
        "node_power_supply_charge_full",
        "Charge when full, in ampere hours.",
    ),
    millionths(
        "charge_full_design",
        "node_power_supply_charge_full_design",
        "Charge when full by design, in ampere hours.",
    ),
    millionths("charge_now", "node_power_supply_charge_ampere", "Charge left, in ampere hours."),
    millionths(
        "charge_term_current",
        "node_power_supply_charge_term_current",
        "Current at which charging ends, in amperes.",
    ),
    millionths(
        "constant_charge_current",
        "node_power_supply_constant_charge_current",
        "Current of charging in amperes.",
    ),
    millionths(
        "constant_charge_current_max",
        "node_power_supply_constant_charge_current_max",
        "Highest current of charging in amperes.",
    ),
    millionths(
        "constant_charge_voltage",
        "node_power_supply_constant_charge_voltage",
        "Voltage of charging in volts.",
    ),
    millionths(
        "constant_charge_voltage_max",
        "node_power_supply_constant_charge_voltage_max",
        "Highest voltage of charging in volts.",
    ),
    millionths(
        "precharge_current",
        "node_power_supply_precharge_current",
        "Current of an empty battery's first charge, in amperes.",
    ),
    millionths(
        "input_current_limit",
        "node_power_supply_input_current_limit",
        "Limit of the current drawn, in amperes.",
    ),
    millionths("power_now", "node_power_supply_power_watt", "Power in watts."),
    tenths("temp", "node_power_supply_temp_celsius", "Temperature."),
    tenths(
        "temp_alert_max",
        "node_power_supply_temp_alert_max_celsius",
        "Temperature above which there is an alert.",
    ),
    tenths(
        "temp_alert_min",
        "node_power_supply_temp_alert_min_celsius",
        "Temperature below which there is an alert.",
    ),
    tenths(
        "temp_ambient",
        "node_power_supply_temp_ambient_celsius",
        "Temperature around the supply.",
    ),
    tenths(
        "temp_ambient_alert_max",
        "node_power_supply_temp_ambient_max_celsius",
        "Temperature around the supply above which there is an alert.",
    ),
    tenths(
        "temp_ambient_alert_min",
        "node_power_supply_temp_ambient_min_celsius",
        "Temperature around the supply below which there is an alert.",
    ),
    tenths("temp_max", "node_power_supply_temp_max_celsius", "Highest temperature to work at."),
    tenths("temp_min", "node_power_supply_temp_min_celsius", "Lowest temperature to work at."),
];

const fn millionths(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::gauge(file, name, help).over(1e6)
}

const fn tenths(file: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::gauge(file, name, help).over(10.0)
}
