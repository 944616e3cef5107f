//! The tables of `docs/migrating/`, made of a program's flags and of its list of known differences.
//!
//! `UPDATE_GOLDEN=1` rewrites them; read the difference before you commit it.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use clap::{Arg, Command};
use common::commands::{Program, command};
use common::compare::{Entry, Known, Word};

use crate::repository;

/// A flag of the reference exporter, and why it is refused here, if it is.
struct Flag<'a> {
    name: &'a str,
    refusal: Option<&'a str>,
}

/// Compares the tables of the page `page` with those of the program. `reference` lists the flags of
/// the exporter whose place it takes, without dashes, one a line; behind `#` why one is refused.
///
/// # Errors
/// The first line that differs; a flag that is refused without a reason, or accepted with one.
pub fn compare<P: Program>(page: &str, reference: &str) -> anyhow::Result<()> {
    let path = repository().join("docs/migrating").join(page);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let made = replace(&text, "flags", &flags::<P>(reference)?)?;
    let made = replace(&made, "metrics", &metrics::<P>()?)?;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(&path, made).with_context(|| path.display().to_string());
    }
    for (number, (is, should)) in text.lines().zip(made.lines()).enumerate() {
        ensure!(is == should, "{page}, line {}\n-{is}\n+{should}\nUPDATE_GOLDEN=1", number + 1);
    }
    ensure!(text == made, "{page} ends elsewhere: UPDATE_GOLDEN=1");
    Ok(())
}

/// The page with other text between the two marks of a part.
fn replace(page: &str, part: &str, text: &str) -> anyhow::Result<String> {
    let (begin, end) =
        (format!("<!-- {part}: made by a test -->\n"), format!("<!-- end of {part} -->"));
    let (before, rest) = page.split_once(&begin).with_context(|| begin.clone())?;
    let (_, after) = rest.split_once(&end).with_context(|| end.clone())?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// All names of a flag.
fn names(arg: &Arg) -> Vec<&str> {
    let aliases = arg.get_all_aliases().unwrap_or_default();
    arg.get_long().into_iter().chain(aliases).collect()
}

fn reference_flags(list: &str) -> Vec<Flag<'_>> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let flag = |line| match str::split_once(line, " # ") {
        Some((name, refusal)) => Flag { name, refusal: Some(refusal) },
        None => Flag { name: line, refusal: None },
    };
    lines.map(flag).collect()
}

fn code(flags: &[&str]) -> String {
    flags.iter().map(|flag| format!("`--{flag}`")).collect::<Vec<_>>().join(", ")
}

fn flags<P: Program>(reference: &str) -> anyhow::Result<String> {
    let (command, name) = (command::<P>(), P::REFERENCE.name);
    let reference = reference_flags(reference);
    ensure!(reference.len() > 50, "{} flags of {name}", reference.len());
    let unused: Vec<(&str, &str)> = P::REFERENCE
        .unused
        .iter()
        .flat_map(|unused| {
            let flags = unused.on_off.iter().chain(unused.with_value);
            flags.map(|flag| (*flag, unused.reason))
        })
        .collect();
    let (mut same, mut renamed, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for Flag { name, refusal } in &reference {
        let found = command.get_arguments().find(|arg| names(arg).contains(name));
        ensure!(
            refusal.is_none() || found.is_none(),
            "--{name} is accepted, and has a reason why not"
        );
        match found.and_then(Arg::get_long) {
            _ if unused.iter().any(|(flag, _)| flag == name) => {}
            Some(long) if long == *name => same.push(*name),
            Some(long) => renamed.push((*name, long)),
            // Added by the command line of all programs.
            None if ["version", "help"].contains(name) => same.push(*name),
            None => {
                let reason = refusal.with_context(|| format!("--{name} is refused: no reason"))?;
                refused.push((*name, reason));
            }
        }
    }
    let mut text = format!("Same name, same meaning ({}): {}.\n", same.len(), code(&same));
    let table = |text: &mut String, head: &str, rows: &[(String, String)]| {
        if !rows.is_empty() {
            *text += &format!("\n| {head} |\n|---|---|\n");
        }
        for (flag, what) in rows {
            let _ = writeln!(text, "| {flag} | {} |", what.replace('|', "\\|"));
        }
    };
    let renamed: Vec<_> = renamed.iter().map(|(old, new)| (code(&[old]), code(&[new]))).collect();
    table(&mut text, "Also understood | Name here", &renamed);
    table(&mut text, "Accepted without effect, with a warning | Why", &by_reason(&unused));
    table(&mut text, "Refused | Why", &by_reason(&refused));
    let own = own(&command, &reference);
    table(&mut text, "Only here | What it does", &own);
    Ok(text)
}

/// Flags that have one reason in common are one row.
fn by_reason(flags: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut rows = Vec::<(Vec<&str>, &str)>::new();
    for (flag, reason) in flags {
        match rows.iter_mut().find(|(_, known)| known == reason) {
            Some((flags, _)) => flags.push(flag),
            None => rows.push((vec![flag], reason)),
        }
    }
    rows.into_iter().map(|(flags, reason)| (code(&flags), reason.to_owned())).collect()
}

/// Visible flags that the reference does not have, with their help.
fn own(command: &Command, reference: &[Flag<'_>]) -> Vec<(String, String)> {
    let is_known = |name: &&str| reference.iter().any(|flag| flag.name == *name);
    let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let own = arguments.filter(|arg| !names(arg).iter().any(is_known));
    let mut rows: Vec<(String, String)> = own
        .filter_map(|arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            Some((code(&[arg.get_long()?]), help))
        })
        .collect();
    rows.sort();
    rows
}

fn metrics<P: Program>() -> anyhow::Result<String> {
    let name = P::REFERENCE.name;
    let known = Known::parse(P::REFERENCE.differences).map_err(anyhow::Error::msg)?;
    let mut rows = Vec::<(Vec<String>, String, &str)>::new();
    for entry in known.entries() {
        let (family, what) = (format!("`{}`", entry.family), what(entry, name));
        match rows.iter_mut().find(|(_, same, reason)| *same == what && *reason == entry.reason) {
            Some((families, _, _)) => families.push(family),
            None => rows.push((vec![family], what, &entry.reason)),
        }
    }
    let mut text = "| Family | What differs | Why |\n|---|---|---|\n".to_owned();
    for (families, what, reason) in rows {
        let reason = reason.replace('|', "\\|");
        let _ = writeln!(text, "| {} | {what} | {reason} |", families.join(", "));
    }
    Ok(text)
}

fn what(entry: &Entry, reference: &str) -> String {
    let label = entry.label.as_deref().unwrap_or_default();
    let subject = match entry.word {
        Word::Ours => "only here".to_owned(),
        Word::Peer => format!("only in {reference}"),
        Word::Type => "type".to_owned(),
        Word::Label => format!("label `{label}` only here"),
        Word::PeerLabel => format!("label `{label}` only in {reference}"),
        Word::Series => "series".to_owned(),
        Word::Value => "values".to_owned(),
        Word::About => "values, a little".to_owned(),
    };
    match &entry.value {
        Some(value) => format!("{subject} with `{label}=\"{value}\"`"),
        None => subject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = "a\n<!-- x: made by a test -->\nold\n<!-- end of x -->\nb\n";
        let expected = "a\n<!-- x: made by a test -->\n\nnew\n\n<!-- end of x -->\nb\n";
        assert_eq!(replace(page, "x", "new\n").unwrap(), expected);
        assert_eq!(replace(expected, "x", "new\n").unwrap(), expected);
        assert!(replace(page, "y", "").is_err());
    }

    #[test]
    fn flags_and_families_with_one_reason_are_one_row() {
        let rows = by_reason(&[("a", "r"), ("b", "s"), ("c", "r")]);
        assert_eq!(rows, [("`--a`, `--c`".into(), "r".into()), ("`--b`".into(), "s".into())]);
        let known = Known::parse("series a k=v* # r\nlabel b c # s").unwrap();
        let texts: Vec<String> = known.entries()[..2].iter().map(|one| what(one, "old")).collect();
        assert_eq!(texts, ["series with `k=\"v*\"`", "label `c` only here"]);
    }
}
