"""Lightspeed Retail X-Series, the till and back office of a shop."""

from vendor_sandbox.lightspeed.access import CLIENT_ID, CLIENT_SECRET, DOMAIN_PREFIX, SCOPES, TOKEN
from vendor_sandbox.lightspeed.lightspeed import Lightspeed

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "DOMAIN_PREFIX", "SCOPES", "TOKEN", "Lightspeed"]
