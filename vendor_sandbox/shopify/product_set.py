"""The mutation productSet: a product as it is to be, its lists as a whole. What a list leaves out is deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import DEFAULT_VALUE, Level, Record, item_number
from vendor_sandbox.shopify.inventory_writes import known_location
from vendor_sandbox.shopify.media import is_url, new_media
from vendor_sandbox.shopify.options import DELIMITER, MOST_OPTIONS, default_option, new_option, new_value, place_of, value_name
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.product_writes import (
    add_variant,
    handle_error,
    identified,
    member_errors,
    new_product,
    taken_handle,
    with_members,
)
from vendor_sandbox.shopify.variant_values import item_errors, new_variant, price_errors, with_values
from vendor_sandbox.shopify.variant_values import with_members as variant_with_members
from vendor_sandbox.shopify.writing import Arguments, UserError, Writing, refuse_unsupported, user_error

Values = tuple[str, ...]
_MOST_VALUES = 100


@dataclass
class _Plan:
    """What the input asks for, checked: the combination of each variant, and the variant that it means, if there is one."""

    combinations: list[Values] = field(default_factory=list)
    matched: list[Record | None] = field(default_factory=list)


def set_product(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    if not arguments["synchronous"]:
        raise Failed("the sandbox carries out productSet synchronously only", "BAD_REQUEST")
    wanted, identifier = arguments["input"], arguments.get("identifier")
    refuse_unsupported(wanted)
    held, errors = _meant(writing, identifier, wanted)
    errors = errors or _product_errors(writing, wanted, held)
    plan = _Plan()
    errors = errors or _list_errors(writing, wanted, held, plan)
    if errors:
        return {"product": held, "productSetOperation": None, "userErrors": errors}
    options = _options(writing, held, wanted)
    product = new_product(writing, wanted, options) if held is None else with_members(writing, held, wanted)
    product["options"] = tuple(options)
    if "files" in wanted:
        product["media"] = _files(writing, product, wanted["files"] or [])
    if wanted.get("variants"):
        product["variants"] = _variants(writing, product, wanted["variants"], plan)
    elif held is None:
        product["variants"] = (add_variant(writing, ids.number_of(product["id"]), [DEFAULT_VALUE]),)
    writing.goods.put_product(product)
    return {"product": product, "productSetOperation": None, "userErrors": []}


# What is wrong with the input


def _meant(writing: Writing, identifier: Arguments | None, wanted: Arguments) -> tuple[Record | None, list[UserError]]:
    """Return the product to change, None for a new one."""
    if identifier and wanted.get("id"):
        return None, [user_error(("input",), "The id field is not allowed if identifier is provided.", "ID_NOT_ALLOWED")]
    if not identifier and not wanted.get("id"):
        return None, []
    held = identified(writing, identifier or {"id": wanted["id"]})
    if identifier and identifier.get("handle"):
        if not wanted.get("handle"):
            return None, [user_error(("input", "handle"), "The handle must be in the input.", "MISSING_FIELD_REQUIRED")]
        if wanted["handle"] != identifier["handle"]:
            return None, [user_error(("input", "handle"), "The handle differs from the identifier.", "INPUT_MISMATCH")]
        return held, []
    if held is None:
        where = ("identifier", "id") if identifier else ("input", "id")
        return None, [user_error(where, "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]
    return held, []


def _product_errors(writing: Writing, wanted: Arguments, held: Record | None) -> list[UserError]:
    errors = []
    for each in member_errors(wanted, creating=held is None):
        fields = {"title": [("input", "title")], "tags": [("input", "tags")]}.get(each["field"][0], [("input",)])
        if each["field"] == ["title"] and wanted.get("title", "").strip():
            fields = [*fields, ("input",)]  # the handle made of a long title is too long as well
        if each["field"] != ["customProductType"]:
            errors += [user_error(where, each["message"], "INVALID_INPUT") for where in fields]
    if not errors and taken_handle(writing, wanted, ids.number_of(held["id"]) if held else None):
        errors.append(handle_error(wanted["handle"], "HANDLE_NOT_UNIQUE"))
    for at, each in enumerate(wanted.get("files") or []):
        if not each.get("id") and not is_url(each.get("originalSource") or ""):
            where = ("input", "files", at, "originalSource")
            errors.append(user_error(where, "Image URL is invalid", "INVALID_INPUT"))
    return errors


def _list_errors(writing: Writing, wanted: Arguments, held: Record | None, plan: _Plan) -> list[UserError]:
    options, variants = wanted.get("productOptions"), wanted.get("variants")
    if options and not variants:
        return [user_error(("input", "variants"), "Variants input is required.", "VARIANTS_INPUT_MISSING")]
    if variants and not options:
        where = ("input", "productOptions")
        return [user_error(where, "Product options input is required.", "PRODUCT_OPTIONS_INPUT_MISSING")]
    errors = _option_errors(options or [])
    named = _named(held, options or [])
    errors = errors or _value_errors(named)
    return errors or _variant_errors(writing, named, variants or [], held, plan)


def _option_errors(options: Sequence[Arguments]) -> list[UserError]:
    errors, seen = [], set()
    for at, each in enumerate(options):
        where, name = ("input", "productOptions", at), each.get("name") or ""
        values = [value.get("name") or value.get("id") for value in each.get("values") or []]
        if DELIMITER in name:
            errors.append(user_error((*where, "name"), f"Option name cannot contain '{DELIMITER}'", "INVALID_INPUT"))
        elif not name and not each.get("id"):
            errors.append(user_error((*where, "name"), "An option must have a name.", "INVALID_INPUT"))
        elif name and name in seen:
            errors.append(user_error(where, f"Option '{name}' is duplicated.", "DUPLICATED_OPTION_NAME"))
        elif not values:
            errors.append(user_error(where, "An option must have values.", "OPTION_VALUES_MISSING"))
        elif len(values) > _MOST_VALUES:
            errors.append(user_error(where, "An option can have at most 100 values.", "OPTION_VALUES_OVER_LIMIT"))
        elif len(set(values)) < len(values):
            errors.append(user_error(where, "An option value is duplicated.", "DUPLICATED_OPTION_VALUE"))
        seen.add(name)
    if len(options) > MOST_OPTIONS:
        errors.append(user_error(("input", "productOptions"), "At most 3 options are allowed.", "OPTIONS_OVER_LIMIT"))
    return errors


def _value_errors(options: Sequence[Record]) -> list[UserError]:
    """Return an error for each option and value that is named by an id which the product does not have."""
    unknown = [at for at, option in enumerate(options) if not option["name"]]
    if unknown:
        where = ("input", "productOptions", unknown[0])
        return [user_error(where, "Option does not exist", "OPTION_DOES_NOT_EXIST")]
    return [
        user_error(("input", "productOptions", at, "values", row), "Option value does not exist", "OPTION_VALUE_DOES_NOT_EXIST")
        for at, option in enumerate(options)
        for row, value in enumerate(option["values"])
        if value["name"] is None
    ]


def _named(held: Record | None, options: Sequence[Arguments]) -> list[Record]:
    """Return the options sent as records with the names that they will have, and the ids that were sent."""
    found: list[Record] = []
    for each in options:
        known = _held_option(held, each)
        values = []
        for value in each.get("values") or []:
            name = value.get("name") or (value_name(known, value) if known else None)
            values.append({"id": value.get("id"), "name": name})
        found.append({"id": each.get("id"), "name": each.get("name") or (known["name"] if known else ""), "values": values})
    return found


def _variant_errors(
    writing: Writing, options: Sequence[Record], wanted: Sequence[Arguments], held: Record | None, plan: _Plan
) -> list[UserError]:
    errors: list[UserError] = []
    by_values = {each["values"]: each for each in writing.goods.variants_of(held)} if held else {}
    for at, each in enumerate(wanted):
        refuse_unsupported(each)
        where = ("input", "variants", at)
        values, problems = _combination(options, each["optionValues"], where)
        if not problems and values in plan.combinations:
            message = f"The variant '{' / '.join(values)}' already exists. Please change at least one option value."
            problems = [user_error(where, message, "INVALID_VARIANT")]
        matched = by_values.get(values)
        if each.get("id"):
            number = writing.number("ProductVariant", each["id"])
            matched = writing.goods.variants.get(number) if held and number in held["variants"] and number else None
            if matched is None:
                problems = [user_error((*where, "id"), "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")]
        of_members = [*item_errors(each.get("inventoryItem") or {}, (*where, "inventoryItem")), *price_errors(each, where)]
        problems += [{**problem, "code": "INVALID_VARIANT"} for problem in of_members]
        errors += problems or _quantity_errors(writing, each, matched, where)
        plan.combinations.append(values)
        plan.matched.append(matched)
    return errors


def _combination(
    options: Sequence[Record], wanted: Sequence[Arguments], where: tuple[object, ...]
) -> tuple[Values, list[UserError]]:
    found: dict[int, str] = {}
    for at, each in enumerate(wanted):
        place = place_of(options, each)
        if place is None:
            return (), [user_error((*where, "optionValues", at), "Option does not exist", "OPTION_DOES_NOT_EXIST")]
        name = value_name(options[place], each)
        if name not in [value["name"] for value in options[place]["values"]]:
            return (), [user_error((*where, "optionValues", at), "Option value does not exist", "OPTION_VALUE_DOES_NOT_EXIST")]
        found[place] = str(name)
    if len(found) < len(options) or len(found) < len(wanted):
        return (), [user_error(where, "Each option needs exactly one value.", "INVALID_VARIANT")]
    return tuple(found[place] for place in range(len(options))), []


def _quantity_errors(writing: Writing, wanted: Arguments, matched: Record | None, where: tuple[object, ...]) -> list[UserError]:
    errors = []
    for at, each in enumerate(wanted.get("inventoryQuantities") or []):
        location = known_location(writing, each["locationId"])
        spot = (*where, "inventoryQuantities", at)
        if location is None:
            errors.append(user_error((*spot, "locationId"), "The location does not exist.", "INVALID_VARIANT"))
        elif matched and (item_number(ids.number_of(matched["id"])), location) not in writing.goods.levels:
            errors.append(user_error((*spot, "locationId"), "The variant is not stocked at the location.", "INVALID_VARIANT"))
        if each["name"] not in ("available", "on_hand"):
            errors.append(user_error((*spot, "name"), "The name must be available or on_hand.", "INVALID_VARIANT"))
    return errors


# Carrying it out


def _held_option(held: Record | None, wanted: Arguments) -> Record | None:
    for option in held["options"] if held else ():
        if wanted.get("id") == option["id"] or (not wanted.get("id") and wanted.get("name") == option["name"]):
            found: Record = option
            return found
    return None


def _options(writing: Writing, held: Record | None, wanted: Arguments) -> list[Record]:
    """Return the options as they are to be; those that were there, and their values, keep their ids."""
    sent = wanted.get("productOptions")
    if not sent:
        return list(held["options"]) if held else [default_option(writing.goods)]
    found: list[Record] = []
    for each, named in zip(sent, _named(held, sent), strict=True):
        option = _held_option(held, each) or new_option(writing.goods, named["name"], [])
        known = {value["id"]: value for value in option["values"]} | {value["name"]: value for value in option["values"]}
        values = []
        for value in named["values"]:
            same = known.get(value["id"]) or known.get(value["name"]) or new_value(writing.goods, value["name"])
            values.append({**same, "name": value["name"]})
        found.append({**option, "name": named["name"], "values": tuple(values)})
    return found


def _variants(writing: Writing, product: Record, wanted: Sequence[Arguments], plan: _Plan) -> tuple[int, ...]:
    """Store the variants sent, delete all others of the product, and return their numbers in the order sent."""
    numbers = []
    for each, values, matched in zip(wanted, plan.combinations, plan.matched, strict=True):
        number = ids.number_of(matched["id"]) if matched else writing.goods.new_id("ProductVariant")
        base = matched or new_variant(number, ids.number_of(product["id"]), values, writing.stamp)
        changed = variant_with_members(base, each, writing.settings.currency, writing.stamp)
        writing.goods.put_variant(with_values(changed, values))
        _stock(writing, number, each.get("inventoryQuantities") or [], new=matched is None)
        numbers.append(number)
    for number in set(product["variants"]) - set(numbers):
        writing.goods.drop_variant(number)
    return tuple(numbers)


def _stock(writing: Writing, variant: int, quantities: Sequence[Mapping[str, Any]], new: bool) -> None:
    """Set quantities; a new variant is stocked at the locations listed only, at the default one when none is."""
    item = item_number(variant)
    for each in quantities:
        location = known_location(writing, each["locationId"]) or 0
        held = writing.goods.levels.get((item, location), Level(created=writing.now))
        delta = each["quantity"] - writing.fields.quantity(each["name"], item, location)
        writing.goods.put_level(item, location, Level(held.available + delta, True, held.created, writing.now))
    if new and not quantities:
        writing.goods.put_level(item, ids.DEFAULT_LOCATION, Level(created=writing.now, updated=writing.now))


def _files(writing: Writing, product: Record, wanted: Sequence[Arguments]) -> tuple[Record, ...]:
    """Return the pictures as they are to be. One that is named by its id stays; what is not named is gone."""
    held = {each["id"]: each for each in product["media"]}
    found: list[Record] = []
    for each in wanted:
        known = held.get(each.get("id"))
        if known is None and each.get("id"):
            raise Failed(f"the sandbox has no file {each['id']} at this product", "BAD_REQUEST")
        if known is not None:
            found.append({**known, "alt": each["alt"]} if each.get("alt") is not None else known)
            continue
        number = writing.goods.new_id("MediaImage")
        found.append(new_media(number, each["originalSource"], each.get("alt"), writing.clock.now(), writing.stamp))
    return tuple(found)
