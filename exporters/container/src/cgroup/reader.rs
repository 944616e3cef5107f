//! Reads the files of a cgroup, and those of processes.

use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::kernel::Root;

use super::files::parse_value;
use super::hierarchies::{Controller, Found, Hierarchies, Version};
use super::walk::relative;
use crate::file;
use crate::host::Host;

/// Stands for a process that cannot be seen from the exporter's process namespace.
pub(crate) const UNSEEN: u32 = 0;

/// Reads the files of one cgroup after the other into the same memory.
///
/// A file that cannot be read or is malformed costs its own values; the first
/// error is kept for [`Self::into_errors`].
#[derive(Debug)]
pub struct CgroupReader<'a> {
    hierarchies: &'a Hierarchies,
    host: &'a Host,
    /// Bit n is set if the cgroup is in the nth hierarchy, or may be.
    roots: u8,
    /// Path of the file that was read last, below its hierarchy.
    path: String,
    /// Length of the cgroup's own part of it, with the slash at its end.
    folder_length: usize,
    content: Vec<u8>,
    errors: FirstError,
}

impl<'a> CgroupReader<'a> {
    /// A reader of files in `hierarchies` and below the proc root of `host`; it is in no
    /// cgroup before [`Self::move_to`].
    pub fn new(hierarchies: &'a Hierarchies, host: &'a Host) -> Self {
        Self {
            hierarchies,
            host,
            roots: 0,
            path: String::new(),
            folder_length: 0,
            content: Vec::new(),
            errors: FirstError::default(),
        }
    }

    /// Goes on with the cgroup at `id`, which was found as `found`.
    pub fn move_to(&mut self, id: &str, found: Found) {
        self.roots = found.roots;
        self.path.clear();
        self.path.push_str(relative(id));
        self.path.push('/');
        self.folder_length = self.path.len();
    }

    /// What was wrong first, with the full path.
    pub fn into_errors(self) -> FirstError {
        self.errors
    }

    /// The version of the interface.
    pub fn version(&self) -> Version {
        self.hierarchies.version()
    }

    /// Reads and parses a file of the cgroup; `None` if this cgroup or kernel has no such
    /// file, if the cgroup is gone, or if the file is malformed.
    pub fn parse<T>(
        &mut self,
        controller: Controller,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let root = self.enter(controller, name)?;
        let read = file::parse(root, &self.path, &mut self.content, parse);
        self.keep(read)
    }

    /// Reads and parses a file of rows; a malformed row costs itself alone. `None` if there is
    /// no such file.
    pub fn parse_rows<T>(
        &mut self,
        controller: Controller,
        name: &str,
        parse: impl FnOnce(&str) -> Partial<T, ParseError>,
    ) -> Option<T> {
        let root = self.enter(controller, name)?;
        let read = file::parse_rows(root, &self.path, &mut self.content, parse);
        self.errors.take(read)
    }

    /// Reads a file that holds one number.
    pub fn value(&mut self, controller: Controller, name: &str) -> Option<f64> {
        self.parse(controller, name, parse_value)
    }

    /// Reads and parses a file below the proc root; `None` as for [`Self::parse`].
    pub fn proc<T>(
        &mut self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let read = file::parse(self.host.proc(), path, &mut self.content, parse);
        self.keep(read)
    }

    /// Reads and parses a file of rows below the proc root, as [`Self::parse_rows`].
    pub fn proc_rows<T>(
        &mut self,
        path: &str,
        parse: impl FnOnce(&str) -> Partial<T, ParseError>,
    ) -> Option<T> {
        let read = file::parse_rows(self.host.proc(), path, &mut self.content, parse);
        self.errors.take(read)
    }

    /// What was read in another way; its error counts as that of a file.
    pub fn keep<T: Default>(&mut self, read: Result<T, CollectError>) -> T {
        self.errors.note(read).unwrap_or_default()
    }

    /// Ids of the processes in the cgroup itself, without those in cgroups below it.
    pub fn processes(&mut self) -> Option<Vec<u32>> {
        self.members("cgroup.procs")
    }

    /// Ids of the threads in the cgroup itself.
    pub fn threads(&mut self) -> Option<Vec<u32>> {
        let name = match self.version() {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        };
        self.members(name)
    }

    /// Completes the path of the cgroup's file `name`; the root that it is below, or `None` if
    /// the cgroup is not in the hierarchy of `controller`.
    fn enter(&mut self, controller: Controller, name: &str) -> Option<&'a Root> {
        let index = self.hierarchies.index_of(controller)?;
        if self.roots & (1 << index) == 0 {
            return None;
        }
        self.path.truncate(self.folder_length);
        self.path.push_str(name);
        self.hierarchies.roots.get(index)
    }

    /// The kernel numbers members for the process namespace of the exporter. Where that is not
    /// the host's, v1 leaves out and v2 shows as 0 what cannot be seen from there, and the
    /// number of what can be seen is another process's on the host.
    fn members(&mut self, name: &str) -> Option<Vec<u32>> {
        let ids = self.parse(Controller::Cpu, name, parse_ids)?;
        match self.version() {
            _ if !self.host.numbers_differ() => Some(ids),
            Version::V1 => None,
            Version::V2 => Some(vec![UNSEEN; ids.len()]),
        }
    }
}

/// One number a line. All of them or none: sums without some would be wrong.
fn parse_ids(text: &str) -> Result<Vec<u32>, ParseError> {
    text.lines().map(|line| parse_number("id", Some(line.trim()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn ids_are_read() {
        assert_eq!(parse_ids("1\n3456\n0\n"), Ok(vec![1, 3456, UNSEEN]));
        assert_eq!(parse_ids(""), Ok(Vec::new()));
        for text in ["x\n", "1\n\n2\n", "-1\n"] {
            assert!(parse_ids(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]*\n)*.*") {
            let _ = parse_ids(&text);
        }
    }
}
