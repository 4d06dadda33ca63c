"""A stand-in for Google Sheets v4, with the Drive listing and the token endpoint its clients need."""

from vendor_sandbox.google.google import Google

__all__ = ["Google"]
