"""Which days are offered as partitions: those from the first on of which anything is kept, or was asked for.

A shop may be ten years old. If each of its days were offered, the UI would show thousands that are missing, and hide among
them the one that is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta

from sync_pipelines.delivery import notes
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.shopify_store.change_reader import FIRST_DAY
from sync_pipelines.pipelines.shopify_store.days import day_of
from sync_pipelines.pipelines.shopify_store.orders import ORDERS_KEY
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Warehouse

log = logging.getLogger(__name__)

DAY = re.compile(r"\d{4}-\d\d-\d\d")
_asked_from: ContextVar[date | None] = ContextVar("asked_from", default=None)
"""The earliest day that a run which is being prepared here is to read."""


def offered() -> tuple[date, str]:
    """Return the first day that is offered, and the shop's time zone. Nothing is made or changed.

    A wrong setting must not take the other pipelines' definitions along: then the days are those of the default settings, and
    each run of this pipeline ends before it reads anything, for it reads its settings first.
    """
    try:
        settings = ShopifySettings.read()
    except SettingsError as e:
        log.error("%s", e)  # noqa: TRY400 - the message says it all
        settings = ShopifySettings.model_construct()
    return _first(settings), settings.time_zone


@contextmanager
def offering(first: date) -> Iterator[None]:
    """Offer the days from this one on, as long as the block lasts. Raises UsageError for a day before `first_day`."""
    settings = ShopifySettings.read()
    if first < settings.first_day:
        raise UsageError(
            f"{first} is before the first day that may be read, {settings.first_day}. Set SHOPIFY_FIRST_DAY, or first_day in "
            "settings.toml [shopify], to an earlier day. Nothing was done."
        )
    before = _asked_from.set(first)
    try:
        yield
    finally:
        _asked_from.reset(before)


def _first(settings: ShopifySettings) -> date:
    """The earliest day of which anything is kept, or which a run is to read; none before `first_day`, and that one itself where
    somebody has set it."""
    if "first_day" in settings.model_fields_set:
        return settings.first_day
    kept_from = notes.peek_cursor(data_dir() / "ledger.db", settings.shop, FIRST_DAY)
    today = day_of(datetime.now(UTC), settings.zone)
    known = [date.fromisoformat(kept_from) if kept_from else today - timedelta(days=settings.lookback_days)]
    files = Warehouse(data_dir() / "warehouse").files(ORDERS_KEY, settings.account)
    known += [date.fromisoformat(file.stem) for file in files if DAY.fullmatch(file.stem)]
    if asked_from := _asked_from.get():
        known.append(asked_from)
    return max(settings.first_day, min(known))
