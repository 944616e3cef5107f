#!/usr/bin/env python3
"""Runs a real Alertmanager on the configuration that is shipped.

As it is, without any secret: it starts, and inhibits what tests/inhibitions.txt
says. With every channel switched on: Discord, Slack and a webhook get each alert
when it fires and when it is resolved. E-mail is switched on, but not delivered.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "deploy/monitoring/alertmanager"
SHIPPED = (FOLDER / "alertmanager.yml").read_text()
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CHANNELS = ["/discord", "/slack/secret", "/webhook"]
PATIENCE_SECONDS = 60


def version():
    output = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)\.(\d+)", output.stdout + output.stderr)
    return tuple(int(number) for number in found.groups())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, probe):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := probe()):
        if time.monotonic() > deadline:
            sys.exit(f"not ok - {what}")
        time.sleep(0.1)
    print(f"ok - {what}")
    return found


class Alertmanager:
    """A process of its own; ended when the block ends."""

    def __init__(self, configuration):
        self.configuration = configuration
        self.url = f"http://127.0.0.1:{free_port()}"

    def __enter__(self):
        self.data = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [PROGRAM, f"--config.file={self.configuration}", f"--storage.path={self.data.name}",
             f"--web.listen-address={self.url.removeprefix('http://')}",
             "--cluster.listen-address="],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.data.cleanup()

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return answer.read()

    def is_ready(self):
        try:
            self.request("/-/ready")
            return True
        except OSError:
            return False

    def post(self, labels, ends=timedelta(hours=1)):
        now = datetime.now(timezone.utc)
        annotations = {"summary": "It is down", "description": "up is 0", "runbook": "README.md#x"}
        self.request("/api/v2/alerts", [{
            "labels": labels, "annotations": annotations,
            "startsAt": (now - timedelta(minutes=1)).isoformat(), "endsAt": (now + ends).isoformat()}])

    def inhibited(self):
        """Whether each alert is inhibited, by its labels."""
        alerts = json.loads(self.request("/api/v2/alerts"))
        return {frozenset(alert["labels"].items()): bool(alert["status"]["inhibitedBy"])
                for alert in alerts}


def inhibitions():
    """The lines of inhibitions.txt: (is inhibited, labels)."""
    for line in (FOLDER / "tests/inhibitions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            word, *labels = line.split()
            yield word == "silent", dict(label.split("=", 1) for label in labels)


def check_inhibitions():
    expected = {frozenset(labels.items()): silent for silent, labels in inhibitions()}
    with Alertmanager(FOLDER / "alertmanager.yml") as alertmanager:
        eventually("it starts without any secret", alertmanager.is_ready)
        for labels in expected:
            alertmanager.post(dict(labels))
        eventually("alerts inhibit those that they should and no others",
                   lambda: alertmanager.inhibited() == expected)


class Listener(ThreadingHTTPServer):
    """Stands for Discord, Slack and the webhook; keeps (path, authorization, body)."""

    def __init__(self):
        self.received = []
        super().__init__(("127.0.0.1", 0), Request)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def about(self, words):
        """The channels that got a notification with all of these words."""
        return sorted({path for path, _, body in self.received
                       if all(word in body for word in words)})


class Request(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def switched_on(secrets, port):
    """The shipped file with all channels, sent to the listener without delay."""
    text = re.sub(r"(?m)^( +)#([a-z]|  )", r"\1\2", SHIPPED)
    for old, new in {
        "/etc/alertmanager/secrets": str(secrets),
        "http://webhook.example:8000/alerts": f"http://127.0.0.1:{port}/webhook",
        "smtp.gmail.com:587": "127.0.0.1:1",
        "templates/*.tmpl": str(FOLDER / "templates/*.tmpl"),
        "group_wait: 30s": "group_wait: 0s",
        "group_interval: 5m": "group_interval: 1s",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    if version() < (0, 28):
        print("# not run: discord_configs.webhook_url_file needs Alertmanager 0.28,"
              " webhook_url stands in")
        text = re.sub("webhook_url_file: .*", f"webhook_url: http://127.0.0.1:{port}/discord", text)
    return text


def check_channels(folder):
    listener = Listener()
    port = listener.server_address[1]
    secrets = folder / "secrets"
    configuration = folder / "alertmanager.yml"
    configuration.write_text(switched_on(secrets, port))
    down = {"alertname": "RedisDown", "severity": "critical", "instance": "r", "host": "a"}
    slow = {"alertname": "MySQLSlowQueries", "severity": "warning", "instance": "m", "host": "a"}
    with Alertmanager(configuration) as alertmanager:
        eventually("it starts with all channels before their secrets are there",
                   alertmanager.is_ready)
        secrets.mkdir()
        (secrets / "discord_webhook_url").write_text(f"http://127.0.0.1:{port}/discord\n")
        (secrets / "slack_webhook_url").write_text(f"http://127.0.0.1:{port}/slack/secret\n")
        (secrets / "webhook_token").write_text("a token\n")
        for labels in (down, slow):
            name = labels["alertname"]
            alertmanager.post(labels)
            eventually(f"every channel gets {name}",
                       lambda: listener.about([name, "firing"]) == CHANNELS)
            alertmanager.post(labels, ends=timedelta(seconds=-1))
            eventually(f"every channel gets the end of {name}",
                       lambda: listener.about([name, "resolved"]) == CHANNELS)
    check_bodies(listener.received)


def check_bodies(received):
    first = {path: (authorization, json.loads(body)) for path, authorization, body
             in reversed(received) if "RedisDown" in body}
    title = "FIRING critical RedisDown on a"
    text = "firing: It is down\nup is 0\nWhat to do: README.md#x"
    embed = first["/discord"][1]["embeds"][0]
    assert (embed["title"], embed["description"].strip()) == (title, text), embed
    attachment = first["/slack/secret"][1]["attachments"][0]
    assert (attachment["title"], attachment["text"].strip()) == (title, text), attachment
    authorization, body = first["/webhook"]
    assert authorization == "Bearer a token", authorization
    assert body["version"] == "4" and body["receiver"] == "critical", body
    print("ok - title and text reach Discord and Slack, the token the webhook")


def main():
    if PROGRAM is None:
        sys.exit("tests/stack/alertmanager.py: error: no alertmanager is installed")
    check_inhibitions()
    with tempfile.TemporaryDirectory() as folder:
        check_channels(Path(folder))


main()
