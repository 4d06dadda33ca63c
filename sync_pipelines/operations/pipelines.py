"""The pipelines that a person can name, and what each answers to: its `questions` module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.findings import Finding
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.settings import AlertSettings, RetentionSettings, Section
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

if TYPE_CHECKING:
    from sync_pipelines.delivery.ledger import Ledger

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
    """What a pipeline is to a person at the prompt, and what it writes to, in the order it does.

    short: the name of its own group of commands. system: the vendor, as `account_of` knows it. sections: the
    settings its runs read. options: those options of general verbs that it has and others may not. commands: the module with
    commands of its own. partitioned: each of its files is planned and applied alone. by_day: its days can be read again.
    pause: how long after a good sync another one has to be forced.
    """

    title: str
    sections: tuple[type[Section], ...]
    short: str
    system: str = ""
    parts: tuple[Part, ...] = ()
    undo: str = ""
    options: tuple[str, ...] = ()
    commands: str | None = None
    partitioned: bool = False
    by_day: bool = False
    pause: Callable[[], timedelta] = timedelta

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
    "shopify_store": Steps(
        "The shop's orders: read by day, for the pipelines that need them.", (ShopifySettings,), short="shopify", by_day=True
    ),
    "catsy_sparklayer": Steps(
        "Catsy and SparkLayer: the PIM's trade prices to B2B price lists.",
        (CatsySettings, SparkLayerSettings, CatsySparkLayerSettings),
        short="catsy",
        system="sparklayer",
        parts=(Part(lambda: account_of("sparklayer"), "sparklayer__price_plan", "sparklayer__prices"),),
        undo="undo_prices",
        options=("refresh", "from_csv"),
    ),
    "shopify_sheets": Steps(
        "Shopify orders and the spreadsheet: every order once, always current, nothing missing.",
        (ShopifySettings, GoogleSettings, ShopifySheetsSettings),
        short="sheets",
        system="sheets",
        parts=(Part(lambda: account_of("sheets"), "sheets__order_plan", "sheets__orders"),),
        undo="undo_orders",
        options=("force", "test"),
        commands="sync_pipelines.pipelines.shopify_sheets.commands",
        pause=lambda: timedelta(minutes=ShopifySheetsSettings.read().pause_minutes),
    ),
    "amazon_plytix": Steps(
        "Amazon listings and the PIM: match, then make products and links.",
        (AmazonSettings, PlytixSettings, AmazonPlytixSettings),
        short="amazon",
        system="plytix",
        parts=(
            Part(lambda: PlytixSettings.read().products_account, "plytix__amazon_product_plan", "plytix__amazon_products"),
            Part(lambda: PlytixSettings.read().links_account, "plytix__amazon_link_plan", "plytix__amazon_links"),
        ),
        undo="undo_amazon",
        options=("refresh", "partition"),
        commands="sync_pipelines.pipelines.amazon_plytix.commands",
        partitioned=True,
    ),
}
"""All of them, in the order in which they are shown."""

WRITERS = tuple(name for name, pipeline in PIPELINES.items() if pipeline.parts)
"""Those that write somewhere: the general verbs are about them."""
BY_DAY = tuple(name for name, pipeline in PIPELINES.items() if pipeline.by_day)
"""Those whose days can be read again."""


def account(pipeline: str) -> str:
    """The account that a pipeline may be allowed to write to, by its settings."""
    return account_of(PIPELINES[pipeline].system)


class Questions(Protocol):
    """What every pipeline's `questions.py` offers to the command line. mypy holds each of them to it, below."""

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
