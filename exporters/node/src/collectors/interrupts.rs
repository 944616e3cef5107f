//! Interrupts by CPU, line and device: `/proc/interrupts`, proc_interrupts(5).

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::Desc;

use crate::host::Host;
use crate::readers::cpu_columns;

const INTERRUPTS: Desc<'_> = Desc::counter(
    "node_interrupts_total",
    "Interrupts that each CPU has serviced since boot, by line and device.",
);

/// One row. Numbered lines have the controller in front of the devices, named ones a description.
#[derive(Debug, PartialEq)]
struct Interrupt<'a> {
    name: &'a str,
    info: String,
    devices: String,
    counts: Vec<u64>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Interrupts to leave out, by name;info;devices
    #[arg(
        id = "collector.interrupts.name-exclude",
        long = "collector.interrupts.name-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Interrupts to expose, by name;info;devices
    #[arg(
        id = "collector.interrupts.name-include",
        long = "collector.interrupts.name-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Expose interrupts whose count is zero
    #[arg(
        id = "collector.interrupts.include-zeros",
        long = "collector.interrupts.include-zeros",
        default_value = "true"
    )]
    pub include_zeros: bool,
}

#[derive(Debug)]
pub(super) struct Interrupts {
    names: Filter,
    include_zeros: bool,
}

impl Interrupts {
    pub(super) fn new(options: &Options) -> Self {
        let names = Filter::new(options.include.clone(), options.exclude.clone());
        Self { names, include_zeros: options.include_zeros }
    }

    fn push(&self, cpus: &[String], interrupts: &[Interrupt<'_>], sink: &mut Sink) {
        let mut family = sink.family(&INTERRUPTS);
        for Interrupt { name, info, devices, counts } in interrupts {
            if !self.names.accepts(&format!("{name};{info};{devices}")) {
                continue;
            }
            for (cpu, count) in cpus.iter().zip(counts) {
                if *count > 0 || self.include_zeros {
                    let labels = [
                        ("cpu", cpu.as_str()),
                        ("devices", devices),
                        ("info", info),
                        ("type", name),
                    ];
                    family.sample(&labels, *count as f64);
                }
            }
        }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Interrupts::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Interrupts {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("interrupts")?;
        let malformed = |error| text.blame(error);
        let (cpus, rows) = cpu_columns::parse(&text).map_err(malformed)?;
        let rows = rows.filter_map(|(name, row)| parse_row(cpus.len(), name, row));
        let interrupts = rows.collect::<Partial<_, _>>();
        self.push(&cpus, &interrupts.good, sink);
        interrupts.map_error(malformed).finish()
    }
}

/// A row is good or bad as a whole, as the number of its counts decides where the description begins.
/// Nothing is made of rows that lack a description: `ERR` and `MIS` count for all CPUs together.
fn parse_row<'a>(
    cpus: usize,
    name: &'a str,
    row: &str,
) -> Option<Result<Interrupt<'a>, ParseError>> {
    let words: Vec<&str> = row.split_ascii_whitespace().collect();
    let (counts, description) = words.split_at_checked(cpus)?;
    let (first, others) = description.split_first()?;
    let (info, devices) = if name.parse::<u64>().is_ok() {
        ((*first).to_owned(), others.join(" "))
    } else {
        (description.join(" "), String::new())
    };
    let counts = counts.iter().map(|count| parse_number("count", Some(count)));
    let counts = counts.collect::<Result<_, _>>();
    Some(counts.map(|counts| Interrupt { name, info, devices, counts }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn numbered_lines_have_a_controller_and_devices() {
        let row = "   17  0  PCI-MSI 512000-edge   eth0, eth1";
        let expected = Interrupt {
            name: "24",
            info: "PCI-MSI".into(),
            devices: "512000-edge eth0, eth1".into(),
            counts: vec![17, 0],
        };
        assert_eq!(parse_row(2, "24", row), Some(Ok(expected)));
    }

    #[test]
    fn named_lines_have_a_description() {
        let row = parse_row(1, "NMI", "  0   Non-maskable interrupts").unwrap().unwrap();
        assert_eq!((row.info.as_str(), row.devices.as_str()), ("Non-maskable interrupts", ""));
    }

    #[test]
    fn truncated_lines_are_left_out_and_malformed_ones_refused() {
        for row in ["", "0", "1 2"] {
            assert_eq!(parse_row(2, "ERR", row), None, "{row:?}");
        }
        assert!(parse_row(2, "1", "1 x IO-APIC timer").unwrap().is_err());
    }

    #[test]
    fn counts_go_to_the_cpus_of_the_heading() {
        let text = "           CPU0       CPU2       \n \
            20:          5          7   IR-PCI-MSIX-0000:00:1f.2    0-edge      ahci[0000:00:1f.2]\n\
            IPI0:      1111       2222       Rescheduling interrupts\nErr:          0\n";
        let (cpus, rows) = cpu_columns::parse(text).unwrap();
        let rows = rows.filter_map(|(name, row)| parse_row(cpus.len(), name, row));
        let rows: Vec<_> = rows.map(Result::unwrap).collect();
        let mut sink = Sink::default();
        let options = Options { include: None, exclude: None, include_zeros: true };
        Interrupts::new(&options).push(&cpus, &rows, &mut sink);
        let values: Vec<String> = testing::samples(&sink);
        let of = |cpu: &str, kind: &str| {
            let (cpu, kind) = (format!("cpu=\"{cpu}\""), format!("type=\"{kind}\""));
            let found = values.iter().find(|line| line.contains(&cpu) && line.contains(&kind));
            found.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
        };
        assert_eq!((of("0", "20").as_deref(), of("2", "20").as_deref()), (Some("5"), Some("7")));
        assert_eq!(of("2", "IPI0").as_deref(), Some("2222"));
        assert_eq!((of("1", "20"), values.len()), (None, 4));
    }

    #[test]
    fn flags_choose_by_name_info_and_devices() {
        let rows: Vec<_> = [("1", "3 0 IO-APIC 1-edge i8042"), ("LOC", "5 6 Local timer")]
            .map(|(name, row)| parse_row(2, name, row).unwrap().unwrap())
            .into();
        let cpus = ["0".to_owned(), "1".to_owned()];
        let series = |include: Option<&str>, exclude: Option<&str>, include_zeros| {
            let pattern = |text: Option<&str>| text.map(|text| text.parse().unwrap());
            let options =
                Options { include: pattern(include), exclude: pattern(exclude), include_zeros };
            let mut sink = Sink::default();
            Interrupts::new(&options).push(&cpus, &rows, &mut sink);
            testing::samples(&sink).len()
        };
        assert_eq!(series(None, None, true), 4);
        assert_eq!(series(None, None, false), 3);
        assert_eq!(series(Some("^1;IO-APIC;1-edge i8042$"), None, true), 2);
        assert_eq!(series(None, Some("^LOC;Local timer;$"), false), 1);
        assert_eq!(series(Some("i8042"), Some("^1;"), true), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(CPU0 CPU1\n)?([ -~\n]|\\PC){0,200}") {
            if let Ok((cpus, rows)) = cpu_columns::parse(&text) {
                for (name, row) in rows {
                    let _ = parse_row(cpus.len(), name, row);
                }
            }
        }
    }
}
