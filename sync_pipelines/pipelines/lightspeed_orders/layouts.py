"""How a supplier writes orders: a TOML file of theirs in `data/suppliers/`, or the columns that the older scripts knew."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
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
    """Names of columns, as the file's header has them; case and blanks do not count. Those that are empty are not read;
    those that a layout names have to be there.

    key: what becomes the SKU of a new product, usually the barcode. variant_types, variant_values: up to three, in pairs.
    """

    key: str = "BARCODES"
    supplier_code: str = "CODE"
    description: str = "DESCRIPTION"
    quantity: str = Field("QNTY", min_length=1)
    cost: str = Field("COST", min_length=1)
    variant_name: str = "VARIANTNAME"
    variant_types: Names = ("VARIANTTYPE", "VARIANTTYPE2", "VARIANTTYPE3")
    variant_values: Names = ("VARIANTVALUE", "VARIANTVALUE2", "VARIANTVALUE3")
    brand: str = ""
    category: str = ""

    @model_validator(mode="after")
    def _in_pairs(self) -> Columns:
        if len(self.variant_types) != len(self.variant_values):
            raise ValueError("variant_types and variant_values go in pairs")
        return self


class NewProducts(_Part):
    """What a product gets that the store does not have, where its line does not say. Without a brand it is the supplier's name,
    and without a category `Undefined`, where the store has these; without a tax, the store's own."""

    brand: str = ""
    category: str = ""
    tax: str = ""
    account_code: str = ""
    account_code_purchase: str = ""


class OrderLayout(_Part):
    """How one supplier writes orders.

    supplier: their name in the store. thousands: whether numbers may have a mark for thousands: the other one of dot and comma, a
    blank or an apostrophe. skip_rows: above the header. sheet: of an Excel file; its first one if empty. encoding: of a CSV file;
    found by itself if empty. pieces_per_pack: a number, or the column that has it; quantities are then packs, and `cost_of` says
    what a cost is of. names: how the names of new products are cased.
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
        return plain.upper() if self.names == "upper" else _WORD.sub(lambda word: word[0].capitalize(), plain)


_WORD = re.compile(r"\w[\w'’]*")


@dataclass(frozen=True)
class _Known:
    """A layout that was read, or why it cannot be. names: as which its file can be meant."""

    names: frozenset[str]
    layout: OrderLayout | LayoutRefused


def layout_of(folder: Path, supplier: str) -> OrderLayout:
    """The layout of a supplier: the file that has their name, or says that it is theirs; else that of the older scripts.

    Raises LayoutRefused where there are two, or the file that may be it cannot be read.
    """
    wanted = _plain(supplier)
    found = _fitting(folder, lambda names: len(wanted) if wanted in names else 0)
    if found is None:
        return OrderLayout(supplier=supplier)
    return found if found.supplier else found.model_copy(update={"supplier": supplier})


def layout_for(folder: Path, path: Path) -> OrderLayout | None:
    """The layout of the supplier whose name, or whose layout's name, a file begins with: the longest such name; None for none.

    `mesa-cordwain-2026.csv` is of Mesa Cordwain and not of Mesa. Raises LayoutRefused as `layout_of` does.
    """
    stem = f"{_plain(path.stem)}-"
    found = _fitting(folder, lambda names: max((len(name) for name in names if stem.startswith(f"{name}-")), default=0))
    if found is not None and not found.supplier:
        raise LayoutRefused(f"{folder}: the layout for {path.name} does not say whose it is: supplier = NAME.")
    return found


def _fitting(folder: Path, fit: Callable[[frozenset[str]], int]) -> OrderLayout | None:
    """The layout that fits best. One that cannot be read does no harm where another one fits."""
    known = [_known(path) for path in sorted(folder.glob("*.toml"))]
    by_fit = [(fit(each.names), each.layout) for each in known]
    best = max((how for how, _ in by_fit), default=0)
    found = [layout for how, layout in by_fit if how == best > 0]
    if len(found) > 1:
        raise LayoutRefused(f"{folder} has {len(found)} layouts for the same supplier. Leave the one that is meant.")
    for layout in found or [layout for _, layout in by_fit]:
        if isinstance(layout, LayoutRefused):
            raise layout
    return found[0] if found and isinstance(found[0], OrderLayout) else None


def _known(path: Path) -> _Known:
    try:
        layout = read_layout(path)
    except LayoutRefused as e:
        return _Known(frozenset({_plain(path.stem)}), e)
    return _Known(frozenset(filter(None, (_plain(path.stem), _plain(layout.supplier)))), layout)


def _plain(name: str) -> str:
    """A name as files have it: `Mesa Cordwain` is `mesa-cordwain`."""
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-")


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
