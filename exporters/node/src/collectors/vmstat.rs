//! Chosen counters of the virtual memory system: `/proc/vmstat`, proc_vmstat(5).
//!
//! Parsed here because the procfs crate reads all of the nearly 200 fields into a map.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::fields::{Field, Fields};
use common::filter::Pattern;
use common::kernel::split_once;
use common::metric::{Kind, sanitize_name};

use crate::host::Host;

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Fields of /proc/vmstat to expose
    #[arg(
        id = "collector.vmstat.fields",
        long = "collector.vmstat.fields",
        value_name = "REGEX",
        default_value = "^(oom_kill|pgpg|pswp|pg.*fault).*"
    )]
    pub fields: Pattern,
}

#[derive(Debug)]
pub(super) struct Vmstat {
    wanted: Pattern,
    families: Fields,
}

impl Vmstat {
    pub(super) fn new(options: &Options) -> Self {
        Self { wanted: options.fields.clone(), families: Fields::default() }
    }

    /// The family of a field, if it is wanted.
    fn family(&self, field: &str) -> Option<Field> {
        self.wanted.matches(field).then(|| {
            let name = sanitize_name(&format!("node_vmstat_{field}"));
            Field::new(&name, &format!("Field {field} of /proc/vmstat."))
        })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Vmstat::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Vmstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("vmstat")?;
        let mut errors = FirstError::default();
        if text.is_empty() {
            errors.note::<()>(Err(ParseError::Form("no field".into())));
        }
        let family = |field: &str| self.family(field);
        self.families.each_line(&text, name, family, |line| match line {
            Ok((family, value)) => {
                if let Some(value) = errors.note(parse_number("value", Some(value))) {
                    sink.value(&family.desc(Kind::Untyped), value);
                }
            }
            Err(line) => errors.keep(ParseError::form("line without name and value", line)),
        });
        errors.into_result().map_err(|error| text.blame(error))
    }
}

/// The name with which a line begins.
fn name(line: &str) -> Option<&str> {
    split_once(line, b' ').map(|(name, _)| name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn lines_are_name_and_value() {
        assert_eq!(name("pgfault 2320168809"), Some("pgfault"));
        for line in ["", "pgfault", " 1"] {
            assert_eq!(name(line), None, "{line:?}");
        }
    }
}
