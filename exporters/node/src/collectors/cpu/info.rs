//! Model, flags and bugs of CPUs: `/proc/cpuinfo`, proc_cpuinfo(5).
//!
//! Parsed here because the procfs crate panics on an empty file.

use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::filter::Filter;
use common::metric::Desc;

use crate::host::Host;

const INFO: Desc<'_> =
    Desc::gauge("node_cpu_info", "What /proc/cpuinfo tells of each CPU; always 1.");
const FLAG: Desc<'_> =
    Desc::gauge("node_cpu_flag_info", "Chosen flags of the first CPU; always 1.");
const BUG: Desc<'_> = Desc::gauge("node_cpu_bug_info", "Chosen bugs of the first CPU; always 1.");

/// Label of [`INFO`] and the key that its value stands under.
const LABELS: [(&str, &str); 10] = [
    ("cachesize", "cache size"),
    ("core", "core id"),
    ("cpu", "processor"),
    ("family", "cpu family"),
    ("microcode", "microcode"),
    ("model", "model"),
    ("model_name", "model name"),
    ("package", "physical id"),
    ("stepping", "stepping"),
    ("vendor", "vendor_id"),
];

/// Flags and bugs to expose; none without a filter.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) flags: Option<Filter>,
    pub(super) bugs: Option<Filter>,
}

pub(super) fn push(choice: &Choice, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let text = host.read_proc("cpuinfo")?;
    let cpus = parse(&text).map_err(|error| host.malformed_proc("cpuinfo", error))?;
    let mut family = sink.family(&INFO);
    for cpu in &cpus {
        family.sample(&LABELS.map(|(label, key)| (label, value(cpu, key))), 1.0);
    }
    drop(family);
    let Some(first) = cpus.first() else { return Ok(()) };
    for (desc, label, key, filter) in
        [(&FLAG, "flag", "flags", &choice.flags), (&BUG, "bug", "bugs", &choice.bugs)]
    {
        let Some(filter) = filter else { continue };
        let mut family = sink.family(desc);
        let words = value(first, key).split_ascii_whitespace();
        for word in words.filter(|word| filter.accepts(word)) {
            family.sample(&[(label, word)], 1.0);
        }
    }
    Ok(())
}

/// Keys and values of one CPU.
type Block<'a> = Vec<(&'a str, &'a str)>;

fn value<'a>(cpu: &Block<'a>, key: &str) -> &'a str {
    cpu.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}

/// One block per CPU, parted by empty lines; blocks that describe no CPU are left out.
fn parse(text: &str) -> Result<Vec<Block<'_>>, ParseError> {
    let blocks: Vec<Block<'_>> = text
        .split("\n\n")
        .map(|block| {
            let lines = block.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(key, value)| (key.trim(), value.trim())).collect::<Block<'_>>()
        })
        .filter(|block| block.iter().any(|(key, _)| *key == "processor"))
        .collect();
    if blocks.is_empty() { Err(ParseError::Missing { field: "processor" }) } else { Ok(blocks) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_processor_is_a_block() {
        let text = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu aes\n\n\
                    processor\t: 1\nmodel name\t: A: B\n\nHardware : board\n";
        let cpus = parse(text).unwrap();
        assert_eq!(cpus.len(), 2);
        assert_eq!(value(&cpus[0], "flags"), "fpu aes");
        assert_eq!(value(&cpus[1], "model name"), "A: B");
        assert_eq!(value(&cpus[1], "vendor_id"), "");
    }

    #[test]
    fn content_without_a_processor_is_an_error() {
        for text in ["", "\n\n", "Hardware : board\n", "\0\u{fffd}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
