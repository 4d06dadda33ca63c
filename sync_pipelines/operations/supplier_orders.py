"""What only a store's supplier orders and product files can be told to do, by file. As in `answers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipelines.operations import running
from sync_pipelines.operations.answers import FLAT
from sync_pipelines.operations.launch import Ended
from sync_pipelines.operations.paths import existing
from sync_pipelines.settings import data_dir

if TYPE_CHECKING:
    from sync_pipelines.pipelines.lightspeed_orders.comparison import ComparedLine

PIPELINE = "lightspeed_orders"


@dataclass(frozen=True)
class Ordered:
    """A run over an order file, and what each of its lines means. files: what was written of them, with the rows of each."""

    ended: Ended = field(metadata=FLAT)
    supplier: str
    reference: str
    outlet: str
    currency: str
    lines: Sequence[ComparedLine]
    files: Mapping[str, int]


def order(
    file: Path,
    *,
    execute: bool,
    supplier: str = "",
    key: str = "",
    reference: str = "",
    outlet: str = "",
    output: Path | None = None,
) -> Ordered | Ended:
    """Hold an order file against the store and plan what it means; with `execute`, do it. Returns how the run ended where it did
    not come that far.

    key: the column that becomes the SKU of new products. reference: the order's number; by default the file's name. outlet: where
    the goods go. output: a folder for `newproducts.csv` and `updateproducts.csv`. Raises UsageError for what cannot be read.
    """
    from sync_pipelines.pipelines.lightspeed_orders import comparison, import_files, intake, orders
    from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
    from sync_pipelines.warehouse.snapshots import Warehouse

    partition = intake.partition_of(existing(file))
    asked = intake.Asked(str(file.resolve()), supplier, key, reference, outlet)
    intake.check(asked)
    given = {"file": asked.file, "supplier": supplier, "key": key, "reference": reference, "outlet": outlet}
    ops: dict[str, Any] = {"lightspeed__supplier_orders": given, "lightspeed__order_comparison": given}
    warehouse, account = Warehouse(data_dir() / "warehouse"), LightspeedSettings.read().account
    before = warehouse.find(comparison.COMPARISON_KEY, account, partition)
    ended = running.run(PIPELINE, "sync" if execute else "preview", ops, partition=partition)
    after = warehouse.find(comparison.COMPARISON_KEY, account, partition)
    if after is None or (before is not None and after.about.at == before.about.at):
        return ended
    found = orders.order_of(warehouse, account, partition)
    written = {} if output is None else import_files.write_files(output, found.lines, found.supplier)
    files = {str(output / name): rows for name, rows in written.items()} if output else {}
    return Ordered(ended, found.supplier, found.reference, found.outlet, found.currency, found.lines, files)


def products(file: Path, *, execute: bool) -> Ended:
    """Plan (and with `execute` make) the products of a file, and keep those that are there in step with it. Raises UsageError."""
    from sync_pipelines.pipelines.lightspeed_orders import NAMES, PRODUCTS, intake
    from sync_pipelines.pipelines.lightspeed_orders.product_files import product_rows

    partition = f"products-{intake.partition_of(existing(file))}"
    product_rows(file)
    given = {"products": str(file.resolve())}
    ops = {write.plan.replace("/", "__"): given for write in (NAMES, PRODUCTS)}
    assets = [write.plan for write in (NAMES, PRODUCTS)]
    if execute:
        assets += [write.applies for write in (NAMES, PRODUCTS)]
    return running.run(PIPELINE, "sync" if execute else "preview", ops, partition=partition, assets=assets)
