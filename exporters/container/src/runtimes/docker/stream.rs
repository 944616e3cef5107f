//! The stream of events: one JSON value a line, read as it comes.

use std::future::Future;
use std::pin::Pin;

use anyhow::{Context as _, bail};
use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;

use super::events::Event;
use super::transport::{ANSWER_BYTES, TooLarge};

type Asking = Pin<Box<dyn Future<Output = anyhow::Result<Response<Incoming>>> + Send>>;

/// Events as they come.
pub(super) struct Events {
    state: State,
    lines: Lines,
}

enum State {
    Asking(Asking),
    Answering(Incoming),
}

impl Events {
    /// The events of an answer that is still to come.
    pub(super) fn new(asking: Asking) -> Self {
        Self { state: State::Asking(asking), lines: Lines::default() }
    }

    /// The next event; the stream has no end unless the daemon has one. May be given up and
    /// called again without losing one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(line) = self.lines.next() {
                return serde_json::from_slice(&line).context("events");
            }
            match &mut self.state {
                State::Asking(asking) => {
                    let answer = asking.await.context("events")?;
                    self.state = State::Answering(answer.into_body());
                }
                State::Answering(body) => {
                    let frame = body.frame().await;
                    let frame = frame.context("the daemon closed the event stream")?;
                    if let Ok(bytes) = frame.context("events")?.into_data() {
                        self.lines.add(&bytes).context("events")?;
                    }
                }
            }
        }
    }
}

/// Bytes that are split into lines.
#[derive(Default)]
struct Lines {
    bytes: BytesMut,
    /// There is no end of a line before this.
    searched: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.bytes.is_empty() {
            // A long line must not keep its memory for ever.
            self.bytes = BytesMut::with_capacity(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        let begun = match memchr::memrchr(b'\n', bytes) {
            Some(end) => bytes.len() - end,
            None => self.bytes.len(),
        };
        if u64::try_from(begun).unwrap_or(u64::MAX) > ANSWER_BYTES {
            bail!(TooLarge(ANSWER_BYTES));
        }
        Ok(())
    }

    /// The next line that is not empty.
    fn next(&mut self) -> Option<BytesMut> {
        loop {
            let rest = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.searched = self.bytes.len();
                return None;
            };
            let line = self.bytes.split_to(self.searched + end);
            self.bytes.advance(1);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(parts: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for part in parts {
            lines.add(part).unwrap();
            while let Some(line) = lines.next() {
                found.push(String::from_utf8_lossy(&line).into_owned());
            }
        }
        found
    }

    #[test]
    fn lines_may_come_in_parts_and_several_at_once() {
        assert_eq!(
            split(&[b"{\"a\"", b":1}\n{}", b"\n\r\n\n{\"b\":2}\n"]),
            ["{\"a\":1}", "{}", "{\"b\":2}"]
        );
        assert_eq!(split(&[b"no end"]), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_too_large_however_it_comes() {
        let mut lines = Lines::default();
        let part = [b'x'; 1000];
        let error = (0..2000).find_map(|_| lines.add(&part).and(Ok(lines.next())).err()).unwrap();
        assert_eq!(error.to_string(), "the answer is larger than 1 MiB");
        assert!(lines.bytes.len() < 1_100_000, "{}", lines.bytes.len());
        // Ends of lines begin anew.
        let mut lines = Lines::default();
        for _ in 0..2000 {
            lines.add(&part).unwrap();
            lines.add(b"\n").unwrap();
            assert_eq!(lines.next().unwrap().len(), 1000);
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a-c\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> =
                cuts.windows(2).map(|ends| &text.as_bytes()[ends[0]..ends[1]]).collect();
            let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
            let expected: Vec<&str> = whole.lines().filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(split(&parts), expected);
        }
    }
}
