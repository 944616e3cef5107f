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

/// Label of [`INFO`] and the keys that its value may have, by architecture: x86 and arm64 first, then
/// s390x, ppc64le, riscv64, loongarch64 and MIPS.
const LABELS: [(&str, &[&str]); 10] = [
    ("cachesize", &["cache size"]),
    ("core", &["core id", "core", "hart"]),
    ("cpu", &["processor"]),
    ("family", &["cpu family", "CPU Family"]),
    ("microcode", &["microcode"]),
    ("model", &["model"]),
    ("model_name", &["model name", "Model Name", "cpu model", "isa"]),
    ("package", &["physical id", "package"]),
    ("stepping", &["stepping"]),
    ("vendor", &["vendor_id", "cpu"]),
];

/// Keys of the words that a CPU knows: x86, then arm64 and loongarch64, then s390x.
const FLAGS: &[&str] = &["flags", "Features", "features"];

/// Keys of the frequency: x86, s390x, ppc64le, loongarch64.
const FREQUENCIES: &[&str] = &["cpu MHz", "cpu MHz dynamic", "clock", "CPU MHz"];

/// Those of the labels that tell where a CPU is.
const PLACE: [&str; 3] = ["core", "cpu", "package"];

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
    let samples =
        cpus.iter().map(|cpu| (LABELS.map(|(label, keys)| (label, value(cpu, keys))), 1.0));
    sink.samples(&INFO, samples);
    if let Some(first) = cpus.first() {
        push_words(FLAGS, first, (&FLAG, "flag"), choice.flags.as_ref(), sink);
        push_words(&["bugs"], first, (&BUG, "bug"), choice.bugs.as_ref(), sink);
    }
    if !choice.has_frequency {
        return Ok(());
    }
    let mut errors = FirstError::default();
    let samples = cpus.iter().filter_map(|cpu| {
        let hertz = errors.catch(frequency(cpu))?;
        let labels = LABELS.iter().filter(|(label, _)| PLACE.contains(label));
        Some((labels.map(|(label, keys)| (*label, value(cpu, keys))).collect::<Vec<_>>(), hertz))
    });
    sink.samples(&CPU_FREQUENCY, samples);
    errors.into_result().map_err(|error| text.blame(error))
}

/// Pushes those words of a CPU's line that the filter accepts, each in a label.
fn push_words(
    keys: &[&str],
    cpu: &Block<'_>,
    (desc, label): (&Desc<'_>, &str),
    filter: Option<&Filter>,
    sink: &mut Sink,
) {
    let Some(filter) = filter else { return };
    let samples = value(cpu, keys)
        .split_ascii_whitespace()
        .filter(|word| filter.accepts(word))
        .map(|word| ([(label, word)], 1.0));
    sink.samples(desc, samples);
}

/// The frequency of a CPU in hertz; `None` where the architecture does not show it here.
fn frequency(cpu: &Block<'_>) -> Result<Option<f64>, ParseError> {
    let Some((_, megahertz)) = cpu.iter().find(|(key, _)| FREQUENCIES.contains(key)) else {
        return Ok(None);
    };
    let megahertz = megahertz.strip_suffix("MHz").unwrap_or(megahertz);
    let megahertz: f64 = parse_number("frequency", Some(megahertz))?;
    Ok(Some(megahertz * 1e6))
}

/// Keys and values of one CPU.
type Block<'a> = Vec<(&'a str, &'a str)>;

/// The value of the first of `keys` that a CPU has.
fn value<'a>(cpu: &Block<'a>, keys: &[&str]) -> &'a str {
    let found = keys.iter().find_map(|key| cpu.iter().find(|(name, _)| name == key));
    found.map_or("", |(_, value)| value)
}

/// One block per CPU, parted by empty lines; blocks that describe no CPU are left out.
fn parse(text: &str) -> Result<Vec<Block<'_>>, ParseError> {
    let blocks: Vec<Block<'_>> = text
        .split("\n\n")
        .map(|block| {
            let lines = block.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(key, value)| (key.trim(), value.trim())).collect::<Block<'_>>()
        })
        .collect();
    let is_cpu = |block: &&Block<'_>| block.iter().any(|(key, _)| *key == "processor");
    let cpus: Vec<Block<'_>> = blocks.iter().filter(is_cpu).cloned().collect();
    let cpus = if cpus.is_empty() { without_blocks(&blocks) } else { with_common(cpus, &blocks) };
    if cpus.is_empty() { Err(ParseError::Missing { field: "processor" }) } else { Ok(cpus) }
}

/// Adds what older ARM kernels say once for all CPUs: the name in front of them, as `Processor`, and
/// the features behind them.
fn with_common<'a>(mut cpus: Vec<Block<'a>>, blocks: &[Block<'a>]) -> Vec<Block<'a>> {
    let all = || blocks.iter().flatten();
    let name = all().find(|(key, _)| *key == "Processor").map(|(_, name)| ("model name", *name));
    let features = all().find(|(key, _)| *key == "Features").copied();
    for cpu in &mut cpus {
        cpu.extend(name);
        cpu.extend(features);
    }
    cpus
}

/// The CPUs of s390x, whose first block has a line `processor 0: version = FF, …` for each, and of
/// ARM kernels for a single one, which give it no number.
fn without_blocks<'a>(blocks: &[Block<'a>]) -> Vec<Block<'a>> {
    let Some(first) = blocks.first() else { return Vec::new() };
    let numbers: Vec<&str> =
        first.iter().filter_map(|(key, _)| key.strip_prefix("processor ")).map(str::trim).collect();
    if numbers.is_empty() {
        return match first.iter().find(|(key, _)| *key == "Processor") {
            Some((_, name)) => {
                let mut cpu = first.clone();
                cpu.extend([("processor", "0"), ("model name", name)]);
                vec![cpu]
            }
            None => Vec::new(),
        };
    }
    let is_of_all = |(key, _): &&(&str, &str)| ["vendor_id", "features"].contains(key);
    let cpu = |number: &&'a str| {
        let own = blocks.iter().find(|block| block.first() == Some(&("cpu number", *number)));
        let mut cpu = vec![("processor", *number)];
        cpu.extend(first.iter().filter(is_of_all));
        cpu.extend(own.into_iter().flatten());
        cpu
    };
    numbers.iter().map(cpu).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    use crate::host::Paths;

    #[test]
    fn each_processor_is_a_block() {
        let text = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu aes\n\n\
                    processor\t: 1\nmodel name\t: A: B\n\nHardware : board\n";
        let cpus = parse(text).unwrap();
        assert_eq!(cpus.len(), 2);
        assert_eq!(value(&cpus[0], FLAGS), "fpu aes");
        assert_eq!(value(&cpus[1], &["model name"]), "A: B");
        assert_eq!(value(&cpus[1], &["vendor_id"]), "");
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

    /// What is exposed of `text`, which another architecture has.
    fn exposed_of(name: &str, text: &str) -> Vec<String> {
        let root = std::env::temp_dir().join(format!("cpuinfo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("cpuinfo"), text).unwrap();
        let paths = Paths {
            procfs: root.clone(),
            sysfs: root.clone(),
            rootfs: root.clone(),
            udev_data: root.clone(),
        };
        let flags = Filter::new(Some("^(aes|zarch|lam|neon|lsx|crc32)$".parse().unwrap()), None);
        let choice = Choice { flags: Some(flags), bugs: None, has_frequency: true };
        let mut sink = Sink::default();
        push(&choice, &Host::open(&paths).unwrap(), &mut sink).unwrap();
        std::fs::remove_dir_all(root).unwrap();
        testing::samples(&sink)
    }

    /// The sample of [`INFO`] with these labels and no others.
    fn info(labels: &[(&str, &str)]) -> String {
        let value = |label| labels.iter().find(|(name, _)| *name == label).map_or("", |(_, v)| v);
        let labels = LABELS.map(|(label, _)| format!("{label}=\"{}\"", value(label)));
        format!("node_cpu_info{{{}}} 1", labels.join(","))
    }

    #[test]
    fn arm64_has_features_and_a_board_behind_the_cpus() {
        let samples = exposed_of("arm64", include_str!("fixtures/arm64"));
        let expected = [
            info(&[("cpu", "0")]),
            info(&[("cpu", "1")]),
            "node_cpu_flag_info{flag=\"aes\"} 1".into(),
            "node_cpu_flag_info{flag=\"crc32\"} 1".into(),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn older_arm_names_its_cpus_once_and_may_not_number_them() {
        let samples = exposed_of("armv7", include_str!("fixtures/armv7"));
        let name = ("model_name", "ARMv7 Processor rev 4 (v7l)");
        let expected = [
            info(&[("cpu", "0"), name]),
            info(&[("cpu", "1"), name]),
            "node_cpu_flag_info{flag=\"neon\"} 1".into(),
        ];
        assert_eq!(samples, expected);
        let single =
            "Processor\t: ARM926EJ-S rev 5 (v5l)\nBogoMIPS\t: 226.09\nFeatures\t: swp neon\n";
        let name = ("model_name", "ARM926EJ-S rev 5 (v5l)");
        let expected = [info(&[("cpu", "0"), name]), "node_cpu_flag_info{flag=\"neon\"} 1".into()];
        assert_eq!(exposed_of("armv5", single), expected);
    }

    #[test]
    fn s390x_lists_its_cpus_in_the_first_block() {
        let samples = exposed_of("s390x", include_str!("fixtures/s390x"));
        let vendor = ("vendor", "IBM/S390");
        let expected = [
            info(&[("core", "0"), ("cpu", "0"), ("package", "1"), vendor]),
            info(&[("core", "0"), ("cpu", "1"), ("package", "1"), vendor]),
            info(&[("cpu", "2"), vendor]),
            "node_cpu_flag_info{flag=\"zarch\"} 1".into(),
            "node_cpu_frequency_hertz{core=\"0\",cpu=\"0\",package=\"1\"} 5000000000".into(),
            "node_cpu_frequency_hertz{core=\"0\",cpu=\"1\",package=\"1\"} 5000000000".into(),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn ppc64le_has_its_frequency_with_a_unit() {
        let samples = exposed_of("ppc64le", include_str!("fixtures/ppc64le"));
        let vendor = ("vendor", "POWER9 (architected), altivec supported");
        let expected = [
            info(&[("cpu", "0"), vendor]),
            info(&[("cpu", "8"), vendor]),
            "node_cpu_frequency_hertz{core=\"\",cpu=\"0\",package=\"\"} 2200000000".into(),
            "node_cpu_frequency_hertz{core=\"\",cpu=\"8\",package=\"\"} 2200000000".into(),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn riscv64_has_harts_and_loongarch64_names_in_capitals() {
        let samples = exposed_of("riscv64", include_str!("fixtures/riscv64"));
        let isa = ("model_name", "rv64imafdc_zicntr_zicsr_zifencei_zihpm_zba_zbb");
        let expected =
            [info(&[("core", "1"), ("cpu", "0"), isa]), info(&[("core", "2"), ("cpu", "1"), isa])];
        assert_eq!(samples, expected);
        let samples = exposed_of("loongarch64", include_str!("fixtures/loongarch64"));
        let cpu = |core, cpu| {
            info(&[
                ("core", core),
                ("cpu", cpu),
                ("family", "Loongson-64bit"),
                ("model_name", "Loongson-3A5000-HV"),
                ("package", "0"),
            ])
        };
        let expected = [
            cpu("0", "0"),
            cpu("1", "1"),
            "node_cpu_flag_info{flag=\"lam\"} 1".into(),
            "node_cpu_flag_info{flag=\"lsx\"} 1".into(),
            "node_cpu_flag_info{flag=\"crc32\"} 1".into(),
            "node_cpu_frequency_hertz{core=\"0\",cpu=\"0\",package=\"0\"} 2500000000".into(),
            "node_cpu_frequency_hertz{core=\"1\",cpu=\"1\",package=\"0\"} 2500000000".into(),
        ];
        assert_eq!(samples, expected);
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
