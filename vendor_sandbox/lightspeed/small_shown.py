"""How rows of the smaller collections are shown."""

from typing import Any

from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.products_shown import path_of
from vendor_sandbox.lightspeed.store import Row

_ADDRESS = ("address1", "address2", "suburb", "city", "postcode", "state", "country_id")
CONTACT = (
    *("first_name", "last_name", "company_name", "phone", "mobile", "fax", "website", "email", "twitter"),
    *(f"{kind}_{part}" for kind in ("postal", "physical") for part in _ADDRESS),
)
"""Members of a supplier's contact."""


def as_it_is(_call: ApiCall, row: Row) -> dict[str, Any]:
    return dict(row)


def supplier(call: ApiCall, row: Row) -> dict[str, Any]:
    return {**row, "description": row["description"] if call.version.dated else row["description"] or ""}


def payment_type(call: ApiCall, row: Row) -> dict[str, Any]:
    return {**row, "disabled": False, "internal": False} if call.version.dated else dict(row)


def product_type(call: ApiCall, row: Row) -> dict[str, Any]:
    """Show a category under its old name."""
    shown = {name: value for name, value in row.items() if name != "parent_id"}
    path = path_of(call.store, row["id"])
    return {
        **shown,
        "leaf_category": not any(each["parent_id"] == row["id"] for each in call.store["categories"].own.values()),
        "category_path": [{"id": each["id"], "name": each["name"]} for each in path],
    }


def available(row: Row) -> Any:
    """Return the level as versions before 2026-04 know it: less what is owed."""
    return row["level"] - row["procure"] if row["procure"] else row["level"]


def stock(call: ApiCall, row: Row) -> dict[str, Any]:
    """Show what is at an outlet: before 2026-04, what is owed makes the level smaller, even negative."""
    names = ("id", "outlet_id", "product_id", "reorder_point", "reorder_amount", "version")
    shown = {name: row[name] for name in names}
    if row["reorder_method"] == "MIN_MAX":
        shown["reorder_amount"] = max(0, row["reorder_target"] - row["level"])
    if not call.version.posts_inventory:
        return {**shown, "inventory_level": available(row)}
    return {
        **shown,
        "current_inventory_level": row["level"],
        "quantity_to_procure": row["procure"],
        "average_cost": row["average_cost"] if call.sees_cost else None,
        "reorder_method": row["reorder_method"],
        "reorder_target": row["reorder_target"],
        "deleted_at": row["deleted_at"],
    }


def variant_attribute(_call: ApiCall, row: Row) -> dict[str, Any]:
    """Show an attribute. Rows that the vendor has retired say so in a member that no document names."""
    shown = {"id": row["id"], "name": row["name"], "deleted_at": row["deleted_at"]}
    return {**shown, "is_deprecated": True} if row["is_deprecated"] else shown
