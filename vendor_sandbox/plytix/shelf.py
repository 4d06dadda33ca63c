"""Products by id, with indexes over them. The truth is one such shelf; what searches see by now is another."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vendor_sandbox.plytix.products import Product

Read = Callable[[Product], Any]

_KEPT = 8


def sku_of(product: Product) -> str:
    return product.sku


class Shelf:
    """Texts are found ignoring case. The index of `sku` is there from the start, that of another field from its first use."""

    def __init__(self, products: Iterable[Product] = ()) -> None:
        self.products: dict[str, Product] = {each.id: each for each in products}
        self.variants: dict[str, tuple[str, ...]] = {}
        for product in self.products.values():
            if product.parent:
                self.variants[product.parent] = (*self.variants.get(product.parent, ()), product.id)
        self._read: dict[str, Read] = {}
        self._texts: dict[str, dict[str, tuple[str, ...]]] = {}
        self._found: OrderedDict[object, Sequence[Product]] = OrderedDict()
        self.ids_with("sku", sku_of, "")

    def copy(self) -> "Shelf":
        copied = Shelf()
        copied.products = self.products.copy()
        copied.variants = self.variants.copy()
        copied._read = self._read.copy()
        copied._texts = {field: texts.copy() for field, texts in self._texts.items()}
        return copied

    def put(self, product: Product) -> None:
        self._take_out(product.id)
        self.products[product.id] = product
        for field, texts in self._texts.items():
            for text in _folded(self._read[field](product)):
                texts[text] = (*texts.get(text, ()), product.id)
        if product.parent:
            self.variants[product.parent] = (*self.variants.get(product.parent, ()), product.id)

    def remove(self, product_id: str) -> None:
        self._take_out(product_id)
        self.products.pop(product_id, None)

    def _take_out(self, product_id: str) -> None:
        self._found.clear()
        held = self.products.get(product_id)
        if held is None:
            return
        for field, texts in self._texts.items():
            for text in _folded(self._read[field](held)):
                _drop(texts, text, product_id)
        if held.parent:
            _drop(self.variants, held.parent, product_id)

    def ids_with(self, field: str, read: Read, text: str) -> tuple[str, ...]:
        """Return the ids of the products whose `field` (read by `read`) is this text, ignoring case."""
        if field not in self._texts:
            lists: dict[str, list[str]] = {}
            for product in self.products.values():
                for each in _folded(read(product)):
                    lists.setdefault(each, []).append(product.id)
            self._read[field] = read
            self._texts[field] = {each: tuple(ids) for each, ids in lists.items()}
        return self._texts[field].get(text.casefold(), ())

    def with_sku(self, sku: str, ignore_case: bool = False) -> Product | None:
        """Return the product with this SKU; ignoring case, the first of those that match."""
        same = [self.products[each] for each in self.ids_with("sku", sku_of, sku)]
        exact = next((each for each in same if each.sku == sku), None)
        return exact or (same[0] if same and ignore_case else None)

    def found(self, key: object, find: Callable[[], Sequence[Product]]) -> Sequence[Product]:
        """Return the result of `find`, cached under `key` until a product changes."""
        if key not in self._found:
            self._found[key] = find()
            if len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return self._found[key]


def _folded(value: Any) -> tuple[str, ...]:
    return (value.casefold(),) if isinstance(value, str) and value else ()


def _drop(index: dict[str, tuple[str, ...]], key: str, product_id: str) -> None:
    left = tuple(each for each in index.get(key, ()) if each != product_id)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
