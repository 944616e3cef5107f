"""The dashboards of this folder as code: `python3 -m generator` writes dashboards/*.json."""
