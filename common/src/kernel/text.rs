//! Lines and words of the kernel's files, which are short and many.
//!
//! A line of twenty bytes costs 40 instructions here and 150 with `str::lines`; a byte of a
//! word 3 and 10 with `str::split_ascii_whitespace`.

/// The lines, as [`str::lines`] gives them.
pub fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr(b'\n', rest.as_bytes()) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

/// The parts between any two of an ASCII character, as [`str::split`] gives them. A byte costs 3
/// instructions, a part 20 and not 130.
pub fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match split_once(text, separator) {
            Some((part, others)) => {
                rest = Some(others);
                Some(part)
            }
            None => rest.take(),
        }
    })
}

/// What is before and behind the first of an ASCII character, as [`str::split_once`] gives them.
pub fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The words, as [`str::split_ascii_whitespace`] gives them.
pub fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = text;
    std::iter::from_fn(move || {
        // Columns are padded, and eight spaces are one comparison.
        while let Some(after) = rest.strip_prefix("        ") {
            rest = after;
        }
        let bytes = rest.as_bytes();
        let start = bytes.iter().position(|byte| !is_blank(*byte))?;
        let length = bytes[start..].iter().position(|byte| is_blank(*byte));
        let end = length.map_or(bytes.len(), |length| start + length);
        let word = &rest[start..end];
        rest = &rest[end..];
        Some(word)
    })
}

/// Of the bytes that are no part of a word, hardly any but the space occurs.
#[inline]
fn is_blank(byte: u8) -> bool {
    byte <= b' ' && byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_end_where_those_of_the_standard_library_end() {
        for text in [
            "",
            "a",
            "a\n",
            "\n",
            "a\n\nb",
            "a\r\nb\r",
            "\r",
            "a b\tc",
            " a ",
            "\x0b",
            "a                 b",
        ] {
            assert!(lines(text).eq(text.lines()), "{text:?}");
            assert!(words(text).eq(text.split_ascii_whitespace()), "{text:?}");
            assert!(split(text, b'a').eq(text.split('a')), "{text:?}");
            assert_eq!(split_once(text, b'\n'), text.split_once('\n'), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_those_of_the_standard_library(text in "([a-zé \t\n\x0b\x0c\0]|\\PC){0,60}") {
            proptest::prop_assert!(words(&text).eq(text.split_ascii_whitespace()));
            proptest::prop_assert!(lines(&text).eq(text.lines()));
            proptest::prop_assert!(split(&text, b' ').eq(text.split(' ')));
            proptest::prop_assert_eq!(split_once(&text, b'\t'), text.split_once('\t'));
        }
    }
}
