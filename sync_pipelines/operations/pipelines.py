"""The pipelines that a person can name, and what each answers to: its `inspection` module."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.findings import Finding
from sync_pipelines.settings import account_of


@dataclass(frozen=True)
class Steps:
    """The vendor that a pipeline writes to, as `account_of` knows it, and its steps that take options."""

    system: str
    plan: str
    apply: str
    undo: str

    @property
    def plan_view(self) -> tuple[str, str]:
        """Schema and name of the newest plan, for SQL."""
        schema, _, name = self.plan.partition("__")
        return schema, name


PIPELINES = {
    "catsy_sparklayer": Steps("sparklayer", "sparklayer__price_plan", "sparklayer__prices", "undo_prices"),
    "shopify_sheets": Steps("sheets", "sheets__order_plan", "sheets__orders", "undo_orders"),
}
"""Those that write somewhere."""


def account(pipeline: str) -> str:
    """The account that a pipeline writes to, by its settings."""
    return account_of(PIPELINES[pipeline].system)


class Inspection(Protocol):
    """What every pipeline's `inspection.py` offers to the command line."""

    CREDENTIALS: tuple[tuple[str, str, str, bool], ...]

    def ready(self) -> None: ...
    def source_options(self, refresh: str, from_csv: Path | None) -> dict[str, Any]: ...
    def validate(self, *, deep: bool) -> list[Finding]: ...
    def full_keys(self, named: Collection[str]) -> set[str]: ...
    def source(self, key: str) -> dict[str, Any]: ...
    def live(self, keys: set[str]) -> dict[str, Any]: ...
    def rejects(self, limit: int) -> tuple[int, list[dict[str, Any]]]: ...
    def readable(self, row: Mapping[str, Any]) -> dict[str, str]: ...
    def export(self, output: Path) -> int: ...
    def more_status(self, ledger: Ledger) -> dict[str, Any]: ...


def of(pipeline: str) -> Inspection:
    """Loaded when it is asked for: most commands need one pipeline's libraries, or none."""
    return cast("Inspection", importlib.import_module(f"sync_pipelines.pipelines.{pipeline}.inspection"))
