//! Replies in the Redis protocol: where each of them ends, and what it says.
//!
//! Strings, numbers and arrays, which is what servers answer unless they are asked for more, are
//! read here: the library's parser, which takes replies in pieces of any size, took a fifth of the
//! instructions of a scrape. It reads what is rarer.

use std::io;

use redis::{ErrorKind, RedisError, RedisResult, ServerError, Value};

use super::MAX_REPLY_BYTES;

/// Arrays in arrays at most, as the library has it.
const MAX_DEPTH: usize = 100;

/// Items of an array that there is room for at first: its length may be a lie.
const ROOM: usize = 64;

/// Why there is no value.
#[derive(Debug)]
enum Stop {
    /// It has not come yet.
    Short,
    Malformed,
    /// It has more items than there may be.
    Excess,
}

/// A reply that has come whole.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// An error if it holds one: a script may return that inside a list.
    pub(super) value: Value,
    /// Its bytes.
    pub(super) length: usize,
    /// Its items, itself included.
    pub(super) items: usize,
}

/// Looks for the end of a reply that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Items of the reply that have begun.
    items: usize,
    /// Items that are still to begin, without the first.
    missing: usize,
    /// Where the next line begins: behind a text whose length is known.
    line: usize,
    /// Bytes of that line that have been looked at.
    seen: usize,
}

impl Scan {
    /// The end of the reply that `bytes` begin with; `None` if it has not come yet. Then it goes on
    /// from here when there are more bytes.
    ///
    /// # Errors
    /// Something that is no reply.
    pub(super) fn end(&mut self, bytes: &[u8]) -> RedisResult<Option<usize>> {
        while self.items == 0 || self.missing > 0 {
            let Some(rest) = bytes.get(self.line..) else { return Ok(None) };
            let unseen = rest.get(self.seen..).unwrap_or_default();
            let Some(length) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.seen = rest.len();
                return Ok(None);
            };
            let length = self.seen + length + 1;
            let line = rest.get(..length).and_then(|line| line.strip_suffix(b"\r\n"));
            let (text, further) = line.and_then(|line| extent(line).ok()).ok_or_else(malformed)?;
            self.missing = self.missing.saturating_sub(1).saturating_add(further);
            self.line = self.line.saturating_add(length).saturating_add(text);
            self.items += 1;
            self.seen = 0;
        }
        Ok(Some(self.line).filter(|end| *end <= bytes.len()))
    }

    /// True before anything of the reply has been looked at.
    pub(super) fn is_new(&self) -> bool {
        self.items == 0 && self.seen == 0
    }

    /// Items of the reply that have come.
    pub(super) fn items(&self) -> usize {
        self.items
    }
}

/// The bytes of text behind a line, and the items that belong to what it begins.
fn extent(line: &[u8]) -> Result<(usize, usize), Stop> {
    let (kind, rest) = line.split_first().ok_or(Stop::Malformed)?;
    let length = || length(rest);
    Ok(match kind {
        b'$' | b'=' | b'!' => (length()?.map_or(0, |length| length.saturating_add(2)), 0),
        b'*' | b'~' | b'>' => (0, length()?.unwrap_or(0)),
        b'%' => (0, length()?.unwrap_or(0).saturating_mul(2)),
        b'|' => (0, length()?.unwrap_or(0).saturating_mul(2).saturating_add(1)),
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => (0, 0),
        _ => return Err(Stop::Malformed),
    })
}

/// The length on a line; `None` for the negative one of what is not there.
fn length(digits: &[u8]) -> Result<Option<usize>, Stop> {
    integer(digits).map(|length| usize::try_from(length).ok())
}

/// A whole number. Nearly all are short, and read in a fifth of the time that others take.
fn integer(digits: &[u8]) -> Result<i64, Stop> {
    if !(1..=15).contains(&digits.len()) {
        let text = std::str::from_utf8(digits).map_err(|_| Stop::Malformed)?;
        return text.parse().map_err(|_| Stop::Malformed);
    }
    let (is_negative, digits) = match digits {
        [b'-', digits @ ..] if !digits.is_empty() => (true, digits),
        digits => (false, digits),
    };
    let mut number = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(Stop::Malformed);
        }
        number = 10 * number + i64::from(byte - b'0');
    }
    Ok(if is_negative { -number } else { number })
}

fn malformed() -> RedisError {
    RedisError::from((ErrorKind::Parse, "malformed reply"))
}

/// That a reply is larger than it may be.
pub(super) fn too_large() -> RedisError {
    let limit = MAX_REPLY_BYTES / 1024 / 1024;
    let words = format!("the reply is larger than {limit} MiB");
    io::Error::new(io::ErrorKind::InvalidData, words).into()
}

/// Reads the reply that `bytes` begin with, of `most_items` at most; `None` if it has not come
/// whole.
///
/// # Errors
/// It is malformed, or has more items.
pub(super) fn decode(bytes: &[u8], most_items: usize) -> RedisResult<Option<Reply>> {
    let mut reader = Reader { rest: bytes, items: 0, most_items, refusal: None };
    match reader.item(0) {
        Ok(value) => {
            let value = reader.refusal.map_or(value, Value::ServerError);
            let length = bytes.len() - reader.rest.len();
            Ok(Some(Reply { value, length, items: reader.items }))
        }
        Err(Stop::Short) => Ok(None),
        Err(Stop::Malformed) => Err(malformed()),
        Err(Stop::Excess) => Err(too_large()),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    items: usize,
    most_items: usize,
    /// The first error among the items.
    refusal: Option<ServerError>,
}

impl<'a> Reader<'a> {
    /// The next line, without its end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Stop::Short)?;
        let (line, rest) = self.rest.split_at(end + 1);
        self.rest = rest;
        line.strip_suffix(b"\r\n").ok_or(Stop::Malformed)
    }

    fn count(&mut self, items: usize) -> Result<(), Stop> {
        self.items += items;
        if self.items > self.most_items { Err(Stop::Excess) } else { Ok(()) }
    }

    /// The next item, inside as many lists as `depth` says.
    fn item(&mut self, depth: usize) -> Result<Value, Stop> {
        let whole = self.rest;
        let (kind, text) = self.line()?.split_first().ok_or(Stop::Malformed)?;
        self.count(1)?;
        match kind {
            b'$' => {
                let Some(length) = length(text)? else { return Ok(Value::Nil) };
                let (text, rest) = self.rest.split_at_checked(length).ok_or(Stop::Short)?;
                let end = rest.split_first_chunk().ok_or(Stop::Short)?;
                let (b"\r\n", rest) = end else { return Err(Stop::Malformed) };
                self.rest = rest;
                Ok(Value::BulkString(text.to_vec()))
            }
            b'*' => {
                let Some(length) = length(text)? else { return Ok(Value::Nil) };
                if depth == MAX_DEPTH {
                    return Err(Stop::Malformed);
                }
                let mut items = Vec::with_capacity(length.min(ROOM));
                for _ in 0..length {
                    items.push(self.item(depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            b':' => integer(text).map(Value::Int),
            b'+' if text == b"OK" => Ok(Value::Okay),
            b'+' => {
                let text = std::str::from_utf8(text).map_err(|_| Stop::Malformed)?;
                Ok(Value::SimpleString(text.to_owned()))
            }
            _ => {
                let mut scan = Scan::default();
                let end = scan.end(whole).map_err(|_| Stop::Malformed)?.ok_or(Stop::Short)?;
                self.count(scan.items() - 1)?;
                let (one, rest) = whole.split_at(end);
                self.rest = rest;
                match redis::parse_redis_value(one).map_err(|_| Stop::Malformed)? {
                    Value::ServerError(error) => {
                        self.refusal.get_or_insert(error);
                        Ok(Value::Nil)
                    }
                    value => Ok(value),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(bytes: &[u8]) -> Option<usize> {
        Scan::default().end(bytes).unwrap()
    }

    fn read(bytes: &[u8]) -> RedisResult<Option<Reply>> {
        decode(bytes, usize::MAX)
    }

    #[test]
    fn the_end_is_found_in_pieces_of_any_size() {
        let reply =
            b"*4\r\n$5\r\n\n\n\n\r\n\r\n$-1\r\n%1\r\n+a\r\n*2\r\n:-7\r\n-ERR $3\r\n$0\r\n\r\n";
        let replies = [reply.as_slice(), b":1\r\n"].concat();
        for size in 1..replies.len() {
            let mut scan = Scan::default();
            let places = (size..replies.len()).step_by(size).chain([replies.len()]);
            let found: Vec<_> =
                places.filter_map(|have| scan.end(&replies[..have]).unwrap()).collect();
            assert_eq!(found.first(), Some(&reply.len()), "in pieces of {size}");
            assert_eq!(scan.items(), 9);
        }
        for whole in [
            "*0\r\n",
            "*-1\r\n",
            "$-1\r\n",
            "_\r\n",
            "#t\r\n",
            ",1.5\r\n",
            "|1\r\n+a\r\n:1\r\n+b\r\n",
        ] {
            let (whole, part) = (whole.as_bytes(), &whole.as_bytes()[..whole.len() - 1]);
            assert_eq!((end(whole), end(part)), (Some(whole.len()), None));
            assert_eq!(read(whole).unwrap().map(|reply| reply.length), Some(whole.len()));
            assert_eq!(read(part).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for text in
            ["*x\r\n", "$1x\r\n1x\r\n", "$\r\n", "\r\n", "x\r\n", ":1\n", "+a\n", "%1.5\r\n"]
        {
            assert!(Scan::default().end(text.as_bytes()).is_err(), "{text:?}");
        }
        for text in ["$1\r\nabc", ":x\r\n", "*2\r\n:1\r\n:y\r\n", "#x\r\n", "+a\n"] {
            let error = read(text.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Parse, "{text:?}");
        }
        for length in ["999999999999", "9223372036854775807", "18446744073709551616"] {
            assert_eq!(
                Scan::default().end(format!("${length}\r\n").as_bytes()).ok().flatten(),
                None
            );
            assert_eq!(
                Scan::default().end(format!("*{length}\r\n").as_bytes()).ok().flatten(),
                None
            );
        }
    }

    #[test]
    fn whole_numbers_of_any_length_are_read() {
        for number in [0, 7, -1, 999_999_999_999_999, -99_999_999_999_999, i64::MAX, i64::MIN] {
            assert_eq!(integer(number.to_string().as_bytes()).ok(), Some(number));
        }
        for text in ["", "-", "--1", "1-", " 1", "1.0", "9223372036854775808"] {
            assert!(integer(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_inside_is_the_reply() {
        let text = b"*3\r\n+OK\r\n*1\r\n-NOPERM no\r\n-ERR other\r\n";
        let Reply { value, length, items } = read(text).unwrap().unwrap();
        assert_eq!((length, items), (text.len(), 5));
        let error = value.extract_error().unwrap_err();
        assert_eq!((error.code(), error.detail()), (Some("NOPERM"), Some("no")));
    }

    #[test]
    fn arrays_in_arrays_and_items_have_a_bound() {
        let nested = |depth| ["*1\r\n".repeat(depth), ":1\r\n".into()].concat();
        let reply = read(nested(MAX_DEPTH).as_bytes()).unwrap().unwrap();
        assert_eq!(reply.items, MAX_DEPTH + 1);
        for depth in [MAX_DEPTH + 1, 100_000] {
            let reply = nested(depth);
            assert_eq!(end(reply.as_bytes()), Some(reply.len()));
            assert_eq!(read(reply.as_bytes()).unwrap_err().kind(), ErrorKind::Parse);
        }
        for (text, items) in [("*2\r\n:1\r\n+a\r\n", 3), ("%1\r\n+a\r\n:1\r\n", 3), (":1\r\n", 1)] {
            assert_eq!(decode(text.as_bytes(), items).unwrap().unwrap().items, items);
            let error = decode(text.as_bytes(), items - 1).unwrap_err();
            assert!(error.to_string().contains("larger than 6 MiB"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whole_replies_are_read_as_the_library_reads_them(
            reply in "(\\*[0-3]\r\n|:-?[0-9]{1,3}\r\n|\\$1\r\n[0-9\r\n]\r\n|\\$-1\r\n|\\+OK\r\n|\\+[a-z]\r\n|%1\r\n|~2\r\n){1,9}"
        ) {
            let Ok(Some(end)) = Scan::default().end(reply.as_bytes()) else { return Ok(()) };
            let expected = redis::parse_redis_value(&reply.as_bytes()[..end]).ok();
            let found = read(reply.as_bytes()).ok().flatten();
            proptest::prop_assert_eq!(found.as_ref().map(|found| found.length), expected.as_ref().map(|_| end));
            proptest::prop_assert_eq!(found.map(|found| found.value), expected);
        }

        #[test]
        fn any_bytes_are_survived(bytes in "[$=!*%|:+,0-9a\r\n-]{0,40}") {
            let _ = Scan::default().end(bytes.as_bytes());
            let _ = decode(bytes.as_bytes(), 9);
        }
    }
}
