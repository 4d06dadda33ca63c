"""How a supplier writes orders: a TOML file of theirs in `data/suppliers/`, or the columns that the older scripts knew."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant
from sync_pipelines.pipelines.lightspeed_orders.price_rules import PriceRule

Names = Annotated[tuple[str, ...], Field(max_length=3)]


class LayoutRefused(UsageError):
    """A layout cannot be used; the message says which, and what to mend."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Part):
    """Names of columns, as the file's header has them; case and blanks around do not count. Those that are empty are not read.

    key: what becomes the SKU of a new product, usually the barcode. variant_types, variant_values: up to three of each.
    """

    key: str = "BARCODES"
    supplier_code: str = "CODE"
    description: str = "DESCRIPTION"
    quantity: str = "QNTY"
    cost: str = "COST"
    variant_name: str = "VARIANTNAME"
    variant_types: Names = ("VARIANTTYPE", "VARIANTTYPE2", "VARIANTTYPE3")
    variant_values: Names = ("VARIANTVALUE", "VARIANTVALUE2", "VARIANTVALUE3")
    brand: str = ""
    category: str = ""


class NewProducts(_Part):
    """What a product gets that the store does not have. An empty brand is the supplier's name; a brand or category that the store
    lacks stays empty, and so does the tax, which is then the store's own."""

    brand: str = ""
    category: str = "Undefined"
    tax: str = ""
    account_code: str = ""
    account_code_purchase: str = ""


class OrderLayout(_Part):
    """How one supplier writes orders.

    supplier: their name in the store. skip_rows: above the header. sheet: of an Excel file; its first one if empty. encoding: of
    a CSV file; found by itself if empty. pieces_per_pack: a number, or the column that has it; quantities are then packs, and
    `cost_of` says what a cost is of. names: how the names of new products are cased.
    """

    supplier: str = ""
    columns: Columns = Columns()
    decimal_mark: Literal[".", ","] = "."
    thousands: bool = False
    skip_rows: int = Field(0, ge=0)
    sheet: str = ""
    encoding: str = ""
    pieces_per_pack: int | str = 1
    cost_of: Literal["piece", "pack"] = "piece"
    names: Literal["title", "upper", "as_is"] = "title"
    price: PriceRule = PriceRule()
    new: NewProducts = NewProducts()

    @model_validator(mode="after")
    def _whole_packs(self) -> OrderLayout:
        if isinstance(self.pieces_per_pack, int) and self.pieces_per_pack < 1:
            raise ValueError("pieces_per_pack is 1 at least")
        return self

    def with_key(self, column: str) -> OrderLayout:
        """The same, with another column for the key."""
        return self.model_copy(update={"columns": self.columns.model_copy(update={"key": column})}) if column else self

    def cased(self, name: str) -> str:
        """A name of a new product."""
        plain = " ".join(name.split())
        if self.names == "as_is":
            return plain
        return plain.upper() if self.names == "upper" else " ".join(word[:1].upper() + word[1:].lower() for word in plain.split())


def layout_of(folder: Path, supplier: str) -> OrderLayout:
    """The layout of a supplier: the file that has their name, or says that it is theirs; else that of the older scripts.

    Raises LayoutRefused.
    """
    for path in sorted(folder.glob("*.toml")):
        layout = read_layout(path)
        if supplier.strip().casefold() in (path.stem.casefold(), layout.supplier.strip().casefold()):
            return layout if layout.supplier else layout.model_copy(update={"supplier": supplier})
    return OrderLayout(supplier=supplier)


def layouts_in(folder: Path) -> list[OrderLayout]:
    """Every layout that there is. Raises LayoutRefused."""
    return [read_layout(path) for path in sorted(folder.glob("*.toml"))]


def read_layout(path: Path) -> OrderLayout:
    """Read a layout. Amounts in it are exact. Raises LayoutRefused."""
    try:
        return OrderLayout.model_validate(tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise LayoutRefused(f"{path} cannot be read: {e}") from e
    except ValidationError as e:
        told = "; ".join(_told(error["loc"], error["msg"], error["type"]) for error in e.errors())
        raise LayoutRefused(f"{path}: {told}") from e


_TABLES: dict[str, type[BaseModel]] = {"columns": Columns, "price": PriceRule, "new": NewProducts}


def _told(place: tuple[str | int, ...], message: str, kind: str) -> str:
    name = ".".join(map(str, place))
    if kind != "extra_forbidden":
        return f"{name}: {message}"
    model = _TABLES.get(str(place[0]), OrderLayout) if len(place) > 1 else OrderLayout
    return f"nothing reads {name}.{meant(str(place[-1]), model.model_fields)}"
