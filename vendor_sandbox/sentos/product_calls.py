"""Making, reading and changing one product. What is wrong with the data is told in an answer of 200."""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

from vendor_sandbox.sentos.calls import ApiCall
from vendor_sandbox.sentos.lagging import Record
from vendor_sandbox.sentos.problems import INVALID, Problem, not_found
from vendor_sandbox.sentos.product_form import AMOUNTS, Unusable, sent_amount, sent_prices, sent_stocks
from vendor_sandbox.sentos.shown import shown_product
from vendor_sandbox.sentos.stock import with_row
from vendor_sandbox.wire import Reply

_TEXTS = ("sku", "name", "invoice_name", "brand", "description", "description_detail", "barcode", "currency")
_AS_SENT = ("category_id", "vat_rate", "volumetric_weight")
_NOT_DONE: Mapping[str, Any] = {"price": ["Fiyat güncellenemedi."]}


def get_product(call: ApiCall, number: str) -> Reply:
    product = _product(call, number)
    return Reply.json(200, shown_product(call, call.store.shown_products[product["id"]]))


def create_product(call: ApiCall) -> Reply:
    """Make a product. Another one may have the same SKU."""
    body = call.body()
    missing = {name: [f"The {name} field is required."] for name in ("sku", "name", "category_id") if not body.get(name)}
    if missing:
        raise Problem(422, INVALID, missing)
    if call.request.faulted("not_done"):
        return _answer(call, _NOT_DONE, None)
    blank: Record = {"id": 0, "currency": "TL", "stocks": [], "images": [], "prices": {}, "variants": []}
    fields = {name: body[name] for name in (*_TEXTS, *_AS_SENT) if name in body}
    product: Record = {**blank, **fields, "images": _images(body.get("images"))}
    try:
        variants = _new_variants(call, body.get("variants") or [])
        product = {**_with_prices_and_stocks(call, product, body), "variants": variants}
    except Unusable as problem:
        return _answer(call, {problem.member: [problem.message]}, None)
    skus = [each["sku"] for each in variants]
    twice = sorted({sku for sku in skus if skus.count(sku) > 1})
    if twice:
        return _answer(call, {"variants": [f"{sku}: tekrar eden stok kodu" for sku in twice]}, None)
    product = {**product, "id": call.store.new_id("product")}
    product = {**product, "variants": [{**each, "id": call.store.new_id("variant")} for each in variants]}
    call.store.put_product(product)
    call.store.counts["products_created"] += 1
    return _answer(call, {}, product)


def _new_variants(call: ApiCall, sent: Any) -> list[dict[str, Any]]:
    if not isinstance(sent, list):
        raise Unusable("variants", "geçersiz varyant listesi")
    return [_new_variant(call, each) for each in sent]


def _new_variant(call: ApiCall, sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict) or not isinstance(sent.get("sku"), str) or not sent["sku"]:
        raise Unusable("variants", "stok kodu zorunludur")
    return {
        "id": 0,
        "sku": sent["sku"],
        "barcode": sent.get("barcode", ""),
        "color": sent.get("color", ""),
        "model": sent.get("model"),
        "stocks": sent_stocks(call, [], sent.get("stocks") or []),
        "images": _images(sent.get("images")),
    }


def _images(sent: Any) -> list[dict[str, Any]]:
    listed = sent if isinstance(sent, list) else []
    urls = [each.get("url") if isinstance(each, dict) else each for each in listed]
    return [{"id": place, "url": url} for place, url in enumerate(urls, start=1)]


def update_product(call: ApiCall, number: str) -> Reply:
    """Change prices and stocks; variants are named by their SKU. Either everything that was sent is stored, or nothing."""
    product, body = _product(call, number), call.body()
    if call.request.faulted("not_done"):
        return _answer(call, _NOT_DONE, None)
    try:
        changed = _with_prices_and_stocks(call, product, body)
        if "variants" in body:
            changed = _with_variants(call, changed, body["variants"])
    except Unusable as problem:
        return _answer(call, {problem.member: [problem.message]}, None)
    call.store.put_product(changed)
    call.store.counts["products_updated"] += 1
    return _answer(call, {}, changed)


def _with_prices_and_stocks(call: ApiCall, product: Record, body: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {name: sent_amount(call, body[name], name) for name in AMOUNTS if name in body}
    if "prices" in body:
        changes["prices"] = sent_prices(call, product["prices"], body["prices"])
    if "stocks" in body:
        changes["stocks"] = sent_stocks(call, product["stocks"], body["stocks"])
    return {**product, **changes}


def _with_variants(call: ApiCall, product: Record, sent: Any) -> dict[str, Any]:
    orders = sent if isinstance(sent, list) else [sent]
    if call.request.faulted("half"):
        orders = orders[: (len(orders) + 1) // 2]
    skus = [each["sku"] for each in product["variants"]]
    named = {each["sku"]: each.get("stocks") for each in orders if isinstance(each, dict) and each.get("sku") in skus}
    if len(named) < len(orders) and call.settings.unknown_variants == "refuse":
        raise Unusable("variants", "varyant bulunamadı, ya da iki kez gönderildi")
    for sku, stocks in named.items():
        if stocks is not None:
            product = with_row(product, sku, partial(_with_stocks, call, stocks))
    if call.settings.unlisted_stock == "zero":
        kept = [each if each["sku"] in named else {**each, "stocks": []} for each in product["variants"]]
        product = {**product, "variants": kept}
    return dict(product)


def _with_stocks(call: ApiCall, sent: Any, row: Record) -> Record:
    return {**row, "stocks": sent_stocks(call, row["stocks"], sent)}


def update_platform_variants(call: ApiCall, number: str) -> Reply:
    """Change stock and platform prices of variants. The body is an array of `{"sku", "stocks", "prices"}`."""
    product, sent = _product(call, number), call.request.json_body()
    if not isinstance(sent, list):
        raise Problem(422, INVALID, {"body": ["The body must be an array."]})
    if call.request.faulted("not_done"):
        return _answer(call, _NOT_DONE, None)
    try:
        changed = _with_variants(call, product, sent)
    except Unusable as problem:
        return _answer(call, {problem.member: [problem.message]}, None)
    wanted = {str(each.get("sku")): each["prices"] for each in sent if isinstance(each, dict) and "prices" in each}
    refused: dict[str, Any] = defaultdict(dict)
    variants = []
    for variant in changed["variants"]:
        prices = variant.get("prices", {})
        for key, pair in _pairs(wanted.get(variant["sku"])):
            try:
                prices = sent_prices(call, prices, {key: pair})
            except Unusable as problem:
                refused[variant["sku"]][key] = {"message": problem.message}
        variants.append({**variant, "prices": prices} if prices else variant)
    if refused:
        return _answer(call, {"prices": refused}, None)
    changed = {**changed, "variants": variants}
    call.store.put_product(changed)
    call.store.counts["products_updated"] += 1
    return _answer(call, {}, changed)


def _pairs(sent: Any) -> list[tuple[str, Any]]:
    return list(sent.items()) if isinstance(sent, dict) else []


def _product(call: ApiCall, number: str) -> Record:
    """Return the product with this id. Raises Problem (404)."""
    product = call.store.products.get(int(number)) if number.isascii() and number.isdecimal() else None
    if product is None:
        raise not_found()
    return product


def _answer(call: ApiCall, errors: Mapping[str, Any], product: Record | None) -> Reply:
    """Answer a write. What is empty comes as `[]`, where it would be an object if it were filled."""
    message = "Hata" if product is None else "Başarılı"
    shown = [] if product is None else shown_product(call, product)
    return Reply.json(200, {"errors": errors or [], "message": message, "product": shown})
