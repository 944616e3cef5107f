//! Memory modules that the kernel checks for errors, admin-guide/ras.rst, and
//! non-volatile ones, driver-api/nvdimm/nvdimm.rst.

use std::collections::BTreeMap;

use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::metric::Desc;

use super::Detail;
use crate::host::Host;

const COUNT: Desc<'static> = Desc::gauge(
    "machine_dimm_count",
    "Memory modules that the kernel checks for errors (EDAC), by type.",
);
const CAPACITY: Desc<'static> = Desc::gauge(
    "machine_dimm_capacity_bytes",
    "Memory of the modules that the kernel checks for errors, by type.",
);
const NVM_CAPACITY: Desc<'static> = Desc::gauge(
    "machine_nvm_capacity",
    "Bytes of non-volatile memory by mode; 0 without such memory, absent with it, because the kernel does not report modes.",
);
const NVM_POWER: Desc<'static> = Desc::gauge(
    "machine_nvm_avg_power_budget_watts",
    "Power budget of non-volatile memory; 0 without such memory, absent with it, because the kernel does not report budgets.",
);

/// Controllers of memory, each with its modules.
const CONTROLLERS: &str = "devices/system/edac/mc";

const MEBIBYTE: f64 = 1_048_576.0;

/// Modules and bytes of one type.
type Sums = (f64, f64);

pub(super) fn find(host: &Host) -> Partial<Vec<Detail>> {
    let mut errors = FirstError::default();
    let mut types = BTreeMap::<String, Option<Sums>>::new();
    for controller in errors.note(host.list_sys(CONTROLLERS)).unwrap_or_default() {
        let modules = errors.note(host.list_sys(&format!("{CONTROLLERS}/{controller}")));
        for module in modules.unwrap_or_default() {
            let folder = format!("{CONTROLLERS}/{controller}/{module}");
            let Some(kind) = host.read_sys(&format!("{folder}/dimm_mem_type")) else { continue };
            let sums = types.entry(kind).or_insert(Some((0.0, 0.0)));
            match host.parse_sys(&format!("{folder}/size"), parse_size) {
                Ok(bytes) => add(sums, bytes),
                Err(error) => {
                    errors.keep(error);
                    // A sum without this one would be wrong.
                    *sums = None;
                }
            }
        }
    }
    let mut details = of_type(&types, &COUNT, |sums| sums.0);
    details.append(&mut of_type(&types, &CAPACITY, |sums| sums.1));
    details.append(&mut errors.note(non_volatile(host)).unwrap_or_default());
    errors.beside(details)
}

/// Adds a module; what has no size is none.
fn add(sums: &mut Option<Sums>, bytes: Option<f64>) {
    if let Some(((count, sum), bytes)) = sums.as_mut().zip(bytes) {
        *count += 1.0;
        *sum += bytes;
    }
}

fn of_type(
    types: &BTreeMap<String, Option<Sums>>,
    desc: &'static Desc<'static>,
    value: fn(&Sums) -> f64,
) -> Vec<Detail> {
    let known = types.iter().filter_map(|(kind, sums)| Some((kind, sums.as_ref()?)));
    let known = known.filter(|(_, (count, _))| *count > 0.0);
    let detail = |(kind, sums): (&String, &Sums)| Detail {
        desc,
        labels: vec![("type", kind.clone())],
        value: value(sums),
    };
    known.map(detail).collect()
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

    #[test]
    fn modules_add_up_and_what_has_no_size_is_no_module() {
        let mut sums = Some((0.0, 0.0));
        for bytes in [Some(2.0), None, Some(3.0)] {
            add(&mut sums, bytes);
        }
        assert_eq!(sums, Some((2.0, 5.0)));
        let types = [("DDR4", sums), ("DDR5", None), ("none", Some((0.0, 0.0)))];
        let types = types.map(|(kind, sums)| (kind.to_owned(), sums)).into();
        let details = of_type(&types, &COUNT, |sums| sums.0);
        assert_eq!(details.len(), 1, "{details:?}");
        assert_eq!(details[0].labels, [("type", "DDR4".to_owned())]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_size(&text);
        }
    }
}
