"""Twitch Chatters Overview: the machine, the services, the application, its logs and alerts."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as d

from .house import DISKS, INTERFACES, alerts, assemble, graph, log_counts, log_lines, share, status

# Services of the application that write logs.
SERVICES = ["gateway", "worker", "analysis"]

OURS = 'name=~"twitch-chatters.*"'


def container_status(service):
    """UP while a container of the service runs: one that is stopped or removed has no series."""
    name = f"twitch-chatters[-_]{service}([-_][0-9]+)?"
    return status(
        f"{service.capitalize()} Status",
        f"UP while at least one container of the service {service} runs. DOWN too when the container exporter is.",
        f'(count(container_last_seen{{name=~"{name}"}}) > bool 0) or vector(0)',
        "twitch-chatters-containers",
    )


def system():
    return [
        graph(
            "CPU Usage",
            "Share of the CPU time that is not idle. The alert HighCPUUsage fires above 80 %.",
            "percent",
            (
                '100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval])) * 100)',
                "{{instance}}",
            ),
            width=6,
            top=100,
            warning=80,
        ),
        graph(
            "Memory Usage",
            "Share of the memory that is not available to programs. The alert HighMemoryUsage fires above 85 %.",
            "percent",
            ("(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) * 100", "{{instance}}"),
            width=6,
            top=100,
            warning=85,
        ),
        share(
            "Disk Usage",
            "Share of each file system that is in use. The alert DiskSpaceLow fires when less than 15 % is left.",
            (
                f"max by (mountpoint) ((1 - node_filesystem_avail_bytes{{{DISKS}}}"
                " / node_filesystem_size_bytes) * 100)",
                "{{mountpoint}}",
            ),
            width=6,
            height=8,
            warning=75,
            critical=85,
        ),
        graph(
            "Network Traffic",
            "Bytes per second on the interfaces of the machine; loopback and container bridges are left out.",
            "Bps",
            (f"sum(rate(node_network_receive_bytes_total{{{INTERFACES}}}[$__rate_interval]))", "received"),
            (f"sum(rate(node_network_transmit_bytes_total{{{INTERFACES}}}[$__rate_interval]))", "sent"),
            width=6,
        ),
    ]


def services():
    return [
        *(container_status(service) for service in SERVICES),
        status(
            "MySQL Status",
            "UP while the exporter can query the server.",
            "max(mysql_up) or vector(0)",
            "twitch-chatters-mysql",
        ),
        status(
            "Redis Status",
            "UP while the exporter can query the server.",
            "max(redis_up) or vector(0)",
            "twitch-chatters-redis",
        ),
        container_status("traefik"),
    ]


def application():
    return [
        graph(
            "MySQL Connections",
            "Open connections and the most that the server allows. MySQLTooManyConnections fires above 80 % of it.",
            "short",
            ("sum(mysql_global_status_threads_connected)", "open"),
            ("sum(mysql_global_status_threads_running)", "running"),
            ("sum(mysql_global_variables_max_connections)", "limit"),
            width=8,
        ),
        graph(
            "Redis Operations",
            "Commands per second.",
            "ops",
            ("sum(rate(redis_commands_processed_total[$__rate_interval]))", "commands"),
            width=8,
        ),
        graph(
            "Container Network",
            "Bytes per second, received and sent together.",
            "Bps",
            (
                f"sum by (name) (rate(container_network_receive_bytes_total{{{OURS}}}[$__rate_interval])"
                f" + rate(container_network_transmit_bytes_total{{{OURS}}}[$__rate_interval]))",
                "{{name}}",
            ),
            width=8,
        ),
        graph(
            "Container CPU",
            "CPU time in percent of one core. The alert ContainerHighCPU fires above 80 %.",
            "percent",
            (f"sum by (name) (rate(container_cpu_usage_seconds_total{{{OURS}}}[$__rate_interval])) * 100", "{{name}}"),
            warning=80,
        ),
        graph(
            "Container Memory",
            "Memory that the kernel cannot take back at once.",
            "bytes",
            (f"sum by (name) (container_memory_working_set_bytes{{{OURS}}})", "{{name}}"),
        ),
    ]


def events():
    selector = '{container=~"$service"} |~ "(?i)$search"'
    return [
        alerts("Alerts", "Alerts of Prometheus that are pending or firing, the most important first."),
        log_counts(
            "Errors in Logs",
            "Log lines that contain the word error in any case, per minute.",
            'sum by (container) (count_over_time({container=~"$service"} |~ "(?i)error" [1m]))',
            "{{container}}",
        ),
        log_lines("Logs", "Log lines of the chosen services that match the search.", selector),
    ]


def dashboard():
    names = ",".join(SERVICES)
    everything = d.VariableOption(selected=True, text=["All"], value=["$__all"])
    service = build.CustomVariable("service").label("Logs of").values(names).multi(True).include_all(True)
    service.all_value("|".join(SERVICES)).current(everything)
    search = (
        build.TextBoxVariable("search").label("Search in logs").description("A regular expression; case is ignored.")
    )
    return assemble(
        "twitch-chatters-overview",
        "Twitch Chatters Overview",
        "The machine, the services of Twitch Chatters, what they do, their alerts and their logs.",
        [service, search.default_value("")],
        [
            ("System", system()),
            ("Services", services()),
            ("Application", application()),
            ("Alerts and Logs", events()),
        ],
    )
