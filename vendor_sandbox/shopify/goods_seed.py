"""What the shop sells when the sandbox starts: the hardware that the seeded orders name, and a third of the ERP's clothes.

The clothes are as a merchant has them who typed some in by hand: a SKU is missing here, spelt in small letters there.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from vendor_sandbox.catalogue import Catalogue, seeded
from vendor_sandbox.clothes import Garment, garments_sold
from vendor_sandbox.hardware import Hardware, hardware
from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.goods import DEFAULT_OPTION, DEFAULT_VALUE, Goods, Level, Record, item_number
from vendor_sandbox.shopify.goods_text import handle_of, price_text, tidy_tags
from vendor_sandbox.shopify.instants import DAY, shown
from vendor_sandbox.shopify.media import new_media
from vendor_sandbox.shopify.money import decimals_of
from vendor_sandbox.shopify.options import new_option
from vendor_sandbox.shopify.places import LOCATIONS
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.variant_values import new_variant

OLD_LOCATION = "Old Warehouse"
"""A location that is not active any more."""
FIRST, SECOND = ids.DEFAULT_LOCATION, ids.DEFAULT_LOCATION + 1
_HARDWARE, _CLOTHES = (2_000_000, 2_500_000), (2_100_000, 2_600_000)
"""The first numbers of products and variants."""
_AVAILABLE = (0, 1, 3, 5, 8, 12, 20, 35)


def seeded_goods(clock: Clock, catalogue: Catalogue, settings: Settings, start: int) -> Goods:
    """Return the goods of a shop that was made 400 days before `start`."""
    goods = Goods(clock, settings.product_lag)
    maker = _Maker(goods, catalogue.seed, settings.currency, start - 400 * DAY)
    for place, name in enumerate((*LOCATIONS.values(), OLD_LOCATION)):
        number = ids.DEFAULT_LOCATION + place
        goods.locations[number] = new_location(number, name, maker.made, active=place < 2, online=place == 0)
    for each in hardware(catalogue):
        maker.hardware(each)
    garments = garments_sold(catalogue.seed, catalogue.size)
    chosen = sorted(seeded(catalogue.seed + 3).sample(range(len(garments)), len(garments) // 3))
    for place, index in enumerate(chosen):
        maker.garment(place, garments[index])
    goods.show_at_once()
    return goods


def new_location(number: int, name: str, made: int, active: bool = True, online: bool = False) -> dict[str, Any]:
    address = {"address1": "Bağdat Caddesi 1", "address2": None, "city": "İstanbul", "country": "Turkey", "countryCode": "TR"}
    return {
        "id": ids.gid("Location", number),
        "legacyResourceId": str(number),
        "name": name,
        "isActive": active,
        "isPrimary": number == ids.DEFAULT_LOCATION,
        "shipsInventory": active,
        "fulfillsOnlineOrders": active and online,
        "address": {**address, "phone": None, "province": None, "provinceCode": None, "zip": "34710"},
        "createdAt": shown(made),
        "updatedAt": shown(made),
    }


class _Maker:
    def __init__(self, goods: Goods, seed: int, currency: str, made: int) -> None:
        self._goods, self._currency, self.made = goods, currency, made
        self._choose = seeded(seed + 11)
        self._variants = _CLOTHES[1]

    def hardware(self, sold: Hardware) -> None:
        number, product = _HARDWARE[1] + sold.place, _HARDWARE[0] + sold.place
        values = sold.variant.split(" / ")
        names = [DEFAULT_OPTION] if values == [DEFAULT_VALUE] else ["Finish", "Pack"]
        price = price_text(Decimal(sold.price).scaleb(-decimals_of(self._currency)), self._currency)
        self._variant(number, product, values, sku=sold.item["sku"], barcode=sold.barcode, price=price)
        self._stock(number)
        self._product(
            product,
            str(sold.item["sku"]).lower(),
            {
                "title": sold.item["name"],
                "descriptionHtml": f"<p>{sold.item.get('description', sold.item['short_description'])}</p>",
                "vendor": sold.item["brand"],
                "productType": "Hardware",
                "tags": ["hardware"],
                "options": [new_option(self._goods, *each) for each in zip(names, [[value] for value in values], strict=True)],
                "variants": (number,),
            },
        )

    def garment(self, place: int, garment: Garment) -> None:
        """Make a product of a garment; its place among the garments says what is odd about it."""
        product = _CLOTHES[0] + 2 * place
        rows = list(_rows(garment))
        extra = place == 4
        if extra:  # what only the shop has: an option, a variant and a picture
            rows = [{**row, "values": (*row["values"], "Pamuk")} for row in rows]
            rows.append({**rows[0], "values": (*rows[0]["values"][:-1], "Keten"), "sku": "SHOP-ONLY-1", "barcode": None})
        names = _option_names(garment) + ["Kumaş"] * extra
        if extra and names == [DEFAULT_OPTION, "Kumaş"]:
            names, rows = ["Kumaş"], [{**row, "values": row["values"][1:]} for row in rows]
        numbers = [self._garment_row(place, product, at, row, garment) for at, row in enumerate(rows)]
        images = [each["url"] for each in garment.get("images") or garment["variants"][0]["images"]]
        images += ["https://cdn.example.com/shop/only-here.jpg"] * extra
        values = [list(dict.fromkeys(row["values"][at] for row in rows)) for at in range(len(names))]
        fields = {
            "title": garment["name"],
            "descriptionHtml": garment["description"],
            "vendor": garment["brand"],
            "productType": "Giyim",
            "tags": tidy_tags(["Giyim", *(["el ile"] if place % 3 == 0 else [])]),
            "status": ("ACTIVE", "ACTIVE", "DRAFT", "ACTIVE", "ARCHIVED")[place % 5],
            "options": [new_option(self._goods, *each) for each in zip(names, values, strict=True)],
            "variants": tuple(numbers),
            "media": tuple(self._picture(url) for url in images),
        }
        self._product(product, handle_of(garment["name"]), fields)
        if place == 2:  # a second product with the first SKU of this one
            number = self._next_variant()
            twin = {**fields, "title": f"{garment['name']} (eski)", "status": "ARCHIVED", "media": (), "variants": (number,)}
            options = [new_option(self._goods, DEFAULT_OPTION, [DEFAULT_VALUE])]
            self._variant(number, product + 1, [DEFAULT_VALUE], sku=rows[0]["sku"], price=self._price(place, garment))
            self._stock(number)
            self._product(product + 1, handle_of(twin["title"]), {**twin, "options": options})

    def _garment_row(self, place: int, product: int, at: int, row: Mapping[str, Any], garment: Garment) -> int:
        number = self._next_variant()
        sku = row["sku"].lower() if place == 1 and at == 0 else None if place % 7 == 3 else row["sku"]
        barcode = row["barcode"] if place % 4 != 2 else None
        prices = garment["prices"]["shopify"]
        above = prices["list_price"] > prices["sale_price"]
        compare = price_text(prices["list_price"], self._currency) if above else None
        price = self._price(place, garment)
        self._variant(number, product, row["values"], sku=sku, barcode=barcode, price=price, compareAtPrice=compare)
        if place % 5 == 0:
            variant = self._goods.variants[number]
            self._goods.variants[number] = {**variant, "item": {**variant["item"], "tracked": False}}
        self._stock(number, SECOND if place % 7 == 6 else FIRST)
        if place == 1 and at == 0:
            self._goods.put_level(item_number(number), SECOND, Level(3, active=False, created=self.made, updated=self.made))
        return number

    def _price(self, place: int, garment: Garment) -> str:
        """Return the price; for every other garment an older one, which was 20 lower."""
        return price_text(garment["prices"]["shopify"]["sale_price"] - 20 * (place % 2), self._currency)

    def _next_variant(self) -> int:
        self._variants += 1
        return self._variants

    def _variant(self, number: int, product: int, values: Sequence[str], **members: Any) -> None:
        variant = new_variant(number, product, values, shown(self.made))
        self._goods.variants[number] = {**variant, **members, "item": {**variant["item"], "tracked": True}}

    def _stock(self, number: int, location: int = FIRST) -> None:
        level = Level(self._choose.choice(_AVAILABLE), created=self.made, updated=self.made)
        self._goods.put_level(item_number(number), location, level)
        if location == FIRST and self._choose.randrange(4) == 0:
            other = Level(self._choose.randrange(6), created=self.made, updated=self.made)
            self._goods.put_level(item_number(number), SECOND, other)

    def _product(self, number: int, handle: str, fields: Record) -> None:
        self._goods.products[number] = {
            "id": ids.gid("Product", number),
            "legacyResourceId": str(number),
            "status": "ACTIVE",
            "media": (),
            "publishedAt": shown(self.made),
            "createdAt": shown(self.made),
            "updatedAt": shown(self.made),
            **fields,
            "handle": handle,
            "options": tuple(fields["options"]),
        }

    def _picture(self, url: str) -> dict[str, Any]:
        return new_media(self._goods.new_id("MediaImage"), url, None, None, shown(self.made))


def _option_names(garment: Garment) -> list[str]:
    return ["Renk", garment["variants"][0]["model"]["name"]] if garment["variants"] else [DEFAULT_OPTION]


def _rows(garment: Garment) -> Iterator[dict[str, Any]]:
    """Yield what is sold of a garment: SKU, barcode and the values of its options."""
    if not garment["variants"]:
        yield {"sku": garment["sku"], "barcode": garment["barcode"], "values": (DEFAULT_VALUE,)}
    for each in garment["variants"]:
        values = (each["color"], each["model"]["value"])
        yield {"sku": each["sku"], "barcode": each["barcode"], "values": values}
