"""Rows of Sentos as products of the shop: options from colour and model, fields with their owners. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sync_pipelines.pipelines.shopify_sentos.erp_products import ErpRow
from sync_pipelines.pipelines.shopify_sentos.matching import Pair
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings

MOST_OPTIONS = 3
MOST_VALUES = 100
"""Values that an option may have."""
MOST_PICTURES = 250
LONGEST = 255
"""Characters of a title, a vendor or an option's value (https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet)."""


class CannotBeMade(ValueError):
    """Why a product can neither be made nor completed, for a person."""


@dataclass(frozen=True)
class ErpProduct:
    """A product of Sentos: its rows, and the variants that they are in the shop. key: its own SKU, or Sentos' number."""

    key: str
    pairs: tuple[Pair, ...]

    @property
    def first(self) -> ErpRow:
        return self.pairs[0].erp

    @property
    def usable(self) -> list[Pair]:
        """Rows that nothing speaks against: siblings of a row that is held go without it."""
        return [pair for pair in self.pairs if not pair.problem]

    @property
    def shop_products(self) -> set[str]:
        """Ids of the shop's products that its variants are in."""
        return {pair.variant.product.id for pair in self.usable if pair.variant is not None}


def products_of(pairs: Sequence[Pair]) -> list[ErpProduct]:
    """Group rows by their product. A product SKU that two products have stands for neither: then Sentos' number does."""
    rows: dict[int, list[Pair]] = {}
    for pair in pairs:
        rows.setdefault(pair.erp.product_id, []).append(pair)
    skus = Counter(several[0].erp.product_sku for several in rows.values())
    return [ErpProduct(_key(several[0].erp, skus), tuple(several)) for several in rows.values()]


def _key(row: ErpRow, skus: Mapping[str, int]) -> str:
    return row.product_sku if row.product_sku and skus[row.product_sku] == 1 else f"sentos-{row.product_id}"


def options_of(rows: Sequence[ErpRow], settings: ShopifySentosSettings) -> list[dict[str, str]]:
    """The options of each row: colour and model, where any row has one; the SKU, where these do not tell rows apart.

    Empty for a product with a single row that has neither: the shop's plain variant. Raises CannotBeMade.
    """
    by_color = any(row.color for row in rows)
    labels = [row.model_name or settings.model_label for row in rows if row.model]
    model = Counter(labels).most_common(1)[0][0] if labels else ""
    if by_color and model == settings.color_label:
        model = settings.model_label if settings.model_label != settings.color_label else f"{model} 2"
    found: list[dict[str, str]] = []
    for row in rows:
        options = {settings.color_label: row.color or settings.blank_value} if by_color else {}
        found.append({**options, **({model: row.model or settings.blank_value} if model else {})})
    if len(rows) > 1 and len({tuple(each.values()) for each in found}) < len(rows):
        if any(not row.sku for row in rows):
            raise CannotBeMade("its variants do not differ in colour or model, and not all have a SKU")
        found = [{**options, settings.further_label: row.sku} for options, row in zip(found, rows, strict=True)]
    if found and len(found[0]) > MOST_OPTIONS:
        raise CannotBeMade(f"more than {MOST_OPTIONS} options")
    for name in found[0] if found else ():
        if (values := len({options[name] for options in found})) > MOST_VALUES:
            raise CannotBeMade(f"{values} values of {name}; the shop takes {MOST_VALUES}")
    for options in found:
        if too_long := [value for value in options.values() if len(value) > LONGEST]:
            raise CannotBeMade(f"an option's value has more than {LONGEST} characters: {too_long[0][:40]}…")
    return found


def handle_of(product: ErpProduct) -> str:
    """The address of a product that we make. It carries Sentos' number: the shop refuses a second product under it."""
    plain = product.first.title.replace("İ", "i").replace("I", "ı").lower()
    plain = plain.translate(str.maketrans("çğıöşü", "cgiosu"))
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")
    return f"{words or 'urun'}-{product.first.product_id}"


def pictures_of(row: ErpRow, settings: ShopifySentosSettings) -> list[str]:
    """Addresses that the shop is asked to fetch: over https, and from the hosts that the settings allow."""
    found = []
    for url in row.pictures:
        parts = urlsplit(url)
        if (
            parts.scheme == "https"
            and parts.hostname
            and (not settings.picture_hosts or parts.hostname in settings.picture_hosts)
        ):
            found.append(url)
    return list(dict.fromkeys(found))[:MOST_PICTURES]


def details_of(product: ErpProduct, settings: ShopifySentosSettings) -> dict[str, Any]:
    """What of a product Sentos says beside its variants. Raises CannotBeMade."""
    row = product.first
    if not row.title:
        raise CannotBeMade("it has no title")
    if len(row.title) > LONGEST or len(row.brand) > LONGEST:
        raise CannotBeMade(f"its title or brand has more than {LONGEST} characters")
    details: dict[str, Any] = {"title": row.title, "description": row.description}
    if row.brand:
        details["vendor"] = row.brand
    if settings.tags:
        details["tags"] = sorted(settings.tags)
    return details
