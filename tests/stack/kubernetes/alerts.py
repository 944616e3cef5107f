"""The alerts: taken from the files that the compose files use, with what Kubernetes needs otherwise."""

import re
import subprocess
import tempfile
from pathlib import Path

import yaml

from rendering import CHART, HERE, ROOT, RULES, case, of_kind, render

ON = [
    "--set=redis.enabled=true,mysql.enabled=true,mysql.existingSecret=accounts",
    "--set=prometheusRule.enabled=true,monitor.kind=ServiceMonitor",
]
BY_POD = "by (instance, job, namespace, pod, name)"


def sources():
    """The rules of the files that Prometheus reads, by their name."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def rendered(*arguments):
    (item,) = of_kind(render(*ON, *arguments), "PrometheusRule")
    return item["spec"]


def rules(*arguments):
    return {rule["alert"]: rule for group in rendered(*arguments)["groups"] for rule in group["rules"]}


def selection():
    return yaml.safe_load((CHART / "files/alerts.yaml").read_text())


def each_alert_is_named_once():
    chosen = selection()
    names = [name for group in chosen.values() for name in group]
    assert len(names) == len(set(names)), "one is named twice"
    assert set(names) == set(sources()), set(names) ^ set(sources())
    assert set(rules()) == set(sources()) - set(chosen["left out"])


def an_exporter_that_is_off_has_none():
    chosen = selection()
    found = set(rules("--set=container.enabled=false,mysql.enabled=false"))
    assert found == {*chosen["any"], *chosen["node"], *chosen["redis"]}, found
    off = "--set=node.enabled=false,container.enabled=false,redis.enabled=false,mysql.enabled=false"
    assert not of_kind(render(*ON, off), "PrometheusRule")
    assert "RedisDown" not in rules("--set=prometheusRule.disabled={RedisDown}")


def they_are_those_of_the_files():
    chosen, originals = selection(), sources()
    for name, rule in rules().items():
        original = originals[name]
        if name in chosen["container"]:
            assert BY_POD in rule["expr"], rule["expr"]
            rule["expr"] = rule["expr"].replace(BY_POD, "by (instance, job, name)")
            text = str(rule["annotations"])
            pod = "{{ $labels.namespace }}/{{ $labels.pod }}/{{ $labels.name }}"
            assert text.count(pod) == text.count("$labels.name }}") > 0, text
            rule["annotations"] = {
                key: value.replace(pod, "{{ $labels.name }}") for key, value in rule["annotations"].items()
            }
        if name == "ContainerDown":
            jobs = 'up{job=~"node-exporter|cadvisor|redis-exporter|mysql-exporter"} == 0'
            assert rule["expr"] == jobs, rule["expr"]
            rule["expr"] = original["expr"]
        assert rule == original, f"{name}: {rule} is not {original}"


def runbooks_have_addresses():
    for name, rule in rules("--set=prometheusRule.runbookUrl=https://example.com/page").items():
        assert rule["annotations"]["runbook_url"] == f"https://example.com/page#{name.lower()}"


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def promtool_takes_them_and_they_fire():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.yml").write_text(yaml.safe_dump(rendered()))
        promtool("check", "rules", folder / "rules.yml")
        (folder / "pods.test.yml").write_text((HERE / "pods.test.yml").read_text())
        # Of the tests of the compose files, those whose alerts are the same here
        for test in ("system", "databases", "further-databases"):
            text = (ROOT / f"deploy/monitoring/prometheus/tests/{test}.test.yml").read_text()
            text, count = re.subn(r"\.\./rules/[a-z-]+\.yml", "rules.yml", text)
            assert count == 1, test
            (folder / f"{test}.test.yml").write_text(text)
        promtool("test", "rules", *sorted(folder.glob("*.test.yml")))
        for case_name in ("everything",):
            (item,) = of_kind(case(case_name), "PrometheusRule")
            (folder / "rules.yml").write_text(yaml.safe_dump(item["spec"]))
            promtool("check", "rules", folder / "rules.yml")


CHECKS = [
    each_alert_is_named_once,
    an_exporter_that_is_off_has_none,
    they_are_those_of_the_files,
    runbooks_have_addresses,
    promtool_takes_them_and_they_fire,
]
