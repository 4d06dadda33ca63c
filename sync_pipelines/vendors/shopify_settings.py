"""Which shop is read, and how fast."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection, known_zone


class ShopifySettings(AccountSection):
    """The shop that orders are read from. Facts behind the defaults: docs/pipelines/shopify_store.md."""

    system = "shopify"
    table = "shopify"
    model_config = SettingsConfigDict(env_prefix="SHOPIFY_", extra="forbid", env_ignore_empty=True, frozen=True)

    store_name: str = Field("", description="my-shop, or my-shop.myshopify.com")
    url: str = Field("", description="another address than https://<store_name>.myshopify.com")
    api_version: str = Field("2026-10", pattern=r"^(\d{4}-\d{2}|unstable)$", description="version of the Admin API")
    time_zone: str = Field("UTC", description="the shop's IANA time zone: it says where one day ends and the next begins")
    first_day: date = Field(
        date(2020, 1, 1),
        description="no day before this one is read; set, it is the first partition, else partitions begin where data begins",
    )
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    page_size: int = Field(200, ge=1, le=250, description="orders a call")
    lines_per_page: int = Field(15, ge=1, le=250, description="lines of each order that come with its page")
    lookback_days: int = Field(30, ge=1, description="how far back the first reading of changes goes")
    settle_lag: float = Field(15.0, ge=0, description="seconds until a new order shows in searches and counts")
    overlap_minutes: float = Field(15.0, ge=0, description="how far back before its cursor a reading of changes begins")
    behind_seconds: float = Field(60.0, ge=0, description="how far behind now a reading of changes ends")
    calls_per_second: float = Field(4.0, gt=0, description="paged calls that a shop answers a second, for the estimate")
    bulk_start_seconds: float = Field(30.0, ge=0, description="what a bulk operation takes before its first order")
    bulk_per_second: float = Field(1000.0, gt=0, description="objects a bulk operation exports a second")
    bulk_poll_seconds: float = Field(2.0, gt=0, description="seconds between two looks whether a bulk operation has ended")
    bulk_room_minutes: float = Field(5.0, ge=0, description="how long a run waits for a place among the shop's five")
    bulk_patience_minutes: float = Field(360.0, gt=0, description="how long a run waits for a bulk operation")

    @property
    def base_url(self) -> str:
        host = self.store_name if "." in self.store_name else f"{self.store_name}.myshopify.com"
        return (self.url or f"https://{host}").rstrip("/")

    @property
    def shop(self) -> str:
        """Which shop it is, however its days are cut."""
        return self.base_url

    @property
    def account(self) -> str:
        """Whose files they are: the shop's address, and the zone by which its days are cut."""
        return f"{self.base_url} by {self.time_zone}"

    @property
    def holder(self) -> str:
        """The shop, whatever its time zone is."""
        return self.shop

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)
