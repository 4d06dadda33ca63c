"""A stand-in for the Sentos ERP: products with stock per warehouse, orders, and the small lists around them."""

from vendor_sandbox.sentos.access import KEY, SECRET
from vendor_sandbox.sentos.sentos import Sentos

__all__ = ["KEY", "SECRET", "Sentos"]
