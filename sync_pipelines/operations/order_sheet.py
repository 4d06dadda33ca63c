"""What only the order spreadsheet can be asked, or told to do: data out, expected errors in, as in `answers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipelines.operations.answers import FLAT, open_ledger
from sync_pipelines.operations.paths import writable
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.shopify_settings import ShopifySettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shopify_sheets.missing import Gap

PIPELINE = "shopify_sheets"


@dataclass(frozen=True)
class Prepared:
    """done: what was made, in sentences; empty where everything was there."""

    pipeline: str
    done: tuple[str, ...]


def prepare() -> Prepared:
    """Set a blank spreadsheet up: tabs, header rows, number formats. What is there already stays as it is."""
    from sync_pipelines.pipelines.shopify_sheets import questions

    questions.ready()
    return Prepared(PIPELINE, tuple(questions.set_up()))


def missing() -> tuple[Gap, ...]:
    """Return every gap in the order numbers, explained. Orders that turn up are read at once."""
    from sync_pipelines.pipelines.shopify_sheets import questions

    return tuple(questions.find_missing())


def orders(limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest orders: name, day, key, lines, and where each stands in the sheet."""
    from sync_pipelines.pipelines.shopify_sheets import questions

    with open_ledger() as ledger:
        return questions.last_orders(ledger, limit)


@dataclass(frozen=True)
class Report:
    """The last days in numbers (currency, days), and the page that shows them with charts."""

    numbers: Mapping[str, Any] = field(metadata=FLAT)
    page: Path

    @property
    def currency(self) -> str:
        return str(self.numbers["currency"])

    @property
    def days(self) -> Sequence[Mapping[str, Any]]:
        """Per day: orders, money, cancelled, written, runs, failed (runs that failed or were stopped), bad (rows)."""
        days: Sequence[Mapping[str, Any]] = self.numbers["days"]
        return days


def report(days: int = 7, output: Path | None = None) -> Report:
    """Count the last days, and write them as a page with charts. Raises UsageError for a page that cannot be written."""
    from sync_pipelines.operations.order_report import page
    from sync_pipelines.pipelines.shopify_sheets import questions

    reports = data_dir() / "reports"
    if output is None:
        reports.mkdir(parents=True, exist_ok=True)
    target = writable(output or reports / f"{PIPELINE}-{date.today():%Y-%m-%d}.html")  # noqa: DTZ011
    with open_ledger() as ledger:
        found = questions.days_in_numbers(ledger, days)
    target.write_text(page(found, ShopifySettings.read().account), encoding="utf-8")
    return Report(found, target)
