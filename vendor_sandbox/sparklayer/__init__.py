"""A stand-in for SparkLayer's price lists and prices."""

from vendor_sandbox.sparklayer.sparklayer import (
    CLIENT_ID,
    CLIENT_SECRET,
    OTHER_CLIENT_ID,
    OTHER_CLIENT_SECRET,
    OTHER_SITE_ID,
    SITE_ID,
    SparkLayer,
)

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "OTHER_CLIENT_ID", "OTHER_CLIENT_SECRET", "OTHER_SITE_ID", "SITE_ID", "SparkLayer"]
