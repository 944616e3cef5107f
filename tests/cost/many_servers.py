"""What scrapes of many servers cost an exporter that takes its target from the request.

Each tenth target is out of order: by turns nobody listens there, or connections are accepted and
never answered. The exporter is asked for each target once per interval, evenly spread, as
Prometheus does: gzip, kept-alive connections, a timeout of two thirds of the interval.
"""
import asyncio, contextlib, gzip, resource, signal, socket, statistics, subprocess, sys, time
from functools import partial

from plot import chart
from scrape_cost import run_ns, status

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

async def never_answer(reader, writer):
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while await reader.read(4096):
            pass
    writer.close()

def address(number):
    return f"127.1.{number // 250}.{number % 250 + 1}"

def kind(number):
    """What is wrong with a target."""
    return "good" if number % 10 != 9 else ("dead", "hanging")[number // 10 % 2]

class Clients:
    """Kept-alive connections to the exporter."""

    def __init__(self, port):
        self.port, self.idle = port, []

    async def get(self, path, timeout):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                     f"X-Prometheus-Scrape-Timeout-Seconds: {timeout}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"http/1.1 200"):
            sys.exit(f"{path}: {head.decode()}{body[:200]!r}")
        self.idle.append((reader, writer))
        return gzip.decompress(body) if b"content-encoding: gzip" in head else body

def series(body):
    return sum(1 for line in body.split(b"\n") if line and line[:1] != b"#")

class Measurement:
    """A program, the arguments it is started with, how it is asked, and who answers it.

    `path` makes the path of a target from its `host:port`; `up` is the family that says whether it
    is up; `answer` serves one connection as a server would.
    """

    def __init__(self, program, arguments, path, up, answer):
        self.command, self.path, self.up, self.answer = [program, *arguments], path, up, answer

    async def scrape(self, clients, number, port, timeout, latencies):
        began = time.perf_counter()
        body = await clients.get(self.path(f"{address(number)}:{port}"), timeout)
        latencies[kind(number)].append((time.perf_counter() - began) * 1e3)
        up = f"\n{self.up} 1\n".encode() in body
        if up != (kind(number) == "good"):
            sys.exit(f"{kind(number)} target {number}: {self.up} is {int(up)}\n{body.decode()}")
        return series(body) if up else 0

    async def round_of(self, clients, count, port, interval, latencies):
        """Begins a scrape of each target; the last ones may take longer than the round."""
        began, tasks = time.monotonic(), []
        for number in range(count):
            await asyncio.sleep(max(0, began + interval * number / count - time.monotonic()))
            scrape = self.scrape(clients, number, port, interval * 2 / 3, latencies)
            tasks.append(asyncio.create_task(scrape))
        await asyncio.sleep(max(0, began + interval - time.monotonic()))
        return tasks

    async def measure(self, count, rounds, interval):
        """One round warms up; then `rounds` are measured."""
        port, own_port = free_port(), free_port()
        handlers = {"good": self.answer, "hanging": never_answer}
        servers = [await asyncio.start_server(handlers[kind(number)], address(number), port)
                   for number in range(count) if kind(number) in handlers]
        listen = [f"--web.listen-address=127.0.0.1:{own_port}", "--log.level=error"]
        exporter = subprocess.Popen([*self.command, *listen])
        try:
            clients = Clients(own_port)
            await answers(own_port)
            lost = {"good": [], "dead": [], "hanging": []}
            warming = await self.round_of(clients, count, port, interval, lost)
            latencies, before, began = {key: [] for key in lost}, run_ns(exporter.pid), time.monotonic()
            tasks = []
            for _ in range(rounds):
                tasks += await self.round_of(clients, count, port, interval, latencies)
            cpu, elapsed = (run_ns(exporter.pid) - before) / 1e9, time.monotonic() - began
            most = max(await asyncio.gather(*warming, *tasks))
            good = sorted(latencies["good"])
            return dict(targets=count, series=most, core=cpu / elapsed, cpu=cpu * 1e3 / rounds / count,
                        p50=statistics.median(good), p99=good[int(len(good) * .99) - 1], longest=good[-1],
                        hanging=max(latencies["hanging"], default=0.0),
                        rss=status(exporter.pid, "VmRSS") / 1024, peak=status(exporter.pid, "VmHWM") / 1024)
        finally:
            exporter.send_signal(signal.SIGTERM)
            exporter.wait()
            for server in servers:
                server.close()

async def answers(port):
    """Waits until somebody listens."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        await asyncio.sleep(0.05)
    sys.exit(f"nobody listens on port {port}")

# For all targets that are measured together.
CORE_BOUND, MEMORY_BOUND_MIB = 0.10, 64

def charts(rows):
    """CPU and memory by the number of targets, for plot.draw."""
    return [partial(chart, rows, "targets", "core", "CPU, part of one core", CORE_BOUND),
            partial(chart, rows, "targets", "peak", "Resident memory, peak, MiB", MEMORY_BOUND_MIB)]

def table():
    """A function that prints one row after another, before the first one their names."""
    printed = []
    def show(row):
        if not printed:
            printed.append(print("".join(f"{key:>11}" for key in row)))
        print("".join(f"{v:11.4f}" if isinstance(v, float) else f"{v:11d}" for v in row.values()), flush=True)
    return show
