"""What a person asks of supplier orders outside a run: which lines need them, what of this SKU, what is in the store now."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sync_pipelines.csv_files import write_csv
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_orders import PIPELINE, intake, orders, planning, store
from sync_pipelines.pipelines.lightspeed_orders.comparison import COMPARISON_KEY, SCHEMA, ComparedLine
from sync_pipelines.pipelines.lightspeed_orders.cost_target import Costs
from sync_pipelines.pipelines.lightspeed_orders.cost_target import key_of as cost_key
from sync_pipelines.pipelines.lightspeed_orders.layouts import layouts_in
from sync_pipelines.pipelines.lightspeed_orders.order_target import OrderLines, Orders
from sync_pipelines.pipelines.lightspeed_orders.order_target import key_of as line_key
from sync_pipelines.pipelines.lightspeed_orders.orders import FACTS, Order
from sync_pipelines.pipelines.lightspeed_orders.product_target import Products
from sync_pipelines.pipelines.lightspeed_orders.settings import LightspeedOrdersSettings
from sync_pipelines.pipelines.lightspeed_retail import questions as mirror
from sync_pipelines.pipelines.observations import Observation
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import OLD, LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse

readable = planning.readable
ready = mirror.ready
source_options = mirror.source_options


def validate(*, deep: bool) -> list[Observation]:
    """Log in, look what the token may read, and at the layouts. Reads only."""
    found = mirror.validate(deep=deep)
    if LightspeedSettings.read().api_version == OLD:
        found.append(Observation("lightspeed version", "problem", f"version {OLD} can only be read: set api_version"))
    folder = intake.layouts()
    known = layouts_in(folder) if folder.is_dir() else []
    names = ", ".join(layout.supplier or "(without a name)" for layout in known) or "none: the older columns are read"
    found.append(Observation("layouts", "ok", f"{folder}: {names}"))
    return [*found, Observation("lightspeed right to write", "unknown", "is looked at before the first write of a run")]


def _orders() -> Iterator[tuple[str, Order]]:
    """Every order that was compared, by partition."""
    warehouse, account = Warehouse(data_dir() / "warehouse"), LightspeedSettings.read().account
    for published in warehouse.partitions(COMPARISON_KEY, account):
        yield published.about.partition, orders.order_of(warehouse, account, published.about.partition)


def _lines() -> Iterator[tuple[str, Order, ComparedLine]]:
    for partition, order in _orders():
        yield from ((partition, order, line) for line in order.lines)


def _keys(order: Order, line: ComparedLine) -> set[str]:
    return {line.sku, cost_key(line.sku, order.supplier), line_key(order.reference, line.sku), order.reference}


def full_keys(named: Collection[str]) -> set[str]:
    """The ledger's keys for SKUs, supplier's codes and numbers of orders; a key itself stays."""
    found = set(named)
    for _, order, line in _lines():
        if {line.sku, line.supplier_code} & set(named):
            found |= _keys(order, line) - {order.reference}
        if order.reference in named:
            found.add(line_key(order.reference, line.sku))
    return found


def names() -> Collection[str]:
    return sorted({name for _, order, line in _lines() for name in (line.sku, line.supplier_code, order.reference) if name})


def mapped_keys(keys: Collection[str]) -> set[str]:
    return {key for _, order, line in _lines() for key in _keys(order, line) if key in keys}


def dropped() -> Collection[str]:
    """The partitions that a file was dropped for."""
    found = set()
    for path in filter(intake.is_droppable, intake.inbox().glob("*")):
        try:
            found.add(intake.partition_of(path))
        except UsageError:
            continue  # a name that is refused; the sensor says so
    return found


def source(key: str) -> dict[str, Any]:
    """The lines of orders that a key is about."""
    found = [
        {"partition": partition, **{name: getattr(order, name) for name in FACTS}, **asdict(line)}
        for partition, order, line in _lines()
        if key in _keys(order, line)
    ]
    return {"extract": None, "source": found, "mapped": []}


def live(keys: set[str]) -> dict[str, Any]:
    """What the store holds now under these keys. Raises VendorError and its kin."""
    found: dict[str, Any] = {}
    with _looking() as session:
        there, account = store.of(session), LightspeedSettings.read().account
        wanted, lines = sorted(keys), LightspeedOrdersSettings.read().lines_a_call
        costs = [key for key in wanted if " @ " in key]
        of_orders = [key for key in wanted if " / " in key]
        plain = [key for key in wanted if key not in {*costs, *of_orders}]
        targets: list[tuple[Any, list[str]]] = [
            (Products(there, account, ()), plain),
            (Orders(there, account, ()), plain),
            (Costs(there, account, ()), costs),
            (OrderLines(there, account, (), lines), of_orders),
        ]
        for target, asked in targets:
            found |= {live.key: live.fields for live in (target.read(asked) if asked else ())}
    return found


@contextmanager
def _looking() -> Iterator[Session]:
    with Session(f"look-{uuid.uuid4().hex}", PIPELINE.name, "look") as session:
        yield session


def rejects(limit: int, partition: str = "") -> tuple[Mapping[str, int], list[dict[str, Any]]]:
    """Lines that a person has to look at, and the first of them."""
    wrong = [
        {"partition": of, "row": line.row, "state": line.verdict, "sku": line.sku, "name": line.name, "reason": line.reason}
        for of, _, line in _lines()
        if line.verdict in ("conflict", "rejected") and partition in ("", of)
    ]
    return Counter(str(row["state"]) for row in wrong), wrong[:limit]


def export(output: Path, _form: str) -> Written:
    """Write every line of every order that was compared, as CSV."""
    header = ["partition", *FACTS, *SCHEMA.names]
    rows = (
        [partition, *(getattr(order, name) for name in FACTS), *(_cell(getattr(line, name)) for name in SCHEMA.names)]
        for partition, order, line in _lines()
    )
    return Written(write_csv(output, header, rows), (output,))


def _cell(value: Any) -> Any:
    return " / ".join(" ".join(pair) for pair in value) if isinstance(value, tuple) else value


def more_status(_: Ledger) -> dict[str, Any]:
    """How the lines of the last orders stand."""
    counts = {partition: dict(Counter(line.verdict for line in order.lines)) for partition, order in _orders()}
    return {"orders": dict(list(counts.items())[-5:])}
