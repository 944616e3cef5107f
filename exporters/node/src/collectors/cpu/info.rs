//! Model, flags, bugs and frequency of CPUs: `/proc/cpuinfo`, proc_cpuinfo(5).
//!
//! Parsed here because the procfs crate panics on an empty file.

use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::filter::Filter;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::CPU_FREQUENCY;

const INFO: Desc<'_> =
    Desc::gauge("node_cpu_info", "Information about each CPU from /proc/cpuinfo; always 1.");
const FLAG: Desc<'_> =
    Desc::gauge("node_cpu_flag_info", "Chosen flags of the first CPU; always 1.");
const BUG: Desc<'_> = Desc::gauge("node_cpu_bug_info", "Chosen bugs of the first CPU; always 1.");

/// Label of [`INFO`] and the key of its value.
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

/// What to expose besides the model.
#[derive(Debug)]
pub(super) struct Choice {
    /// Flags; none without a filter.
    pub(super) flags: Option<Filter>,
    /// Bugs; none without a filter.
    pub(super) bugs: Option<Filter>,
    pub(super) has_frequency: bool,
}

pub(super) fn push(choice: &Choice, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let text = host.proc("cpuinfo")?;
    let cpus = text.parse(parse)?;
    let samples = cpus.iter().map(|cpu| (LABELS.map(|(label, key)| (label, value(cpu, key))), 1.0));
    sink.samples(&INFO, samples);
    if let Some(first) = cpus.first() {
        push_words("flags", first, (&FLAG, "flag"), choice.flags.as_ref(), sink);
        push_words("bugs", first, (&BUG, "bug"), choice.bugs.as_ref(), sink);
    }
    if !choice.has_frequency {
        return Ok(());
    }
    let mut errors = FirstError::default();
    let samples = cpus.iter().filter_map(|cpu| {
        let hertz = errors.catch(frequency(cpu))?;
        let labels = [("core", "core id"), ("cpu", "processor"), ("package", "physical id")];
        Some((labels.map(|(label, key)| (label, value(cpu, key))), hertz))
    });
    sink.samples(&CPU_FREQUENCY, samples);
    errors.into_result().map_err(|error| text.blame(error))
}

/// Pushes those words of a CPU's line that the filter accepts, each in a label.
fn push_words(
    key: &str,
    cpu: &Block<'_>,
    (desc, label): (&Desc<'_>, &str),
    filter: Option<&Filter>,
    sink: &mut Sink,
) {
    let Some(filter) = filter else { return };
    let samples = value(cpu, key)
        .split_ascii_whitespace()
        .filter(|word| filter.accepts(word))
        .map(|word| ([(label, word)], 1.0));
    sink.samples(desc, samples);
}

/// The frequency of a CPU in hertz; `None` where the architecture does not show it here.
fn frequency(cpu: &Block<'_>) -> Result<Option<f64>, ParseError> {
    let Some((_, megahertz)) = cpu.iter().find(|(key, _)| *key == "cpu MHz") else {
        return Ok(None);
    };
    let megahertz: f64 = parse_number("cpu MHz", Some(megahertz))?;
    Ok(Some(megahertz * 1e6))
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
    use common::testing;

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
    fn frequencies_are_hertz_or_absent() {
        let cpus = parse("processor: 0\ncpu MHz\t\t: 2194.918\n\nprocessor: 1\n").unwrap();
        assert_eq!(frequency(&cpus[0]), Ok(Some(2_194_918_000.0)));
        assert_eq!(frequency(&cpus[1]), Ok(None));
        assert!(frequency(&vec![("cpu MHz", "fast")]).is_err());
    }

    fn exposed(has_frequency: bool) -> String {
        let choice = Choice { flags: None, bugs: None, has_frequency };
        let host = Host::fixture("linux-6.1");
        testing::exposed(|sink| push(&choice, &host, sink).unwrap())
    }

    #[test]
    fn frequencies_are_exposed_if_wanted() {
        let sample = "node_cpu_frequency_hertz{core=\"1\",cpu=\"1\",package=\"0\"} 2700000000\n";
        assert!(exposed(true).contains(sample), "{}", exposed(true));
        assert!(!exposed(false).contains("node_cpu_frequency_hertz"));
    }

    #[test]
    fn content_without_a_processor_is_an_error() {
        for text in ["", "\n\n", "Hardware : board\n", "\0\u{fffd}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(processor: 0\n|cpu MHz: [0-9.]{0,9}\n|\\PC{0,20}\n){0,6}") {
            for cpu in parse(&text).unwrap_or_default() {
                let _ = frequency(&cpu);
            }
        }
    }
}
