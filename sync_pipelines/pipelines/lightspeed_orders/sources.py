"""Supplier orders, what is read: a dropped file, and what each of its lines means in the store."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, metadata, results, specs
from sync_pipelines.pipelines.inbox import inbox_sensor
from sync_pipelines.pipelines.lightspeed_orders import COMPARISON, PIPELINE, intake, orders
from sync_pipelines.pipelines.lightspeed_orders.comparison import VERDICTS
from sync_pipelines.pipelines.lightspeed_orders.file_tables import digest_of
from sync_pipelines.pipelines.lightspeed_orders.intake import Asked
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Check, Checked, Markdown
from sync_pipelines.pipelines.tables import listed, markdown
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)
FILES = dg.DynamicPartitionsDefinition(name=PIPELINE.partitions)
ALL_CLEAR = Check("every_line_is_clear", "no line of the file is rejected or a conflict")

suppliers = dg.AssetSpec(
    ["lightspeed", "suppliers_at_work"],
    group_name=GROUP,
    kinds={"csv"},
    owners=OWNERS,
    description="The suppliers, who send order confirmations and price lists as CSV, Excel or PDF.",
)
stock_room = dg.AssetSpec(
    ["lightspeed", "stock_room"],
    deps=[["lightspeed", "stock_order_lines"], ["lightspeed", "costs"]],
    group_name=GROUP,
    kinds={"lightspeed"},
    owners=OWNERS,
    description="What the shop's people see: an open order with every line, to be sent, received and counted.",
)


class OrderConfig(dg.Config):
    """file: another one than was dropped for this partition. supplier, outlet: by name. key: the column with the new SKUs.
    reference: the order's number; the partition's name if left out."""

    file: str = ""
    supplier: str = ""
    key: str = ""
    reference: str = ""
    outlet: str = ""


def _asked(config: OrderConfig) -> Asked:
    return Asked(config.file, config.supplier, config.key, config.reference, config.outlet)


@dg.asset(
    key=["lightspeed", "supplier_orders"],
    deps=[suppliers],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"csv"},
    owners=OWNERS,
    description="A supplier's order file as it was dropped (`data/inbox/lightspeed`): CSV, Excel, or the tables of a PDF.",
)
def supplier_orders(context: dg.AssetExecutionContext, config: OrderConfig, run: RunResource) -> Materialized:
    run.session.note(pipeline=GROUP)
    path = Path(config.file) if config.file else intake.named(context.partition_key)
    run.session.once(ASKED, lambda: _asked(config))
    return Materialized(metadata=metadata({"file": path.name, "digest": digest_of(path), "bytes": path.stat().st_size}))


ASKED = "what was asked of the order file"


@dg.asset(
    key=COMPARISON.split("/"),
    deps=[supplier_orders, *(["lightspeed", mirror.name] for mirror in intake.NEEDED)],
    partitions_def=FILES,
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    check_specs=specs(COMPARISON, [ALL_CLEAR]),
    description=(
        "What each line of the order means: exists, new, costs more or less, or a conflict that a person decides. Held against "
        "the mirror, which is brought up to date first."
    ),
    metadata={"dagster/column_schema": column_schema(orders.NOTES, orders.SCHEMA)},
)
def order_comparison(context: dg.AssetExecutionContext, config: OrderConfig, run: RunResource) -> Materialized:
    session, partition = run.session, context.partition_key
    session.note(pipeline=GROUP)
    asked = session.once(ASKED, lambda: _asked(config))
    order, origin = intake.order_of_file(session, partition, asked)
    orders.publish(session.warehouse, order, LightspeedSettings.read().account, partition, origin)
    session.note(source_rejects=PIPELINE.source_rejects(partition))
    counts = Counter[str](line.verdict for line in order.lines)
    worst = sorted(order.lines, key=lambda line: (VERDICTS.index(line.verdict), not line.price_moves, line.row))
    shown = (
        "row",
        "verdict",
        "sku",
        "name",
        "quantity",
        "old_cost",
        "cost",
        "old_price",
        "new_price",
        "price_moves",
        "reason",
        "note",
    )
    facts: dict[str, Any] = {
        "supplier": order.supplier,
        "reference": order.reference,
        "outlet": order.outlet,
        "dagster/row_count": len(order.lines),
        **{f"lines_{verdict}": counts[verdict] for verdict in VERDICTS},
        "price_would_move": sum(line.price_moves for line in order.lines),
        "lines": Markdown(markdown([{name: getattr(line, name) for name in shown} for line in worst[:20]])),
    }
    wrong = [line for line in order.lines if line.verdict in ("rejected", "conflict")]
    text = listed({verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]})
    details = markdown([{"row": line.row, "verdict": line.verdict, "reason": line.reason} for line in wrong[:20]])
    found = [Checked(ALL_CLEAR, not wrong, text, details, warn=True)]
    return Materialized(metadata=metadata(facts), check_results=results(COMPARISON, found))


lightspeed_inbox = inbox_sensor(
    name="lightspeed_inbox",
    pipeline=GROUP,
    files=FILES,
    folder=intake.inbox,
    is_droppable=intake.is_droppable,
    read=lambda path: (intake.partition_of(path), digest_of(path)),
    description=(
        "Takes in what is dropped into data/inbox/lightspeed, once a file has been the same for two ticks, and once per content. "
        "Ships stopped."
    ),
)
