"""The chart's README: its table of values is that of values.yaml, whose comments describe them."""

import json
import re

import yaml

from rendering import CHART

START, END = "<!-- values -->\n", "<!-- end of values -->\n"
KEY = re.compile(r"^( *)([A-Za-z]+):(.*)$")


def descriptions():
    """Pairs of the path of a key and its description, in the order of the file."""
    text, path = [], []
    for line in (CHART / "values.yaml").read_text().splitlines():
        comment, key = re.match(r"^ *# ?(-- )?(.*)$", line), KEY.match(line)
        if comment and (comment[1] or text):
            text = [comment[2]] if comment[1] else [*text, comment[2]]
        elif key and (text or not key[3].strip()):
            path = [*path[: len(key[1]) // 2], key[2]]
            if text:
                yield ".".join(path), " ".join(text)
            text = []


def at(values, path):
    for key in path.split("."):
        values = values[key]
    return values


def leaves(values, path, described):
    """Paths of the values below one that has no description of its own."""
    for key, value in values.items():
        inner = f"{path}.{key}" if path else key
        if inner in described or not isinstance(value, dict) or not value:
            yield inner
        else:
            yield from leaves(value, inner, described)


def table():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = ["| value | default | |", "|---|---|---|"]
    for path, text in descriptions():
        default = json.dumps(at(values, path), ensure_ascii=False) if at(values, path) != "" else ""
        rows.append(f"| `{path}` | {f'`{default}`' if default else ''} | {text} |")
    return "\n".join(rows) + "\n"


def every_value_is_described_and_in_the_schema():
    described = dict(descriptions())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(leaves(values, "", described)) == set(described), set(leaves(values, "", described)) ^ set(described)
    schema = json.loads((CHART / "values.schema.json").read_text())
    for path in described:
        place = schema
        for key in path.split("."):
            place = schema["definitions"][place["$ref"].split("/")[-1]] if "$ref" in place else place
            assert key in place["properties"], f"values.schema.json has no {path}"
            place = place["properties"][key]


def the_readme_has_the_table(update=False):
    path = CHART / "README.md"
    before, rest = path.read_text().split(START)
    _, after = rest.split(END)
    text = f"{before}{START}\n{table()}\n{END}{after}"
    if update:
        path.write_text(text)
    assert path.read_text() == text, "the table is not that of values.yaml: run with --update"


CHECKS = [every_value_is_described_and_in_the_schema]
