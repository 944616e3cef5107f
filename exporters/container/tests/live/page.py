#!/usr/bin/python3
"""The live page of the container exporter in a headless Chromium.

Usage: page.py URL CONTAINER SCREENSHOTS

First with samples made here, whose rates are known; then with those of the
exporter at URL, which must show the running container of that name, of a
Compose project "shop".
"""

import base64
import http.server
import sys
import threading
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

DESKTOP, PHONE = (1280, 900), (375, 780)
MIB = 1024 * 1024
HOSTILE = '<img src=x onerror=document.title="taken">'


def exposition(containers, runtime=1):
    """The exporter's text for rows of (name, project, state, values by family)."""
    lines = [f"container_runtime_up {runtime}", f"machine_memory_bytes {1024 * MIB}"]
    for name, project, state, values in containers:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        base = f'id="/docker/{abs(hash(name))}",image="app:1",name="{escaped}"'
        if project:
            base = f'container_label_com_docker_compose_project="{project}",{base}'
        if state:
            for possible in ("running", "exited", "paused"):
                is_it = int(possible == state)
                lines.append(f'container_state{{{base},state="{possible}"}} {is_it}')
        for family, value in values.items():
            name, _, label = family.partition("|")
            more = f",{label}" if label else ""
            lines.append(f"{name}{{{base}{more}}} {value} 1700000000000")
    return "\n".join(lines) + "\n"


class Exporter(http.server.BaseHTTPRequestHandler):
    """Answers with the real page and with the text or status set by the test."""

    page = b""
    text = ""
    status = 200
    scrapes = 0

    def do_GET(self):
        kind = type(self)
        is_metrics = self.path.startswith("/metrics")
        kind.scrapes += is_metrics
        body = kind.text.encode() if is_metrics else kind.page
        self.send_response(kind.status if is_metrics else 200)
        self.send_header("Content-Type", "text/plain" if is_metrics else "text/html; charset=UTF-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def rows(driver, kind=":not(.project)"):
    """Text of each cell by heading, row by row; the words of lines are under `lines`."""
    return driver.execute_script(
        """return [...document.querySelectorAll('#containers tbody tr' + arguments[0])].map((row) => {
             const titles = [...row.querySelectorAll('svg title')].map((title) => title.textContent);
             const copy = row.cloneNode(true);
             for (const picture of copy.querySelectorAll('svg')) picture.remove();
             return { lines: titles, ...Object.fromEntries(
               [...copy.cells].map((cell) => [cell.dataset.title, cell.textContent])) };
           })""",
        kind,
    )


def wait(driver, what, condition, seconds=15):
    def holds(_):
        return condition()

    WebDriverWait(driver, seconds, 0.2).until(holds, f"not within {seconds} s: {what}: {rows(driver)}")


def row(driver, name):
    return next((row for row in rows(driver) if row["Container"].startswith(name)), {})


def names(driver):
    return [row["Container"].removesuffix("app:1") for row in rows(driver)]


def resize(driver, size):
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    time.sleep(0.3)


def check_widths(driver, prefix):
    """Nothing is wider than the window, in either scheme; what it looks like stays in files."""
    for scheme, color in (("light", "rgb(0, 0, 0)"), ("dark", "rgb(255, 255, 255)")):
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            resize(driver, size)
            wide = driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{wide} pixels too wide at {size}"
            # The lines are drawn in the color of the text.
            stroke = driver.execute_script(
                "return getComputedStyle(document.querySelector('#containers .line path')).stroke"
            )
            assert stroke == color, f"{stroke} in {scheme}"
            height = driver.execute_script("return document.documentElement.scrollHeight")
            shot = {"x": 0, "y": 0, "width": size[0], "height": min(height, 3000), "scale": 1}
            picture = driver.execute_cdp_cmd(
                "Page.captureScreenshot", {"clip": shot, "captureBeyondViewport": True}
            )
            with open(f"{prefix}-{name}-{scheme}.png", "wb") as file:
                file.write(base64.b64decode(picture["data"]))


def check_screen_reader(driver):
    """What the tree of accessible objects has of the table, on either size."""
    for size in (DESKTOP, PHONE):
        resize(driver, size)
        nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        by_role = {}
        for node in nodes:
            if not node["ignored"]:
                name = node.get("name", {}).get("value", "")
                by_role.setdefault(node["role"]["value"], []).append(name)
        assert "Containers" in by_role["table"] and "Containers" in by_role["heading"], by_role
        assert any(name.startswith("busy") for name in by_role["rowheader"]), by_role["rowheader"]
        assert any(name.startswith("Project shop") for name in by_role["rowheader"]), by_role
        pictures = by_role.get("image", []) + by_role.get("img", [])
        for beginning in ("CPU in the last ", "Memory in the last "):
            assert any(name.startswith(beginning) for name in pictures), pictures
        assert "96 % of the limit" in by_role["meter"], by_role["meter"]
        assert {"Filter by name or image"} <= set(by_role["searchbox"]), by_role
        assert {"Group by Compose project"} <= set(by_role["checkbox"]), by_role
        # Where the headings are not to be seen, each cell says its own.
        headings = by_role.get("columnheader", [])
        assert ("Memory" in headings) == (size == DESKTOP), headings
    resize(driver, DESKTOP)


def check_keyboard(driver):
    """Everything that can be operated is reached by the tabulator, and is seen to have the focus."""
    for size in (DESKTOP, PHONE):
        resize(driver, size)
        wanted = driver.find_elements(By.CSS_SELECTOR, "a[href], button, input, select")
        wanted = {element.id: element.accessible_name for element in wanted if element.is_displayed()}
        assert all(wanted.values()) and len(wanted) > 5, wanted
        driver.execute_script("document.activeElement.blur()")
        for _ in range(2 * len(wanted)):
            driver.switch_to.active_element.send_keys(Keys.TAB)
            element = driver.switch_to.active_element
            if element.id in wanted:
                outline = element.value_of_css_property("outline-style")
                assert outline != "none", f"{wanted[element.id]}: no outline"
                del wanted[element.id]
        assert not wanted, f"not reached at {size}: {wanted}"
    resize(driver, DESKTOP)


def check_lines(driver, folder):
    """Each line says in words what it shows, and is a path through its points."""
    wait(driver, "three points", lambda: driver.execute_script(
        "return document.querySelector('#containers .line path').getAttribute('d')").count("L") > 1)
    cpu, memory = row(driver, "busy")["lines"]
    span, _, values = cpu.removeprefix("CPU in the last ").partition(": ")
    low, high = (float(value.removesuffix(" %")) for value in values.split(" to "))
    assert span.endswith(" s") and 40 < low <= high < 60, cpu
    assert memory.endswith(": 96 MiB to 96 MiB"), memory
    assert row(driver, "gone")["lines"] == [], row(driver, "gone")
    # As many points as were read, and no more than five minutes of them.
    points = "return Math.max(...[...last.containers.values()].map((c) => c.points.length))"
    assert driver.execute_script(points) <= 10
    driver.execute_script(
        """for (let second = 1; second <= 400; second += 1) {
             const sample = { ...last, time: last.time + 1000,
               containers: new Map([...last.containers].map(([id, c]) => [id, { ...c }])) };
             addPoints(sample, last);
             last = sample;
           }
           show();"""
    )
    assert driver.execute_script(points) == 60
    path = driver.execute_script(
        "return [...document.querySelectorAll('#containers .line path')].map((p) => p.getAttribute('d'))"
    )
    assert all(one.count("L") == 59 and one.count("M") == 1 for one in path), path
    # A pause interrupts the line.
    driver.execute_script(
        """last.containers.forEach((c) => {
             c.points.forEach((point, i) => {
               point.time = last.time - (59 - i) * 5000;
               if (point.cpu >= 0) point.cpu = 0.5 + 0.4 * Math.sin(i / 3) * Math.cos(i / 11);
               if (point.memory >= 0) point.memory = c.memory * (0.7 + i / 200);
             });
             c.points.splice(20, 10);
           });
           show();"""
    )
    path = driver.execute_script(
        "return document.querySelector('#containers .line path').getAttribute('d')"
    )
    assert path.count("M") == 2 and path.count("L") == 48, path
    check_widths(driver, f"{folder}/page")
    resize(driver, DESKTOP)


def check_projects(driver):
    projects = rows(driver, ".project")
    titles = [project["Container"] for project in projects]
    assert titles == ["Project blog1 container", "Project shop2 containers", "Without a project1 container"]
    shop = projects[1]
    assert shop["State"] == "2 running" and shop["Health"] == "1 unhealthy", shop
    assert shop["Memory"] == "104 MiB" and shop["Restarts"] == "3", shop
    assert 45 < float(shop["CPU"].removesuffix(" %")) < 55, shop
    assert projects[0]["CPU"] == "–" and projects[0]["State"] == "0 running", projects[0]
    assert names(driver) == ["gone", "busy", "calm", HOSTILE], names(driver)
    box = driver.find_element(By.ID, "grouped")
    box.send_keys(Keys.SPACE)
    assert not rows(driver, ".project"), "still grouped"
    assert names(driver) == [HOSTILE, "busy", "calm", "gone"], names(driver)


def check_rows_stay(driver):
    """An update changes cells, not rows: else a screen reader would lose its place."""
    driver.execute_script(
        "for (const row of document.querySelectorAll('#containers tr')) row.wasThere = true"
    )
    before = driver.execute_script("return last.time")
    wait(driver, "a sample", lambda: driver.execute_script("return last.time") != before)
    rows_are_old = "return [...document.querySelectorAll('#containers tr')].every((row) => row.wasThere)"
    assert driver.execute_script(rows_are_old)


def check_pause(driver, kind):
    pause = driver.find_element(By.ID, "pause")
    pause.click()
    before = kind.scrapes
    time.sleep(6)
    assert kind.scrapes == before, "read in spite of the pause"
    pause.click()
    wait(driver, "the end of the pause", lambda: kind.scrapes > before)


def check_without_script(driver, url):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    driver.get(url)
    text = driver.find_element(By.TAG_NAME, "main").text
    assert "The list of containers needs JavaScript; the metrics do not." in text, text
    assert "Reading the first sample" not in text and "Collectors" in text, text
    assert not driver.find_element(By.ID, "filter").is_displayed()
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def check_made_samples(driver, exporter, folder):
    def sample(seconds):
        return exposition(
            [
                ("busy", "shop", "running", {
                    'container_cpu_usage_seconds_total|cpu="cpu00"': 10 + 0.2 * seconds,
                    'container_cpu_usage_seconds_total|cpu="cpu01"': 20 + 0.3 * seconds,
                    "container_memory_working_set_bytes": 96 * MIB,
                    "container_spec_memory_limit_bytes": 100 * MIB,
                    'container_network_receive_bytes_total|interface="eth0"': 2048 * seconds,
                    'container_network_transmit_bytes_total|interface="eth0"': 1024 * 1024 * seconds,
                    "container_restarts_total": 3,
                    'container_health_status|status="unhealthy"': 1,
                    'container_health_status|status="healthy"': 0,
                }),
                ("calm", "shop", "running", {
                    'container_cpu_usage_seconds_total|cpu="total"': 5,
                    "container_memory_working_set_bytes": 8 * MIB,
                    "container_spec_memory_limit_bytes": 0,
                    "container_restarts_total": 0,
                }),
                ("gone", "blog", "exited", {"container_last_exit_code": 137}),
                (HOSTILE, "", "paused", {}),
            ]
        )

    start = time.monotonic()
    kind = exporter.RequestHandlerClass
    kind.text = sample(0)

    def run():
        # Counters that grow by known rates.
        while kind.status:
            kind.text = sample(time.monotonic() - start)
            time.sleep(0.02)

    threading.Thread(target=run, daemon=True).start()
    driver.get(f"http://127.0.0.1:{exporter.server_port}/")
    wait(driver, "four rows", lambda: len(rows(driver)) == 4)
    assert driver.title != "taken" and not driver.find_elements(By.CSS_SELECTOR, "#containers img")
    wait(driver, "rates", lambda: row(driver, "busy")["CPU"] != "–")
    check_lines(driver, folder)
    driver.refresh()
    wait(driver, "rates", lambda: row(driver, "busy").get("CPU", "–") != "–")
    wait(driver, "lines", lambda: len(row(driver, "busy")["lines"]) == 2)
    check_screen_reader(driver)
    check_keyboard(driver)
    check_rows_stay(driver)
    check_projects(driver)
    busy = row(driver, "busy")
    assert 45 < float(busy["CPU"].removesuffix(" %")) < 55, busy
    assert busy["Received"].startswith("2.") or busy["Received"].startswith("1.9"), busy
    assert busy["Sent"].endswith("iB/s") and busy["Sent"] != busy["Received"], busy
    assert busy["Memory"] == "96 MiB of 100 MiB" and busy["Restarts"] == "3", busy
    assert busy["State"] == "running" and busy["Health"] == "unhealthy", busy
    calm = row(driver, "calm")
    assert calm["CPU"] == "0.0 %" and calm["Memory"] == "8.0 MiBno limit", calm
    gone = row(driver, "gone")
    assert gone["State"] == "exited code 137" and gone["CPU"] == "–" and gone["Memory"] == "–", gone
    summary = driver.find_element(By.ID, "summary").text
    assert summary == "4 containers, 2 running, 1 unhealthy", summary

    def click(title):
        driver.execute_script(
            """[...document.querySelectorAll('th button')].find((b) => b.textContent === arguments[0]).click()""",
            title,
        )

    click("Memory")
    assert names(driver)[:2] == ["busy", "calm"], names(driver)
    click("Memory")
    assert names(driver)[:2] == ["calm", "busy"] and len(names(driver)) == 4, names(driver)
    sorted_by = driver.find_elements(By.CSS_SELECTOR, "th[aria-sort=ascending]")
    assert [heading.text.split()[0] for heading in sorted_by] == ["Memory"]

    box = driver.find_element(By.ID, "filter")
    box.send_keys("CALM")
    assert names(driver) == ["calm"], names(driver)
    box.clear()
    box.send_keys(" \b")
    wait(driver, "all rows again", lambda: len(rows(driver)) == 4)

    check_pause(driver, kind)
    resize(driver, PHONE)
    assert not driver.find_element(By.CSS_SELECTOR, "thead").is_displayed()
    Select(driver.find_element(By.ID, "order")).select_by_visible_text("Sort by CPU")
    assert names(driver)[0] == "busy", names(driver)

    # An exporter that fails says so on the page, and the last rows stay.
    kind.status = 503
    error = driver.find_element(By.ID, "error")
    wait(driver, "an error", error.is_displayed)
    assert "status 503" in error.text and len(rows(driver)) == 4, error.text
    kind.status = 200
    wait(driver, "the end of the error", lambda: not error.is_displayed())
    before = kind.scrapes
    wait(driver, "further samples by itself", lambda: kind.scrapes > before)


def check_exporter(driver, url, container, folder):
    driver.get(url)
    wait(driver, container, lambda: row(driver, container).get("State") == "running")
    wait(driver, "CPU", lambda: row(driver, container).get("CPU", "–") != "–")
    shown = row(driver, container)
    assert shown["Memory"] != "–" and shown["Restarts"] == "0", shown
    wait(driver, "lines", lambda: len(row(driver, container)["lines"]) == 2)
    projects = [project["Container"] for project in rows(driver, ".project")]
    assert projects == ["Project shop1 container"], projects
    check_widths(driver, f"{folder}/page-live")
    check_without_script(driver, url)


def main():
    url, container, folder = sys.argv[1:]
    with urllib.request.urlopen(url) as answer:
        Exporter.page = answer.read()
    exporter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    driver = browser()
    try:
        check_made_samples(driver, exporter, folder)
        check_exporter(driver, url, container, folder)
        severe = [line for line in driver.get_log("browser") if line["level"] == "SEVERE"]
        unexpected = [line for line in severe if "503" not in line["message"] and "favicon" not in line["message"]]
        assert not unexpected, unexpected
    finally:
        driver.quit()
    print("page: ok")


if __name__ == "__main__":
    main()
