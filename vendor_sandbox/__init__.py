"""Local stand-ins for the vendors' APIs, for tests, demonstrations and development. Imports nothing of the project."""

from vendor_sandbox.command import serve
from vendor_sandbox.sandbox import Sandbox

__all__ = ["Sandbox", "serve"]
