"""A stand-in for Amazon's Selling Partner API: the login, and Catalog Items 2022-04-01."""

from vendor_sandbox.amazon.amazon import Amazon
from vendor_sandbox.amazon.settings import MARKETPLACE_IDS, SELLER_ID
from vendor_sandbox.amazon.tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "MARKETPLACE_IDS", "REFRESH_TOKEN", "SELLER_ID", "Amazon"]
