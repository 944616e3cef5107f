//! Files below `/proc/sys/kernel` that hold one number each.

use common::error::{CollectError, parse_number};

use crate::host::Host;

/// The number in the file `name`, or `None` if the kernel has no such file.
pub(super) fn read(host: &Host, name: &str) -> Result<Option<f64>, CollectError> {
    let path = format!("sys/kernel/{name}");
    let Some(text) = host.read_proc_if_present(&path)? else { return Ok(None) };
    let number = parse_number::<u64>("value", Some(text.trim()));
    number.map(|number| Some(number as f64)).map_err(|error| host.malformed_proc(&path, error))
}
