"""Hosts that are not there: what our exporters answered, served once more for each host.

A recording is the answers of one exporter, one after another. A host begins at a place of its own
in it and goes on from there: gauges come round again, counters go on growing by what they grew.
"""
import asyncio, hashlib, http.client, os, random, socket, subprocess, tempfile, time, urllib.request

from container_scale import Daemon, FIXTURES, make_tree, replies
from many_servers import address, series
from mysql_scale import MariaDb, account

CONTAINERS = 10
# Of how many hosts one has a Redis and another one a MariaDB
HOSTS_PER_DATABASE = 5
# What the identifiers of all containers of container_scale.py begin with
SAME_ID = b"0" * 16

class Recording:
    """The series of one exporter: text before each value, and the values in their order."""

    def __init__(self, bodies, moves=False):
        self.bodies = bodies
        kinds, tables = {}, [dict(self.samples(body, {})) for body in bodies[1:]]
        first = list(self.samples(bodies[0], kinds))
        self.count = len(bodies)
        self.rows, self.counters = [], 0
        for key, value in first:
            if all(key in table for table in tables):
                values = [value, *(table[key] for table in tables)]
                name = key.split(b"{")[0]
                counter = any(kinds.get(name[:len(name) - cut]) in (b"counter", b"histogram", b"summary")
                              for cut in (0, 4, 6, 7)) and b"quantile=" not in key
                if moves and counter and value > 0 and values[0] == values[-1]:
                    values = self.moved(key, values)
                self.counters += counter
                self.rows.append((key + b" ", values, counter))

    @staticmethod
    def samples(body, kinds):
        for line in body.split(b"\n"):
            if line.startswith(b"# TYPE "):
                name, kind = line[7:].split(b" ")
                kinds[name] = kind
            elif line and not line.startswith(b"#"):
                end = line.rindex(b"}") + 1 if b"}" in line else line.index(b" ")
                # A timestamp may follow: the time of the scrape serves as well.
                yield line[:end], float(line[end:].split()[0])

    def moved(self, key, values):
        """Plain files in place of those of a kernel do not count on: steps of up to a thousandth."""
        seed = hashlib.sha1(key).digest()
        step = max(1.0, values[0] / 1000) if values[0].is_integer() else values[0] / 1000
        moved = [values[0]]
        for number in range(1, len(values)):
            grown = step * seed[number % len(seed)] / 255
            moved.append(moved[-1] + (round(grown) if values[0].is_integer() else grown))
        return moved

    def value(self, values, counter, number):
        """The value of the scrape with this number."""
        last = self.count - 1
        if not counter or values[-1] < values[0]:
            return values[number % self.count]
        turns, place = divmod(number, last)
        return values[place] + turns * (values[-1] - values[0])

    def lines(self, number, end=b"\n"):
        parts = []
        for text, values, counter in self.rows:
            value = self.value(values, counter, number)
            whole = b"%d" % value if value.is_integer() and abs(value) < 1e15 else repr(value).encode()
            parts.append(text + whole + end)
        return parts

    def body(self, host, number):
        # Each host by itself, as the scrapes of two are never of the same moment
        text = b"".join(self.lines(number + host * 7))
        return text.replace(SAME_ID, hashlib.sha1(b"%d" % host).hexdigest()[:16].encode())

def listening_port():
    """A free one below those that the kernel gives to the many connections of this test."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port

def get(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return answer.read()

def wait_for(port, text=b""):
    for _ in range(300):
        try:
            if text in get(port):
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)
    raise SystemExit(f"no exporter shows {text} on port {port}")

def work(redis_port, database, number):
    """A little of it, so that not everything stands still."""
    with socket.create_connection(("127.0.0.1", redis_port)) as connection:
        connection.sendall(b"".join(b"INCR key%d\r\n" % (key % (number + 3)) for key in range(60)) + b"QUIT\r\n")
        while connection.recv(4096):
            pass
    database.sql("DO (SELECT COUNT(*) FROM information_schema.tables);" * (number % 4 + 1))

def record(programs, count, every):
    """Answers of the four programs of a folder: `count` each, one in `every` seconds."""
    ports = {name: listening_port() for name in ("node", "container", "redis", "mysql", "server")}
    listen = lambda name: f"--web.listen-address=127.0.0.1:{ports[name]}"
    with tempfile.TemporaryDirectory() as folder:
        make_tree(folder, CONTAINERS)
        daemon = Daemon(f"{folder}/docker.sock", replies(CONTAINERS))
        os.mkdir(f"{folder}/mysql")
        database = MariaDb(f"{folder}/mysql")
        commands = [
            ["redis-server", "--port", str(ports["server"]), "--bind", "127.0.0.1", "--save", "",
             "--dir", folder, "--maxmemory", "128mb"],
            [f"{programs}/node-exporter", listen("node")],
            [f"{programs}/container-exporter", "-listen_ip=127.0.0.1", f"-port={ports['container']}",
             f"-docker=unix://{folder}/docker.sock", f"--path.cgroup={folder}/cgroup",
             f"--path.procfs={folder}/proc", f"--path.rootfs={folder}", f"--path.sysfs={FIXTURES}/sys"],
            [f"{programs}/redis-exporter", listen("redis"), f"--redis.addr=redis://127.0.0.1:{ports['server']}"],
            [f"{programs}/mysql-exporter", listen("mysql"), account(folder, "host=127.0.0.1", f"port={database.port}")],
        ]
        started = []
        try:
            started += [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                        for command in commands]
            for name, text in (("node", b"node_load1"), ("container", b"-9\""), ("redis", b"redis_up 1"),
                               ("mysql", b"mysql_up 1")):
                wait_for(ports[name], text)
            bodies = {name: [] for name in ports if name != "server"}
            for number in range(count):
                began = time.monotonic()
                work(ports["server"], database, number)
                for name, answers in bodies.items():
                    answers.append(get(ports[name]))
                time.sleep(max(0, began + every - time.monotonic()))
        finally:
            for process in started:
                process.terminate()
                process.wait()
            database.stop()
            daemon.shutdown()
            daemon.server_close()
    return {name: Recording(answers, moves=name == "container") for name, answers in bodies.items()}

def kinds(host):
    """The exporters of a host."""
    place = host % HOSTS_PER_DATABASE
    return ["node", "container", *(["redis"] if place == 0 else ["mysql"] if place == 1 else [])]

class Fleet:
    """Serves `/NAME` of each host on a loopback address of its own."""

    def __init__(self, recordings, hosts):
        self.recordings, self.hosts, self.port = recordings, hosts, listening_port()
        self.scrapes = {}

    async def answer(self, host, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                kind = head.split(b" ", 2)[1].decode().strip("/")
                number = self.scrapes[host, kind] = self.scrapes.get((host, kind), 0) + 1
                body = self.recordings[kind].body(host, number)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve(self):
        for host in range(self.hosts):
            answer = lambda reader, writer, host=host: self.answer(host, reader, writer)
            await asyncio.start_server(answer, address(host), self.port, backlog=16)
        await asyncio.Event().wait()

    def targets(self, hosts):
        """What file_sd_configs read: the hosts 0 to `hosts`, each exporter under its path."""
        groups = {}
        for host in range(hosts):
            for kind in kinds(host):
                groups.setdefault(kind, []).append(f"{address(host)}:{self.port}")
        return [{"targets": targets, "labels": {"job": kind, "__metrics_path__": f"/{kind}"}}
                for kind, targets in groups.items()]

    def series(self, hosts):
        return sum(len(self.recordings[kind].rows) for host in range(hosts) for kind in kinds(host))

def sizes(recordings):
    """One row for each exporter: series, those that count, bytes of an answer."""
    return [dict(exporter=name, series=series(recording.bodies[-1]), counters=recording.counters,
                 kB=len(recording.bodies[-1]) / 1e3) for name, recording in recordings.items()]
