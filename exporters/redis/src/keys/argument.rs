//! The grammar of the flags that name keys: `[dbN=]name`, between commas.

use std::collections::HashSet;

use super::is_pattern;

/// A key or a pattern of keys in one database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Number of the database.
    pub database: u32,
    /// Name or pattern; any bytes, since `%FF` is decoded.
    pub name: Vec<u8>,
}

impl Key {
    /// True if the name stands for the keys that `SCAN` finds.
    pub fn is_pattern(&self) -> bool {
        is_pattern(&self.name)
    }
}

/// Why an item of a list cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{item:?}: {reason}")]
pub struct ArgumentError {
    /// The item between commas.
    pub item: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The keys of a list, each once, in the order given; items without a name are left out.
///
/// # Errors
/// The first item with a bad database, more than one `=`, or a broken `%` code.
pub fn parse(list: &str) -> Result<Vec<Key>, ArgumentError> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let error = |reason| ArgumentError { item: item.chars().take(64).collect(), reason };
        match parse_item(item).map_err(error)? {
            Some(key) if seen.insert(key.clone()) => keys.push(key),
            Some(_) => {}
            None => tracing::warn!(item, "left out: it has no database or no name"),
        }
    }
    Ok(keys)
}

fn parse_item(item: &str) -> Result<Option<Key>, &'static str> {
    let (database, name) = match item.split_once('=') {
        None => ("0", item),
        Some((_, name)) if name.contains('=') => {
            return Err("more than one =; write one that belongs to a name as %3D");
        }
        Some((database, name)) => (database.trim(), name.trim()),
    };
    let number = database.strip_prefix("db").unwrap_or(database);
    if database.is_empty() || name.is_empty() {
        return Ok(None);
    }
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| is_number);
    let database = number.ok_or("the database before = is no number")?;
    Ok(Some(Key { database, name: decode(name)? }))
}

/// Decodes as in the query of a URL: `%2C` is a comma, `+` a blank.
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || (bytes.next()? as char).to_digit(16);
                let code =
                    digit().zip(digit()).and_then(|(high, low)| (high * 16 + low).try_into().ok());
                code.ok_or("% is not followed by two hexadecimal digits; write it as %25")?
            }
            other => other,
        });
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(database: u32, name: &str) -> Key {
        Key { database, name: name.into() }
    }

    #[test]
    fn databases_and_names_are_read() {
        let cases = [
            ("", vec![]),
            ("a", vec![key(0, "a")]),
            (" db3=a , 4=b,c* ", vec![key(3, "a"), key(4, "b"), key(0, "c*")]),
            ("a,a,db0=a,db1=a", vec![key(0, "a"), key(1, "a")]),
            ("db1=,=a,,b", vec![key(0, "b")]),
        ];
        for (list, expected) in cases {
            assert_eq!(parse(list).unwrap(), expected, "{list:?}");
        }
    }

    #[test]
    fn names_are_decoded_as_in_a_query() {
        let expected = [key(0, "a b"), key(0, "a+b"), key(0, "a,b"), key(0, "50%"), key(0, "k=v")];
        assert_eq!(parse("a+b,a%2Bb,a%2Cb,50%25,k%3Dv").unwrap(), expected);
        assert_eq!(parse("%ff%0A").unwrap()[0].name, [0xff, b'\n']);
        assert_eq!(parse("ключ").unwrap(), [key(0, "ключ")]);
    }

    #[test]
    fn errors_name_item_and_reason() {
        for (list, words) in [
            ("a,b=c=d", "\"b=c=d\": more than one ="),
            ("dbx=a", "\"dbx=a\": the database before = is no number"),
            ("-1=a", "is no number"),
            ("db+1=a", "is no number"),
            ("db=a", "is no number"),
            ("99999999999=a", "is no number"),
            ("50%", "% is not followed by two hexadecimal digits"),
            ("%4", "% is not followed"),
            ("%é1", "% is not followed"),
        ] {
            let error = parse(list).unwrap_err().to_string();
            assert!(error.contains(words), "{list}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(list in "[db0-9=,%+ a*é]{0,40}") {
            let _ = parse(&list);
        }

        #[test]
        fn a_decoded_name_is_the_encoded_one(name in proptest::collection::vec(0..=255_u8, 1..20)) {
            let encoded: Vec<String> = name.iter().map(|byte| format!("%{byte:02x}")).collect();
            let encoded = encoded.concat();
            proptest::prop_assert_eq!(&parse(&format!("db7={encoded}")).unwrap()[0].name, &name);
        }
    }
}
