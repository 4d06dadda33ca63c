"""What became of a mapping's items, as existing users know it: one state per SKU, totals, errors.

States: created, exists, preview (would be made), error. The files are `<stem>.preview.json` and
`<stem>_mapping.sync_products.json`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sync_pipelines.delivery import records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings

Status = Literal["created", "exists", "preview", "error"]


@dataclass(frozen=True)
class Item:
    """How one SKU stands. `error`: why it is not as it should be."""

    sku: str
    status: Status
    error: str = ""
    changed: str = ""
    """Of a product that exists: what is, or would be, done to it."""


@dataclass(frozen=True)
class Result:
    """`linked`: links from products to their listings that were made, or would be; `hierarchy`: from parents to variations."""

    items: Sequence[Item]
    linked: int = 0
    hierarchy: int = 0
    link_errors: Sequence[Mapping[str, str]] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> list[Mapping[str, str]]:
        return [*({"sku": i.sku, "error": i.error} for i in self.items if i.status == "error"), *self.link_errors]

    @property
    def document(self) -> dict[str, Any]:
        """The result file: previews count as created, as they always did."""
        counts = Counter(item.status for item in self.items)
        would_be = counts["preview"] if self.metadata.get("dry_run") else 0
        return {
            "total": len(self.items),
            "created": counts["created"] + would_be,
            "exists": counts["exists"],
            "linked": self.linked,
            "errors": self.errors,
            "metadata": dict(self.metadata),
        }


def result(
    found: Sequence[Entry],
    products: str,
    links: str,
    *,
    ledger: Ledger,
    plans: PlanFiles,
    facts: Mapping[str, Any],
    account: str,
    dry_run: bool,
    whole: bool,
    earlier: Mapping[str, Item],
) -> Result:
    """How every item of a mapping stands by these two plans, previewed or applied; "" for a plan that there was not.

    whole: an item of which the plan of products says nothing needs nothing. Otherwise it stands as it did `earlier`, or as the
    ledger has it.
    """
    settings = AmazonPlytixSettings.read()
    planned = _rows(ledger, plans, products)
    present = records.present_keys(ledger, account)
    items = []
    for entry in found:
        item = _item(entry, planned.get(entry.suggested_sku), dry_run=dry_run)
        if item is None and whole:
            item = Item(entry.suggested_sku, "exists")
        if item is None:
            item = earlier.get(entry.suggested_sku) or _known(entry.suggested_sku, present)
        items.append(item)
    made: Counter[str] = Counter()
    errors = []
    for key, row in _rows(ledger, plans, links).items():
        if row["action"] == "create" and (row["state"] == "delivered" or (dry_run and not row["held"])):
            made[row["parent"]] += 1
        elif problem := _problem(row, dry_run=dry_run):
            errors.append({"sku": key, "error": problem})
    metadata = {
        **facts,
        "sync_date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "dry_run": dry_run,
        "hierarchy_linked": made[settings.hierarchy_relationship],
        "product_plan": products,
        "link_plan": links,
    }
    return Result(items, made[settings.listings_relationship], made[settings.hierarchy_relationship], errors, metadata)


def _known(sku: str, present: Collection[str]) -> Item:
    """An item that no plan of this run is about, by the ledger."""
    return Item(sku, "exists") if sku in present else Item(sku, "error", "not looked at in this run")


def earlier(path: Path) -> dict[str, Item]:
    """The items of the file as it was last written; none where it cannot be read."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["items"]
        states: dict[str, Status] = {"created": "exists"}
        items = [Item(r["sku"], states.get(r["status"], r["status"]), r.get("error", "")) for r in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {item.sku: item for item in items}


def _rows(ledger: Ledger, plans: PlanFiles, plan: str) -> dict[str, dict[str, Any]]:
    """The rows of a plan by key, each with its outcome (None: not applied)."""
    if not plan:
        return {}
    ended = {row: {"state": o.state, "message": o.message} for row, o in ledger.outcomes(plan).items()}
    rows = plans.query(plan, "SELECT row, key, parent, action, steps, held, reason FROM plan ORDER BY row")
    none = {"state": None, "message": None}
    return {row["key"]: {**row, **ended.get(row["row"], none)} for row in rows}


def _item(entry: Entry, row: Mapping[str, Any] | None, *, dry_run: bool) -> Item | None:
    """How a planned item stands; None for one of which the plan says nothing."""
    sku = entry.suggested_sku
    if entry.state == "rejected":
        return Item(sku, "error", entry.reason or "not understood")
    if row is None:
        return None
    if problem := _problem(row, dry_run=dry_run):
        return Item(sku, "error", problem)
    if row["action"] == "create":
        left = dry_run or row["state"] == "skipped"
        return Item(sku, "preview" if left else "created" if row["state"] == "delivered" else "exists")
    steps = " and ".join(json.loads(row["steps"]))  # of a product that is there
    return Item(sku, "exists", changed=steps)


def _problem(row: Mapping[str, Any], *, dry_run: bool) -> str:
    """Why a planned row is not as it should be; "" for one that is, or will be."""
    if row["held"] and row["state"] in (None, "held"):
        return f"held: {row['reason']}"
    if dry_run or row["state"] in ("delivered", "unchanged", "skipped"):
        return ""
    return f"{row['state'] or 'not sent'}: {row['message'] or 'the run ended before it'}"


def result_path(folder: Path, partition: str, *, dry_run: bool) -> Path:
    return folder / (f"{partition}.preview.json" if dry_run else f"{partition}_mapping.sync_products.json")


def as_text(found: Result) -> str:
    """The file's text: what existing users know, and every item with its state."""
    document = found.document
    document["items"] = [
        {"sku": i.sku, "status": i.status, **{n: v for n, v in (("error", i.error), ("changed", i.changed)) if v}}
        for i in found.items
    ]
    return json.dumps(document, indent=2, ensure_ascii=False)
