"""The dashboards as the tests see them: panels, queries, names of metrics."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
GRAFANA = REPOSITORY / "deploy" / "monitoring" / "grafana"

# What Grafana puts into a query, for a query of one moment over a short run.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "10m",
    "$instance": ".+",
    "$container": ".+",
    "$service": ".+",
    "$search": "",
}


@dataclass(frozen=True)
class Query:
    """A target of a panel."""

    dashboard: str
    panel: str
    source: str
    text: str

    @property
    def expression(self):
        """The query with its variables replaced."""
        text = self.text
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        return text

    def __str__(self):
        return f"{self.dashboard} / {self.panel}"


def dashboards():
    """All dashboards by file name."""
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(GRAFANA.glob("dashboards/*.json"))}


def panels(dashboard):
    """The panels of a dashboard; rows are left out."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(source="prometheus"):
    """The queries of all panels to one kind of data source."""
    return [
        Query(dashboard["title"], panel["title"], source, target["expr"])
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel.get("targets", [])
        if target["datasource"]["type"] == source
    ]


def metric_names(expression):
    """The names of metrics in a PromQL expression."""
    for pattern in (
        r'"[^"]*"',
        r"\{[^}]*\}",
        r"\[[^]]*\]",
        r"\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)",
    ):
        expression = re.sub(pattern, " ", expression)
    words = re.findall(r"[a-zA-Z_][a-zA-Z0-9_:]*(?!\w| *\()", expression)
    return set(words) - {"and", "or", "unless", "bool", "offset"}


def names_in(path):
    """The names in a list: one a line, `#` begins a comment."""
    lines = (line.partition("#")[0].split() for line in path.read_text("utf-8").splitlines())
    return {line[0] for line in lines if line}
