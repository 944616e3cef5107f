//! Environment variables in values.

/// Replaces `${NAME}` by that variable, or by nothing if it is not set, and
/// `$NAME` only if such a variable is set: a dollar sign in a password stays.
/// What comes from a variable is not expanded again.
pub(super) fn expand(value: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let variable = variable(after);
        let text = variable.and_then(|(name, ..)| environment(name));
        rest = match (variable, text) {
            (Some((_, behind, _)), Some(text)) => {
                expanded.push_str(&text);
                behind
            }
            (Some((_, behind, true)), None) => behind,
            _ => {
                expanded.push('$');
                after
            }
        };
    }
    expanded.push_str(rest);
    expanded
}

/// The name behind a dollar sign, the text behind it, and whether braces enclose it.
fn variable(after: &str) -> Option<(&str, &str, bool)> {
    if let Some(braced) = after.strip_prefix('{') {
        let (name, behind) = braced.split_once('}')?;
        return is_name(name).then_some((name, behind, true));
    }
    let end = after.find(|c: char| !is_name_character(c)).unwrap_or(after.len());
    let (name, behind) = after.split_at(end);
    is_name(name).then_some((name, behind, false))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(is_name_character)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(value: &str) -> String {
        expand(value, &|name| match name {
            "PASSWORD" => Some("s3$PASSWORD".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_in_braces_are_replaced_once() {
        assert_eq!(expanded("a${PASSWORD}b"), "as3$PASSWORDb");
        assert_eq!(expanded("${EMPTY}${UNSET}x"), "x");
    }

    #[test]
    fn a_bare_name_is_replaced_only_if_it_is_set() {
        assert_eq!(expanded("$PASSWORD-"), "s3$PASSWORD-");
        assert_eq!(expanded("a$bc"), "a$bc");
        assert_eq!(expanded("$PASSWORDX"), "$PASSWORDX");
    }

    #[test]
    fn other_dollar_signs_stay() {
        for text in ["$", "a$", "$$", "${", "${}", "${a b}", "$1", "100$!", "${é}", "$é"] {
            assert_eq!(expanded(text), text);
        }
    }
}
