//! Every connection of the server: `CLIENT LIST`, one line of `key=value` parts for each.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, excerpt};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, Label, Metric, gauge};
use redis::cmd;

use crate::replies::values::{text, unexpected};
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "export-client-list";

const CLIENT: Desc<'_> =
    Desc::gauge("redis_connected_client_info", "A connection of the server; always 1.");

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

/// Samples are made up to this many bytes of text, which is enough for some 6,000 clients.
const MAX_TEXT: usize = 8 << 20;

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
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    created: Option<f64>,
    idle_since: Option<f64>,
}

#[derive(Debug, PartialEq)]
struct Client<'a> {
    id: &'a str,
    name: &'a str,
    flags: &'a str,
    db: &'a str,
    host: &'a str,
    port: &'a str,
    user: Option<&'a str>,
    resp: Option<&'a str>,
    times: Times,
    /// In the order of `COLUMNS`.
    values: Vec<Option<f64>>,
}

impl<'a> Client<'a> {
    /// Labels of the sample that describes the client.
    fn labels(&self, shows_port: bool) -> Vec<Label<'a>> {
        let always = [
            ("id", self.id),
            ("name", self.name),
            ("flags", self.flags),
            ("db", self.db),
            ("host", self.host),
        ];
        let port = shows_port.then_some(("port", self.port));
        let user = self.user.map(|user| ("user", user));
        let resp = self.resp.map(|resp| ("resp", resp));
        always.into_iter().chain(port).chain(user).chain(resp).collect()
    }
}

struct ClientList(Options);

pub(super) fn flags(command: Command) -> Command {
    <Options as clap::Args>::augment_args(command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_EXPORT_CLIENT_LIST",
        "Expose every connection of the server, as collector.client_list does",
    )))
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(ClientList(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for ClientList {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let reply = scrape.ask("CLIENT LIST", cmd("CLIENT").arg("LIST")).await?;
        let malformed = |error| CollectError::malformed("CLIENT LIST", error);
        let list = text(&reply).ok_or_else(|| malformed(unexpected()))?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The server counts in its own whole seconds.
        let now = scrape.info().server_time().unwrap_or(since_epoch.as_secs_f64()).floor();
        let clients = parse(&list, now);
        push(&clients.good, self.0.shows_port, sink);
        clients.map_error(malformed).finish()
    }
}

fn push(clients: &[Client<'_>], shows_port: bool, sink: &mut Sink) {
    sink.samples(&CLIENT, clients.iter().map(|client| (client.labels(shows_port), 1.0)));
    let labels =
        |client: &Client<'_>| [("id", client.id.to_owned()), ("name", client.name.to_owned())];
    sink.columns(COLUMNS, clients.iter().map(|client| (labels(client), client.values.as_slice())));
    sink.table(TIMES, clients.iter().map(|client| (labels(client), &client.times)));
}

/// The clients at the time `now`, beside what was malformed first.
fn parse(list: &str, now: f64) -> Partial<Vec<Client<'_>>, ParseError> {
    let mut errors = FirstError::default();
    let lines = list.lines().filter(|line| !line.trim().is_empty());
    let mut room = MAX_TEXT;
    let clients = lines.filter_map(|line| {
        let client = parse_client(line, now, &mut errors);
        if let Some(client) = &client {
            room = room.saturating_sub(text_length(client));
            if room == 0 {
                errors.keep(ParseError::form("more clients than are shown", line));
                return None;
            }
        }
        if client.is_none() {
            errors.keep(ParseError::form("no client", line));
        }
        client
    });
    let clients = clients.collect();
    errors.beside(clients)
}

/// Bytes of text that the samples of a client take, about.
fn text_length(client: &Client<'_>) -> usize {
    let samples = 1 + COLUMNS.len() + TIMES.len();
    samples * (client.id.len() + client.name.len() + 80)
}

/// A line `id=… addr=… [laddr=…] fd=… name=… …`.
fn parse_client<'a>(
    line: &'a str,
    now: f64,
    errors: &mut FirstError<ParseError>,
) -> Option<Client<'a>> {
    let (id, rest) = line.strip_prefix("id=")?.split_once(" addr=")?;
    // The path of a socket may hold blanks and what looks like other parts.
    let (address, rest) = rest.split_once(" laddr=").or_else(|| rest.split_once(" fd="))?;
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    // That of the server's side of the connection as well: the last part of a name counts, since
    // no later value holds a blank. A name may hold a `=`.
    let parts = || rest.rsplit(' ').filter_map(|part| part.split_once('='));
    let field = |name: &str| parts().find(|(key, _)| *key == name).map(|(_, value)| value);
    let mut number = |name: &str| {
        let text = field(name)?;
        let complaint =
            || ParseError::form(&format!("{name} of client {} is no number", excerpt(id)), text);
        errors.note(text.parse::<f64>().map_err(|_| complaint()))
    };
    let since = |seconds: Option<f64>| seconds.map(|seconds| now - seconds);
    Some(Client {
        id,
        times: Times { created: since(number("age")), idle_since: since(number("idle")) },
        values: COLUMNS.iter().map(|column| number(column.key)).collect(),
        name: field("name").unwrap_or_default(),
        flags: field("flags").unwrap_or_default(),
        db: field("db").unwrap_or_default(),
        host,
        port,
        user: field("user"),
        resp: field("resp"),
    })
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
        let clients = parse(list, 1000.0);
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
    fn a_path_that_looks_like_other_parts_changes_none_of_them() {
        let line = "id=1 addr=/tmp/a name=b db=7 c:0 laddr=/tmp/a name=b db=7 c:0 fd=7 name=real \
                    age=1 idle=1 flags=U db=0 sub=0";
        let clients = parse(line, 10.0).good;
        let client = &clients[0];
        assert_eq!((client.host, client.name, client.db), ("/tmp/a name=b db=7 c", "real", "0"));
        let redis_3 = parse("id=1 addr=10.0.0.1:5 fd=6 name=x=y=z age=1 idle=0 flags=N db=0", 10.0);
        assert_eq!((redis_3.good[0].name, redis_3.good[0].port), ("x=y=z", "5"));
    }

    #[test]
    fn a_malformed_part_costs_no_other_and_a_malformed_line_neither() {
        let clients =
            parse("id=1 addr=a:1 fd=1 name=n age=x omem=5\nhello\nid=2 addr=b:1 fd=2", 0.0);
        assert_eq!(clients.good.len(), 2);
        assert_eq!((clients.good[0].times.created, clients.good[0].values[0]), (None, Some(5.0)));
        assert_eq!(clients.error.unwrap().to_string(), "age of client 1 is no number: \"x\"");
        assert_eq!(parse("hello", 0.0).error.unwrap().to_string(), "no client: \"hello\"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(list in "(id=|addr=| |laddr=|fd=|[a-z]{1,5}=?|:|é|\n){0,20}") {
            let _ = parse(&list, 0.0);
        }
    }
}
