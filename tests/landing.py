#!/usr/bin/python3
"""The landing page of a running exporter in a headless Chromium.

Usage: landing.py URL up|down SCREENSHOTS

Screenshots go to files whose names begin with SCREENSHOTS.
"""

import sys
import time
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

DESKTOP, PHONE = (1280, 900), (360, 780)


def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def steadily(read):
    """What `read` returns: an element may be replaced between being found and being read."""
    for _ in range(20):
        try:
            return read()
        except StaleElementReferenceException:
            time.sleep(0.1)
    return read()


def text(driver, selector):
    return steadily(lambda: driver.find_element(By.CSS_SELECTOR, selector).text)


def wait(driver, what, condition, seconds=15):
    waiting = WebDriverWait(driver, seconds, 0.2)
    waiting.until(lambda _: steadily(condition), f"{what}: {text(driver, 'main')}")


def scrape(url):
    with urllib.request.urlopen(url + "metrics", timeout=20) as answer:
        return answer.read().decode()


def check_content(driver, verdict):
    state = text(driver, "#state")
    words = ("up", "partly up") if verdict == "up" else ("down",)
    assert state.startswith(words) and " s ago" in state, state
    rows = driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr")
    assert rows, "no collectors"
    states = [row.find_element(By.CSS_SELECTOR, ".badge").text for row in rows]
    if verdict == "up":
        assert states.count("works") > 1 and "series in" in state, states
    else:
        error = rows[0].text
        assert states == ["failed"] and "ago" in error, error
    # Errors of the other side are text, whatever is in them.
    assert driver.title != "taken" and not driver.find_elements(By.CSS_SELECTOR, "main img")
    assert driver.execute_script("return document.querySelector('#history path').getAttribute('d')")
    loaded = driver.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    foreign = [name for name in loaded if not name.startswith((driver.current_url, "data:"))]
    assert not foreign, foreign


def check_widths(driver, prefix):
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        color = driver.execute_script("return getComputedStyle(document.body).color")
        assert color == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme], color
        for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
            )
            time.sleep(0.3)
            wide = driver.execute_script(
                "return document.documentElement.scrollWidth - window.innerWidth"
            )
            assert wide <= 0, f"{wide} pixels too wide at {size}"
            driver.save_screenshot(f"{prefix}-{name}-{scheme}.png")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_keyboard(driver):
    """Every link and button is reached by the tabulator, and is seen to have the focus."""
    wanted = driver.find_elements(By.CSS_SELECTOR, "a[href], button:not([hidden]), input")
    wanted = {element.id: element.accessible_name for element in wanted if element.is_displayed()}
    assert all(wanted.values()), wanted
    for _ in range(len(wanted) + 1):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        element = driver.switch_to.active_element
        if element.id in wanted:
            outline = element.value_of_css_property("outline-style")
            assert outline != "none", f"{wanted[element.id]}: no outline"
            del wanted[element.id]
    assert not wanted, f"not reached: {wanted}"


def check_screen_reader(driver):
    driver.execute_cdp_cmd("Accessibility.enable", {})
    for size in (DESKTOP, PHONE):
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
        )
        nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        nodes = [node for node in nodes if not node["ignored"]]
        by_role = {}
        for node in nodes:
            name = node.get("name", {}).get("value", "")
            by_role.setdefault(node["role"]["value"], []).append(name)
        for role in ("banner", "navigation", "main", "heading", "status", "table", "row"):
            assert role in by_role, f"no {role} at {size}: {sorted(by_role)}"
        pictures = by_role.get("image", []) + by_role.get("img", [])
        assert any(name.startswith("Scrapes of the last hour: ") for name in pictures), by_role
        assert {"Collector", "Last error"} <= set(by_role["columnheader"]), by_role["columnheader"]
        assert by_role["rowheader"], by_role
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_updates(driver, url):
    """The page follows the scrapes by itself, until it is told not to."""
    driver.execute_script("window.sameDocument = true")
    caption = lambda: driver.find_element(By.CSS_SELECTOR, "#state time").get_attribute("datetime")
    before = steadily(caption)
    time.sleep(1.1)
    scrape(url)
    wait(driver, "an update", lambda: caption() != before)
    assert driver.execute_script("return window.sameDocument"), "the page was loaded anew"
    pause = driver.find_element(By.ID, "pause")
    pause.click()
    assert pause.get_attribute("aria-pressed") == "true"
    before = text(driver, "#state")
    time.sleep(1.1)
    scrape(url)
    time.sleep(6)
    assert text(driver, "#state") == before, "updated in spite of the pause"


def check_without_script(driver, url):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    driver.get(url)
    assert driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr td"), "no rows"
    refresh = driver.find_element(By.CSS_SELECTOR, "meta[http-equiv=refresh]")
    assert refresh.get_attribute("content") == "30"
    assert not driver.find_element(By.ID, "pause").is_displayed()
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def main():
    url, verdict, prefix = sys.argv[1:]
    driver = browser()
    try:
        for _ in range(3):
            scrape(url)
        driver.get(url)
        steadily(lambda: check_content(driver, verdict))
        check_widths(driver, prefix)
        check_keyboard(driver)
        check_screen_reader(driver)
        check_updates(driver, url)
        check_without_script(driver, url)
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe, severe
    finally:
        driver.quit()
    print("landing page: ok")


main()
