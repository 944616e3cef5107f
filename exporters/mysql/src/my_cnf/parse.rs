//! From the text of an option file to its sections.

use common::secret::Secret;

use super::expand::expand;
use super::{DEFAULT, Entry, MyCnf, SyntaxError};

/// Reads the text of an option file; `environment` gives the variables that values refer to.
///
/// # Errors
/// [`SyntaxError`] for a broken section header or a value without a key.
pub fn parse(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<MyCnf, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = MyCnf::default();
    let mut section = DEFAULT.to_owned();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        let line = line.trim();
        file.includes_others |= line.starts_with("!include");
        if line.is_empty() || line.starts_with(['#', ';', '!']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            header(rest, number)?.clone_into(&mut section);
            file.sections.entry(section.clone()).or_default();
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            file.set(&section, line, Entry { line: number, value: None });
            continue;
        };
        let key = unquote(key.trim());
        if key.is_empty() {
            return Err(SyntaxError { line: number, reason: "a value without a key" });
        }
        let value = continued(value.trim(), lines.by_ref().map(|(_, line)| line));
        let value = Secret::new(expand(&unquote(&value), environment));
        file.set(&section, &key, Entry { line: number, value: Some(value) });
    }
    Ok(file)
}

/// Name in a header whose `[` is gone; what follows the `]` is a remark.
fn header(rest: &str, line: usize) -> Result<&str, SyntaxError> {
    let (name, _) = rest
        .split_once(']')
        .ok_or(SyntaxError { line, reason: "a section header that does not end in ]" })?;
    match name.trim() {
        "" => Err(SyntaxError { line, reason: "a section without a name" }),
        name => Ok(name),
    }
}

/// A value that ends in a backslash goes on in the next line.
fn continued<'a>(first: &str, following: impl Iterator<Item = &'a str>) -> String {
    let mut value = first.to_owned();
    let mut following = following;
    while value.ends_with('\\') {
        value.pop();
        match following.next() {
            Some(line) => value.push_str(line.trim()),
            None => break,
        }
    }
    value
}

/// Takes away matching quotes around a text; `\"` between double quotes is a quote.
fn unquote(text: &str) -> String {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    match (inner('"'), inner('\'')) {
        (Some(inner), _) => inner.replace("\\\"", "\""),
        (None, Some(inner)) => inner.to_owned(),
        (None, None) => text.to_owned(),
    }
}
