"""Which product a picture is of, by the name of its file. All candidates are looked at; where several fit, none is chosen.

`-`, `_`, `/`, `.`, blanks and brackets are all the same between the words of a name, and so they are in a code: `MCA0032/M-07` is
in `mca0032_m_07 (2).jpg`, and 10 is not in `100.jpg`. Otherwise codes are compared as `lightspeed find` compares them. What is
left of a name is a position (`_2`), or says which variant it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from sync_pipelines.duck import load
from sync_pipelines.pipelines.lightspeed_retail.finding import MACROS, forms_of

Verdict = Literal["matched", "tie", "leftover"]
ENOUGH = 0.5
"""The share of a variant's option words that a name has to have, to be told from its siblings by them."""
_BETWEEN = r"[\s\-_/\\()\[\]{}+,;.#&]+"
_SPLIT = re.compile(_BETWEEN)
_GROUPS = (1, 4, 5)
"""How many groups of digits an ISBN is written in. In any other number, what follows a separator may be a position."""


@dataclass(frozen=True)
class Product:
    """A product whose code a name begins with. owner: the first SKU of its family, under which the family's pictures are kept.
    pictured: whether it, or its family, shows a picture."""

    id: str
    sku: str
    family: str
    owner: str
    options: tuple[str, ...]
    pictured: bool


@dataclass(frozen=True)
class Match:
    """How a name was matched. how: by which code. of_family: the picture is of the whole family, not of one variant.
    candidates: SKUs that fit as well."""

    verdict: Verdict
    product: Product | None = None
    how: str = ""
    of_family: bool = False
    candidates: tuple[str, ...] = ()


def match(
    con: duckdb.DuckDBPyConnection, names: Collection[str], *, supplier_id: str | None = None, apart: bool = True
) -> dict[str, Match]:
    """Return by name whose picture a file is.

    con: a DuckDB with the view `products_with_lists`; tables are made in it. names: of files, without their ending. supplier_id:
    only products of this supplier, and only this supplier's codes of them. apart: whether a variant can have pictures of its
    own; where all go to the family, variants that fit equally well are no tie.
    """
    beginnings = {name: list(_beginnings(name)) for name in names}
    codes = _Codes(con, {form for found in beginnings.values() for _, forms in found for form in forms}, supplier_id)
    return {name: _matched(found, codes, apart=apart) for name, found in beginnings.items()}


def _words(text: str) -> list[str]:
    return [word for word in _SPLIT.split(unicodedata.normalize("NFC", text).lower()) if word]


def _beginnings(name: str) -> Iterator[tuple[list[str], list[str]]]:
    """The beginnings of a name, longest first: the words that are left after it, and the forms that a code of it may have."""
    words = _words(name)
    for length in range(len(words), 0, -1):
        beginning = "-".join(words[:length])
        yield words[length:], forms_of(beginning) if length in _GROUPS else [beginning]


def _matched(beginnings: Sequence[tuple[list[str], list[str]]], codes: _Codes, *, apart: bool) -> Match:
    """Decide by the longest beginning that is a code."""
    for rest, forms in beginnings:
        if found := codes.with_any(forms):
            products = sorted(found, key=lambda product: (product.sku, product.id))
            return _decided(products, rest, found[products[0]], apart=apart)
    return Match("leftover")


def _decided(found: Sequence[Product], rest: Sequence[str], how: str, *, apart: bool) -> Match:
    """Of the products with a code, choose the one variant whose options are in the rest of the name; of none, their family."""
    if len(found) == 1:
        return Match("matched", found[0], how)
    if len({product.family for product in found}) > 1:
        return Match("tie", how=how, candidates=_skus(found))
    shares = {product: _share(product, rest) for product in found}
    best = max(shares.values())
    fitting = [product for product in found if shares[product] == best]
    if best < ENOUGH:
        return Match("matched", found[0], how, of_family=True)
    if len(fitting) == 1:
        return Match("matched", fitting[0], f"{how}, and its options")
    return Match("tie", how=how, candidates=_skus(fitting)) if apart else Match("matched", fitting[0], how, of_family=True)


def _skus(products: Sequence[Product]) -> tuple[str, ...]:
    return tuple(product.sku for product in products)


def _share(product: Product, rest: Collection[str]) -> float:
    """The share of a variant's option words that are in the rest of a name."""
    wanted = [word for option in product.options for word in _words(option)]
    return sum(word in rest for word in wanted) / len(wanted) if wanted else 0.0


class _Codes:
    """The products that have one of some codes. Only they leave the database, whatever the size of the store."""

    def __init__(self, con: duckdb.DuckDBPyConnection, forms: Collection[str], supplier_id: str | None) -> None:
        load(con, "name_forms", pa.schema([("form", pa.string())]), [[sorted(forms)]])
        con.execute(MACROS + _MACRO)
        self._meaning: Mapping[str, str] = dict(con.execute("SELECT form, meaning(plain(form)) FROM name_forms").fetchall())
        self._found = defaultdict[str, list[tuple[Product, str, str]]](list)
        rows = con.sql(_CODES, params={"supplier": supplier_id}).to_arrow_table().to_pylist()
        for row in rows:
            product = Product(
                row["id"],
                row["sku"],
                row["family"],
                row["owner"],
                tuple(filter(None, row["options"] or ())),
                bool(row["pictured"]),
            )
            self._found[row["meaning"]].append((product, row["plain"], f"{row['kind']} {row['code']}"))

    def with_any(self, forms: Sequence[str]) -> dict[Product, str]:
        """The products with a code in one of these forms, and which code; where some have it literally, only those."""
        found = [each for form in forms for each in self._found.get(self._meaning[form], ())]
        literally = [each for each in found if each[1] in forms]
        return {product: how for product, _, how in literally or found}


_MACRO = f"""
    CREATE MACRO plain(code) AS trim(regexp_replace(lower(nfc_normalize(code)), '{_BETWEEN}', '-', 'g'), '-');
    CREATE MACRO meaning(plain) AS
        CASE WHEN list_contains({list(_GROUPS)}, len(string_split(plain, '-'))) THEN same(plain) ELSE plain END;
"""
_CODES = """
    WITH live AS (
        SELECT *, coalesce(family_id, variant_parent_id, id) AS family FROM products_with_lists
        WHERE deleted_at IS NULL AND sku IS NOT NULL
    ), families AS (
        SELECT family, min(sku) AS owner, max(len(product_images)) > 0 AS pictured FROM live GROUP BY family
    ), theirs AS (
        SELECT *, [l FOR l IN product_suppliers IF $supplier IS NULL OR l.supplier_id = $supplier] AS links FROM live
        WHERE $supplier IS NULL OR supplier_id = $supplier OR list_contains([l.supplier_id FOR l IN product_suppliers], $supplier)
    ), codes AS (
        SELECT id, 1 AS place, 'SKU' AS kind, sku AS code FROM theirs
        UNION ALL SELECT id, 2, 'code', unnest([c.code FOR c IN product_codes]) FROM theirs
        UNION ALL SELECT id, 3, 'supplier''s code', unnest([l.code FOR l IN links]) FROM theirs
    ), plain AS (SELECT *, plain(code) AS plain FROM codes WHERE code <> '')
    SELECT t.id, t.sku, t.family, f.owner, [o.value FOR o IN t.product_options] AS options,
        f.pictured OR len(t.variant_images) > 0 AS pictured, p.kind, p.code, p.plain, meaning(p.plain) AS meaning
    FROM plain p JOIN theirs t USING (id) JOIN families f USING (family)
    WHERE p.plain <> '' AND meaning(p.plain) IN (SELECT meaning(plain(form)) FROM name_forms)
    ORDER BY p.place DESC, p.code
"""
