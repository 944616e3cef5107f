//! Names of vendors, devices and classes: the file pci.ids, whose format its head describes.

use std::collections::HashMap;
use std::path::Path;

use crate::readers::attributes::Texts;

/// Where distributions put the file.
const FILES: [&str; 2] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/// Names by number: `8086` vendor, `8086:1234` device, `8086:1234:1028:0001` subsystem;
/// `C01`, `C0106`, `C010601` class, subclass and interface.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Reads `file`, or the first of the usual ones. Without a file, numbers are shown instead of names.
    pub(super) fn load(file: Option<&Path>) -> Self {
        let candidates: Vec<&Path> =
            file.map_or_else(|| FILES.iter().map(Path::new).collect(), |file| vec![file]);
        let content = candidates.iter().find_map(|path| std::fs::read(path).ok());
        if content.is_none() {
            tracing::warn!(
                ?candidates,
                "no pci.ids file can be read: PCI devices are shown with numbers instead of names"
            );
        }
        parse(&String::from_utf8_lossy(&content.unwrap_or_default()))
    }

    /// Adds the names that belong to the numbers in `texts`.
    pub(super) fn add_to(&self, texts: &mut Texts) {
        let number = |label: &str| {
            let text = texts.iter().find(|(name, _)| *name == label);
            text.map_or("", |(_, text)| text.strip_prefix("0x").unwrap_or(text)).to_owned()
        };
        let (vendor, device) = (number("vendor_id"), number("device_id"));
        let (subsystem_vendor, subsystem) =
            (number("subsystem_vendor_id"), number("subsystem_device_id"));
        let device_key = format!("{vendor}:{device}");
        let subsystem_key = format!("{device_key}:{subsystem_vendor}:{subsystem}");
        let class = self.class(&number("class_id"));
        texts.extend([
            ("class_name", class),
            ("device_name", self.name(&device_key, &device)),
            ("subsystem_device_name", self.name(&subsystem_key, &subsystem)),
            ("subsystem_vendor_name", self.name(&subsystem_vendor, &subsystem_vendor)),
            ("vendor_name", self.name(&vendor, &vendor)),
        ]);
    }

    fn name(&self, key: &str, otherwise: &str) -> String {
        self.0.get(key).map_or(otherwise, String::as_str).to_owned()
    }

    /// The most exact name of a class such as `010601`.
    fn class(&self, number: &str) -> String {
        let mut lengths = [6, 4, 2].into_iter().filter_map(|length| number.get(..length));
        let name = lengths.find_map(|number| self.0.get(&format!("C{number}")));
        name.cloned().unwrap_or_else(|| format!("Unknown class ({number})"))
    }
}

/// Lines that are no entry are left out.
fn parse(text: &str) -> Names {
    let mut names = Names::default();
    // Keys of the entries above, outermost first.
    let mut above: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let entry = line.trim_start_matches('\t');
        let depth = line.len() - entry.len();
        let Some((number, name)) = entry.split_once("  ") else { continue };
        above.truncate(depth);
        let key = match above.last() {
            // An entry whose owner is missing belongs to nothing.
            None if depth > 0 => continue,
            None => number.replace(' ', ""),
            Some(_) if above.len() < depth => continue,
            Some(owner) if owner.starts_with('C') => format!("{owner}{number}"),
            Some(owner) => format!("{owner}:{}", number.replace(' ', ":")),
        };
        above.push(key.clone());
        names.0.insert(key, name.trim().to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n\n8086  Intel Corporation\n\t1237  440FX\n\
                        \t\t1af4 1100  Qemu virtual machine\n\t7010  PIIX3\n1af4  Red Hat, Inc.\n\
                        C 01  Mass storage controller\n\t06  SATA controller\n\t\t01  AHCI 1.0\n";

    fn named(ids: [(&'static str, &str); 5]) -> Texts {
        let mut texts: Texts = ids.map(|(label, id)| (label, id.to_owned())).into();
        parse(TEXT).add_to(&mut texts);
        texts.split_off(ids.len())
    }

    #[test]
    fn names_are_found_by_numbers() {
        let names = named([
            ("vendor_id", "0x8086"),
            ("device_id", "0x1237"),
            ("subsystem_vendor_id", "0x1af4"),
            ("subsystem_device_id", "0x1100"),
            ("class_id", "0x010601"),
        ]);
        let names: Vec<&str> = names.iter().map(|(_, name)| &**name).collect();
        let expected =
            ["AHCI 1.0", "440FX", "Qemu virtual machine", "Red Hat, Inc.", "Intel Corporation"];
        assert_eq!(names, expected);
    }

    #[test]
    fn unknown_numbers_stand_for_themselves() {
        let names = named([
            ("vendor_id", "0xffff"),
            ("device_id", "0x1237"),
            ("subsystem_vendor_id", ""),
            ("subsystem_device_id", ""),
            ("class_id", "0x0106ff"),
        ]);
        let names: Vec<&str> = names.iter().map(|(_, name)| &**name).collect();
        assert_eq!(names, ["SATA controller", "1237", "", "", "ffff"]);
        assert_eq!(parse(TEXT).class("020000"), "Unknown class (020000)");
        assert_eq!(parse(TEXT).class("é"), "Unknown class (é)");
    }

    #[test]
    fn entries_without_an_owner_are_left_out() {
        assert!(parse("\t1237  440FX\n\t\t1af4 1100  Qemu\n").0.is_empty());
        assert_eq!(parse("8086  Intel\n\t\t1af4 1100  Qemu\n").0.len(), 1);
        assert!(parse("8086 Intel\n").0.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "([\t\n C0-9a-f]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
