"""A child process: sync every pipeline on the data folder that is there, and print what became of the vendors' data."""

from __future__ import annotations

import json
import sys
from typing import Any

from sync_pipelines.demo.playground import Playground
from sync_pipelines.operations import launch

DATA = {"sparklayer": ("lists", "effects"), "google": ("spreadsheets",), "plytix": ("products", "creates")}


def content(play: Playground) -> dict[str, Any]:
    """What the vendors that are written to hold, without calls and tokens."""
    return {vendor: {name: play.state(vendor)[name] for name in names} for vendor, names in DATA.items()}


def main() -> None:
    with Playground(fresh=False) as play:
        before = content(play)
        ended = [
            launch.launch("catsy_sparklayer", "sync", {"catsy/products": {"refresh": "always"}}),
            launch.launch("shopify_sheets", "reconcile"),
            launch.launch("amazon_plytix", "sync", partition="mca0032"),
        ]
        after = content(play)
    told = {e.pipeline: {"state": e.state, "counts": e.counts, "message": e.message} for e in ended}
    changed = [vendor for vendor in DATA if before[vendor] != after[vendor]]
    print(json.dumps({"runs": told, "changed": changed}))


if __name__ == "__main__":
    main()
    sys.exit(0)
