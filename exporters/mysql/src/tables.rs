//! What `top` and `scrape --format=table` show of a server.

use clap::ArgMatches;
use common::view::units::{bytes, duration, known, number, percent};
use common::view::{Column, Reading, Subject, Table, subjects};

const SUBJECTS: &[Subject] = &[
    ("Server", server),
    ("Up for", |reading| reading.value("mysql_global_status_uptime", &[]).map(duration)),
    ("Connections", connections),
    ("Queries", |reading| per_second(reading, "mysql_global_status_queries")),
    ("Slow queries", |reading| per_second(reading, "mysql_global_status_slow_queries")),
    ("Network", network),
    ("Buffer pool", buffer_pool),
];

const COMMANDS: &[Column] = &[Column::text("COMMAND"), Column::number("PER SECOND")];

const CHANNELS: &[Column] = &[
    Column::text("REPLICATION FROM"),
    Column::text("CHANNEL"),
    Column::number("SECONDS BEHIND"),
    Column::text("RECEIVES"),
    Column::text("APPLIES"),
];

/// Commands that are shown at most.
const MOST: usize = 8;

/// The server, the commands that run most, and whom it replicates from.
pub(crate) fn make(_: &ArgMatches, reading: &Reading<'_>) -> Vec<Table> {
    vec![subjects(SUBJECTS, reading), commands(reading), channels(reading)]
}

fn per_second(reading: &Reading<'_>, family: &str) -> Option<String> {
    Some(format!("{} per second", number(reading.sum_rate(family, &[])?)))
}

fn server(reading: &Reading<'_>) -> Option<String> {
    if reading.value("mysql_up", &[])? == 0.0 {
        return Some("down".to_owned());
    }
    let version = reading.samples("mysql_version_info", &[]).next()?;
    Some(format!("{} {}", version.label("version"), version.label("version_comment")))
}

fn connections(reading: &Reading<'_>) -> Option<String> {
    let connected = number(reading.value("mysql_global_status_threads_connected", &[])?);
    let most = known(reading.value("mysql_global_variables_max_connections", &[]), number);
    let running = known(reading.value("mysql_global_status_threads_running", &[]), number);
    Some(format!("{connected} of {most}, {running} running"))
}

fn network(reading: &Reading<'_>) -> Option<String> {
    let received = reading.sum_rate("mysql_global_status_bytes_received", &[])?;
    let sent = known(reading.sum_rate("mysql_global_status_bytes_sent", &[]), bytes);
    Some(format!("{}/s received, {sent}/s sent", bytes(received)))
}

/// How much of it holds data, and how often a page had to come from the disk.
fn buffer_pool(reading: &Reading<'_>) -> Option<String> {
    let size = reading.value("mysql_global_variables_innodb_buffer_pool_size", &[])?;
    let rate = |family| reading.sum_rate(family, &[]);
    let requests = rate("mysql_global_status_innodb_buffer_pool_read_requests");
    let hits = requests.zip(rate("mysql_global_status_innodb_buffer_pool_reads"));
    let hits = hits.filter(|(requests, _)| *requests > 0.0);
    let hits =
        hits.map(|(requests, reads)| format!(", {} % hits", percent(1.0 - reads / requests)));
    Some(format!("{}{}", bytes(size), hits.unwrap_or_default()))
}

/// Those that run now, the most frequent first.
fn commands(reading: &Reading<'_>) -> Table {
    let mut rows: Vec<(f64, &str)> = reading
        .samples("mysql_global_status_commands_total", &[])
        .filter_map(|command| Some((reading.rate(command)?, command.label("command"))))
        .filter(|(rate, _)| *rate > 0.0)
        .collect();
    rows.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    let mut table = Table::new(COMMANDS);
    for (rate, command) in rows {
        table.row([command.to_owned(), number(rate)]);
    }
    table.keep(MOST, "commands");
    table
}

/// In the words of either generation of servers.
const GENERATIONS: [[&str; 3]; 2] = [
    [
        "mysql_slave_status_slave_io_running",
        "mysql_slave_status_slave_sql_running",
        "mysql_slave_status_seconds_behind_master",
    ],
    [
        "mysql_slave_status_replica_io_running",
        "mysql_slave_status_replica_sql_running",
        "mysql_slave_status_seconds_behind_source",
    ],
];

fn channels(reading: &Reading<'_>) -> Table {
    let word = |value: Option<f64>| {
        known(value, |value| if value > 0.0 { "yes" } else { "NO" }.to_owned())
    };
    let mut table = Table::new(CHANNELS);
    for [receives, applies, behind] in GENERATIONS {
        for channel in reading.samples(receives, &[]) {
            let names = ["master_host", "channel_name", "connection_name"];
            let labels = names.map(|label| (label, channel.label(label)));
            table.row([
                channel.label("master_host").to_owned(),
                format!("{}{}", channel.label("channel_name"), channel.label("connection_name")),
                known(reading.value(behind, &labels), number),
                word(Some(channel.value)),
                word(reading.value(applies, &labels)),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, now: &str) -> Vec<String> {
        common::testing::tables(make, before, now)
    }

    #[test]
    fn a_server_is_told_in_a_few_lines() {
        let answer = |count: u32| {
            let of = "master_host=\"db1\",channel_name=\"eu\"";
            format!(
                "mysql_up 1\nmysql_version_info{{version=\"8.4.0\",version_comment=\"GPL\"}} 1\n\
                 mysql_global_status_uptime 86400\nmysql_global_status_threads_connected 5\n\
                 mysql_global_status_threads_running 2\nmysql_global_variables_max_connections 151\n\
                 mysql_global_status_queries {count}\nmysql_global_status_slow_queries 3\n\
                 mysql_global_status_bytes_received {count}024\nmysql_global_status_bytes_sent {count}\n\
                 mysql_global_variables_innodb_buffer_pool_size 134217728\n\
                 mysql_global_status_innodb_buffer_pool_read_requests {count}00\n\
                 mysql_global_status_innodb_buffer_pool_reads {count}\n\
                 mysql_global_status_commands_total{{command=\"select\"}} {count}\n\
                 mysql_global_status_commands_total{{command=\"drop_db\"}} 4\n\
                 mysql_slave_status_replica_io_running{{{of}}} 1\n\
                 mysql_slave_status_replica_sql_running{{{of}}} 0\n\
                 mysql_slave_status_seconds_behind_source{{{of}}} 90\n"
            )
        };
        assert_eq!(
            shown(&answer(1), &answer(3)),
            [
                "Server        8.4.0 GPL",
                "Up for        24 h",
                "Connections   5 of 151, 2 running",
                "Queries       1 per second",
                "Slow queries  0 per second",
                "Network       1000 B/s received, 1 B/s sent",
                "Buffer pool   128 MiB, 99.0 % hits",
                "COMMAND  PER SECOND",
                "select            1",
                "REPLICATION FROM  CHANNEL  SECONDS BEHIND  RECEIVES  APPLIES",
                "db1               eu                   90  yes       NO",
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        assert_eq!(shown("", "mysql_up 0\n"), ["Server  down"]);
        let stopped = "mysql_up 1\nmysql_slave_status_slave_io_running{master_host=\"a\"} 0\n";
        let lines = shown("", stopped);
        assert!(lines[1].ends_with("-  NO        -"), "{lines:?}");
    }
}
