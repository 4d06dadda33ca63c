"""What a person asks of pictures outside a run: which found no product, which products have none."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from sync_pipelines.csv_files import write_csv
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.lightspeed_pictures import PIPELINE, planning
from sync_pipelines.pipelines.lightspeed_retail import questions as mirror
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import data_dir
from sync_pipelines.warehouse.snapshots import Warehouse

readable = planning.readable
ready = mirror.ready
source_options = mirror.source_options
validate = mirror.validate


def _looked() -> list[planning.Looked]:
    with contextlib.suppress(DeliveryError):  # never looked at: then there is nothing to tell
        return planning.looked(Warehouse(data_dir() / "warehouse"))
    return []


def full_keys(named: Collection[str]) -> set[str]:
    """The ledger's keys for SKUs and files; a key itself stays."""
    found = {each.key for each in _looked() if each.owner and {each.sku, each.owner, each.file} & set(named)}
    return found | {name for name in named if " # " in name} or set(named)


def names() -> Collection[str]:
    return sorted({name for each in _looked() for name in (each.file, each.sku) if name})


def mapped_keys(keys: Collection[str]) -> set[str]:
    return {each.key for each in _looked() if each.owner and each.key in keys}


def dropped() -> Collection[str]:
    return ()


def source(key: str) -> dict[str, Any]:
    found = [asdict(each) for each in _looked() if each.owner and each.key == key]
    return {"extract": None, "source": found, "mapped": []}


def live(keys: set[str]) -> dict[str, Any]:
    """Which of these pictures the store shows. Raises VendorError and its kin."""
    with Session(f"look-{uuid.uuid4().hex}", PIPELINE.name, "look") as session:
        found = planning.target_of(session).read(sorted(keys))
        return {live.key: {**live.fields, "id": live.remote_id} for live in found}


def rejects(limit: int, _partition: str = "") -> tuple[Mapping[str, int], list[dict[str, Any]]]:
    """Pictures that a person has to look at, and the first of them."""
    wrong = [each for each in _looked() if each.state in planning.TO_LOOK_AT]
    rows = [{"file": each.file, "state": each.state, "reason": each.reason} for each in wrong[:limit]]
    return Counter(each.state for each in wrong), rows


def export(output: Path, _form: str) -> Written:
    """Write every picture that was looked at, as CSV."""
    return Written(write_csv(output, planning.SCHEMA.names, (astuple(each) for each in _looked())), (output,))


def more_status(_: Ledger) -> dict[str, Any]:
    return {"pictures": {state: n for state, n in planning.counts(_looked()).items() if n}}
