//! Whether a statement only reads.
//!
//! It runs in a read-only transaction, and the account has no right to write; this finds at the
//! start what these two do not forbid, such as files and locks.

/// What a statement that reads begins with.
const BEGINNINGS: &[&str] = &["SELECT", "SHOW", "WITH", "TABLE", "VALUES", "DESCRIBE", "EXPLAIN"];

/// The statement without semicolon and blanks at its end.
///
/// # Errors
/// It is empty, there are several, or it is not one that reads.
pub(super) fn check(statement: &str) -> Result<String, String> {
    let statement = statement.trim().trim_end_matches(';').trim_end();
    let words = words(statement)?;
    let Some(first) = words.first() else { return Err("is empty".into()) };
    if !BEGINNINGS.contains(&first.as_str()) {
        return Err(format!("begins with {first}, not with one of {}", BEGINNINGS.join(", ")));
    }
    if words.iter().any(|word| word == "INTO") {
        return Err("writes: INTO is not allowed".into());
    }
    let locks = |pair: &[String]| {
        matches!((pair[0].as_str(), pair[1].as_str()), ("FOR", "UPDATE" | "SHARE") | ("LOCK", "IN"))
    };
    if words.windows(2).any(locks) {
        return Err("locks rows: FOR UPDATE and the like are not allowed".into());
    }
    Ok(statement.to_owned())
}

/// The words outside quotes and comments, in capitals.
fn words(statement: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => quoted(rest, first).ok_or("has a quote that does not end")?,
            // The server runs what is in these, if it is of the version that follows.
            _ if rest.starts_with("/*!") || rest.starts_with("/*M!") => run_by(rest),
            _ if rest.starts_with("*/") => 2,
            _ if rest.starts_with("/*") => {
                rest.find("*/").ok_or("has a comment that does not end")? + 2
            }
            '#' => line(rest),
            '-' if is_line_comment(rest) => line(rest),
            ';' => return Err("is more than one: there is a semicolon in it".into()),
            _ if is_of_word(first) => {
                let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                words.push(rest[..end].to_ascii_uppercase());
                end
            }
            other => other.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(words)
}

fn is_of_word(character: char) -> bool {
    character == '_' || character == '$' || character.is_alphanumeric()
}

/// Length of what begins a comment that the server runs, with the digits of a version.
fn run_by(text: &str) -> usize {
    let is_of_mark = |c: char| !matches!(c, '/' | '*' | 'M' | '!') && !c.is_ascii_digit();
    text.find(is_of_mark).unwrap_or(text.len())
}

/// Two dashes and a blank.
fn is_line_comment(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// Length of the line, without its end.
fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Length of a text in quotes. Two quotes within it begin the next one, which is as good.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' && quote != '`' {
            is_escaped = true;
        } else if character == quote {
            return Some(index + quote.len_utf8());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_that_read_are_taken() {
        for (text, statement) in [
            ("SELECT 1", "SELECT 1"),
            (" select a from t ;\n", "select a from t"),
            ("(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
            ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a"),
            ("SHOW GLOBAL STATUS LIKE 'a;b'", "SHOW GLOBAL STATUS LIKE 'a;b'"),
            ("SELECT 'it''s', \"INTO\", `for update`", "SELECT 'it''s', \"INTO\", `for update`"),
            ("SELECT 'a\\'; INTO' -- ; INTO\n, 2", "SELECT 'a\\'; INTO' -- ; INTO\n, 2"),
            ("/*More*/ SELECT 2 # ;x", "/*More*/ SELECT 2 # ;x"),
            ("SELECT 3--1", "SELECT 3--1"),
            ("/*!80000 SELECT 1 */", "/*!80000 SELECT 1 */"),
            ("SELECT 1 /*M!100100 + 2 */", "SELECT 1 /*M!100100 + 2 */"),
            ("SELECT * FROM t FOR SYSTEM_TIME ALL", "SELECT * FROM t FOR SYSTEM_TIME ALL"),
        ] {
            assert_eq!(check(text), Ok(statement.to_owned()));
        }
    }

    #[test]
    fn all_others_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is empty"),
            (" ; ", "is empty"),
            ("UPDATE t SET a = 1", "begins with UPDATE"),
            ("SET GLOBAL a = 1", "begins with SET"),
            ("SELECT 1; DROP TABLE t", "more than one"),
            ("SELECT * INTO OUTFILE '/tmp/a' FROM t", "INTO"),
            ("SELECT 1 FROM t FOR UPDATE", "locks"),
            ("SELECT 1 FROM t for\nshare", "locks"),
            ("SELECT 1 FROM t LOCK IN SHARE MODE", "locks"),
            ("SELECT 1 /*!50000 INTO @a */", "INTO"),
            ("/*M!100100 DELETE FROM t */", "begins with DELETE"),
            ("/*!SELECT 1; SELECT 2 */", "more than one"),
            ("SELECT 'a", "quote"),
            ("SELECT 1 /* a", "comment"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "(?s).{0,60}|[-a-zSELCT '\"`;#/*\\\\\n]{0,40}") {
            if let Ok(statement) = check(&text) {
                prop_assert!(text.contains(&statement));
            }
        }

        #[test]
        fn a_second_statement_is_found_whatever_is_before_it(text in "[a-z0-9 ,=]{0,30}") {
            let statement = format!("SELECT {text}; DELETE FROM t");
            prop_assert!(check(&statement).is_err());
        }
    }
}
