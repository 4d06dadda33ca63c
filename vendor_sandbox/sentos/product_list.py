"""`GET /products`: pages of all products, or of those with a SKU or barcode. There is no filter by time."""

from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.paging import envelope, page_of
from vendor_sandbox.sentos.shown import shown_product
from vendor_sandbox.sentos.store import rows_of, sku_key
from vendor_sandbox.wire import Reply

_BEGINNING = 3


def list_products(call: ApiCall) -> Reply:
    """Answer a page of products. Only `orderby_id=ASC` makes sure that a new product does not move the others."""
    page, size = page_of(call)
    found = _found(call)
    direction = call.parameters.get("orderby_id", "DESC" if call.settings.product_order == "newest" else "ASC")
    if direction.upper() == "DESC":
        found.reverse()
    start = (page - 1) * size
    if call.request.faulted("drift") and call.request.fault is not None:
        # As if products had come in front: rows of the page before come again, and others are not seen.
        start = max(0, start - call.request.fault.options["by"])
    rows = [shown_product(call, each) for each in found[start : start + size]]
    return Reply.json(200, envelope(page, size, len(found), rows))


def _found(call: ApiCall) -> list[Record]:
    """Return the products that pass the filters, by id; a similar one, which is in front, may be among them."""
    found = list(call.store.shown_products.values())
    for field in ("sku", "barcode"):
        if field in call.parameters:
            found = _with(call, found, field, sku_key(call.parameters[field]))
    return found


def _with(call: ApiCall, products: list[Record], field: str, wanted: str) -> list[Record]:
    exact = [each for each in products if wanted in _values(each, field)]
    if not call.settings.near_matches:
        return exact
    ids = {each["id"] for each in exact}
    others = [each for each in products if each["id"] not in ids]
    near = next((each for each in others if any(_close(value, wanted) for value in _values(each, field))), None)
    if near is None:
        beginning = wanted[:_BEGINNING]
        near = next((each for each in others if any(value.startswith(beginning) for value in _values(each, field))), None)
    return exact if near is None else [near, *exact]


def _values(product: Record, field: str) -> set[str]:
    return {sku_key(row[field]) for row in rows_of(product) if row.get(field)}


def _close(value: str, wanted: str) -> bool:
    return wanted in value or _bare(value) == _bare(wanted)


def _bare(sku: str) -> str:
    """Return a SKU without an `S` and zeros in front of it."""
    return sku.removeprefix("s").lstrip("0")
