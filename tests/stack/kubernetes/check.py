"""Checks the chart; see run."""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import traceback
from pathlib import Path

import yaml

import alerts
import notes
import readme
import refusals
import security
from rendering import (
    CHART, HERE, NEWEST, OLDEST, ROOT, as_text, case, helm, named, of_kind, pods, render, shortened, validate,
)

UPDATE = "--update" in sys.argv
CASES = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
EXPORTERS = ("node", "container", "redis", "mysql")


def the_chart_is_clean():
    success, output, messages = helm("lint", "--strict", f"--kube-version={NEWEST}", CHART)
    assert success, output + messages


def its_version_is_that_of_the_exporters():
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == version, f"{chart} is not {version}"


def it_is_what_the_golden_files_say():
    for name in CASES:
        path = HERE / f"golden/{name}.yaml"
        text = as_text(shortened(case(name), "thanos" if name == "everything" else "prometheus"))
        if UPDATE:
            path.write_text(text)
        assert path.read_text() == text, f"{path.name} is not what the chart makes: run with --update and look"


def the_schemas_take_it():
    for name in CASES:
        for version in (OLDEST, NEWEST):
            for item in case(name, version=version):
                validate(item, version)


def a_pod_monitor_fits_too():
    objects = render("--set=monitor.kind=PodMonitor")
    for item in of_kind(objects, "PodMonitor"):
        validate(item, NEWEST)
    assert len(of_kind(objects, "PodMonitor")) == 2
    assert not of_kind(objects, "ServiceMonitor")


def the_schemas_refuse_an_unknown_key():
    objects = case("everything")
    for item, place in (
        (named(objects, "Deployment", "redis-exporter"), "spec"),
        (named(objects, "ServiceMonitor", "node-exporter"), "spec"),
    ):
        item[place]["nonsense"] = 1
        try:
            validate(item, NEWEST)
        except Exception as error:  # of two libraries
            assert "nonsense" in str(error), error
        else:
            raise AssertionError(f"{item['kind']} with nonsense is taken")


def the_package_is_the_folder():
    """Packed, what is linked to is there itself."""
    with tempfile.TemporaryDirectory() as name:
        success, output, messages = helm("package", CHART, "--destination", name)
        assert success, output + messages
        (package,) = Path(name).glob("*.tgz")
        with tarfile.open(package) as archive:
            members = archive.getmembers()
            assert all(member.isfile() for member in members), "a link is in the package"
            packed = {member.name for member in members}
        assert "exporters/files/rules/further.yml" in packed, packed
        assert not [path for path in packed if path.endswith(".off")], packed
        values = f"--values={HERE / 'values/everything.yaml'}"
        assert render(values, chart=package) == render(values), "the package makes other objects"


def names_fit():
    """63 characters are the longest that the name of a service or the value of a label may have."""
    values = f"--values={HERE / 'values/everything.yaml'}"
    # The longest name of a release that helm takes
    for item in render(values, "--set=fullnameOverride=", release="a" * 53):
        name = item["metadata"]["name"]
        assert len(name) <= (253 if item["kind"] == "Probe" else 63), f"{item['kind']} {name}"
        for label in item["metadata"]["labels"].values():
            assert len(label) <= 63, label


def selectors_find_their_pods():
    for name in CASES:
        objects = case(name)
        for kind in ("Service", "ServiceMonitor", "NetworkPolicy"):
            for item in of_kind(objects, kind):
                selector = item["spec"].get("selector") or item["spec"].get("podSelector")
                selector = selector.get("matchLabels", selector)
                found = [
                    other
                    for other in objects
                    if other["kind"] in ("DaemonSet", "Deployment")
                    and selector.items() <= other["spec"]["template"]["metadata"]["labels"].items()
                ]
                assert [other["metadata"]["name"] for other in found] == [item["metadata"]["name"]], item


def without_a_server_of_its_own_mysql_is_asked_by_probe_alone():
    objects = case("everything")
    assert not [item for item in of_kind(objects, "ServiceMonitor") if "mysql" in item["metadata"]["name"]]
    assert named(objects, "Probe", "mysql-exporter-replicas")["spec"]["prober"]["path"] == "/probe"
    pod = named(case("probes"), "Deployment", "mysql-exporter")["spec"]["template"]
    assert "prometheus.io/scrape" not in pod["metadata"].get("annotations", {})


def flags_of(program):
    """The flags of its help, and all words in capitals: variables of other names than their flags."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    return set(re.findall(r"--([a-z][\w.-]*)", text)), set(re.findall(r"\b[A-Z][A-Z_]+\b", text))


def the_exporters_have_the_variables_and_flags():
    """An unknown variable would have no effect, and nobody would say so."""
    folder = Path(os.environ["BIN_DIR"])
    help_of = {name: flags_of(folder / f"{name}-exporter") for name in EXPORTERS}
    for case_name in CASES:
        for pod_name, pod in pods(case(case_name)):
            (container,) = pod["containers"]
            name = next(name for name in EXPORTERS if f"{name}-exporter" in pod_name)
            flags, words = help_of[name]
            variables = {f"{name.upper()}_EXPORTER_" + re.sub("[.-]", "_", flag).upper() for flag in flags}
            for variable in (item["name"] for item in container.get("env", [])):
                known = variable in variables or variable in words or variable == "RUST_BACKTRACE"
                assert known, f"{name} has no {variable}"
            for argument in container.get("args", []):
                flag = argument.removeprefix("--").split("=")[0]
                assert flag == "healthcheck" or flag in flags, f"{name} has no {argument}"


CHECKS = [
    the_chart_is_clean,
    its_version_is_that_of_the_exporters,
    it_is_what_the_golden_files_say,
    the_schemas_take_it,
    a_pod_monitor_fits_too,
    the_schemas_refuse_an_unknown_key,
    the_package_is_the_folder,
    names_fit,
    selectors_find_their_pods,
    without_a_server_of_its_own_mysql_is_asked_by_probe_alone,
    *security.CHECKS,
    *alerts.CHECKS,
    *notes.CHECKS,
    *refusals.CHECKS,
    *readme.CHECKS,
]


def the_readme_has_the_table():
    readme.the_readme_has_the_table(UPDATE)


def main():
    checks = [*CHECKS, the_readme_has_the_table]
    if "BIN_DIR" in os.environ:
        checks.append(the_exporters_have_the_variables_and_flags)
    else:
        print("not run - flags and variables: BIN_DIR, the folder of the exporters, is not set")
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            check()
            print(f"ok - {name}")
        except Exception:
            failed += 1
            print(f"not ok - {name}\n{traceback.format_exc()}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
