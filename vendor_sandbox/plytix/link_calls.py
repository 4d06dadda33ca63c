"""Links from one product to others. The product in the path is the source; a call is carried out as a whole or not at all."""

from dataclasses import replace
from typing import Any

from vendor_sandbox.plytix.calls import ApiCall, data, no_content
from vendor_sandbox.plytix.problems import Problem, entry, invalid, not_found
from vendor_sandbox.plytix.products import Link, Links, Product, instant
from vendor_sandbox.wire import Reply


def source_of(call: ApiCall, product_id: str, relationship_id: str) -> Product:
    """Return the source of the links. Raises Problem (404), also for an unknown relationship."""
    source = call.product(product_id)
    if relationship_id not in call.store.definitions.relationships:
        raise not_found(f"relationship {relationship_id}")
    return source


def held_links(call: ApiCall, source: Product, relationship_id: str) -> Links:
    """Return the source's links, without those to products that are gone."""
    held = source.links.get(relationship_id, {})
    return {target: link for target, link in held.items() if call.store.product(target) is not None}


def put_links(call: ApiCall, product_id: str, relationship_id: str, links: Links) -> None:
    """Replace a product's links in one relationship. Raises Problem (422) when there are too many."""
    if len(links) > call.settings.most_links:
        message = f"at most {call.settings.most_links} related products"
        raise invalid("product_relationships", message)
    source = call.product(product_id)
    call.put(replace(source, links={**source.links, relationship_id: links}))


def link(call: ApiCall, product_id: str, relationship_id: str) -> Reply:
    """Link products: 201 when a link or a quantity changed, 200 when nothing did, 409 for an unknown product."""
    source = source_of(call, product_id, relationship_id)
    wanted = read_targets(call.body().get("product_relationships"))
    held = held_links(call, source, relationship_id)
    unknown = [each for each in wanted if call.store.product(each) is None]
    known = {target: quantity for target, quantity in wanted.items() if target not in unknown}
    changed = {
        target: Link(quantity, instant())
        for target, quantity in known.items()
        if target not in held or held[target].quantity != quantity
    }
    refused = bool(unknown) and call.settings.mixed_batch == "refuse"
    if changed and not refused:
        call.pause(call.settings.link_seconds)
        put_links(call, product_id, relationship_id, {**held, **changed})
        call.store.counts["link_calls"] += 1
    if unknown:
        entries = [entry("product_id", "the product does not exist", value=each) for each in unknown]
        raise Problem(409, "Some related products do not exist", entries)
    return _link_set(call, product_id, relationship_id, 201 if changed else 200)


def change_quantity(call: ApiCall, product_id: str, relationship_id: str, target: str) -> Reply:
    held = held_links(call, source_of(call, product_id, relationship_id), relationship_id)
    quantity = _quantity(call.body().get("quantity"))
    if target not in held:
        raise not_found(f"related product {target}")
    if held[target].quantity != quantity:
        put_links(call, product_id, relationship_id, {**held, target: Link(quantity, instant())})
        call.store.counts["link_calls"] += 1
    return _link_set(call, product_id, relationship_id, 200)


def unlink(call: ApiCall, product_id: str, relationship_id: str) -> Reply:
    """Unlink the products of a list of `{"product_id"}`, bare or as `product_relationships`; those not linked are ignored."""
    held = held_links(call, source_of(call, product_id, relationship_id), relationship_id)
    body = call.request.json_body()
    wanted = read_targets(body.get("product_relationships") if isinstance(body, dict) else body)
    left = {target: each for target, each in held.items() if target not in wanted}
    if len(left) < len(held):
        put_links(call, product_id, relationship_id, left)
        call.store.counts["unlink_calls"] += 1
    return no_content()


def _link_set(call: ApiCall, product_id: str, relationship_id: str, status: int) -> Reply:
    return data([call.store.shown.links(call.product(product_id), relationship_id)], status)


def read_targets(entries: Any) -> dict[str, int]:
    """Read the quantities, by the id of the product linked to."""
    if not isinstance(entries, list) or not entries:
        raise invalid("product_relationships", "must be a list of related products")
    found = {}
    for position, each in enumerate(entries):
        if not isinstance(each, dict) or not isinstance(each.get("product_id"), str):
            raise invalid("product_relationships", {str(position): {"product_id": ["Missing data for required field."]}})
        found[each["product_id"]] = _quantity(each.get("quantity", 1))
    return found


def _quantity(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise invalid("quantity", "must be a whole number of at least 1")
    return value
