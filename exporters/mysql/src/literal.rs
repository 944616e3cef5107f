//! Texts of flags within statements.

use std::fmt::Write as _;

/// `text` as a string of SQL, whatever characters it has and whatever mode the server is in.
///
/// Texts that are more than plain words are written in hexadecimal: how a backslash is read
/// depends on the server's `sql_mode`.
pub fn literal(text: &str) -> String {
    let is_plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '\'' | '\\'));
    if text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut literal = String::from("_utf8mb4 X'");
    for byte in text.bytes() {
        // Writing to a string does not fail.
        let _ = write!(literal, "{byte:02x}");
    }
    literal.push('\'');
    literal
}

/// `texts` as a list of SQL, such as `'a', 'b'`.
pub fn literals<Text: AsRef<str>>(texts: impl IntoIterator<Item = Text>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| literal(text.as_ref())).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_texts_are_quoted_and_others_in_hexadecimal() {
        assert_eq!(literal("a b%_\"`;--"), "'a b%_\"`;--'");
        assert_eq!(literal(""), "''");
        assert_eq!(literal("it's"), "_utf8mb4 X'69742773'");
        assert_eq!(literal("\\d\u{e9}"), "_utf8mb4 X'5c64c3a9'");
        assert_eq!(literals(["a", "b'"]), "'a', _utf8mb4 X'6227'");
    }

    proptest! {
        #[test]
        fn no_text_ends_the_string(text in "(?s).{0,40}") {
            let literal = literal(&text);
            let inside = literal.trim_start_matches("_utf8mb4 X");
            let inside = &inside[1..inside.len() - 1];
            prop_assert!(!inside.contains(['\'', '\\', '\n']), "{literal}");
        }
    }
}
