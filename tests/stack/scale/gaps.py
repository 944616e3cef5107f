#!/usr/bin/env python3
"""Looks for gaps in what a store has kept: gaps.py URL INTERVAL GAP SINCE UNTIL SERIES...

Each SERIES must have exactly one series there, without a label `prometheus_replica`, with at most
one sample per interval, and between SINCE and UNTIL (seconds since 1970) no two samples further
apart than GAP intervals.
"""
import json
import sys
import urllib.parse
import urllib.request


def samples(url, selector, since, until):
    """The labels and the times of each series."""
    query = urllib.parse.urlencode({"query": f"{selector}[{until - since:.0f}s]", "time": until})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=20) as answer:
        for series in json.load(answer)["data"]["result"]:
            yield series["metric"], [moment for moment, _ in series["values"]]


def mistakes(found, interval, most, since, until):
    if len(found) != 1:
        yield f"{len(found)} series: {[labels for labels, _ in found]}"
        return
    labels, times = found[0]
    if "prometheus_replica" in labels:
        yield f"it tells who wrote it: {labels}"
    if times != sorted(times) or len(times) > (until - since) / interval + 2:
        yield f"{len(times)} samples in {until - since:.0f} s: they are kept more than once"
    moments = [since, *times, until]
    gap, end = max((late - early, late) for early, late in zip(moments, moments[1:]))
    print(f"    {labels['__name__']}: {len(times)} samples, longest gap {gap:.2f} s")
    if gap > most * interval:
        yield f"a gap of {gap:.2f} s that ends {end - since:.0f} s after the beginning"


def main():
    url, interval, gap, since, until, *selectors = sys.argv[1:]
    interval, gap, since, until = map(float, (interval, gap, since, until))
    wrong = [f"{selector}: {mistake}" for selector in selectors
             for mistake in mistakes(list(samples(url, selector, since, until)), interval, gap, since, until)]
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(bool(wrong))


main()
