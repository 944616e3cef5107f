"""MySQL or MariaDB: what the MySQL exporter tells."""

from .house import assemble, choice, graph, share, value

SERVER = 'instance=~"$instance"'


def status(name):
    return f"sum(mysql_global_status_{name}{{{SERVER}}})"


def variable(name):
    return f"sum(mysql_global_variables_{name}{{{SERVER}}})"


def rate(name, by=None):
    of = f" by ({by})" if by else ""
    return f"sum{of} (rate(mysql_global_status_{name}{{{SERVER}}}[$__rate_interval]))"


def summary():
    return [
        value("Uptime", "Time since the server was started.", "s", f"min(mysql_global_status_uptime{{{SERVER}}})"),
        value("Queries", "Statements of clients per second.", "reqps", rate("questions")),
        share(
            "Connections",
            "Share of max_connections in use. MySQLTooManyConnections fires above 80 %.",
            (
                f"max(mysql_global_status_threads_connected{{{SERVER}}}"
                f" / mysql_global_variables_max_connections{{{SERVER}}} * 100)",
                "",
            ),
            warning=70,
            critical=80,
        ),
        value(
            "Slow Queries",
            "Statements per second that took longer than long_query_time. MySQLSlowQueries fires above 5.",
            "reqps",
            rate("slow_queries"),
            warning=1,
            critical=5,
        ),
        value(
            "Buffer Pool Hits",
            "Share of InnoDB's reads that needed no disk.",
            "percent",
            f"(1 - {rate('innodb_buffer_pool_reads')} / {rate('innodb_buffer_pool_read_requests')}) * 100",
            warning=99,
            critical=95,
            below=True,
            decimals=2,
        ),
        value(
            "Lock Waits",
            "Statements that wait for a lock on a row right now.",
            "none",
            status("innodb_row_lock_current_waits"),
            warning=1,
            critical=10,
        ),
    ]


def queries():
    return [
        graph(
            "Statements",
            "Statements of clients per second, and those that were slow.",
            "reqps",
            (rate("questions"), "all"),
            (rate("slow_queries"), "slow"),
        ),
        graph(
            "Statements by Kind",
            "The ten most frequent kinds of statements, per second.",
            "reqps",
            (f"topk(10, {rate('commands_total', 'command')})", "{{command}}"),
            stacked=True,
        ),
        graph(
            "Rows and Index Accesses",
            "Requests to the storage engines per second, of the ten most frequent kinds."
            " Many read_rnd_next mean that whole tables are read.",
            "ops",
            (f"topk(10, {rate('handlers_total', 'handler')})", "{{handler}}"),
            width=8,
        ),
        graph(
            "Selects without an Index",
            "Selects per second that read a whole table, or join without an index.",
            "ops",
            (rate("select_scan"), "whole table"),
            (rate("select_full_join"), "join"),
            (rate("select_range_check"), "join that looks for an index at each row"),
            width=8,
        ),
        graph(
            "Temporary Tables and Sorts",
            "Temporary tables per second in memory and on disk, and sorts that needed a file.",
            "ops",
            (rate("created_tmp_tables"), "temporary tables"),
            (rate("created_tmp_disk_tables"), "on disk"),
            (rate("sort_merge_passes"), "merge passes of sorts"),
            width=8,
        ),
    ]


def connections():
    return [
        graph(
            "Connections",
            "Open connections, those that run a statement, the most so far, and the most allowed.",
            "short",
            (status("threads_connected"), "open"),
            (status("threads_running"), "running"),
            (status("max_used_connections"), "most so far"),
            (variable("max_connections"), "limit"),
        ),
        graph(
            "Broken Connections",
            "Per second: log-ins that failed, and clients that went without a word.",
            "cps",
            (rate("aborted_connects"), "log-ins failed"),
            (rate("aborted_clients"), "clients gone"),
            (rate("connection_errors_total", "error"), "{{error}}"),
        ),
        graph(
            "Traffic",
            "Bytes per second.",
            "Bps",
            (rate("bytes_received"), "received"),
            (rate("bytes_sent"), "sent"),
            width=8,
        ),
        graph(
            "Table Locks",
            "Locks of tables per second that were had at once, and that were waited for.",
            "ops",
            (rate("table_locks_immediate"), "at once"),
            (rate("table_locks_waited"), "waited for"),
            width=8,
        ),
        graph(
            "Open Tables",
            "Tables that are open, and the most that the cache holds.",
            "short",
            (status("open_tables"), "open"),
            (variable("table_open_cache"), "limit"),
            width=8,
        ),
    ]


def innodb():
    return [
        graph(
            "Buffer Pool",
            "Memory of the buffer pool with data, with changes not yet written, and its size.",
            "bytes",
            (status("innodb_buffer_pool_bytes_data"), "data"),
            (status("innodb_buffer_pool_bytes_dirty"), "not yet written"),
            (variable("innodb_buffer_pool_size"), "limit"),
        ),
        graph(
            "Buffer Pool Reads",
            "Reads per second, and those that had to go to the disk.",
            "ops",
            (rate("innodb_buffer_pool_read_requests"), "all"),
            (rate("innodb_buffer_pool_reads"), "from disk"),
        ),
        graph(
            "Data Files",
            "Bytes per second read and written, and written to the redo log.",
            "Bps",
            (rate("innodb_data_read"), "read"),
            (rate("innodb_data_written"), "written"),
            (rate("innodb_os_log_written"), "redo log"),
            width=8,
        ),
        graph(
            "Row Locks",
            "Waits for locks on rows per second, and the mean time of one (in ms, since the start).",
            "none",
            (rate("innodb_row_lock_waits"), "waits per second"),
            (f"max(mysql_global_status_innodb_row_lock_time_avg{{{SERVER}}})", "mean wait in ms"),
            width=8,
        ),
        graph(
            "Redo Log Waits",
            "Waits per second because the log buffer was too small.",
            "ops",
            (rate("innodb_log_waits"), "waits"),
            width=8,
        ),
    ]


def replication():
    behind = "|".join(f"mysql_slave_status_seconds_behind_{word}" for word in ("master", "source"))
    deadlocks = " or ".join(
        f"rate({name}{{{SERVER}}}[$__rate_interval])"
        for name in (
            "mysql_global_status_innodb_deadlocks",
            "mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total",
        )
    )
    return [
        graph(
            "Replica Lag",
            "How far a replica is behind. MySQLReplicaLag fires above 1 minute.",
            "s",
            (
                f'max by (instance, master_host) ({{__name__=~"{behind}", {SERVER}}})',
                "{{instance}} behind {{master_host}}",
            ),
        ),
        graph(
            "Deadlocks",
            "Transactions per second that were rolled back. MySQLDeadlocks fires above 0.1.",
            "ops",
            (f"sum({deadlocks})", "rolled back"),
        ),
        graph(
            "Transactions",
            "Open transactions, and those that wait for a lock.",
            "none",
            (f"sum(mysql_innodb_transactions{{{SERVER}}})", "open"),
            (f"sum(mysql_innodb_transactions_waiting{{{SERVER}}})", "waiting"),
            width=8,
        ),
        graph(
            "Oldest Transaction",
            "Its age. MySQLLongTransaction fires above 1 hour.",
            "s",
            (f"max by (instance) (mysql_innodb_transaction_oldest_seconds{{{SERVER}}})", "{{instance}}"),
            width=8,
        ),
        graph(
            "Binary Logs",
            "Their size, where the server writes them. MySQLBinlogsLarge fires above 20 GiB.",
            "bytes",
            (f"max by (instance) (mysql_binlog_size_bytes{{{SERVER}}})", "{{instance}}"),
            width=8,
        ),
    ]


def dashboard():
    return assemble(
        "twitch-chatters-mysql",
        "MySQL",
        "MySQL or MariaDB: statements, connections, locks, InnoDB, replication.",
        [choice("instance", "Server", "label_values(mysql_up, instance)")],
        [
            ("Summary", summary()),
            ("Statements", queries()),
            ("Connections and Tables", connections()),
            ("InnoDB", innodb()),
            ("Replication and Transactions", replication()),
        ],
    )
