"""A stand-in for the Plytix PIM: products, their families and links, on two accounts."""

from vendor_sandbox.plytix.access import KEYS, MAIN, SECOND
from vendor_sandbox.plytix.plytix import Plytix

__all__ = ["KEYS", "MAIN", "SECOND", "Plytix"]
