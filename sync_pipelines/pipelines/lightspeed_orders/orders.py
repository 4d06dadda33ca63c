"""An order as it was last compared with the store: what its plans are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.lightspeed_orders import comparison
from sync_pipelines.pipelines.lightspeed_orders.comparison import COMPARISON_KEY, ComparedLine
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

FACTS = {
    "supplier": "whose order it is, as the store names them",
    "reference": "the order's number in the store",
    "outlet": "where the goods go",
    "currency": "of the amounts",
    "digest": "what tells the contents of its file apart",
}
"""What every line of an order has in common, in columns of their own."""
SCHEMA = pa.schema([*((name, pa.string()) for name in FACTS), *comparison.SCHEMA])
NOTES = {**FACTS, **comparison.NOTES}


@dataclass(frozen=True)
class Order:
    """An order of a supplier, held against the store line by line."""

    supplier: str
    reference: str
    outlet: str
    currency: str
    digest: str
    lines: Sequence[ComparedLine]


def publish(warehouse: Warehouse, order: Order, account: str, partition: str, origin: str) -> Published:
    rows = comparison.table(order.lines)
    facts = [pa.array([getattr(order, name)] * rows.num_rows, pa.string()) for name in FACTS]
    table = pa.Table.from_arrays([*facts, *rows.columns], schema=SCHEMA)
    about = About(account, datetime.now(UTC).isoformat(), partition, table.num_rows, 0, origin, partition)
    return warehouse.write(COMPARISON_KEY, table, about)


def order_of(warehouse: Warehouse, account: str, partition: str) -> Order:
    """The order of a partition as it was last compared. Raises DeliveryError where there is none."""
    found = warehouse.find(COMPARISON_KEY, account, partition)
    if found is None:
        raise DeliveryError(f"lightspeed/order_comparison has no partition {partition} for {account}. Materialize it first.")
    table = pq.read_table(found.path)
    facts = {name: table.column(name)[0].as_py() for name in FACTS}
    return Order(**facts, lines=comparison.lines_of(table))
