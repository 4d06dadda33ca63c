"""How Catsy, the PIM, is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.number_text import DecimalMark
from sync_pipelines.settings import AccountSection


class CatsySettings(AccountSection):
    """How the PIM is read. Facts behind the defaults: docs/pipelines/catsy_sparklayer.md."""

    system = "catsy"
    table = "catsy"
    old_names: ClassVar = {"output_file": "OUTPUT_FILE", "page_size": "CATSY_LIMIT", "page_delay": "CATSY_DELAY"}
    model_config = SettingsConfigDict(env_prefix="CATSY_", extra="forbid", env_ignore_empty=True, frozen=True)

    base_url: str = Field("https://api.catsy.com/api/v3", description="address of the API")
    query_id: str = Field("", description="id of the saved query whose items are read")
    page_size: int = Field(500, ge=1, description="items a call")
    page_delay: float = Field(0.0, ge=0, description="seconds between two pages, beside what the rate asks for")
    rate_per_second: float = Field(2.0, gt=0, description="calls a second, known from public client code")
    burst: int = Field(10, ge=1, description="calls that may come at once")
    timeout: float = Field(90.0, gt=0, description="seconds for one page, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one page with all its retries")
    id_attribute: str = Field("id", description="attribute with an item's id")
    sku_attribute: str = Field("sku", description="attribute with an item's SKU")
    decimal_mark: DecimalMark = Field(
        "auto", description="the decimal mark of prices given as text; auto refuses those that could be read two ways"
    )
    incomplete: Literal["fail", "use"] = Field(
        "fail", description="an extract that is not proved to be whole: use takes its prices, and never removes one"
    )
    max_age_hours: float = Field(20.0, ge=0, description="hours for which a complete extract is used without asking Catsy")
    output_file: Path = Field(
        Path("catsy_products_full_export.csv"), description="the full export for people; a relative path is below the data folder"
    )

    @property
    def account(self) -> str:
        """Whose data it is: the address and the query."""
        return f"{self.base_url.rstrip('/')}/queries/{self.query_id}"

    @property
    def max_age(self) -> timedelta:
        return timedelta(hours=self.max_age_hours)
