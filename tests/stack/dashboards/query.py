#!/usr/bin/env python3
"""Runs the queries of all panels against a Prometheus and tells which have no data.

usage: query.py [--update-metrics] URL [LOKI]

Without the URL of a Loki, queries to it are counted only. Panels that may be empty are listed in may-be-empty.txt.
With --update-metrics, metrics/*.txt is written from the names that this Prometheus has.
"""

import argparse
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import model

HERE = Path(__file__).parent

# The list that each job of prometheus.yml fills.
JOBS = {"node-exporter": "node", "cadvisor": "container", "redis-exporter": "redis", "mysql-exporter": "mysql"}


def ask(url, path, **parameters):
    """The data of one answer of the API that Prometheus and Loki have."""
    address = f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        sys.exit(f"query.py: {error.read().decode(errors='replace')}: {parameters}")


def has_data(url, query):
    """True if there is a series or a line; Loki takes queries for lines over a time only."""
    path = "query_range" if query.expression.startswith("{") else "query"
    return bool(ask(url, path, query=query.expression)["result"])


def update_metrics(url):
    """Writes the names of each job, less those that Prometheus makes itself."""
    for job, name in JOBS.items():
        names = ask(url, "label/__name__/values", **{"match[]": f'{{job="{job}"}}'})
        names = [name for name in names if name != "up" and not name.startswith("scrape_")]
        text = "".join(f"{name}\n" for name in sorted(names))
        (HERE / "metrics" / f"{name}.txt").write_text(text, encoding="utf-8")


def may_be_empty():
    lines = (HERE / "may-be-empty.txt").read_text("utf-8").splitlines()
    return {line.partition("#")[0].strip() for line in lines} - {""}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--update-metrics", action="store_true", help="write metrics/*.txt")
    parser.add_argument("url", help="of Prometheus, such as http://localhost:9090")
    parser.add_argument("loki", nargs="?", help="of Loki, such as http://localhost:3100")
    options = parser.parse_args()
    url = options.url.rstrip("/")
    if options.update_metrics:
        update_metrics(url)
        return
    allowed = may_be_empty()
    queries = [(url, query) for query in model.queries()]
    logs = model.queries("loki")
    if options.loki:
        queries += [(f"{options.loki.rstrip('/')}/loki", query) for query in logs]
    empty = [query for url, query in queries if not has_data(url, query)]
    missing = [query for query in empty if str(query) not in allowed]
    for query in empty:
        print(f"{'no data' if query in missing else 'no data, as may be'}: {query}: {query.expression}")
    not_run = 0 if options.loki else len(logs)
    print(f"{len(queries)} queries, {len(empty)} without data; {not_run} to Loki not run")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
