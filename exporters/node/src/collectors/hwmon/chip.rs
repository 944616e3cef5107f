//! How chips are named.

use std::path::Path;

use common::error::FirstError;

use super::DIRECTORY;
use crate::host::Host;

/// What a chip is known by.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// `hwmon0`; another after each boot.
    pub(super) entry: String,
    /// From the place of the device, cleaned; may be shared by chips.
    base: String,
    /// From the driver, cleaned; empty if it gives none.
    pub(super) name: String,
}

pub(super) fn read(host: &Host, entry: String, errors: &mut FirstError) -> Names {
    let name = errors.catch(host.attribute(&format!("{DIRECTORY}/{entry}/name")));
    let name = clean(&name.unwrap_or_default());
    let device = errors.catch(host.resolve_sys(&format!("{DIRECTORY}/{entry}/device")));
    let place = device.map(|device| clean_place(&device)).unwrap_or_default();
    let base = [place, name.clone(), entry.clone()];
    let base = base.into_iter().find(|base| !base.is_empty()).unwrap_or_default();
    Names { entry, base, name }
}

/// Bus and device of `/sys/devices/platform/coretemp.0`: `platform_coretemp_0`.
fn clean_place(device: &Path) -> String {
    let clean_name = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        clean(&name.to_string_lossy())
    };
    let (bus, name) = (clean_name(device.parent()), clean_name(Some(device)));
    if bus.is_empty() || name.is_empty() { name } else { format!("{bus}_{name}") }
}

/// The labels of `chips`: chips with the same base are distinguished by their names, or else by
/// their entries.
pub(super) fn labels(chips: &[Names]) -> Vec<String> {
    let label = |chip: &Names| {
        let namesakes: Vec<&Names> = chips.iter().filter(|other| other.base == chip.base).collect();
        let has_own_name = !chip.name.is_empty()
            && namesakes.iter().filter(|other| other.name == chip.name).count() == 1;
        match (namesakes.len(), has_own_name) {
            (1, _) => chip.base.clone(),
            (_, true) => format!("{}_{}", chip.base, chip.name),
            (_, false) => format!("{}_{}", chip.base, chip.entry),
        }
    };
    chips.iter().map(label).collect()
}

/// `text` with nothing but what a metric name may hold, in lower case.
pub(super) fn clean(text: &str) -> String {
    let legal = |c: char| {
        let c = c.to_ascii_lowercase();
        if matches!(c, 'a'..='z' | '0'..='9' | ':') { c } else { '_' }
    };
    text.chars().map(legal).collect::<String>().trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entry: &str, base: &str, name: &str) -> Names {
        Names { entry: entry.into(), base: base.into(), name: name.into() }
    }

    #[test]
    fn places_are_cleaned() {
        let place = |path: &str| clean_place(Path::new(path));
        assert_eq!(place("/sys/devices/platform/coretemp.0"), "platform_coretemp_0");
        assert_eq!(place("/sys/devices/pci0000:00/0000:00:18.3"), "pci0000:00_0000:00:18_3");
        assert_eq!(place("/coretemp"), "coretemp");
        assert_eq!(place("/"), "");
        assert_eq!(clean("_Tctl (°C)_"), "tctl___c");
    }

    #[test]
    fn chips_at_the_same_place_are_told_apart() {
        let chips = [
            names("hwmon0", "platform_a", "a"),
            names("hwmon1", "ieee80211_phy0", "phy"),
            names("hwmon2", "ieee80211_phy0", "radio"),
            names("hwmon3", "soc", "x"),
            names("hwmon4", "soc", "x"),
            names("hwmon5", "soc", ""),
        ];
        let expected = [
            "platform_a",
            "ieee80211_phy0_phy",
            "ieee80211_phy0_radio",
            "soc_hwmon3",
            "soc_hwmon4",
            "soc_hwmon5",
        ];
        assert_eq!(labels(&chips), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cleaned(text in "\\PC{0,40}") {
            let is_legal =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_');
            proptest::prop_assert!(clean(&text).chars().all(is_legal));
        }
    }
}
