"""Ids of what the seed has, and of what is made later: UUIDs that say what they are of and which one."""

KINDS = (
    *("suppliers", "brands", "tags", "categories", "variant_attributes", "products", "families", "images", "inventory"),
    *("consignments", "sales", "outlets", "registers", "taxes", "tax_rates", "users", "payment_types", "customers"),
    *("product_codes", "product_suppliers", "sale_lines", "sale_payments", "jobs", "retailer"),
)
"""What has ids. The place of a name is part of its ids: add new ones at the end."""

_LATER = 1 << 47


def uuid(kind: str, number: int) -> str:
    """Return the id of the thing with this number (below 2^47) that the seed has."""
    return f"{0x06BF0000 + KINDS.index(kind):08x}-c783-11f0-8{number >> 40:03x}-{number & 0xFFFFFFFFFF:012x}"


def later(kind: str, number: int) -> str:
    """Return the id of the thing with this number that was made after the start."""
    return uuid(kind, _LATER + number)
