//! Latency as the server's monitor sees it: `LATENCY LATEST`, and the distribution per command
//! of `LATENCY HISTOGRAM` (Redis 7, Valkey).

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Value, cmd};

use crate::replies::commands::Calls;
use crate::replies::info::Info;
use crate::replies::values::{find, items, number, pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const SPIKES: &[Metric<Spike>] = &[
    gauge(
        "redis_latency_spike_last",
        "Unix time of the latest spike, by kind of event.",
        |spike| Some(spike.time),
    ),
    gauge(
        "redis_latency_spike_duration_seconds",
        "How long the latest spike took, by kind of event.",
        |spike| Some(spike.milliseconds / 1000.0),
    ),
];

const LATENCIES: Desc<'_> =
    Desc::histogram("redis_commands_latencies_usec", "Microseconds that a command took.");

/// Options of the `latency` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct Options {
    /// Leave out all that LATENCY tells: spikes and histograms
    #[arg(
        id = "exclude-latency-histogram-metrics",
        long = "exclude-latency-histogram-metrics",
        env = "REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS"
    )]
    is_excluded: bool,
}

/// The latest spike of one kind of event.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spike {
    time: f64,
    milliseconds: f64,
}

/// How long the calls of one command took.
#[derive(Debug, PartialEq)]
struct Histogram {
    command: String,
    calls: u64,
    /// Upper bound in microseconds, and calls up to it.
    buckets: Vec<(f64, u64)>,
}

struct Latency(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Latency(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Latency {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if self.0.is_excluded || scrape.info().is_sentinel() {
            return Ok(());
        }
        let (spikes, histograms) = tokio::join!(
            ask(scrape, "LATENCY LATEST", true),
            ask(scrape, "LATENCY HISTOGRAM", has_histogram(scrape.info()))
        );
        let mut errors = FirstError::default();
        if let Some(reply) = errors.catch(spikes) {
            let spikes = parse_latest(&reply).map_error(malformed("LATENCY LATEST"));
            let spikes = errors.take(spikes);
            let rows = spikes.iter().map(|(event, spike)| ([("event_name", event)], spike));
            sink.table(SPIKES, rows);
        }
        if let Some(reply) = errors.catch(histograms) {
            let histograms = parse_histograms(&reply).map_error(malformed("LATENCY HISTOGRAM"));
            // Malformed call counts are reported by the collector of that section.
            push(&errors.take(histograms), &scrape.calls().good, sink);
        }
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if self.0.is_excluded {
            return Needs::not_applicable("--exclude-latency-histogram-metrics turns it off");
        }
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no LATENCY");
        }
        let histogram = has_histogram(scrape.info());
        let histogram = histogram.then(|| Right::to("LATENCY HISTOGRAM").with("none").if_known());
        [Right::to("LATENCY LATEST").if_known()].into_iter().chain(histogram).collect()
    }
}

async fn ask(
    scrape: &Scrape,
    statement: &'static str,
    is_known: bool,
) -> Result<Option<Value>, CollectError> {
    let Some((name, subcommand)) = statement.split_once(' ').filter(|_| is_known) else {
        return Ok(None);
    };
    scrape.ask_if_known(statement, cmd(name).arg(subcommand)).await
}

/// True if the server knows `LATENCY HISTOGRAM`. Asking in vain would count as an error there.
fn has_histogram(info: &Info) -> bool {
    info.is_redis_since(7)
}

/// Pushes the histograms; their sums are those of the same commands in `INFO`, which the server
/// was asked for just before. A command that was not called until then has no sum yet, and is
/// left out.
fn push(histograms: &[Histogram], stats: &[(impl AsRef<str>, Calls)], sink: &mut Sink) {
    let mut family = sink.family(&LATENCIES);
    for Histogram { command, calls, buckets } in histograms {
        if let Some(sum) = microseconds(stats, command) {
            family.histogram(&[("cmd", command)], buckets.iter().copied(), sum, *calls);
        }
    }
}

/// Microseconds that a command took together with its subcommands, such as `config|get`.
fn microseconds(stats: &[(impl AsRef<str>, Calls)], command: &str) -> Option<f64> {
    let belongs = |name: &str| {
        name.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
    };
    let times = stats.iter().filter(|(name, _)| belongs(name.as_ref()));
    times.filter_map(|(_, calls)| calls.microseconds).reduce(|sum, time| sum + time)
}

/// Rows of (event, Unix time, milliseconds, maximum, …).
fn parse_latest(reply: &Value) -> Partial<Vec<(String, Spike)>, ParseError> {
    let Some(rows) = items(reply) else { return Partial::failed(unexpected()) };
    let spike = |row: &Value| {
        let [event, time, milliseconds, ..] = items(row)? else { return None };
        let spike = Spike { time: number(time)?, milliseconds: number(milliseconds)? };
        Some((text(event)?.into_owned(), spike))
    };
    rows.iter().map(|row| spike(row).ok_or_else(unexpected)).collect()
}

/// Pairs of a command and its `calls` and `histogram_usec`, which is pairs of bound and calls.
fn parse_histograms(reply: &Value) -> Partial<Vec<Histogram>, ParseError> {
    let Some(commands) = pairs(reply) else { return Partial::failed(unexpected()) };
    let rows = commands.into_iter().map(|(name, fields)| {
        let name = text(name).ok_or_else(unexpected)?;
        parse_histogram(&name, fields)
            .ok_or_else(|| ParseError::form("unexpected histogram of", &name))
    });
    rows.collect()
}

fn parse_histogram(command: &str, fields: &Value) -> Option<Histogram> {
    let fields = pairs(fields)?;
    let pairs = pairs(find(&fields, "histogram_usec")?)?;
    let mut buckets = Vec::with_capacity(pairs.len());
    for (bound, calls) in pairs {
        buckets.push((number(bound)?, count(calls)?));
    }
    if !buckets.is_sorted_by(|a, b| a.0 < b.0) {
        return None;
    }
    let calls = count(find(&fields, "calls")?)?;
    Some(Histogram { command: command.to_owned(), calls, buckets })
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn malformed(statement: &str) -> impl Fn(ParseError) -> CollectError {
    move |error| CollectError::malformed(statement, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;
    use crate::replies::commands;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()).unwrap()
    }

    fn histograms(text: &str) -> Partial<Vec<Histogram>, ParseError> {
        parse_histograms(&reply(text))
    }

    #[test]
    fn the_latest_spikes_are_read() {
        let reply = reply("*2 *4 $7 command :1405067976 :251 :1001 *6 +fork :5 :1 :2 :3 :4 ");
        let spike = |time, milliseconds| Spike { time, milliseconds };
        assert_eq!(
            parse_latest(&reply),
            Partial::whole(vec![
                ("command".to_owned(), spike(1_405_067_976.0, 251.0)),
                ("fork".to_owned(), spike(5.0, 1.0))
            ])
        );
    }

    #[test]
    fn a_malformed_row_costs_no_other() {
        for row in ["*3 +a +x :1", "*2 +a :1", ":1", "*3 $-1 :1 :1"] {
            let Partial { good, error } = parse_latest(&reply(&format!("*2 {row} *3 +b :1 :1 ")));
            assert_eq!((good.len(), error.is_some()), (1, true), "{row}");
        }
        for bad in [
            "*2 +calls :1",
            "*4 +calls :-1 +histogram_usec *0",
            "*4 +calls :1 +histogram_usec *4 :2 :1 :1 :1",
        ] {
            let Partial { good, error } =
                histograms(&format!("*4 +get {bad} +set *4 +calls :3 +histogram_usec *2 :1 :3 "));
            let set = Histogram { command: "set".into(), calls: 3, buckets: vec![(1.0, 3)] };
            assert_eq!(good, [set], "{bad}");
            assert_eq!(error.unwrap().to_string(), "unexpected histogram of: \"get\"");
        }
    }

    #[test]
    fn sums_are_those_of_the_command_and_its_subcommands() {
        let stats = "# Commandstats\r\ncmdstat_georadius_ro:calls=1,usec=7\r\n\
                     cmdstat_json.get:calls=1,usec=8\r\ncmdstat_config|get:calls=1,usec=20\r\n\
                     cmdstat_config|set:calls=1,usec=4\r\ncmdstat_configs:calls=1,usec=1\r\n\
                     cmdstat_ft.search-x:calls=1,usec=9\r\n";
        let entry = "*4 +calls :2 +histogram_usec *4 :1 :1 :4 :2";
        let Partial { good, error } = histograms(&format!(
            "*12 +georadius_ro {entry} +json.get {entry} +config {entry} +config|set {entry} \
             +ft.search-x {entry} +new {entry} "
        ));
        assert_eq!(error, None);
        let text = pushed(stats, |info, sink| push(&good, &commands::parse(info).good, sink));
        for (command, sum) in [
            ("georadius_ro", 7),
            ("json.get", 8),
            ("config", 24),
            ("config|set", 4),
            ("ft.search-x", 9),
        ] {
            let name = "redis_commands_latencies_usec";
            for line in [
                format!("\n{name}_bucket{{cmd=\"{command}\",le=\"4\"}} 2\n"),
                format!("\n{name}_bucket{{cmd=\"{command}\",le=\"+Inf\"}} 2\n"),
                format!("\n{name}_sum{{cmd=\"{command}\"}} {sum}\n"),
                format!("\n{name}_count{{cmd=\"{command}\"}} 2\n"),
            ] {
                assert!(text.contains(&line), "{line}{text}");
            }
        }
        assert!(!text.contains("\"new\""), "{text}");
    }

    #[test]
    fn only_servers_with_histograms_are_asked_for_them() {
        for (info, expected) in [
            ("redis_version:7.0.15", true),
            ("redis_version:7.2.4\r\nvalkey_version:8.1.0", true),
            ("redis_version:6.2.14", false),
            ("redis_version:255.255.255", true),
            ("redis_version:7.4.0\r\ndragonfly_version:df-v1.35.0", false),
            ("redis_version:7.0.0\r\nkvrocks_version:2.12.0", false),
            ("", false),
        ] {
            assert_eq!(has_histogram(&Info::new(info.to_owned())), expected, "{info}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-4] |:-?[0-9]{1,3} |\\+calls |\\+histogram_usec |\\$-1 ){1,9}") {
            if let Ok(reply) = redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()) {
                let _ = (parse_latest(&reply), parse_histograms(&reply));
            }
        }
    }
}
