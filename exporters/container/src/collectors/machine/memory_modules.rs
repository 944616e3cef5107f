//! Memory modules that the kernel checks for errors, admin-guide/ras.rst, and
//! non-volatile ones, driver-api/nvdimm/nvdimm.rst.

use std::collections::BTreeMap;

use common::error::{CollectError, ParseError, parse_number};
use common::metric::Desc;

use super::Detail;
use crate::host::Host;

const COUNT: Desc<'static> =
    Desc::gauge("machine_dimm_count", "Memory modules by type, where the kernel watches them.");
const CAPACITY: Desc<'static> =
    Desc::gauge("machine_dimm_capacity_bytes", "Memory in these modules by their type.");
const NVM_CAPACITY: Desc<'static> = Desc::gauge(
    "machine_nvm_capacity",
    "Bytes of non-volatile memory by mode; absent if there is some, whose mode the kernel does not tell.",
);
const NVM_POWER: Desc<'static> = Desc::gauge(
    "machine_nvm_avg_power_budget_watts",
    "Power budget of non-volatile memory; absent if there is some, whose budget the kernel does not tell.",
);

/// Controllers of memory, each with its modules.
const CONTROLLERS: &str = "devices/system/edac/mc";

const MEBIBYTE: f64 = 1_048_576.0;

/// Modules and bytes of one type.
type Sums = (f64, f64);

pub(super) fn find(host: &Host) -> Result<Vec<Detail>, CollectError> {
    let mut types = BTreeMap::<String, Sums>::new();
    for controller in host.list_sys(CONTROLLERS)? {
        for module in host.list_sys(&format!("{CONTROLLERS}/{controller}"))? {
            let folder = format!("{CONTROLLERS}/{controller}/{module}");
            let kind = host.read_sys(&format!("{folder}/dimm_mem_type"));
            let bytes = host.parse_sys(&format!("{folder}/size"), parse_size)?;
            if let Some((kind, bytes)) = kind.zip(bytes) {
                let (count, sum) = types.entry(kind).or_default();
                *count += 1.0;
                *sum += bytes;
            }
        }
    }
    let of_type = |desc, value: fn(&Sums) -> f64| {
        let details = types.iter().map(move |(kind, sums)| Detail {
            desc,
            labels: vec![("type", kind.clone())],
            value: value(sums),
        });
        details.collect::<Vec<_>>()
    };
    let (counts, capacities) = (of_type(&COUNT, |sums| sums.0), of_type(&CAPACITY, |sums| sums.1));
    Ok([counts, capacities, non_volatile(host)?].concat())
}

fn non_volatile(host: &Host) -> Result<Vec<Detail>, CollectError> {
    let devices = host.list_sys("bus/nd/devices")?;
    if devices.iter().any(|name| name.starts_with("nmem")) {
        return Ok(Vec::new());
    }
    let none = |desc, labels| Detail { desc, labels, value: 0.0 };
    let mode = |mode: &str| none(&NVM_CAPACITY, vec![("mode", mode.to_owned())]);
    Ok(vec![mode("app_direct_mode"), mode("memory_mode"), none(&NVM_POWER, Vec::new())])
}

/// In units of 2^20 bytes.
fn parse_size(text: &str) -> Result<f64, ParseError> {
    parse_number::<u64>("size", Some(text)).map(|size| size as f64 * MEBIBYTE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn sizes_are_megabytes() {
        assert_eq!(parse_size("16384"), Ok(17_179_869_184.0));
        assert!(parse_size("").is_err() && parse_size("16 GB").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_size(&text);
        }
    }
}
