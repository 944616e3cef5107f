//! Lines on their way to stderr: who logs never waits for who reads, and never fails.
//!
//! A thread of its own writes them. It may be held up for ever, by a pipe that nobody reads or by
//! a log driver on a disk that hangs; it may fail, when the disk is full. The lines that wait for
//! it are bounded, and what finds no room, or cannot be written, is counted instead. The count
//! stands in the log as soon as a line can be written again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::{LogFormat, lines};

/// Lines that wait at most: more than the start of any program logs, at most 4 MiB.
const MAX_LINES: usize = 512;

/// Bytes of a line at most; the rest of it is cut off.
const MAX_BYTES: usize = 8 * 1024;

/// What the writing thread is given.
enum Message {
    Line(Box<[u8]>),
    /// To be told once all lines before it have been written.
    Mark(SyncSender<()>),
}

/// The place where lines are put.
#[derive(Debug)]
pub(super) struct Queue {
    messages: SyncSender<Message>,
    missing: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the thread that writes to `output`. `format` is that of the lines.
    pub(super) fn start(output: impl Write + Send + 'static, format: LogFormat) -> Self {
        let (messages, waiting) = sync_channel(MAX_LINES);
        let missing = Arc::<AtomicU64>::default();
        let count = Arc::clone(&missing);
        let write = move || write(&waiting, output, format, &count);
        // Where no thread can be had there will be no scrapes either: every line is missing.
        let _ = thread::Builder::new().name("log".into()).spawn(write);
        Self { messages, missing }
    }

    /// Waits until what has been put so far is written, for as long as `patience` lasts.
    pub(super) fn flush(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let (mark, written) = sync_channel(1);
        let mut message = Message::Mark(mark);
        while let Err(TrySendError::Full(refused)) = self.messages.try_send(message) {
            if Instant::now() > end {
                return;
            }
            message = refused;
            thread::sleep(Duration::from_millis(5));
        }
        // An error also where it was dropped: there is nobody who writes.
        let _ = written.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let message = match line.get(..MAX_BYTES) {
            Some(start) => Message::Line([start, b"\n"].concat().into()),
            None => Message::Line(line.into()),
        };
        if self.messages.try_send(message).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &'static Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Writes what comes until nobody can log any more.
fn write(
    waiting: &Receiver<Message>,
    mut output: impl Write,
    format: LogFormat,
    missing: &AtomicU64,
) {
    // What stands before the next line: the end of one of which only the start was written.
    let mut before: &[u8] = b"";
    for message in waiting {
        let line = match message {
            Message::Line(line) => line,
            Message::Mark(written) => {
                // Whoever waited for it may have lost patience.
                let _ = written.try_send(());
                continue;
            }
        };
        let count = missing.swap(0, Ordering::Relaxed);
        let gap = if count > 0 { lines::missing(format, count) } else { String::new() };
        if output.write_all(&[before, gap.as_bytes(), &line].concat()).is_ok() {
            before = b"";
        } else {
            before = b"\n";
            missing.fetch_add(count + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// An output that can be told to hold up whoever writes, or to fail.
    #[derive(Clone, Debug, Default)]
    struct Output(Arc<(Mutex<State>, Condvar)>);

    #[derive(Debug, Default)]
    struct State {
        text: String,
        blocks: bool,
        fails: bool,
    }

    impl Output {
        fn set(&self, change: impl FnOnce(&mut State)) {
            change(&mut self.0.0.lock().unwrap());
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            self.0.0.lock().unwrap().text.clone()
        }
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (state, changed) = &*self.0;
            let state = state.lock().unwrap();
            let mut state = changed.wait_while(state, |state| state.blocks).unwrap();
            if state.fails {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.text.push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (Output, Queue) {
        let output = Output::default();
        (output.clone(), Queue::start(output, LogFormat::Logfmt))
    }

    fn put(queue: &Queue, line: &str) {
        let mut queue = queue;
        assert_eq!(queue.write(line.as_bytes()).unwrap(), line.len());
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let (output, queue) = queue();
        put(&queue, "a\n");
        put(&queue, "b\n");
        queue.flush(Duration::from_secs(10));
        assert_eq!(output.text(), "a\nb\n");
    }

    #[test]
    fn who_logs_does_not_wait_for_a_reader_who_does_not_read() {
        let (output, queue) = queue();
        output.set(|state| state.blocks = true);
        for number in 0..MAX_LINES + 100 {
            put(&queue, &format!("{number}\n"));
        }
        queue.flush(Duration::from_millis(10));
        assert_eq!(output.text(), "");
        output.set(|state| state.blocks = false);
        queue.flush(Duration::from_secs(10));
        put(&queue, "last\n");
        queue.flush(Duration::from_secs(10));
        let text = output.text();
        let kept = text.lines().filter(|line| line.parse::<usize>().is_ok()).count();
        let gap = text.lines().find(|line| line.contains("log lines are missing here")).unwrap();
        let missing: usize = gap.rsplit('=').next().unwrap().parse().unwrap();
        assert_eq!(kept + missing, MAX_LINES + 100);
        assert!(missing >= 99 && text.ends_with("last\n"), "{text}");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (output, queue) = queue();
        output.set(|state| state.fails = true);
        put(&queue, "a\n");
        put(&queue, "b\n");
        queue.flush(Duration::from_secs(10));
        output.set(|state| state.fails = false);
        put(&queue, "c\n");
        queue.flush(Duration::from_secs(10));
        let text = output.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(matches!(lines[..], ["", gap, "c"] if gap.ends_with("lines=2")), "{text}");
    }

    #[test]
    fn a_long_line_is_cut() {
        let (output, queue) = queue();
        put(&queue, &"x".repeat(MAX_BYTES * 2));
        queue.flush(Duration::from_secs(10));
        assert_eq!(output.text(), format!("{}\n", "x".repeat(MAX_BYTES)));
    }
}
