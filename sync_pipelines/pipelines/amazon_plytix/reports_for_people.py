"""The files that tell people what became of a mapping: what they have to decide, and how every item stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sync_pipelines.csv_files import write_csv, write_text
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.pipelines.amazon_plytix import entries, results
from sync_pipelines.pipelines.amazon_plytix.call_estimate import calls_of, takes
from sync_pipelines.pipelines.amazon_plytix.entries import Entry
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.plytix_settings import PlytixSettings

_QUESTIONS = (
    "state",
    "amazon_asin",
    "marketplace",
    "amazon_sku",
    "amazon_title",
    "amazon_size",
    "amazon_color",
    "amazon_upc",
    "amazon_ean",
    "reason",
    "candidates",
)


def questions(found: Iterable[Entry]) -> list[dict[str, Any]]:
    """What is not matched: those that a person can decide first, parents (which never have a product) left out."""
    order = ("rejected", "ambiguous", "held", "unmatched")
    rows = [{name: getattr(entry, name) for name in _QUESTIONS} for entry in found if entry.state in order]
    return sorted(rows, key=lambda row: order.index(row["state"]))


def write_questions(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    write_csv(path, list(_QUESTIONS), (list(row.values()) for row in rows))
    return path


def write_result(
    ledger: Ledger,
    plans: PlanFiles,
    found: Sequence[Entry],
    partition: str,
    products: str,
    links: str,
    *,
    run: str,
    dry_run: bool,
    whole: bool,
) -> Path:
    """Write how every item of a mapping stands: `<stem>.preview.json`, or `<stem>_mapping.sync_products.json`.

    products, links: the plans of the run, "" for one that it did not make. whole: the plan of products looked at every item;
    otherwise the others stand as they were last written.
    """
    path = results.result_path(data_dir(), partition, dry_run=dry_run)
    calls = calls_of(plans, products, links) if dry_run else None
    plytix = PlytixSettings.read()
    facts: dict[str, Any] = {
        "source_file": entries.mapping_path(data_dir(), partition).name,
        "run_id": run,
        "run": run,
        "plytix_account": plytix.alias,
        **({} if calls is None else {"calls_to_send": calls, "takes_at_quota": takes(calls, plytix)}),
    }
    told = results.result(
        found,
        products,
        links,
        ledger=ledger,
        plans=plans,
        facts=facts,
        dry_run=dry_run,
        account=plytix.products_account,
        earlier={} if whole else results.earlier(path),
        whole=whole,
    )
    return write_text(path, [results.as_text(told)])
