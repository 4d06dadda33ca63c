"""Mutations of products: create, update, delete, tags, options."""

from collections.abc import Sequence
from itertools import product as combinations_of
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import Record
from vendor_sandbox.shopify.goods_text import LONGEST, free_handle, handle_of, split_tags, tidy_tags
from vendor_sandbox.shopify.inventory_writes import stock_new
from vendor_sandbox.shopify.media import is_url, new_media
from vendor_sandbox.shopify.options import DELIMITER, MOST_OPTIONS, default_option, is_default, new_option
from vendor_sandbox.shopify.paging import Failed
from vendor_sandbox.shopify.reads import SHOP_NAME
from vendor_sandbox.shopify.variant_values import new_variant, with_values
from vendor_sandbox.shopify.writing import Arguments, UserError, Writing, refuse_unsupported, user_error

_MEMBERS = {"title": "title", "descriptionHtml": "descriptionHtml", "vendor": "vendor", "productType": "productType"}
MOST_VARIANTS = 2_048


def create(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments.get("product") or arguments.get("input") or {}
    refuse_unsupported(wanted)
    errors = member_errors(wanted, creating=True)
    options = wanted.get("productOptions") or []
    errors += [user_error(("options",), each["message"]) for each in _option_errors(options, [])]
    errors += media_errors(arguments.get("media") or [])
    if not errors and taken_handle(writing, wanted):
        errors.append(handle_error(wanted["handle"]))
    if errors:
        return {"product": None, "userErrors": errors}
    made = [new_option(writing.goods, each["name"], _values(each)) for each in options]
    product = new_product(writing, wanted, made or [default_option(writing.goods)])
    number = ids.number_of(product["id"])
    variant = add_variant(writing, number, [each["values"][0]["name"] for each in product["options"]])
    product = {**product, "variants": (variant,), "media": added_media(writing, arguments.get("media") or [])}
    writing.goods.put_product(product)
    return {"product": product, "userErrors": []}


def update(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments.get("product") or arguments.get("input") or {}
    refuse_unsupported(wanted)
    held = identified(writing, arguments.get("identifier") or {"id": wanted.get("id")})
    if held is None:
        return {"product": None, "userErrors": [user_error(("id",), "Product does not exist")]}
    errors = [*member_errors(wanted, creating=False), *media_errors(arguments.get("media") or [])]
    if not errors and taken_handle(writing, wanted, ids.number_of(held["id"])):
        errors.append(handle_error(wanted["handle"]))
    if errors:
        return {"product": held, "userErrors": errors}
    media = (*held["media"], *added_media(writing, arguments.get("media") or []))
    product = {**with_members(writing, held, wanted), "media": media}
    writing.goods.put_product(product)
    return {"product": product, "userErrors": []}


def delete(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments["input"]["id"]
    number = writing.number("Product", wanted)
    if number not in writing.goods.products or number is None:
        return {"deletedProductId": None, "userErrors": [user_error(("id",), "Product does not exist")]}
    writing.goods.drop_product(number)
    return {"deletedProductId": wanted, "userErrors": []}


def create_options(writing: Writing, arguments: Arguments) -> dict[str, Any]:
    held = identified(writing, {"id": arguments["productId"]})
    if held is None:
        return {"product": None, "userErrors": [user_error(("productId",), "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]}
    wanted = arguments["options"]
    kept = [] if is_default(held) else list(held["options"])
    errors = _option_errors(wanted, kept)
    fresh = [_values(each) for each in wanted]
    everything = arguments["variantStrategy"] == "CREATE"
    count = len(held["variants"])
    for values in fresh if everything else ():
        count *= len(values)
    if not errors and count > MOST_VARIANTS:
        errors = [user_error(("options",), "The number of variants exceeds 2048", "TOO_MANY_VARIANTS_CREATED")]
    if errors:
        return {"product": held, "userErrors": errors}
    made = [new_option(writing.goods, each["name"], values) for each, values in zip(wanted, fresh, strict=True)]
    product: Record = {**held, "options": (*kept, *made), "updatedAt": writing.stamp}
    numbers = list(held["variants"])
    for variant in writing.goods.variants_of(held):
        base: Sequence[str] = variant["values"] if kept else ()
        first, *others = [tuple(each) for each in combinations_of(*fresh)]
        writing.goods.put_variant({**with_values(variant, (*base, *first)), "updatedAt": writing.stamp})
        for combination in others if everything else ():
            numbers.append(add_variant(writing, ids.number_of(held["id"]), (*base, *combination), variant))
    writing.goods.put_product({**product, "variants": tuple(numbers)})
    return {"product": writing.goods.products[ids.number_of(held["id"])], "userErrors": []}


def _option_errors(wanted: Sequence[Arguments], held: Sequence[Record]) -> list[UserError]:
    errors, names = [], {each["name"] for each in held}
    seen: set[str] = set()
    for at, each in enumerate(wanted):
        where, name = ("options", at), each.get("name") or ""
        if not name:
            errors.append(user_error(where, "Each option must have a name specified.", "OPTION_NAME_MISSING"))
        elif DELIMITER in name:
            errors.append(user_error((*where, "name"), f"Option name cannot contain '{DELIMITER}'", "INVALID_NAME"))
        elif len(name) > LONGEST:
            errors.append(user_error(where, "Option name is too long.", "OPTION_NAME_TOO_LONG"))
        elif name in names:
            errors.append(user_error(where, f"Option '{name}' already exists.", "OPTION_ALREADY_EXISTS"))
        elif name in seen:
            errors.append(user_error(where, f"Option '{name}' is duplicated.", "DUPLICATED_OPTION_NAME"))
        elif not all(_values(each) or [""]):
            errors.append(user_error(where, f"Option '{name}' must have values.", "OPTION_VALUES_MISSING"))
        seen.add(name)
    if len(held) + len(wanted) > MOST_OPTIONS:
        errors.append(user_error(("options",), "Can only specify a maximum of 3 options", "OPTIONS_OVER_LIMIT"))
    return errors


def _values(option: Arguments) -> list[str]:
    """Return the names of the values sent of an option; a value without a name has the name ""."""
    return [value.get("name") or "" for value in option.get("values") or []]


def add_tags(writing: Writing, held: Record, tags: Sequence[str]) -> Record:
    return {**held, "tags": tidy_tags(split_tags(tags), held["tags"]), "updatedAt": writing.stamp}


def remove_tags(writing: Writing, held: Record, tags: Sequence[str]) -> Record:
    gone = {tag.strip().casefold() for tag in split_tags(tags)}
    return {**held, "tags": [tag for tag in held["tags"] if tag.casefold() not in gone], "updatedAt": writing.stamp}


# Parts that productSet shares


def identified(writing: Writing, identifier: Arguments) -> Record | None:
    """Return the product that an id or a handle means."""
    if identifier.get("customId"):
        raise Failed("the sandbox has no metafields, so nothing is found by customId", "BAD_REQUEST")
    if identifier.get("handle"):
        return next((each for each in writing.goods.products.values() if each["handle"] == identifier["handle"]), None)
    number = writing.number("Product", identifier.get("id"))
    return None if number is None else writing.goods.products.get(number)


def member_errors(wanted: Arguments, creating: bool) -> list[UserError]:
    """Return what is wrong with a product's own members."""
    errors = []
    if ("title" in wanted or creating) and not (wanted.get("title") or "").strip():
        errors.append(user_error(("title",), "Title can't be blank"))
    for name, fields in _LIMITED.items():
        if len(wanted.get(name) or "") > LONGEST:
            errors += [user_error((field,), f"{name} is too long (maximum is {LONGEST} characters)") for field in fields]
    if any(len(tag) > LONGEST for tag in wanted.get("tags") or []):
        errors.append(user_error(("tags",), "Product tags is invalid"))
    return errors


_LIMITED = {
    "title": ("title",),
    "vendor": ("vendor",),
    "productType": ("productType", "customProductType"),
    "handle": ("handle",),
}


def taken_handle(writing: Writing, wanted: Arguments, own: int | None = None) -> bool:
    """Whether a handle was sent that another product has."""
    sent = (wanted.get("handle") or "").strip()
    return bool(sent) and writing.goods.handle_taken(handle_of(sent), own)


def handle_error(handle: str, code: str | None = None) -> UserError:
    message = f"Handle '{handle_of(handle)}' already in use. Please provide a new handle."
    return user_error(("input", "handle"), message, code)


def new_product(writing: Writing, wanted: Arguments, options: Sequence[Record]) -> dict[str, Any]:
    """Return a product without variants; it is not stored yet."""
    number = writing.goods.new_id("Product")
    blank: dict[str, Any] = {
        "id": ids.gid("Product", number),
        "legacyResourceId": str(number),
        "title": "",
        "descriptionHtml": "",
        "vendor": SHOP_NAME,
        "productType": "",
        "status": "ACTIVE",
        "tags": [],
        "handle": "",
        "options": tuple(options),
        "variants": (),
        "media": (),
        "publishedAt": None,
        "createdAt": writing.stamp,
        "updatedAt": writing.stamp,
    }
    return with_members(writing, blank, {"handle": "", **wanted})


def with_members(writing: Writing, held: Record, wanted: Arguments) -> dict[str, Any]:
    """Return a product with its own members replaced by those sent, already checked."""
    changed = {**held, "updatedAt": writing.stamp}
    changed |= {name: wanted[member] for member, name in _MEMBERS.items() if wanted.get(member) is not None}
    if wanted.get("status"):
        changed["status"] = wanted["status"]
    if wanted.get("tags") is not None:
        changed["tags"] = tidy_tags(wanted["tags"])
    if wanted.get("handle") is not None:
        own = ids.number_of(held["id"])
        sent = wanted["handle"].strip()
        derived = handle_of(sent or changed["title"])
        changed["handle"] = free_handle(derived, lambda handle: writing.goods.handle_taken(handle, own))
    return changed


def add_variant(writing: Writing, product: int, values: Sequence[str], like: Record | None = None) -> int:
    """Store a new variant with a level at the default location; `like` gives its price. Return its number."""
    number = writing.goods.new_id("ProductVariant")
    variant = new_variant(number, product, values, writing.stamp)
    if like is not None:
        variant |= {"price": like["price"], "compareAtPrice": like["compareAtPrice"], "taxable": like["taxable"]}
    writing.goods.put_variant(variant)
    stock_new(writing, number, {})
    return number


def media_errors(media: Sequence[Arguments]) -> list[UserError]:
    return [
        user_error(("media", at, "originalSource"), "Image URL is invalid")
        for at, each in enumerate(media)
        if not is_url(each["originalSource"])
    ]


def added_media(writing: Writing, media: Sequence[Arguments]) -> tuple[dict[str, Any], ...]:
    kinds = {each["mediaContentType"] for each in media}
    if kinds - {"IMAGE"}:
        raise Failed("the sandbox keeps only images", "BAD_REQUEST")
    return tuple(
        new_media(writing.goods.new_id("MediaImage"), each["originalSource"], each.get("alt"), writing.clock.now(), writing.stamp)
        for each in media
    )
