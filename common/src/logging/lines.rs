//! The form of the lines: an event's time, level and source, its message, its attributes.

use std::fmt::{self, Write as _};

use jiff::ZonedDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// Writes one line per event.
#[derive(Debug)]
pub(super) struct Lines(pub(super) LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let file = metadata.file().unwrap_or("unknown");
        let file = file.rsplit('/').next().unwrap_or(file);
        let source = format!("{file}:{}", metadata.line().unwrap_or(0));
        let mut line = Line::new(self.0, metadata.level().as_str(), &source);
        event.record(&mut line);
        writer.write_str(&line.finish())
    }
}

/// The line that says how many others are missing before it.
pub(super) fn missing(format: LogFormat, count: u64) -> String {
    let mut line = Line::new(format, "WARN", "queue.rs:0");
    line.pair("msg", "log lines are missing here: they could not be written in time");
    line.pair("lines", &count.to_string());
    line.finish()
}

/// A line under construction: the message is written before the other attributes.
struct Line {
    format: LogFormat,
    text: String,
    attributes: String,
}

impl Line {
    fn new(format: LogFormat, level: &str, source: &str) -> Self {
        let mut line = Self { format, text: String::with_capacity(160), attributes: String::new() };
        let time = ZonedDateTime::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
        line.pair("time", &time.replace("+00:00", "Z"));
        line.pair("level", level);
        line.pair("source", source);
        line
    }

    /// The whole line, with its end.
    fn finish(self) -> String {
        let Self { format, text, attributes } = self;
        match format {
            LogFormat::Logfmt => format!("{text}{attributes}\n"),
            LogFormat::Json => format!("{{{text}{attributes}}}\n"),
        }
    }

    fn pair(&mut self, key: &str, value: &str) {
        put_pair(&mut self.text, self.format, key, value);
    }

    fn field(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.pair("msg", value),
            key @ ("time" | "level" | "source" | "msg") => {
                let key = format!("logged_{key}");
                self.attribute(&key, value);
            }
            key => self.attribute(key, value),
        }
    }

    /// There is always a pair before an attribute, so the separator comes first.
    fn attribute(&mut self, key: &str, value: &str) {
        self.attributes.push(separator(self.format));
        let mut pair = String::new();
        put_pair(&mut pair, self.format, key, value);
        self.attributes.push_str(&pair);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, &format!("{value:?}"));
    }
}

fn separator(format: LogFormat) -> char {
    match format {
        LogFormat::Logfmt => ' ',
        LogFormat::Json => ',',
    }
}

fn put_pair(out: &mut String, format: LogFormat, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(separator(format));
    }
    // Writing to a string does not fail.
    let _ = match format {
        LogFormat::Json => write!(out, "{}:{}", json(key), json(value)),
        LogFormat::Logfmt if needs_quotes(value) => write!(out, "{key}={}", json(value)),
        LogFormat::Logfmt => write!(out, "{key}={value}"),
    };
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn needs_quotes(value: &str) -> bool {
    value.is_empty()
        || value.chars().any(|c| c <= ' ' || matches!(c, '=' | '"' | '\u{7f}'..='\u{9f}'))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(Lines(format))
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn logfmt_lines_have_the_peers_keys_and_quotes() {
        let line = logged(LogFormat::Logfmt, || {
            tracing::warn!(collector = "cpu", error = "a \"b\"\nc", level = 3, "it failed");
        });
        let (head, tail) = line.split_once(" source=").unwrap();
        assert!(head.starts_with("time=20") && head.ends_with(" level=WARN"), "{line}");
        let (_, tail) = tail.split_once(' ').unwrap();
        assert_eq!(
            tail,
            "msg=\"it failed\" collector=cpu error=\"a \\\"b\\\"\\nc\" logged_level=3\n"
        );
    }

    #[test]
    fn json_lines_are_objects() {
        let line = logged(LogFormat::Json, || tracing::info!(port = 1, text = "x\ty", "hello"));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["msg"], &value["level"]), (&"hello".into(), &"INFO".into()));
        assert_eq!((&value["port"], &value["text"]), (&"1".into(), &"x\ty".into()));
    }
}
