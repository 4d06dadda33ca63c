"""Mutations of stock: quantities set, items stocked at locations, items changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import Level, item_number, variant_number
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.variant_values import item_errors, with_item
from vendor_sandbox.shopify.writing import Arguments, UserError, Writing, user_error

REASONS = frozenset(
    (
        *("correction", "cycle_count_available", "damaged", "other", "promotion", "quality_control", "received", "restock"),
        *("movement_canceled", "movement_created", "movement_received", "movement_updated", "safety_stock", "shrinkage"),
        *("reservation_created", "reservation_deleted", "reservation_updated"),
    )
)
_BOUND = 1_000_000_000
Place = tuple[int, int]


def check_members(arguments: Arguments) -> None:
    """Raise Failed when an entry of inventorySetQuantities leaves out `changeFromQuantity` (null is fine)."""
    for entry in arguments["input"]["quantities"]:
        if "changeFromQuantity" not in entry:
            raise Failed("changeFromQuantity must be provided, or null to skip the comparison.", "INVALID_FIELD_ARGUMENTS")


def set_quantities(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments["input"]
    entries, name = wanted["quantities"], wanted["name"]
    places = [_place(writing, entry) for entry in entries]
    errors = [*_input_errors(wanted), *_entry_errors(writing, entries, places, name)]
    stale = [] if errors else [at for at, entry in enumerate(entries) if _is_stale(writing, entry, places[at], name)]
    errors += [_stale_error(writing, at) for at in stale]
    if errors and (not stale or writing.settings.stale_atomic):
        return {"inventoryAdjustmentGroup": None, "userErrors": errors}
    changes = []
    for at, (entry, place) in enumerate(zip(entries, places, strict=True)):
        if at in stale or place is None:
            continue
        delta = entry["quantity"] - writing.fields.quantity(name, *place)
        if delta or not writing.goods.levels.get(place, Level(active=False)).active:
            _move(writing, place, delta)
        if delta:
            changes += [_change(place, each, delta) for each in ("available", "on_hand")]
    return {"inventoryAdjustmentGroup": _group(writing, wanted, changes) if changes else None, "userErrors": errors}


def _move(writing: Writing, place: Place, delta: int) -> None:
    level = writing.goods.levels.get(place)
    created = level.created if level else writing.now
    available = (level.available if level else 0) + delta
    writing.goods.put_level(*place, Level(available, created=created, updated=writing.now))


def _change(place: Place, name: str, delta: int) -> dict[str, Any]:
    return {"name": name, "delta": delta, "quantityAfterChange": None, "item": place[0], "location": place[1]}


def _group(writing: Writing, wanted: Arguments, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    number = writing.goods.new_id("InventoryAdjustmentGroup")
    return {
        "id": ids.gid("InventoryAdjustmentGroup", number),
        "createdAt": writing.stamp,
        "reason": wanted["reason"],
        "referenceDocumentUri": wanted.get("referenceDocumentUri"),
        "changes": changes,
    }


def _place(writing: Writing, entry: Arguments) -> Place | None:
    """Return the item and location of an entry, None when either does not exist."""
    item, location = _item(writing, entry["inventoryItemId"]), _location(writing, entry["locationId"])
    return None if item is None or location is None else (item, location)


def _item(writing: Writing, text: str) -> int | None:
    number = writing.number("InventoryItem", text)
    return number if number is not None and variant_number(number) in writing.goods.variants else None


def _location(writing: Writing, text: str) -> int | None:
    number = writing.number("Location", text)
    found = writing.goods.locations.get(number) if number is not None else None
    if found is None or not (found["isActive"] or writing.settings.inactive_locations):
        return None
    return number


def _input_errors(wanted: Arguments) -> list[UserError]:
    errors = []
    if wanted["reason"] not in REASONS:
        errors.append(user_error(("input", "reason"), "The specified reason is invalid.", "INVALID_REASON"))
    if wanted["name"] not in ("available", "on_hand"):
        message = "The quantity name must be either 'available' or 'on_hand'."
        errors.append(user_error(("input", "name"), message, "INVALID_NAME"))
    uri = wanted.get("referenceDocumentUri")
    if uri is not None and ":" not in uri:
        message = "The specified reference document is invalid."
        errors.append(user_error(("input", "referenceDocumentUri"), message, "INVALID_REFERENCE_DOCUMENT"))
    return errors


def _entry_errors(writing: Writing, entries: Sequence[Arguments], places: Sequence[Place | None], name: str) -> list[UserError]:
    errors = []
    twins = Counter((entry["inventoryItemId"], entry["locationId"]) for entry in entries)
    for at, (entry, place) in enumerate(zip(entries, places, strict=True)):
        where = ("input", "quantities", at)
        if place is None and _item(writing, entry["inventoryItemId"]) is None:
            message = "The specified inventory item could not be found."
            errors.append(user_error((*where, "inventoryItemId"), message, "INVALID_INVENTORY_ITEM"))
        if place is None and _location(writing, entry["locationId"]) is None:
            message = "The specified location could not be found."
            errors.append(user_error((*where, "locationId"), message, "INVALID_LOCATION"))
        if twins[entry["inventoryItemId"], entry["locationId"]] > 1:
            message = "The combination of inventoryItemId and locationId must be unique."
            errors.append(user_error((*where, "locationId"), message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"))
        errors += _bound_errors((*where, "quantity"), entry["quantity"], name)
    return errors


def _bound_errors(where: tuple[object, ...], quantity: int, name: str) -> list[UserError]:
    if quantity > _BOUND:
        return [user_error(where, "The quantity can't be higher than 1,000,000,000.", "INVALID_QUANTITY_TOO_HIGH")]
    if quantity < -_BOUND:
        return [user_error(where, "The quantity can't be lower than -1,000,000,000.", "INVALID_QUANTITY_TOO_LOW")]
    if name == "on_hand" and quantity < 0:
        return [user_error(where, "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE")]
    return []


def _is_stale(writing: Writing, entry: Arguments, place: Place | None, name: str) -> bool:
    expected = entry["changeFromQuantity"]
    return place is not None and expected is not None and expected != writing.fields.quantity(name, *place)


def _stale_error(writing: Writing, at: int) -> UserError:
    entry = ("input", "quantities", at)
    where = {"changeFromQuantity": (*entry, "changeFromQuantity"), "entry": entry, "none": None}[writing.settings.stale_field]
    return user_error(where, "The changeFromQuantity value does not match the current quantity.", "CHANGE_FROM_QUANTITY_STALE")


def activate(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    """Stock an item at a location. Without quantities, those that it had there before come back."""
    item, location = _item(writing, arguments["inventoryItemId"]), _location(writing, arguments["locationId"])
    if item is None or location is None:
        where = "inventoryItemId" if item is None else "locationId"
        message = "The inventory item couldn't be found." if item is None else "The location couldn't be found."
        return {"inventoryLevel": None, "userErrors": [user_error((where,), message)]}
    given = {name: arguments[name] for name in ("available", "onHand") if arguments.get(name) is not None}
    if len(given) == 2:
        message = "Not allowed to set available and onHand quantities at the same time."
        return {"inventoryLevel": None, "userErrors": [user_error((name,), message) for name in given]}
    held = writing.goods.levels.get((item, location))
    if held is not None and held.active and given:
        message = "Not allowed to set quantity when the item is already active at the location."
        errors = [user_error((name,), message) for name in given]
        return {"inventoryLevel": writing.fields.level(item, location), "userErrors": errors}
    for name, quantity in given.items():
        problems = _bound_errors((name,), quantity, "on_hand" if name == "onHand" else "available")
        if problems:
            return {"inventoryLevel": None, "userErrors": problems}
    if held is None or not held.active:
        level = Level(held.available if held else 0, created=held.created if held else writing.now, updated=writing.now)
        writing.goods.put_level(item, location, level)
        for name, quantity in given.items():
            now_there = writing.fields.quantity("on_hand" if name == "onHand" else name, item, location)
            _move(writing, (item, location), quantity - now_there)
    return {"inventoryLevel": writing.fields.level(item, location), "userErrors": []}


def update_item(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    item = _item(writing, arguments["id"])
    if item is None:
        message = "The product couldn't be updated because it does not exist."
        return {"inventoryItem": None, "userErrors": [user_error(("id",), message)]}
    errors = item_errors(arguments["input"], ("input",))
    if errors:
        return {"inventoryItem": None, "userErrors": [{**error, "code": None} for error in errors]}
    variant = with_item(
        writing.goods.variants[variant_number(item)], arguments["input"], writing.settings.currency, writing.stamp
    )
    writing.goods.put_variant(variant)
    return {"inventoryItem": writing.fields.item(variant), "userErrors": []}


def stock_new(writing: Writing, variant: int, quantities: Mapping[int, int]) -> None:
    """Stock a new variant's item at these locations; without any, at the default one with nothing."""
    for location, available in (quantities or {ids.DEFAULT_LOCATION: 0}).items():
        level = Level(available, created=writing.now, updated=writing.now)
        writing.goods.put_level(item_number(variant), location, level)


def known_location(writing: Writing, text: str) -> int | None:
    """Return the number of an active location, None for any other id."""
    return _location(writing, text)
