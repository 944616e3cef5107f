"""Redis: what the Redis exporter tells."""

from .house import assemble, choice, graph, share, value

SERVER = 'instance=~"$instance"'
# A server without a limit is measured by the memory of its machine.
LIMIT = f"(redis_memory_max_bytes{{{SERVER}}} > 0 or redis_total_system_memory_bytes{{{SERVER}}})"
HITS = f"sum(rate(redis_keyspace_hits_total{{{SERVER}}}[$__rate_interval]))"
MISSES = f"sum(rate(redis_keyspace_misses_total{{{SERVER}}}[$__rate_interval]))"


def rate(metric, by="instance"):
    return f"sum by ({by}) (rate({metric}{{{SERVER}}}[$__rate_interval]))"


def total(metric):
    return f"sum({metric}{{{SERVER}}})"


def summary():
    return [
        value("Uptime", "Time since the server was started.", "s", f"min(redis_uptime_in_seconds{{{SERVER}}})"),
        value("Clients", "Open connections, the exporter's among them.", "none", total("redis_connected_clients")),
        share(
            "Memory",
            "Share of maxmemory in use; of the machine's memory where maxmemory is not set."
            " RedisHighMemory fires above 90 % of maxmemory.",
            (f"max(redis_memory_used_bytes{{{SERVER}}} / {LIMIT} * 100)", ""),
            warning=75,
            critical=90,
        ),
        value(
            "Hit Rate",
            "Share of the look-ups of keys that found one.",
            "percent",
            f"{HITS} / ({HITS} + {MISSES}) * 100",
            warning=80,
            critical=50,
            below=True,
            decimals=1,
        ),
        value(
            "Commands",
            "Commands per second.",
            "ops",
            f"sum(rate(redis_commands_processed_total{{{SERVER}}}[$__rate_interval]))",
        ),
        value("Slow Log", "Entries in the slow log.", "none", total("redis_slowlog_length"), warning=1),
    ]


def commands():
    calls = rate("redis_commands_total", "cmd")
    return [
        graph(
            "Commands per Second",
            "The ten commands that are called most.",
            "ops",
            (f"topk(10, {calls})", "{{cmd}}"),
            stacked=True,
        ),
        graph(
            "Time per Command",
            "Mean time that the server needs for a call, of the ten slowest commands.",
            "s",
            (f"topk(10, {rate('redis_commands_duration_seconds_total', 'cmd')} / {calls})", "{{cmd}}"),
        ),
        graph(
            "Key Look-ups",
            "Look-ups per second that found a key, and that found none.",
            "ops",
            (HITS, "hits"),
            (MISSES, "misses"),
            width=8,
        ),
        graph(
            "Failed Commands",
            "Calls per second that ended with an error, or were refused before they ran.",
            "ops",
            (rate("redis_commands_failed_calls_total"), "failed {{instance}}"),
            (rate("redis_commands_rejected_calls_total"), "refused {{instance}}"),
            width=8,
        ),
        graph(
            "CPU",
            "CPU time of the server in percent of one core.",
            "percent",
            (f"{rate('redis_cpu_user_seconds_total')} * 100", "user {{instance}}"),
            (f"{rate('redis_cpu_sys_seconds_total')} * 100", "system {{instance}}"),
            width=8,
        ),
    ]


def memory():
    return [
        graph(
            "Memory",
            "Memory for data, memory that the process occupies, the peak, and maxmemory (0: none).",
            "bytes",
            (total("redis_memory_used_bytes"), "used"),
            (total("redis_memory_used_rss_bytes"), "resident"),
            (total("redis_memory_used_peak_bytes"), "peak"),
            (total("redis_memory_max_bytes"), "limit"),
        ),
        graph(
            "Fragmentation",
            "Resident memory divided by memory for data. Far above 1, gaps waste it; below 1, some is in swap.",
            "none",
            (f"max by (instance) (redis_mem_fragmentation_ratio{{{SERVER}}})", "{{instance}}"),
        ),
        graph(
            "Keys",
            "Keys of each database that has some.",
            "short",
            (f"sum by (db) (redis_db_keys{{{SERVER}}})", "{{db}}"),
            width=8,
            stacked=True,
        ),
        graph(
            "Keys with an End",
            "Keys that will expire, and all.",
            "short",
            (total("redis_db_keys_expiring"), "will expire"),
            (total("redis_db_keys"), "all"),
            width=8,
        ),
        graph(
            "Expired and Evicted",
            "Keys per second that reached their end, or had to give way to others.",
            "ops",
            (rate("redis_expired_keys_total"), "expired {{instance}}"),
            (rate("redis_evicted_keys_total"), "evicted {{instance}}"),
            width=8,
        ),
    ]


def connections():
    return [
        graph(
            "Connections",
            "Open connections, those that wait in a blocking command, and the most allowed.",
            "short",
            (total("redis_connected_clients"), "open"),
            (total("redis_blocked_clients"), "blocked"),
            (total("redis_config_maxclients"), "limit"),
        ),
        graph(
            "New Connections",
            "Connections per second that were accepted, or refused because there were too many.",
            "cps",
            (rate("redis_connections_received_total"), "accepted {{instance}}"),
            (rate("redis_rejected_connections_total"), "refused {{instance}}"),
        ),
        graph(
            "Traffic",
            "Bytes per second.",
            "Bps",
            (rate("redis_net_input_bytes_total"), "received {{instance}}"),
            (rate("redis_net_output_bytes_total"), "sent {{instance}}"),
        ),
        graph(
            "Changes not Saved",
            "Changes since the last snapshot on disk.",
            "short",
            (f"sum by (instance) (redis_rdb_changes_since_last_save{{{SERVER}}})", "{{instance}}"),
            width=6,
        ),
        graph(
            "Age of the Snapshot",
            "Time since the last snapshot on disk.",
            "s",
            (f"time() - max by (instance) (redis_rdb_last_save_timestamp_seconds{{{SERVER}}})", "{{instance}}"),
            width=6,
        ),
    ]


def replication():
    return [
        graph(
            "Link to the Master",
            "1 if a replica is connected to its master. RedisReplicationBroken fires after 2 minutes at 0.",
            "none",
            (f"max by (instance, master_host) (redis_master_link_up{{{SERVER}}})", "{{instance}} to {{master_host}}"),
            top=1,
        ),
        graph(
            "Replicas",
            "Replicas that are connected, and the time since the slowest one confirmed what it has.",
            "none",
            (total("redis_connected_slaves"), "replicas"),
            (f"max(redis_connected_slave_lag_seconds{{{SERVER}}})", "seconds of lag"),
        ),
        graph(
            "Cluster Slots",
            "Slots that are served, and that are possibly or certainly lost, as the servers see them.",
            "none",
            (f"min(redis_cluster_slots_ok{{{SERVER}}})", "served"),
            (f"max(redis_cluster_slots_pfail{{{SERVER}}})", "possibly lost"),
            (f"max(redis_cluster_slots_fail{{{SERVER}}})", "lost"),
        ),
        graph(
            "Errors",
            "Error replies per second by their first word.",
            "ops",
            (rate("redis_errors_total", "err"), "{{err}}"),
        ),
    ]


def dashboard():
    return assemble(
        "twitch-chatters-redis",
        "Redis",
        "Redis: commands, memory, keys, connections, replication.",
        [choice("instance", "Server", "label_values(redis_up, instance)")],
        [
            ("Summary", summary()),
            ("Commands", commands()),
            ("Memory and Keys", memory()),
            ("Connections and Persistence", connections()),
            ("Replication, Cluster, Errors", replication()),
        ],
    )
