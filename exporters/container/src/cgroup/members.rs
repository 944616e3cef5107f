//! Who is in a cgroup: the lists of its processes and threads.
//!
//! The kernel numbers them for the process namespace of the exporter. Where that
//! is not the host's, v1 leaves out and v2 shows as 0 what cannot be seen from
//! there, and the number of what can be seen is another process's on the host.

use common::error::{ParseError, parse_number};

use super::{Controller, Files, Version};
use crate::inventory::Cgroup;

/// Stands for a process that cannot be seen from the exporter's process namespace.
pub(crate) const UNSEEN: u32 = 0;

impl Files<'_> {
    /// Ids of the processes in the cgroup itself, without those in cgroups below it.
    pub fn processes(&mut self, cgroup: &Cgroup) -> Option<Vec<u32>> {
        self.members(cgroup, "cgroup.procs")
    }

    /// Ids of the threads in the cgroup itself.
    pub fn threads(&mut self, cgroup: &Cgroup) -> Option<Vec<u32>> {
        let name = match self.version() {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        };
        self.members(cgroup, name)
    }

    fn members(&mut self, cgroup: &Cgroup, name: &str) -> Option<Vec<u32>> {
        let ids = self.parse(cgroup, Controller::Cpu, name, parse_ids)?;
        match self.version() {
            _ if !self.host().numbers_differ() => Some(ids),
            Version::V1 => None,
            Version::V2 => Some(vec![UNSEEN; ids.len()]),
        }
    }
}

/// One number a line.
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
