"""Local stand-ins for the vendors' APIs, for tests, demos and development. The package imports nothing from `sync_pipelines`."""

from vendor_sandbox.command import serve
from vendor_sandbox.sandbox import Sandbox

__all__ = ["Sandbox", "serve"]
