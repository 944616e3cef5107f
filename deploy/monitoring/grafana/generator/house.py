"""The style that all dashboards share: data sources, panels, colours, layout, links.

A query is a pair (expression, legend). A panel takes a title, a description and a unit, so that
none is without. Widths are columns of 24; a telephone shows all panels below one another.
"""

from grafana_foundation_sdk.builders import common, gauge, logs, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d

# The identifiers of provisioning/datasources.
PROMETHEUS = c.DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI = c.DataSourceRef(type_val="loki", uid="loki")

TAG = "twitch-chatters"
GREEN, ORANGE, RED = "green", "orange", "red"

# Mount points and interfaces that say nothing of the machine itself.
DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|erofs|iso9660"'
INTERFACES = 'device!~"lo|veth.*|br-.*|docker.*|ifb.*"'


def thresholds(warning=None, critical=None, below=False):
    """Orange from `warning`, red from `critical`; with `below` the good values are the high ones."""
    steps = [(None, GREEN), (warning, ORANGE), (critical, RED)]
    if below:
        steps = [(None, RED), (critical, ORANGE), (warning, GREEN)]
    steps = [d.Threshold(value, colour) for n, (value, colour) in enumerate(steps) if n == 0 or value is not None]
    if warning is None and critical is None:
        steps = steps[:1]
    return build.ThresholdsConfig().mode(d.ThresholdsMode.ABSOLUTE).steps(steps)


def _targets(panel, queries, instant=False, form=None):
    for ref, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expression).legend_format(legend).ref_id(ref)
        query = query.instant() if instant else query.range()
        panel.with_target(query.format(form) if form else query)
    return panel


def _start(panel, title, description, unit, width, height):
    return panel.title(title).description(description).datasource(PROMETHEUS).unit(unit).span(width).height(height)


def graph(title, description, unit, *queries, width=12, height=8, stacked=False, top=None, warning=None, critical=None):
    """Lines over time. A series whose legend says "limit" is a dashed line."""
    panel = _start(timeseries.Panel(), title, description, unit, width, height).min(0)
    panel.line_width(1).fill_opacity(40 if stacked else 10).show_points(c.VisibilityMode.NEVER)
    panel.legend(common.VizLegendOptions().show_legend(True).placement(c.LegendPlacement.BOTTOM))
    panel.tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
    if stacked:
        panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))
    if top is not None:
        panel.max(top)
    if warning is not None:
        panel.thresholds(thresholds(warning, critical))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED))
    if any("limit" in legend for _, legend in queries):
        panel.override_by_regexp(
            "/limit/",
            [
                d.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": RED}),
                d.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
                d.DynamicConfigValue("custom.fillOpacity", 0),
                d.DynamicConfigValue("custom.stacking", {"mode": "none", "group": "A"}),
            ],
        )
    return _targets(panel, queries)


def value(title, description, unit, expression, legend="", warning=None, critical=None, below=False, decimals=None):
    """One number with its recent course."""
    panel = _start(stat.Panel(), title, description, unit, 4, 4)
    panel.color_mode(c.BigValueColorMode.VALUE).graph_mode(c.BigValueGraphMode.AREA)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(thresholds(warning, critical, below)).mappings([_idle()])
    if decimals is not None:
        panel.decimals(decimals)
    return _targets(panel, [(expression, legend)])


def _idle():
    """A ratio of two rates that are both zero is no number."""
    result = d.ValueMappingResult(text="idle", color="text", index=0)
    return d.SpecialValueMap(d.DashboardSpecialValueMapOptions(match=d.SpecialValueMatch.NA_N, result=result))


def status(title, description, expression, details=None):
    """UP where the expression is 1, DOWN where it is 0 or absent."""
    panel = _start(stat.Panel(), title, description, "none", 4, 4)
    panel.color_mode(c.BigValueColorMode.BACKGROUND).graph_mode(c.BigValueGraphMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["last"])).no_value("DOWN")
    panel.thresholds(thresholds(warning=1, below=True)).mappings(
        [
            d.ValueMap(
                {
                    "0": d.ValueMappingResult(text="DOWN", color=RED, index=0),
                    "1": d.ValueMappingResult(text="UP", color=GREEN, index=1),
                }
            )
        ]
    )
    if details is not None:
        link = build.DashboardLink("Details").type(d.DashboardLinkType.LINK).url(f"/d/{details}").keep_time(True)
        panel.links([link])
    return _targets(panel, [(expression, "")], instant=True)


def share(title, description, *queries, width=4, height=4, warning=80, critical=90):
    """A dial from 0 to 100 percent."""
    panel = _start(gauge.Panel(), title, description, "percent", width, height).min(0).max(100).decimals(0)
    panel.thresholds(thresholds(warning, critical)).mappings([_idle()])
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return _targets(panel, queries)


def listing(title, description, label, heading, columns, height=9):
    """A table with a row for each value of `label`. A column is (heading, unit, expression, full).

    `full` draws a bar up to 100 percent, red from that value on; None writes the number alone.
    Each expression must have no label but that one.
    """
    panel = _start(table.Panel(), title, description, "none", 24, height)
    panel.with_transformation(d.DataTransformerConfig("joinByField", options={"byField": label, "mode": "outer"}))
    keep = {"include": {"pattern": f"^({label}|Value.*)$"}}
    panel.with_transformation(d.DataTransformerConfig("filterFieldsByName", options=keep))
    names = {label: heading}
    for ref, (name, unit, _, full) in zip("ABCDEFGH", columns, strict=False):
        names[f"Value #{ref}"] = name
        properties = [d.DynamicConfigValue("unit", unit)]
        if full is not None:
            steps = [{"color": GREEN, "value": None}, {"color": RED, "value": full}]
            properties += [
                d.DynamicConfigValue("min", 0),
                d.DynamicConfigValue("max", 100),
                d.DynamicConfigValue("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
                d.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}),
            ]
        panel.override_by_name(name, properties)
    order = {"excludeByName": {}, "indexByName": {}, "renameByName": names}
    panel.with_transformation(d.DataTransformerConfig("organize", options=order))
    # An option of older versions of Grafana that the SDK writes of its own accord.
    panel.build().options.footer = None
    queries = [(expression, name) for name, _, expression, _ in columns]
    return _targets(panel, queries, instant=True, form="table")


def log_lines(title, description, expression, width=24, height=10):
    """Log lines, newest first."""
    panel = logs.Panel().title(title).description(description).datasource(LOKI).span(width).height(height)
    panel.show_time(True).show_labels(False).wrap_log_message(True).enable_log_details(True).prettify_log_message(False)
    panel.sort_order(c.LogsSortOrder.DESCENDING).dedup_strategy(c.LogsDedupStrategy.NONE)
    return panel.with_target(loki.Dataquery().datasource(LOKI).expr(expression).query_type("range").ref_id("A"))


def log_counts(title, description, expression, legend, width=12, height=8):
    """Numbers of log lines over time."""
    panel = graph(title, description, "short", width=width, height=height, stacked=True).datasource(LOKI)
    query = loki.Dataquery().datasource(LOKI).expr(expression).legend_format(legend).query_type("range").ref_id("A")
    return panel.with_target(query)


def alerts(title, description, width=12, height=8):
    """Alerts of Prometheus that are pending or firing."""
    panel = build.Panel().type("alertlist").title(title).description(description).span(width).height(height)
    return panel.options(
        {
            "alertInstanceLabelFilter": "",
            "alertName": "",
            "dashboardAlerts": False,
            "datasource": "Prometheus",
            "groupBy": [],
            "groupMode": "default",
            "maxItems": 20,
            "sortOrder": 3,
            "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
            "viewMode": "list",
        }
    )


def choice(name, label, query):
    """A variable that takes values of a label; all of them at first."""
    everything = d.VariableOption(selected=True, text=["All"], value=["$__all"])
    variable = build.QueryVariable(name).label(label).query({"query": query, "refId": name}).datasource(PROMETHEUS)
    variable.multi(True).include_all(True).all_value(".+").current(everything)
    return variable.refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(d.VariableSort.ALPHABETICAL_ASC)


def assemble(uid, title, description, variables, rows):
    """A dashboard of rows: (heading, panels)."""
    board = build.Dashboard(title).uid(uid).description(description).tags([TAG]).editable()
    board.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(d.DashboardCursorSync.CROSSHAIR)
    others = build.DashboardLink("Dashboards").type(d.DashboardLinkType.DASHBOARDS).tags([TAG])
    board.link(others.keep_time(True).as_dropdown(True).placement(None))
    for variable in variables:
        board.with_variable(variable)
    number = 0
    for heading, panels in rows:
        number += 1
        board.with_row(build.Row(heading).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return board
