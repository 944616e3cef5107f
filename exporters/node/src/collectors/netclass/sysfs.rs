//! The devices as files below `/sys/class/net`.

use common::error::{CollectError, FirstError, Partial};
use common::filter::Filter;

use super::{Device, NUMBERS, TEXTS};
use crate::host::Host;
use crate::readers::attributes::Paths;

const DIRECTORY: &str = "class/net";

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
    let mut paths = Paths::new(&format!("{DIRECTORY}/{name}/"));
    let mut administrative_state = "unknown";
    let numbers = NUMBERS.map(|column| {
        let number = host.parsed(paths.of(column.key), |text| column.value(text));
        let number = errors.catch(number).flatten()?;
        match column.key {
            // The lowest bit: IFF_UP of netdevice(7).
            "flags" => administrative_state = if number % 2.0 == 0.0 { "down" } else { "up" },
            "speed" if number < 0.0 && ignore_invalid_speed => return None,
            _ => {}
        }
        Some(number)
    });
    let texts = TEXTS.map(|file| errors.catch(host.attribute(paths.of(file))));
    // Every device has a state. Read last, it shows that the device was there all the time.
    let operational_state = errors.catch(host.attribute(paths.of("operstate")))?;
    Some(Device {
        name,
        operational_state,
        administrative_state: Some(administrative_state),
        texts,
        numbers,
        alternative_names: Vec::new(),
        stats: None,
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
        assert_eq!((up.number("speed"), up.number("dev_id")), (Some(125e6), Some(32.0)));
        assert!(up.info().contains(&("adminstate", "up")));
        let down = read("eth2").unwrap();
        assert_eq!((down.number("carrier"), down.number("carrier_changes")), (None, Some(7.0)));
        assert!(down.info().contains(&("adminstate", "down")));
        assert_eq!(read("tun0").unwrap().number("speed"), None);
        assert!(read("bonding_masters").is_none(), "a file is no device");
        assert!(read("vanished").is_none());
    }
}
