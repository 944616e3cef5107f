//! Carries the families of a prometheus-client registry over into a sink.
//!
//! The library writes OpenMetrics only. Its text is taken apart into families
//! (metadata under the family name, samples under the suffixed one) which the
//! sink then writes in whichever format the client wants.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

use crate::exposition::Sink;
use crate::metric::{Desc, Kind};

/// Room for the text of the few families that there are.
const TEXT_BYTES: usize = 2048;

/// Pushes every family of `registry`, the samples of each in order of their labels.
pub(super) fn push(registry: &Registry, sink: &mut Sink) {
    let mut text = String::with_capacity(TEXT_BYTES);
    if encode_registry(&mut text, registry).is_err() {
        // Writing to a string does not fail; a collector of ours that does is left out.
        tracing::debug!("own metrics could not be encoded");
    }
    let mut rest = text.as_str();
    while let Some(start) = rest.find("# HELP ") {
        let family = &rest[start + "# HELP ".len()..];
        let end = family.find("# HELP ").unwrap_or(family.len());
        push_family(&family[..end], sink);
        rest = &family[end..];
    }
}

/// `family` is the text behind `# HELP ` up to the next family.
fn push_family(family: &str, sink: &mut Sink) {
    let mut lines = family.lines();
    let Some((name, help)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let mut kind = Kind::Untyped;
    let mut samples = Vec::new();
    for line in lines {
        match line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            Some((_, word)) => kind = kind_of(word),
            None if line.starts_with('#') => {}
            None => samples.push(line),
        }
    }
    samples.sort_unstable();
    let counter_name = format!("{name}_total");
    let name = if kind == Kind::Counter { &counter_name } else { name };
    let mut family = sink.family(&Desc { name, help, kind });
    for line in samples {
        // The library spells 12 as 12.0.
        if let Some((series, value)) = line.rsplit_once(' ')
            && let Ok(value) = value.parse()
        {
            family.rendered(series, value);
        }
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "counter" => Kind::Counter,
        "gauge" | "info" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        _ => Kind::Untyped,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::exposition::{Exposition, Format, Pool};
    use crate::testing::text;

    #[test]
    fn families_come_out_in_both_formats() {
        let mut registry = Registry::default();
        let requests = Family::<[(&str, &str); 1], Counter>::default();
        for code in ["503", "200", "500"] {
            requests.get_or_create(&[("code", code)]).inc();
        }
        registry.register("requests", "Requests", requests);
        registry.register("depth", "Depth", Gauge::<i64>::default());
        let limit = Gauge::<f64, AtomicU64>::default();
        limit.set(18_446_744_073_709_551_615.0);
        registry.register("limit", "Limit", limit);
        let samples = "requests_total{code=\"200\"} 1\nrequests_total{code=\"500\"} 1\n\
                       requests_total{code=\"503\"} 1\n";
        for (format, name) in [(Format::Text, "requests_total"), (Format::OpenMetrics, "requests")]
        {
            let mut sink = Sink::new(format);
            push(&registry, &mut sink);
            assert_eq!(
                text(&sink),
                format!(
                    "# HELP {name} Requests.\n# TYPE {name} counter\n{samples}\
                     # HELP depth Depth.\n# TYPE depth gauge\ndepth 0\n\
                     # HELP limit Limit.\n# TYPE limit gauge\nlimit 1.8446744073709552e+19\n"
                )
            );
        }
    }

    #[test]
    fn families_follow_a_renamed_namespace() {
        let mut registry = Registry::default();
        registry.register("redis_depth", "Depth", Gauge::<i64>::default());
        let mut exposition = Exposition::new(Format::Text, Pool::default());
        exposition.rename_namespace("redis_", "cache_");
        let mut sink = exposition.sink();
        push(&registry, &mut sink);
        assert_eq!(
            text(&sink),
            "# HELP cache_depth Depth.\n# TYPE cache_depth gauge\ncache_depth 0\n"
        );
    }
}
