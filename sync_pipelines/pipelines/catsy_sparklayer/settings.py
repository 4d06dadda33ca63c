"""Price lists and where their prices come from; where the pipeline stops and asks."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import Section


class Break(BaseModel):
    """One quantity break of a price list: which Catsy attribute holds its unit price."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    quantity: int = Field(ge=1)
    attribute: str


class PriceList(BaseModel):
    """One SparkLayer price list and where its prices come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    slug: str = Field(min_length=1, max_length=30, pattern=r"^[^/]+$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    breaks: tuple[Break, ...] = Field(min_length=1)
    name: str = ""

    @field_validator("breaks")
    @classmethod
    def _one_price_per_quantity(cls, breaks: tuple[Break, ...]) -> tuple[Break, ...]:
        quantities = [b.quantity for b in breaks]
        if len(set(quantities)) != len(quantities):
            raise ValueError(f"a quantity appears twice: {quantities}")
        return breaks


class CatsySparkLayerSettings(Section):
    """What this pipeline does with differences, and where it stops and asks."""

    table = "catsy_sparklayer"
    model_config = SettingsConfigDict(env_prefix="CATSY_SPARKLAYER_", extra="forbid", env_ignore_empty=True, frozen=True)

    price_lists: tuple[PriceList, ...] = Field(
        (PriceList(slug="wholesale", currency="AUD", breaks=(Break(quantity=1, attribute="price_trade"),)),),
        description="slug, currency and, from each quantity on, the Catsy attribute with the unit price",
    )
    create_missing_lists: bool = Field(False, description="whether a price list that is missing is made")
    remove_missing: bool = Field(False, description="whether prices that we put there are removed when their SKU leaves Catsy")
    foreign_edits: Literal["hold", "overwrite"] = Field("hold", description="a price that a person edited since we wrote it")
    max_price_move: Decimal = Field(
        Decimal("0.30"), gt=0, description="share by which a price may move before it is held for a person"
    )
    max_moving: Decimal = Field(Decimal("0.20"), gt=0, description="share of a list's rows that may move in one run")
    max_removed: Decimal = Field(Decimal("0.05"), ge=0, description="share of a list's rows that may be removed in one run")
    max_held: Decimal = Field(Decimal("0.05"), ge=0, description="share of a list's rows that may be held in one run")
    min_source: Decimal = Field(
        Decimal("0.70"), ge=0, description="least size of an extract, as a share of the median of earlier ones"
    )

    @field_validator("price_lists")
    @classmethod
    def _each_list_once(cls, lists: tuple[PriceList, ...]) -> tuple[PriceList, ...]:
        slugs = [price_list.slug for price_list in lists]
        if not slugs or len(set(slugs)) != len(slugs):
            raise ValueError(f"each price list must appear once, and at least one is needed: {slugs}")
        return lists

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every Catsy attribute that holds a price, in the order of the settings."""
        return tuple(dict.fromkeys(b.attribute for price_list in self.price_lists for b in price_list.breaks))
