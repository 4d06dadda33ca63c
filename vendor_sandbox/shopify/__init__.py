"""A stand-in for Shopify's Admin GraphQL API: orders, shipments, products and stock."""

from vendor_sandbox.shopify.access import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    FOREIGN_CLIENT_ID,
    NO_CUSTOMERS_TOKEN,
    NO_FULFILMENT_ORDERS_TOKEN,
    NO_INVENTORY_TOKEN,
    NO_LOCATIONS_TOKEN,
    NO_ORDERS_TOKEN,
    NO_PRODUCTS_TOKEN,
    READ_FULFILMENT_ORDERS_TOKEN,
    READ_ONLY_TOKEN,
    RECENT_ORDERS_TOKEN,
    REDACTED_TOKEN,
    UNINSTALLED_CLIENT_ID,
)
from vendor_sandbox.shopify.orders import orders_of
from vendor_sandbox.shopify.shop import Shopify

__all__ = [
    "ACCESS_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "FOREIGN_CLIENT_ID",
    "NO_CUSTOMERS_TOKEN",
    "NO_FULFILMENT_ORDERS_TOKEN",
    "NO_INVENTORY_TOKEN",
    "NO_LOCATIONS_TOKEN",
    "NO_ORDERS_TOKEN",
    "NO_PRODUCTS_TOKEN",
    "READ_FULFILMENT_ORDERS_TOKEN",
    "READ_ONLY_TOKEN",
    "RECENT_ORDERS_TOKEN",
    "REDACTED_TOKEN",
    "UNINSTALLED_CLIENT_ID",
    "Shopify",
    "orders_of",
]
