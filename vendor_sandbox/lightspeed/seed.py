"""What the store holds when the sandbox starts: the boots, clothes and hardware of the other vendors, and books."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

from vendor_sandbox.boots import Boots, unpadded
from vendor_sandbox.catalogue import Catalogue, seeded
from vendor_sandbox.clothes import garments
from vendor_sandbox.hardware import hardware
from vendor_sandbox.lightspeed import ids
from vendor_sandbox.lightspeed.rows import FIVE, new_row, without_tax
from vendor_sandbox.lightspeed.small_shown import CONTACT
from vendor_sandbox.lightspeed.store import Store, stamp
from vendor_sandbox.limits import Clock

BOOT_PRODUCTS, CLOTHES = 80, 240
OPENED = stamp(datetime(2026, 1, 5, 8, tzinfo=UTC))
"""When the seed's rows were made."""

SUPPLIERS = (
    *("Mesa Cordwain", "Northgate Bootworks", "Tekstil Toptan", "Boltwerk Wholesale", "Paper & Board"),
    *("Kestrel Trading", "kestrel trading", " Tallow & Sons ", "Gone Away Ltd"),
)
"""One name occurs twice but for its case, one has blanks around it, the last is deleted."""
BRANDS = (
    *("Mesa Cordwain", "Northgate Bootworks", "Acme", "Boltwerk", "Kestrel", "Northfast", "Tallow & Sons"),
    *("Şık", "Open Shelf Press", "Discontinued"),
)
TAGS = ("gift", "work", "summer", "clearance", "web", "old season")
CATEGORIES = (
    ("Footwear", None),
    ("Boots", "Footwear"),
    ("Work boots", "Boots"),
    ("Clothing", None),
    ("Hardware", None),
    ("Fixings", "Hardware"),
    ("Books", None),
    ("Undefined", None),
    ("Seasonal", None),
)
ATTRIBUTES = ("Colour", "Size", "Width", "Fabric", "Flavour", "Legacy size")
"""The last but one is deleted, the last deprecated."""
OUTLETS = (("Main Street", "Pacific/Auckland"), ("Harbour", "Pacific/Auckland"), ("Sydney", "Australia/Sydney"))
OLD_OUTLET = "Old Warehouse"
PAYMENT_TYPES = (("Cash", 1), ("Credit Card", 3), ("Gift Card", 118), ("Voucher", 1), ("Cheque", 5))
"""The last is deleted; two have the same `type_id`, which identifies nothing."""

_SMALL = ("suppliers", "brands", "tags", "variant_attributes")


class Seed:
    """Fills a store. Names find the ids of the small collections."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self.store = Store(clock)
        self.catalogue = catalogue
        self.choose = seeded(catalogue.seed + 11)
        self._numbers: dict[str, int] = {}

    def id(self, collection: str, names: Sequence[str], name: str) -> str:
        return ids.uuid(collection, names.index(name))

    def put(self, collection: str, fields: Mapping[str, Any]) -> str:
        """Add a row with the next id of its collection, and return the id."""
        number = self._numbers.get(collection, 0)
        self._numbers[collection] = number + 1
        row = new_row(collection, ids.uuid(collection, number), fields, OPENED)
        self.store.put(collection, row)
        return str(row["id"])

    def delete(self, collection: str, row_id: str) -> None:
        self.store.put(collection, {**self.store[collection][row_id], "deleted_at": OPENED})

    # The small collections

    def fill_small(self) -> None:
        for name in SUPPLIERS:
            self.put("suppliers", {"name": name, "contact": None if name == "Paper & Board" else _contact(name)})
        for collection, names in (("brands", BRANDS), ("tags", TAGS), ("variant_attributes", ATTRIBUTES)):
            for name in names:
                self.put(collection, {"name": name})
        numbers = {name: number for number, (name, _) in enumerate(CATEGORIES)}
        for name, above in CATEGORIES:
            parent = None if above is None else ids.uuid("categories", numbers[above])
            self.put("categories", {"name": name, "parent_id": parent})
        for name, rate in (
            ("No Tax", Decimal(0)),
            ("GST", Decimal("0.15")),
            ("VAT", Decimal("0.2")),
            ("Old GST", Decimal("0.125")),
        ):
            rates = [{"id": ids.uuid("tax_rates", int(rate * 1000)), "name": name, "rate": rate, "display_name": name}]
            self.put("taxes", {"name": name, "display_name": name, "is_default": name == "GST", "rates": rates})
        tax = ids.uuid("taxes", 1)
        for place, (name, zone) in enumerate((*OUTLETS, (OLD_OUTLET, "UTC"))):
            self.put("outlets", {"name": name, "time_zone": zone, "default_tax_id": tax, "physical_city": name})
            prefix = f"{name[:2].upper()}-"
            self.put("registers", {"name": f"{name} till", "outlet_id": ids.uuid("outlets", place), "invoice_prefix": prefix})
        for number in range(4):
            kind = ("admin", "manager", "cashier", "cashier")[number]
            user = {"username": f"user{number}", "display_name": f"Person {number}", "email": f"user{number}@example.com"}
            self.put("users", {**user, "account_type": kind, "is_primary_user": not number})
        for name, type_id in PAYMENT_TYPES:
            self.put("payment_types", {"name": name, "type_id": type_id})
        for collection in (
            "suppliers",
            "brands",
            "tags",
            "categories",
            "taxes",
            "outlets",
            "registers",
            "users",
            "payment_types",
        ):
            self.delete(collection, list(self.store[collection].own)[-1])
        self.delete("variant_attributes", ids.uuid("variant_attributes", ATTRIBUTES.index("Flavour")))
        legacy = self.store["variant_attributes"][ids.uuid("variant_attributes", ATTRIBUTES.index("Legacy size"))]
        self.store.put("variant_attributes", {**legacy, "is_deprecated": True})

    # Products

    def fill_products(self) -> None:
        for fields in (*self._boots(), *self._clothes(), *self._hardware(), *self._books()):
            self.add_product(fields)

    def add_product(self, fields: Mapping[str, Any]) -> str:
        """Add a product, and what is in each outlet of it."""
        number = self._numbers.get("products", 0)
        codes = [{"id": ids.uuid("product_codes", number * 8 + place), **code} for place, code in enumerate(fields["codes"])]
        links = [{"id": ids.uuid("product_suppliers", number * 8 + n), **link} for n, link in enumerate(fields["suppliers"])]
        family = fields.get("family_id") or ids.uuid("families", number)
        product_id = self.put("products", {**fields, "codes": codes, "suppliers": links, "family_id": family})
        for outlet in range(len(OUTLETS)):
            self.put("inventory", self._stock(product_id, ids.uuid("outlets", outlet), fields["supply_price"]))
        return product_id

    def _stock(self, product_id: str, outlet_id: str, cost: Decimal | None) -> dict[str, Any]:
        choose = self.choose
        method = choose.choice((None, None, "FIXED", "MIN_MAX"))
        point = Decimal(choose.randrange(2, 8)) if method else None
        fixed = Decimal(6) if method == "FIXED" else None
        return {
            "product_id": product_id,
            "outlet_id": outlet_id,
            "level": Decimal(choose.choice(("0", "1", "3", "8", "12", "2.5", "40"))),
            "procure": Decimal(choose.choice((0, 0, 0, 0, 0, 2, 5))),
            "average_cost": cost,
            "reorder_method": method,
            "reorder_point": point,
            "reorder_amount": fixed,
            "reorder_target": None if point is None else point + (fixed or 18),
        }

    def product(
        self,
        sku: str,
        name: str,
        price: Decimal = Decimal("7.50"),
        supplier: str = "Paper & Board",
        brand: str = "Kestrel",
        category: str = "Undefined",
        **more: Any,
    ) -> dict[str, Any]:
        """Return the fields of a product, in which `more` may replace some."""
        cost = (price * Decimal("0.4")).quantize(FIVE)
        link = {"supplier_id": self.id("suppliers", SUPPLIERS, supplier), "code": more.pop("supplier_code", sku), "price": cost}
        return {
            "name": name,
            "handle": name.lower().replace(" ", "-"),
            "sku": sku,
            "codes": [{"type": "CUSTOM", "code": sku}],
            "suppliers": [link],
            "supply_price": cost,
            "price_including_tax": price,
            "price_excluding_tax": without_tax(price),
            "brand_id": self.id("brands", BRANDS, brand),
            "category_id": self.id("categories", [name for name, _ in CATEGORIES], category),
            "account_code_sale": "200",
            "account_code_purchase": "0631",
            "tax_id": None,
            **more,
        }

    def options(self, **values: str) -> list[dict[str, str]]:
        return [
            {"attribute_id": self.id("variant_attributes", ATTRIBUTES, name), "value": value} for name, value in values.items()
        ]

    def _boots(self) -> Iterator[dict[str, Any]]:
        """Yield boots in families of three attributes. Their supplier's codes have slashes and hyphens."""
        styles: dict[str, int] = {}
        for boot in Boots(self.catalogue.seed, BOOT_PRODUCTS).products:
            family = ids.uuid("families", 1_000_000 + styles.setdefault(boot.style, len(styles)))
            bare = unpadded(boot.sku)
            codes = [{"type": "CUSTOM", "code": boot.sku}]
            codes += [{"type": "EAN", "code": boot.ean}] if boot.ean else []
            codes += [{"type": "UPC", "code": boot.gtin[-12:]}] if boot.gtin else []
            price = Decimal(140 + crc32(boot.style.encode()) % 80) + Decimal("0.90")
            yield self.product(
                boot.sku,
                f"{boot.brand} {boot.style}",
                price,
                boot.brand,
                boot.brand,
                "Work boots",
                family_id=family,
                codes=codes,
                supplier_code=bare.replace("-", "/", 1),
                options=self.options(Colour=boot.colour, Width=boot.width, Size=boot.size),
                tag_ids=[ids.uuid("tags", 1)],
            )

    def _clothes(self) -> Iterator[dict[str, Any]]:
        for number, garment in enumerate(garments(seeded(self.catalogue.seed), CLOTHES)):
            shared = {"supplier": "Tekstil Toptan", "brand": "Şık", "category": "Clothing", "description": garment["description"]}
            family = ids.uuid("families", 2_000_000 + number)
            if not garment["variants"]:
                codes = [{"type": "EAN", "code": garment["barcode"]}, {"type": "CUSTOM", "code": garment["sku"]}]
                yield self.product(
                    garment["sku"], garment["name"], garment["sale_price"], **shared, family_id=family, codes=codes
                )
            for variant in garment["variants"]:
                yield self.product(
                    variant["sku"],
                    garment["name"],
                    garment["sale_price"],
                    **shared,
                    family_id=family,
                    codes=[{"type": "CUSTOM", "code": variant["sku"]}, {"type": "EAN", "code": variant["barcode"]}],
                    supplier_code=garment["sku"],
                    options=self.options(Colour=variant["color"], Size=variant["model"]["value"]),
                )

    def _hardware(self) -> Iterator[dict[str, Any]]:
        for each in hardware(self.catalogue):
            price = Decimal(each.price).scaleb(-2)
            item = each.item
            name = f"{item['name']} ({each.place})"
            yield self.product(item["sku"], name, price, "Boltwerk Wholesale", item["brand"], "Fixings")

    def _books(self) -> Iterator[dict[str, Any]]:
        """Yield books: one with both kinds of ISBN, one whose ISBN-10 ends in X."""
        for name, isbn, more in (
            ("The Good Boot Handbook", "9780306406157", [{"type": "CUSTOM", "code": "0306406152"}]),
            ("Knots, Bends & Hitches", "9780804429573", [{"type": "CUSTOM", "code": "080442957X"}]),
        ):
            codes = [{"type": "ISBN", "code": isbn}, *more]
            yield self.product(isbn, name, Decimal("39.99"), "Paper & Board", "Open Shelf Press", "Books", codes=codes)


def _contact(name: str) -> dict[str, str | None]:
    return {**dict.fromkeys(CONTACT), "company_name": name.strip(), "email": "orders@example.com", "postal_country_id": "NZ"}
