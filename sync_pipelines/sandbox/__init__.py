"""Local stand-ins for the vendors' APIs, for tests, demonstrations and development. Imports nothing of the project."""

from sync_pipelines.sandbox.command import serve
from sync_pipelines.sandbox.sandbox import Sandbox

__all__ = ["Sandbox", "serve"]
