//! The words of one line of the text format.

use std::borrow::Cow;

/// What is left of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_at_blank(&self) -> bool {
        self.0.first().copied().is_some_and(is_blank)
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    /// Takes `byte` if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Everything up to the next blank.
    pub(super) fn word(&mut self) -> &'a [u8] {
        self.take_while(|byte| !is_blank(byte))
    }

    /// A name, which may be quoted; empty if there is none. Only those of metrics hold colons.
    pub(super) fn name(&mut self, allows_colon: bool) -> Result<&'a str, String> {
        let is_start =
            |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || allows_colon && byte == b':';
        let is_quoted = self.take(b'"');
        let name = if self.0.first().copied().is_some_and(is_start) {
            self.take_while(|byte| is_start(byte) || byte.is_ascii_digit())
        } else {
            &[]
        };
        if is_quoted && (name.is_empty() || !self.take(b'"')) {
            return Err("name in quotes holds what no name may hold".to_owned());
        }
        Ok(std::str::from_utf8(name).unwrap_or_default())
    }

    /// Escaped text up to the closing quote, which is taken too.
    pub(super) fn quoted_text(&mut self) -> Result<Cow<'a, str>, String> {
        let length = text_length(self.0, true)?;
        let (text, rest) = self.0.split_at(length);
        let mut rest = Cursor(rest);
        if !rest.take(b'"') {
            return Err("label value does not end".to_owned());
        }
        *self = rest;
        let text = std::str::from_utf8(text).map_err(|_| "label value is not UTF-8".to_owned())?;
        Ok(unescape(Cow::Borrowed(text)))
    }

    /// Escaped text up to the end of the line; invalid UTF-8 is replaced.
    pub(super) fn rest_as_text(self) -> Result<Cow<'a, str>, String> {
        text_length(self.0, false)?;
        Ok(unescape(String::from_utf8_lossy(self.0)))
    }

    fn take_while(&mut self, accepts: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|byte| !accepts(*byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Length of text whose escapes are `\\`, `\"` and `\n`, up to a quote if that ends it.
fn text_length(bytes: &[u8], ends_at_quote: bool) -> Result<usize, String> {
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\\' if !matches!(bytes.get(position + 1), Some(b'\\' | b'"' | b'n')) => {
                return Err("invalid escape".to_owned());
            }
            b'\\' => position += 2,
            b'"' if ends_at_quote => break,
            _ => position += 1,
        }
    }
    Ok(position)
}

/// Resolves escapes that [`text_length`] has found to be good.
fn unescape(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(escaped) => escaped,
                None => '\\',
            },
            other => other,
        });
    }
    Cow::Owned(plain)
}

/// A number as Go reads it: no NaN with a sign, and what is too large is no infinity.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_word = unsigned.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_fine = match (value.is_nan(), value.is_infinite()) {
        (true, _) => unsigned.len() == text.len(),
        (_, true) => is_word,
        _ => true,
    };
    is_fine.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_go() {
        for (text, expected) in [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("1e-999", 0.0),
        ] {
            assert_eq!(number(text.as_bytes()), Some(expected), "{text}");
        }
        assert!(number(b"NaN").is_some_and(f64::is_nan) && number(b"nan").is_some());
        for text in ["", "+NaN", "1e999", "-1e999", "0x10", "1_000", "1\r", "1,5", "\u{663}", "e5"]
        {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn escapes_are_resolved_or_refused() {
        let quoted = |text: &'static str| Cursor(text.as_bytes()).quoted_text();
        assert_eq!(quoted(r#"a\\b\"c\nd" 1"#).unwrap(), "a\\b\"c\nd");
        assert_eq!(quoted("é\"").unwrap(), "é");
        for text in [r#"\x""#, "open", r"open\", r#"open\""#] {
            assert!(quoted(text).is_err(), "{text}");
        }
        assert!(Cursor(b"\xff\"").quoted_text().is_err());
        assert_eq!(Cursor(br#"a "b\" \\n"#).rest_as_text().unwrap(), "a \"b\" \\n");
        assert_eq!(Cursor(b"\xff!").rest_as_text().unwrap(), "\u{fffd}!");
        assert!(Cursor(br"x\").rest_as_text().is_err());
    }

    #[test]
    fn names_may_stand_in_quotes() {
        let name = |text: &'static str| {
            let mut cursor = Cursor(text.as_bytes());
            cursor.name(true).map(|name| (name, std::str::from_utf8(cursor.0).unwrap()))
        };
        assert_eq!(name("a:b_9{"), Ok(("a:b_9", "{")));
        assert_eq!(name("\"a\"="), Ok(("a", "=")));
        assert_eq!(name("9a"), Ok(("", "9a")));
        for text in ["\"a b\"", "\"\"", "\"a"] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(Cursor(b"a:b").name(false), Ok("a"));
    }
}
