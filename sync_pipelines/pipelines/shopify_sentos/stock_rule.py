"""How many pieces of a SKU the shop may offer: never more than there are.

The ERP lowers its stock when an order arrives there, the shop when somebody buys; between the two, and between our reads, people
buy, ship and cancel. Read in this order, and written with compare-and-set, the rule never offers what is not there:

1. the ERP's stock, at `t1`;
2. after that, what of a SKU is available and committed in the shop, read together;
3. after that, by their ids, what became of the orders: which of them the ERP knew at `t1`.

`committed` has every open order at once; a search lags, and misses the newest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipelines.vendors.shopify_units import Place, Units


@dataclass(frozen=True)
class Known:
    """What the ERP knows of an order. since: from when on its stock is without these pieces; None: it does not have the order,
    or nobody can say. pieces: how many it has of each inventory item: an order may have grown in the shop since. otherwise: it
    learns of the order from elsewhere. settled: a person has seen to it, or its pieces are back in the ERP's stock."""

    since: datetime | None = None
    pieces: Mapping[str, int] = field(default_factory=dict)
    otherwise: bool = False
    settled: bool = False


@dataclass(frozen=True)
class Offer:
    """What may be offered, and from what that follows: pieces."""

    available: int
    erp: int
    committed: int
    known: int
    shipped_unknown: int
    safety: int

    def __str__(self) -> str:
        unknown = max(0, self.committed - self.known)
        parts = [f"{self.erp} in Sentos"]
        parts += [f"{unknown} ordered and not known there"] if unknown else []
        parts += [f"{self.shipped_unknown} sent and not known there"] if self.shipped_unknown else []
        parts += [f"{self.safety} kept back"] if self.safety else []
        return ", less ".join(parts)


class Orders:
    """The orders of step 3, by the place that their pieces come from."""

    def __init__(self, orders: Iterable[Units], known: Callable[[str], Known], begun: datetime) -> None:
        """begun: when the rule was first used. What was sent before that is in the ERP's stock already, or never was."""
        self._open: dict[Place, list[tuple[Known, int]]] = {}
        self._shipped: dict[Place, list[tuple[Known, int, int]]] = {}
        """What the ERP knows of the order, pieces that were sent, and how many of these are more than it has of the order."""
        self.unsettled: Counter[str] = Counter()
        """Pieces, by the order's name, that were sent and of which the ERP knows nothing. They are taken off until it does."""
        for order in orders:
            knows = known(order.id)
            left, gone = Counter[str](), Counter[str]()
            for (item, _), pieces in order.open.items():
                left[item] += pieces
            for ((item, _), _), pieces in order.shipped.items():
                gone[item] += pieces
            if not order.cancelled:
                for at, pieces in order.open.items():
                    surely = knows.pieces.get(at[0], 0) - gone[at[0]] - (left[at[0]] - pieces)
                    there = pieces if knows.otherwise else max(0, min(pieces, surely))
                    self._open.setdefault(at, []).append((knows, there))
            if knows.otherwise or knows.settled:
                continue
            for (at, moment), pieces in order.shipped.items():
                if moment >= begun:
                    beyond = min(pieces, max(0, gone[at[0]] - knows.pieces.get(at[0], 0)))
                    self._shipped.setdefault(at, []).append((knows, pieces, beyond))
                    if unknown := pieces if knows.since is None else beyond:
                        self.unsettled[order.name] += unknown

    def known(self, at: Place, t1: datetime) -> int:
        """Pieces of open orders that the ERP's stock at `t1` was already without."""
        return sum(n for knows, n in self._open.get(at, ()) if knows.otherwise or (knows.since and knows.since < t1))

    def shipped_unknown(self, at: Place, t1: datetime) -> int:
        """Pieces that are gone, and that the ERP's stock at `t1` still had."""
        there = self._shipped.get(at, ())
        return sum(beyond if knows.since and knows.since < t1 else pieces for knows, pieces, beyond in there)


def offer(erp: int, committed: int, known: int, shipped_unknown: int, safety: int) -> Offer:
    """The rule itself."""
    available = max(0, erp - max(0, committed - known) - shipped_unknown - safety)
    return Offer(available, erp, committed, known, shipped_unknown, safety)
