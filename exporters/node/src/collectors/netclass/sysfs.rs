//! The devices as files below `/sys/class/net`.

use std::num::ParseIntError;
use std::str::FromStr;

use common::error::{CollectError, FirstError, Partial};
use common::filter::Filter;

use super::{Device, NUMBERS, TEXTS};
use crate::host::Host;

const DIRECTORY: &str = "class/net";

/// A number with or without `0x` before it.
#[derive(Debug, PartialEq)]
struct Integer(i64);

impl FromStr for Integer {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let hex = text.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16));
        hex.unwrap_or_else(|| text.parse()).map(Self)
    }
}

/// The devices wanted.
pub(super) fn devices(
    host: &Host,
    wanted: &Filter,
    ignore_invalid_speed: bool,
) -> Result<Partial<Vec<Device>>, CollectError> {
    let names = host
        .list_sys(DIRECTORY)?
        .ok_or_else(|| CollectError::NoData("no network devices in sysfs".into()))?;
    let names = names.into_iter().filter(|name| wanted.accepts(name));
    let mut errors = FirstError::default();
    let devices =
        names.filter_map(|name| read(host, name, ignore_invalid_speed, &mut errors)).collect();
    Ok(errors.beside(devices))
}

/// The device, or `None` if it has gone meanwhile or is none (`bonding_masters` is a file).
///
/// An attribute that cannot be read or parsed costs only itself.
fn read(
    host: &Host,
    name: String,
    ignore_invalid_speed: bool,
    errors: &mut FirstError,
) -> Option<Device> {
    let path = |file: &str| format!("{DIRECTORY}/{name}/{file}");
    let mut administrative_state = "unknown";
    let numbers = NUMBERS.map(|(file, ..)| {
        let Integer(number) = errors.catch(host.number(&path(file)))?;
        if file == "flags" {
            administrative_state = if number & 1 == 1 { "up" } else { "down" };
        }
        (number >= 0 || file != "speed" || !ignore_invalid_speed).then_some(number)
    });
    let texts = TEXTS.map(|file| errors.catch(host.attribute(&path(file))));
    // Every device has a state. Read last, it shows that the device was there all the time.
    let operational_state = errors.catch(host.attribute(&path("operstate")))?;
    Some(Device {
        name,
        operational_state,
        administrative_state: Some(administrative_state),
        texts,
        numbers,
        alternative_names: Vec::new(),
        counters: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_tell_what_they_have() {
        let host = Host::fixture("linux-6.1");
        let read = |name: &str| {
            let mut errors = FirstError::default();
            let device = read(&host, name.into(), true, &mut errors);
            errors.into_result().unwrap();
            device
        };
        let up = read("eth0").unwrap();
        assert_eq!((up.number("speed"), up.number("dev_id")), (Some(1000), Some(32)));
        assert!(up.info().contains(&("adminstate", "up")));
        let down = read("eth2").unwrap();
        assert_eq!((down.number("carrier"), down.number("carrier_changes")), (None, Some(7)));
        assert!(down.info().contains(&("adminstate", "down")));
        assert_eq!(read("tun0").unwrap().number("speed"), None);
        assert!(read("bonding_masters").is_none(), "a file is no device");
        assert!(read("vanished").is_none());
    }

    #[test]
    fn numbers_are_decimal_or_prefixed() {
        assert_eq!("0x1003".parse(), Ok(Integer(4099)));
        assert_eq!("-1".parse(), Ok(Integer(-1)));
        for text in ["", "0x", "x1", "1 2"] {
            assert!(text.parse::<Integer>().is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,30}") {
            let _ = text.parse::<Integer>();
        }
    }
}
