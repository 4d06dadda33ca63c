"""How a sale is shown: flat in 2.0, nested in the date versions (https://x-series-api.lightspeedhq.com/docs/sales_migration_guide)."""

from decimal import Decimal
from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.store import Row

STATES = {
    "SAVED": "parked",
    "LAYBY": "pending",
    "ONACCOUNT": "pending",
    "AWAITING_DISPATCH": "pending",
    "AWAITING_PICKUP": "pending",
    "SERVICE": "pending",
    "VOIDED": "voided",
    "CLOSED": "closed",
    "LAYBY_CLOSED": "closed",
    "ONACCOUNT_CLOSED": "closed",
    "DISPATCHED_CLOSED": "closed",
    "PICKED_UP_CLOSED": "closed",
    "SERVICE_CLOSED": "closed",
}
"""`state` by `status`; what else a status says is in `attributes`."""


def attributes_of(status: str) -> list[str]:
    kind = status.removesuffix("_CLOSED").lower()
    names = {"dispatched": "dispatch", "awaiting_dispatch": "dispatch", "picked_up": "pickup", "awaiting_pickup": "pickup"}
    return [] if kind in ("saved", "closed", "voided") else [names.get(kind, kind)]


def sale(call: ApiCall, row: Row) -> dict[str, Any]:
    flat = not call.version.dated or (call.settings.flat_returns and row["status"] == "SAVED" and row["return_for"])
    return _flat(row) if flat else _nested(row)


def _flat(row: Row) -> dict[str, Any]:
    names = (
        *("id", "outlet_id", "register_id", "user_id", "customer_id", "invoice_number", "invoice_sequence", "receipt_number"),
        *("status", "note", "short_code", "return_for", "total_price", "total_tax", "total_loyalty", "sale_date"),
        *("created_at", "updated_at", "deleted_at", "version", "source", "source_id"),
    )
    return {
        **{name: row[name] for name in names},
        "attributes": attributes_of(row["status"]),
        "adjustments": [],
        "line_items": [_flat_line(each) for each in row["lines"]],
        "payments": [_flat_payment(each) for each in row["payments"]],
        "taxes": [{"name": "GST", "rate": row["tax_rate"], "amount": row["total_tax"]}] if row["lines"] else [],
    }


def _flat_line(line: Row) -> dict[str, Any]:
    """Show a line, whose amounts have two names each."""
    price, cost, discount, tax = line["price"], line["cost"], line["discount"], line["tax"]
    return {
        **{name: line[name] for name in ("id", "product_id", "tax_id", "quantity", "is_return", "status", "sequence", "note")},
        **{"price": price, "cost": cost, "discount": discount, "tax": tax, "loyalty_value": 0, "price_set": False},
        **{"price_total": line["price_total"], "cost_total": line["cost_total"]},
        **{"discount_total": line["discount_total"], "tax_total": line["tax_total"]},
        **{"unit_price": price, "unit_cost": cost, "unit_discount": discount, "unit_tax": tax, "unit_loyalty_value": 0},
        **{"total_price": line["price_total"], "total_cost": line["cost_total"], "total_loyalty_value": 0},
        **{"total_discount": line["discount_total"], "total_tax": line["tax_total"]},
        "tax_components": [{"rate_id": line["rate_id"], "total_tax": line["tax_total"]}],
    }


def _flat_payment(payment: Row) -> dict[str, Any]:
    return {
        "id": payment["id"],
        "register_id": payment["register_id"],
        "outlet_id": payment["outlet_id"],
        "retailer_payment_type_id": payment["type_id"],
        "payment_type_id": "1",
        "name": payment["name"],
        "amount": payment["amount"],
        "payment_date": payment["date"],
        "external_attributes": [],
    }


def _nested(row: Row) -> dict[str, Any]:
    names = ("id", "customer_id", "invoice_number", "receipt_number", "note", "short_code", "created_at", "updated_at")
    shown: dict[str, Any] = {
        **{name: row[name] for name in names if row[name] is not None},
        "state": STATES[row["status"]],
        "attributes": attributes_of(row["status"]),
        "date": row["sale_date"],
        "source": {
            **({"id": row["source_id"]} if row["source_id"] else {}),
            "type": row["source"],
            "register_id": row["register_id"],
            "outlet_id": row["outlet_id"],
            "author": {"id": row["user_id"]},
        },
        "line_items": [_nested_line(each) for each in row["lines"]],
        "payments": [_nested_payment(each) for each in row["payments"]],
        "taxes": [{"id": row["rate_id"], "tax": row["total_tax"]}] if row["lines"] else [],
        "adjustments": [],
        "ecom_custom_charges": [],
        "external_applications": [],
        "totals": {
            "price": row["total_price"],
            "price_incl_tax": row["total_incl"],
            "tax": row["total_tax"],
            "loyalty": row["total_loyalty"],
            "surcharge": 0,
        },
        "return": {
            "is_return": row["return_for"] is not None,
            **({"original_sale_id": row["return_for"]} if row["return_for"] else {}),
            "return_sale_ids": list(row["return_sale_ids"]),
        },
        "_metadata": {"version": row["version"]},
    }
    if row["deleted_at"]:
        shown["deleted_at"] = row["deleted_at"]
    return shown


def _nested_line(line: Row) -> dict[str, Any]:
    return {
        "id": line["id"],
        "product": {"id": line["product_id"]},
        "quantity": line["quantity"],
        "status": line["status"],
        "note": line["note"] or "",
        "pricing": {
            "price": line["price"],
            "total": line["price_total"],
            "cost": line["cost"],
            "cost_total": line["cost_total"],
            "discount": line["discount"],
            "discount_total": line["discount_total"],
            "loyalty_amount": 0,
            "loyalty_amount_total": 0,
        },
        "tax": {"id": line["tax_id"], "amount": line["tax"], "total": line["tax_total"]},
        "return": {"is_return": line["is_return"], **({"reason": line["reason"]} if line["reason"] else {})},
        "_metadata": {
            "sequence": line["sequence"],
            "is_price_override": False,
            "tax_components": [{"rate_id": line["rate_id"], "total_tax": line["tax_total"]}],
        },
    }


def _nested_payment(payment: Row) -> dict[str, Any]:
    return {
        "id": payment["id"],
        "amount": payment["amount"],
        "date": payment["date"],
        "type": {"config_id": payment["type_id"], "name": payment["name"], "id": "1"},
        "source": {"register_id": payment["register_id"], "outlet_id": payment["outlet_id"]},
    }


def line_of(fields: Row, rate: Decimal) -> dict[str, Any]:
    """Complete a line with its totals: `price` and `cost` are of one piece and without tax, to five places."""
    five = Decimal("0.00001")
    quantity, price = fields["quantity"], fields["price"]
    tax = (price * rate).quantize(five)
    return {
        **fields,
        "tax": tax,
        "price_total": price * quantity,
        "cost_total": fields["cost"] * quantity,
        "discount_total": fields["discount"] * quantity,
        "tax_total": tax * quantity,
    }
