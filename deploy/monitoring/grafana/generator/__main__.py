"""Writes the dashboards, or with --check tells which files are not up to date.

Run it in the folder above this one, with requirements.txt installed.
"""

import argparse
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from . import containers, mysql, node, overview, redis

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"


def texts():
    """Each file with the text that belongs into it."""
    for module in (overview, node, containers, redis, mysql):
        model = module.dashboard().build()
        text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(model)
        yield FOLDER / f"{model.uid}.json", text + "\n"


def main():
    parser = argparse.ArgumentParser(description="Write the dashboards.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    stale = []
    for path, text in texts():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"not up to date, run python3 -m generator: {', '.join(stale)}")


if __name__ == "__main__":
    main()
