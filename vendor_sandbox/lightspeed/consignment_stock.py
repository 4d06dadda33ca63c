"""What consignments do to stock when they move on. The vendor says little of it: which move changes what is assumed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from vendor_sandbox.lightspeed.rows import FIVE, new_row
from vendor_sandbox.lightspeed.store import Row, Store, stamp


def moved(store: Store, consignment_id: str) -> None:
    """Do to stock what the state means that a consignment has just come to."""
    row = store["consignments"][consignment_id]
    outlet, lines = row["outlet_id"], store.lines.get(consignment_id, ())
    match row["type"], row["status"]:
        case "SUPPLIER", "RECEIVED":
            for line in lines:
                _add(store, line["product_id"], outlet, line["received"] or Decimal(0), line["cost"])
        case "OUTLET", "SENT":
            for place, line in enumerate(lines):
                average = _stock(store, line["product_id"], row["source_outlet_id"])["average_cost"]
                _add(store, line["product_id"], row["source_outlet_id"], -(line["count"] or Decimal(0)))
                if line["cost"] is None:
                    store.put_line(consignment_id, place, {**line, "cost": average}, touch=False)
        case "OUTLET", "RECEIVED":
            for line in lines:
                _add(store, line["product_id"], outlet, line["received"] or Decimal(0), line["cost"])
        case "RETURN", "SENT":
            for line in lines:
                _add(store, line["product_id"], outlet, -(line["count"] or Decimal(0)))
        case "STOCKTAKE", "STOCKTAKE_COMPLETE":
            _count(store, row, lines)
    if row["status"] in ("RECEIVED", "STOCKTAKE_COMPLETE"):
        for place, line in enumerate(store.lines.get(consignment_id, ())):
            store.put_line(consignment_id, place, {**line, "status": "RECEIVE_SUCCESS", "updated_at": stamp()}, touch=False)


def include(store: Store, consignment_id: str) -> None:
    """Put the products that the filters of a stocktake name on its list, which the vendor does some time after the start."""
    row = store["consignments"][consignment_id]
    if row["status"] != "STOCKTAKE_IN_PROGRESS":
        return
    known = {line["product_id"] for line in store.lines.get(consignment_id, ())}
    for product in store["products"].own.values():
        if product["deleted_at"] or product["id"] in known or not any(_fits(product, each) for each in row["filters"]):
            continue
        stock = _stock(store, product["id"], row["outlet_id"])
        line = {"count": stock["level"], "received": Decimal(0), "cost": stock["average_cost"], "is_included": True}
        line |= {"product_id": product["id"], "product_sku": product["sku"], "status": "PENDING", "deleted_at": None}
        store.put_line(consignment_id, None, {**line, "created_at": stamp(), "updated_at": stamp()}, touch=False)
    store.put("consignments", {**row, "status": "STOCKTAKE_IN_PROGRESS_PROCESSED", "updated_at": stamp()})


def _fits(product: Row, chosen: Any) -> bool:
    held = {
        "brand_id": [product["brand_id"]],
        "product_id": [product["id"]],
        "supplier_id": [link["supplier_id"] for link in product["suppliers"]],
        "tag_id": product["tag_ids"],
        "type_id": [product["category_id"]],
    }
    return chosen.get("value") in held.get(chosen.get("type"), ())


def _stock(store: Store, product_id: str, outlet_id: str) -> Row:
    """Return the row of stock, which is made when there is none."""
    found = next((row for row in store.stock_of(product_id) if row["outlet_id"] == outlet_id), None)
    made = {"product_id": product_id, "outlet_id": outlet_id}
    return found or store.put("inventory", new_row("inventory", store.new_id("inventory"), made))


def _add(store: Store, product_id: str, outlet_id: str, units: Decimal, cost: Decimal | None = None) -> None:
    """Change a level. What arrives at a cost weighs in the average of what is there."""
    if not units:
        return
    row = _stock(store, product_id, outlet_id)
    level, average = row["level"] + units, row["average_cost"]
    if cost is not None:
        there = max(row["level"], Decimal(0))
        average = cost if average is None else ((there * average + units * cost) / (there + units)).quantize(FIVE)
    store.put("inventory", {**row, "level": level, "average_cost": average})


def _count(store: Store, consignment: Row, lines: Iterable[Row]) -> None:
    """Set levels to what was counted. Without filters, everything that was not counted is gone."""
    counted = {line["product_id"]: line["received"] or Decimal(0) for line in lines}
    if not consignment["filters"]:
        for product in store["products"].own.values():
            if not product["deleted_at"]:
                counted.setdefault(product["id"], Decimal(0))
    totals = dict.fromkeys(("total_count_gain", "total_cost_gain", "total_count_loss", "total_cost_loss"), Decimal(0))
    for product_id, units in counted.items():
        row = _stock(store, product_id, consignment["outlet_id"])
        kind, change = "gain" if units > row["level"] else "loss", abs(units - row["level"])
        totals[f"total_count_{kind}"] += change
        totals[f"total_cost_{kind}"] += change * (row["average_cost"] or 0)
        if change:
            store.put("inventory", {**row, "level": units})
    store.put("consignments", {**store["consignments"][consignment["id"]], **totals})
