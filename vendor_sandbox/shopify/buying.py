"""A customer in Turkey buys: a plain paid order of variants that the shop has."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.goods import DEFAULT_VALUE, Goods, Record
from vendor_sandbox.shopify.money import Purse, decimals_of
from vendor_sandbox.shopify.orders import totals
from vendor_sandbox.values import BadChange, checked, known_members, text, whole

_PEOPLE = (("Ayşe", "Yılmaz"), ("Mehmet", "Öztürk"), ("Işıl", "Çelik"), ("Ümit", "Şahin"), ("Gülşah", "Doğan"))
_CITIES = (
    ("Moda Caddesi No:12 D:3", "Kadıköy", "İstanbul", "TR-34", "34710"),
    ("Atatürk Bulvarı No:5", "Çankaya", "Ankara", "TR-06", "06690"),
    ("Kıbrıs Şehitleri Caddesi No:88 K:2", "Konak", "İzmir", "TR-35", "35220"),
)
_SHIPPING = 4_990


def bought(fresh: Order, wanted: Any, goods: Goods) -> dict[str, Any]:
    """Turn a new plain order into one of these lines: `[{"sku" or "variant", "quantity", "price"}]`. Raises BadChange."""
    index = ids.number_of(fresh["id"]) - ids.FIRST_ORDER
    purse = Purse(fresh["currencyCode"])
    if not isinstance(wanted, list) or not wanted:
        raise BadChange("buy: lines must be an array with at least one line")
    lines = [_line(fresh["lineItems"][0], index, at, each, goods, purse) for at, each in enumerate(wanted)]
    plain: dict[str, Any] = {
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "fullyPaid": True,
        "unpaid": False,
        "note": None,
        "poNumber": None,
        "tags": [],
        "discountCodes": [],
        "customAttributes": [],
        "sourceName": "web",
        "requiresShipping": True,
        "lineItems": lines,
        "refunds": [],
        "fulfillments": [],
    }
    return {**fresh, **plain, **_buyer(fresh, index), **totals(index, lines, _SHIPPING, "Kargo", purse)}


def _buyer(fresh: Order, index: int) -> dict[str, Any]:
    first, last = _PEOPLE[index % len(_PEOPLE)]
    street, district, city, code, zip_code = _CITIES[index % len(_CITIES)]
    phone = f"+90532{1_000_000 + index:07d}"
    address = {
        **fresh["billingAddress"],
        **{"firstName": first, "lastName": last, "name": f"{first} {last}", "company": None, "phone": phone},
        **{"address1": street, "address2": district, "city": city, "province": city, "provinceCode": code, "zip": zip_code},
        **{"country": "Turkey", "countryCodeV2": "TR"},
    }
    email = f"musteri{index}@example.com"
    person = {"firstName": first, "lastName": last, "displayName": f"{first} {last}", "email": email, "phone": phone}
    contact = {"defaultEmailAddress": {"emailAddress": email}, "defaultPhoneNumber": {"phoneNumber": phone}, "locale": "tr"}
    shipping = {**address, "id": ids.gid("MailingAddress", ids.FIRST_ORDER + index) + "?model_name=Address"}
    return {
        "customer": {**fresh["customer"], **person, **contact},
        "email": email,
        "phone": phone,
        "customerLocale": "tr",
        "billingAddress": address,
        "shippingAddress": shipping,
    }


def _line(like: Mapping[str, Any], index: int, at: int, wanted: Any, goods: Goods, purse: Purse) -> dict[str, Any]:
    fields = known_members(wanted, ("sku", "variant", "quantity", "price"), "buy: lines")
    variant = _variant(fields, goods)
    product = goods.products[variant["product"]]
    quantity = checked(whole(1), fields.get("quantity", 1), "buy: lines: quantity")
    price = Decimal(str(fields.get("price", variant["price"])))
    unit = int(price.scaleb(decimals_of(purse.currency)))
    title, of_default = product["title"], variant["title"] == DEFAULT_VALUE
    name = title if of_default else f"{title} - {variant['title']}"
    units = {member: quantity for member in like if member == "quantity" or member.endswith("Quantity")}
    nothing, each, whole_line = purse.bag(0), purse.bag(unit), purse.bag(unit * quantity)
    return {
        **like,
        **units,
        "nonFulfillableQuantity": 0,
        "id": ids.part_gid("LineItem", index, at),
        "sku": variant["sku"],
        "name": name,
        "title": title,
        "variantTitle": None if of_default else variant["title"],
        "vendor": product["vendor"],
        "requiresShipping": variant["item"]["requiresShipping"],
        "customAttributes": [],
        "originalUnitPriceSet": each,
        "originalTotalSet": whole_line,
        "discountedUnitPriceSet": each,
        "discountedUnitPriceAfterAllDiscountsSet": each,
        "discountedTotalSet": whole_line,
        "totalDiscountSet": nothing,
        "discountAllocations": [],
        "taxLines": [{"title": "KDV", "rate": 0.0, "ratePercentage": 0.0, "priceSet": nothing}],
        "variant": {
            **{member: variant[member] for member in ("id", "legacyResourceId", "sku", "title", "barcode")},
            "displayName": f"{title} - {variant['title']}",
        },
        "product": {member: product[member] for member in ("id", "legacyResourceId", "title", "handle", "vendor")},
    }


def _variant(fields: Mapping[str, Any], goods: Goods) -> Record:
    if "variant" in fields:
        found = ids.read_gid(checked(text, fields["variant"], "buy: lines: variant"))
        variants = [goods.variants[found[1]]] if found and found[1] in goods.variants else []
    else:
        variants = goods.with_sku(checked(text, fields.get("sku"), "buy: lines: sku"))
    if not variants:
        raise BadChange(f"buy: there is no variant {fields.get('variant', fields.get('sku'))!r}")
    return variants[0]
