"""What an account holds: its definitions and products, what searches see of them, and counts of what was done."""

from collections import Counter, deque
from collections.abc import Callable, Iterable

from vendor_sandbox.limits import Clock
from vendor_sandbox.plytix.definitions import Definitions
from vendor_sandbox.plytix.products import Product, Shown
from vendor_sandbox.plytix.shelf import Shelf

Redefine = Callable[[Definitions], Definitions]

COUNTS = ("created", "patched", "deleted", "family_calls", "link_calls", "unlink_calls", "searches")
KINDS = {"product": "a1", "relationship": "d1", "attribute": "e1", "family": "f1"}


class Store:
    """One account's data. `number` makes its ids differ from those of other accounts."""

    def __init__(
        self, clock: Clock, number: int, definitions: Definitions | None = None, products: Iterable[Product] = ()
    ) -> None:
        self.clock = clock
        self.number = number
        self.definitions = definitions or Definitions()
        self.shelf = Shelf(products)
        self._seen = self.shelf.copy()
        self._unseen: deque[tuple[float, str, Product | None]] = deque()
        self._later: deque[tuple[float, Redefine]] = deque()
        self.counts: Counter[str] = Counter()
        """How many calls changed something, and how many searched."""
        self.creates: Counter[str] = Counter()
        """How often each SKU was created through the API."""
        self._last_id = max((int(each[8:], 16) for each in self._ids()), default=0)

    def copy(self) -> "Store":
        copied = Store(self.clock, self.number, self.definitions)
        copied.shelf = self.shelf.copy()
        copied._seen = self._seen.copy()
        copied._unseen = self._unseen.copy()
        copied._later = self._later.copy()
        copied.counts, copied.creates = self.counts.copy(), self.creates.copy()
        copied._last_id = self._last_id
        return copied

    def _ids(self) -> Iterable[str]:
        defined = self.definitions
        prefix = f"65a0{self.number:02x}"
        known = (*self.shelf.products, *defined.attributes, *defined.families, *defined.relationships)
        return (each for each in known if each.startswith(prefix))

    def new_id(self, kind: str) -> str:
        """Return a new id: 24 hex characters with account and kind in them, greater than every earlier id."""
        self._last_id += 1
        return f"65a0{self.number:02x}{KINDS[kind]}{self._last_id:016x}"

    # Products

    @property
    def shown(self) -> Shown:
        return Shown(self.definitions, self.shelf.products.keys(), self.shelf.variants)

    def product(self, product_id: str) -> Product | None:
        return self.shelf.products.get(product_id)

    def put(self, product: Product, lag: float) -> None:
        """Store a product; searches see it `lag` seconds later."""
        self.shelf.put(product)
        self._show(product.id, product, lag)

    def remove(self, product_id: str, lag: float) -> None:
        """Remove a product and its variants."""
        for each in (*self.shelf.variants.get(product_id, ()), product_id):
            self.shelf.remove(each)
            self._show(each, None, lag)

    def variants(self, product_id: str) -> list[Product]:
        return [self.shelf.products[each] for each in self.shelf.variants.get(product_id, ())]

    @property
    def seen(self) -> Shelf:
        """What searches see by now."""
        while self._unseen and self._unseen[0][0] <= self.clock.now():
            _, product_id, product = self._unseen.popleft()
            self._see(product_id, product)
        return self._seen

    def _show(self, product_id: str, product: Product | None, lag: float) -> None:
        if lag:
            self._unseen.append((self.clock.now() + lag, product_id, product))
            return
        # Changes that searches were to see later are out of date by then.
        self._unseen = deque(each for each in self._unseen if each[1] != product_id)
        self._see(product_id, product)

    def _see(self, product_id: str, product: Product | None) -> None:
        if product is None:
            self._seen.remove(product_id)
        else:
            self._seen.put(product)

    # Definitions

    def redefine_later(self, redefine: Redefine, seconds: float) -> None:
        self._later.append((self.clock.now() + seconds, redefine))

    def settle(self) -> None:
        """Carry out the changes that were answered with 202 and are due by now."""
        while self._later and self._later[0][0] <= self.clock.now():
            self.definitions = self._later.popleft()[1](self.definitions)
