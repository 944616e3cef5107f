//! Chooses format, escaping word and compression from a request's headers, as the Go client library does.

use crate::exposition::Format;

/// Entries of one header that are looked at; the rest of a hostile one is ignored.
const MAX_ENTRIES: usize = 64;

/// What the answer will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Negotiated {
    /// The format of the body.
    pub(super) format: Format,
    /// The whole `Content-Type` value.
    pub(super) content_type: &'static str,
}

/// Chooses format and `Content-Type` for an `Accept` header. Never refuses:
/// where nothing matches, the answer is text 0.0.4.
///
/// The `escaping` word is echoed because Prometheus 3 expects it; all our
/// names are legal in every scheme, so it changes nothing else.
pub(super) fn accept(header: &str, openmetrics_enabled: bool) -> Negotiated {
    let mut entries: Vec<Entry<'_>> =
        header.split(',').take(MAX_ENTRIES).filter_map(Entry::parse).collect();
    // Stable, so entries of equal weight keep the client's order.
    entries.sort_by(|a, b| b.quality.total_cmp(&a.quality).then(a.wildcards.cmp(&b.wildcards)));
    let mut escaping = "underscores";
    for entry in &entries {
        escaping = entry.parameter("escaping").and_then(known_escaping).unwrap_or(escaping);
        let version = entry.parameter("version");
        let is_openmetrics = openmetrics_enabled && entry.is("application/openmetrics-text");
        match version {
            None | Some("0.0.4") if entry.is("text/plain") => return text(escaping),
            None | Some("0.0.1") if is_openmetrics => return openmetrics("0.0.1", escaping),
            Some("1.0.0") if is_openmetrics => return openmetrics("1.0.0", escaping),
            _ => {}
        }
    }
    text(escaping)
}

/// True if an `Accept-Encoding` header prefers gzip to the plain body.
pub(super) fn accepts_gzip(header: &str) -> bool {
    let mut gzip = None;
    let mut identity = None;
    for entry in header.split(',').take(MAX_ENTRIES).filter_map(Entry::parse) {
        if entry.is("gzip") {
            gzip = gzip.or(Some(entry.quality));
        } else if entry.is("identity") {
            identity = identity.or(Some(entry.quality));
        }
    }
    // A plain body is always acceptable unless named; at equal weight it comes first.
    gzip.is_some_and(|gzip| gzip > 0.0 && identity.is_none_or(|identity| gzip > identity))
}

/// One entry of an `Accept` or `Accept-Encoding` header.
struct Entry<'a> {
    media_type: &'a str,
    parameters: &'a str,
    quality: f32,
    /// 0 for a concrete type, 1 for `text/*`, 2 for `*/*`.
    wildcards: usize,
}

impl<'a> Entry<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (media_type, parameters) = text.split_once(';').unwrap_or((text, ""));
        let media_type = media_type.trim();
        let mut entry = Self {
            media_type,
            parameters,
            quality: 1.0,
            wildcards: media_type.matches('*').count(),
        };
        if media_type.is_empty() {
            return None;
        }
        if let Some(quality) = entry.parameter("q") {
            entry.quality = quality.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
        }
        Some(entry)
    }

    /// True for the entry of this media type or coding, in whichever case.
    fn is(&self, name: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(name)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }
}

fn known_escaping(word: &str) -> Option<&'static str> {
    ["allow-utf-8", "underscores", "dots", "values"].into_iter().find(|known| *known == word)
}

fn text(escaping: &str) -> Negotiated {
    let content_type = match escaping {
        "allow-utf-8" => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
        "dots" => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
        "values" => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
        _ => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
    };
    Negotiated { format: Format::Text, content_type }
}

fn openmetrics(version: &str, escaping: &str) -> Negotiated {
    /// The eight values, spelled out so that the header needs no allocation.
    macro_rules! value {
        ($version:literal, $escaping:literal) => {
            concat!(
                "application/openmetrics-text; version=",
                $version,
                "; charset=utf-8; escaping=",
                $escaping
            )
        };
    }
    let content_type = match (version, escaping) {
        ("0.0.1", "allow-utf-8") => value!("0.0.1", "allow-utf-8"),
        ("0.0.1", "dots") => value!("0.0.1", "dots"),
        ("0.0.1", "values") => value!("0.0.1", "values"),
        ("0.0.1", _) => value!("0.0.1", "underscores"),
        (_, "allow-utf-8") => value!("1.0.0", "allow-utf-8"),
        (_, "dots") => value!("1.0.0", "dots"),
        (_, "values") => value!("1.0.0", "values"),
        _ => value!("1.0.0", "underscores"),
    };
    Negotiated { format: Format::OpenMetrics, content_type }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROTOBUF_FIRST: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
        application/openmetrics-text;version=0.0.1;q=0.4,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    fn kind(header: &str, openmetrics: bool) -> &'static str {
        accept(header, openmetrics).content_type
    }

    #[test]
    fn text_is_the_answer_unless_openmetrics_is_enabled() {
        const UTF8: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
        const UNDERSCORES: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
        const DOTS: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=dots";
        for (header, expected) in [
            ("", UNDERSCORES),
            ("*/*", UNDERSCORES),
            ("text/plain", UNDERSCORES),
            (PROMETHEUS, UTF8),
            (PROTOBUF_FIRST, UTF8),
            ("application/openmetrics-text;version=1.0.0", UNDERSCORES),
            ("application/openmetrics-text", UNDERSCORES),
            ("text/plain;version=1.0.0;escaping=dots", DOTS),
            ("application/json", UNDERSCORES),
            ("text/html,;;q=,\u{1f600}", UNDERSCORES),
        ] {
            assert_eq!(kind(header, false), expected, "{header}");
        }
    }

    #[test]
    fn openmetrics_is_negotiated_once_enabled() {
        const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
        const OM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        const OLD: &str =
            "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores";
        assert_eq!(kind(PROMETHEUS, true), format!("{OM}; escaping=allow-utf-8"));
        assert_eq!(kind(PROTOBUF_FIRST, true), format!("{OM}; escaping=allow-utf-8"));
        assert_eq!(
            kind("application/openmetrics-text;version=1.0.0", true),
            format!("{OM}; escaping=underscores")
        );
        assert_eq!(kind("application/openmetrics-text", true), OLD);
        assert_eq!(kind("Application/OpenMetrics-Text", true), OLD);
        assert_eq!(kind("application/openmetrics-text;version=0.0.1", true), OLD);
        assert!(kind("text/plain, application/openmetrics-text;q=0.5", true).starts_with("text/"));
        for header in ["", "*/*", "text/plain", "application/json", "text/html"] {
            assert_eq!(kind(header, true), format!("{TEXT}; escaping=underscores"), "{header}");
        }
        let dots = "text/plain;version=1.0.0;escaping=dots";
        assert_eq!(kind(dots, true), format!("{TEXT}; escaping=dots"));
        // Words that nobody knows change nothing; of those that are known the last one counts.
        for (header, escaping) in [
            ("text/plain;escaping=loud", "underscores"),
            ("text/plain;version=1.0.0;escaping=values,text/plain;version=0.0.4;q=0.5", "values"),
            (
                "text/plain;version=1.0.0;escaping=dots,*/*;escaping=allow-utf-8;q=0.1",
                "allow-utf-8",
            ),
        ] {
            assert_eq!(kind(header, true), format!("{TEXT}; escaping={escaping}"), "{header}");
        }
    }

    #[test]
    fn gzip_is_used_only_where_it_is_preferred() {
        for (header, expected) in [
            ("", false),
            ("*", false),
            ("identity", false),
            ("gzip", true),
            ("GZip", true),
            ("gzip, deflate, br", true),
            ("gzip, Identity", false),
            ("deflate, gzip, br, zstd", true),
            ("zstd", false),
            ("zstd, gzip;q=0.5", true),
            ("identity;q=0", false),
            ("gzip;q=0", false),
            ("gzip;q=0.5, identity", false),
        ] {
            assert_eq!(accepts_gzip(header), expected, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_answered(header in "\\PC{0,200}", openmetrics: bool) {
            let answer = accept(&header, openmetrics);
            proptest::prop_assert!(openmetrics || answer.format == Format::Text);
            accepts_gzip(&header);
        }
    }
}
