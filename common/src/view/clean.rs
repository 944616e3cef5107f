//! Text from elsewhere, made fit for a terminal.

use std::borrow::Cow;

/// Replaces what a terminal would obey, or would not show, by its code: control characters,
/// and those that turn the direction of the text or have no width.
pub fn clean(text: &str) -> Cow<'_, str> {
    replaced(text, is_unfit)
}

/// As [`clean`], but line feeds stay.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |character| character != '\n' && is_unfit(character))
}

fn replaced(text: &str, is_unfit: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unfit(character) {
            clean += &format!("\\u{{{:x}}}", u32::from(character));
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}

fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_by_its_code() {
        assert_eq!(clean("a\u{1b}[2Jb\u{7}\n"), r"a\u{1b}[2Jb\u{7}\u{a}");
        assert_eq!(clean("\u{9b}31m\u{7f}"), r"\u{9b}31m\u{7f}");
        assert_eq!(clean("gpj\u{202e}exe\u{200b}"), r"gpj\u{202e}exe\u{200b}");
        assert_eq!(clean_lines("a\n\u{1b}b\r\n"), "a\n\\u{1b}b\\u{d}\n");
        assert!(matches!(clean("Größe 数 \u{1f600}"), Cow::Borrowed(_)));
    }
}
