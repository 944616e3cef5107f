#!/usr/bin/env python3
"""Asks a Loki each query of queries.logql and checks that it gives what its title says.

usage: logs.py LOKI FILE
"""

import json
import sys
import urllib.parse
import urllib.request

SERVICES = {"gateway", "worker", "analysis"}
PATHS = {"/api/channels", "/api/chatters", "/api/reports", "/health"}


def read(path):
    """The queries by their titles: the last line of each entry."""
    entries = open(path, encoding="utf-8").read().split("## ")[1:]
    lines = (entry.strip().splitlines() for entry in entries)
    return {title: rest[-1] for title, *rest in lines}


def ask(loki, path, query):
    """The series or the streams that a query gives."""
    address = f"{loki}/loki/api/v1/{path}?{urllib.parse.urlencode({'query': query, 'limit': 1000})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def lines(loki, query):
    """The lines of a query: of which service, and what they say."""
    streams = ask(loki, "query_range", query)
    found = [(stream["stream"]["container"], json.loads(line)) for stream in streams for _, line in stream["values"]]
    assert found, f"no lines: {query}"
    return found


def values(loki, query, label):
    """The values of a query by the value of their label."""
    return {series["metric"].get(label): float(series["value"][1]) for series in ask(loki, "query", query)}


def check(loki, queries):
    """Each line says what the title says of it, and each number can be."""
    assert {name for name, _ in lines(loki, queries.pop("All lines of the gateway"))} == {"gateway"}
    errors = lines(loki, queries.pop("Error lines"))
    assert {name for name, _ in errors} == SERVICES and all("error" in line["msg"] for _, line in errors), errors
    found = lines(loki, queries.pop("Lines of level ERROR"))
    assert {(name, line["level"]) for name, line in found} == {("gateway", "ERROR")}, found
    found = lines(loki, queries.pop("Slow requests"))
    assert all(name == "gateway" and line["duration"] > 1000 for name, line in found), found
    assert {name for name, _ in lines(loki, queries.pop("Lines of the last five minutes"))} == {"worker"}
    count = values(loki, queries.pop("Number of lines in the last five minutes"), "container")
    assert set(count) == {"worker"} and 5 < count["worker"] <= 310, count
    count = values(loki, queries.pop("Errors per minute"), "container")
    # One in twenty seconds.
    assert set(count) == SERVICES and all(1 <= number <= 4 for number in count.values()), count
    rates = values(loki, queries.pop("Ten busiest endpoints"), "path")
    assert set(rates) == PATHS and all(0 < rate < 2 for rate in rates.values()), rates
    assert not queries, f"not asked: {queries}"


if __name__ == "__main__":
    check(sys.argv[1], read(sys.argv[2]))
