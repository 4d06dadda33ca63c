"""How listings find their products, and what becomes of both in the PIM."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import Section, known_zone

Rule = Literal["gtin", "sku", "model_size", "model_number"]


UpdateRule = Literal["always", "when_empty", "never"]


AMAZON_ATTRIBUTES: tuple[str, ...] = (
    "amazon_asin",
    "amazon_parent_asin",
    "amazon_sku",
    "amazon_upc",
    "amazon_ean",
    "amazon_title",
    "amazon_size",
    "amazon_color",
    "amazon_variation_theme",
    "amazon_listing_status",
    "amazon_marketplace",
    "amazon_canonical_sku",
    "amazon_is_primary",
    "amazon_last_synced",
    "amazon_gtin",
    "amazon_brand",
    "amazon_model_number",
    "amazon_item_classification",
)
"""What an Amazon product holds, by the names that existing users know."""


FILLED_IF_THERE = ("amazon_gtin", "amazon_brand", "amazon_model_number", "amazon_item_classification")
"""Attributes that an account may do without."""


class AmazonPlytixSettings(Section):
    """How listings find their products, and what becomes of both in the PIM."""

    table = "amazon_plytix"
    model_config = SettingsConfigDict(env_prefix="AMAZON_PLYTIX_", extra="forbid", env_ignore_empty=True, frozen=True)

    match_order: tuple[Rule, ...] = Field(
        ("gtin", "sku", "model_size", "model_number"),
        description="rules by which a listing is matched with a product, the first that fits first",
    )
    confidence: dict[str, Decimal] = Field(
        default={
            "gtin": Decimal("1.00"),
            "sku": Decimal("0.95"),
            "model_size": Decimal("0.90"),
            "model_size_without_width": Decimal("0.88"),
            "model_number": Decimal("0.85"),
        },
        description="how sure each rule is",
    )
    min_confidence: Decimal = Field(Decimal("0.85"), ge=0, le=1, description="matches less sure wait for a person")
    listings_per_product: Literal["one", "many"] = Field(
        "many", description="whether several ASINs of a marketplace may be listings of one product"
    )
    widths: tuple[str, ...] = Field(
        ("M", "W", "EE", "D", "C", "N", "EEE", "B"), description="widths to try where a listing names none"
    )
    sku_patterns: tuple[str, ...] = Field(
        ("{model}-{width}-{size}",),
        description="how canonical SKUs are built; also {plain} (size without its point) and {colour} (its first 4 letters)",
    )
    not_canonical: tuple[str, ...] = Field(("AMZN-",), description="products whose SKU begins like this are not candidates")
    identifier_attributes: tuple[str, ...] = Field(
        ("upc", "ean"), description="attributes that hold an identifier, beside the PIM's own gtin"
    )
    model_number_attribute: str = Field("model_number", description="the attribute that holds the merchant's own model number")
    family: str = Field("8 - Amazon", description="family that the Amazon products are put into")
    listings_relationship: str = Field("Amazon Listings", description="relationship from a product to its listings")
    hierarchy_relationship: str = Field("Amazon Hierarchy", description="relationship from a parent to its variations")
    labels: dict[str, str] = Field(
        default={}, description="attributes that the account has under another label; an empty label: not written"
    )
    text_limits: dict[str, int] = Field(
        default={}, description="longest text of an attribute (or of `label`), where the account has a limit"
    )
    update: bool = Field(False, description="whether products that exist are kept up to date")
    update_rules: dict[str, UpdateRule] = Field(default={}, description="rules that are not the default ones")
    foreign_edits: Literal["hold", "overwrite"] = Field("overwrite", description="a value of ours that a person changed")
    time_zone: str = Field("UTC", description="whose date amazon_last_synced is")
    max_links: int = Field(300, ge=1, description="products that one product may be linked with")
    max_moving: Decimal = Field(Decimal("0.50"), gt=0, description="share of the products that may change in one run")
    max_held: Decimal = Field(Decimal("0.20"), ge=0, description="share of the products that may be held in one run")

    @field_validator("confidence", mode="after")
    @classmethod
    def _sure_of_every_rule(cls, given: dict[str, Decimal]) -> dict[str, Decimal]:
        """Rules that are not named keep their default."""
        default: dict[str, Decimal] = cls.model_fields["confidence"].default
        if unknown := sorted(set(given) - set(default)):
            raise ValueError(f"no rule: {', '.join(unknown)} (there are: {', '.join(default)})")
        if wrong := sorted(rule for rule, sure in given.items() if not 0 <= sure <= 1):
            raise ValueError(f"how sure a rule is goes from 0 to 1: {', '.join(wrong)}")
        return {**default, **given}

    @field_validator("sku_patterns")
    @classmethod
    def _understood(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        names = ("model", "width", "size", "plain", "colour")
        for pattern in patterns:
            try:
                pattern.format(**dict.fromkeys(names, ""))
            except (KeyError, ValueError, IndexError, AttributeError, TypeError) as e:
                raise ValueError(f"{pattern!r} is not a pattern of {', '.join(f'{{{name}}}' for name in names)}") from e
        return patterns

    @field_validator("labels")
    @classmethod
    def _each_label_once(cls, given: dict[str, str]) -> dict[str, str]:
        used = [given.get(name, name) for name in AMAZON_ATTRIBUTES if given.get(name, name)]
        if twice := sorted({label for label in used if used.count(label) > 1}):
            raise ValueError(f"several attributes under one label: {', '.join(twice)}")
        return given

    @field_validator("update_rules", "labels", "text_limits")
    @classmethod
    def _of_attributes(cls, given: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(given) - {*AMAZON_ATTRIBUTES, "label"}):
            raise ValueError(f"not an attribute of an Amazon product: {', '.join(unknown)}")
        return given

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    def label(self, attribute: str) -> str:
        """The label under which the account has an attribute; "" for one that is not written."""
        return self.labels.get(attribute, attribute)

    def rule(self, attribute: str) -> UpdateRule:
        """What happens to an attribute of a product that exists."""
        if not self.update:
            return "never"
        default: UpdateRule = "when_empty"
        if attribute in ("amazon_title", "amazon_listing_status"):
            default = "always"
        elif attribute in ("label", "amazon_is_primary", "amazon_last_synced"):
            default = "never"
        return self.update_rules.get(attribute, default)
