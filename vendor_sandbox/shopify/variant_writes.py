"""Mutations of a product's variants, many at a time: create and update."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import DEFAULT_VALUE, Record
from vendor_sandbox.shopify.inventory_writes import known_location, stock_new
from vendor_sandbox.shopify.options import place_of, value_name, with_used_values
from vendor_sandbox.shopify.product_writes import MOST_VARIANTS, added_media, identified, media_errors
from vendor_sandbox.shopify.variant_values import item_errors, new_variant, price_errors, with_members, with_values
from vendor_sandbox.shopify.writing import Arguments, UserError, Writing, refuse_unsupported, user_error

Values = tuple[str, ...]
_NO_PRODUCT = user_error(("productId",), "Product does not exist", "PRODUCT_DOES_NOT_EXIST")


def bulk_create(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    product = identified(writing, {"id": arguments["productId"]})
    if product is None:
        return {"product": None, "productVariants": None, "userErrors": [_NO_PRODUCT]}
    wanted = arguments["variants"]
    if not wanted:
        return {"product": product, "productVariants": [], "userErrors": []}
    replaced = _replaced(writing, product, arguments["strategy"])
    kept = [each for each in writing.goods.variants_of(product) if each is not replaced]
    errors = media_errors(arguments.get("media") or [])
    combinations = []
    taken = {each["values"] for each in kept}
    for at, each in enumerate(wanted):
        refuse_unsupported(each)
        values, problems = _values(product, each.get("optionValues") or [], ("variants", at), "INVALID_INPUT")
        problems = problems or _creation_errors(writing, each, ("variants", at))
        if not problems and values in taken:
            message = f"The variant '{' / '.join(values)}' already exists. Please change at least one option value."
            problems = [user_error(("variants", at), message, "VARIANT_ALREADY_EXISTS")]
        errors += problems
        taken.add(values)
        combinations.append(values)
    if len(kept) + len(wanted) > MOST_VARIANTS:
        errors.append(user_error(("variants",), "A product can have at most 2048 variants", "SUBSCRIPTION_VIOLATION"))
    if errors:
        return {"product": None, "productVariants": [], "userErrors": errors}
    made = [_created(writing, product, each, values) for each, values in zip(wanted, combinations, strict=True)]
    options = product["options"]
    if replaced is not None:
        writing.goods.drop_variant(ids.number_of(replaced["id"]))
        options = [_without_value(each, DEFAULT_VALUE) for each in options]
    options = with_used_values(writing.goods, options, combinations)
    changed = {
        **product,
        "options": tuple(options),
        "variants": tuple(ids.number_of(each["id"]) for each in (*kept, *made)),
        "media": (*product["media"], *added_media(writing, arguments.get("media") or [])),
        "updatedAt": writing.stamp,
    }
    writing.goods.put_product(changed)
    return {"product": changed, "productVariants": made, "userErrors": []}


def _replaced(writing: Writing, product: Record, strategy: str) -> Record | None:
    """Return the only variant of a product when this strategy puts the new ones in its place."""
    variants = writing.goods.variants_of(product)
    if len(variants) != 1 or strategy == "PRESERVE_STANDALONE_VARIANT":
        return None
    default = variants[0]["values"] == (DEFAULT_VALUE,)
    return variants[0] if default or strategy == "REMOVE_STANDALONE_VARIANT" else None


def _without_value(option: Record, name: str) -> Record:
    return {**option, "values": tuple(each for each in option["values"] if each["name"] != name)}


def _created(writing: Writing, product: Record, wanted: Arguments, values: Values) -> Record:
    number = writing.goods.new_id("ProductVariant")
    fresh = new_variant(number, ids.number_of(product["id"]), values, writing.stamp)
    variant = with_members(fresh, wanted, writing.settings.currency, writing.stamp)
    writing.goods.put_variant(variant)
    stock: dict[int, int] = {}
    for each in wanted.get("inventoryQuantities") or []:
        stock[known_location(writing, each["locationId"]) or 0] = each["availableQuantity"]
    stock_new(writing, number, stock)
    return variant


def _creation_errors(writing: Writing, wanted: Arguments, where: tuple[object, ...]) -> list[UserError]:
    errors = _member_errors(wanted, where)
    quantities = wanted.get("inventoryQuantities") or []
    if any(known_location(writing, each["locationId"]) is None for each in quantities):
        message = "Quantity for a variant could not be set because the location was not found"
        errors.append(user_error((*where, "inventoryQuantities"), message, "TRACKED_VARIANT_LOCATION_NOT_FOUND"))
    return errors


def _member_errors(wanted: Arguments, where: tuple[object, ...]) -> list[UserError]:
    of_item = item_errors(wanted.get("inventoryItem") or {}, (*where, "inventoryItem"))
    whole = [user_error(where, each["message"]) for each in of_item[:1]]
    return [*whole, *of_item, *price_errors(wanted, where)]


def _values(
    product: Record, wanted: Sequence[Arguments], where: tuple[object, ...], unknown: str
) -> tuple[Values, list[UserError]]:
    """Return the combination of values that was sent, or what is wrong with it. `unknown`: the code for an unknown option."""
    options = product["options"]
    places = [place_of(options, each) for each in wanted]
    for at, place in enumerate(places):
        if place is None:
            return (), [user_error((*where, "optionValues", at), "Option does not exist", unknown)]
    if any(count > 1 for count in Counter(places).values()):
        return (), [user_error((*where, "optionValues"), "Duplicated option name", "INVALID_INPUT")]
    found: dict[int, str] = {}
    for at, (place, each) in enumerate(zip(places, wanted, strict=True)):
        name = value_name(options[place], each) if place is not None else None
        if name is None or place is None:
            code = "INVALID_INPUT" if unknown == "INVALID_INPUT" else "OPTION_VALUE_DOES_NOT_EXIST"
            return (), [user_error((*where, "optionValues", at), "Option value does not exist", code)]
        found[place] = name
    if len(found) < len(options):
        missing = next(each["name"] for place, each in enumerate(options) if place not in found)
        message = f"You need to add option values for {missing}"
        return (), [user_error(where, message, "NEED_TO_ADD_OPTION_VALUES")]
    return tuple(found[place] for place in range(len(options))), []


def bulk_update(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    product = identified(writing, {"id": arguments["productId"]})
    if product is None:
        return {"product": None, "productVariants": None, "userErrors": [_NO_PRODUCT]}
    errors: list[UserError] = media_errors(arguments.get("media") or [])
    held_back = bool(errors)
    good: dict[int, Record] = {}
    known: list[int] = []
    taken = {each["values"]: ids.number_of(each["id"]) for each in writing.goods.variants_of(product)}
    for at, wanted in enumerate(arguments["variants"]):
        refuse_unsupported(wanted)
        where = ("variants", at)
        number = writing.number("ProductVariant", wanted.get("id"))
        variant = writing.goods.variants.get(number) if number in product["variants"] and number is not None else None
        values, problems = _change_errors(product, variant, wanted, where, taken)
        held_back = held_back or bool(problems)
        problems = problems or _member_errors(wanted, where)
        errors += problems
        if variant is None or number is None:
            continue
        known.append(number)
        if not problems:
            changed = with_members(variant, wanted, writing.settings.currency, writing.stamp)
            good[number] = with_values(changed, values)
            taken.pop(variant["values"], None)
            taken[values] = number
    if errors and not arguments["allowPartialUpdates"]:
        unchanged = None if held_back else [writing.goods.variants[number] for number in known]
        return {"product": product, "productVariants": unchanged, "userErrors": errors}
    if good or arguments.get("media"):
        _apply(writing, product, good, arguments.get("media") or [])
    present = writing.goods.products[ids.number_of(product["id"])]
    return {"product": present, "productVariants": [writing.goods.variants[number] for number in known], "userErrors": errors}


def _apply(writing: Writing, product: Record, good: Mapping[int, Record], media: Sequence[Arguments]) -> None:
    for variant in good.values():
        writing.goods.put_variant(variant)
    options = with_used_values(writing.goods, product["options"], [each["values"] for each in good.values()])
    pictures = (*product["media"], *added_media(writing, media))
    writing.goods.put_product({**product, "options": tuple(options), "media": pictures, "updatedAt": writing.stamp})


def _change_errors(
    product: Record, variant: Record | None, wanted: Arguments, where: tuple[object, ...], taken: Mapping[Values, int]
) -> tuple[Values, list[UserError]]:
    """Return the combination of values after the change, and what forbids it: id, quantities or options."""
    if wanted.get("id") is None:
        return (), [user_error((*where, "id"), "Product variant is missing ID attribute", "PRODUCT_VARIANT_ID_MISSING")]
    if variant is None:
        return (), [user_error((*where, "id"), "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")]
    if wanted.get("inventoryQuantities"):
        message = "Inventory quantities can only be provided during create."
        code = "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"
        return (), [user_error((*where, "inventoryQuantities"), message, code)]
    if not wanted.get("optionValues"):
        return variant["values"], []
    kept = [
        {"optionId": option["id"], "name": name}
        for option, name in zip(product["options"], variant["values"], strict=True)
        if not any(place_of([option], each) == 0 for each in wanted["optionValues"])
    ]
    values, problems = _values(product, [*wanted["optionValues"], *kept], where, "OPTION_DOES_NOT_EXIST")
    if not problems and taken.get(values, ids.number_of(variant["id"])) != ids.number_of(variant["id"]):
        message = f"The variant '{' / '.join(values)}' already exists. Please change at least one option value."
        problems = [user_error(where, message, "VARIANT_ALREADY_EXISTS")]
    return values, problems
