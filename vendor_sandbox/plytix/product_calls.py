"""Creating, reading, changing and deleting products, and giving them a family."""

from dataclasses import replace

from vendor_sandbox.plytix.calls import ApiCall, data, no_content
from vendor_sandbox.plytix.problems import PRODUCT_DATA, Problem, entry, invalid, not_found
from vendor_sandbox.plytix.product_search import search_products
from vendor_sandbox.plytix.products import Product, instant
from vendor_sandbox.plytix.writing import written
from vendor_sandbox.wire import Reply


def search(call: ApiCall) -> Reply:
    return Reply.json(200, search_products(call.store, call.body(), call.settings))


def created(call: ApiCall) -> Product:
    """Store the product that the body describes."""
    now = instant()
    blank = Product(id="", sku="", created=now, modified=now)
    product = written(blank, call.body(), call.store, call.settings, create=True)
    product = replace(product, id=call.store.new_id("product"))
    call.put(product)
    call.store.counts["created"] += 1
    call.store.creates[product.sku] += 1
    return product


def patched(call: ApiCall, product_id: str) -> Product:
    """Store the changes that the body makes to a product."""
    held = call.product(product_id)
    product = replace(written(held, call.body(), call.store, call.settings), modified=instant())
    call.put(product)
    call.store.counts["patched"] += 1
    return product


def create(call: ApiCall) -> Reply:
    product = created(call)
    return data([call.store.shown.document(product)], 201, Location=f"/api/v1/products/{product.id}")


def get(call: ApiCall, product_id: str) -> Reply:
    everything = call.request.query.get("all_attributes", "").lower() == "true"
    return data([call.store.shown.document(call.product(product_id), everything)])


def patch(call: ApiCall, product_id: str) -> Reply:
    return data([call.store.shown.document(patched(call, product_id))])


def delete(call: ApiCall, product_id: str) -> Reply:
    call.product(product_id)
    call.store.remove(product_id, call.settings.search_lag)
    call.store.counts["deleted"] += 1
    return no_content()


def assign_family(call: ApiCall, product_id: str) -> Reply:
    """Set a product's family. Variants follow their parent; values of attributes outside the family stay."""
    product = call.product(product_id)
    family_id = call.body().get("product_family_id")
    if not isinstance(family_id, str):
        raise invalid("product_family_id", "Missing data for required field.")
    if product.parent is not None:
        raise Problem(422, PRODUCT_DATA, [entry("product_family_id", "a variant has the family of its parent")])
    if family_id and family_id not in call.store.definitions.families:
        raise not_found(f"product family {family_id}")
    if not call.request.faulted("family_lost"):
        for each in (product, *call.store.variants(product.id)):
            call.put(replace(each, family_id=family_id or None))
        call.store.counts["family_calls"] += 1
    return data([call.store.shown.document(call.product(product_id))])


# Variants


def variants(call: ApiCall, product_id: str) -> Reply:
    call.product(product_id)
    return data([call.store.shown.document(each) for each in call.store.variants(product_id)])


def link_variant(call: ApiCall, product_id: str, variant_id: str) -> Reply:
    parent, variant = call.product(product_id), call.product(variant_id)
    if variant.parent or parent.parent or call.store.variants(variant_id) or parent.id == variant.id:
        raise invalid("variant_id", "only a single product becomes a variant of a product that is none")
    if parent.family_id != variant.family_id:
        raise invalid("variant_id", "both products must be in the same family, or in none")
    call.put(replace(variant, parent=parent.id))
    return data([call.store.shown.document(call.product(variant_id))])


def unlink_variant(call: ApiCall, product_id: str, variant_id: str) -> Reply:
    variant = call.product(variant_id)
    if variant.parent != call.product(product_id).id:
        raise not_found(f"variant {variant_id}")
    call.put(replace(variant, parent=None))
    return no_content()
