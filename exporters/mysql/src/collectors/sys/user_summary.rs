//! What users did and hold: `x$user_summary` of the sys schema; MariaDB from 10.6.
//!
//! <https://mariadb.com/kb/en/user_summary-and-xuser_summary-sys-schema-views/>

use crate::columns::{Column, Label};
use crate::privilege::Privilege;
use crate::tabular::{BoundFlag, View};

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "sys.user_summary",
    flag: "collect.sys.user_summary.max_rows",
    default: "10000",
};

pub(crate) const VIEW: View = View::of_performance_schema(
    "sys.x$user_summary",
    &[Label::of("user", "user")],
    &[
        Column::counter(
            "statements",
            "mysql_sys_statements_total",
            "Statements executed, by user.",
        ),
        Column::counter(
            "statement_latency",
            "mysql_sys_statement_latency",
            "Seconds that statements took, by user.",
        )
        .in_picoseconds(),
        Column::counter("table_scans", "mysql_sys_table_scans_total", "Table scans, by user."),
        Column::counter("file_ios", "mysql_sys_file_ios_total", "Operations on files, by user."),
        Column::counter(
            "file_io_latency",
            "mysql_sys_file_io_seconds_total",
            "Seconds spent in operations on files, by user.",
        )
        .in_picoseconds(),
        Column::gauge(
            "current_connections",
            "mysql_sys_current_connections",
            "Connections that are open, by user.",
        ),
        Column::counter(
            "total_connections",
            "mysql_sys_connections_total",
            "Connections made, by user.",
        ),
        Column::counter(
            "unique_hosts",
            "mysql_sys_unique_hosts_total",
            "Hosts from which there were connections, by user.",
        ),
        Column::gauge(
            "current_memory",
            "mysql_sys_current_memory_bytes",
            "Bytes of memory in use, by user; the server's counting can fall below 0.",
        ),
        Column::counter(
            "total_memory_allocated",
            "mysql_sys_memory_allocated_bytes_total",
            "Bytes of memory allocated, by user.",
        ),
    ],
)
.needing(Privilege::SYS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_statements_files_connections_and_memory() {
        let (text, error) = VIEW.exposed(
            &[
                "user",
                "statements",
                "statement_latency",
                "statement_avg_latency",
                "file_io_latency",
                "current_connections",
                "current_memory",
            ],
            &[
                &["background", "0", "0", "0.0000", "107612525020", "13", "-128"].map(Some),
                &["root", "65", "83505516706205592384", "1", "0", "1", "-16"].map(Some),
            ],
        );
        let sample = |suffix: &str, kind: &str, values: [&str; 2]| {
            let name = format!("mysql_sys_{suffix}");
            format!(
                "# TYPE {name} {kind}\n{name}{{user=\"background\"}} {}\n\
                 {name}{{user=\"root\"}} {}\n",
                values[0], values[1]
            )
        };
        let expected = [
            sample("statements_total", "counter", ["0", "65"]),
            sample("statement_latency", "counter", ["0", "83505516.70620559"]),
            sample("file_io_seconds_total", "counter", ["0.10761252502", "0"]),
            sample("current_connections", "gauge", ["13", "1"]),
            sample("current_memory_bytes", "gauge", ["-128", "-16"]),
        ];
        assert_eq!((format!("{text}\n"), error), (expected.concat(), None));
    }
}
