"""The rows that collections hold, with what they say unless told otherwise."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vendor_sandbox.lightspeed.store import stamp

FIVE = Decimal("0.00001")
RATE = Decimal("0.15")
"""The rate of the store's default tax."""

_TIMES = ("created_at", "updated_at")

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "suppliers": {"name": "", "description": None, "source": "USER", "default_markup": 0, "contact": None},
    "brands": {"name": "", "description": None},
    "tags": {"name": ""},
    "categories": {"name": "", "parent_id": None},
    "variant_attributes": {"name": "", "is_deprecated": False, "created_at": None, "updated_at": None},
    "products": {
        "family_id": None,
        "name": "",
        "handle": None,
        "sku": None,
        "description": None,
        "codes": (),
        "suppliers": (),
        "options": (),
        "supply_price": None,
        "price_excluding_tax": None,
        "price_including_tax": None,
        "brand_id": None,
        "category_id": None,
        "tag_ids": (),
        "attributes": {},
        "active": True,
        "has_inventory": True,
        "source_id": None,
        "account_code_sale": None,
        "account_code_purchase": None,
        "tax_id": None,
        "web_enabled": False,
        "created_at": None,
        "updated_at": None,
    },
    "images": {
        "owner_id": "",
        "product_id": "",
        "of_family": True,
        "position": 1,
        "status": "uploaded",
        "polls": 0,
        "file": "",
        "name": "",
        "sha": "",
    },
    "inventory": {
        "product_id": "",
        "outlet_id": "",
        "level": Decimal(0),
        "procure": Decimal(0),
        "average_cost": None,
        "reorder_method": None,
        "reorder_point": None,
        "reorder_amount": None,
        "reorder_target": None,
    },
    "consignments": {
        "type": "SUPPLIER",
        "status": "OPEN",
        "name": "",
        "reference": None,
        "outlet_id": "",
        "supplier_id": None,
        "source_outlet_id": None,
        "supplier_invoice": None,
        "due_at": None,
        "consignment_date": None,
        "received_at": None,
        "show_inactive": True,
        "filters": (),
        "total_count_gain": None,
        "total_cost_gain": None,
        "total_count_loss": None,
        "total_cost_loss": None,
        "created_at": None,
        "updated_at": None,
    },
    "sales": {
        "outlet_id": "",
        "register_id": "",
        "user_id": "",
        "customer_id": None,
        "invoice_number": "",
        "invoice_sequence": 0,
        "receipt_number": None,
        "status": "CLOSED",
        "note": None,
        "short_code": "",
        "return_for": None,
        "return_sale_ids": (),
        "source": "USER",
        "source_id": None,
        "sale_date": None,
        "tax_rate": RATE,
        "rate_id": "",
        "total_price": Decimal(0),
        "total_tax": Decimal(0),
        "total_incl": Decimal(0),
        "total_loyalty": Decimal(0),
        "lines": (),
        "payments": (),
        "created_at": None,
        "updated_at": None,
    },
    "outlets": {
        "name": "",
        "time_zone": "Pacific/Auckland",
        "default_tax_id": None,
        "currency": "NZD",
        "currency_symbol": "$",
        "display_prices": "inclusive",
        "email": "",
        "physical_address_1": "",
        "physical_address_2": "",
        "physical_suburb": "",
        "physical_city": "",
        "physical_postcode": "",
        "physical_state": "",
        "physical_country_id": "NZ",
        "attributes": (),
    },
    "registers": {
        "name": "",
        "outlet_id": "",
        "is_open": True,
        "invoice_prefix": "",
        "invoice_suffix": "",
        "invoice_sequence": 1,
        "register_open_time": None,
        "register_close_time": None,
    },
    "taxes": {"name": "", "display_name": "", "is_default": False, "rates": ()},
    "users": {
        "username": "",
        "display_name": "",
        "email": "",
        "email_verified_at": None,
        "account_type": "cashier",
        "is_primary_user": False,
        "restricted_outlet_ids": (),
        "created_at": None,
        "updated_at": None,
    },
    "payment_types": {"name": "", "type_id": 1, "config": None},
}
"""Members of each collection's rows besides `id`, `version` and `deleted_at`."""


def new_row(collection: str, row_id: str, fields: Mapping[str, Any], at: str | None = None) -> dict[str, Any]:
    """Return a row with its defaults filled in, made at a time, now unless given."""
    times = dict.fromkeys((name for name in _TIMES if name in DEFAULTS[collection]), at or stamp())
    return {"id": row_id, **DEFAULTS[collection], **times, "deleted_at": None, **fields}


def without_tax(price: Decimal) -> Decimal:
    return (price / (1 + RATE)).quantize(FIVE, ROUND_HALF_UP)


def with_tax(price: Decimal) -> Decimal:
    return (price * (1 + RATE)).quantize(FIVE, ROUND_HALF_UP)
