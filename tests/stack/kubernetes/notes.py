"""What helm prints after it has installed the chart."""

import re
import shutil
import tempfile
from pathlib import Path

import yaml

from alerts import promtool
from rendering import CHART, HERE, named, render


def notes(name):
    """Helm renders them only where there is a cluster, so that here they are put into an object."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "exporters"
        shutil.copytree(CHART, chart)
        text = (chart / "templates/NOTES.txt").read_text()
        (chart / "templates/NOTES.txt").unlink()
        (chart / "templates/_notes.tpl").write_text('{{- define "notes" -}}\n' + text + "{{- end -}}\n")
        (chart / "templates/notes.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\n"
            'data:\n  text: |\n    {{- include "notes" . | nindent 4 }}\n'
        )
        objects = render(f"--values={HERE / 'values' / name}.yaml", chart=chart)
        return named(objects, "ConfigMap", "notes")["data"]["text"]


def they_name_each_address():
    text = notes("default")
    assert "http://exporters-node-exporter.monitoring:9100/metrics" in text, text
    assert "http://exporters-container-exporter.monitoring:8080/metrics" in text, text
    assert "pod-security.kubernetes.io/enforce=privileged" in text, text
    assert "redis" not in text, text
    text = notes("everything")
    assert "https://metrics-mysql-exporter.monitoring:9104/metrics" in text, text
    assert "job_name" not in text, text
    assert "pod-security" not in notes("minimal")


def they_have_the_jobs_of_several_servers():
    text = notes("probes")
    jobs = re.findall(r"^  - job_name: .*\n(?:^    .*\n)*", text + "\n", re.MULTILINE)
    assert len(jobs) == 2, text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prometheus.yml"
        path.write_text("scrape_configs:\n" + "".join(jobs))
        promtool("check", "config", path)
        redis, mysql = yaml.safe_load(path.read_text())["scrape_configs"]
    assert redis["metrics_path"] == "/scrape" and redis["params"] == {"cluster": ["true"]}, redis
    assert redis["static_configs"] == [{"targets": ["redis://cache-1:6379"], "labels": {"team": "shop"}}], redis
    assert redis["relabel_configs"][-1]["replacement"] == "exporters-redis-exporter.monitoring:9121", redis
    assert mysql["metrics_path"] == "/probe" and mysql["static_configs"] == [{"targets": ["db-1:3306"]}], mysql


CHECKS = [they_name_each_address, they_have_the_jobs_of_several_servers]
