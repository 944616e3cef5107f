//! What is asked of a key, and what the answers say.

use common::error::CollectError;
use redis::{Pipeline, Value};

use crate::replies::values;
use crate::replies::values::unexpected_from;
use crate::server::failure::reason;

/// A value that is longer than this is not shown: a label is no place for it.
pub(super) const MAX_VALUE: usize = 1024;

/// The first bytes of every HyperLogLog, which is a string to Redis.
const HYPERLOGLOG: &[u8] = b"HYLL";

/// What is known of one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// `None` if the key was not found.
    pub(super) kind: Option<String>,
    pub(super) memory: Option<f64>,
    pub(super) size: Option<f64>,
    pub(super) value: Option<Shown>,
}

/// The value of a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    Number(f64),
    Text(String),
}

/// The answer, unless it is an error reply.
pub(super) fn good(statement: &str, answer: Value) -> Result<Value, CollectError> {
    answer.extract_error().map_err(|error| CollectError::query(statement, &reason(&error)))
}

/// A number in an answer; `None` for nil.
pub(super) fn number(statement: &str, answer: Value) -> Result<Option<f64>, CollectError> {
    match good(statement, answer)? {
        Value::Nil => Ok(None),
        answer => values::number(&answer).map(Some).ok_or_else(|| unexpected_from(statement)),
    }
}

/// What `PFCOUNT` says; `None` if the string is no HyperLogLog after all.
pub(super) fn cardinality(answer: Value) -> Result<Option<f64>, CollectError> {
    match number("PFCOUNT", answer) {
        Err(CollectError::Query { message, .. })
            if ["WRONGTYPE", "INVALIDOBJ"].iter().any(|code| message.starts_with(code)) =>
        {
            Ok(None)
        }
        count => count,
    }
}

/// The type of a key; `None` for one that does not exist.
pub(super) fn kind(answer: Value) -> Result<Option<String>, CollectError> {
    let answer = good("TYPE", answer)?;
    let kind = values::text(&answer).ok_or_else(|| unexpected_from("TYPE"))?;
    Ok((kind != "none").then(|| kind.into_owned()))
}

/// What keys are asked beside their type and the beginnings of strings, by servers that know no
/// arrays.
pub(super) const COMMANDS: [&str; 7] =
    ["MEMORY USAGE", "STRLEN", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN"];

/// The command for the size of a key of this type; `None` for the types of modules.
pub(super) fn size_command(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "STRLEN",
        "list" => "LLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "hash" => "HLEN",
        "stream" => "XLEN",
        "array" => "ARCOUNT",
        _ => return None,
    })
}

/// Asks for the beginning of a string: enough to know a HyperLogLog, or a value and whether it
/// is longer than what is shown. Unlike `PFCOUNT` this raises no error on the server, and unlike
/// `GET` it fetches no more than is needed.
pub(super) fn ask_beginning(pipeline: &mut Pipeline, name: &[u8], wants_value: bool) {
    let last = if wants_value { MAX_VALUE } else { HYPERLOGLOG.len() - 1 };
    pipeline.cmd("GETRANGE").arg(name).arg(0).arg(last);
}

/// True for the beginning of a HyperLogLog.
pub(super) fn is_hyperloglog(beginning: &[u8]) -> bool {
    beginning.starts_with(HYPERLOGLOG)
}

/// A value as it is shown: nothing if it is empty, too long or no UTF-8.
pub(super) fn shown(value: Vec<u8>) -> Option<Shown> {
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    let text = String::from_utf8(value).ok()?;
    Some(float(&text).map_or(Shown::Text(text), Shown::Number))
}

/// A number in decimal notation, with `_` between digits; `inf` and `nan` too. One that is too
/// large for a float is none.
fn float(text: &str) -> Option<f64> {
    let digits_around = |index: usize| {
        let byte = |index: usize| text.as_bytes().get(index).is_some_and(u8::is_ascii_digit);
        index.checked_sub(1).is_some_and(byte) && byte(index + 1)
    };
    let number: f64 = if text.match_indices('_').all(|(index, _)| digits_around(index)) {
        text.replace('_', "").parse().ok()?
    } else {
        return None;
    };
    let is_written_out = text.bytes().any(|byte| byte.is_ascii_digit());
    (number.is_finite() || !is_written_out).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_texts() {
        for (text, number) in [
            ("12", 12.0),
            ("-1.5e3", -1500.0),
            ("1_000", 1000.0),
            ("inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("9007199254740993", 9_007_199_254_740_992.0),
        ] {
            assert_eq!(shown(text.into()), Some(Shown::Number(number)), "{text}");
        }
        assert!(matches!(shown(b"nan".to_vec()), Some(Shown::Number(value)) if value.is_nan()));
        for text in ["1e400", "0x10", " 12 ", "1__0", "_1", "1_", "-nan0", "a", "1,5"] {
            assert_eq!(shown(text.into()), Some(Shown::Text(text.into())), "{text}");
        }
    }

    #[test]
    fn what_is_no_label_is_not_shown() {
        assert_eq!(shown(Vec::new()), None);
        assert_eq!(shown(vec![0xff]), None);
        assert_eq!(shown(vec![b'a'; MAX_VALUE + 1]), None);
        assert!(shown(vec![b'a'; MAX_VALUE]).is_some());
    }

    #[test]
    fn types_and_numbers_are_read() {
        assert_eq!(kind(Value::SimpleString("none".into())).unwrap(), None);
        assert_eq!(kind(Value::SimpleString("list".into())).unwrap().as_deref(), Some("list"));
        assert!(kind(Value::Nil).is_err());
        assert_eq!(number("LLEN", Value::Nil).unwrap(), None);
        assert_eq!(number("LLEN", Value::Int(3)).unwrap(), Some(3.0));
        assert!(number("LLEN", Value::Array(Vec::new())).is_err());
        assert!(size_command("ReJSON-RL").is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_survived(value: Vec<u8>, text in "[-+_0-9.einfax]{0,8}") {
            let _ = (shown(value), shown(text.into_bytes()));
        }
    }
}
