//! Names of NVMe devices in `/sys/class/nvme` and `/sys/class/nvme-subsystem`.

use super::attributes::number_after;

/// `2` of `nvme0n2`; nothing for `nvme0c1n2`, one of several ways to a namespace.
pub(crate) fn namespace_number(entry: &str) -> Option<&str> {
    let (controller, _) = entry.rsplit_once('n')?;
    number_after(controller, "nvme")?;
    number_after(entry, &format!("{controller}n"))
}

#[cfg(test)]
mod tests {
    use super::namespace_number;

    #[test]
    fn namespaces_are_told_from_paths_and_attributes() {
        assert_eq!(namespace_number("nvme0n2"), Some("2"));
        assert_eq!(namespace_number("nvme10n11"), Some("11"));
        for entry in ["nvme0", "nvme0c1n2", "nvme0n1p1", "ng0n1", "nvmen1", "nvme0n", "n", ""] {
            assert_eq!(namespace_number(entry), None, "{entry:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_parsed_or_refused(name in "(nvme)?\\PC{0,20}") {
            let _ = namespace_number(&name);
        }
    }
}
