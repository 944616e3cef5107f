//! Inputs that no kernel, server or daemon writes, made from those that they do, and what must
//! hold of every answer that comes of them.
//!
//! Each target is a test named `fuzz_…` in the file `tests/fuzz.rs` (or `exporter/fuzz.rs`) of a
//! crate; its corpus is what the other tests use. By default a target has the same few hundred
//! inputs each time, or as many of them as it gets through in a few seconds. With `FUZZ_SECONDS` it
//! goes on for so long, from the seed `FUZZ_SEED`, which a failure names.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::exposition::Exposition;

/// How long a target runs unless the environment says otherwise.
const SECONDS: f64 = 5.0;

/// Inputs of a target at most unless the environment says otherwise, and from where they start.
const ROUNDS: u64 = 400;
const SEED: u64 = 20_261_128;

/// An answer is at most so many times as large as the input that was changed, and so much larger
/// than that to the unchanged input: a name is repeated in the samples of its device.
const TIMES: usize = 256;
const FURTHER: usize = 1 << 20;

/// Bytes of an input that is made here at most.
const MAX_INPUT: usize = 256 * 1024;

/// A round that takes so long has run into the scrape's deadline, or nearly.
const LATE: Duration = Duration::from_secs(8);

/// Mebibytes that the process may grow by, in which other tests run at the same time.
const MAX_GROWTH: u64 = 256;

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"-0",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"9223372036854775807",
    b"4294967296",
    b"1e309",
    b"-1e-320",
    b"NaN",
    b"+Inf",
    b"0x7fffffffffffffff",
    b"1.7976931348623157e308",
    b"999999999999999999999999999999999999999999",
    b"\n",
    b"\r\n",
    b"\0",
    b"\t",
    b" ",
    b":",
    b",",
    b"=",
    b"\"",
    b"\\",
    b"{}",
    b"[]",
    b"null",
    b"kB",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"# TYPE x counter\n",
    b"x{a=\"b\"} 1\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*1000000\r\n",
    b"$2147483647\r\n",
];

/// Inputs at most, and seconds together, of targets of which each is one parser or a few.
const SHARED_ROUNDS: u64 = 60;
const SHARED_SECONDS: f64 = 12.0;

/// Inputs of a target at least, however little time there is; of many that share it, each less.
const LEAST: u64 = 10;
const LEAST_TOGETHER: u64 = 120;

/// Files that have been changed, with what was in them.
#[derive(Debug)]
pub struct Changed(Vec<(PathBuf, Vec<u8>)>);

impl Changed {
    /// Their names.
    pub fn names(&self) -> Vec<&Path> {
        self.0.iter().map(|(file, _)| file.as_path()).collect()
    }

    /// Makes them what they were.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn undo(self) -> anyhow::Result<()> {
        // One that was changed twice has its first content in its first place.
        for (file, content) in self.0.into_iter().rev() {
            std::fs::write(file, content)?;
        }
        Ok(())
    }
}

/// One target's run.
#[derive(Debug)]
pub struct Fuzz {
    random: u64,
    seed: u64,
    /// Inputs so far.
    pub rounds: u64,
    least: u64,
    most: u64,
    end: Instant,
    began: Instant,
    memory: u64,
}

impl Fuzz {
    /// Begins.
    ///
    /// # Errors
    /// `FUZZ_SECONDS` or `FUZZ_SEED` is no number.
    pub fn start() -> anyhow::Result<Self> {
        Self::begin(ROUNDS, SECONDS, (0, 1))
    }

    /// Begins the target of this number; so many share the time.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn share(number: usize, count: usize) -> anyhow::Result<Self> {
        Self::begin(SHARED_ROUNDS, SHARED_SECONDS, (number, count))
    }

    fn begin(most: u64, seconds: f64, (number, count): (usize, usize)) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let seconds = match variable("FUZZ_SECONDS") {
            Some(text) => text.parse().context("FUZZ_SECONDS")?,
            None => seconds,
        };
        let seed = match variable("FUZZ_SEED") {
            Some(text) => text.parse().context("FUZZ_SEED")?,
            None => SEED,
        };
        // The same inputs each time, unless more than that is asked for.
        let is_long = variable("FUZZ_SECONDS").is_some();
        let most = if is_long { u64::MAX } else { most };
        let share = Duration::try_from_secs_f64(seconds)? / u32::try_from(count.max(1))?;
        let began = Instant::now();
        let random = (seed ^ (u64::try_from(number)? << 48)) | 1 << 40;
        let least = (LEAST_TOGETHER / u64::try_from(count.max(1))?).clamp(2, LEAST);
        Ok(Self {
            random,
            seed,
            rounds: 0,
            least,
            most,
            end: began + share,
            began,
            memory: peak()?,
        })
    }

    /// True until the time is over, and for a few inputs in any case.
    pub fn goes_on(&mut self) -> bool {
        self.rounds += 1;
        self.began = Instant::now();
        self.rounds <= self.least || (self.began < self.end && self.rounds <= self.most)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let number = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % end
    }

    /// One of several, of which there must be one.
    ///
    /// # Errors
    /// There is none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> anyhow::Result<&'a T> {
        let index = self.below(items.len().max(1));
        items.get(index).context("nothing to choose from")
    }

    /// Another input, made from `bytes` by one to eight changes.
    pub fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(8) {
            self.change_once(&mut changed);
            changed.truncate(MAX_INPUT);
        }
        changed
    }

    /// As [`Self::change`], of a text.
    pub fn change_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.change(text.as_bytes())).into_owned()
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>) {
        let start = self.below(bytes.len() + 1);
        let rest = bytes.len() - start;
        let end = start + self.below(rest.min(64) + 1);
        let word = WORDS[self.below(WORDS.len())];
        match self.below(9) {
            0 => drop(bytes.splice(start..end, [])),
            1 => drop(bytes.splice(start..start, word.iter().copied())),
            2 => drop(bytes.splice(start..end, word.iter().copied())),
            // A word, whole: what most parsers read.
            3 => {
                let range = word_at(bytes, start);
                drop(bytes.splice(range, word.iter().copied()));
            }
            4 => bytes.truncate(start),
            5 => {
                if let Some(byte) = bytes.get_mut(start) {
                    *byte ^= 1 << (word.len() % 8);
                }
            }
            // A line, or what comes before and behind it, once more.
            6 => {
                let line = line_at(bytes, start);
                let copy = bytes[line.clone()].to_vec();
                let times = 1 + self.below(3);
                drop(bytes.splice(line.start..line.start, copy.repeat(times)));
            }
            7 => {
                let long = word.repeat(1 + self.below(2000));
                drop(bytes.splice(start..start, long));
            }
            _ => {
                let lines = (line_at(bytes, start), self.below(bytes.len() + 1));
                let copy = bytes[lines.0].to_vec();
                drop(bytes.splice(lines.1..lines.1, copy));
            }
        }
    }

    /// Changes some of `files`, so many at most, and gives the number of bytes that are in these
    /// now.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub fn change_files(
        &mut self,
        files: &[PathBuf],
        at_once: usize,
    ) -> anyhow::Result<(Changed, usize)> {
        let (mut changed, mut input) = (Vec::new(), 0);
        for _ in 0..at_once {
            let file = self.choose(files)?;
            let content = std::fs::read(file)?;
            let bytes = self.change(&content);
            input += bytes.len();
            std::fs::write(file, bytes)?;
            changed.push((file.clone(), content));
        }
        Ok((Changed(changed), input))
    }

    /// Checks an answer that came, in time, of an input of so many bytes; `usual` is the size of that to the
    /// unchanged input.
    ///
    /// # Errors
    /// It is late, not valid, or too large; the message names seed and round.
    pub fn check(&self, body: &str, input: usize, usual: usize) -> anyhow::Result<Exposition> {
        let round = || format!("FUZZ_SEED={} round {}", self.seed, self.rounds);
        let took = self.began.elapsed();
        ensure!(took < LATE, "{}: took {took:?}", round());
        let most = usual + FURTHER + TIMES * input;
        ensure!(body.len() <= most, "{}: {} bytes of {input}", round(), body.len());
        Exposition::parse(body).with_context(round)
    }

    /// Ends; the process has not grown beyond all measure, and there was more than one round.
    /// Nothing guides the changes towards code that has not run yet: more time finds more, but
    /// slowly.
    ///
    /// # Errors
    /// It has.
    pub fn finish(self) -> anyhow::Result<()> {
        let growth = peak()?.saturating_sub(self.memory) >> 10;
        ensure!(growth < MAX_GROWTH, "FUZZ_SEED={}: {growth} MiB more", self.seed);
        ensure!(self.rounds > 2, "{} rounds only", self.rounds);
        Ok(())
    }
}

/// The word at `place`, or the gap there.
fn word_at(bytes: &[u8], place: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    let before = bytes[..place].iter().rev().take_while(|byte| is_part(byte)).count();
    let behind = bytes[place..].iter().take_while(|byte| is_part(byte)).count();
    place - before..place + behind
}

/// The line at `place`, with its end.
fn line_at(bytes: &[u8], place: usize) -> std::ops::Range<usize> {
    let before = bytes[..place].iter().rev().take_while(|byte| **byte != b'\n').count();
    let behind = bytes[place..].iter().position(|byte| *byte == b'\n');
    place - before..behind.map_or(bytes.len(), |end| place + end + 1)
}

/// Kibibytes of memory that this process has had at most.
fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).context("VmHWM")?.parse()?)
}
