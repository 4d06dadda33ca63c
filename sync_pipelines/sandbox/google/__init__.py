"""A stand-in for Google Sheets v4, with the Drive listing and the token endpoint its clients need."""

from sync_pipelines.sandbox.google.google import Google

__all__ = ["Google"]
