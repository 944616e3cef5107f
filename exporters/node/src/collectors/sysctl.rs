//! Kernel parameters chosen by name: `/proc/sys`, sysctl(8).

use std::convert::Infallible;
use std::str::FromStr;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, squeeze_name};

use crate::host::Host;

const INFO: Desc<'_> = Desc::gauge("node_sysctl_info", "Words of a kernel parameter; always 1.");

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Numeric kernel parameter to expose, with a name for each value if it has several; may be repeated
    #[arg(
        id = "collector.sysctl.include",
        long = "collector.sysctl.include",
        value_name = "NAME[:KEY,KEY]"
    )]
    pub include: Vec<Parameter>,
    /// Text kernel parameter to expose; may be repeated
    #[arg(
        id = "collector.sysctl.include-info",
        long = "collector.sysctl.include-info",
        value_name = "NAME"
    )]
    pub include_info: Vec<Parameter>,
}

/// A parameter as chosen by a flag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    name: String,
    /// File below the proc root.
    path: String,
    /// Names for the values; without them the values are numbered.
    keys: Vec<String>,
}

impl FromStr for Parameter {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, keys) = text.split_once(':').map_or((text, None), |(n, k)| (n, Some(k)));
        let keys = keys.map_or_else(Vec::new, |keys| keys.split(',').map(str::to_owned).collect());
        Ok(Self { name: name.to_owned(), path: format!("sys/{}", path(name)), keys })
    }
}

/// Turns dots into slashes and slashes into dots, unless the first of them is a slash already.
fn path(name: &str) -> String {
    if name.find(['.', '/']).is_some_and(|first| name[first..].starts_with('/')) {
        return name.to_owned();
    }
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    name.chars().map(swap).collect()
}

#[derive(Debug)]
pub(super) struct Sysctl {
    include: Vec<Parameter>,
    include_info: Vec<Parameter>,
}

impl Sysctl {
    pub(super) fn new(options: &Options) -> Self {
        Self { include: options.include.clone(), include_info: options.include_info.clone() }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Sysctl::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Sysctl {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        for parameter in &self.include {
            errors.note(parameter.read(host, |text| parameter.push_numbers(text, sink)));
        }
        let words = self.include_info.iter();
        let words = words.map(|parameter| parameter.read(host, |text| parameter.words(text)));
        let words = errors.good(words);
        let samples = words.iter().flatten().map(|(name, index, word)| {
            ([("index", &**index), ("name", *name), ("value", word)], 1.0)
        });
        sink.samples(&INFO, samples);
        errors.into_result()
    }
}

impl Parameter {
    fn read<T>(
        &self,
        host: &Host,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<T, CollectError> {
        let text = host.proc(&self.path)?;
        text.parse(parse)
    }

    fn push_numbers(&self, text: &str, sink: &mut Sink) -> Result<(), ParseError> {
        let name = format!("node_sysctl_{}", squeeze_name(&self.name));
        let help = format!("Kernel parameter {}.", self.name);
        let mut errors = FirstError::default();
        match (&numbers(text, &mut errors)[..], &self.keys[..]) {
            ([], _) => errors.keep(ParseError::Missing { field: "value" }),
            ([number], []) => {
                if let Some(number) = number {
                    sink.value(&Desc::untyped(&name, &help), *number);
                }
            }
            (numbers, []) => {
                let numbers = numbers.iter().enumerate();
                let samples = numbers.filter_map(|(index, number)| {
                    Some(([("index", index.to_string())], (*number)?))
                });
                sink.samples(&Desc::untyped(&name, &help), samples);
            }
            (numbers, keys) if numbers.len() == keys.len() => {
                for (key, number) in keys.iter().zip(numbers) {
                    let Some(number) = number else { continue };
                    let name = format!("{name}_{}", squeeze_name(key));
                    let help = format!("Kernel parameter {}, {key}.", self.name);
                    sink.value(&Desc::untyped(&name, &help), *number);
                }
            }
            (numbers, keys) => {
                let (values, keys) = (numbers.len(), keys.len());
                errors.keep(ParseError::Form(format!("{values} values for {keys} keys")));
            }
        }
        errors.into_result()
    }

    /// Name of the parameter, number of the word, word.
    fn words(&self, text: &str) -> Result<Vec<(&str, String, String)>, ParseError> {
        if !self.keys.is_empty() {
            return Err(ParseError::Form("words are numbered: they have no keys".into()));
        }
        let words = text.split_ascii_whitespace().enumerate();
        let words: Vec<_> =
            words.map(|(index, word)| (&*self.name, index.to_string(), word.to_owned())).collect();
        if words.is_empty() {
            return Err(ParseError::Missing { field: "value" });
        }
        Ok(words)
    }
}

/// The words as numbers; `None` for one that is none.
fn numbers(text: &str, errors: &mut FirstError<ParseError>) -> Vec<Option<f64>> {
    // Wider than 64 bits, because some parameters are signed and others use all of 64 bits.
    let parse = |word| parse_number("value", Some(word)).map(|number: i128| number as f64);
    text.split_ascii_whitespace().map(|word| errors.note(parse(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    fn parameter(text: &str) -> Parameter {
        text.parse().unwrap()
    }

    fn exposed(flag: &str, text: &str) -> Result<Vec<String>, ParseError> {
        let mut sink = Sink::default();
        parameter(flag).push_numbers(text, &mut sink)?;
        Ok(testing::samples(&sink))
    }

    #[test]
    fn names_are_paths_as_for_sysctl() {
        for (name, expected) in [
            ("kernel.threads-max", "kernel/threads-max"),
            ("kernel/threads-max", "kernel/threads-max"),
            ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
            ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
            ("", ""),
        ] {
            assert_eq!(path(name), expected, "{name:?}");
        }
    }

    #[test]
    fn values_have_a_name_an_index_or_neither() {
        assert_eq!(
            exposed("kernel.threads-max", "7801\n").unwrap(),
            ["node_sysctl_kernel_threads_max 7801"]
        );
        let expected = ["node_sysctl_a_b{index=\"0\"} -1", "node_sysctl_a_b{index=\"1\"} 2"];
        assert_eq!(exposed("a.b", "-1\t2\n").unwrap(), expected);
        let expected = ["node_sysctl_a_b_x 1", "node_sysctl_a_b_y_z 2"];
        assert_eq!(exposed("a.b:x,y-z", "1 2").unwrap(), expected);
        let large = exposed("kernel.shmmax", "18446744073692774399\n").unwrap();
        assert_eq!(large, ["node_sysctl_kernel_shmmax 1.8446744073692774e+19"]);
    }

    #[test]
    fn a_malformed_value_costs_only_itself() {
        for (flag, expected) in
            [("a", "node_sysctl_a{index=\"1\"} 2"), ("a:b,c", "node_sysctl_a_c 2")]
        {
            let mut sink = Sink::default();
            assert!(parameter(flag).push_numbers("x 2", &mut sink).is_err(), "{flag}");
            assert_eq!(testing::samples(&sink), [expected]);
        }
    }

    #[test]
    fn what_does_not_fit_the_flag_is_an_error() {
        for (flag, text) in [("a", ""), ("a", "x"), ("a", "1 x"), ("a:b", "1 2"), ("a:b,c", "1")] {
            assert!(exposed(flag, text).is_err(), "{flag:?} {text:?}");
        }
        assert!(parameter("a").words("\n").is_err());
        assert!(parameter("a:b").words("allow\n").is_err());
        let name = parameter("a");
        let words = name.words("log allow\n").unwrap();
        assert_eq!(words, [("a", "0".into(), "log".into()), ("a", "1".into(), "allow".into())]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = exposed("a.b", &text);
            let _ = parameter("a.b").words(&text);
        }
    }
}
