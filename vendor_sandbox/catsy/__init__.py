"""A stand-in for the Catsy PIM: v3 items of a saved query and the v4 product filter."""

from vendor_sandbox.catsy.catsy import FORBIDDEN_TOKEN, FULL_TOKEN, PRICELESS_TOKEN, QUERY_ID, Catsy

__all__ = ["FORBIDDEN_TOKEN", "FULL_TOKEN", "PRICELESS_TOKEN", "QUERY_ID", "Catsy"]
