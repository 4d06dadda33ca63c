"""Which Sentos account is read and written, and how fast."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection


class SentosSettings(AccountSection):
    """The ERP. Facts behind the defaults, and which of them are assumed: docs/pipelines/shopify_sentos.md."""

    system = "sentos"
    table = "sentos"
    model_config = SettingsConfigDict(env_prefix="SENTOS_", extra="forbid", env_ignore_empty=True, frozen=True)

    api_url: str = Field("", description="the panel's API Url: https://<company>.sentos.com.tr/api")
    timeout: float = Field(120.0, gt=0, description="seconds for one call, first byte to last; lists can be slow")
    deadline: float = Field(900.0, gt=0, description="seconds for one call with all its retries and waits")
    window_seconds: float = Field(60.0, gt=0, description="the window that the limits below count in")
    calls: int = Field(60, ge=1, description="calls of all kinds in a window")
    writes: int = Field(12, ge=1, description="calls that change something in a window, of all processes together")
    same_reads: int = Field(2, ge=1, description="how often the very same read may be made in a window")
    page_size: int = Field(100, ge=1, le=100, description="rows a page")
    lag_seconds: float = Field(
        60.0, ge=0, description="seconds until lists show an order that was made or changed, and products its stock"
    )
    lands_within: float = Field(180.0, ge=0, description="seconds within which a call that was cut off still takes effect")
    max_age_minutes: float = Field(60.0, ge=0, description="how old products may be that prices are planned from; stock never is")
    clock_off_seconds: float = Field(300.0, ge=0, description="how far Sentos' clock may be from ours")

    @property
    def base_url(self) -> str:
        return self.needed("api_url", "SENTOS_API_URL").rstrip("/")

    @property
    def account(self) -> str:
        """The account's own address."""
        return self.api_url.rstrip("/")
