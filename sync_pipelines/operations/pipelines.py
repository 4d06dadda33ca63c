"""The pipelines that a person can name, and what each answers to: its `questions` module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.observations import Observation
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.settings import AlertSettings, RetentionSettings, Section
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

SHARED: tuple[type[Section], ...] = (AlertSettings, RetentionSettings)
"""Sections that every run reads."""


@dataclass(frozen=True)
class Part:
    """One target that a pipeline writes to: whose it is, and its two steps that take options."""

    account: Callable[[], str]
    plan: str
    apply: str

    @property
    def plan_view(self) -> tuple[str, str]:
        """Schema and name of the newest plan, for SQL."""
        schema, _, name = self.plan.partition("__")
        return schema, name

    @property
    def assets(self) -> list[str]:
        """Its plan, and what it is applied to."""
        return [step.replace("__", "/") for step in (self.plan, self.apply)]


@dataclass(frozen=True)
class Steps:
    """What a pipeline writes to, in the order it does. system: the vendor, as `account_of` knows it. sections: the settings
    its runs read. partitioned: each of its files is planned and applied alone."""

    system: str
    parts: tuple[Part, ...]
    undo: str
    sections: tuple[type[Section], ...]
    partitioned: bool = False

    def part(self, account: str) -> Part:
        """The part that writes to an account. Raises UsageError for one that the settings do not point to."""
        for part in self.parts:
            if part.account() == account:
                return part
        raise UsageError(f"that is for {account}; the settings now point to {', '.join(part.account() for part in self.parts)}.")

    @property
    def accounts(self) -> list[str]:
        return [part.account() for part in self.parts]


PIPELINES = {
    "catsy_sparklayer": Steps(
        "sparklayer",
        (Part(lambda: account_of("sparklayer"), "sparklayer__price_plan", "sparklayer__prices"),),
        "undo_prices",
        (CatsySettings, SparkLayerSettings, CatsySparkLayerSettings),
    ),
    "shopify_sheets": Steps(
        "sheets",
        (Part(lambda: account_of("sheets"), "sheets__order_plan", "sheets__orders"),),
        "undo_orders",
        (ShopifySettings, GoogleSettings, ShopifySheetsSettings),
    ),
    "amazon_plytix": Steps(
        "plytix",
        (
            Part(lambda: PlytixSettings.read().products_account, "plytix__amazon_product_plan", "plytix__amazon_products"),
            Part(lambda: PlytixSettings.read().links_account, "plytix__amazon_link_plan", "plytix__amazon_links"),
        ),
        "undo_amazon",
        (AmazonSettings, PlytixSettings, AmazonPlytixSettings),
        partitioned=True,
    ),
}
"""Those that write somewhere."""


def account(pipeline: str) -> str:
    """The account that a pipeline may be allowed to write to, by its settings."""
    return account_of(PIPELINES[pipeline].system)


class Questions(Protocol):
    """What every pipeline's `questions.py` offers to the command line. mypy holds each of them to it, below."""

    CREDENTIALS: tuple[tuple[str, str, str, bool], ...]

    def ready(self) -> None: ...
    def source_options(self, refresh: str, from_csv: Path | None) -> dict[str, Any]: ...
    def validate(self, *, deep: bool) -> list[Observation]: ...
    def full_keys(self, named: Collection[str]) -> set[str]: ...
    def source(self, key: str) -> dict[str, Any]: ...
    def live(self, keys: set[str]) -> dict[str, Any]: ...
    def rejects(self, limit: int) -> tuple[int, list[dict[str, Any]]]: ...
    def readable(self, row: Mapping[str, Any]) -> dict[str, str]: ...
    def export(self, output: Path) -> int: ...
    def more_status(self, ledger: Ledger) -> dict[str, Any]: ...


def of(pipeline: str) -> Questions:
    """Loaded when it is asked for: most commands need one pipeline's libraries, or none."""
    return cast("Questions", importlib.import_module(f"sync_pipelines.pipelines.{pipeline}.questions"))


if TYPE_CHECKING:
    from sync_pipelines.pipelines.amazon_plytix import questions as _amazon
    from sync_pipelines.pipelines.catsy_sparklayer import questions as _catsy
    from sync_pipelines.pipelines.shopify_sheets import questions as _sheets

    _of_amazon: Questions = _amazon
    _of_catsy: Questions = _catsy
    _of_sheets: Questions = _sheets
