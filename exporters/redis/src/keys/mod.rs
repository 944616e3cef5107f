//! Which keys are looked at: flags, and the parameters of one request in place of them.

mod argument;

use anyhow::Context as _;

pub use argument::{ArgumentError, Key, parse};

/// More keys at once take memory, and the server's time in one piece, and save nothing.
const MAX_BATCH: u32 = 10_000;

/// Flags about keys that several collectors share.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub struct KeyArgs {
    /// Keys to show, or patterns of keys: [dbN=]name between commas, URL-encoded
    #[arg(id = "check-keys", long = "check-keys", value_name = "LIST", default_value = "")]
    check_keys: String,
    /// Keys to show, never taken for patterns
    #[arg(
        id = "check-single-keys",
        long = "check-single-keys",
        value_name = "LIST",
        default_value = ""
    )]
    check_single_keys: String,
    /// Streams to show, or patterns of keys
    #[arg(id = "check-streams", long = "check-streams", value_name = "LIST", default_value = "")]
    check_streams: String,
    /// Streams to show, never taken for patterns
    #[arg(
        id = "check-single-streams",
        long = "check-single-streams",
        value_name = "LIST",
        default_value = ""
    )]
    check_single_streams: String,
    /// Patterns of keys to count
    #[arg(id = "count-keys", long = "count-keys", value_name = "LIST", default_value = "")]
    count_keys: String,
    /// Keys that one SCAN looks at, about; 10000 at most
    #[arg(
        id = "check-keys-batch-size",
        long = "check-keys-batch-size",
        value_name = "N",
        default_value_t = 1000
    )]
    batch_size: u32,
    /// Look at keys and streams of replicas alone
    #[arg(id = "skip-checkkeys-for-role-master", long = "skip-checkkeys-for-role-master")]
    replicas_only: bool,
}

impl KeyArgs {
    /// True if only keys of replicas are to be looked at.
    pub fn replicas_only(&self) -> bool {
        self.replicas_only
    }
}

/// Keys and patterns to look at in a scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChecks {
    /// Keys whose size, memory and value are shown.
    pub keys: Vec<Key>,
    /// The same, never patterns.
    pub single_keys: Vec<Key>,
    /// Streams, or patterns of them.
    pub streams: Vec<Key>,
    /// Streams, never patterns.
    pub single_streams: Vec<Key>,
    /// Patterns whose keys are counted.
    pub counts: Vec<Key>,
    /// Keys that one `SCAN` is to look at.
    pub batch_size: u32,
    /// Only a replica's keys are looked at, for the cost.
    pub replicas_only: bool,
}

/// One key, or all that a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'k> {
    /// A name, whatever characters it has.
    Named(&'k [u8]),
    /// A pattern.
    Matching(&'k [u8]),
}

/// Databases and keys of two lists: one of names and patterns, and one of names alone.
pub fn wanted<'k>(keys: &'k [Key], single_keys: &'k [Key]) -> Vec<(u32, Wanted<'k>)> {
    let singles = single_keys.iter().map(|key| (key.database, Wanted::Named(&key.name)));
    let keys = keys.iter().map(|key| {
        let is_pattern = key.is_pattern();
        let keys = if is_pattern { Wanted::Matching } else { Wanted::Named };
        (key.database, keys(&key.name))
    });
    keys.chain(singles).collect()
}

impl KeyChecks {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A malformed list, with flag, item and reason.
    pub fn new(args: &KeyArgs) -> anyhow::Result<Self> {
        let mut checks = Self {
            batch_size: args.batch_size.clamp(1, MAX_BATCH),
            replicas_only: args.replicas_only,
            ..Self::default()
        };
        for (name, list) in [
            ("check-keys", &args.check_keys),
            ("check-single-keys", &args.check_single_keys),
            ("check-streams", &args.check_streams),
            ("check-single-streams", &args.check_single_streams),
            ("count-keys", &args.count_keys),
        ] {
            checks.set(name, list).with_context(|| format!("--{name}"))?;
        }
        Ok(checks)
    }

    /// These checks with the parameters of a request in place of the flags of the same names;
    /// other parameters and empty ones change nothing.
    ///
    /// # Errors
    /// A malformed list, with parameter, item and reason.
    pub fn with_parameters<'p>(
        &self,
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> anyhow::Result<Self> {
        let mut checks = self.clone();
        for (name, list) in parameters {
            checks.set(name, list).with_context(|| format!("parameter {name}"))?;
        }
        Ok(checks)
    }

    fn set(&mut self, name: &str, list: &str) -> Result<(), ArgumentError> {
        let keys = match name {
            "check-keys" => &mut self.keys,
            "check-single-keys" => &mut self.single_keys,
            "check-streams" => &mut self.streams,
            "check-single-streams" => &mut self.single_streams,
            "count-keys" => &mut self.counts,
            _ => return Ok(()),
        };
        if !list.is_empty() {
            *keys = parse(list)?;
        }
        Ok(())
    }
}

/// True if a name stands for the keys that `SCAN` finds; by the characters of the reference.
fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| b"?*[]^".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_replace_flags_of_the_same_name() {
        let flags = KeyChecks {
            keys: parse("a").unwrap(),
            counts: parse("b*").unwrap(),
            batch_size: 7,
            ..KeyChecks::default()
        };
        let parameters = [("target", "h:1"), ("check-keys", "db1=c"), ("count-keys", "")];
        let checks = flags.with_parameters(parameters).unwrap();
        assert_eq!(checks, KeyChecks { keys: parse("db1=c").unwrap(), ..flags.clone() });
        let error = flags.with_parameters([("check-streams", "x=y=z")]).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.starts_with("parameter check-streams: \"x=y=z\": more than one ="),
            "{error}"
        );
    }

    #[test]
    fn patterns_are_told_from_names() {
        let is_pattern = |list| parse(list).unwrap()[0].is_pattern();
        assert!(["a*", "?", "[ab]", "^a", "a]"].into_iter().all(is_pattern));
        assert!(!["a", "a-b", "db3=a.b"].into_iter().any(is_pattern));
    }
}
