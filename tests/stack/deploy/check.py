#!/usr/bin/env python3
"""What deploy/up has made for Grafana, Loki and the collector: check.py STAND-INS DATA MONITORING.

STAND-INS is the folder of the programs that were called in their place, DATA that of the run.
"""
import json
import stat
import sys
import urllib.request
from pathlib import Path

import yaml

stand_ins, data, monitoring = map(Path, sys.argv[1:])


def call(name):
    return json.loads((stand_ins / f"{name}.json").read_text("utf-8"))


def load(path):
    return yaml.safe_load(Path(path).read_text("utf-8"))


def answers(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200


def same_but(made, shipped, *places):
    """Nothing else was changed than these keys of the file that is shipped."""
    for *path, key in places:
        for tree in (made, shipped):
            for step in path:
                tree = tree[step]
            tree.pop(key, None)
    assert made == shipped, (made, shipped)


def loki():
    [argument] = call("loki")["arguments"]
    made = load(argument.removeprefix("-config.file="))
    folder = f"{data}/loki"
    assert made["common"]["path_prefix"] == folder, made
    assert made["common"]["storage"]["filesystem"]["chunks_directory"] == f"{folder}/chunks", made
    assert made["compactor"]["working_directory"] == f"{folder}/compactor", made
    assert made["server"]["http_listen_address"] == made["server"]["grpc_listen_address"] == "127.0.0.1", made
    address = f"http://127.0.0.1:{made['server']['http_listen_port']}"
    same_but(made, load(monitoring / "loki/loki.yml"), ["server"], ["common", "path_prefix"],
             ["common", "storage", "filesystem"], ["compactor", "working_directory"])
    return address


def collector(loki_address):
    [argument] = call("promtail")["arguments"]
    made = load(argument.removeprefix("-config.file="))
    assert made["server"]["http_listen_address"] == "127.0.0.1", made
    assert made["clients"] == [{"url": f"{loki_address}/loki/api/v1/push"}], made
    assert Path(made["positions"]["filename"]).parent == data / "collector", made
    own = made["scrape_configs"][-1]["static_configs"]
    logs = {entry["labels"]["container"]: Path(entry["labels"]["__path__"]) for entry in own}
    assert {"redis", "mariadb", "prometheus", "node-exporter", "loki", "grafana"} <= logs.keys(), logs
    assert all(path == data / f"logs/{name}.log" for name, path in logs.items()), logs
    assert logs["prometheus"].stat().st_size > 0


def grafana():
    called = call("grafana-server")
    variables = called["variables"]
    assert called["arguments"] == [f"--homepath={called['arguments'][0].removeprefix('--homepath=')}"], called
    password = data / "grafana/admin_password"
    assert variables["GF_SECURITY_ADMIN_PASSWORD"] == f"$__file{{{password}}}", variables
    assert stat.S_IMODE(password.stat().st_mode) == 0o600 and len(password.read_text()) == 48
    provisioning = Path(variables["GF_PATHS_PROVISIONING"])
    sources = load(provisioning / "datasources/datasources.yml")["datasources"]
    ready = {"Prometheus": "/-/ready", "Loki": "/ready", "Alertmanager": "/-/ready"}
    assert [source["name"] for source in sources] == list(ready), sources
    for source in sources:
        assert answers(source["url"] + ready[source["name"]]), source
    assert sources[0]["jsonData"]["timeInterval"] == "1s", sources
    [provider] = load(provisioning / "dashboards/dashboards.yml")["providers"]
    assert len(list(Path(provider["options"]["path"]).glob("*.json"))) == 5, provider
    [point] = load(provisioning / "alerting/alerting.yml")["contactPoints"]
    assert answers(point["receivers"][0]["settings"]["url"] + "/-/ready"), point


collector(loki())
grafana()
