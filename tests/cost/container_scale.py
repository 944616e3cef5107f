#!/usr/bin/env python3
"""What a scrape of the container exporter costs, by the number of containers.

usage: container_scale.py [-n ROUNDS] [--sizes N,N,...] [--svg FILE] PROGRAM

For each size a tree of cgroups (version 2, systemd driver) and processes is made
in a temporary folder from the fixtures, beside a Docker daemon on a socket that
answers from the recorded replies; PROGRAM runs on them and is scraped ROUNDS
times over a kept-alive connection, then as often with gzip. Prints per size:
series, kB, median latency (ms), CPU per scrape (ms, all threads) without and with
gzip, peak of resident memory over all of them (MiB); --svg draws CPU and memory. The files are plain ones: those of a real kernel take its
time to be made up as well.
"""
import argparse, copy, http.server, json, os, shutil, signal, socket, socketserver, statistics
import subprocess, sys, tempfile, threading, time
from functools import partial

from plot import chart, draw
from scrape_cost import Peer, run_ns, status

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../exporters/container/fixtures")
GATEWAY = "94ee48f20b28190fe7335d9f7888fe3ad5a39f9ffafd3a39063617863513a234"
FIRST_PID = 10_000
CPU_BOUND_MS, MEMORY_BOUND_MIB = 250, 64

def recorded(name):
    with open(f"{FIXTURES}/docker/{name}.json") as f:
        return json.load(f)

def container_id(number):
    return f"{number:064x}"

def link_files(source, target):
    """The files of a folder, not those of folders below, once more without a copy."""
    os.makedirs(target)
    for entry in os.scandir(source):
        if entry.is_file():
            os.link(entry.path, f"{target}/{entry.name}")

def make_tree(root, count):
    """Cgroups below root/cgroup and processes below root/proc."""
    shutil.copytree(f"{FIXTURES}/v2/cgroup", f"{root}/cgroup")
    shutil.copytree(f"{FIXTURES}/proc", f"{root}/proc", symlinks=True)
    scope = f"{root}/cgroup/system.slice/docker-{GATEWAY}.scope"
    for number in range(count):
        link_files(scope, f"{root}/cgroup/system.slice/docker-{container_id(number)}.scope")
        link_files(f"{root}/proc/3456/net", f"{root}/proc/{FIRST_PID + number}/net")

def replies(count):
    """Answers of the daemon by path."""
    summary, inspection = recorded("list")[1], recorded("inspect-gateway")
    answers = {"/_ping": "OK", "/version": recorded("version"), "/info": recorded("info")}
    listed = []
    for number in range(count):
        own, name = container_id(number), f"/shop-app-{number}"
        listed.append(dict(summary, Id=own, Names=[name], SizeRw=4096))
        one = copy.deepcopy(inspection)
        one.update(Id=own, Name=name)
        one["State"]["Pid"] = FIRST_PID + number
        answers[f"/containers/{own}/json"] = one
    answers["/containers/json"] = listed
    return {path: answer if isinstance(answer, str) else json.dumps(answer)
            for path, answer in answers.items()}

class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path, answers):
        self.answers = answers
        super().__init__(path, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "docker"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/v1."):
            path = path[path.index("/", 1):]
        if path == "/events":
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            threading.Event().wait()
        body = self.server.answers.get(path, "{}").encode()
        self.send_response(200 if path in self.server.answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def scrape_once_named(peer, count):
    """Waits until the exporter knows all containers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            _, body, _ = peer.scrape()
            samples = body.count(b"\ncontainer_last_seen{container_label")
            if samples >= count:
                return body
        except OSError:
            peer.conn.close()
        time.sleep(0.1)
    sys.exit(f"the exporter does not show {count} containers")

def scrape_often(peer, rounds):
    """Latencies, and CPU per scrape, in milliseconds."""
    before = run_ns(peer.pid)
    latencies = [peer.scrape()[0] * 1e3 for _ in range(rounds)]
    return latencies, (run_ns(peer.pid) - before) / 1e6 / rounds

def measure(program, count, rounds):
    with tempfile.TemporaryDirectory() as root:
        make_tree(root, count)
        daemon = Daemon(f"{root}/docker.sock", replies(count))
        port = free_port()
        exporter = subprocess.Popen(
            [program, "-listen_ip=127.0.0.1", f"-port={port}", f"-docker=unix://{root}/docker.sock",
             f"--path.cgroup={root}/cgroup", f"--path.procfs={root}/proc", f"--path.rootfs={root}",
             f"--path.sysfs={FIXTURES}/sys", "--log.level=error"])
        try:
            spec = f"ours={exporter.pid}=http://127.0.0.1:{port}/metrics"
            peer = Peer(spec, {})
            body = scrape_once_named(peer, count)
            latencies, cpu = scrape_often(peer, rounds)
            _, cpu_gzip = scrape_often(Peer(spec, {"Accept-Encoding": "gzip"}), rounds)
            return dict(containers=count, kB=len(body) / 1e3, p50=statistics.median(latencies),
                        series=sum(1 for line in body.split(b"\n") if line and line[:1] != b"#"),
                        cpu=cpu, gzip=cpu_gzip, peak=status(exporter.pid, "VmHWM") / 1024)
        finally:
            exporter.send_signal(signal.SIGTERM)
            exporter.wait()
            daemon.shutdown()
            daemon.server_close()

def draw_rows(rows, path):
    draw([partial(chart, rows, "containers", "cpu", "CPU per scrape, ms", CPU_BOUND_MS),
          partial(chart, rows, "containers", "peak", "Resident memory, peak, MiB", MEMORY_BOUND_MIB)], path)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-n", type=int, default=20)
    ap.add_argument("--sizes", default="10,100,250,500,1000")
    ap.add_argument("--svg")
    ap.add_argument("program")
    a = ap.parse_args()
    keys = ["containers", "series", "kB", "p50", "cpu", "gzip", "peak"]
    print("".join(f"{key:>11}" for key in keys))
    rows = []
    for size in a.sizes.split(","):
        row = measure(a.program, int(size), a.n)
        rows.append(row)
        print("".join(f"{row[k]:11.2f}" if isinstance(row[k], float) else f"{row[k]:11d}" for k in keys),
              flush=True)
    if a.svg:
        draw_rows(rows, a.svg)

if __name__ == "__main__":
    main()
