"""The body of a call that creates or patches a product, checked as a whole before anything is stored."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vendor_sandbox.plytix.attribute_values import WrongValue, checked_value, is_gtin
from vendor_sandbox.plytix.definitions import Attribute
from vendor_sandbox.plytix.problems import PRODUCT_DATA, SCHEMA, Entry, Problem, entry, invalid
from vendor_sandbox.plytix.products import STATUSES, Product
from vendor_sandbox.plytix.settings import Settings
from vendor_sandbox.plytix.store import Store

_LONGEST_SKU = 255


def written(product: Product, body: Any, store: Store, settings: Settings, create: bool = False) -> Product:
    """Return the product with the body's changes; read-only and unknown members are ignored. Raises Problem."""
    if not isinstance(body, dict):
        raise Problem(422, SCHEMA, [entry("_schema", ["Invalid input type."])])
    _check_shape(body)
    errors: list[Entry] = []
    changes: dict[str, Any] = {}
    if create or "sku" in body:
        _read_sku(body, changes, errors)
    if "label" in body:
        if body["label"] is not None and not isinstance(body["label"], str):
            errors.append(entry("label", "not a valid string"))
        changes["label"] = body["label"] or None
    if body.get("status") is not None:
        status = next((each for each in STATUSES if each.casefold() == str(body["status"]).casefold()), None)
        if status is None:
            errors.append(entry("status", f"must be one of: {', '.join(STATUSES)}"))
        changes["status"] = status
    if "gtin" in body:
        if body["gtin"] not in (None, "") and not is_gtin(body["gtin"]):
            errors.append(entry("gtin", "not a valid GTIN"))
        changes["gtin"] = body["gtin"] or None
    if "attributes" in body:
        changes["attributes"] = _attributes(product, body["attributes"], store, settings, create, errors)
    if errors:
        raise Problem(422, PRODUCT_DATA, errors)
    changed = replace(product, **changes)
    taken = store.shelf.with_sku(changed.sku, settings.sku_ignores_case) if "sku" in changes else None
    if taken is not None and taken.id != product.id:
        message = f"A product with the SKU {changed.sku!r} already exists"
        raise Problem(settings.duplicate_status, message, [entry("sku", message)])
    return changed


def _check_shape(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("attributes", {}), dict):
        raise invalid("attributes", {"_schema": ["Invalid input type."]})
    if body.get("thumbnail") is not None:
        if not isinstance(body["thumbnail"], dict):
            raise invalid("thumbnail", {"_schema": ["Invalid input type."]})
        raise Problem(422, PRODUCT_DATA, [entry("thumbnail", "the asset does not exist")])
    for name in ("assets", "categories"):
        things = body.get(name) or []
        if not isinstance(things, list) or not all(isinstance(each, dict) and "id" in each for each in things):
            raise invalid(name, {"0": {"_schema": ["Invalid input type."]}})
        if things:
            raise Problem(422, PRODUCT_DATA, [entry(name, f"does not exist: {things[0]['id']}")])


def _read_sku(body: Mapping[str, Any], changes: dict[str, Any], errors: list[Entry]) -> None:
    sku = body.get("sku")
    if sku is None:
        errors.append(entry("sku", "Missing data for required field."))
    elif not isinstance(sku, str) or not sku.isprintable() or sku != sku.strip() or not 0 < len(sku) <= _LONGEST_SKU:
        errors.append(entry("sku", f"must be 1 to {_LONGEST_SKU} printable characters without spaces around them"))
    changes["sku"] = sku


def _attributes(
    product: Product, sent: Mapping[str, Any], store: Store, settings: Settings, create: bool, errors: list[Entry]
) -> dict[str, Any]:
    """Return the values after a merge: null clears a value, values not named stay."""
    values = dict(product.attributes)
    for label, raw in sent.items():
        attribute = store.definitions.by_label.get(label)
        try:
            value = _value(product, attribute, raw, store, settings, create)
        except WrongValue as wrong:
            name = label if settings.error_fields == "label" else f"attributes.{label}"
            errors.append(entry(name, wrong.args[0]))
            continue
        if value is None:
            values.pop(label, None)
        else:
            values[label] = value
    return values


def _value(product: Product, attribute: Attribute | None, raw: Any, store: Store, settings: Settings, create: bool) -> Any:
    if attribute is None:
        raise WrongValue("label does not exist")
    if raw is None and create and settings.null_on_create == "refuse":
        raise WrongValue("Field may not be null.")
    value = checked_value(attribute, raw)
    family = store.definitions.labels_of_family.get(product.family_id or "")
    outside = family is not None and attribute.label not in family
    if value is not None and outside and settings.outside_family == "refuse":
        raise WrongValue("the attribute is not in the family of the product")
    return value
