#!/usr/bin/env python3
"""Checks of the dashboards and of Grafana's provisioning that need no server.

The names of metrics that our exporters have come from the golden files, from metrics/*.txt (what a
run against real servers gave, see query.py) and from the tables in the exporters' sources.
"""

import json
import re
import subprocess
import tempfile
import unittest
from collections import Counter
from itertools import combinations
from pathlib import Path

import model
import yaml

HERE = Path(__file__).parent
PANELS = {"timeseries", "stat", "gauge", "table", "logs", "alertlist"}


def our_metrics():
    """The names of all metrics that our exporters can have."""
    names = {"up"}
    for path in (model.REPOSITORY / "exporters").glob("*/tests/golden/*.prom"):
        names |= set(re.findall(r"^([a-zA-Z_]\w*)[{ ]", path.read_text("utf-8"), re.MULTILINE))
    for path in (HERE / "metrics").glob("*.txt"):
        names |= model.names_in(path)
    for path in (model.REPOSITORY / "exporters").glob("*/src/**/*.rs"):
        names |= set(re.findall(r'"((?:node|container|machine|redis|mysql)_\w+)"', path.read_text("utf-8")))
    return names


def overlap(one, other):
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = model.dashboards()

    def panels(self):
        for dashboard in self.dashboards.values():
            for panel in model.panels(dashboard):
                with self.subTest(dashboard=dashboard["title"], panel=panel["title"]):
                    yield panel

    def test_the_five_dashboards_are_there_under_their_names(self):
        titles = [dashboard["title"] for dashboard in self.dashboards.values()]
        self.assertCountEqual(titles, ["Twitch Chatters Overview", "Node", "Containers", "Redis", "MySQL"])

    def test_uids_are_unique_and_name_the_files(self):
        for name, dashboard in self.dashboards.items():
            self.assertEqual(name, f"{dashboard['uid']}.json")
            self.assertIsNone(dashboard.get("id"))
            self.assertLessEqual(len(dashboard["uid"]), 40)

    def test_ids_of_panels_are_unique(self):
        for name, dashboard in self.dashboards.items():
            ids = Counter(panel["id"] for panel in dashboard["panels"])
            self.assertEqual(max(ids.values()), 1, name)

    def test_panels_are_of_the_kinds_that_grafana_keeps(self):
        for panel in self.panels():
            self.assertIn(panel["type"], PANELS)

    def test_panels_say_what_they_show(self):
        for panel in self.panels():
            self.assertTrue(panel["title"])
            self.assertTrue(panel["description"].endswith("."))
            if panel["type"] not in ("logs", "alertlist"):
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])

    def test_each_target_has_a_provisioned_data_source(self):
        known = {(source["type"], source["uid"]) for source in provisioning("datasources")["datasources"]}
        for panel in self.panels():
            targets = panel.get("targets", [])
            self.assertTrue(targets or panel["type"] == "alertlist")
            for target in targets:
                self.assertIn((target["datasource"]["type"], target["datasource"]["uid"]), known)
            self.assertEqual(len({target["refId"] for target in targets}), len(targets))

    def test_nothing_waits_for_an_import(self):
        for name in self.dashboards:
            text = (model.GRAFANA / "dashboards" / name).read_text("utf-8")
            for mark in ("__inputs", "__requires", "${DS_"):
                self.assertNotIn(mark, text, name)

    def test_variables_are_declared_and_used(self):
        for name, dashboard in self.dashboards.items():
            declared = {variable["name"] for variable in dashboard["templating"]["list"]}
            text = json.dumps(dashboard["panels"])
            used = {word for word in re.findall(r"\$(\w+)", text) if not word.startswith("__")}
            self.assertEqual(declared, used, name)

    def test_links_lead_to_dashboards_that_exist(self):
        uids = {dashboard["uid"] for dashboard in self.dashboards.values()}
        for panel in self.panels():
            for link in panel.get("links", []):
                self.assertIn(link["url"].removeprefix("/d/"), uids)

    def test_panels_neither_overlap_nor_leave_the_grid(self):
        for name, dashboard in self.dashboards.items():
            places = [panel["gridPos"] for panel in dashboard["panels"]]
            for place in places:
                self.assertLessEqual(place["x"] + place["w"], 24, name)
            for one, other in combinations(places, 2):
                self.assertFalse(overlap(one, other), (name, one, other))

    def test_no_two_panels_of_a_dashboard_show_the_same(self):
        for name, dashboard in self.dashboards.items():
            shown = Counter(
                (panel["type"], *sorted(target["expr"] for target in panel.get("targets", [])))
                for panel in model.panels(dashboard)
            )
            titles = Counter(panel["title"] for panel in model.panels(dashboard) if panel["type"] == "timeseries")
            self.assertEqual(max(shown.values()), 1, name)
            self.assertEqual(max(titles.values()), 1, name)

    def test_every_expression_parses(self):
        rules = [{"record": f"panel:{n}", "expr": query.expression} for n, query in enumerate(model.queries())]
        self.assertGreater(len(rules), 100)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            done = subprocess.run(
                ["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_metric_is_one_of_ours(self):
        ours = our_metrics()
        for query in model.queries():
            self.assertLessEqual(model.metric_names(query.expression), ours, str(query))


def provisioning(folder):
    (path,) = (model.GRAFANA / "provisioning" / folder).glob("*.yml")
    return yaml.safe_load(path.read_text("utf-8"))


class Provisioning(unittest.TestCase):
    def test_every_folder_that_grafana_reads_is_there(self):
        for folder in ("datasources", "dashboards", "alerting", "plugins"):
            self.assertEqual(provisioning(folder)["apiVersion"], 1)

    def test_one_data_source_is_the_default(self):
        sources = provisioning("datasources")["datasources"]
        self.assertEqual([source["uid"] for source in sources if source.get("isDefault")], ["prometheus"])
        self.assertEqual([source["uid"] for source in sources], ["prometheus", "loki", "alertmanager"])

    def test_the_interval_of_grafana_is_that_of_prometheus(self):
        text = (model.REPOSITORY / "deploy/monitoring/prometheus/prometheus.yml").read_text("utf-8")
        interval = yaml.safe_load(text)["global"]["scrape_interval"]
        (prometheus, *_) = provisioning("datasources")["datasources"]
        self.assertEqual(prometheus["jsonData"]["timeInterval"], interval)

    def test_notifications_go_to_a_contact_point_that_exists(self):
        alerting = provisioning("alerting")
        names = {point["name"] for point in alerting["contactPoints"]}
        self.assertEqual({policy["receiver"] for policy in alerting["policies"]}, names)
        uids = [receiver["uid"] for point in alerting["contactPoints"] for receiver in point["receivers"]]
        self.assertEqual(len(uids), len(set(uids)))


class Community(unittest.TestCase):
    """What dashboards of others ask for is there on import."""

    def setUp(self):
        self.lists = {path.stem: model.names_in(path) for path in (HERE / "community").glob("[0-9]*.txt")}
        self.asked = set().union(*self.lists.values())
        self.absent = model.names_in(HERE / "community" / "absent.txt")
        self.ours = our_metrics()

    def test_the_five_dashboards_of_the_guide_are_looked_at(self):
        self.assertEqual(set(self.lists), {"1860", "193", "7362", "11835", "12250"})

    def test_all_metrics_are_ours_or_known_to_be_absent(self):
        for name, metrics in self.lists.items():
            traefik = {metric for metric in metrics if metric.startswith("traefik_")}
            self.assertEqual(metrics - self.ours - self.absent - traefik, set(), name)

    def test_the_list_of_absent_metrics_has_no_others(self):
        self.assertEqual(self.absent & self.ours, set())
        self.assertLessEqual(self.absent, self.asked)

    def test_no_metric_has_the_label_that_traefik_chooses_by(self):
        for path in (model.REPOSITORY / "exporters").glob("*/tests/golden/*.prom"):
            self.assertNotRegex(path.read_text("utf-8"), r"[{,]service=", path.name)


class Names(unittest.TestCase):
    def test_names_are_found_in_an_expression(self):
        expression = 'sum by (name) (rate(a_total{b="c_d"}[5m])) / on (x) (d > bool 0) or vector(0)'
        self.assertEqual(model.metric_names(expression), {"a_total", "d"})


if __name__ == "__main__":
    unittest.main()
