"""A bootmaker's catalogue from a seed: the true products, and how a marketplace lists them.

Every listing says which product it truly is and how a matcher ought to find that, so that a matcher can be checked.
"""

from functools import cached_property

from vendor_sandbox.boots.files import export_json, listings_report
from vendor_sandbox.boots.listing import Canonical, Item
from vendor_sandbox.boots.style import Style

FIRST_STYLE = "MCA0032"
"""A style that every catalogue has, whatever its seed and size."""

_PRODUCTS_OF_A_STYLE = 40


class Boots:
    """About `size` products in whole styles (at least one), and their listings. Both are made when first asked for."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.size = size

    @cached_property
    def _styles(self) -> dict[str, Style]:
        numbers = range(max(1, round(self.size / _PRODUCTS_OF_A_STYLE)))
        return {style.name: style for style in (Style(self.seed, number) for number in numbers)}

    @cached_property
    def products(self) -> tuple[Canonical, ...]:
        return tuple(product for style in self._styles.values() for product in style.products)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """All listings, style by style: the parent, a child for most products, and a few listings that belong to no product."""
        return tuple(item for style in self._styles.values() for item in style.items)

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(self._styles)

    def of_style(self, style: str, marketplace: str = "US") -> tuple[Item, ...]:
        """Return the listings of one style in one marketplace. Raises KeyError for an unknown style."""
        return tuple(item for item in self._styles[style].items if item.marketplace == marketplace)

    def in_marketplace(self, marketplace: str = "US") -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.marketplace == marketplace)

    def files(self) -> dict[str, bytes]:
        """Return files that a US merchant would have, by name: reports of the first style and of all listings, an export."""
        first = self.of_style(FIRST_STYLE)
        return {
            f"{FIRST_STYLE.lower()}.txt": listings_report(first),
            "all_listings.txt": listings_report(self.in_marketplace()),
            f"{FIRST_STYLE.lower()}_export.json": export_json(first, FIRST_STYLE),
        }
