//! Devices of sysfs that show each value in a file of its own, Documentation/ABI of the kernel:
//! a table names the files, their families and units.

mod number;
mod table;
mod texts;

use common::error::{CollectError, FirstError, ParseError, Partial};

use crate::host::Host;
pub(crate) use number::{leading_number, number_after};
pub(crate) use table::{Table, line, read};
pub(crate) use texts::{Texts, present_texts, push_info, texts};

/// Room for the names of files, few of which are longer.
const LONGEST_FILE: usize = 32;

/// The paths of a device's files, one after the other in the same memory.
#[derive(Debug)]
pub(crate) struct Paths {
    path: String,
    prefix: usize,
}

impl Paths {
    /// The paths that start with `prefix`.
    pub(crate) fn new(prefix: &str) -> Self {
        let mut path = String::with_capacity(prefix.len() + LONGEST_FILE);
        path.push_str(prefix);
        Self { path, prefix: prefix.len() }
    }

    /// That of a file.
    pub(crate) fn of(&mut self, file: &str) -> &str {
        self.path.truncate(self.prefix);
        self.path.push_str(file);
        &self.path
    }
}

/// The names in a directory of devices.
///
/// # Errors
/// [`CollectError::NoData`] if there is no such directory.
pub(crate) fn devices(host: &Host, directory: &str) -> Result<Vec<String>, CollectError> {
    let names = host.list_sys(directory)?;
    names.ok_or_else(|| {
        // Most classes are absent on most hosts: `display` takes twice the time.
        CollectError::NoData(format!("no {}", host.sys_path(directory).to_string_lossy()))
    })
}

/// What `parse` makes of a device's attribute; its complaint goes to `errors`. `None` if the device
/// does not show the attribute.
pub(crate) fn parsed_in_part<T>(
    host: &Host,
    path: &str,
    parse: impl FnOnce(&str) -> Partial<T, ParseError>,
    errors: &mut FirstError,
) -> Option<T> {
    let text = errors.catch(host.attribute(path))?;
    Some(errors.take(parse(&text).map_error(|error| host.malformed_sys(path, error))))
}

#[cfg(test)]
mod tests {
    use super::devices;
    use crate::host::{Host, Paths};

    /// A host with the devices of `files`, which are paths and contents; to be removed at the end.
    pub(super) fn host(name: &str, files: &[(&str, &str)]) -> Host {
        let root = std::env::temp_dir().join(format!("attributes-{name}-{}", std::process::id()));
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let host = Host::open(&Paths {
            procfs: root.clone(),
            sysfs: root.clone(),
            rootfs: root.clone(),
            udev_data: root,
        });
        host.unwrap()
    }

    pub(super) fn remove(host: &Host) {
        std::fs::remove_dir_all(host.sys_path("")).unwrap();
    }

    #[test]
    fn a_directory_that_is_not_there_means_no_data() {
        let host = host("devices", &[("class/b/size", ""), ("class/a/size", "")]);
        assert_eq!(devices(&host, "class").unwrap(), ["a", "b"]);
        assert!(devices(&host, "none").unwrap_err().is_no_data());
        remove(&host);
    }
}
