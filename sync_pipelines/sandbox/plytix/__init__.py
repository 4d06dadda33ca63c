"""A stand-in for the Plytix PIM: products, their families and links, on two accounts."""

from sync_pipelines.sandbox.plytix.access import KEYS, MAIN, SECOND
from sync_pipelines.sandbox.plytix.plytix import Plytix

__all__ = ["KEYS", "MAIN", "SECOND", "Plytix"]
