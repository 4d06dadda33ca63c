"""The product calls of V2 (beta) where they differ from V1: shorter answers, and links that fail silently."""

from typing import Any

from vendor_sandbox.plytix.calls import ApiCall, data, no_content
from vendor_sandbox.plytix.link_calls import held_links, put_links, read_targets, source_of
from vendor_sandbox.plytix.problems import invalid
from vendor_sandbox.plytix.product_calls import created, patched
from vendor_sandbox.plytix.products import Link, Product, instant
from vendor_sandbox.wire import Reply


def create(call: ApiCall) -> Reply:
    return data([_audit(call, created(call))], 201)


def patch(call: ApiCall, product_id: str) -> Reply:
    return data([_audit(call, patched(call, product_id))])


def get(call: ApiCall, product_id: str) -> Reply:
    everything = call.request.query.get("all_attributes", "").lower() == "true"
    product = call.product(product_id)
    shown = call.store.shown.document(product, everything)
    shown["parent_id"] = shown.pop("_parent_id")
    return data([{**shown, **_times(product)}])


def link(call: ApiCall, product_id: str, relationship_id: str) -> Reply:
    """Link products: 200 without a body. Unknown products, and those already linked, are ignored."""
    held = held_links(call, source_of(call, product_id, relationship_id), relationship_id)
    wanted = read_targets(call.body().get("product_relationships"))
    fresh = {target: Link(quantity, instant()) for target, quantity in wanted.items() if target not in held}
    return _put(call, product_id, relationship_id, {**_known(call, fresh), **held}, "link_calls")


def change_quantities(call: ApiCall, product_id: str, relationship_id: str) -> Reply:
    held = held_links(call, source_of(call, product_id, relationship_id), relationship_id)
    wanted = read_targets(call.request.json_body())
    changed = {target: Link(quantity, instant()) for target, quantity in wanted.items() if target in held}
    return _put(call, product_id, relationship_id, {**held, **changed}, "link_calls")


def unlink(call: ApiCall, product_id: str, relationship_id: str) -> Reply:
    """Unlink the products of the body, a list of ids."""
    held = held_links(call, source_of(call, product_id, relationship_id), relationship_id)
    gone = call.request.json_body()
    if not isinstance(gone, list) or not all(isinstance(each, str) for each in gone):
        raise invalid("_schema", "must be a list of product ids")
    left = {target: each for target, each in held.items() if target not in gone}
    _put(call, product_id, relationship_id, left, "unlink_calls")
    return no_content()


def _put(call: ApiCall, product_id: str, relationship_id: str, links: dict[str, Link], count: str) -> Reply:
    if links != held_links(call, call.product(product_id), relationship_id):
        put_links(call, product_id, relationship_id, links)
        call.store.counts[count] += 1
    return Reply(200)


def _known(call: ApiCall, links: dict[str, Link]) -> dict[str, Link]:
    return {target: each for target, each in links.items() if call.store.product(target) is not None}


def _audit(call: ApiCall, product: Product) -> dict[str, Any]:
    shown = call.store.shown.document(product)
    kept = ("id", "created_user_audit", "modified_user_audit")
    return {**{name: shown[name] for name in kept}, **_times(product)}


def _times(product: Product) -> dict[str, str]:
    """Return the product's instants in UTC, without an offset."""
    return {"created": product.created.removesuffix("+00:00"), "modified": product.modified.removesuffix("+00:00")}
