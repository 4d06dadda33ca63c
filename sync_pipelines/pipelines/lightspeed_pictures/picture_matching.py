"""Which product a picture is of, by the name of its file. All candidates are looked at; where several fit, none is chosen.

A name is read as words: `-`, `_`, `/`, blanks and brackets are all the same between them. So is a code: `MCA0032/M-07` is in
`mca0032_m_07 (2).jpg`, and 10 is not in `100.jpg`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sync_pipelines.pipelines.lightspeed_retail.finding import forms_of

Verdict = Literal["matched", "tie", "leftover"]
Words = tuple[str, ...]
_BETWEEN = re.compile(r"[\s\-_/\\()\[\]{}+,;.#&]+")
ENOUGH = 0.5
"""The share of a variant's option words that a name has to have, to be told from its sisters by them."""
KINDS = ("SKU", "code", "supplier's code")
"""Which code a name begins with; of codes of the same length, the first kind counts."""


@dataclass(frozen=True)
class Product:
    """What pictures are matched with. codes: kind and code. options: values of its options. family: what its variants share.
    pictured: whether it, or its family, has a picture already."""

    id: str
    sku: str
    family: str
    codes: tuple[tuple[str, str], ...]
    options: tuple[str, ...]
    pictured: bool


@dataclass(frozen=True)
class Match:
    """How a name was matched. how: by which code. of_family: the picture is of a whole family: nothing tells its variants apart.
    candidates: SKUs that fit as well."""

    verdict: Verdict
    product: Product | None = None
    how: str = ""
    of_family: bool = False
    candidates: tuple[str, ...] = ()


class Products:
    """The products of a store, ready to be found by the beginning of a name."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._by_words: dict[Words, dict[str, set[str]]] = defaultdict(dict)
        self._products: dict[str, Product] = {}
        for product in products:
            self._products[product.id] = product
            for kind, code in product.codes:
                if words := words_of(code):
                    self._by_words[words].setdefault(kind, set()).add(product.id)

    def match(self, name: str) -> Match:
        """Say whose picture a file is, by its name without the ending."""
        words = words_of(name)
        for length in range(len(words), 0, -1):
            for form in _forms(words[:length]):
                if kinds := self._by_words.get(form):
                    kind = next(kind for kind in KINDS if kind in kinds)
                    found = [self._products[each] for each in sorted(kinds[kind])]
                    return _decided(found, words[length:], f"{kind} {' '.join(form)}")
        return Match("leftover")


def words_of(text: str) -> Words:
    """The words of a name or code, in small letters; a number without the zeros before it."""
    words = (word for word in _BETWEEN.split(text.casefold()) if word)
    return tuple((word.lstrip("0") or "0") if len(word) >= 8 and word.isdecimal() else word for word in words)


def _forms(words: Words) -> list[Words]:
    """The words, and where they are an ISBN, as the other kind of it."""
    if len(words) == 1 and len(words[0]) in (9, 10, 12, 13):
        return [words, *(words_of(form) for form in forms_of(words[0].zfill(10) if len(words[0]) == 9 else words[0])[1:])]
    return [words]


def _decided(found: Sequence[Product], rest: Words, how: str) -> Match:
    """Of the products with the code, the one whose options are in the rest of the name; of none, what they have in common."""
    if len(found) == 1:
        return Match("matched", found[0], how)
    shares = {product.id: _share(product, rest) for product in found}
    best = max(shares.values())
    fitting = [product for product in found if shares[product.id] == best]
    if best >= ENOUGH and len(fitting) == 1:
        return Match("matched", fitting[0], f"{how}, and its options")
    same = {product.family for product in found}
    if best < ENOUGH and len(same) == 1 and "" not in same:
        return Match("matched", found[0], how, of_family=True)
    candidates = tuple(sorted(product.sku for product in (fitting if best >= ENOUGH else found)))
    return Match("tie", None, how, candidates=candidates)


def _share(product: Product, rest: Words) -> float:
    """The share of a variant's option words that are in the rest of a name."""
    wanted = [word for option in product.options for word in words_of(option)]
    return sum(word in rest for word in wanted) / len(wanted) if wanted else 0.0


def by_owner(matches: Mapping[str, Match]) -> dict[str, list[str]]:
    """The names that were matched with each product, by its id."""
    found = defaultdict[str, list[str]](list)
    for name, match in matches.items():
        if match.product is not None:
            found[match.product.id].append(name)
    return dict(found)
