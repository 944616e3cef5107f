//! Groups of families, as `--disable_metrics` and `--enable_metrics` name them.

use clap::{Arg, ArgMatches, Command};
use common::collector::Entry;

const DISABLE: &str = "disable_metrics";
const ENABLE: &str = "enable_metrics";

/// A group and what it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    summary: &'static str,
    is_on: bool,
}

impl Group {
    const fn on(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, is_on: true }
    }

    const fn off(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, is_on: false }
    }

    /// The group of a collector.
    pub(super) const fn of<Source: ?Sized>(entry: &Entry<Source>) -> Self {
        Self { name: entry.name, summary: entry.summary, is_on: entry.enabled_by_default }
    }
}

/// Groups without a collector of their name: parts of other collectors, and what cAdvisor
/// has and this exporter has not.
pub(super) const OTHERS: &[Group] = &[
    Group::on("app", "accepted for cAdvisor's sake, nothing here"),
    Group::off("cpu_topology", "caches, cores, memory and distances of the host's nodes"),
    Group::on("percpu", "CPU time by CPU on cgroup v1, with the group cpu"),
    Group::on("perf_event", "accepted for cAdvisor's sake, nothing here"),
    Group::off("resctrl", "accepted for cAdvisor's sake, nothing here"),
];

/// A set of names of groups.
type Names = Vec<String>;

/// Adds the two flags, which know `groups`, and a list of these to the help.
pub(super) fn add_flags(command: Command, groups: &[Group]) -> Command {
    let off: Vec<&str> =
        groups.iter().filter(|group| !group.is_on).map(|group| group.name).collect();
    let known: Vec<&'static str> = groups.iter().map(|group| group.name).collect();
    let flag = |name: &'static str| {
        let known = known.clone();
        Arg::new(name)
            .long(name)
            .value_name("GROUPS")
            .value_parser(move |text: &str| parse(text, &known))
            .help_heading("Metrics")
    };
    command
        .arg(flag(DISABLE).default_value(off.join(",")).hide_default_value(true).help(
            "Groups to leave out, separated by commas; the list replaces the default, which \
             leaves out those that are off in the list of groups below",
        ))
        .arg(
            flag(ENABLE)
                .default_value("")
                .help("Groups to expose and no others; beats --disable_metrics unless empty"),
        )
}

/// Leaves out by default what [`add_flags`] does, but not `group`.
pub(super) fn include(command: Command, groups: &[Group], group: &str) -> Command {
    let off = groups.iter().filter(|other| !other.is_on && other.name != group);
    let off: Vec<&str> = off.map(|group| group.name).collect();
    command.mut_arg(DISABLE, |flag| flag.default_value(off.join(",")))
}

/// The groups with what each shows, as lines for the help.
pub(super) fn list(groups: &[Group]) -> String {
    let width = groups.iter().map(|group| group.name.len()).max().unwrap_or_default();
    let line = |group: &Group| {
        let default = if group.is_on { "" } else { " (off by default)" };
        format!("\n  {:width$}  {}{default}", group.name, group.summary)
    };
    groups.iter().map(line).collect()
}

/// True if `matches` asks for the families of `group`.
pub(super) fn includes(matches: &ArgMatches, group: &str) -> bool {
    let contains = |flag: &str| {
        let names = matches.get_one::<Names>(flag);
        names.is_some_and(|names| names.iter().any(|name| name == group))
    };
    let is_empty = matches.get_one::<Names>(ENABLE).is_none_or(Vec::is_empty);
    if is_empty { !contains(DISABLE) } else { contains(ENABLE) }
}

/// Names between commas, each as it is in `known`; an empty text has none.
fn parse(text: &str, known: &[&str]) -> Result<Names, String> {
    if text.is_empty() {
        return Ok(Names::new());
    }
    let check = |word: &str| {
        let is_known = known.contains(&word);
        is_known
            .then(|| word.to_owned())
            .ok_or_else(|| format!("no group {word:?}; known are {}", known.join(", ")))
    };
    text.split(',').map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &[Group] =
        &[Group::on("cpu", "CPU time"), Group::on("diskIO", "I/O"), Group::off("udp", "sockets")];

    fn chosen(arguments: &[&str]) -> Vec<&'static str> {
        let command = add_flags(Command::new("test"), GROUPS);
        let matches = command.get_matches_from(["test"].iter().chain(arguments));
        let names = GROUPS.iter().map(|group| group.name);
        names.filter(|group| includes(&matches, group)).collect()
    }

    #[test]
    fn a_list_replaces_the_default_and_the_enabled_ones_beat_the_disabled() {
        assert_eq!(chosen(&[]), ["cpu", "diskIO"]);
        assert_eq!(chosen(&["--disable_metrics=cpu"]), ["diskIO", "udp"]);
        assert_eq!(chosen(&["--disable_metrics="]), ["cpu", "diskIO", "udp"]);
        assert_eq!(chosen(&["--disable_metrics=cpu", "--enable_metrics=cpu,udp"]), ["cpu", "udp"]);
    }

    #[test]
    fn names_are_exact() {
        let known = ["cpu", "diskIO", "memory"];
        assert_eq!(parse("cpu,diskIO", &known), Ok(vec!["cpu".to_owned(), "diskIO".to_owned()]));
        assert_eq!(parse("", &known), Ok(Vec::new()));
        for text in ["diskio", "cpu, memory", "accelerator", "cpu,"] {
            assert!(parse(text, &known).is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_says_what_is_off() {
        assert_eq!(
            list(GROUPS),
            "\n  cpu     CPU time\n  diskIO  I/O\n  udp     sockets (off by default)"
        );
    }
}
