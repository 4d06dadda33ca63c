"""Every section of settings there is, and whose account each system is."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any, Protocol

from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.settings import AlertSettings, RetentionSettings, Section, SettingsError, WebSettings, home
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings

SECTIONS: tuple[type[Section], ...] = (
    CatsySettings,
    SparkLayerSettings,
    CatsySparkLayerSettings,
    ShopifySettings,
    GoogleSettings,
    ShopifySheetsSettings,
    AmazonSettings,
    PlytixSettings,
    AmazonPlytixSettings,
    AlertSettings,
    WebSettings,
    RetentionSettings,
)


class _OfAnAccount(Protocol):
    @property
    def account(self) -> str: ...


ACCOUNTS: dict[str, Callable[[], _OfAnAccount]] = {
    "catsy": CatsySettings.read,
    "sparklayer": SparkLayerSettings.read,
    "shopify": ShopifySettings.read,
    "sheets": ShopifySheetsSettings.read,
    "amazon": AmazonSettings.read,
    "plytix": PlytixSettings.read,
}
"""Where the account of each system is settled, by the first part of an asset's key."""


def account_of(system: str) -> str:
    """The account that a vendor's settings point to, by the vendor's name. Raises KeyError for a system without one."""
    return ACCOUNTS[system]().account


def check_file() -> None:
    """Refuse tables in settings.toml that nothing reads: most are misspelt. Raises SettingsError."""
    path = home() / "settings.toml"
    try:
        written: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise SettingsError(f"{path} cannot be read: {e}") from e
    unknown = sorted(set(written) - {s.table for s in SECTIONS})
    if unknown:
        raise SettingsError(f"{path} has tables that nothing reads: {', '.join(unknown)}")
