"""The tracking information of a fulfilment: https://shopify.dev/docs/api/admin-graphql/latest/input-objects/FulfillmentTrackingInput."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

_SITES: Mapping[str, str] = {
    "Aras Kargo": "https://tracking.example.com/aras/",
    "DHL Express": "https://tracking.example.com/dhl/",
    "FedEx": "https://tracking.example.com/fedex/",
    "PTT": "https://tracking.example.com/ptt/",
    "Sürat Kargo": "https://tracking.example.com/surat/",
    "UPS": "https://tracking.example.com/ups/",
    "USPS": "https://tracking.example.com/usps/",
    "Yurtiçi Kargo": "https://tracking.example.com/yurtici/",
}
"""Companies that the vendor makes tracking addresses for; a name counts only when it is spelled exactly like this."""


def tracking_info(given: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the list that a FulfillmentTrackingInput stands for: a number and an address each, one company for all."""
    given = given or {}
    company = given.get("company")
    numbers, urls = (
        given.get(f"{name}s") or ([given[name]] if given.get(name) is not None else []) for name in ("number", "url")
    )
    pairs = list(zip_longest(numbers, urls)) or ([(None, None)] if company else [])
    return [{"company": company, "number": number, "url": url or _address(company, number)} for number, url in pairs]


def _address(company: str | None, number: str | None) -> str | None:
    """Return the address of a parcel; an unknown company's number is guessed from its form, whoever the company is."""
    if number is None:
        return None
    site = _SITES.get(company or "") or (_SITES["UPS"] if number.startswith("1Z") else None)
    return f"{site}{number}" if site else None
