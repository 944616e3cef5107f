//! What an exporter in the process of the test logs.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// Log lines of this thread, from debug on, while the value lives.
#[derive(Debug)]
pub struct Log(Lines);

#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static CAPTURED: RefCell<Lines> = RefCell::default();
}

impl Log {
    /// Begins to keep what is logged.
    pub fn capture() -> Self {
        // One for all threads: those that come and go with each test would race for
        // which events are wanted.
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(|| CAPTURED.with_borrow(Lines::clone))
                .with_ansi(false)
                .without_time()
                .finish();
            // Where another one is there already, nothing is kept, and the test fails on that.
            let _ = tracing::subscriber::set_global_default(subscriber);
        });
        let lines = Lines::default();
        CAPTURED.set(lines.clone());
        Self(lines)
    }

    /// Everything logged so far.
    pub fn text(&self) -> String {
        let lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }

    /// How many lines of info or above hold `text`.
    pub fn count(&self, text: &str) -> usize {
        let lines = self.text();
        lines.lines().filter(|line| !line.starts_with("DEBUG") && line.contains(text)).count()
    }
}
