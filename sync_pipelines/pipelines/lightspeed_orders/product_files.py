"""Files of products, in the columns of the vendor's own import or as typed JSON: what is to be made or kept in step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sync_pipelines import exact_json
from sync_pipelines.delivery.model import Fields
from sync_pipelines.nearest import meant
from sync_pipelines.number_text import NumberUnclear, read_number
from sync_pipelines.pipelines.lightspeed_orders.file_tables import TOO_LONG, FileRefused, read_table


@dataclass(frozen=True)
class ProductRow:
    """What a row says of one product: fields as the products' target has them. family: of a variant.

    product_id: of one that is there, where the file names it. problem: why the row cannot be used.
    """

    row: int
    sku: str
    fields: Fields
    family: str = ""
    product_id: str = ""
    problem: str = ""


def _amount(value: Any) -> Any:
    """An amount as text, or the number that a spreadsheet has. Raises ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(round(value, 5)))
    try:
        return read_number(str(value), ".")
    except NumberUnclear as e:
        raise ValueError(str(e)) from e


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": None}
        if value.strip().casefold() not in known:
            raise ValueError(f"{value!r} is neither 1 nor 0")
        return known[value.strip().casefold()]
    return value


Amount = Annotated[Decimal | None, BeforeValidator(_amount), Field(ge=0)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value).strip())]


class _Typed(BaseModel):
    """Names, not ids. What is left out is left as the store has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Typed):
    """What one product has of its own. supply_price: what it costs. retail_price: with or without tax, as the store counts.
    options: value by name, of a variant, in the order that its family has them."""

    sku: Text = Field(min_length=1)
    id: Text = ""
    options: dict[str, str] = {}
    supply_price: Amount = None
    retail_price: Amount = None
    supplier_code: Text = ""
    active: Flag = None
    codes: dict[str, str] = {}


class Family(_Typed):
    """What a family of variants has in common, and the variants."""

    name: Text = Field(min_length=1)
    description: Text = ""
    category: Text = ""
    brand: Text = ""
    tags: tuple[str, ...] | None = None
    supplier: Text = ""
    tax: Text = ""
    account_code: Text = ""
    account_code_purchase: Text = ""
    variants: tuple[Variant, ...] = Field(min_length=1)


class Product(Variant):
    """A product of its own: what a family has in common, and what a variant has of its own."""

    name: Text = ""
    description: Text = ""
    category: Text = ""
    brand: Text = ""
    tags: tuple[str, ...] | None = None
    supplier: Text = ""
    tax: Text = ""
    account_code: Text = ""
    account_code_purchase: Text = ""


SHARED = ("name", "description", "category", "brand", "supplier", "tax", "account_code", "account_code_purchase")
_COLUMNS = {
    "name": "name",
    "description": "description",
    "product_category": "category",
    "brand_name": "brand",
    "supplier_name": "supplier",
    "tax_name": "tax",
    "account_code": "account_code",
    "account_code_purchase": "account_code_purchase",
    "id": "id",
    "product_id": "id",
    "sku": "sku",
    "supply_price": "supply_price",
    "retail_price": "retail_price",
    "supplier_code": "supplier_code",
    "active": "active",
}
"""Columns of the vendor's import, by the members of the models."""
_ELSEWHERE = {
    "tags",
    "track_inventory",
    *(f"variant_option_{place}_{part}" for place in ("one", "two", "three") for part in ("name", "value")),
}


def product_rows(path: Path) -> list[ProductRow]:
    """Read a file of products: CSV, Excel or JSON. Raises FileRefused, OSError."""
    rows = list(_of_json(path) if path.suffix.lower() == ".json" else _of_table(path))
    if not rows:
        raise FileRefused(f"{path} has no product.")
    return list(_once_each(rows))


def _once_each(rows: Sequence[ProductRow]) -> Iterator[ProductRow]:
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(row.sku, []).append(row.row)
    for row in rows:
        if len(places[row.sku]) == 1:
            yield row
        elif places[row.sku][0] == row.row:
            told = ", ".join(map(str, places[row.sku]))
            yield ProductRow(row.row, row.sku, {}, row.family, problem=f"rows {told} of the file have the same SKU")


def _of_table(path: Path) -> Iterator[ProductRow]:
    table = read_table(path)
    known = {*_COLUMNS, *_ELSEWHERE}
    header = [name.strip().lower() for name in table.header]
    if "sku" not in header:
        raise FileRefused(f"{path} has no column sku. It has: {', '.join(filter(None, table.header))}.{meant('sku', header)}")
    if wrong := [name for name in header if name and name not in known]:
        hints = "".join(meant(name, known) for name in wrong)
        raise FileRefused(f"{path} has columns that nothing reads: {', '.join(wrong)}.{hints}")
    for place, cells in table.rows:
        row = {str(name).strip().lower(): value for name, value in cells.items()}
        said = {member: row[column] for column, member in _COLUMNS.items() if _said(row.get(column))}
        options = dict(_options(row))
        if options:
            said["options"] = options
        if _said(row.get("tags")):
            said["tags"] = [tag.strip() for tag in str(row["tags"]).replace(";", ",").split(",") if tag.strip()]
        yield _row(place, said, "the row has more cells than the header" if TOO_LONG in row else "")


def _said(value: Any) -> bool:
    return value is not None and str(value).strip() != ""


def _options(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for place in ("one", "two", "three"):
        name, value = (row.get(f"variant_option_{place}_{part}") for part in ("name", "value"))
        if _said(name) and _said(value):
            yield str(name).strip(), str(value).strip()


def _row(place: int, said: Mapping[str, Any], problem: str = "") -> ProductRow:
    try:
        product = Product.model_validate(said)
    except ValidationError as e:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in e.errors())
        return ProductRow(place, str(said.get("sku") or f"row {place}").strip(), {}, problem=told)
    return _plain(place, product, product, problem)


def _plain(place: int, shared: Product | Family, own: Variant, problem: str = "") -> ProductRow:
    fields: Fields = {name: getattr(shared, name) for name in SHARED if getattr(shared, name)}
    if shared.tags is not None:
        fields["tags"] = sorted(set(shared.tags))
    if own.supplier_code:
        fields["supplier_code"] = own.supplier_code
    known = {"supply_price": own.supply_price, "price": own.retail_price, "active": own.active}
    fields |= {name: value for name, value in known.items() if value is not None}
    if own.codes:
        fields["codes"] = [[kind.upper(), code] for kind, code in own.codes.items()]
    family = ""
    if own.options:
        fields["options"] = [list(option) for option in own.options.items()]
        family = shared.name
        problem = problem or ("" if family else "a variant needs the name of its family")
    return ProductRow(place, own.sku, fields, family, own.id, problem)


def _of_json(path: Path) -> Iterator[ProductRow]:
    """A list of products and families, or an object that has it as `products`."""
    try:
        document = exact_json.read(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as e:
        raise FileRefused(f"{path} is no JSON: {e}") from e
    listed = document.get("products") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise FileRefused(f"{path} is neither a list of products nor an object with `products`.")
    for place, said in enumerate(listed, 1):
        if not isinstance(said, dict):
            raise FileRefused(f"{path}: products[{place - 1}] is no object.")
        if "variants" not in said:
            yield _row(place, said)
            continue
        try:
            family = Family.model_validate(said)
        except ValidationError as e:
            told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in e.errors())
            raise FileRefused(f"{path}: products[{place - 1}]: {told}") from e
        yield from (_plain(place * 1000 + number, family, variant) for number, variant in enumerate(family.variants, 1))
