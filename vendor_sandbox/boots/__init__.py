"""A bootmaker's catalogue from a seed, shared by Amazon and Plytix: the true products, and how a marketplace lists them."""

from vendor_sandbox.boots.boots import FIRST_STYLE, Boots
from vendor_sandbox.boots.files import (
    COLUMNS,
    EUROPEAN_COLUMNS,
    FEW_COLUMNS,
    FRENCH_COLUMNS,
    MORE_COLUMNS,
    export_json,
    listings_report,
)
from vendor_sandbox.boots.listing import Canonical, Item, unpadded, with_check_digit

__all__ = [
    "COLUMNS",
    "EUROPEAN_COLUMNS",
    "FEW_COLUMNS",
    "FIRST_STYLE",
    "FRENCH_COLUMNS",
    "MORE_COLUMNS",
    "Boots",
    "Canonical",
    "Item",
    "export_json",
    "listings_report",
    "unpadded",
    "with_check_digit",
]
