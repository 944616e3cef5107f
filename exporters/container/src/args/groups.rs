//! Groups of families, as `--disable_metrics` and `--enable_metrics` name them.

use std::str::FromStr;

/// Every group of cAdvisor. A name that no collector has is accepted and chooses nothing.
const GROUPS: &[&str] = &[
    "advtcp",
    "app",
    "cpu",
    "cpuLoad",
    "cpu_topology",
    "cpuset",
    "disk",
    "diskIO",
    "hugetlb",
    "memory",
    "memory_numa",
    "network",
    "oom_event",
    "percpu",
    "perf_event",
    "pressure",
    "process",
    "referenced_memory",
    "resctrl",
    "sched",
    "tcp",
    "udp",
];

/// Default of `--disable_metrics`.
pub(super) const OFF_BY_DEFAULT: &str = "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,referenced_memory,resctrl,sched,tcp,udp";

/// True if `name` is a group that can be switched; what is in none is always exposed.
pub fn is_group(name: &str) -> bool {
    GROUPS.contains(&name)
}

/// A set of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Vec<&'static str>);

impl Groups {
    /// True if `group` is one of them.
    pub fn contains(&self, group: &str) -> bool {
        self.0.contains(&group)
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Groups {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let find = |word: &str| {
            let known = GROUPS.iter().copied().find(|group| *group == word);
            known.ok_or_else(|| format!("no group {word:?}; known are {}", GROUPS.join(", ")))
        };
        text.split(',').map(find).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        let groups: Groups = "cpu,diskIO".parse().unwrap();
        assert!(groups.contains("diskIO") && !groups.contains("disk"));
        assert_eq!("".parse(), Ok(Groups::default()));
        for text in ["diskio", "cpu, memory", "accelerator", "cpu,"] {
            assert!(text.parse::<Groups>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_names_known_groups() {
        let off: Groups = OFF_BY_DEFAULT.parse().unwrap();
        assert!(off.contains("udp") && !off.contains("percpu"));
    }
}
