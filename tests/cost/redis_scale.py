#!/usr/bin/env python3
"""What scrapes of many servers cost the redis exporter, by the number of servers.

usage: redis_scale.py [--rounds N] [--interval SECONDS] [--sizes N,N,...] PROGRAM

A server of this script answers on one loopback address per target with what a real
redis-server, which it starts, answered to the same command once. Each tenth target is
out of order: by turns nobody listens there, or connections are accepted and never
answered. PROGRAM is asked for each target once per interval, evenly spread, as Prometheus
does: gzip, kept-alive connections, a timeout of two thirds of the interval. One round warms
up; then N are measured. Prints per size: series of one target, CPU as a part of one
core and per scrape (ms, all threads), latency of the targets that answer (ms: median,
p99, longest), the same for those that hang (longest), and memory (MiB: resident at the
end, peak).
"""
import argparse, asyncio, contextlib, gzip, os, resource, signal, socket, statistics, subprocess
import sys, tempfile, time

from scrape_cost import run_ns, status

CORE_BOUND, MEMORY_BOUND_MIB = 0.10, 64

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

async def read_command(reader):
    """The bytes of one command, None at the end."""
    head = await reader.readline()
    if not head:
        return None
    parts = [head]
    for _ in range(int(head[1:])):
        length = await reader.readline()
        parts += [length, await reader.readexactly(int(length[1:]) + 2)]
    return b"".join(parts)

async def read_reply(reader):
    head = await reader.readline()
    kind, count = head[:1], head[1:].strip()
    if kind == b"$" and int(count) >= 0:
        return head + await reader.readexactly(int(count) + 2)
    if kind == b"*":
        return head + b"".join([await read_reply(reader) for _ in range(max(0, int(count)))])
    return head

class Recorder:
    """Answers each command with what the real server once said."""

    def __init__(self, port):
        self.port, self.replies, self.lock, self.connections = port, {}, asyncio.Lock(), 0

    async def reply(self, command):
        async with self.lock:
            if command not in self.replies:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(command)
                self.replies[command] = await read_reply(reader)
                writer.close()
        return self.replies[command]

    async def answer(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (command := await read_command(reader)) is not None:
                writer.write(self.replies.get(command) or await self.reply(command))
        writer.close()

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

async def scrape(clients, number, port, timeout, latencies):
    began = time.perf_counter()
    body = await clients.get(f"/scrape?target=redis://{address(number)}:{port}", timeout)
    latencies[kind(number)].append((time.perf_counter() - began) * 1e3)
    up = b"\nredis_up 1\n" in body
    if up != (kind(number) == "good"):
        sys.exit(f"{kind(number)} target {number}: redis_up is {int(up)}\n{body.decode()}")
    return sum(1 for line in body.split(b"\n") if line and line[:1] != b"#") if up else 0

async def round_of(clients, count, port, interval, latencies):
    """Begins a scrape of each target; the last ones may take longer than the round."""
    began, tasks = time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0, began + interval * number / count - time.monotonic()))
        tasks.append(asyncio.create_task(scrape(clients, number, port, interval * 2 / 3, latencies)))
    await asyncio.sleep(max(0, began + interval - time.monotonic()))
    return tasks

async def measure(program, flags, redis_port, count, rounds, interval):
    recorder, port, own_port = Recorder(redis_port), free_port(), free_port()
    handlers = {"good": recorder.answer, "hanging": never_answer}
    servers = [await asyncio.start_server(handlers[kind(number)], address(number), port)
               for number in range(count) if kind(number) in handlers]
    exporter = subprocess.Popen([program, "--redis.addr=", f"--web.listen-address=127.0.0.1:{own_port}",
                                 "--log.level=error", *flags])
    try:
        clients = Clients(own_port)
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", own_port)).close()
                break
            await asyncio.sleep(0.05)
        warming = await round_of(clients, count, port, interval, {"good": [], "dead": [], "hanging": []})
        latencies, before, began = {"good": [], "dead": [], "hanging": []}, run_ns(exporter.pid), time.monotonic()
        tasks = []
        for _ in range(rounds):
            tasks += await round_of(clients, count, port, interval, latencies)
        cpu, elapsed = (run_ns(exporter.pid) - before) / 1e9, time.monotonic() - began
        series = max(await asyncio.gather(*warming, *tasks))
        good = sorted(latencies["good"])
        return dict(targets=count, series=series, core=cpu / elapsed, cpu=cpu * 1e3 / rounds / count,
                    p50=statistics.median(good), p99=good[int(len(good) * .99) - 1], longest=good[-1],
                    hanging=max(latencies["hanging"], default=0.0), connects=recorder.connections,
                    rss=status(exporter.pid, "VmRSS") / 1024, peak=status(exporter.pid, "VmHWM") / 1024)
    finally:
        exporter.send_signal(signal.SIGTERM)
        exporter.wait()
        for server in servers:
            server.close()

def start_redis(folder):
    port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
                              "--save", "", "--logfile", f"{folder}/log"])
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
            # Some commands have run, so that there are figures of them.
            client.sendall(b"SET a 1\r\nGET a\r\nHSET h a 1\r\nLPUSH l 1\r\nEXPIRE a 99999\r\nPING\r\n")
            while b"+PONG" not in client.recv(4096):
                pass
            return redis, port
        time.sleep(0.05)
    sys.exit("redis-server does not start")

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=4)
    ap.add_argument("--interval", type=float, default=15)
    ap.add_argument("--sizes", default="1,10,50,100,250,500")
    ap.add_argument("--flag", action="append", default=[], help="for PROGRAM")
    ap.add_argument("program")
    a = ap.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        redis, port = start_redis(folder)
        try:
            header = None
            for size in a.sizes.split(","):
                row = asyncio.run(measure(a.program, a.flag, port, int(size), a.rounds, a.interval))
                if header is None:
                    header = "".join(f"{key:>10}" for key in row)
                    print(header)
                print("".join(f"{v:10.3f}" if isinstance(v, float) else f"{v:10d}" for v in row.values()),
                      flush=True)
        finally:
            redis.terminate()
            redis.wait()

if __name__ == "__main__":
    main()
