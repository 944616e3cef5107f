//! What `top` and `scrape --format=table` show of a server.

use clap::ArgMatches;
use common::view::units::{bytes, duration, known, number, percent};
use common::view::{Column, Reading, Subject, Table, list, subjects};

const SUBJECTS: &[Subject] = &[
    ("Server", server),
    ("Up for", |reading| reading.value("redis_uptime_in_seconds", &[]).map(duration)),
    ("Clients", clients),
    ("Memory", memory),
    ("Commands", commands),
    ("Keys found", hits),
    ("Evicted", |reading| Some(per_second(reading.sum_rate("redis_evicted_keys_total", &[])?))),
    ("Network", network),
    ("Replication", replication),
    ("Last save", save),
];

const DATABASES: &[Column] =
    &[Column::text("DATABASE"), Column::number("KEYS"), Column::number("WITH EXPIRY")];

/// One server's tables; of several, or under other names, every series.
pub(crate) fn make(_: &ArgMatches, reading: &Reading<'_>) -> Vec<Table> {
    if reading.samples("redis_up", &[]).count() != 1 {
        return vec![list(reading)];
    }
    let mut databases = Table::new(DATABASES);
    for keys in reading.samples("redis_db_keys", &[]).filter(|keys| keys.value > 0.0) {
        let database = [("db", keys.label("db"))];
        let expiring = reading.value("redis_db_keys_expiring", &database);
        databases.row([keys.label("db").to_owned(), number(keys.value), known(expiring, number)]);
    }
    vec![subjects(SUBJECTS, reading), databases]
}

fn per_second(rate: f64) -> String {
    format!("{} per second", number(rate))
}

fn server(reading: &Reading<'_>) -> Option<String> {
    if reading.value("redis_up", &[])? == 0.0 {
        return Some("down".to_owned());
    }
    let info = reading.samples("redis_instance_info", &[]).next()?;
    let words = ["redis_version", "redis_mode", "role"].map(|label| info.label(label));
    Some(words.join(" "))
}

fn clients(reading: &Reading<'_>) -> Option<String> {
    let connected = number(reading.value("redis_connected_clients", &[])?);
    let most = known(reading.value("redis_config_maxclients", &[]), number);
    let blocked = known(reading.value("redis_blocked_clients", &[]), number);
    Some(format!("{connected} of {most}, {blocked} blocked"))
}

fn memory(reading: &Reading<'_>) -> Option<String> {
    let used = reading.value("redis_memory_used_bytes", &[])?;
    let most = reading.value("redis_memory_max_bytes", &[]).filter(|most| *most > 0.0);
    Some(match most {
        Some(most) => {
            format!("{} of {} in use ({} %)", bytes(used), bytes(most), percent(used / most))
        }
        None => format!("{} in use, no limit", bytes(used)),
    })
}

fn commands(reading: &Reading<'_>) -> Option<String> {
    reading.sum_rate("redis_commands_processed_total", &[]).map(per_second)
}

/// Since the start where nothing was looked up lately.
fn hits(reading: &Reading<'_>) -> Option<String> {
    let both = |of: &dyn Fn(&str) -> Option<f64>| {
        Some((of("redis_keyspace_hits_total")?, of("redis_keyspace_misses_total")?))
    };
    let share =
        |(hits, misses): (f64, f64)| (hits + misses > 0.0).then(|| percent(hits / (hits + misses)));
    let now = both(&|family| reading.sum_rate(family, &[])).and_then(share);
    let ever = both(&|family| reading.sum(family, &[])).and_then(share);
    match (now, ever) {
        (Some(now), _) => Some(format!("{now} %")),
        (None, Some(ever)) => Some(format!("{ever} % since the start, nothing looked up now")),
        (None, None) => None,
    }
}

fn network(reading: &Reading<'_>) -> Option<String> {
    let received = reading.sum_rate("redis_net_input_bytes_total", &[])?;
    let sent = known(reading.sum_rate("redis_net_output_bytes_total", &[]), bytes);
    Some(format!("{}/s received, {sent}/s sent", bytes(received)))
}

fn replication(reading: &Reading<'_>) -> Option<String> {
    if let Some(link) = reading.samples("redis_master_link_up", &[]).next() {
        let state = if link.value > 0.0 { "up" } else { "DOWN" };
        let (host, port) = (link.label("master_host"), link.label("master_port"));
        return Some(format!("link to {host}:{port} is {state}"));
    }
    let replicas = reading.value("redis_connected_slaves", &[])?;
    Some(format!("{} replicas connected", number(replicas)))
}

fn save(reading: &Reading<'_>) -> Option<String> {
    let is_good = reading.value("redis_rdb_last_bgsave_status", &[])? > 0.0;
    let changes = known(reading.value("redis_rdb_changes_since_last_save", &[]), number);
    Some(format!("{}, {changes} changes since", if is_good { "ok" } else { "FAILED" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, now: &str) -> Vec<String> {
        common::testing::tables(make, before, now)
    }

    #[test]
    fn a_server_is_told_in_a_few_lines() {
        let steady = "redis_up 1\n\
            redis_instance_info{redis_mode=\"standalone\",redis_version=\"7.0.15\",role=\"master\"} 1\n\
            redis_uptime_in_seconds 125\nredis_connected_clients 3\nredis_blocked_clients 1\n\
            redis_config_maxclients 100\nredis_memory_used_bytes 1024\nredis_memory_max_bytes 4096\n\
            redis_connected_slaves 2\nredis_rdb_last_bgsave_status 0\n\
            redis_rdb_changes_since_last_save 9\nredis_db_keys{db=\"db0\"} 7\n\
            redis_db_keys_expiring{db=\"db0\"} 5\n";
        let counters = |count: u32| {
            format!(
                "{steady}redis_commands_processed_total {count}0\nredis_keyspace_hits_total {count}\n\
                 redis_keyspace_misses_total {count}\nredis_evicted_keys_total 4\n\
                 redis_net_input_bytes_total {count}024\nredis_net_output_bytes_total {count}\n"
            )
        };
        assert_eq!(
            shown(&counters(1), &counters(3)),
            [
                "Server       7.0.15 standalone master",
                "Up for       2 min 5 s",
                "Clients      3 of 100, 1 blocked",
                "Memory       1.0 KiB of 4.0 KiB in use (25.0 %)",
                "Commands     10 per second",
                "Keys found   50.0 %",
                "Evicted      0 per second",
                "Network      1000 B/s received, 1 B/s sent",
                "Replication  2 replicas connected",
                "Last save    FAILED, 9 changes since",
                "DATABASE  KEYS  WITH EXPIRY",
                "db0          7            5",
            ]
        );
        let still = shown(&counters(3), &counters(3));
        assert!(still[5].ends_with("50.0 % since the start, nothing looked up now"), "{still:?}");
    }

    #[test]
    fn a_server_that_is_down_and_several_servers_are_told_as_such() {
        assert_eq!(shown("", "redis_up 0\n"), ["Server  down"]);
        let replica = "redis_up 1\nredis_master_link_up{master_host=\"a\",master_port=\"1\"} 0\n";
        assert_eq!(shown("", replica), ["Replication  link to a:1 is DOWN"]);
        let renamed = shown("", "cache_up 1\n");
        assert!(renamed[0].starts_with("METRIC") && renamed[1].starts_with("cache_up"));
    }
}
