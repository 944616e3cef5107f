#!/usr/bin/env python3
"""What scrapes cost the mysql exporter, by the number of servers and by the number of tables.

usage: mysql_scale.py [--rounds N] [--interval SECONDS] [--targets N,N,...] [--tables N,N,...]
                      [--svg FILE] PROGRAM

--targets: a server of this script answers on one loopback address per target with what a real
mariadbd, which it starts, answered to the same statement once; each tenth target is dead or hangs.
many_servers.py says how PROGRAM is asked. Prints per size: series of one target, CPU as a part
of one core and per scrape (ms, all threads), latency of the targets that answer (ms: median, p99,
longest), the same for those that hang (longest), and memory (MiB: resident at the end, peak).

--tables: the collectors of tables on a mariadbd with the performance schema and so many tables,
scraped every two seconds. Prints per size: series, CPU per scrape of PROGRAM and of the server (ms),
latency (ms: median, longest), and memory of PROGRAM (MiB, peak).

An empty list leaves a part out. --svg draws both.
"""
import argparse, asyncio, contextlib, os, socket, statistics, subprocess, sys, tempfile, time
from functools import partial

from many_servers import Clients, Measurement, answers, charts, free_port, raise_descriptor_limit, series, table
from plot import chart, draw
from scrape_cost import run_ns, status

# Above 1000 tables only so many are opened per scrape.
SERVER_BOUND_MS = 2000
OF_TABLES = ["auto_increment.columns", "info_schema.innodb_tablespaces", "info_schema.tables",
             "info_schema.tablestats", "perf_schema.file_instances", "perf_schema.indexiowaits",
             "perf_schema.tableiowaits", "perf_schema.tablelocks"]
QUIT = 1

async def read_packet(reader):
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head[:3], "little"))

class Recorder:
    """Answers each statement with what the real server once said."""

    def __init__(self, port):
        self.port, self.replies, self.lock = port, {}, asyncio.Lock()
        self.greeting = self.welcome = None

    async def connect(self, login=None):
        """A connection to the real server, logged in as a client of ours was: without a password
        what it sends is right whatever the server's salt."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        greeting = await read_packet(reader)
        welcome = None
        if login:
            writer.write(login)
            welcome = await read_packet(reader)
            if welcome[4] != 0:
                sys.exit(f"the login failed: {welcome!r}")
        return reader, writer, greeting, welcome

    async def reply(self, login, command):
        async with self.lock:
            if command not in self.replies:
                reader, writer, _, _ = await self.connect(login)
                writer.write(command)
                reply = await reader.read(1 << 16)
                # An answer is over when nothing more comes.
                with contextlib.suppress(asyncio.TimeoutError):
                    while more := await asyncio.wait_for(reader.read(1 << 16), 0.3):
                        reply += more
                writer.close()
                self.replies[command] = reply
        return self.replies[command]

    async def answer(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            async with self.lock:
                if not self.greeting:
                    _, upstream, self.greeting, _ = await self.connect()
                    upstream.close()
            writer.write(self.greeting)
            login = await read_packet(reader)
            async with self.lock:
                if not self.welcome:
                    _, upstream, _, self.welcome = await self.connect(login)
                    upstream.close()
            writer.write(self.welcome)
            while (command := await read_packet(reader))[4] != QUIT:
                writer.write(self.replies.get(command) or await self.reply(login, command))
        writer.close()

class MariaDb:
    """A private server with the account `exporter`, which has no password."""

    def __init__(self, folder, *options):
        self.folder, self.port = folder, free_port()
        paths = ["--no-defaults", f"--datadir={folder}/data", f"--tmpdir={folder}", "--user=root"]
        subprocess.run(["mariadb-install-db", *paths, "--skip-test-db", "--auth-root-authentication-method=normal"],
                       check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/log", "w") as log:
            self.process = subprocess.Popen(
                ["mariadbd", *paths, f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket",
                 "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--skip-sync-frm",
                 "--skip-innodb-doublewrite", *options], stderr=log)
        for _ in range(600):
            if os.path.exists(f"{folder}/socket"):
                break
            time.sleep(0.1)
        self.sql("CREATE USER exporter@'%'; GRANT SELECT, PROCESS, SLAVE MONITOR ON *.* TO exporter@'%'")

    def sql(self, statements):
        client = ["mariadb", "--no-defaults", f"--socket={self.folder}/socket"]
        subprocess.run(client, input=statements, text=True, check=True)

    def stop(self):
        self.process.terminate()
        self.process.wait()

def account(folder, *lines):
    path = f"{folder}/my.cnf"
    with open(path, "w") as file:
        file.write("\n".join(["[client]", "user=exporter", *lines, ""]))
    return f"--config.my-cnf={path}"

def by_targets(a, folder):
    server, rows, show = MariaDb(folder), [], table()
    try:
        for count in a.targets:
            measurement = Measurement(a.program, [account(folder), *a.flag],
                                      lambda target: f"/probe?target={target}", "mysql_up",
                                      Recorder(server.port).answer)
            rows.append(asyncio.run(measurement.measure(count, a.rounds, a.interval)))
            show(rows[-1])
    finally:
        server.stop()
    return rows

async def scrape_tables(a, folder, server, count):
    own_port = free_port()
    flags = [f"--collect.{name}" for name in OF_TABLES]
    exporter = subprocess.Popen([a.program, account(folder, "host=127.0.0.1", f"port={server.port}"), *flags,
                                 *a.flag, f"--web.listen-address=127.0.0.1:{own_port}", "--log.level=error"])
    try:
        await answers(own_port)
        clients, latencies = Clients(own_port), []
        await clients.get("/metrics", 20)
        before = [run_ns(exporter.pid), run_ns(server.process.pid)]
        for _ in range(a.scrapes):
            began = time.perf_counter()
            body = await clients.get("/metrics", 20)
            latencies.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(max(0, 2 - latencies[-1] / 1e3))
        after = [run_ns(exporter.pid), run_ns(server.process.pid)]
        if failed := [line for line in body.split(b"\n") if b"_success{" in line and line.endswith(b" 0")]:
            sys.exit(f"{count} tables: {failed}")
        cpu, server_cpu = ((late - early) / 1e6 / a.scrapes for late, early in zip(after, before))
        return dict(tables=count, series=series(body), cpu=cpu, server=server_cpu,
                    p50=statistics.median(latencies), longest=max(latencies),
                    peak=status(exporter.pid, "VmHWM") / 1024)
    finally:
        exporter.terminate()
        exporter.wait()

def by_tables(a, folder):
    server = MariaDb(folder, "--performance-schema=ON", "--userstat=1")
    rows, made, show = [], 0, table()
    try:
        server.sql("CREATE DATABASE many")
        for count in a.tables:
            names = range(made, count)
            create = "CREATE TABLE many.t{} (id INT AUTO_INCREMENT PRIMARY KEY, a INT, KEY (a));"
            server.sql("\n".join(create.format(number) for number in names))
            made = count
            rows.append(asyncio.run(scrape_tables(a, folder, server, count)))
            show(rows[-1])
    finally:
        server.stop()
    return rows

def main():
    numbers = lambda text: [int(number) for number in text.split(",") if number]
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=4)
    ap.add_argument("--interval", type=float, default=15)
    ap.add_argument("--scrapes", type=int, default=12, help="of each number of tables")
    ap.add_argument("--targets", type=numbers, default="1,10,50,100,200")
    ap.add_argument("--tables", type=numbers, default="10,100,1000,3000,10000")
    ap.add_argument("--flag", action="append", default=[], help="for PROGRAM")
    ap.add_argument("--svg")
    ap.add_argument("program")
    a = ap.parse_args()
    raise_descriptor_limit()
    drawn = []
    for sizes, measure in ((a.targets, by_targets), (a.tables, by_tables)):
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(a, folder) if sizes else []
        if rows and measure is by_targets:
            drawn += charts(rows)
        elif rows:
            drawn += [partial(chart, rows, "tables", "cpu", "CPU per scrape, ms"),
                      partial(chart, rows, "tables", "server", "CPU per scrape of the server, ms", SERVER_BOUND_MS)]
    if a.svg:
        draw(drawn, a.svg)

if __name__ == "__main__":
    main()
