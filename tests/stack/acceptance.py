#!/usr/bin/env python3
"""Checks tests/stack/acceptance.md: 96 rows in their order, each with a proof that exists.

A proof is a file and words that stand in it, such as the name of a check; without
one a row says that it is not run here, and why.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = 96
PROOF = re.compile(r"`(?P<file>[^`]+)`: (?P<words>.+)")


def mistakes(proof):
    """What is wrong with one proof."""
    if proof.startswith("not run here: "):
        return
    found = PROOF.fullmatch(proof)
    if not found:
        yield f"neither a proof nor a reason: {proof}"
    elif not (path := ROOT / found["file"]).is_file():
        yield f"no such file: {found['file']}"
    elif found["words"].strip("`") not in path.read_text("utf-8"):
        yield f"not in {found['file']}: {found['words']}"


def main():
    numbers, wrong = [], []
    for line in (ROOT / "tests/stack/acceptance.md").read_text("utf-8").splitlines():
        if row := re.fullmatch(r"\| (\d+) \| (.+) \| (.+) \|", line):
            numbers.append(int(row[1]))
            wrong += [f"row {row[1]}: {mistake}" for proof in row[3].split("<br>") for mistake in mistakes(proof)]
    if numbers != list(range(1, ROWS + 1)):
        wrong.append(f"the rows are not 1 to {ROWS}, each once: {numbers}")
    print("\n".join(wrong) or f"{ROWS} rows, each with a proof or a reason")
    sys.exit(bool(wrong))


main()
