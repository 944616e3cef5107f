#!/usr/bin/env python3
"""What scrapes of many servers cost the redis exporter, by the number of servers.

usage: redis_scale.py [--rounds N] [--interval SECONDS] [--sizes N,N,...] [--svg FILE] PROGRAM

A server of this script answers on one loopback address per target with what a real
redis-server, which it starts, answered to the same command once. Each tenth target is
out of order: by turns nobody listens there, or connections are accepted and never
answered. PROGRAM is asked for each target once per interval, evenly spread, as Prometheus
does: gzip, kept-alive connections, a timeout of two thirds of the interval. One round warms
up; then N are measured. Prints per size: series of one target, CPU as a part of one
core and per scrape (ms, all threads), latency of the targets that answer (ms: median,
p99, longest), the same for those that hang (longest), and memory (MiB: resident at the
end, peak). --svg draws CPU and peak memory.
"""
import argparse, asyncio, contextlib, socket, subprocess, sys, tempfile, time

from many_servers import Measurement, charts, free_port, raise_descriptor_limit, table
from plot import draw

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
    ap.add_argument("--svg")
    ap.add_argument("program")
    a = ap.parse_args()
    raise_descriptor_limit()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        redis, port = start_redis(folder)
        try:
            show = table()
            for size in a.sizes.split(","):
                recorder = Recorder(port)
                measurement = Measurement(a.program, ["--redis.addr=", *a.flag],
                                          lambda target: f"/scrape?target=redis://{target}",
                                          "redis_up", recorder.answer)
                rows.append(asyncio.run(measurement.measure(int(size), a.rounds, a.interval)))
                show({**rows[-1], "connects": recorder.connections})
        finally:
            redis.terminate()
            redis.wait()
    if a.svg:
        draw(charts(rows), a.svg)

if __name__ == "__main__":
    main()
