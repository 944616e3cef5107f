//! Parts of a reply: text, numbers, lists and pairs.

use std::borrow::Cow;

use common::error::{CollectError, ParseError};
use redis::Value;

/// A text; invalid UTF-8 is replaced.
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes)),
        Value::SimpleString(text) => Some(text.into()),
        Value::Okay => Some("OK".into()),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Double(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// A number, also one that is written as a text.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        Value::Boolean(is_true) => Some(f64::from(u8::from(*is_true))),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
        Value::SimpleString(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The items of a list.
pub fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}

/// The pairs of a map, or of a list in which names and values alternate.
pub fn pairs(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    match value {
        Value::Map(pairs) => Some(pairs.iter().map(|(name, value)| (name, value)).collect()),
        value => {
            let pairs = items(value)?.as_chunks().0.iter();
            Some(pairs.map(|[name, value]| (name, value)).collect())
        }
    }
}

/// The value of the pair that is called `name`.
pub fn find<'a>(pairs: &[(&'a Value, &'a Value)], name: &str) -> Option<&'a Value> {
    let is_it = |(key, _): &&(&Value, &Value)| is(key, name);
    pairs.iter().find(is_it).map(|(_, value)| *value)
}

/// True for the text `name`.
pub fn is(value: &Value, name: &str) -> bool {
    match value {
        Value::BulkString(bytes) => bytes == name.as_bytes(),
        value => text(value).is_some_and(|text| text == name),
    }
}

/// What is wrong with a reply of another form than its command has.
pub fn unexpected() -> ParseError {
    ParseError::Form("unexpected reply".into())
}

/// [`unexpected`] of the reply to `statement`.
pub fn unexpected_from(statement: &str) -> CollectError {
    CollectError::malformed(statement, unexpected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn texts_and_numbers_come_in_several_forms() {
        for (wire, expected) in [("$3\r\n1.5\r\n", "1.5"), ("+1.5\r\n", "1.5"), (",1.5\r\n", "1.5")]
        {
            assert_eq!(text(&reply(wire)).as_deref(), Some(expected));
            assert_eq!(number(&reply(wire)), Some(1.5));
        }
        assert_eq!(
            (text(&reply("+OK\r\n")).as_deref(), number(&reply(":7\r\n"))),
            (Some("OK"), Some(7.0))
        );
        for wire in ["*0\r\n", "$-1\r\n"] {
            assert_eq!((text(&reply(wire)), number(&reply(wire))), (None, None));
        }
    }

    #[test]
    fn pairs_are_a_map_or_a_list() {
        for wire in ["*5\r\n+a\r\n:1\r\n+b\r\n:2\r\n+c\r\n", "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"] {
            let reply = reply(wire);
            let pairs = pairs(&reply).unwrap();
            assert_eq!(pairs.len(), 2);
            assert_eq!((find(&pairs, "b"), find(&pairs, "c")), (Some(&Value::Int(2)), None));
        }
        assert_eq!(pairs(&reply("+a\r\n")), None);
    }
}
