"""The products and listings of one style of boots, with what is odd about some of them."""

import random
from dataclasses import replace

from vendor_sandbox.boots.listing import Canonical, Item, unpadded, with_check_digit
from vendor_sandbox.catalogue import seeded

_SIZES = tuple(f"{half / 2:g}" for half in range(14, 27))
_WIDTHS = ("M", "W", "EE")
_SELDOM = ("N", "D", "B", "C", "EEE")
_SELDOM_SIZES = ("9", "9.5", "10", "10.5")
_WIDTH_WORDS = {"M": "Medium", "W": "Wide", "N": "Narrow"}

_BRANDS = (
    ("MCA", "Mesa Cordwain"),
    ("NGB", "Northgate Bootworks"),
    ("TLA", "Tallow & Last"),
    ("WRF", "Wrenfield"),
    ("ODM", "Old Mill Shoe Co."),
)
_MODELS = (
    "Men's 6\" Moc Toe Work Boot",
    "Women's Chelsea Boot",
    "Men's 11\" Pull-On Boot",
    '"Quarry" Steel Toe Lace-Up Boot',
    "Unisex Driving Moc",
    "Men's Chukka Boot, Cellstretch™",
)
_COLOURS = ("Café-Brown", "Black", "Saddle Tan", "Crème/Oak", "Oiled Olive", "Año Red", "Bone & Ink", "Grey")
_THEMES = ("SIZE/COLOR", "SIZE/COLOR", "SIZE/WIDTH/COLOR")

_PECULIAR = (
    "unlisted",
    "unlisted",
    "sku",
    "sku",
    "model_size",
    "model_size",
    "size_field",
    "duplicate",
    "shared",
    "bad_check",
    "ean",
    "european",
    "gtin14",
    "uncoded",
    "foreign_part",
    "foreign_part",
    "also_in_ca",
    "also_in_ca",
    "only_in_ca",
)
"""What may be odd about a product or its listing. The first style has all of these, a later one about a third."""
_SHARE_OF_PECULIAR = 1 / 3
_SHARE_WITHOUT_PARENT = 0.2

_SLOTS = 64
"""How many numbers a style has for its ASINs and identifiers: variants from 0, then second listings, others, the parent."""
_SECOND_LISTING, _OTHERS, _PARENT = 48, 56, 63

_ASINS = 36**8
_ASIN_STEP = 1_000_000_000_039
"""Shares no factor with 36, so that different numbers give different ASINs."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Style:
    """The products and listings of one style, a pure function of the seed and the style's number."""

    def __init__(self, seed: int, number: int) -> None:
        dice = seeded(seed * 1_000_003 + number)
        self.brand = _BRANDS[number % len(_BRANDS)][1]
        self.number = number
        self.name = _style_name(number)
        self.model = _MODELS[number % len(_MODELS)]
        self.colour = _COLOURS[number % len(_COLOURS)]
        self.theme = _THEMES[number % len(_THEMES)]
        self._asins_from = seeded(seed).randrange(_ASINS)
        self._prefix = ("0123", "4123")[number % 2]
        self.parent_asin = self._asin(_PARENT)
        variants = [(width, size) for width in _WIDTHS for size in _SIZES if dice.random() > 1 / 16]
        seldom = dice.choice(_SELDOM)
        variants += [(seldom, size) for size in _SELDOM_SIZES]
        kinds = self._kinds(len(variants), dice)
        shared = kinds.index("shared") if "shared" in kinds else None
        self.products: list[Canonical] = []
        self.items: list[Item] = [self._parent()]
        for slot, ((width, size), kind) in enumerate(zip(variants, kinds, strict=True)):
            code = self._upc(slot if kind != "twin" or shared is None else shared)
            product = self._product(width, size, kind, code, dice)
            self.products.append(product)
            if kind not in ("unlisted", "twin"):
                self.items += self._listings(product, slot, kind, dice)
        self.items += self._others(dice)

    def _kinds(self, count: int, dice: random.Random) -> list[str]:
        """Choose what is odd about each variant; "" for most. The "twin" has the identifier of the one that is "shared"."""
        wanted = [kind for kind in _PECULIAR if not self.number or dice.random() < _SHARE_OF_PECULIAR]
        if "shared" in wanted:
            wanted.append("twin")
        kinds = wanted + [""] * (count - len(wanted))
        dice.shuffle(kinds)
        return kinds

    def _asin(self, slot: int) -> str:
        number = (self._asins_from + (self.number * _SLOTS + slot) * _ASIN_STEP) % _ASINS
        letters = ""
        for _ in range(8):
            number, rest = divmod(number, 36)
            letters = _DIGITS[rest] + letters
        return f"B0{letters}"

    def _upc(self, slot: int, prefix: str | None = None) -> str:
        return with_check_digit(f"{prefix or self._prefix}{self.number * _SLOTS + slot:07d}")

    def _product(self, width: str, size: str, kind: str, upc: str, dice: random.Random) -> Canonical:
        gtin: str | None = upc.zfill(dice.choices((12, 13, 14), (75, 12, 13))[0])
        ean = f"0{upc}" if dice.random() < 0.6 else None
        match kind:
            case "ean":
                gtin, ean = None, f"0{upc}"
            case "european":
                ean = _european(upc)
            case "uncoded":
                gtin = ean = None
            case "shared" | "twin":
                ean = None
        return Canonical(
            sku=f"{self.name}-{width}-{'0' * (float(size) < 10)}{size}",
            label=f"{self.brand} {self.name} {self.model} {self.colour} {size} {width}",
            gtin=gtin,
            ean=ean,
            brand=self.brand,
            style=self.name,
            colour=self.colour,
            width=width,
            size=size,
        )

    def _parent(self) -> Item:
        """Return the parent. Every third one carries the model number of the next style; every second one has no seller SKU."""
        return Item(
            asin=self.parent_asin,
            parent_asin=None,
            seller_sku=f"{self.name}-PARENT" if self.number % 2 else None,
            part_number=None,
            title=f"{self.brand} {self.model}",
            brand=self.brand,
            model_number=_style_name(self.number + 1) if self.number % 3 == 1 else self.name,
            size=None,
            colour=None,
            upc=None,
            ean=None,
            gtin=None,
            classification="VARIATION_PARENT",
            theme=self.theme,
            status="Active",
            marketplace="US",
            expected=None,
            why="parent",
        )

    def _listings(self, product: Canonical, slot: int, kind: str, dice: random.Random) -> list[Item]:
        item = self._odd(self._child(product, slot, dice), product, kind, dice)
        match kind:
            case "duplicate":
                return [item, replace(item, asin=self._asin(_SECOND_LISTING), seller_sku=_opaque(dice))]
            case "also_in_ca":
                return [item, replace(item, marketplace="CA")]
            case "only_in_ca":
                return [replace(item, marketplace="CA")]
        return [item]

    def _child(self, product: Canonical, slot: int, dice: random.Random) -> Item:
        """Return the usual listing, which its UPC identifies whatever else it says."""
        upc = self._upc(slot)
        linked = dice.random() >= _SHARE_WITHOUT_PARENT
        return Item(
            asin=self._asin(slot),
            parent_asin=self.parent_asin if linked else None,
            seller_sku=dice.choices((product.sku, unpadded(product.sku), _opaque(dice)), (7, 2, 1))[0],
            part_number=unpadded(product.sku) if dice.random() < 0.8 else None,
            title=f"{self._title()}, {product.size} {product.width}",
            brand=self.brand,
            model_number=self.name,
            size=" ".join([product.size, _WIDTH_WORDS.get(product.width, product.width)]),
            colour=self.colour,
            upc=upc,
            ean=f"0{upc}" if dice.random() < 0.5 else None,
            gtin=f"00{upc}" if dice.random() < 0.2 else None,
            classification="BASE_PRODUCT",
            theme=self.theme if linked else None,
            status=dice.choices(("Active", "Inactive", "Incomplete"), (80, 12, 8))[0],
            marketplace="US",
            expected=product.sku,
            why="gtin",
        )

    def _odd(self, item: Item, product: Canonical, kind: str, dice: random.Random) -> Item:
        upc = str(item.upc)
        bare = replace(item, upc=None, ean=None, gtin=None)
        match kind:
            case "sku":
                sku = unpadded(product.sku)
                sku = sku.lower() if sku == product.sku else sku
                return replace(bare, seller_sku=sku, part_number=sku, why="sku")
            case "model_size":
                return replace(bare, seller_sku=_opaque(dice), part_number=None, why="model_size")
            case "size_field":
                title = self._title()
                return replace(bare, seller_sku=_opaque(dice), part_number=None, title=title, why="model_size")
            case "shared":
                vague = replace(bare, seller_sku=_opaque(dice), part_number=None, title=self._title(), size=None)
                return replace(vague, upc=upc, why="ambiguous")
            case "bad_check":
                wrong = f"{upc[:-1]}{(int(upc[-1]) + 1) % 10}"
                return replace(bare, upc=wrong, seller_sku=product.sku, part_number=unpadded(product.sku), why="sku")
            case "uncoded":
                return replace(item, seller_sku=product.sku, part_number=unpadded(product.sku), why="sku")
            case "ean":
                return replace(bare, ean=f"0{upc}")
            case "european":
                return replace(bare, ean=product.ean)
            case "gtin14":
                return replace(bare, gtin=f"00{upc}", part_number=unpadded(product.sku))
            case "foreign_part":
                return replace(item, part_number=f"{_style_name(self.number + 2)}-M-9")
        return item

    def _title(self) -> str:
        named = f"{self.model} by {self.brand}" if self.model.startswith('"') else f"{self.brand} {self.model}"
        return f"{named}, {self.colour}"

    def _others(self, dice: random.Random) -> list[Item]:
        """Return listings that belong to no product: another maker's boot, a book, a kit."""
        parent = self._parent()
        boot = replace(
            parent,
            asin=self._asin(_OTHERS),
            seller_sku=_opaque(dice),
            title=f"Zephyr Last Trail Boot {self.number + 1}, Sand, 9 M",
            brand="Zephyr Last",
            model_number=f"ZZX{self.number:04d}",
            size="9 Medium",
            colour="Sand",
            upc=self._upc(_OTHERS, "8600"),
            classification="BASE_PRODUCT",
            theme=None,
            why="none",
        )
        book = replace(
            boot,
            asin=self._asin(_OTHERS + 1),
            seller_sku=f"BOOK-{self.number:04d}",
            title=f'The "Good Boot" Handbook, part {self.number + 1}',
            model_number=None,
            size=None,
            colour=None,
            upc=None,
            ean=with_check_digit(f"97895{self.number:07d}"),
            classification="OTHER",
            status="Inactive",
        )
        kit = replace(
            book,
            asin=self._asin(_OTHERS + 2),
            seller_sku=f"CARE-KIT-{self.number:04d}",
            title="Boot Care Kit, 4 pieces – wax, brush, cloth, laces",
            ean=None,
            classification="PRODUCT_BUNDLE",
            status="Incomplete",
        )
        return [other for other in (boot, book, kit) if not self.number or dice.random() < _SHARE_OF_PECULIAR]


def _style_name(number: int) -> str:
    return f"{_BRANDS[number % len(_BRANDS)][0]}{32 + number // len(_BRANDS):04d}"


def _european(upc: str) -> str:
    """Return an EAN under a prefix that nobody owns, for a product that also has a UPC."""
    return with_check_digit(f"952{upc[2:-1]}")


def _opaque(dice: random.Random) -> str:
    """Return a seller SKU of the kind that the marketplace generates."""
    return "-".join("".join(dice.choices(_DIGITS, k=length)) for length in (2, 4, 4))
