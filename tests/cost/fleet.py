#!/usr/bin/env python3
"""What a fleet of hosts costs Prometheus and VictoriaMetrics, and how large their data is.

usage: fleet.py [--hosts N,N,...] [--interval SECONDS] [--settle SECONDS] [--measure SECONDS]
                [--record N] [--every SECONDS] [--no-disk] [--servers NAME,NAME] [--flag FLAG] [--svg FILE] FOLDER

FOLDER holds our four programs. They are started on this machine with a Redis, a MariaDB and the
files of ten containers, and their answers are recorded N times. Then

1. prints series and bytes of an answer of each exporter;
2. unless --no-disk: two hours of two hosts are given to promtool and to VictoriaMetrics, and
   the bytes per sample on disk are printed;
3. so many hosts are served from these recordings by a process of its own: node and container of
   each, a Redis of every fifth and a MariaDB of every fifth. First Prometheus scrapes them,
   then VictoriaMetrics, from the smallest number on: after --settle seconds --measure seconds
   count. Prints series, samples per second (of them lost: the part of scrapes that failed), CPU as
   a part of one core, resident memory (MiB, the peak so far), and for Prometheus the bytes
   per sample of its write-ahead log.

--servers chooses one of them; --flag is one for Prometheus. With an interval of a second and
--flag=--storage.tsdb.min-block-duration=8m Prometheus does in 12 minutes what it does with as many
series in three hours of an interval of 15 s: as many samples in memory and in a block.

Everything is on loopback addresses, and ends by itself: with 1 where scrapes failed or more than a
tenth of the samples is missing.
"""
import argparse, asyncio, json, multiprocessing, os, subprocess, sys, tempfile, time, urllib.parse, urllib.request
from functools import partial

from fleet_hosts import Fleet, listening_port, record, sizes
from many_servers import raise_descriptor_limit, table
from plot import chart, draw
from scrape_cost import run_ns, status

DISK_HOSTS, DISK_SECONDS, DISK_INTERVAL = 2, 7200, 15
# A multiple of two hours, so that one block holds all
DISK_START = 1_700_006_400 // DISK_SECONDS * DISK_SECONDS

def folder_bytes(path):
    return sum(os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(path) for name in names)

class Server:
    """A server on a folder of its own."""

    def __init__(self, name, folder, *flags):
        self.name, self.folder, self.port = name, folder, listening_port()
        address = f"127.0.0.1:{self.port}"
        os.makedirs(f"{folder}/data")
        commands = {
            "prometheus": ["prometheus", f"--config.file={folder}/prometheus.yml",
                           f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"],
            "victoria-metrics": ["victoria-metrics", f"-storageDataPath={folder}/data", "-retentionPeriod=10y",
                                 f"-httpListenAddr={address}", "-search.latencyOffset=1s"],
        }
        with open(f"{folder}/log", "w") as log:
            self.process = subprocess.Popen([*commands[name], *flags], stdout=log, stderr=log)
        self.wait()

    def ask(self, path, data=None, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=180) as answer:
            return answer.read()

    def wait(self):
        path = {"prometheus": "/-/ready"}.get(self.name, "/health")
        for _ in range(300):
            try:
                self.ask(path)
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.name} does not answer: see {self.folder}/log")

    def value(self, query):
        result = json.loads(self.ask("/api/v1/query", query=query))["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def stop(self):
        self.process.terminate()
        self.process.wait()

def two_hours(recordings, path, in_milliseconds):
    """Writes them as text with timestamps; returns the numbers of series and of samples."""
    fleet, series, samples = Fleet(recordings, DISK_HOSTS), 0, 0
    with open(path, "wb") as file:
        for number in range(DISK_SECONDS // DISK_INTERVAL):
            moment = DISK_START + number * DISK_INTERVAL
            end = b" %d\n" % (moment * 1000 if in_milliseconds else moment)
            for group in fleet.targets(DISK_HOSTS):
                recording = recordings[group["labels"]["job"]]
                for host, target in enumerate(group["targets"]):
                    labels = f'job="{group["labels"]["job"]}",instance="{target}"'.encode()
                    lines = recording.lines(number + host * 7, end)
                    series += len(lines) if number == 0 else 0
                    samples += len(lines)
                    file.writelines(labelled(line, labels) for line in lines)
        if not in_milliseconds:
            file.write(b"# EOF\n")
    return series, samples

def labelled(line, labels):
    """A line of the text format with two labels more."""
    brace, space = line.find(b"{"), line.find(b" ")
    if brace == -1 or space < brace:
        return line[:space] + b"{" + labels + b"}" + line[space:]
    return line[:brace + 1] + labels + b"," + line[brace + 1:]

def disk(recordings, folder, show):
    text, blocks = f"{folder}/text", f"{folder}/blocks"
    series, samples = two_hours(recordings, text, in_milliseconds=False)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, blocks],
                   check=True, stdout=subprocess.DEVNULL)
    chunks = sum(folder_bytes(f"{blocks}/{block}/chunks") for block in os.listdir(blocks))
    index = sum(os.path.getsize(f"{blocks}/{block}/index") for block in os.listdir(blocks))
    show(dict(server="prometheus", series=series, samples=samples, sample_B=chunks / samples, index_B=index / series,
              total_B=(chunks + index) / samples))
    two_hours(recordings, text, in_milliseconds=True)
    os.makedirs(f"{folder}/vm")
    server = Server("victoria-metrics", f"{folder}/vm")
    try:
        with open(text, "rb") as file:
            while part := file.readlines(8_000_000):
                server.ask("/api/v1/import/prometheus", data=b"".join(part))
        server.ask("/internal/force_flush")
        server.ask("/internal/force_merge")
        time.sleep(5)
    finally:
        server.stop()
    data, index = (folder_bytes(f"{folder}/vm/data/{part}") for part in ("data", "indexdb"))
    show(dict(server="victoria", series=series, samples=samples, sample_B=data / samples, index_B=index / series,
              total_B=(data + index) / samples))

def configure(folder, interval):
    os.makedirs(folder)
    config = {"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"},
              "scrape_configs": [{"job_name": "fleet", "file_sd_configs": [{"files": [f"{folder}/targets.json"]}]}]}
    with open(f"{folder}/prometheus.yml", "w") as file:
        json.dump(config, file)
    with open(f"{folder}/targets.json", "w") as file:
        file.write("[]")

def measure(server, fleet, hosts, a):
    """One row, of this number of hosts."""
    targets = fleet.targets(hosts)
    with open(f"{server.folder}/new.json", "w") as file:
        json.dump(targets, file)
    os.rename(f"{server.folder}/new.json", f"{server.folder}/targets.json")
    time.sleep(a.settle)
    pid, wal = server.process.pid, f"{server.folder}/data/wal"
    before, began, log = run_ns(pid), time.monotonic(), folder_bytes(wal)
    time.sleep(a.measure)
    elapsed, cpu, log = time.monotonic() - began, run_ns(pid) - before, folder_bytes(wal) - log
    count = sum(len(group["targets"]) for group in targets)
    samples = server.value(f"sum(sum_over_time(scrape_samples_scraped[{int(elapsed)}s]))") / elapsed
    row = dict(hosts=hosts, series=fleet.series(hosts), samples=samples, lost=1 - server.value("sum(up)") / count,
               core=cpu / 1e9 / elapsed, rss=status(pid, "VmRSS") / 1024, peak=status(pid, "VmHWM") / 1024)
    if blocks := sorted(name for name in os.listdir(f"{server.folder}/data") if name.startswith("01")):
        print("blocks, MB:", *(f"{folder_bytes(f'{server.folder}/data/{name}') / 1e6:.1f}" for name in blocks))
    return dict(row, wal_B=log / elapsed / samples) if log > 0 and samples else row

def scrape(name, fleet, folder, a):
    flags = ["-promscrape.fileSDCheckInterval=2s", f"-promscrape.config={folder}/prometheus.yml",
             "-promscrape.maxScrapeSize=64MB"]
    configure(folder, a.interval)
    server = Server(name, folder, *(flags if name == "victoria-metrics" else a.flag))
    try:
        show, rows = table(), []
        for hosts in a.hosts:
            rows.append(measure(server, fleet, hosts, a))
            show(rows[-1])
            part = rows[-1]["samples"] * a.interval / rows[-1]["series"]
            if rows[-1]["lost"] > 0 or not 0.9 < part < 1.1:
                print(f"not settled: {part:.0%} of the samples were scraped", flush=True)
                a.failed = True
        return rows
    finally:
        server.stop()

def charts(name, rows):
    return [partial(chart, rows, "hosts", "core", f"{name}: CPU, part of one core"),
            partial(chart, rows, "hosts", "peak", f"{name}: resident memory, peak, MiB")]

def main():
    numbers = lambda text: [int(number) for number in text.split(",") if number]
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hosts", type=numbers, default="100,250,500")
    ap.add_argument("--interval", type=int, default=15)
    ap.add_argument("--settle", type=int, default=45)
    ap.add_argument("--measure", type=int, default=60)
    ap.add_argument("--record", type=int, default=24)
    ap.add_argument("--every", type=float, default=2)
    ap.add_argument("--no-disk", action="store_true")
    ap.add_argument("--servers", type=lambda text: text.split(","), default="prometheus,victoria-metrics")
    ap.add_argument("--flag", action="append", default=[])
    ap.add_argument("--svg")
    ap.add_argument("folder")
    ap.set_defaults(failed=False)
    a = ap.parse_args()
    raise_descriptor_limit()
    recordings = record(a.folder, a.record, a.every)
    show = table_of_text()
    for row in sizes(recordings):
        show(row)
    with tempfile.TemporaryDirectory() as folder:
        if not a.no_disk:
            disk(recordings, folder, table_of_text())
        fleet = Fleet(recordings, max(a.hosts))
        hosts = multiprocessing.Process(target=lambda: asyncio.run(fleet.serve()), daemon=True)
        hosts.start()
        drawn = []
        try:
            for name in a.servers:
                print(name, flush=True)
                drawn += charts(name, scrape(name, fleet, f"{folder}/{name}", a))
        finally:
            hosts.terminate()
    if a.svg:
        draw(drawn, a.svg)
    sys.exit(a.failed)

def table_of_text():
    """As table(), where the first column is a name."""
    printed = []
    def show(row):
        if not printed:
            printed.append(print("".join(f"{key:>12}" for key in row)))
        print("".join(f"{v:12.2f}" if isinstance(v, float) else f"{v:>12}" for v in row.values()), flush=True)
    return show

if __name__ == "__main__":
    main()
