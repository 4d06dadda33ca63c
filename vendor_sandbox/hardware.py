"""The hardware that the merchant's web shop sells and its ERP knows: the first plain items of the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from vendor_sandbox.catalogue import Catalogue, Item
from vendor_sandbox.clothes import ean

SOLD = 300
"""How many items are sold."""
VARIANTS = ("Default Title", "Zinc / Box of 10", "Black / Single")


@dataclass(frozen=True)
class Hardware:
    """One item. `place` is its index in the catalogue, `price` counts in the smallest unit of the shop's currency."""

    place: int
    item: Item
    price: int

    @property
    def variant(self) -> str:
        """The title of its only variant."""
        return VARIANTS[self.place % len(VARIANTS)]

    @property
    def barcode(self) -> str:
        return ean(900_000 + self.place, 0)


def hardware(catalogue: Catalogue) -> Sequence[Hardware]:
    """Return the items sold, whatever the size of the catalogue."""
    plain = (index for index in range(SOLD + catalogue.size) if not catalogue.is_trap(index))
    return [
        Hardware(index, catalogue.item(index), 25 + hash((catalogue.seed, index)) % 20_000)
        for index, _ in zip(plain, range(SOLD), strict=False)
    ]
