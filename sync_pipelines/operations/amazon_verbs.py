"""The commands of the Amazon pipeline as its users know them: `amazon map` and `amazon sync`."""

from __future__ import annotations

import json as text
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import redact
from sync_pipelines.operations import screen, verbs
from sync_pipelines.operations.launch import COULD_NOT_RUN, DONE, NEEDS_A_PERSON, Ended
from sync_pipelines.pipelines.amazon_plytix import entries, files, results
from sync_pipelines.pipelines.amazon_plytix.target import MADE
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.amazon_settings import AmazonSettings

PIPELINE = "amazon_plytix"
MAPPED = "amazon/asin_mapping"
PLANNED = [MAPPED, "amazon/unmatched_items", "plytix/amazon_product_plan", "plytix/amazon_link_plan"]
APPLIED = ["plytix/amazon_products", "plytix/amazon_links"]


def choose_account(alias: str | None) -> None:
    """Mean this account of the PIM from here on."""
    if alias:
        os.environ["PLYTIX_ALIAS"] = alias


def map_listings(listings: Path, style: str, marketplace: str | None, refresh: str, *, json: bool) -> int:
    """Match a report or an export with the products of the PIM, and write the mapping file. Plans and changes nothing."""
    if marketplace:
        known = AmazonSettings.read().marketplaces
        if marketplace not in known:
            raise SettingsError(f"marketplace {marketplace} is not among [amazon] marketplaces ({', '.join(known)}).")
        os.environ["AMAZON_MARKETPLACE"] = marketplace
    partition = files.partition_of(_there(listings))
    if style and style.lower() != partition.lower():
        partition = f"{partition}-{style}"  # a file's own partition is of all that it lists
    ops = {
        "amazon__listings": {"file": str(listings.resolve()), "style": style},
        "amazon__asin_mapping": {"style": style},
        "plytix__products": {"refresh": refresh},
    }
    ended = verbs.launched(PIPELINE, "map", ops, partition=partition, json=json)
    if ended is None or ended.state != "done":
        return _told(ended, json=json)
    path = entries.mapping_path(data_dir(), partition)
    metadata = text.loads(path.read_text(encoding="utf-8"))["metadata"]
    if json:
        screen.as_json({**asdict(ended), "mapping": str(path), "metadata": metadata, "exit_code": DONE})
        return DONE
    screen.facts(
        {
            "listings": metadata["amazon_count"],
            "matched": metadata["matched_count"],
            "unmatched": metadata["unmatched_count"],
            "products without a listing": metadata["unmatched_plytix_count"],
            "duplicates": metadata["duplicate_count"],
            **({"note": ended.message} if ended.message else {}),
            "mapping": path,
            "unmatched items": data_dir() / f"{partition}_unmatched.csv",
            "next": f"sync-pipelines amazon sync --mapping {path} --dry-run",
        }
    )
    return DONE


def sync(mapping: Path, *, execute: bool, limit: int | None, check_families: bool, update: bool | None, json: bool) -> int:
    """Plan (and with `execute` make) the products and links of a mapping; a line per item, then the summary."""
    if update is not None:
        os.environ["AMAZON_PLYTIX_UPDATE"] = str(update).lower()
    partition = files.partition_of(_there(mapping))
    ops: dict[str, Any] = {
        "amazon__asin_mapping": {"mapping": str(mapping.resolve())},
        "plytix__amazon_product_plan": {"check_families": check_families},
    }
    assets = PLANNED
    if execute:
        assets = [*PLANNED, *APPLIED]
        ops["plytix__amazon_products"] = {"limit": limit}  # links follow the products that are there
    path = results.result_path(data_dir(), partition, dry_run=not execute)
    with _said(silent=json):
        ended = verbs.launched(PIPELINE, "sync" if execute else "preview", ops, partition=partition, assets=assets, json=json)
    found = text.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if ended is None or found.get("metadata", {}).get("run") != ended.run_id:  # this run came to no result
        return _told(ended, json=json)
    code = _code(ended, found)
    if json:
        screen.as_json({**asdict(ended), "result": found, "file": str(path), "exit_code": code})
        return code
    _summary(found, path, ended, dry_run=not execute)
    return code


def _there(path: Path) -> Path:
    if not path.is_file():
        raise files.FileRefused(f"{path} is not there.")
    return path


def _code(ended: Ended, found: dict[str, Any]) -> int:
    """1 when any item ended in an error, or a guard stopped the plan; 2 when the run could not do its work."""
    if ended.state == "failed":
        return COULD_NOT_RUN
    return NEEDS_A_PERSON if found["errors"] or ended.state != "done" else DONE


def _told(ended: Ended | None, *, json: bool) -> int:
    """The end of a run that has nothing more to show."""
    if ended is None:
        return COULD_NOT_RUN
    verbs.show(ended, strict=False, json=json)
    return ended.code(strict=False) or COULD_NOT_RUN


def _summary(found: dict[str, Any], path: Path, ended: Ended, *, dry_run: bool) -> None:
    items = found.get("items") or []
    for number, item in enumerate(items, start=1):
        told = f": {item['error']}" if item.get("error") else f" ({item['changed']})" if item.get("changed") else ""
        screen.out.print(f"[{number}/{len(items)}] {item['sku']} {item['status']}{told}", markup=False, highlight=False)
    shown = {
        "total": found["total"],
        "would be created" if dry_run else "created": found["created"],
        "exists": found["exists"],
        "would be linked" if dry_run else "linked": found["linked"],
        "with their parents": found["metadata"]["hierarchy_linked"],
        "errors": len(found["errors"]),
        **({"takes": found["metadata"]["takes_at_quota"]} if dry_run else {}),
    }
    screen.out.print("=" * 60)
    screen.out.print(f"SUMMARY ({'dry run: nothing was changed' if dry_run else 'executed'})")
    screen.facts(shown)
    screen.out.print("=" * 60)
    for error in found["errors"][:20]:
        screen.problem(f"{error['sku']}: {error['error']}")
    if len(found["errors"]) > 20:
        screen.problem(f"and {len(found['errors']) - 20} more: all are in {path}")
    if ended.message:
        screen.out.print(ended.message, highlight=False, markup=False)
    for finding in ended.findings:
        if finding["state"] == "stopped":
            screen.problem(f"{finding['guard']}: {finding['message']}")
    screen.facts({"file": path, "run": ended.run_id, "calls": f"{ended.calls['used']} used, {ended.calls['minimum']} least"})


@contextmanager
def _said(*, silent: bool) -> Iterator[None]:
    """Say as it comes how long the run will take, and each product as it is made."""
    if silent:
        yield
        return

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.INFO or record.name.endswith(MADE):
                screen.out.print(redact(record.getMessage()), markup=False, highlight=False)

    handler, logger = Line(logging.DEBUG), logging.getLogger("sync_pipelines.pipelines.amazon_plytix")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
