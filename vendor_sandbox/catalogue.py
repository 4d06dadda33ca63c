"""A hardware shop's catalogue from a seed: an item is a pure function of (seed, index), computed on demand."""

import random
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

from vendor_sandbox.traps import TRAPS

Item = Mapping[str, Any]

SCALES: Mapping[str, int] = {"small": 300, "large": 100_000}
FIRST_ID = 100_001
_TRAPS_FROM = 100
"""A catalogue smaller than this has no trap items: they would be most of it."""

_KINDS = (
    ("BOLT", "Hex bolt"),
    ("NUT", "Hex nut"),
    ("WASHER", "Flat washer"),
    ("SCREW", "Wood screw"),
    ("ANCHOR", "Wall anchor"),
    ("HINGE", "Butt hinge"),
    ("DRILL", "Drill bit"),
    ("BLADE", "Saw blade"),
    ("CLAMP", "Hose clamp"),
    ("HOOK", "Cup hook"),
    ("RIVET", "Blind rivet"),
    ("SOCKET", "Impact socket"),
)
_SIZES = ("M3", "M4", "M5", "M6", "M8", "M10", "M12", "M16")
_BRANDS = ("Acme", "Boltwerk", "Kestrel", "Northfast", "Tallow & Sons")
_FINISHES = ("zinc", "black", "brass", "stainless", "galvanised", "plain")

_MASK = (1 << 64) - 1


def _scramble(value: int) -> int:
    """Mix a number into 64 bits (splitmix64), so that a million items need no random generator each."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def seeded(seed: int) -> random.Random:
    """Return a random generator that makes the same choices for the same seed."""
    return random.Random(seed)  # noqa: S311


def size_of(scale: str | int) -> int:
    """Return the number of products of a scale: `small`, `large` or a number. Raises ValueError for anything else."""
    if isinstance(scale, str) and scale in SCALES:
        return SCALES[scale]
    try:
        size = int(scale)
    except ValueError:
        size = -1
    if size < 0:
        raise ValueError(f"scale must be small, large or a number of products, not {scale!r}")
    return size


class Catalogue:
    """`size` items, numbered from 0. From 100 items up, the trap items sit at seeded places among the plain ones."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.size = size

    @cached_property
    def _traps(self) -> dict[int, dict[str, Any]]:
        if self.size < _TRAPS_FROM:
            return {}
        places = seeded(self.seed).sample(range(self.size), len(TRAPS))
        return dict(zip(places, TRAPS, strict=True))

    def is_trap(self, index: int) -> bool:
        return index in self._traps

    def index_of(self, item_id: object) -> int | None:
        """Return the index of the item with this id (a number or its text), None when the seed has no such item."""
        text = str(item_id)
        if not (text.isascii() and text.isdecimal()) or len(text) > 18:
            return None
        index = int(text) - FIRST_ID
        return index if 0 <= index < self.size and str(int(text)) == text else None

    def item(self, index: int) -> Item:
        """Return the item at an index. Indexes beyond the catalogue's size give further plain items, which are not in use yet."""
        trap = self._traps.get(index)
        return {"id": FIRST_ID + index, **trap} if trap is not None else self._plain_item(index)

    def _plain_item(self, index: int) -> Item:
        bits = _scramble(_scramble(self.seed & _MASK) + index)
        code, kind = _KINDS[bits % len(_KINDS)]
        size = _SIZES[(bits >> 8) & 7]
        length = 10 * (1 + ((bits >> 11) & 15))
        finish = _FINISHES[(bits >> 16) % len(_FINISHES)]
        cents = 25 + (bits >> 24) % 20_000
        as_number = (bits >> 40) & 7 == 0
        name = f"{kind} {size} x {length} {finish}"
        item: dict[str, Any] = {
            "id": FIRST_ID + index,
            "sku": f"{code}-{size}-{length}-{index:06d}",
            "name": name,
            "price_trade": _price(cents, as_number),
            "brand": _BRANDS[(bits >> 43) % len(_BRANDS)],
            "short_description": f"{name}, sold each",
        }
        if (bits >> 47) & 3 == 0:
            item["price_trade_100"] = _price(cents * 9 // 10, as_number)
        if (bits >> 49) & 3:
            item["description"] = f'{name}. For trade use; thread "{size}", length {length} mm, finish {finish}.'
        if (bits >> 51) & 1:
            item["colours"] = [finish, _FINISHES[((bits >> 16) + 1) % len(_FINISHES)]]
        if (bits >> 52) & 3 == 0:
            image = 7_000_000 + index
            item["main_image"] = image
            item["assets"] = [{"id": image, "asset_type": "IMAGE", "url": f"https://images.example.com/{image}.jpg"}]
        return item


def _price(cents: int, as_number: bool) -> str | Decimal:
    text = f"{cents // 100}.{cents % 100:02d}"
    return Decimal(text) if as_number else text
