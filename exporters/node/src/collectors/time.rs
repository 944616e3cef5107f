//! System time, time zone and clock source: the clock, `/sys/devices/system/clocksource`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::host::Host;

const SOURCES: &str = "devices/system/clocksource";

const SECONDS: Desc<'_> = Desc::gauge("node_time_seconds", "System time, seconds since the epoch.");
const ZONE_OFFSET: Desc<'_> = Desc::gauge(
    "node_time_zone_offset_seconds",
    "Current offset of the system's time zone from UTC, in seconds.",
);
const AVAILABLE: Desc<'_> = Desc::gauge(
    "node_time_clocksource_available_info",
    "Clock sources that the kernel could use; always 1.",
);
const CURRENT: Desc<'_> = Desc::gauge(
    "node_time_clocksource_current_info",
    "Clock source that the kernel uses; always 1.",
);

#[derive(Debug, Default)]
pub(super) struct Time;

#[async_trait]
impl Collector<Host> for Time {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let now = Timestamp::now();
        sink.value(&SECONDS, now.as_nanosecond() as f64 / 1e9);
        let zone = TimeZone::system();
        let info = zone.to_offset_info(now);
        let offset = f64::from(info.offset().seconds());
        sink.family(&ZONE_OFFSET).sample(&[("time_zone", info.abbreviation())], offset);
        let names = host.list_sys(SOURCES)?.unwrap_or_default();
        let (mut sources, mut errors) = (Vec::new(), FirstError::default());
        for name in names.iter().filter(|name| name.starts_with("clocksource")) {
            let mut read = |file| errors.catch(host.attribute(&format!("{SOURCES}/{name}/{file}")));
            sources.push((read("available_clocksource"), read("current_clocksource")));
        }
        push_sources(&sources, sink);
        errors.into_result()
    }
}

/// `sources` are (available, current) by position, which is the label `device`.
fn push_sources(sources: &[(Option<String>, Option<String>)], sink: &mut Sink) {
    let sample = |device: usize, source: &str| {
        ([("clocksource", source.to_owned()), ("device", device.to_string())], 1.0)
    };
    let available = sources.iter().enumerate().flat_map(|(device, (available, _))| {
        let names = available.iter().flat_map(|names| names.split_ascii_whitespace());
        names.map(move |name| sample(device, name))
    });
    sink.samples(&AVAILABLE, available);
    let current = sources.iter().enumerate();
    let current = current.filter_map(|(device, (_, name))| Some(sample(device, name.as_deref()?)));
    sink.samples(&CURRENT, current);
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn sources_are_numbered_by_position() {
        let sources = [(Some("tsc hpet".into()), Some("tsc".into())), (None, None)];
        let text = testing::exposed(|sink| push_sources(&sources, sink));
        let available = "node_time_clocksource_available_info";
        for line in [
            format!("{available}{{clocksource=\"tsc\",device=\"0\"}} 1\n"),
            format!("{available}{{clocksource=\"hpet\",device=\"0\"}} 1\n"),
            "node_time_clocksource_current_info{clocksource=\"tsc\",device=\"0\"} 1\n".into(),
        ] {
            assert!(text.contains(&line), "{text}");
        }
        assert!(!text.contains("device=\"1\""), "{text}");
    }
}
