"""Pictures of products: taken in by address, fetched afterwards, and then ready or failed."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.settings import Settings

READY = "READY"
_UPLOADED_FOR = 0.1
"""The part of `media_seconds` for which a picture is UPLOADED; then it is PROCESSING."""


def new_media(number: int, source: str, alt: str | None, clock: float | None, shown_at: str) -> dict[str, Any]:
    """Return a picture as it is stored. `clock`: when it was taken in, on the sandbox's clock; None: long ago."""
    return {
        "id": ids.gid("MediaImage", number),
        "alt": alt or "",
        "source": source,
        "taken_in": clock,
        "createdAt": shown_at,
        "updatedAt": shown_at,
        "mediaContentType": "IMAGE",
    }


def is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and "." in parts.netloc and " " not in text


def failure_of(source: str, settings: Settings) -> str | None:
    """Return the code with which fetching this address will fail, None when it will not."""
    for each in settings.media_fails:
        pattern, _, code = each.rpartition(" ")
        if fnmatchcase(source, pattern):
            return code
    return None


def status_of(media: Mapping[str, Any], settings: Settings, clock: float) -> str:
    age = None if media["taken_in"] is None else clock - media["taken_in"]
    if age is not None and age < settings.media_seconds:
        return "UPLOADED" if age < settings.media_seconds * _UPLOADED_FOR else "PROCESSING"
    return "FAILED" if failure_of(media["source"], settings) else READY


def shown_media(media: Mapping[str, Any], settings: Settings, clock: float) -> dict[str, Any]:
    """Return a picture as the API shows it: without an image until it is ready, then at an address of its own."""
    status = status_of(media, settings, clock)
    code = failure_of(media["source"], settings) if status == "FAILED" else None
    number = ids.number_of(media["id"])
    image = None
    if status == READY:
        name, dot, ending = media["source"].rpartition("/")[2].partition("?")[0].rpartition(".")
        file = f"{name}_{number:032x}.{ending}" if dot else f"{ending}_{number:032x}"
        url = f"https://cdn.shopify.example/s/files/1/0600/0001/files/{file}?v={number}"
        image = {"id": ids.gid("ImageSource", number), "altText": media["alt"], "url": url, "width": 1200, "height": 1600}
    errors = [{"code": code, "details": None, "message": "The image could not be processed."}] if code else []
    return {**media, "status": status, "image": image, "preview": {"image": image, "status": status}, "mediaErrors": errors}
