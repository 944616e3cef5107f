//! Spellings of flags from older releases of the reference exporters.

use std::ffi::OsString;

use clap::Command;

use super::Dialect;

/// A flag given under the name that it had in an older release.
#[derive(Debug, PartialEq, Eq)]
pub struct OldName {
    /// As it was given.
    pub given: String,
    /// What it is called now.
    pub current: String,
}

/// The flags in `arguments` (the program's name first) that `command` knows by a hidden alias.
pub fn old_names(
    command: &Command,
    dialect: Dialect,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OldName> {
    // Arguments that cannot be read have been refused before.
    let arguments = dialect.rewrite(command, arguments).unwrap_or_default();
    let given = arguments.iter().filter_map(|argument| {
        let flag = argument.to_str()?.strip_prefix("--")?;
        Some(flag.split_once('=').map_or(flag, |(flag, _)| flag))
    });
    let old = given.filter_map(|given| {
        let knows = |arg: &&clap::Arg| {
            let visible = arg.get_visible_aliases().unwrap_or_default();
            let all = arg.get_all_aliases().unwrap_or_default();
            all.contains(&given) && !visible.contains(&given)
        };
        let current = command.get_arguments().find(knows)?.get_long()?;
        Some(OldName { given: given.to_owned(), current: current.to_owned() })
    });
    old.collect()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn only_hidden_aliases_are_old() {
        let command = Command::new("test")
            .arg(Arg::new("new").long("new").alias("old").visible_alias("other"))
            .arg(Arg::new("more").long("more"));
        let old = |arguments: &[&str]| {
            let arguments = std::iter::once("test").chain(arguments.iter().copied());
            old_names(&command, Dialect::Kingpin, arguments.map(OsString::from))
        };
        let expected = [OldName { given: "old".into(), current: "new".into() }];
        assert_eq!(old(&["--old=1", "--more", "2"]), expected);
        assert_eq!(old(&["--old", "1"]), expected);
        assert_eq!(old(&["--new=1", "--other=1", "old"]), []);
    }
}
