#!/usr/bin/env python3
"""Opens the page of plots of deploy/up in a browser: plots.py URL [SCREENSHOT].

Each of its frames must show Prometheus's page with the queries it was given and a plot of each, or
for containers that are not here the words that there are no data.
"""
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

# Of Debian's page and of the later ones
PLOTS = ".rickshaw_graph svg, canvas"
QUERIES = "textarea[name=expr], .cm-content"
NO_DATA = ("No datapoints found.", "Empty query result")
ERRORS = ".error:not(:empty), .alert-danger, .mantine-Alert-root"
PATIENCE = 30


def browser():
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                 "--window-size=1200,1000"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def shown(page):
    """How many plots, empty ones too, and queries the current frame has, and its errors."""
    errors = [element.text for element in page.find_elements(By.CSS_SELECTOR, ERRORS) if element.is_displayed()]
    queries = [element for element in page.find_elements(By.CSS_SELECTOR, QUERIES)
               if element.get_attribute("value") or element.text]
    empty = [error for error in errors if error.startswith(NO_DATA)]
    plots = len(page.find_elements(By.CSS_SELECTOR, PLOTS)) + len(empty)
    return plots, len(queries), [error for error in errors if error not in empty]


def main():
    url, *screenshot = sys.argv[1:]
    page = browser()
    try:
        page.get(url)
        wrong, frames = [], page.find_elements(By.TAG_NAME, "iframe")
        for number, frame in enumerate(frames):
            expected = frame.get_attribute("src").count(".expr=")
            page.switch_to.frame(frame)
            deadline = time.monotonic() + PATIENCE
            while (found := shown(page)) != (expected, expected, []) and time.monotonic() < deadline:
                time.sleep(0.5)
            print(f"frame {number}: {expected} queries; plots, queries, errors: {found}")
            if found != (expected, expected, []):
                wrong.append(number)
            page.switch_to.default_content()
        if screenshot:
            page.save_screenshot(screenshot[0])
        sys.exit(not frames or bool(wrong))
    finally:
        page.quit()


main()
