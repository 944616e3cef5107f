"""The machine: what the node exporter tells."""

from .house import DISKS, INTERFACES, assemble, choice, graph, listing, share, value

HOST = 'instance=~"$instance"'
IDLE = f'avg by (instance) (rate(node_cpu_seconds_total{{{HOST},mode="idle"}}[$__rate_interval]))'
FILES = f"{HOST},{DISKS}"


def rate(metric, by, further=""):
    return f"sum by ({by}) (rate({metric}{{{HOST}{further}}}[$__rate_interval]))"


def summary():
    return [
        value(
            "Uptime",
            "Time since the machine was started.",
            "s",
            f"max by (instance) (node_time_seconds{{{HOST}}} - node_boot_time_seconds{{{HOST}}})",
            "{{instance}}",
        ),
        value(
            "Load per Core",
            "Processes that run or wait, over one minute, per CPU. Above 1 they wait for one another.",
            "none",
            f"max by (instance) (node_load1{{{HOST}}})"
            f' / count by (instance) (node_cpu_seconds_total{{{HOST},mode="idle"}})',
            "{{instance}}",
            warning=1,
            critical=2,
            decimals=2,
        ),
        share("CPU", "Share of the CPU time that is not idle.", (f"100 - ({IDLE} * 100)", "{{instance}}")),
        share(
            "Memory",
            "Share of the memory that is not available to programs.",
            (
                f"(1 - node_memory_MemAvailable_bytes{{{HOST}}} / node_memory_MemTotal_bytes{{{HOST}}}) * 100",
                "{{instance}}",
            ),
            warning=75,
            critical=85,
        ),
        share(
            "Fullest Disk",
            "Use of the file system that has the smallest share left.",
            (
                f"max by (instance) ((1 - node_filesystem_avail_bytes{{{FILES}}} / node_filesystem_size_bytes) * 100)",
                "{{instance}}",
            ),
            warning=75,
            critical=85,
        ),
        value(
            "Failing Collectors",
            "Collectors of the exporter without success at the last scrape: broken ones, and those"
            " whose subject this machine does not have.",
            "none",
            f"sum by (instance) (node_scrape_collector_success{{{HOST}}} == bool 0)",
            "{{instance}}",
        ),
    ]


def cpu():
    return [
        graph(
            "CPU by Mode",
            "What the CPUs spend their time with; idle time is left out.",
            "percent",
            (
                f'avg by (mode) (rate(node_cpu_seconds_total{{{HOST},mode!="idle"}}[$__rate_interval])) * 100',
                "{{mode}}",
            ),
            stacked=True,
            top=100,
        ),
        graph(
            "Load Average",
            "Processes that run or wait. The limit is the number of CPUs.",
            "none",
            (f"sum(node_load1{{{HOST}}})", "1 minute"),
            (f"sum(node_load5{{{HOST}}})", "5 minutes"),
            (f"sum(node_load15{{{HOST}}})", "15 minutes"),
            (f'count(node_cpu_seconds_total{{{HOST},mode="idle"}})', "limit"),
        ),
        graph(
            "Pressure",
            "Share of the time in which at least one process waits for the resource.",
            "percent",
            (f"{rate('node_pressure_cpu_waiting_seconds_total', 'instance')} * 100", "CPU {{instance}}"),
            (f"{rate('node_pressure_io_waiting_seconds_total', 'instance')} * 100", "I/O {{instance}}"),
            (f"{rate('node_pressure_memory_waiting_seconds_total', 'instance')} * 100", "memory {{instance}}"),
            width=8,
        ),
        graph(
            "Processes",
            "Processes that run or can run, and those blocked by input or output.",
            "short",
            (f"sum(node_procs_running{{{HOST}}})", "running"),
            (f"sum(node_procs_blocked{{{HOST}}})", "blocked"),
            width=8,
        ),
        graph(
            "Interrupts and Switches",
            "Events per second.",
            "ops",
            (rate("node_context_switches_total", "instance"), "context switches {{instance}}"),
            (rate("node_intr_total", "instance"), "interrupts {{instance}}"),
            (rate("node_forks_total", "instance"), "forks {{instance}}"),
            width=8,
        ),
    ]


def memory():
    def field(name):
        return f"node_memory_{name}_bytes{{{HOST}}}"

    return [
        graph(
            "Memory",
            "Memory of programs, of the file cache, and free. Available is what programs can still get.",
            "bytes",
            (
                f"sum({field('MemTotal')} - {field('MemFree')} - {field('Buffers')} - {field('Cached')})",
                "programs and kernel",
            ),
            (f"sum({field('Buffers')} + {field('Cached')})", "cache"),
            (f"sum({field('MemFree')})", "free"),
            stacked=True,
        ),
        graph(
            "Swap",
            "Swap space in use.",
            "bytes",
            (f"sum({field('SwapTotal')} - {field('SwapFree')})", "used"),
            (f"sum({field('SwapTotal')})", "limit"),
            width=6,
        ),
        graph(
            "Paging",
            "Page faults that needed a disk, pages moved from and to swap, processes killed due to lack of memory.",
            "ops",
            (rate("node_vmstat_pgmajfault", "instance"), "major faults {{instance}}"),
            (rate("node_vmstat_pswpin", "instance"), "swapped in {{instance}}"),
            (rate("node_vmstat_pswpout", "instance"), "swapped out {{instance}}"),
            (rate("node_vmstat_oom_kill", "instance"), "killed {{instance}}"),
            width=6,
        ),
    ]


def disk():
    def used(free, size):
        return f"max by (mountpoint) ((1 - {free}{{{FILES}}} / {size}) * 100)"

    def latency(kind, count):
        busy = rate(f"node_disk_{kind}_time_seconds_total", "device")
        return f"{busy} / {rate(f'node_disk_{count}_completed_total', 'device')}"

    return [
        listing(
            "File Systems",
            "Space and inodes of each file system on a disk.",
            "mountpoint",
            "Mount point",
            [
                ("Size", "bytes", f"max by (mountpoint) (node_filesystem_size_bytes{{{FILES}}})", None),
                ("Available", "bytes", f"min by (mountpoint) (node_filesystem_avail_bytes{{{FILES}}})", None),
                ("Used", "percent", used("node_filesystem_avail_bytes", "node_filesystem_size_bytes"), 85),
                ("Inodes used", "percent", used("node_filesystem_files_free", "node_filesystem_files"), 85),
            ],
            height=7,
        ),
        graph(
            "Disk Throughput",
            "Bytes per second of each disk.",
            "Bps",
            (rate("node_disk_read_bytes_total", "device"), "{{device}} read"),
            (rate("node_disk_written_bytes_total", "device"), "{{device}} written"),
        ),
        graph(
            "Disk Operations",
            "Completed requests per second of each disk.",
            "iops",
            (rate("node_disk_reads_completed_total", "device"), "{{device}} reads"),
            (rate("node_disk_writes_completed_total", "device"), "{{device}} writes"),
        ),
        graph(
            "Disk Latency",
            "Mean time of a request, waiting included. An idle disk has none.",
            "s",
            (latency("read", "reads"), "{{device}} read"),
            (latency("write", "writes"), "{{device}} write"),
        ),
        graph(
            "Disk Busy",
            "Share of the time in which a disk has requests under way.",
            "percent",
            (f"{rate('node_disk_io_time_seconds_total', 'device')} * 100", "{{device}}"),
        ),
    ]


def redundancy():
    return [
        graph(
            "Bonds",
            "Links of bonds that carry no traffic. BondDegraded fires above 0.",
            "short",
            (f"node_bonding_slaves{{{HOST}}} - node_bonding_active{{{HOST}}}", "{{master}} links lost"),
            warning=1,
        ),
        graph(
            "Arrays",
            "Disks that software RAID lacks, and sectors that differed at the last check (--collector.mdadm.details).",
            "short",
            (f"node_md_degraded{{{HOST}}}", "{{device}} disks missing"),
            (f"node_md_mismatch_sectors{{{HOST}}}", "{{device}} sectors that differ"),
            warning=1,
        ),
    ]


def network():
    real = f",{INTERFACES}"
    return [
        graph(
            "Traffic",
            "Bytes per second of each interface; loopback and container bridges are left out.",
            "Bps",
            (rate("node_network_receive_bytes_total", "device", real), "{{device}} received"),
            (rate("node_network_transmit_bytes_total", "device", real), "{{device}} sent"),
        ),
        graph(
            "Packets",
            "Packets per second of each interface.",
            "pps",
            (rate("node_network_receive_packets_total", "device", real), "{{device}} received"),
            (rate("node_network_transmit_packets_total", "device", real), "{{device}} sent"),
        ),
        graph(
            "Errors and Drops",
            "Packets per second that were broken or thrown away.",
            "pps",
            (rate("node_network_receive_errs_total", "device", real), "{{device}} receive errors"),
            (rate("node_network_transmit_errs_total", "device", real), "{{device}} send errors"),
            (rate("node_network_receive_drop_total", "device", real), "{{device}} receive drops"),
            (rate("node_network_transmit_drop_total", "device", real), "{{device}} send drops"),
        ),
        graph(
            "TCP",
            "Open connections, those that wait for the end of their time, and segments sent again per second.",
            "short",
            (f"sum(node_netstat_Tcp_CurrEstab{{{HOST}}})", "established"),
            (f"sum(node_sockstat_TCP_tw{{{HOST}}})", "time-wait"),
            (f"sum(rate(node_netstat_Tcp_RetransSegs{{{HOST}}}[$__rate_interval]))", "sent again per second"),
        ),
    ]


def exporter():
    return [
        graph(
            "Open Files",
            "File handles that the kernel has allocated.",
            "short",
            (f"sum by (instance) (node_filefd_allocated{{{HOST}}})", "{{instance}}"),
        ),
        graph(
            "Slowest Collectors",
            "Duration of the ten slowest collectors at a scrape.",
            "s",
            (f"topk(10, max by (collector) (node_scrape_collector_duration_seconds{{{HOST}}}))", "{{collector}}"),
        ),
    ]


def dashboard():
    return assemble(
        "twitch-chatters-node",
        "Node",
        "The machine: CPU, memory, disks, network.",
        [choice("instance", "Machine", "label_values(node_boot_time_seconds, instance)")],
        [
            ("Summary", summary()),
            ("CPU", cpu()),
            ("Memory", memory()),
            ("Disks", disk()),
            ("Network", network()),
            ("Redundancy", redundancy()),
            ("Kernel and Exporter", exporter()),
        ],
    )
