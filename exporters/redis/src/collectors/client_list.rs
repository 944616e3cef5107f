//! Every connection of the server: `CLIENT LIST`, one line of `key=value` parts for each.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::failures::FailureLog;
use common::keyed::Keyed;
use common::metric::{Desc, Label, Metric, gauge};

use crate::replies::clients::{self, Client};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "export-client-list";

const CLIENT: Desc<'_> =
    Desc::gauge("redis_connected_client_info", "A connection of the server; always 1.");

/// Shown only where there are some, since the reference has no such family.
const LEFT_OUT: Desc<'_> = Desc::gauge(
    "redis_connected_clients_left_out",
    "Connections that are not shown because there are more than the limit.",
);

#[rustfmt::skip] // one row a line
const COLUMNS: &[Keyed] = &[
    Keyed::gauge("omem", "redis_connected_client_output_buffer_memory_usage_bytes", "Memory of a client's output buffers."),
    Keyed::gauge("tot-mem", "redis_connected_client_total_memory_consumed_bytes", "Memory of all buffers of a client."),
    Keyed::gauge("sub", "redis_connected_client_channel_subscriptions_count", "Channels that a client is subscribed to."),
    Keyed::gauge("psub", "redis_connected_client_pattern_matching_subscriptions_count", "Patterns of channels that a client is subscribed to."),
    Keyed::gauge("qbuf", "redis_connected_client_query_buffer_length_bytes", "Bytes in a client's query buffer."),
    Keyed::gauge("qbuf-free", "redis_connected_client_query_buffer_free_space_bytes", "Free bytes of a client's query buffer."),
    Keyed::gauge("obl", "redis_connected_client_output_buffer_length_bytes", "Bytes in a client's fixed output buffer."),
    Keyed::gauge("oll", "redis_connected_client_output_list_length", "Replies that wait in a client's output list."),
    Keyed::gauge("ssub", "redis_connected_client_shard_channel_subscriptions_count", "Shard channels that a client is subscribed to."),
    Keyed::gauge("watch", "redis_connected_client_shard_channel_watched_keys", "Keys that a client watches."),
];

const TIMES: &[Metric<Times>] = &[
    gauge(
        "redis_connected_client_created_at_timestamp",
        "Unix time at which a client connected.",
        |times| times.created,
    ),
    gauge(
        "redis_connected_client_idle_since_timestamp",
        "Unix time of a client's last command.",
        |times| times.idle_since,
    ),
];

/// Options of the `client_list` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
struct Options {
    /// Show the port of each client too, which makes a new series for each connection
    #[arg(
        id = "export-client-port",
        long = "export-client-port",
        env = "REDIS_EXPORTER_EXPORT_CLIENT_PORT"
    )]
    shows_port: bool,
    /// Connections to show; the series of further ones are left out
    #[arg(
        id = "collector.client_list.max-clients",
        long = "collector.client_list.max-clients",
        value_name = "N",
        default_value_t = 10_000
    )]
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    created: Option<f64>,
    idle_since: Option<f64>,
}

#[derive(Debug, PartialEq)]
struct Row<'a> {
    client: Client<'a>,
    name: &'a str,
    times: Times,
    /// In the order of `COLUMNS`.
    values: Vec<Option<f64>>,
}

impl<'a> Row<'a> {
    /// The row of a client at the time `now`.
    fn new(client: Client<'a>, now: f64, errors: &mut FirstError<ParseError>) -> Self {
        let mut number = |name: &str| errors.catch(client.number(name));
        let since = |seconds: Option<f64>| seconds.map(|seconds| now - seconds);
        Self {
            client,
            name: client.text("name").unwrap_or_default(),
            times: Times { created: since(number("age")), idle_since: since(number("idle")) },
            values: COLUMNS.iter().map(|column| number(column.key)).collect(),
        }
    }

    /// Labels of the sample that describes the client.
    fn labels(&self, shows_port: bool) -> Vec<Label<'a>> {
        let client = self.client;
        let text = |part| client.text(part).unwrap_or_default();
        let always = [
            ("id", client.id),
            ("name", self.name),
            ("flags", text("flags")),
            ("db", text("db")),
            ("host", client.host),
        ];
        let port = shows_port.then_some(("port", client.port));
        let optional = ["user", "resp"].map(|part| Some((part, client.text(part)?)));
        always.into_iter().chain(port).chain(optional.into_iter().flatten()).collect()
    }
}

struct ClientList {
    options: Options,
    /// Whether clients were left out in the last scrape.
    left_out: FailureLog,
}

pub(super) fn flags(command: Command) -> Command {
    <Options as clap::Args>::augment_args(command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_EXPORT_CLIENT_LIST",
        "Expose every connection of the server, as collector.client_list does",
    )))
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(ClientList { options, left_out: FailureLog::default() }))
}

#[async_trait]
impl Collector<Scrape> for ClientList {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let list = scrape.client_list().await?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The server counts in its own whole seconds.
        let now = scrape.info().server_time().unwrap_or(since_epoch.as_secs_f64()).floor();
        let rows = parse(&list, now, self.options.limit);
        push(&rows.good, self.options.shows_port, sink);
        let left_out = clients::lines(&list).count().saturating_sub(self.options.limit);
        if left_out > 0 {
            sink.value(&LEFT_OUT, left_out as f64);
        }
        self.log(left_out);
        rows.map_error(|error| CollectError::malformed("CLIENT LIST", error)).finish()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        // An id that no client has, so that the trial is cheap.
        [Right::to("CLIENT LIST").with("ID").with("0")].into_iter().collect()
    }
}

impl ClientList {
    /// Says when clients begin to be left out, and when that ends.
    fn log(&self, left_out: usize) {
        let limit = self.options.limit;
        if left_out == 0 {
            if self.left_out.recovered() {
                tracing::info!(limit, "all clients are shown again");
            }
        } else if self.left_out.failed("left out") {
            tracing::warn!(limit, left_out, "more clients than are shown");
        }
    }
}

fn push(rows: &[Row<'_>], shows_port: bool, sink: &mut Sink) {
    sink.samples(&CLIENT, rows.iter().map(|row| (row.labels(shows_port), 1.0)));
    let labels = |row: &Row<'_>| [("id", row.client.id.to_owned()), ("name", row.name.to_owned())];
    sink.columns(COLUMNS, rows.iter().map(|row| (labels(row), row.values.as_slice())));
    sink.table(TIMES, rows.iter().map(|row| (labels(row), &row.times)));
}

/// The first `limit` clients at the time `now`, beside what was malformed first.
fn parse(list: &str, now: f64, limit: usize) -> Partial<Vec<Row<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let mut rows = Vec::new();
    for line in clients::lines(list).take(limit) {
        if let Some(client) = errors.note(clients::parse(line)) {
            rows.push(Row::new(client, now, &mut errors));
        }
    }
    errors.beside(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    const SOCKET: &str = "id=3 addr=/run/my sock.s:0 laddr=/run/my sock.s:0 fd=7 name=app=web age=0 \
        idle=0 flags=U db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 \
        multi-mem=0 rbs=16384 rbp=16384 obl=0 oll=0 omem=0 tot-mem=37658 events=r cmd=client|list \
        user=default redir=-1 resp=2";
    const OLD: &str = "id=9 addr=[2001:db8::7]:53412 laddr=[::1]:6379 fd=8 name= age=12 idle=3 \
        flags=N db=2 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=get \
        user=app lib-name=jedis(redisson_v3.1) lib-ver=";

    fn text(list: &str, shows_port: bool) -> String {
        let clients = parse(list, 1000.0, 9);
        assert_eq!(clients.error, None);
        pushed("", |_, sink| push(&clients.good, shows_port, sink))
    }

    #[test]
    fn names_may_hold_equal_signs_and_paths_blanks() {
        let text = text(&format!("{SOCKET}\n{OLD}\n"), false);
        let name = "redis_connected_client";
        for line in [
            format!(
                "\n{name}_info{{id=\"3\",name=\"app=web\",flags=\"U\",db=\"0\",\
                 host=\"/run/my sock.s\",user=\"default\",resp=\"2\"}} 1\n"
            ),
            format!(
                "\n{name}_info{{id=\"9\",name=\"\",flags=\"N\",db=\"2\",host=\"[2001:db8::7]\",\
                 user=\"app\"}} 1\n"
            ),
            format!("\n{name}_total_memory_consumed_bytes{{id=\"3\",name=\"app=web\"}} 37658\n"),
            format!("\n{name}_created_at_timestamp{{id=\"9\",name=\"\"}} 988\n"),
            format!("\n{name}_idle_since_timestamp{{id=\"9\",name=\"\"}} 997\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        let shards = format!("{name}_shard_channel_subscriptions_count{{id=");
        assert_eq!(text.matches(&shards).count(), 1, "{text}");
    }

    #[test]
    fn ports_are_shown_where_asked_for() {
        let text = text(OLD, true);
        assert!(text.contains(",host=\"[2001:db8::7]\",port=\"53412\",user=\"app\"} 1"), "{text}");
    }

    #[test]
    fn clients_over_the_limit_are_left_out() {
        let two = format!("{SOCKET}\n\n{OLD}\n");
        let rows = parse(&two, 0.0, 1);
        assert_eq!((rows.good.len(), rows.good[0].client.id, rows.error), (1, "3", None));
        assert_eq!(parse(&two, 0.0, 2).good.len(), 2);
    }

    #[test]
    fn a_malformed_part_costs_no_other_and_a_malformed_line_neither() {
        let clients =
            parse("id=1 addr=a:1 fd=1 name=n age=x omem=5\nhello\nid=2 addr=b:1 fd=2", 0.0, 9);
        assert_eq!(clients.good.len(), 2);
        assert_eq!((clients.good[0].times.created, clients.good[0].values[0]), (None, Some(5.0)));
        assert_eq!(clients.error.unwrap().to_string(), "age of client 1 is no number: \"x\"");
        assert_eq!(parse("hello", 0.0, 9).error.unwrap().to_string(), "no client: \"hello\"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(list in "(id=|addr=| |laddr=|fd=|[a-z]{1,5}=?|:|é|\n){0,20}") {
            let _ = parse(&list, 0.0, 5);
        }
    }
}
