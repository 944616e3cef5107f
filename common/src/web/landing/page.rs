//! The page as HTML.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::Landing;
use super::history::seconds;
use super::status::{Known, Last, Row, State, Status};
use crate::exporter::Exporter;
use crate::version::BUILD;

/// Everything that a page is made of.
pub(in crate::web) struct Page {
    landing: Landing,
    telemetry_path: String,
    exporter: Arc<dyn Exporter>,
    status: Arc<Status>,
}

impl Page {
    pub(in crate::web) fn new(
        landing: Landing,
        telemetry_path: &str,
        exporter: &Arc<dyn Exporter>,
        status: &Arc<Status>,
    ) -> Self {
        Self {
            landing,
            telemetry_path: telemetry_path.to_owned(),
            exporter: Arc::clone(exporter),
            status: Arc::clone(status),
        }
    }

    /// The page as it is now, with a link to the metrics first.
    pub(in crate::web) fn render(&self) -> String {
        let mut links = link(&self.telemetry_path, "Metrics");
        for (path, text) in &self.landing.links {
            links += &link(path, text);
        }
        links += &link("/-/healthy", "Health");
        let build = BUILD;
        let (known, now) = (self.status.known(), Timestamp::now());
        format!(
            include_str!("page.html"),
            title = escape(self.landing.title),
            description = escape(self.landing.description),
            version = escape(build.version),
            branch = escape(build.branch),
            revision = escape(build.revision),
            links = links,
            metrics = escape(self.telemetry_path.trim_start_matches('/')),
            content = self.landing.content,
            state = state(&known, self.exporter.target().as_deref(), now),
            history = known.history.picture(Instant::now()),
            rows = rows(&known, now),
        )
    }
}

/// Whether the target is up, and what the last scrape was.
fn state(known: &Known, target: Option<&str>, now: Timestamp) -> String {
    let (class, word, details) = match &known.last {
        None => ("", "not scraped yet", String::new()),
        Some(last) => {
            let (class, word) = verdict(last);
            let details = match &last.reason {
                Some(reason) => format!(": {}", escape(reason)),
                None if last.failed > 0 => {
                    format!(": {} of {} collectors failed", last.failed, last.ran)
                }
                None => String::new(),
            };
            let (time, series) = (seconds(last.duration.as_secs_f32()), last.series);
            let ago = ago(last.ended, now);
            (class, word, format!("{details}; {series} series in {time}, {ago}"))
        }
    };
    let target = target.map_or_else(String::new, |target| format!(" {}", escape(target)));
    format!("<b class=\"badge {class}\">{word}</b>{target}{details}")
}

fn verdict(last: &Last) -> (&'static str, &'static str) {
    if last.reason.is_some() {
        ("bad", "down")
    } else if last.failed > 0 {
        ("warn", "partly up")
    } else {
        ("good", "up")
    }
}

fn rows(known: &Known, now: Timestamp) -> String {
    let mut text = String::new();
    let Some(last) = &known.last else {
        return "<tr role=\"row\"><td role=\"cell\" colspan=\"5\">Nothing has been scraped yet.\
                </td></tr>\n"
            .to_owned();
    };
    for row in &known.rows {
        let (class, word) = row_verdict(row, last);
        let error = row.last_error.as_ref().map_or_else(
            || "–".to_owned(),
            |(when, error)| format!("{} <small>{}</small>", escape(error), ago(*when, now)),
        );
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">{name}</th>\
             <td role=\"cell\" data-title=\"State\"><span class=\"badge {class}\">{word}</span></td>\
             <td role=\"cell\" data-title=\"Duration\" class=\"number\">{duration}</td>\
             <td role=\"cell\" data-title=\"Series\" class=\"number\">{series}</td>\
             <td role=\"cell\" data-title=\"Last error\">{error}</td></tr>",
            name = escape(&row.collector),
            duration = seconds(row.duration.as_secs_f32()),
            series = row.series,
        );
    }
    text
}

fn row_verdict(row: &Row, last: &Last) -> (&'static str, &'static str) {
    if !row.is_current(last) {
        return ("", "not run");
    }
    match row.state {
        State::Works => ("good", "works"),
        State::LeavesOut => ("warn", "leaves out malformed input"),
        State::NoData => ("", "no data"),
        State::Failed => ("bad", "failed"),
    }
}

/// How long ago something was, with the moment itself for machines and pointers.
fn ago(when: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(when.as_second()).max(0);
    let words = match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    };
    let exact = when.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("<time datetime=\"{exact}\" title=\"{exact}\">{words}</time>")
}

/// Links are relative, so that the page also works behind a proxy's path prefix.
fn link(path: &str, text: &str) -> String {
    let path = path.trim_start_matches('/');
    format!("<li><a href=\"{}\">{}</a></li>\n", escape(path), escape(text))
}

/// Escapes text for HTML content and attribute values.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            // Such as escape sequences; they have no place in HTML.
            _ if character.is_control() => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::error::CollectError;
    use crate::exporter::{Refusal, ScrapeRequest};
    use crate::exposition::Exposition;
    use crate::scrape::Outcome;

    struct Hostile;

    #[async_trait]
    impl Exporter for Hostile {
        async fn scrape(
            &self,
            _: &ScrapeRequest,
            _: &mut Exposition,
        ) -> Result<Vec<Outcome>, Refusal> {
            Ok(Vec::new())
        }

        fn target(&self) -> Option<String> {
            Some("<target>".into())
        }
    }

    fn page(status: Status) -> String {
        let landing = Landing {
            title: "A <b>",
            description: "It's",
            links: vec![("/scrape".into(), "Probe".into())],
            content: "<em>more</em>",
        };
        let exporter: Arc<dyn Exporter> = Arc::new(Hostile);
        Page::new(landing, "/metrics\"", &exporter, &Arc::new(status)).render()
    }

    #[test]
    fn text_is_escaped_and_links_are_relative() {
        let page = page(Status::default());
        assert!(page.contains("A &#60;b&#62;") && page.contains("It&#39;s"), "{page}");
        assert!(page.contains("<a href=\"metrics&#34;\">Metrics</a>"), "{page}");
        assert!(page.contains("<a href=\"scrape\">Probe</a>"), "{page}");
        assert!(page.contains("<body data-metrics=\"metrics&#34;\">"), "{page}");
        assert!(page.contains("<em>more</em>"), "{page}");
        assert!(page.contains("not scraped yet</b> &#60;target&#62;"), "{page}");
    }

    #[test]
    fn each_collector_has_a_row_with_its_last_error() {
        let outcome = |collector: &str, result| Outcome {
            series: 12,
            ..Outcome::new(collector, Duration::from_micros(2_340), result)
        };
        let status = Status::default();
        let hostile = "\"><script>alert(1)</script>\u{1b}[31m";
        let error = CollectError::query(hostile, &hostile);
        let absent = Err(CollectError::NoData("none".into()));
        let outcomes =
            [outcome("cpu", Ok(())), outcome(hostile, Err(error)), outcome("zfs", absent)];
        status.note(&outcomes, Duration::from_millis(17));
        let page = page(status);
        assert!(
            page.contains("partly up</b> &#60;target&#62;: 1 of 3 collectors failed"),
            "{page}"
        );
        assert!(page.contains("36 series in 17 ms, <time datetime=\"2"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'), "{page}");
        assert!(page.contains(">cpu</th>") && page.contains(">2.3 ms</td>"), "{page}");
        assert_eq!(page.matches("<small><time ").count(), 1, "{page}");
        assert!(
            page.contains(">works<") && page.contains(">failed<") && page.contains(">no data<")
        );
    }

    #[test]
    fn a_scrape_without_an_answer_is_told() {
        let status = Status::default();
        status.note_lost("the scrape took too long", Duration::from_secs(11));
        let page = page(status);
        assert!(page.contains("down</b> &#60;target&#62;: the scrape took too long"), "{page}");
        assert!(page.contains("11.0 s lately"), "{page}");
    }

    #[test]
    fn what_a_clock_that_was_put_back_calls_the_future_was_just_now() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (when, now, words) in [
            (1_000_000, 1_000_119, ">119 s ago<"),
            (1_000_000, 1_000_120, ">2 min ago<"),
            (1_000_000, 1_000_000 - 31_536_000, ">0 s ago<"),
            (1_000_000, 1_000_000 + 31_536_000, ">365 days ago<"),
            (-377_705_000_000, 253_402_207_200, "days ago<"),
        ] {
            let text = ago(at(when), at(now));
            assert!(text.contains(words), "{when} {now}: {text}");
        }
    }
}
