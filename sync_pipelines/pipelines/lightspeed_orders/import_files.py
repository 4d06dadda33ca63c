"""What is new in an order and what costs more, in the vendor's own import format: for whoever imports by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from sync_pipelines.csv_files import write_csv
from sync_pipelines.pipelines.lightspeed_orders.comparison import ComparedLine

IMPORT_COLUMNS = (
    *("sku", "name", "variant_option_one_name", "variant_option_one_value", "variant_option_two_name"),
    *("variant_option_two_value", "variant_option_three_name", "variant_option_three_value", "product_category"),
    *("supply_price", "retail_price", "tax_name", "account_code", "account_code_purchase", "brand_name", "supplier_name"),
    *("supplier_code", "active", "track_inventory"),
)
"""Columns of the vendor's product import, as the older scripts wrote them."""


def write_files(folder: Path, lines: Sequence[ComparedLine], supplier: str) -> dict[str, int]:
    """Write `newproducts.csv` and `updateproducts.csv`, in the vendor's import format. Returns the rows of each.

    What is there keeps what the store has of it, all but its cost: name, category, options, accounts and price. Its tax is not
    mirrored, and its cell stays empty. Raises FileNotWritten.
    """
    new = [line for line in lines if line.verdict == "new"]
    changed = [line for line in lines if line.verdict == "cost_changed"]
    return {
        "newproducts.csv": write_csv(folder / "newproducts.csv", IMPORT_COLUMNS, (_import_row(line, supplier) for line in new)),
        "updateproducts.csv": write_csv(
            folder / "updateproducts.csv",
            ("product_id", *IMPORT_COLUMNS),
            ([line.product_id, *_import_row(line, supplier)] for line in changed),
        ),
    }


def _import_row(line: ComparedLine, supplier: str) -> list[Any]:
    options = [part for option in [*line.options, ("", ""), ("", ""), ("", "")][:3] for part in option]
    price = line.new_price if line.verdict == "new" else line.old_price
    return [
        *(line.sku, line.family or line.name, *options, line.category, _plain(line.cost), _plain(price), line.tax),
        *(line.account_code, line.account_code_purchase, line.brand, supplier, line.supplier_code, 1, int(line.tracked)),
    ]


def _plain(value: Decimal | None) -> str:
    """An amount without the zeros behind its cents."""
    if value is None:
        return ""
    short = value.normalize()
    return f"{short:f}" if short.as_tuple().exponent < -2 else f"{value.quantize(Decimal('0.01')):f}"  # type: ignore[operator]
