"""How the spreadsheet is laid out: which tabs, which columns, what stands in them, and who owns them."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sync_pipelines.settings import SettingsError, home

LAYOUTS = Path(__file__).with_name("layouts")

Type = Literal["text", "integer", "money", "date", "datetime", "boolean"]
DAY_SECONDS = 86_400
LARGEST = Decimal(10) ** 15
"""A larger number is no amount, count or date of ours: somebody typed it."""

TIMES = frozenset(["created_at", "processed_at", "updated_at", "cancelled_at"])
"""Sources that are points in time; all others are text, amounts and counts."""
ORDER_SOURCES = TIMES | frozenset(
    [
        "id",
        "name",
        "number",
        "web_key",
        "status",
        "financial_status",
        "fulfillment_status",
        "return_status",
        "customer_name",
        "first_name",
        "last_name",
        "email",
        "phone",
        "shipping_address",
        "billing_address",
        "street",
        "city",
        "province",
        "zip",
        "country",
        "country_code",
        "currency",
        "subtotal",
        "shipping",
        "tax",
        "discounts",
        "total",
        "current_total",
        "current_subtotal",
        "current_shipping",
        "current_tax",
        "refunded",
        "presentment_currency",
        "presentment_total_text",
        "current_presentment_total_text",
        "tags",
        "note",
        "po_number",
        "source",
        "shipping_method",
        "tracking",
        "attributes",
        "line_count",
        "item_count",
        "order_type",
        "change_note",
        "test",
    ]
)
LINE_SOURCES = frozenset(
    [
        "order_key",
        "id",
        "order_name",
        "letter",
        "position",
        "sku",
        "title",
        "name",
        "variant_title",
        "vendor",
        "quantity",
        "current_quantity",
        "currency",
        "unit_price",
        "discounted_total",
        "discount",
        "tax",
        "properties",
        "current_total",
        "current_discount",
        "current_tax",
        "status",
    ]
)
"""What a column of either tab can show; what each is, says mapping. Amounts are as ordered, `current_…` as they are now."""
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the spreadsheet's own zero, in no zone


class Column(BaseModel):
    """One column. header: the text in the first row, by which it is found, wherever people move it.

    source: what stands in it (see mapping), or value: always this. write: always (kept in step), once (when the row is
    made, then people's), never (people's; named so that a new sheet has it in its place).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    header: str
    source: str = ""
    value: str = ""
    type: Type = "text"
    write: Literal["always", "once", "never"] = "always"

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Column:
        if (self.write == "never") == bool(self.source or self.value):
            raise ValueError(f"column {self.header!r} needs a source or a value, unless it is never written")
        return self


class TabLayout(BaseModel):
    """One tab. key: the header of the column that tells its rows apart. order: in the tab of lines, the header of the
    column with the order's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tab: str
    key: str
    order: str = ""
    date_format: str = "yyyy-mm-dd"
    datetime_format: str = "yyyy-mm-dd hh:mm"
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _columns_make_sense(self) -> TabLayout:
        headers = [column.header.strip() for column in self.columns]
        if "" in headers:
            raise ValueError(f"tab {self.tab!r} has a column without a header")
        twice = sorted({h for h in headers if headers.count(h) > 1})
        if twice:
            raise ValueError(f"tab {self.tab!r} names columns twice: {', '.join(twice)}")
        written = {column.header for column in self.columns if column.write == "always"}
        for needed in filter(None, (self.key, self.order)):
            if needed not in written:
                raise ValueError(f"tab {self.tab!r}: the key column {needed!r} must be among the columns always written")
        return self

    @cached_property
    def written(self) -> tuple[Column, ...]:
        """The columns that we ever write."""
        return tuple(column for column in self.columns if column.write != "never")

    @cached_property
    def by_header(self) -> dict[str, Column]:
        return {column.header: column for column in self.written}

    @cached_property
    def headers(self) -> tuple[str, ...]:
        return tuple(column.header for column in self.columns)


class Layout(BaseModel):
    """Two tabs: one row per order, one row per line."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    orders: TabLayout
    lines: TabLayout

    @model_validator(mode="after")
    def _lines_know_their_order(self) -> Layout:
        if not self.lines.order or self.orders.tab == self.lines.tab:
            raise ValueError("the tab of lines is another one, and names the column with its order's key (order = …)")
        for tab, sources in ((self.orders, ORDER_SOURCES), (self.lines, LINE_SOURCES)):
            for column in tab.written:
                if column.source and column.source not in sources:
                    raise ValueError(
                        f"tab {tab.tab!r}, column {column.header!r}: there is no source {column.source!r}. "
                        f"There are: {', '.join(sorted(sources))}"
                    )
                if (column.source in TIMES) != (column.type in ("date", "datetime")):
                    raise ValueError(
                        f"tab {tab.tab!r}, column {column.header!r}: {column.source or column.value!r} as {column.type}; the "
                        f"type is date or datetime where the source is one of {', '.join(sorted(TIMES))}, and nowhere else"
                    )
        return self

    @property
    def tabs(self) -> tuple[TabLayout, TabLayout]:
        return self.orders, self.lines


def read_layout(named: str) -> Layout:
    """A shipped layout by its name, or one from a file. Raises SettingsError that says what is wrong with it."""
    path = LAYOUTS / f"{named}.toml" if named.isidentifier() else home() / named
    try:
        return Layout.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as e:
        shipped = ", ".join(sorted(p.stem for p in LAYOUTS.glob("*.toml")))
        raise SettingsError(f"[shopify_sheets] layout: there is no {named!r}. Shipped: {shipped}; or the path of a file.") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise SettingsError(f"layout {path} cannot be read: {e}") from e
    except ValidationError as e:
        lines = [f"  {'.'.join(str(p) for p in problem['loc'])}: {problem['msg']}" for problem in e.errors()]
        raise SettingsError(f"layout {path} is not right:\n" + "\n".join(lines)) from e


def same(kind: Type, value: Any) -> Any:
    """A cell's value in the form in which two of them are compared; None for an empty one.

    Sheets keeps numbers as doubles: amounts are compared to a tenth of the smallest coin, times to the second. What is
    not of the column's type (a person typed over it) is compared as the text it is.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return f"bool {value}"
    if not isinstance(value, int | Decimal):
        return f"text {value}"
    number = Decimal(value)
    if abs(number) > LARGEST:
        return f"text {value}"
    if kind == "datetime":
        return f"seconds {int((number * DAY_SECONDS).to_integral_value(ROUND_HALF_UP))}"
    if kind == "text":
        return f"text {number.normalize():f}"
    return f"number {number.quantize(Decimal('0.0001'), ROUND_HALF_UP).normalize():f}"


def shown(kind: Type, value: Any) -> Any:
    """A cell's value for a file that people open: times as they are written, everything else as it is."""
    if kind not in ("date", "datetime") or not isinstance(value, int | Decimal):
        return value
    moment = EPOCH + timedelta(seconds=int((Decimal(value) * DAY_SECONDS).to_integral_value(ROUND_HALF_UP)))
    return f"{moment:%Y-%m-%d}" if kind == "date" else f"{moment:%Y-%m-%d %H:%M:%S}"


def key_text(value: Any) -> str:
    """A key as it stands in a cell: text, or a number that somebody's retyping made of it."""
    if value is None or isinstance(value, bool):
        return ""
    return f"{Decimal(value).normalize():f}" if isinstance(value, int | Decimal) else str(value).strip()
