"""How SparkLayer, the price engine, is read and written."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection


class SparkLayerSettings(AccountSection):
    """How the price engine is read and written."""

    system = "sparklayer"
    table = "sparklayer"
    old_names: ClassVar = {"site_id": "SITE_ID", "batch_size": "BATCH_SIZE", "batch_delay": "BATCH_DELAY"}
    model_config = SettingsConfigDict(env_prefix="SPARKLAYER_", extra="forbid", env_ignore_empty=True, frozen=True)

    url: str = Field(
        "https://app.sparklayer.io", description="address of the site; https://test.app.sparklayer.io for the test site"
    )
    site_id: str = Field("", description="id of the site")
    batch_size: int = Field(500, ge=1, description="SKUs a call that writes")
    batch_delay: float = Field(0.5, ge=0, description="seconds between two calls that write")
    timeout: float = Field(180.0, gt=0, description="seconds for one call")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    lands_within: float = Field(
        180.0, ge=0, description="seconds after which a call whose answer was lost cannot take effect any more"
    )
    atomic: bool = Field(True, description="whether a refused request had no effect at all")

    @property
    def account(self) -> str:
        """Whose data it is: the address and the site."""
        return f"{self.url.rstrip('/')} site {self.site_id}"
