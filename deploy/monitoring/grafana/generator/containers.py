"""The containers: what the container exporter tells."""

from .house import assemble, choice, graph, listing, share, value

CHOSEN = 'name=~"$container"'
CPU = f"sum by (name) (rate(container_cpu_usage_seconds_total{{{CHOSEN}}}[$__rate_interval])) * 100"
# Containers without a limit have 0 there, which the comparison drops.
OF_LIMIT = (
    f"max by (name) (container_memory_working_set_bytes{{{CHOSEN}}}"
    f" / (container_spec_memory_limit_bytes{{{CHOSEN}}} > 0) * 100)"
)


def gauge(metric):
    return f"sum by (name) ({metric}{{{CHOSEN}}})"


def rate(metric):
    return f"sum by (name) (rate({metric}{{{CHOSEN}}}[$__rate_interval]))"


def summary():
    return [
        value("Running", "Containers that run.", "none", f"count(container_last_seen{{{CHOSEN}}})"),
        value(
            "CPU",
            "CPU time of all chosen containers, in cores.",
            "none",
            f"sum(rate(container_cpu_usage_seconds_total{{{CHOSEN}}}[$__rate_interval]))",
            decimals=2,
        ),
        value(
            "Memory",
            "Memory of all chosen containers that the kernel cannot take back at once.",
            "bytes",
            f"sum(container_memory_working_set_bytes{{{CHOSEN}}})",
        ),
        share(
            "Closest to its Limit",
            "The largest share of a memory limit that is in use. ContainerHighMemory fires above 85 %.",
            (f"max({OF_LIMIT})", ""),
            warning=75,
            critical=85,
        ),
        value(
            "Restarts",
            "Restarts within the time range. A container that was made anew is not one.",
            "none",
            f"sum(changes(container_start_time_seconds{{{CHOSEN}}}[$__range]))",
            warning=1,
            critical=3,
        ),
        value(
            "Unhealthy",
            "Containers whose health check fails or has not passed yet.",
            "none",
            f"sum(container_health_state{{{CHOSEN}}} == bool 0)",
            critical=1,
        ),
    ]


def resources():
    return [
        listing(
            "Containers",
            "One row for each running container.",
            "name",
            "Container",
            [
                ("CPU", "percent", CPU, 80),
                ("Memory", "bytes", gauge("container_memory_working_set_bytes"), None),
                ("Of its limit", "percent", OF_LIMIT, 85),
                ("Received", "Bps", rate("container_network_receive_bytes_total"), None),
                ("Sent", "Bps", rate("container_network_transmit_bytes_total"), None),
                ("Up for", "s", f"time() - max by (name) (container_start_time_seconds{{{CHOSEN}}})", None),
            ],
        ),
        graph(
            "CPU",
            "CPU time in percent of one core. ContainerHighCPU fires above 80 %.",
            "percent",
            (CPU, "{{name}}"),
            warning=80,
        ),
        graph(
            "CPU Throttled",
            "Share of the scheduler's periods in which a container had used up its CPU quota.",
            "percent",
            (
                f"{rate('container_cpu_cfs_throttled_periods_total')}"
                f" / {rate('container_cpu_cfs_periods_total')} * 100",
                "{{name}}",
            ),
            top=100,
        ),
        graph(
            "Memory",
            "Memory that the kernel cannot take back at once.",
            "bytes",
            (gauge("container_memory_working_set_bytes"), "{{name}}"),
        ),
        graph(
            "Memory of the Limit",
            "Share of its memory limit that a container uses; those without a limit are left out.",
            "percent",
            (OF_LIMIT, "{{name}}"),
            top=100,
            warning=85,
        ),
        graph(
            "File Cache",
            "Memory that holds contents of files. The kernel takes it back when it needs it.",
            "bytes",
            (gauge("container_memory_cache"), "{{name}}"),
        ),
        graph(
            "Major Page Faults",
            "Accesses to memory per second that had to wait for a disk.",
            "ops",
            (
                "sum by (name) (rate(container_memory_failures_total"
                f'{{{CHOSEN},failure_type="pgmajfault",scope="container"}}[$__rate_interval]))',
                "{{name}}",
            ),
        ),
    ]


def traffic():
    return [
        graph("Received", "Bytes per second.", "Bps", (rate("container_network_receive_bytes_total"), "{{name}}")),
        graph("Sent", "Bytes per second.", "Bps", (rate("container_network_transmit_bytes_total"), "{{name}}")),
        graph(
            "Errors and Drops",
            "Packets per second that were broken or thrown away.",
            "pps",
            (rate("container_network_receive_errors_total"), "{{name}} receive errors"),
            (rate("container_network_transmit_errors_total"), "{{name}} send errors"),
            (rate("container_network_receive_packets_dropped_total"), "{{name}} receive drops"),
            (rate("container_network_transmit_packets_dropped_total"), "{{name}} send drops"),
            width=8,
        ),
        graph(
            "Disk",
            "Bytes per second read and written.",
            "Bps",
            (rate("container_fs_reads_bytes_total"), "{{name}} read"),
            (rate("container_fs_writes_bytes_total"), "{{name}} written"),
            width=8,
        ),
        graph(
            "Disk Operations",
            "Reads and writes per second of a container itself.",
            "iops",
            (rate("container_fs_reads_total"), "{{name}} reads"),
            (rate("container_fs_writes_total"), "{{name}} writes"),
            width=8,
        ),
        graph(
            "Volumes",
            "Size of each volume. The container exporter needs --fs.volume-interval for it.",
            "bytes",
            ("topk(20, max by (volume) (container_volume_size_bytes))", "{{volume}}"),
            width=8,
        ),
        graph(
            "Own Files",
            "Size of what a container has written outside of volumes.",
            "bytes",
            (gauge("container_fs_usage_bytes"), "{{name}}"),
            width=8,
        ),
    ]


def dashboard():
    return assemble(
        "twitch-chatters-containers",
        "Containers",
        "The containers: CPU, memory, network, files.",
        [choice("container", "Container", 'label_values(container_last_seen{name!=""}, name)')],
        [("Summary", summary()), ("CPU and Memory", resources()), ("Network and Files", traffic())],
    )
