"""The marketplaces' truth as a document, and the changes a test may make to it behind the API's back."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vendor_sandbox.amazon.asking import ASIN
from vendor_sandbox.amazon.settings import MARKETPLACE_IDS, Settings
from vendor_sandbox.amazon.store import Store
from vendor_sandbox.boots import Item
from vendor_sandbox.values import (
    BadChange,
    Check,
    Unfit,
    checked,
    flag,
    known_members,
    mapping,
    one_of,
    or_null,
    text,
    texts,
    with_changes,
)

_MEMBERS = ("load", "add", "set", "delete", "more_parents", "revoke_tokens", "settings")
_DOCUMENT = ("items", "more_parents", "settings", "counts", "tokens")


def _asin(value: object) -> str:
    if not isinstance(value, str) or not ASIN.fullmatch(value):
        raise Unfit("must be an ASIN")
    return value


_text_or_null = or_null(text)
_CHECKS: Mapping[str, Check] = {
    "asin": _asin,
    "parent_asin": or_null(_asin),
    "seller_sku": _text_or_null,
    "part_number": _text_or_null,
    "title": text,
    "brand": text,
    "model_number": _text_or_null,
    "size": _text_or_null,
    "colour": _text_or_null,
    "upc": _text_or_null,
    "ean": _text_or_null,
    "gtin": _text_or_null,
    "classification": one_of("BASE_PRODUCT", "OTHER", "PRODUCT_BUNDLE", "VARIATION_PARENT"),
    "theme": _text_or_null,
    "status": text,
    "marketplace": one_of(*MARKETPLACE_IDS),
    "expected": _text_or_null,
    "why": text,
}
_NEW: Mapping[str, Any] = {
    **dict.fromkeys(_CHECKS),
    "title": "",
    "brand": "",
    "classification": "BASE_PRODUCT",
    "status": "Active",
    "marketplace": "US",
    "why": "none",
}

Listings = dict[tuple[str, str], Item]
"""By ASIN and marketplace."""


def store_document(store: Store) -> dict[str, Any]:
    """Return every listing with the product it truly is of, further parents by ASIN, and counts."""
    return {
        "items": [dataclasses.asdict(item) for item in store],
        "more_parents": {asin: list(parents) for asin, parents in store.more_parents.items()},
        "counts": store.counts(),
    }


def changed_store(body: object, store: Store, settings: Settings) -> tuple[Store, Settings, bool]:
    """Return the store and settings after the change, and whether to revoke all tokens. Raises BadChange.

    Members are applied in the order load, add, set, delete, more_parents.
    """
    change = known_members(body, _MEMBERS, "the change")
    parents = dict(store.more_parents)
    edited: Listings | None = None
    if "load" in change:
        document = known_members(change["load"], _DOCUMENT, "load")
        edited = {}
        _add(edited, document.get("items"), "load.items")
        parents = _parents(document.get("more_parents", {}), "load.more_parents")
        settings = with_changes(settings, document.get("settings", {}))
    if edited is None and change.keys() & {"add", "set", "delete", "more_parents"}:
        edited = {(item.asin, item.marketplace): item for item in store}
    if edited is not None:
        _add(edited, change.get("add", []), "add")
        for asin, fields in checked(mapping, change.get("set", {}), "set").items():
            _set(edited, asin, fields)
        for asin in checked(texts, change.get("delete", []), "delete"):
            for key in _known(edited, asin, "delete"):
                del edited[key]
        parents |= _parents(change.get("more_parents", {}), "more_parents")
        store = Store(edited.values, {asin: each for asin, each in parents.items() if each})
    revoke = bool(checked(flag, change.get("revoke_tokens", False), "revoke_tokens"))
    settings = with_changes(settings, change.get("settings", {}))
    return store, settings, revoke


def _add(edited: Listings, documents: object, where: str) -> None:
    if not isinstance(documents, list):
        raise BadChange(f"{where} must be an array")
    for document in documents:
        item = Item(**{**_NEW, **_fields(document, where, needed="asin")})
        if (item.asin, item.marketplace) in edited:
            raise BadChange(f"{where}: {item.asin} is listed in {item.marketplace}")
        edited[item.asin, item.marketplace] = item


def _set(edited: Listings, asin: str, fields: object) -> None:
    where = f"set.{asin}"
    changes = _fields(fields, where)
    if "asin" in changes or "marketplace" in changes:
        raise BadChange(f"{where}: asin and marketplace cannot be changed")
    for key in _known(edited, asin, "set"):
        edited[key] = dataclasses.replace(edited[key], **changes)


def _known(edited: Listings, asin: str, where: str) -> list[tuple[str, str]]:
    found = [(asin, marketplace) for marketplace in MARKETPLACE_IDS if (asin, marketplace) in edited]
    if not found:
        raise BadChange(f"{where}: there is no item {asin!r}")
    return found


def _fields(document: object, where: str, needed: str | None = None) -> dict[str, Any]:
    sent = known_members(document, _CHECKS, where)
    if needed is not None and needed not in sent:
        raise BadChange(f"{where}: an item needs {needed!r}")
    return {name: checked(_CHECKS[name], value, f"{where}: {name}") for name, value in sent.items()}


def _parents(sent: object, where: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for asin, parents in checked(mapping, sent, where).items():
        found[asin] = checked(texts, parents, f"{where}.{asin}")
        for parent in found[asin]:
            checked(_asin, parent, f"{where}.{asin}")
    return found
