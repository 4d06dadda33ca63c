"""Products that a careless client gets wrong. Their names say what is wrong with each."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from vendor_sandbox.lightspeed import ids
from vendor_sandbox.lightspeed.seed import Seed

_CODES: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("SKU with leading zeros", "00042", (("CUSTOM", "00042"),)),
    ("SKU without the leading zeros", "42", (("CUSTOM", "42"),)),
    ("EAN with a leading zero", "TRAP-EAN-13", (("EAN", "0614141007349"),)),
    ("UPC of the same number", "TRAP-UPC-12", (("UPC", "614141007349"),)),
    ("code of two products, first", "TRAP-SHARED-1", (("CUSTOM", "SHARED"),)),
    ("code of two products, second", "TRAP-SHARED-2", (("CUSTOM", "shared"),)),
    ("SKU differs by case, upper", "TRAP-CASE", (("CUSTOM", "TRAP-CASE"),)),
    ("SKU differs by case, lower", "trap-case", (("CUSTOM", "trap-case"),)),
    ("SKU with blanks around", " TRAP-BLANKS ", (("CUSTOM", " TRAP-BLANKS "),)),
    ("SKU with a percent sign", "TRAP-50%2F", (("CUSTOM", "TRAP-50%2F"),)),
    ("SKU with a slash & more", 'TRAP-Ø8/½"', (("CUSTOM", 'TRAP-Ø8/½"'),)),
    ("no codes", "TRAP-NO-CODES", ()),
)
_VALUES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no cost", {"supply_price": None}),
    ("no price with tax", {"price_including_tax": None}),
    ("five decimals", {"supply_price": Decimal("0.00001"), "price_excluding_tax": Decimal("3.33333")}),
    ("not active", {"active": False}),
    ("without stock", {"has_inventory": False}),
    ("on the web without a picture", {"web_enabled": True}),
    ("text", {"description": '<p>"Wide" & 50%</p>\r\n👕', "name": "Trap: text «»%s\u00a0👕"}),
    ("belongs to nothing", {"brand_id": None, "category_id": None, "suppliers": (), "description": None}),
)
_LINKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("supplied without a code", {"code": None}),
    ("supplied without a price", {"price": None}),
    ("supplied by nobody", {"supplier_id": None, "code": None, "price": None}),
    ("supplier's code of two products, first", {"code": "PB-7_1/2"}),
    ("supplier's code of two products, second", {"code": "pb-7_1/2"}),
)


def add_traps(seed: Seed) -> None:
    for what, sku, codes in _CODES:
        seed.add_product(seed.product(sku, _name(what), codes=[{"type": kind, "code": code} for kind, code in codes]))
    for what, fields in _VALUES:
        seed.add_product({**seed.product(_sku(what), _name(what)), **fields})
    for what, fields in _LINKS:
        made = seed.product(_sku(what), _name(what))
        seed.add_product({**made, "suppliers": [{**made["suppliers"][0], **fields}]})
    second = {"supplier_id": ids.uuid("suppliers", 3), "code": "TWO", "price": Decimal("2.5")}
    made = seed.product("TRAP-TWO-SUPPLIERS", _name("two suppliers"))
    seed.add_product({**made, "suppliers": [*made["suppliers"], second]})
    _add_families(seed)
    _share_a_version(seed)
    _add_pictures(seed)


def _name(what: str) -> str:
    return f"Trap: {what}"


def _sku(what: str) -> str:
    return f"TRAP-{what.upper().replace(' ', '-')}"


def _add_families(seed: Seed) -> None:
    fabrics = [*seed.options(Fabric="Cotton"), *seed.options(Fabric="Wool")]
    seed.add_product(seed.product("TRAP-OPTION-TWICE", _name("one option twice"), options=fabrics))
    for number, (what, gone) in enumerate((("variant deleted", 2), ("parent deleted", 0), ("all deleted", None))):
        family = ids.uuid("families", 3_000_000 + number)
        members = [
            seed.add_product(
                seed.product(
                    f"{_sku(what)}-{size}", _name(what), family_id=family, options=seed.options(Size=size, Colour="Sand")
                )
            )
            for size in ("S", "M", "L")
        ]
        delete(seed, members if gone is None else [members[gone]])
    sku = "TRAP-SKU-OF-A-DELETED-PRODUCT"
    delete(seed, [seed.add_product(seed.product(sku, _name("its SKU is in use again")))])
    seed.add_product(seed.product(sku, _name("a deleted product has its SKU too")))


def delete(seed: Seed, products: Iterable[str]) -> None:
    """Delete products with their stock."""
    for product_id in products:
        for row in seed.store.stock_of(product_id):
            seed.delete("inventory", row["id"])
        seed.delete("products", product_id)


def _share_a_version(seed: Seed) -> None:
    """Give five products one version, as something that changes them at once might."""
    version = seed.store.next_version()
    for number in range(5):
        row = seed.product(f"TRAP-VERSION-{number}", _name(f"version shared, {number}"))
        product_id = seed.add_product(row)
        seed.store.put("products", seed.store["products"][product_id], version=version)


def _add_pictures(seed: Seed) -> None:
    """Give the first boots two pictures, of which a variant uses one, and the first book one; one is still processed."""
    boots = list(seed.store["products"].own.values())[:2]
    family, variant = boots[0]["family_id"], boots[1]["id"]
    (book,) = seed.store.with_code("9780306406157")
    for owner, of_family, file, status in (
        (family, True, "mca0032.jpg", "uploaded"),
        (family, True, "mca0032_unused.jpg", "uploaded"),
        (family, True, "mca0032_new.jpg", "processing"),
        (variant, False, "mca0032.jpg", "uploaded"),
        (book["family_id"], True, "9780306406157.png", "uploaded"),
    ):
        product = book["id"] if owner == book["family_id"] else boots[0]["id"] if of_family else variant
        position = 1 + len(seed.store.images.get(owner, ()))
        seed.put(
            "images",
            {
                **{"owner_id": owner, "product_id": product, "of_family": of_family, "file": file},
                **{"status": status, "polls": 2, "position": position, "sha": file},
            },
        )
