"""Which Lightspeed Retail store is read, in which version of its API, and how fast."""

from __future__ import annotations

import re

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection

FAMILIES = "2026-10"
"""From this version on products are read and written by families."""
STOCK_BY_POST = "2026-04"
"""From this version on stock is listed by POST."""
OLD = "2.0"
"""The last version that was not named by a date. It is read only."""


class LightspeedSettings(AccountSection):
    """The till. Facts behind the defaults, and which of them are assumed: docs/pipelines/lightspeed_retail.md."""

    system = "lightspeed"
    table = "lightspeed"
    model_config = SettingsConfigDict(env_prefix="LIGHTSPEED_", extra="forbid", env_ignore_empty=True, frozen=True)

    store: str = Field("", description="the store's name: what comes before .retail.lightspeed.app")
    url: str = Field("https://{store}.retail.lightspeed.app", description="the API's address; {store} stands for the name")
    api_version: str = Field("2026-07", description="2026-07, 2026-10 (products by families) or 2.0 (which can only be read)")
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(900.0, gt=0, description="seconds for one call with all its retries and waits")
    window_seconds: float = Field(300.0, gt=0, description="the window that calls are counted in")
    calls: int = Field(350, ge=1, description="calls in a window, until the store says how many: 300 for each register, and 50")
    page_size: int = Field(200, ge=1, le=1000, description="rows a page")
    largest_page: int = Field(1000, ge=1, description="rows that a page has at most, however many are asked for")
    stock_page_size: int = Field(5000, ge=1, description="rows a page of stock, from 2026-04 on")
    lag_seconds: float = Field(2.0, ge=0, description="seconds until the search shows what was written")
    lands_within: float = Field(120.0, ge=0, description="seconds within which a call that was cut off still takes effect")

    @field_validator("store")
    @classmethod
    def _name(cls, store: str) -> str:
        name = re.sub(r"^https?://|\.(retail\.lightspeed\.app|vendhq\.com).*$", "", store.strip().lower())
        if name and not re.fullmatch(r"[a-z0-9-]+", name):
            raise ValueError(f"{store!r} is not the name of a store: letters, digits and hyphens, before .retail.lightspeed.app")
        return name

    @field_validator("api_version")
    @classmethod
    def _version(cls, version: str) -> str:
        if version != OLD and not re.fullmatch(r"20[0-9]{2}-(01|04|07|10)", version):
            raise ValueError(f"{version!r} is no version of the API such as 2026-07")
        return version

    @property
    def base_url(self) -> str:
        return self.url.replace("{store}", self.needed("store", "LIGHTSPEED_STORE")).rstrip("/")

    @property
    def account(self) -> str:
        """The store's own address; with its name, where the address does not have it."""
        base = self.url.replace("{store}", self.store).rstrip("/")
        return base if "{store}" in self.url else f"{base}#{self.store}"

    @property
    def dated(self) -> bool:
        """Whether the version is one of those named by a date."""
        return self.api_version != OLD

    @property
    def stock_by_post(self) -> bool:
        return self.dated and self.api_version >= STOCK_BY_POST

    @property
    def by_families(self) -> bool:
        return self.dated and self.api_version >= FAMILIES
