"""SparkLayer's truth as a document, and the changes a test may make to it behind the API's back."""

from collections.abc import Iterable
from typing import Any

from vendor_sandbox.sparklayer.prices import Row, RowError, in_order, read_row
from vendor_sandbox.sparklayer.settings import ANY_PRICE, Settings
from vendor_sandbox.sparklayer.store import BadList, Store
from vendor_sandbox.values import BadChange, checked, flag, is_number, known_members, mapping, texts, whole, with_changes

_MEMBERS = ("load", "create", "set", "currency", "delete", "revoke_tokens", "settings")
_DOCUMENT = ("lists", "tokens", "settings", "writes", "effects")


def store_document(store: Store) -> dict[str, Any]:
    """Return the lists with their prices, the number of pricing writes applied, and how often each SKU of a list was written."""
    copied = store.copy()
    lists = [{**each.shown(), "prices": each.prices} for each in copied.lists.values()]
    return {"lists": lists, "writes": copied.writes, "effects": copied.effects}


def changed_store(body: object, store: Store, settings: Settings) -> tuple[Store, Settings, bool]:
    """Return a changed copy of the store and settings, and whether to revoke all tokens. Raises BadChange.

    Members are applied in the order load, create, set, currency, delete.
    """
    change = known_members(body, _MEMBERS, "the change")
    store = store.copy()
    try:
        if "load" in change:
            document = known_members(change["load"], _DOCUMENT, "load")
            store = _loaded(document)
            settings = with_changes(settings, document.get("settings", {}))
        _create(store, _array(change.get("create", []), "create"))
        for slug, prices in checked(mapping, change.get("set", {}), "set").items():
            _set_prices(store, slug, checked(mapping, prices, f"set.{slug}"))
        for slug, code in checked(mapping, change.get("currency", {}), "currency").items():
            store.update(store.lists[_known(store, slug)], {"currency_code": code})
        for slug in checked(texts, change.get("delete", []), "delete"):
            store.delete(_known(store, slug))
    except BadList as error:
        raise BadChange(str(error)) from error
    revoke = bool(checked(flag, change.get("revoke_tokens", False), "revoke_tokens"))
    return store, with_changes(settings, change.get("settings", {})), revoke


def _loaded(document: dict[str, Any]) -> Store:
    store = Store()
    _create(store, _array(document.get("lists"), "load.lists"))
    store.writes = checked(whole(0), document.get("writes", 0), "load.writes")
    for slug, counts in checked(mapping, document.get("effects", {}), "load.effects").items():
        counted = checked(mapping, counts, f"load.effects.{slug}")
        store.effects[slug] = {sku: checked(whole(0), count, "load.effects") for sku, count in counted.items()}
    return store


def _create(store: Store, documents: Iterable[object]) -> None:
    """Create lists in any order. Rules name other lists, so they are set once all lists exist."""
    rules = []
    for document in documents:
        fields = dict(checked(mapping, document, "a price list"))
        prices = fields.pop("prices", {})
        rules.append((fields.get("slug"), fields.pop("rules", [])))
        price_list = store.create(fields, reserved=())
        _set_prices(store, price_list.slug, checked(mapping, prices, f"prices of {price_list.slug}"))
    for slug, sent in rules:
        if sent:
            store.update(store.lists[str(slug)], {"rules": sent})


def _set_prices(store: Store, slug: str, prices: dict[str, Any]) -> None:
    held = store.lists[_known(store, slug)].prices
    for sku, rows in prices.items():
        if rows:
            held[sku] = in_order([_row(row, f"{slug}: {sku}") for row in _array(rows, f"{slug}: {sku}")])
        else:
            held.pop(sku, None)


def _row(raw: object, where: str) -> Row:
    fields = dict(checked(mapping, raw, where))
    rate = fields.pop("display_tax_rate", None)
    if rate is not None and not is_number(rate):
        raise BadChange(f"{where}: display_tax_rate must be a number")
    try:
        row = read_row(fields, ANY_PRICE)
    except RowError as error:
        raise BadChange(f"{where}: {error.field} {error.message}") from error
    return row if rate is None else {**row, "display_tax_rate": rate}


def _known(store: Store, slug: str) -> str:
    if slug not in store.lists:
        raise BadChange(f"there is no price list {slug!r}")
    return slug


def _array(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadChange(f"{where} must be an array")
    return value
