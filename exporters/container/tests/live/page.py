#!/usr/bin/python3
"""The live page of the container exporter in a headless Chromium.

Usage: page.py URL CONTAINER SCREENSHOTS

First with samples made here, whose rates are known; then with those of the
exporter at URL, which must show the running container of that name.
"""

import http.server
import sys
import threading
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select, WebDriverWait

DESKTOP, PHONE = (1280, 900), (360, 780)
MIB = 1024 * 1024
HOSTILE = '<img src=x onerror=document.title="taken">'


def exposition(containers, runtime=1):
    """The exporter's text for rows of (name, state, values by family)."""
    lines = [f"container_runtime_up {runtime}", f"machine_memory_bytes {1024 * MIB}"]
    for name, state, values in containers:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        base = f'id="/docker/{abs(hash(name))}",image="app:1",name="{escaped}"'
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


def rows(driver):
    """Text of each cell by heading, row by row."""
    return driver.execute_script(
        """return [...document.querySelectorAll('#containers tbody tr')].map((row) =>
             Object.fromEntries([...row.cells].map((cell) => [cell.dataset.title, cell.textContent])))"""
    )


def wait(driver, what, condition, seconds=15):
    def holds(_):
        return condition()

    WebDriverWait(driver, seconds, 0.2).until(holds, f"not within {seconds} s: {what}: {rows(driver)}")


def row(driver, name):
    return next((row for row in rows(driver) if row["Container"].startswith(name)), {})


def names(driver):
    return [row["Container"].removesuffix("app:1") for row in rows(driver)]


def check_width(driver, size, screenshot):
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    time.sleep(0.3)
    wide = driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{wide} pixels too wide at {size}"
    driver.save_screenshot(screenshot)


def check_made_samples(driver, exporter, folder):
    def sample(seconds):
        return exposition(
            [
                ("busy", "running", {
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
                ("calm", "running", {
                    'container_cpu_usage_seconds_total|cpu="total"': 5,
                    "container_memory_working_set_bytes": 8 * MIB,
                    "container_spec_memory_limit_bytes": 0,
                    "container_restarts_total": 0,
                }),
                ("gone", "exited", {"container_last_exit_code": 137}),
                (HOSTILE, "paused", {}),
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
    assert names(driver) == [HOSTILE, "busy", "calm", "gone"], names(driver)
    assert driver.title != "taken" and not driver.find_elements(By.CSS_SELECTOR, "#containers img")
    wait(driver, "rates", lambda: row(driver, "busy")["CPU"] != "–")
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

    check_width(driver, DESKTOP, f"{folder}/page-desktop.png")
    check_width(driver, PHONE, f"{folder}/page-phone.png")
    assert not driver.find_element(By.CSS_SELECTOR, "thead").is_displayed()
    Select(driver.find_element(By.ID, "order")).select_by_visible_text("Sort by cpu")
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
    check_width(driver, DESKTOP, f"{folder}/page-live-desktop.png")
    check_width(driver, PHONE, f"{folder}/page-live-phone.png")


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
