"""The chart as helm renders it, and the schemas that its objects must fit."""

import json
import subprocess
from pathlib import Path

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CHART = ROOT / "deploy/kubernetes/chart"
TOOLS = ROOT / "target/kubernetes"
RULES = ROOT / "deploy/monitoring/prometheus/rules"
DASHBOARDS = ROOT / "deploy/monitoring/grafana/dashboards"
# The oldest Kubernetes that the chart takes, and the newest whose schema there is
OLDEST, NEWEST = "1.25.0", "1.37.0"
OPERATOR = "monitoring.coreos.com/v1"


def helm(*arguments):
    """What helm says, and whether it succeeded; it names each symbolic link that it follows."""
    done = subprocess.run(
        [TOOLS / "helm", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    messages = [line for line in done.stderr.splitlines() if "found symbolic link" not in line]
    return done.returncode == 0, done.stdout, "\n".join(messages)


def render(*arguments, chart=CHART, version=NEWEST, release="exporters"):
    """The objects, in order."""
    success, output, messages = helm(
        "template", release, chart, "--namespace=monitoring", f"--kube-version={version}", *arguments
    )
    assert success, messages
    assert not messages, messages
    return [item for item in yaml.safe_load_all(output) if item]


def case(name, **more):
    return render(f"--values={HERE / 'values' / name}.yaml", **more)


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def named(objects, kind, end):
    found = [item for item in of_kind(objects, kind) if item["metadata"]["name"].endswith(end)]
    assert len(found) == 1, f"{len(found)} of {kind} {end}"
    return found[0]


def pod_of(item):
    return item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"]


def pods(objects):
    """Name and pod of all that runs."""
    kinds = ("DaemonSet", "Deployment", "Pod")
    return [(item["metadata"]["name"], pod_of(item)) for item in objects if item["kind"] in kinds]


def closed(schema):
    """A schema of the operator in which unknown keys are errors: Kubernetes drops them silently."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    done = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        done["additionalProperties"] = False
    return done


def operator_schemas():
    schemas = {}
    for path in (TOOLS / "definitions").glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())["spec"]
        (version,) = [item for item in definition["versions"] if item["name"] == "v1"]
        schema = closed(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        schemas[definition["names"]["kind"]] = Draft202012Validator(schema)
    return schemas


SCHEMAS = operator_schemas()


def validate(item, version):
    """Raises an error that names the key."""
    if item["apiVersion"] == OPERATOR:
        SCHEMAS[item["kind"]].validate(item)
    else:
        kubernetes_validate.validate(item, version, strict=True)


def dashboard_source(name, datasource):
    source = (DASHBOARDS / name).read_text()
    return source.replace('"uid": "prometheus"', f'"uid": {json.dumps(datasource)}').strip()


def shortened(objects, datasource="prometheus"):
    """Dashboards and alerts are in files of their own: of these, the names."""
    for item in objects:
        if item["kind"] == "ConfigMap":
            for name, text in item["data"].items():
                assert text == dashboard_source(name, datasource), name
                item["data"][name] = f"(the file {(DASHBOARDS / name).relative_to(ROOT)})"
        elif item["kind"] == "PrometheusRule":
            for group in item["spec"]["groups"]:
                group["rules"] = [rule["alert"] for rule in group["rules"]]
    return objects


def as_text(objects):
    dumped = (yaml.safe_dump(item, sort_keys=False, width=120) for item in objects)
    return "---\n" + "---\n".join(dumped)
