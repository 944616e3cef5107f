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

/// Which of `offers` an `Accept-Encoding` header prefers to the plain body, as the Go client library
/// chooses: of equal weight the plain body comes first, then they in their order. `*` stands for
/// any of them, and so for the plain body. Nothing is refused: a client that accepts none of them,
/// nor the plain body, gets that.
pub(super) fn encoding(header: &str, offers: &[&str]) -> Option<usize> {
    let (mut best, mut chosen) = (-1.0, None);
    let entries = || header.split(',').take(MAX_ENTRIES).filter_map(Entry::parse);
    let offers = offers.iter().enumerate().map(|(index, name)| (Some(index), *name));
    for (index, name) in std::iter::once((None, "identity")).chain(offers) {
        for entry in entries().filter(|entry| entry.is(name) || entry.is("*")) {
            if entry.quality > best {
                (best, chosen) = (entry.quality, index);
            }
        }
    }
    // A weight of 0 forbids.
    chosen.filter(|_| best > 0.0)
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
    fn bodies_are_packed_only_where_that_is_preferred() {
        const OFFERS: &[&str] = &["gzip", "zstd"];
        let (gzip, zstd) = (Some(0), Some(1));
        // What those that have only gzip answer, and the one that has zstd as well.
        for (header, of_one, of_both) in [
            ("", None, None),
            ("*", None, None),
            ("identity", None, None),
            ("gzip", gzip, gzip),
            ("GZip", gzip, gzip),
            ("gzip, deflate, br", gzip, gzip),
            ("gzip, Identity", None, None),
            ("deflate, gzip, br, zstd", gzip, gzip),
            ("zstd", None, zstd),
            ("zstd, gzip", gzip, gzip),
            ("zstd, gzip;q=0.5", gzip, zstd),
            ("zstd;q=0.5, gzip", gzip, gzip),
            ("zstd;q=0.5, gzip;q=0.4, identity;q=0.6", None, None),
            ("identity;q=0", None, None),
            ("identity;q=0, zstd", None, zstd),
            ("gzip;q=0", None, None),
            ("zstd;q=0, gzip;q=0", None, None),
            ("gzip;q=0.5, identity", None, None),
            ("gzip, *;q=0.1", gzip, gzip),
            ("gzip;q=0.1, *;q=0.5", None, None),
            ("br, *;q=0.5, zstd;q=0.7", None, zstd),
            ("gzip;q=2, zstd;q=x", None, None),
        ] {
            assert_eq!(encoding(header, &OFFERS[..1]), of_one, "{header}");
            assert_eq!(encoding(header, OFFERS), of_both, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_answered(header in "\\PC{0,200}", openmetrics: bool) {
            let answer = accept(&header, openmetrics);
            proptest::prop_assert!(openmetrics || answer.format == Format::Text);
            let chosen = encoding(&header, &["gzip", "zstd"]);
            proptest::prop_assert!(chosen.is_none_or(|index| index < 2));
        }
    }
}
